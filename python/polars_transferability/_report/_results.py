"""The tables of a report: from bounds and scores to the quality of the rankings, and queries."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from types import MappingProxyType

import polars as pl

from polars_transferability._consensus import COLUMN as CONSENSUS
from polars_transferability._consensus import PARTS, with_consensus
from polars_transferability._factors import explained, level_means
from polars_transferability._relatedness import relatedness
from polars_transferability._report._cache import Cache
from polars_transferability._report._config import Comparison, Matrices
from polars_transferability._report._inventory import Leaderboard
from polars_transferability._report._queries import answers
from polars_transferability._report._units import Computed
from polars_transferability._scores.choice import OF_ONE_TABLE, RANKING_FIELDS
from polars_transferability._verdict import BETTER
from polars_transferability.compute.scores import FACTS
from polars_transferability.leaderboard.compare import compare
from polars_transferability.leaderboard.join import LeaderboardJoin, join_leaderboard
from polars_transferability.tables.problems import problem_lines, with_problems

TERMS = ("source_loss", "label_mismatch", "distribution_mismatch")
# What of the bounds stands beside the scores, and which of it is compared with leaderboards.
RANKED = (
    *("source", "bound", *TERMS, "target_loss", "target_accuracy", "trivial_loss", "vacuous"),
    "state",
)
COMPARED = ("bound", "target_loss")
# Whether a bound is no better than guessing, or worse; false where there is none.
SAYS_NOTHING = (pl.col("state") != BETTER).fill_null(value=False)
# What stands beside a bound where it is asked for, each a column of its own.
ASKED_FOR = (
    *("bound_high", "accuracy_low", "matched_loss", "matched_accuracy"),
    *("probe_loss", "probe_accuracy", "gap", "seconds"),
)
# What a report may write besides queries, by the name of its files.
TABLES = (
    *("bounds", "class_map", "scores", "curve", "rank_confidence", "ranking", "leaderboards"),
    *("unmatched", "selection_quality", "factors", "factor_levels", "relatedness"),
)


# Frames have no truth value when compared, so neither has what holds one.
@dataclass(frozen=True, eq=False)
class Joined:
    """The ranking beside one leaderboard.

    Attributes
    ----------
    name
        Of the leaderboard.
    join
        The ranking with its accuracies.
    scores
        Columns of `join.frame` that are bounds and scores.
    rankers
        All columns that are compared: these, and then the trivial rankers.
    """

    name: str
    join: LeaderboardJoin
    scores: tuple[str, ...]
    rankers: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class Factors:
    """What facts of the models explain.

    Attributes
    ----------
    explained
        The share of the variance of consensus and bound that each of them explains.
    levels
        Means of bounds and scores by the levels of each.
    facts
        A row per model with its name, in `model`, and a column per factor.
    """

    explained: pl.DataFrame
    levels: pl.DataFrame
    facts: pl.DataFrame


@dataclass(frozen=True)
class Problems:
    """What could not be computed: of how many results, and why, each reason once."""

    incomplete: int
    results: int
    reasons: tuple[str, ...]


@dataclass(frozen=True, eq=False)
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
    factors
        None if none are asked for.
    related
        How near tasks are to each other, as mean over the models; None if it is not asked for.
    matrices
        Of which bounds there are matrices of tasks, as in the settings.
    left_out
        Why files are left out.
    """

    title: str
    model: str
    score_names: tuple[str, ...]
    k: int
    bounds: pl.DataFrame
    class_map: pl.DataFrame
    scores: pl.DataFrame | None
    curve: pl.DataFrame | None
    rank_confidence: pl.DataFrame | None
    ranking: pl.DataFrame
    joined: tuple[Joined, ...]
    quality: pl.DataFrame
    factors: Factors | None
    related: pl.DataFrame | None
    matrices: Matrices
    queries: Mapping[str, pl.DataFrame]
    left_out: tuple[str, ...]

    def has_pseudo_labels(self) -> bool:
        """Return whether labels stand in for those of the targets, in bounds and curves alike."""
        return bool((self.bounds["labels"] == "pseudo").any())

    def problems(self) -> Problems:
        """Return what could not be computed."""
        units = (self.bounds, self.scores, self.curve, self.rank_confidence)
        parts = [part for part in units if part is not None]
        lines = [line for part in parts for line in problem_lines(part)]
        return Problems(
            incomplete=len(self.left_out) + sum(with_problems(part).height for part in parts),
            results=len(self.left_out) + sum(part.height for part in parts),
            reasons=tuple(dict.fromkeys([*self.left_out, *lines])),
        )

    def tables(self) -> dict[str, pl.DataFrame]:
        """Return what is written, by the name of its files."""
        tables = {"bounds": self.bounds, "class_map": self.class_map}
        if self.scores is not None:
            tables["scores"] = self.scores
        if self.curve is not None:
            tables["curve"] = self.curve
        if self.rank_confidence is not None:
            tables["rank_confidence"] = self.rank_confidence
        tables["ranking"] = self.ranking
        if self.joined:
            beside = {joined.name: joined.join.frame for joined in self.joined}
            tables["leaderboards"] = _of_leaderboards(beside)
            tables["unmatched"] = pl.concat(unmatched(joined) for joined in self.joined)
            tables["selection_quality"] = self.quality
        if self.factors is not None:
            tables["factors"], tables["factor_levels"] = self.factors.explained, self.factors.levels
        if self.related is not None:
            tables["relatedness"] = self.related
        return {**tables, **{f"queries/{name}": rows for name, rows in self.queries.items()}}


