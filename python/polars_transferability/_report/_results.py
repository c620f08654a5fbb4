"""The tables of a report: from bounds and scores, unit by unit, to the quality of the rankings."""

from __future__ import annotations

import re
import sys
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import polars as pl

from polars_transferability._report._cache import Cache, Unit
from polars_transferability._report._config import LeaderboardFile, ReportConfig
from polars_transferability._report._inventory import (
    FilesChangedError,
    Inventory,
    take_inventory,
)
from polars_transferability._report._units import all_bounds, all_scores, settings_of
from polars_transferability._scores.choice import OF_ONE_TABLE, RANKING_FIELDS
from polars_transferability._sql import QueryError, Source, sql
from polars_transferability.files.text_file import read_text
from polars_transferability.leaderboard.compare import compare
from polars_transferability.leaderboard.join import LeaderboardJoin, join_leaderboard
from polars_transferability.leaderboard.read import read_leaderboard
from polars_transferability.tables.table import Table, embedding_tables

TERMS = ("source_loss", "label_mismatch", "distribution_mismatch")
# What of the bounds stands beside the scores, and which of it is compared with leaderboards.
RANKED = ("source", "bound", *TERMS, "target_loss", "target_accuracy", "trivial_loss", "vacuous")
COMPARED = ("bound", "target_loss")
# What a report may write besides queries, by the name of its files.
TABLES = (
    *("bounds", "class_map", "scores", "ranking", "leaderboards", "unmatched"),
    "selection_quality",
)
# Files that change while they are read are read again, but not for ever.
_ATTEMPTS = 3


@dataclass(frozen=True)
class Joined:
    """The ranking beside one leaderboard."""

    name: str
    join: LeaderboardJoin
    scores: list[str]

    @property
    def rankers(self) -> list[str]:
        """Return what is compared, the trivial rankers last."""
        return [*self.scores, *self.join.trivial]


@dataclass(frozen=True)
class Results:
    """Every table of a report, and what the page says of them.

    Attributes
    ----------
    model
        Column of model names.
    score_names
        Columns of `ranking` that are scores.
    k
        Of top-k recall and regret@k.
    """

    title: str
    model: str
    score_names: list[str]
    k: int
    bounds: pl.DataFrame
    class_map: pl.DataFrame
    scores: pl.DataFrame | None
    ranking: pl.DataFrame
    joined: list[Joined]
    quality: pl.DataFrame
    queries: dict[str, pl.DataFrame]

    def tables(self) -> dict[str, pl.DataFrame]:
        """Return what is written, by the name of its files."""
        tables = {"bounds": self.bounds, "class_map": self.class_map}
        if self.scores is not None:
            tables["scores"] = self.scores
        tables["ranking"] = self.ranking
        if self.joined:
            tables["leaderboards"] = pl.concat(
                (
                    joined.join.frame.select(pl.lit(joined.name).alias("leaderboard"), pl.all())
                    for joined in self.joined
                ),
                how="diagonal_relaxed",
            )
            tables["unmatched"] = pl.concat(unmatched(joined) for joined in self.joined)
            tables["selection_quality"] = self.quality
        return {**tables, **{f"queries/{name}": rows for name, rows in self.queries.items()}}


def results_of(
    config: ReportConfig, cache: Cache, opened: list[Table], *, progress: bool
) -> Results:
    """Compute the tables of a report on embeddings, as far as the cache does not have them.

    All of them are about the same content of every file: if a file changes in between, they are
    made again.
    """
    failed = None
    for _ in range(_ATTEMPTS):
        cache.begin()
        try:
            return _results(config, cache, opened, progress=progress)
        except FilesChangedError as changed:
            print(f"{changed}; what it changes is computed again", file=sys.stderr)
            failed = changed
            opened = embedding_tables(config.files)
    msg = f"{failed}, {_ATTEMPTS} times in a row; make the report when nothing writes to its files"
    raise OSError(msg) from failed


def _results(config: ReportConfig, cache: Cache, opened: list[Table], *, progress: bool) -> Results:
    model = config.columns.model
    # Before the bounds, which take longer to fail.
    boards = [(board, _entries(board, model)) for board in config.leaderboards]
    inventory = take_inventory(opened, config.columns)
    bounds = all_bounds(config, inventory, cache, progress=progress)
    scores = all_scores(config, inventory, cache, progress=progress)
    ranked = ranking(bounds, scores, model)
    joined = [joined_with(board, entries, ranked, model) for board, entries in boards]
    results = Results(
        title=config.title,
        model=model,
        score_names=[] if scores is None else _rankers(scores, model),
        k=config.comparison["k"],
        bounds=bounds,
        class_map=class_map(bounds, model),
        scores=scores,
        ranking=ranked,
        joined=joined,
        quality=pl.concat(selection_quality_of(one, model, config.comparison) for one in joined)
        if joined
        else pl.DataFrame(),
        queries={},
    )
    queries = {
        name: _query(config, file, inventory, results, boards, cache)
        for name, file in config.queries.items()
    }
    return replace(results, queries=queries)


