"""Which model to take for each target, by what, and whether that could be chance."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

import polars as pl

from polars_transferability._consensus import COLUMN as CONSENSUS
from polars_transferability._report._results import SAYS_NOTHING, Results
from polars_transferability._report._wording import counted, number, spoken
from polars_transferability._verdict import ranking_column, verdict
from polars_transferability.leaderboard.compare import LOSSES, rankers_in

# The model to take is above every other by more than noise; some are as good within the noise;
# another is better by more than noise; it is not known.
Kind: TypeAlias = Literal["sure", "close", "against", "open"]


@dataclass(frozen=True)
class Sureness:
    """How sure it is that the model to take is the best.

    Attributes
    ----------
    words
        What the kind is, in a few words.
    sentence
        All that is known of it.
    rival
        The one other model that the words name, if they name one.
    """

    kind: Kind
    words: str
    sentence: str
    rival: str | None = None


@dataclass(frozen=True)
class Verdict:
    """Which model to take for a target.

    Attributes
    ----------
    ranker
        Column of the ranking that the models are in the order of.
    models
        All models with a value of it, the best first; none where none could be judged.
    tied
        How many of them have the value of the first.
    sureness
        How sure it is that the first is the best.
    sentence
        All of it.
    """

    target: str
    ranker: str
    models: tuple[str, ...]
    tied: int
    sureness: Sureness
    sentence: str

    @property
    def take(self) -> str | None:
        """Return the model to take."""
        return self.models[0] if self.models else None

    @property
    def next(self) -> str | None:
        """Return the model that comes next."""
        return self.models[1] if len(self.models) > 1 else None


def main_ranker(results: Results) -> str:
    """Return what ranks the models of most targets."""
    return CONSENSUS if CONSENSUS in results.ranking.columns else "bound"


def verdict_on(results: Results, target: str) -> Verdict:
    """Return which model to take for a target.

    Models are ranked by the consensus, or else as `pt.verdict` ranks them. Where an accuracy of
    theirs was computed whose noise is known, the first is tested against each other model by it.
    """
    ranked = _of_target(results.ranking, target, results.model)
    ranker = _ranker(ranked)
    judged = ranked.drop_nulls(ranker).sort(
        ranker, "bound", "model", descending=[ranker not in LOSSES, False, False], nulls_last=True
    )
    if judged.is_empty():
        nothing = "No model could be judged."
        return Verdict(target, ranker, (), 0, Sureness("open", "", nothing), nothing)
    models, values = judged["model"].to_list(), judged[ranker].to_list()
    if ranker == "bound" and judged.head(1).filter(SAYS_NOTHING).height:
        none = "no bound is better than guessing"
        sureness = Sureness("open", none, f"But {none}, so the order says nothing.")
    else:
        sureness = _sureness(results, target, models)
    sentences = [_first(ranker, models, values), sureness.sentence]
    if without := ranked.height - judged.height:
        verb = "has" if without == 1 else "have"
        sentences.append(f"{counted(without, 'model')} {verb} no {spoken(ranker)}.")
    return Verdict(
        target=target,
        ranker=ranker,
        models=tuple(models),
        tied=values.count(values[0]),
        sureness=sureness,
        sentence=" ".join(sentences),
    )


def _of_target(rows: pl.DataFrame, target: str, model: str) -> pl.DataFrame:
    """Return the rows of a target, with the models' names in `model`."""
    named = rows.filter(target=target).rename({model: "model"})
    return named.with_columns(pl.col("model").cast(pl.String))


def _ranker(ranked: pl.DataFrame) -> str:
    if CONSENSUS in ranked.columns and ranked[CONSENSUS].count():
        return CONSENSUS
    return ranking_column(ranked.drop("model"))


def _first(ranker: str, models: Sequence[str], values: Sequence[float]) -> str:
    """Return which model is the first, and which comes next."""
    end = "lowest" if ranker in LOSSES else "highest"
    first = f"Take {models[0]}: it has the {end} {spoken(ranker)}, {number(values[0], 3)}"
    if len(models) == 1:
        return f"{first}."
    if values[0] == values[1]:
        return f"{first}, and so has {models[1]}."
    return f"{first}; next is {models[1]}, {number(values[1], 3)}."


def _sureness(results: Results, target: str, models: Sequence[str]) -> Sureness:
    if len(models) == 1:
        return Sureness("open", "the only model", "There is nothing to compare it with.")
    tests = _tests(results, target, models)
    if tests.is_empty() or (tests["outcome"] == "not tested").any():
        return Sureness("open", "not tested", "Whether the difference is noise was not tested.")
    what, is_clear = spoken(tests["score"][0]), pl.col("outcome") == "more than noise"
    better = tests.filter(is_clear, pl.col("best") != models[0]).sort("value", descending=True)
    close = tests.filter(~is_clear).sort("difference")
    if better.height:
        rival = better["best"][0]
        return Sureness(
            "against",
            f"{rival} has the higher {what}, by more than noise",
            f"By {what} it is the other way round, by more than noise: {_figures(better)}.",
            rival,
        )
    if close.height:
        rival = close["target"][0] if close.height == 1 else None
        all_close = "" if rival else f" So are {counted(close.height, 'model')} in all."
        return Sureness(
            "close",
            f"within noise of {rival or f'{close.height} others'}",
            f"By {what} that is within the noise: {_figures(close)}.{all_close}",
            rival,
        )
    return Sureness(
        "sure",
        "ahead by more than noise",
        f"By {what} it is ahead of every other model by more than noise; of the nearest, "
        f"{_figures(tests.sort('difference'))}.",
    )


def _tests(results: Results, target: str, models: Sequence[str]) -> pl.DataFrame:
    """Return what `pt.verdict` says of the first model and each other; `target` is the other."""
    known_of = results.rank_confidence if results.scores is None else results.scores
    if known_of is None:
        return pl.DataFrame()
    scores = _of_target(known_of, target, results.model).drop("target")
    if not rankers_in(scores.drop("model").schema):
        return pl.DataFrame()
    ranker = ranking_column(scores.drop("model"))
    known = scores.drop_nulls(ranker)
    first = known.filter(model=models[0])
    others = known.filter(pl.col("model").is_in(list(models[1:])))
    if first.is_empty() or others.is_empty():
        return pl.DataFrame()
    rivals = others.select(target="model")
    ours, theirs = rivals.join(first, how="cross"), others.with_columns(target="model")
    return verdict(pl.concat([ours, theirs], how="diagonal"), score=ranker)


def _figures(tests: pl.DataFrame) -> str:
    """Return the figures of the first of some tests."""
    test = tests.row(0, named=True)
    return (
        f"{test['best']} has {test['value']:.3f} and {test['runner_up']} "
        f"{test['runner_up_value']:.3f}, a difference of {test['difference']:.3f}, where the noise "
        f"of {test['n']} rows is {test['noise']:.3f}"
    )
