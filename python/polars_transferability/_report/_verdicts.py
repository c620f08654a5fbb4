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

# How sure it is that the model to take is the best: its accuracy is above that of every other by
# more than noise; some are as good within the noise; another is better by more than noise; unknown.
Sureness: TypeAlias = Literal["sure", "close", "against", "open"]

# What is said of an order by bounds of which none is better than guessing.
_NO_ORDER: tuple[Sureness, str, Sequence[str]] = (
    "open",
    "no bound is better than guessing",
    ("No bound is better than guessing, so the order says nothing.",),
)


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
    sureness, sure
        How sure it is that the first is the best, and the same in a few words.
    sentence
        All of it.
    """

    target: str
    ranker: str
    models: tuple[str, ...]
    tied: int
    sureness: Sureness
    sure: str
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
        return Verdict(target, ranker, (), 0, "open", "", "No model could be judged.")
    models, values = judged["model"].to_list(), judged[ranker].to_list()
    is_order = ranker != "bound" or judged.head(1).filter(SAYS_NOTHING).is_empty()
    sureness, sure, grounds = _sureness(results, target, models) if is_order else _NO_ORDER
    return Verdict(
        target=target,
        ranker=ranker,
        models=tuple(models),
        tied=values.count(values[0]),
        sureness=sureness,
        sure=sure,
        sentence=" ".join([_first(ranker, models, values), *grounds]),
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
        return f"{first}, and no other model has one."
    if values[0] == values[1]:
        return f"{first}, and so has {models[1]}."
    return f"{first}; next is {models[1]}, {number(values[1], 3)}."


def _sureness(
    results: Results, target: str, models: Sequence[str]
) -> tuple[Sureness, str, Sequence[str]]:
    """Return how sure it is that the first is the best: a word for it, a few, and sentences."""
    if len(models) == 1:
        return "open", "the only model", ()
    tests = _tests(results, target, models)
    if tests.is_empty() or (tests["outcome"] == "not tested").all():
        return "open", "not tested", ("Whether the difference is noise was not tested.",)
    what = spoken(tests["score"][0])
    clear, ours = pl.col("outcome") == "more than noise", pl.col("best") == models[0]
    better = tests.filter(clear, ~ours).sort("value", descending=True)
    close = tests.filter(pl.col("outcome").is_in(["within noise", "tie"]))
    if better.height:
        told = f"By {what}, {_tested(better)}: the other way round, by more than noise."
        return "against", f"{better['best'][0]} has the higher {what}, by more than noise", (told,)
    if close.height:
        rivals = close.sort("difference")
        one = close.height == 1
        whom = rivals["target"][0] if one else f"{close.height} others"
        told = f"By {what}, {_tested(rivals)}: within the noise."
        more = () if one else (f"{counted(close.height, 'model')} are as good within the noise.",)
        return "close", f"within noise of {whom}", (told, *more)
    nearest = tests.sort("difference")
    told = f"By {what}, {_tested(nearest)}: more than noise, and so is that to every other model."
    return "sure", "ahead by more than noise", (told,)


def _tests(results: Results, target: str, models: Sequence[str]) -> pl.DataFrame:
    """Return what `pt.verdict` says of the first model and each other; `target` is the other."""
    if results.scores is None:
        return pl.DataFrame()
    scores = _of_target(results.scores, target, results.model).drop("target")
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


def _tested(tests: pl.DataFrame) -> str:
    """Return the figures of the first of some tests."""
    test = tests.row(0, named=True)
    return (
        f"{test['best']} has {test['value']:.3f} and {test['runner_up']} "
        f"{test['runner_up_value']:.3f}, a difference of {test['difference']:.3f} where the noise "
        f"of {test['n']} rows is {test['noise']:.3f}"
    )
