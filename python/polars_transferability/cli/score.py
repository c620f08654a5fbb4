"""The command `transferability score`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import polars as pl
from cyclopts import Parameter

from polars_transferability._consensus import with_consensus
from polars_transferability._scores.choice import DEFAULT, NAMED_OF_TWO_TASKS, NAMES
from polars_transferability._verdict import ranking_column, verdict
from polars_transferability.cli.options import (
    COLUMNS,
    NO_LEADERBOARD,
    ColumnOptions,
    Engine,
    Integer,
    Leaderboard,
    Several,
    require_fit_rows,
    several,
    tables_and,
    tasks_named,
)
from polars_transferability.cli.output import (
    Format,
    Strict,
    Wide,
    say_problems,
    usage_error,
    writer_of,
)
from polars_transferability.cli.terminal_table import TerminalTable, print_sentences, print_table
from polars_transferability.compute.engine import LOCAL
from polars_transferability.compute.rank_confidence import FIGURES, advice
from polars_transferability.compute.rank_confidence import rank_confidence as ranks_of
from polars_transferability.compute.scores import FACTS, compute_scores
from polars_transferability.tables.columns import TableColumns
from polars_transferability.tables.problems import (
    PROBLEMS,
    part_of_a_batch,
    problem_lines,
    with_problems,
)

_SCORES = f"Names of scores, or all. Default: {', '.join(DEFAULT)}. There are {', '.join(NAMES)}."
_HEADINGS = {"accuracy": "leaderboard\naccuracy", "consensus": "con-\nsensus"}
_SOURCE = (
    f"Task to transfer from, or several, for {', '.join(NAMED_OF_TWO_TASKS)}. "
    "Default: every task, where such scores are named."
)


def score(
    files: Annotated[list[str], Parameter(negative="")],
    /,
    *,
    target: Several = None,
    scores: Annotated[Several, Parameter(help=_SCORES)] = None,
    source: Annotated[Several, Parameter(help=_SOURCE)] = None,
    clusters: Integer | None = None,
    seed: Integer = 0,
    rank_confidence: Annotated[bool, Parameter(negative="")] = False,
    memory: str | None = None,
    column_options: ColumnOptions = COLUMNS,
    board: Leaderboard = NO_LEADERBOARD,
    out: Path | None = None,
    format: Format = "table",  # noqa: A002
    wide: Wide = False,
    strict: Strict = False,
    engine: Engine = LOCAL,
) -> None:
    """Compute the published transferability scores of each model on each task.

    Higher is better for every one. With a split, the rows to fit on are scored, and kNN and linear
    probe are evaluated on the others. The table is ranked by the accuracy of kNN or linear probe
    where one is computed, else by the first score; its last column is the consensus of kNN and
    LogME, the mean of a model's ranks by them. Below it stands for each target which model is
    best, and whether its lead is more than the noise of the rows evaluated on.

    Parameters
    ----------
    files
        Tables of embeddings: files, globs, folders (hive-partitioned or not) or addresses. They
        come first.
    target
        Task to score, or several. Default: every task.
    clusters
        Score so many k-means clusters of each task in place of its labels.
    seed
        Seed of these clusters, and of the draws of --rank-confidence.
    rank_confidence
        Draw the evaluation rows again and again, and say how often each model is then first by kNN,
        and which are as good as the best within the noise.
    memory
        How much memory the rows of a model, and what is computed of them, may take, such as 2GB; of
        more rows in Parquet files a sample is drawn. Default: half of what is free.
    out
        Also write all columns to this file: .parquet, .csv or .json.
    format
        What goes to standard output.
    """
    writer = writer_of(out, format, tables_and(files, board.leaderboard))
    tables = column_options.open(files)
    columns = column_options.of(tables)
    require_fit_rows(tables, columns)
    entries = board.read(columns.models)
    names = several(scores, tuple) or DEFAULT
    if rank_confidence and clusters is not None:
        usage_error("--rank-confidence classifies by labels; leave --clusters out")
    found = compute_scores(
        files,
        **columns.arguments(),
        sources=tasks_named("--source", source, tables, columns.task),
        targets=tasks_named("--target", target, tables, columns.task),
        scores="all" if names == ["all"] else names,
        clusters=clusters,
        seed=seed,
        progress=sys.stderr.isatty(),
        strict=strict,
        memory=memory,
        engine=engine,
    )
    sure = _how_sure(found, files, columns, seed) if rank_confidence else None
    if sure is not None:
        keys = [*columns.models, "target"]
        found = found.join(sure.select(*keys, *FIGURES), on=keys, how="left", maintain_order="left")
    found = with_consensus(board.join(found, entries, columns.models), columns.models)
    writer(found)
    if format == "table":
        named = [name for name in (*columns.models, "source", "target") if name in found.columns]
        values = [name for name in found.columns if name not in named]
        hidden = {PROBLEMS} if wide else {PROBLEMS, *_hidden(found)}
        shown = [name for name in values if name not in hidden]
        there = found.drop_nulls("target")
        ranked = there.sort(
            *("target", ranking_column(found.drop(columns.models))),
            descending=[False, True],
            nulls_last=True,
            maintain_order=True,
        )
        table = TerminalTable(ranked.select(*named, *shown), _HEADINGS, named, section="target")
        print_table(table, wide=wide)
        print_sentences(verdict(there, model=columns.models)["verdict"])
        if sure is not None:
            sentences = advice(sure, columns.models)
            print_sentences(f"{target}: {sentence}" for target, sentence in sentences.items())
    say_problems(with_problems(found).height, found.height, problem_lines(found))


def _how_sure(
    found: pl.DataFrame, files: list[str], columns: TableColumns, seed: int
) -> pl.DataFrame:
    """Return how sure the ranking of the models by kNN is, on the targets that were scored."""
    targets = found["target"].drop_nulls().unique(maintain_order=True).to_list()
    with part_of_a_batch():
        return ranks_of(
            files, **columns.arguments(), targets=targets, seed=seed, progress=sys.stderr.isatty()
        )


def _hidden(found: pl.DataFrame) -> set[str]:
    """Return the facts that a terminal has no room for; `labels`, where they are the caller's.

    Scores of two tasks alone come without facts.
    """
    pseudo = "labels" in found.columns and (found["labels"] != "given").any()
    return {"p_top_k", *(name for name in FACTS if name != "labels" or not pseudo)}