def _query(
    config: ReportConfig,
    file: Path,
    inventory: Inventory,
    results: Results,
    boards: list[tuple[LeaderboardFile, pl.DataFrame]],
    cache: Cache,
) -> pl.DataFrame:
    """Return what a query finds in embeddings, leaderboards and the report's tables."""
    query = read_text(file)
    unit = Unit(
        {
            "what": "query",
            **settings_of(config),
            "query": query,
            "files": inventory.all_fingerprints(),
            "leaderboards": [(board.name, entries.write_json()) for board, entries in boards],
            "sources": config.sources,
            "targets": config.targets,
            "comparison": config.comparison,
        }
    )
    found = None if _READS_FILES.search(query) else cache.read(unit)
    if found is None:
        tables: dict[str, Source] = {**results.tables()}
        if boards:
            tables["leaderboard"] = _all_entries(boards)
        try:
            with inventory.reading_all() as embeddings:
                found = sql(query, eager=True, **{"embeddings": embeddings, **tables})
        except pl.exceptions.PolarsError as error:
            msg = f"{file}: {error}"
            raise QueryError(msg) from error
        cache.write(unit, found)
    return found


# A query that opens files by itself may find others in them each time.
_READS_FILES = re.compile(r"\bread_\w+", re.IGNORECASE)


def class_map(bounds: pl.DataFrame, model: str) -> pl.DataFrame:
    """Return which source classes stand for each target class, and what the class costs.

    The terms are the parts of the bound's terms; they are repeated on each row of their class.
    """
    return (
        bounds.select(model, "source", "target", "by_class")
        .explode("by_class")
        .unnest("by_class")
        .explode("sources")
        .with_columns(
            source_class=pl.col("sources").struct.field("class"),
            source_weight=pl.col("sources").struct.field("weight"),
        )
        .drop("sources")
        .rename({"class": "target_class", "weight": "target_share"})
    )


def ranking(bounds: pl.DataFrame, scores: pl.DataFrame | None, model: str) -> pl.DataFrame:
    """Return per target and model the lowest bound: each holds, so the lowest does; and scores."""
    lowest = bounds.sort("bound", "source").unique(
        [model, "target"], keep="first", maintain_order=True
    )
    ranked = lowest.select("target", model, *RANKED)
    if scores is not None:
        beside = scores.select("target", model, *_rankers(scores, model))
        ranked = ranked.join(beside, on=["target", model], how="full", coalesce=True)
    return ranked.sort("target", "bound", model, nulls_last=True)


def _rankers(scores: pl.DataFrame, model: str) -> list[str]:
    """Return the columns of which higher is better; parts of scores are none."""
    facts = {model, "target", "n", "classes", "labels"}
    names = [name for name in scores.columns if name not in facts]
    # Columns are in the order in which scores were asked for; the fields of structs come last.
    wholes = [name for name in names if name in OF_ONE_TABLE]
    return wholes + [name for name in names if name in RANKING_FIELDS]


def _entries(board: LeaderboardFile, model: str) -> pl.DataFrame:
    return read_leaderboard(board.file, **board.options).rename({"model": model})


def _all_entries(boards: list[tuple[LeaderboardFile, pl.DataFrame]]) -> pl.DataFrame:
    return pl.concat(
        (
            entries.select(pl.lit(board.name).alias("leaderboard"), pl.all())
            for board, entries in boards
        ),
        how="diagonal_relaxed",
    )


def joined_with(
    board: LeaderboardFile, entries: pl.DataFrame, ranked: pl.DataFrame, model: str
) -> Joined:
    """Put a leaderboard's accuracies beside the ranking."""
    join = join_leaderboard(ranked, entries, model=model, static=board.options["static"])
    scores = [name for name in ranked.columns if name not in {model, "target", *RANKED}]
    return Joined(board.name, join, [*COMPARED, *scores])


def selection_quality_of(joined: Joined, model: str, settings: dict[str, Any]) -> pl.DataFrame:
    """Return how well each ranker orders the models of each target that the leaderboard has."""
    quality = compare(
        joined.join.frame,
        scores=joined.scores,
        trivial=joined.join.trivial,
        model=model,
        **settings,
    )
    listed = joined.join.frame.filter(pl.col("accuracy").is_not_null())["target"].unique()
    return quality.filter(pl.col("target").is_in(listed.implode())).select(
        pl.lit(joined.name).alias("leaderboard"), pl.all()
    )


def unmatched(joined: Joined) -> pl.DataFrame:
    """Return what stands on one side only, with similar names."""
    return pl.concat(
        frame.select(
            pl.lit(joined.name).alias("leaderboard"), pl.lit(side).alias("only_in"), pl.all()
        )
        for side, frame in (
            ("scores", joined.join.unmatched_scores),
            ("leaderboard", joined.join.unmatched_leaderboard),
        )
    )