def results_of(computed: Computed, cache: Cache) -> Results:
    """Make the tables of a report of its bounds and scores."""
    model, settings = computed.model, computed.settings
    ranked = ranking(computed.bounds, computed.scores, model)
    joined = tuple(joined_with(board, ranked, model) for board in computed.leaderboards)
    results = Results(
        title=settings.title,
        model=model,
        score_names=_scores_in(ranked, model),
        k=settings.comparison.k,
        bounds=computed.bounds,
        class_map=class_map(computed.bounds, model),
        scores=computed.scores,
        curve=computed.curve,
        rank_confidence=computed.rank_confidence,
        ranking=ranked,
        joined=joined,
        quality=_quality(joined, model, settings.comparison),
        factors=None if computed.facts is None else _factors(ranked, computed.facts, model),
        related=None if settings.matrices == "none" else relatedness(computed.bounds),
        matrices=settings.matrices,
        queries=MappingProxyType({}),
        left_out=computed.left_out,
    )
    tables = results.tables()
    if computed.leaderboards:
        entries = {board.name: board.entries for board in computed.leaderboards}
        tables["leaderboard"] = _of_leaderboards(entries)
    found = answers(computed, tables, cache)
    return replace(results, queries=MappingProxyType(found))


def _of_leaderboards(frames: Mapping[str, pl.DataFrame]) -> pl.DataFrame:
    """Return a frame of each leaderboard as one, in which a column says of which it is."""
    return pl.concat(
        (_of_leaderboard(name, frame) for name, frame in frames.items()), how="diagonal_relaxed"
    )


def _of_leaderboard(name: str, frame: pl.DataFrame) -> pl.DataFrame:
    return frame.select(pl.lit(name).alias("leaderboard"), pl.all())


def class_map(bounds: pl.DataFrame, model: str) -> pl.DataFrame:
    """Return which source classes stand for each target class, and what the class costs.

    The terms are the parts of the bound's terms; they are repeated on each row of their class.
    """
    return (
        bounds.drop_nulls("bound")
        .select(model, "source", "target", "by_class")
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
    """Return per target and model the lowest bound: each holds, so the lowest does; and scores.

    The last column is the consensus of bound, kNN and LogME, where two of them are there. A bound
    against pseudo-labels has no part in it, since scores are those of the labels that there are.
    """
    lowest = bounds.sort("bound", "source", nulls_last=True).unique(
        [model, "target"], keep="first", maintain_order=True
    )
    beside_bounds = [name for name in ASKED_FOR if name in bounds.columns]
    ranked = lowest.select("target", model, *RANKED, *beside_bounds)
    if scores is not None:
        beside = scores.select("target", model, *_rankers(scores, model))
        ranked = ranked.join(beside, on=["target", model], how="full", coalesce=True)
    is_pseudo = (bounds["labels"] == "pseudo").any()
    among = [name for name in PARTS if not (is_pseudo and name == "bound")]
    return with_consensus(ranked.sort("target", "bound", model, nulls_last=True), [model], among)


def _rankers(scores: pl.DataFrame, model: str) -> tuple[str, ...]:
    """Return the columns of which higher is better; parts of scores are none."""
    facts = {model, "target", *FACTS}
    names = [name for name in scores.columns if name not in facts]
    # Columns are in the order in which scores were asked for; the fields of structs come last.
    wholes = (name for name in names if name in OF_ONE_TABLE)
    return (*wholes, *(name for name in names if name in RANKING_FIELDS))


def _scores_in(ranked: pl.DataFrame, model: str) -> tuple[str, ...]:
    """Return the columns of a ranking that are scores, and their consensus."""
    known = {model, "target", *RANKED, *ASKED_FOR}
    return tuple(name for name in ranked.columns if name not in known)


def _factors(ranked: pl.DataFrame, facts: pl.DataFrame, model: str) -> Factors:
    results = ranked.rename({model: "model"})
    ranked_by = [name for name in (CONSENSUS, "bound") if name in results.columns]
    scores = [name for name in _scores_in(ranked, model) if name != CONSENSUS]
    return Factors(
        explained(results, facts, ranked_by),
        level_means(results, facts, [*ranked_by, *scores]),
        facts,
    )


def joined_with(board: Leaderboard, ranked: pl.DataFrame, model: str) -> Joined:
    """Put a leaderboard's accuracies beside the ranking."""
    join = join_leaderboard(ranked, board.entries, model=model, static=board.static)
    scores = (*COMPARED, *_scores_in(ranked, model))
    return Joined(board.name, join, scores, (*scores, *join.trivial))


def _quality(joined: Sequence[Joined], model: str, settings: Comparison) -> pl.DataFrame:
    if not joined:
        return pl.DataFrame()
    return pl.concat(selection_quality_of(one, model, settings) for one in joined)


def selection_quality_of(joined: Joined, model: str, settings: Comparison) -> pl.DataFrame:
    """Return how well each ranker orders the models of each target that the leaderboard has."""
    quality = compare(
        joined.join.frame,
        scores=joined.scores,
        trivial=joined.join.trivial,
        model=model,
        **asdict(settings),
    )
    listed = joined.join.frame.filter(pl.col("accuracy").is_not_null())["target"].unique()
    of_listed = quality.filter(pl.col("target").is_in(listed.implode()))
    return _of_leaderboard(joined.name, of_listed)


def unmatched(joined: Joined) -> pl.DataFrame:
    """Return what stands on one side only, with similar names."""
    sides = {
        "scores": joined.join.unmatched_scores,
        "leaderboard": joined.join.unmatched_leaderboard,
    }
    return pl.concat(
        frame.select(
            pl.lit(joined.name).alias("leaderboard"), pl.lit(side).alias("only_in"), pl.all()
        )
        for side, frame in sides.items()
    )
