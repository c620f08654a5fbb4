"""Which model is best for each target, and whether its lead is more than noise.

A ranking always has a first row, also where all models are equally good. The verdict says what of a
lead a repetition with other evaluation rows would be likely to show again, and says so only where
that can be known from the results alone.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

import polars as pl

from polars_transferability._arguments import kind_of, names_near_keyword
from polars_transferability._scores.choice import OF_TWO_TASKS
from polars_transferability.leaderboard.compare import LOSSES, compare, rankers_in
from polars_transferability.leaderboard.join import MEAN_ELSEWHERE, LeaderboardJoin
from polars_transferability.tables.keys import MODEL, key_columns
from polars_transferability.tables.problems import of_units
from polars_transferability.tables.table import FRAME, Table

# Columns that are a share of evaluation rows.
_SHARES = ("knn_accuracy", "linear_probe_accuracy")
# Standard errors of a difference that chance exceeds, in either direction, one time in twenty.
_NORMAL = 1.96
# The state of a bound that says more than guessing does.
BETTER = "better than guessing"
# With fewer models even a perfect rank correlation comes by chance more than one time in twenty.
_FEWEST_MODELS = 5

# Different numbers of rows that a verdict lists; of more it tells the range.
_MOST_COUNTS = 4

Outcome = Literal[
    "more than noise",
    "within noise",
    "not tested",
    "no better than guessing",
    "tie",
    "only one model",
    "no model",
]

_SCHEMA = {
    "score": pl.String,
    "best": pl.String,
    "value": pl.Float64,
    "runner_up": pl.String,
    "runner_up_value": pl.Float64,
    "difference": pl.Float64,
    "noise": pl.Float64,
    "n": pl.UInt32,
    "outcome": pl.String,
    "vacuous": pl.Boolean,
    "not_judged": pl.UInt32,
    "models": pl.UInt32,
    "agreement": pl.Float64,
    "trivial_agreement": pl.Float64,
    "verdict": pl.String,
}


@names_near_keyword
def verdict(
    results: LeaderboardJoin | pl.DataFrame,
    *,
    score: str | None = None,
    model: str | Sequence[str] = MODEL,
    target: str = "target",
    accuracy: str = "accuracy",
) -> pl.DataFrame:
    """Say which model is best for each target, and whether its lead is more than noise.

    Parameters
    ----------
    results
        What `compute_scores` or `compute_bounds` returns, or either joined with a leaderboard. Of
        several rows of a model, as with several sources, the best counts.
    score
        Column that ranks the models. None: `bound`; or else a score whose noise is known,
        `knn_accuracy` or `linear_probe_accuracy`; or else the first score. Higher is better but for
        bounds, their terms and losses.
    model
        Column or columns that tell models apart.
    target
        Column of targets.
    accuracy
        Column of a leaderboard's accuracies, if the results have one.

    Returns
    -------
    DataFrame
        One row per target: `target`; `score`, the column's name; `best` and `runner_up`, models
        (with the source where it matters), with `value` and `runner_up_value`; their `difference`;
        `noise`, what it has to exceed, of `n` evaluation rows; `outcome`: "more than noise",
        "within noise", "not tested" (for want of a known spread), "no better than guessing" (even
        the lowest bound, by its `state`), "tie", "only one model" or "no model"; `vacuous`, whether
        even the best bound says nothing; `not_judged`, the number of models whose values are all
        null, as where they could not be computed; `models`, the number of models with an accuracy
        on the leaderboard, and the Spearman correlation with these accuracies, `agreement` of the
        score and `trivial_agreement` of `mean_accuracy_elsewhere`; and `verdict`, all of it in
        words, which also says where the labels are pseudo-labels and where models were measured on
        different rows.

    Notes
    -----
    An accuracy on `n` evaluation rows has the noise of drawing these rows. A difference is more
    than noise if it exceeds 1.96 standard errors of the difference of two shares with the same mean
    `p`, and a row beside: `1.96 sqrt(2 p (1 - p) / n) + 1 / n`. This is the two-sided test of two
    proportions at the level 0.05 with Yates' correction for continuity. It takes the two models'
    errors for independent; models that fail on the same rows, as they mostly do, differ by less, so
    the test errs on the side of "within noise". It needs no correction for the number of models:
    comparing the best with the runner-up alone is a valid test of whether the best is the best
    (Hung and Fithian, arXiv 1610.03944). It does not speak of the noise in the rows fitted on.

    The spread of other scores, and of bounds, is not known from the results, so their differences
    are not tested. Nor is that of a linear probe evaluated on the rows that it was fitted on, nor
    that of shares of pseudo-labels, of which each model may have its own.

    Examples
    --------
    >>> import polars as pl
    >>> import polars_transferability as pt
    >>> found = pl.DataFrame(
    ...     {
    ...         "model": ["small", "large", "other"],
    ...         "target": "pets",
    ...         "knn_accuracy": [0.8, 0.9, 0.5],
    ...         "n_evaluated": 1000,
    ...     }
    ... )
    >>> pt.verdict(found).select("best", "runner_up", "outcome").rows()
    [('large', 'small', 'more than noise')]
    >>> print(pt.verdict(found)["verdict"].item())
    pets: large has the highest knn accuracy, 0.9000; next is small, 0.8000. The difference 0.1000
    is more than the noise of 1000 rows, 0.0323.
    """
    frame = results.frame if isinstance(results, LeaderboardJoin) else results
    if not isinstance(frame, pl.DataFrame):
        msg = (
            "results: expected what compute_scores, compute_bounds or join_leaderboard returns, "
            f"found {kind_of(frame)}"
        )
        raise TypeError(msg)
    models = key_columns("model", model)
    table = Table(FRAME, frame.lazy())
    table.require(dict.fromkeys([*models, target], ""))
    table.require_names([*models, target])
    ranker = ranking_column(frame.drop(models)) if score is None else score
    table.require({ranker: "name a column of scores with score="})
    if not frame.schema[ranker].is_numeric():
        msg = f"score: column '{ranker}' is {frame.schema[ranker]}; expected numbers"
        raise TypeError(msg)
    if frame.schema[ranker].is_float():
        # A value that is no number ranks nothing.
        frame = frame.with_columns(pl.col(ranker).fill_nan(None))
    if ranker in _SHARES and not frame[ranker].drop_nulls().is_between(0, 1).all():
        msg = (
            f"results: '{ranker}' has values outside of 0 to 1; divide accuracies in percent by 100"
        )
        raise ValueError(msg)
    best = _best_of_each_model(of_units(frame.lazy(), [target]), models, target, ranker)
    ranked = best.drop_nulls(ranker)
    agreements = _agreements(ranked, ranker, accuracy)
    rows = []
    for (name,), group in best.group_by("target", maintain_order=True):
        judged = group.drop_nulls(ranker)
        lead, agreement = _lead(judged, ranker), agreements.get(name, _Agreement())
        not_judged = group.height - judged.height
        told_lead = f"{name}: {lead.told(ranker, not_judged)}"
        sentences = [told_lead, *_grounds(judged, ranker), *agreement.told()]
        told = {"target": name, "score": ranker, "verdict": " ".join(sentences)}
        rows.append({**told, **asdict(lead), "not_judged": not_judged, **asdict(agreement)})
    return pl.DataFrame(rows, schema={"target": frame.schema[target], **_SCHEMA})


def ranking_column(results: pl.DataFrame) -> str:
    """Return the column by which `verdict` ranks models unless another is named.

    Of those that could be computed, where some could: a column of nulls ranks nothing.

    Examples
    --------
    >>> columns = {"model": pl.String, "logme": pl.Float64, "knn_accuracy": pl.Float64}
    >>> ranking_column(pl.DataFrame(schema=columns))
    'knn_accuracy'
    """
    found = rankers_in(results.schema)
    if not found:
        msg = (
            "results: no column is a bound or a score that this package computes; "
            f"there are {results.columns}"
        )
        raise ValueError(msg)
    computed = [name for name in found if results[name].count() > 0] or found
    return next((name for name in ("bound", *_SHARES) if name in computed), computed[0])


@dataclass(frozen=True)
class _Lead:
    """How far the best model is ahead of the next."""

    best: str | None
    value: float | None
    outcome: Outcome
    vacuous: bool
    runner_up: str | None = None
    runner_up_value: float | None = None
    difference: float | None = None
    noise: float | None = None
    n: int | None = None

    def told(self, ranker: str, not_judged: int) -> str:
        """Return it as sentences; `not_judged` is the number of models without a value."""
        lead = self._told(ranker)
        models = "1 model" if not_judged == 1 else f"{not_judged} models"
        return f"{lead} {models} could not be judged." if not_judged else lead

    def _told(self, ranker: str) -> str:
        column, end = ranker.replace("_", " "), "lowest" if ranker in LOSSES else "highest"
        if self.outcome == "no model":
            return f"no model has a {column}."
        first = f"{self.best} has the {end} {column}, {self.value:.4f}"
        if self.outcome == "only one model":
            return f"{first}. No other model has one."
        first += f"; next is {self.runner_up}, {self.runner_up_value:.4f}."
        if self.vacuous:
            return f"{first} Neither says anything: guessing has a lower loss."
        if self.outcome == "no better than guessing":
            return f"{first} Neither is better than guessing."
        difference = f"The difference {self.difference:.4f}"
        if self.outcome == "tie":
            return f"{first} They tie."
        if self.outcome == "not tested":
            return f"{first} {difference} is not tested: its spread is not known."
        side = self.outcome.removesuffix(" noise")
        return f"{first} {difference} is {side} the noise of {self.n} rows, {self.noise:.4f}."


@dataclass(frozen=True)
class _Agreement:
    """How well a column, and a trivial ranker, rank the models of a leaderboard."""

    models: int = 0
    agreement: float | None = None
    trivial_agreement: float | None = None

    def told(self) -> list[str]:
        """Return it as a sentence; none without a leaderboard."""
        if self.agreement is None:
            return []
        beside = (
            ""
            if self.trivial_agreement is None
            else f", of the mean accuracy elsewhere {self.trivial_agreement:.2f}"
        )
        few = "; too few models to judge by" if self.models < _FEWEST_MODELS else ""
        return [
            f"Its rank correlation with the leaderboard over {self.models} models is "
            f"{self.agreement:.2f}{beside}{few}."
        ]


def _best_of_each_model(
    results: pl.LazyFrame, models: list[str], target: str, ranker: str
) -> pl.DataFrame:
    """Return a row per target and model, the best first, with columns `target` and `model`.

    Models without a value are the last.
    """
    names = pl.concat_str([pl.col(name).cast(pl.String) for name in models], separator=", ")
    rows = results.select(
        pl.col(target).alias("target"),
        names.alias("model"),
        pl.exclude("target", "model", target, *models),
    )
    ranked = rows.sort(
        *("target", ranker),
        descending=[False, ranker not in LOSSES],
        nulls_last=True,
        maintain_order=True,
    )
    return ranked.unique(["target", "model"], keep="first", maintain_order=True).collect()


def _lead(models: pl.DataFrame, ranker: str) -> _Lead:
    """Return the lead of the first of the models of one target."""
    if models.is_empty():
        return _Lead(None, None, "no model", vacuous=False)
    best, *others = models.head(2).rows(named=True)
    vacuous = ranker == "bound" and best.get("vacuous") is True
    is_better = ranker != "bound" or best.get("state", BETTER) == BETTER
    if not others:
        return _Lead(_named(best, ranker), best[ranker], "only one model", vacuous=vacuous)
    (runner_up,) = others
    difference = abs(best[ranker] - runner_up[ranker])
    n = _rows_behind(ranker, best, runner_up)
    noise = None if n is None else _noise((best[ranker] + runner_up[ranker]) / 2, n)
    return _Lead(
        best=_named(best, ranker),
        value=best[ranker],
        outcome=_outcome(difference, noise) if is_better else "no better than guessing",
        vacuous=vacuous,
        runner_up=_named(runner_up, ranker),
        runner_up_value=runner_up[ranker],
        difference=difference,
        noise=noise,
        n=n,
    )


def _rows_behind(ranker: str, *models: dict[str, Any]) -> int | None:
    """Return how many rows the values are shares of, the fewest of the models; None if unknown.

    Each model has clusters of its own, so shares of them are no draws of the same coin.
    """
    if ranker not in _SHARES or any(model.get("labels") == "pseudo" for model in models):
        return None
    counts = [_rows_held_out(ranker, model) for model in models]
    known = [count for count in counts if count is not None]
    return min(known) if len(known) == len(counts) else None


def _rows_held_out(ranker: str, model: dict[str, Any]) -> int | None:
    """Return how many rows a share is of; none, if they are those that were fitted on."""
    loss = model.get("linear_probe_loss")
    fitted_on = loss is not None and loss == model.get("linear_probe_train_loss")
    if ranker == "linear_probe_accuracy" and fitted_on:
        return None
    return model.get("n_evaluated")


def _grounds(judged: pl.DataFrame, ranker: str) -> list[str]:
    """Return sentences on what the models of a target were measured on, where that matters."""
    return [*_pseudo_labels(judged), *_different_rows(judged, ranker)]


def _pseudo_labels(judged: pl.DataFrame) -> list[str]:
    if "labels" not in judged.columns or "pseudo" not in (kinds := {*judged["labels"]}):
        return []
    whose = "This is" if kinds == {"pseudo"} else "For some of the models this is"
    return [
        f"{whose} about pseudo-labels, which may differ from model to model; what holds for the "
        "true labels is not known."
    ]


def _different_rows(judged: pl.DataFrame, ranker: str) -> list[str]:
    names = ("n_evaluated",) if ranker in _SHARES else ("n_target", "n")
    counted = next((name for name in names if name in judged.columns), None)
    counts = [] if counted is None else judged[counted].drop_nulls().unique().sort().to_list()
    if len(counts) < 2:
        return []
    *first, last = counts
    few = len(counts) <= _MOST_COUNTS
    told = f"= {', '.join(map(str, first))} and {last}" if few else f"from {first[0]} to {last}"
    return [f"Models were measured on different rows: n {told}."]


def _noise(share: float, n: int) -> float:
    """Return what the difference of two shares of mean `share` exceeds by chance 1 time in 20."""
    return _NORMAL * math.sqrt(2 * share * (1 - share) / n) + 1 / n


def _outcome(difference: float, noise: float | None) -> Outcome:
    if difference == 0:
        return "tie"
    if noise is None:
        return "not tested"
    return "more than noise" if difference > noise else "within noise"


def _named(row: dict[str, Any], ranker: str) -> str:
    """Return the model of a row, with its source where the ranker depends on it."""
    source = row.get("source")
    depends = ranker in LOSSES or ranker in OF_TWO_TASKS or ranker == "target_accuracy"
    return f"{row['model']} from {source}" if depends and source is not None else str(row["model"])


def _agreements(ranked: pl.DataFrame, ranker: str, accuracy: str) -> dict[object, _Agreement]:
    """Return for each target how well the models are ranked; nothing without a leaderboard."""
    if accuracy not in ranked.columns:
        return {}
    quality = compare(ranked, scores=[ranker], accuracy=accuracy, measures=["spearman"])
    found: dict[object, _Agreement] = {}
    for (target,), rows in quality.group_by("target", maintain_order=True):
        own, *trivial = rows.rows(named=True)
        beside = next((row for row in trivial if row["score"] == MEAN_ELSEWHERE), {})
        found[target] = _Agreement(own["n"], own["spearman"], beside.get("spearman"))
    return found
