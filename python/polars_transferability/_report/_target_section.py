"""The section of the page on one target: bounds and scores of models, and what they stand on."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import polars as pl

from polars_transferability._report import _charts
from polars_transferability._report._charts import Figure
from polars_transferability._report._page_table import PageTable, page_table
from polars_transferability._report._results import ASKED_FOR, SAYS_NOTHING, TERMS, Joined, Results
from polars_transferability._report._verdicts import Verdict
from polars_transferability._report._wording import (
    counted,
    headings,
    interval,
    number,
    number_of,
    numbers,
    ranker_name,
)
from polars_transferability.compute.rank_confidence import advice
from polars_transferability.leaderboard.compare import LOSSES

# A page is for reading; the files beside it have everything.
_MOST_BARS, _MOST_CLASSES, _MOST_SOURCES = 20, 40, 5
# Source classes with less of a target class than this are left out of the pictures.
_LEAST_WEIGHT = 0.01


@dataclass(frozen=True)
class ClassMap:
    """Which source classes stand for each class of the target in one transfer."""

    transfer: str
    figures: tuple[Figure, ...]
    table: PageTable


@dataclass(frozen=True)
class TargetSection:
    """All that the page says of one target.

    Attributes
    ----------
    anchor
        What links lead to.
    gist
        Which model to take, in a few words.
    verdict
        The same in full.
    lead
        What is known of the bounds.
    sure
        How sure the ranking of the models by kNN is; empty where that is not asked for.
    bars
        The lowest bound of each model; None where there is no bound.
    bounds
        The same in numbers; None where there is no bound.
    scores
        Of each model; None where none are asked for.
    scatters
        Bounds and scores against the accuracies of leaderboards.
    class_map
        Of the lowest bound; None where there is no bound.
    """

    anchor: str
    target: str
    gist: str
    verdict: str
    lead: str
    sure: str
    bars: Figure | None
    bounds: PageTable | None
    scores: PageTable | None
    scatters: tuple[Figure, ...]
    class_map: ClassMap | None


def target_section(results: Results, verdict: Verdict, anchor: str) -> TargetSection:
    """Return the section on the target of a verdict."""
    target = verdict.target
    # The column of models may be called anything, even as what is added here.
    ranked = results.ranking.filter(target=target).rename({results.model: "model"})
    ranked = ranked.with_row_index("place", offset=1)
    best = ranked.row(0, named=True)
    bounded = ranked.drop_nulls("bound")
    scatters = (
        figure
        for joined in results.joined
        for figure in _scatters(results, joined, ranked, verdict)
    )
    return TargetSection(
        anchor=anchor,
        target=target,
        gist=f"{verdict.take}, {verdict.sureness.words}" if verdict.take else "",
        verdict=verdict.sentence,
        lead=_lead(ranked),
        sure=_sure(results, target),
        bars=_bars(bounded, target) if bounded.height else None,
        bounds=_bounds_table(results, bounded, target, anchor) if bounded.height else None,
        scores=_scores_table(results, ranked, target, anchor) if results.score_names else None,
        scatters=tuple(scatters),
        class_map=_class_map(results, best, anchor) if bounded.height else None,
    )


def _lead(ranked: pl.DataFrame) -> str:
    """Return what is known of the bounds: the lowest, and how many say nothing or are missing."""
    best = ranked.row(0, named=True)
    without = ranked.filter(pl.col("bound").is_null(), pl.col("source").is_not_null()).height
    not_judged = _not_judged(without)
    if best["bound"] is None:
        only = "Scores only: no model has another task as a source."
        return f"No bound:{not_judged}" if without else only
    lowest = (
        f"Lowest bound: {best['model']}, from {best['source']}: {best['bound']:.3f} nats, where "
        f"guessing costs {best['trivial_loss']:.3f}."
    )
    nothing = ranked.filter(SAYS_NOTHING).height
    if nothing == ranked["bound"].count():
        lowest += " No bound on this target is better than guessing, so they rank nothing."
    elif nothing:
        verb = "is" if nothing == 1 else "are"
        lowest += f" {counted(nothing, 'bound')} {verb} no better than guessing."
    return lowest + not_judged


def _not_judged(models: int) -> str:
    """Return the sentence on models that have no value, with a space before it; none, nothing."""
    return f" {counted(models, 'model')} could not be judged." if models else ""


def _sure(results: Results, target: str) -> str:
    """Return what the command says of the ranking by kNN, and how many models are not in it."""
    if results.rank_confidence is None:
        return ""
    found = results.rank_confidence.filter(target=target)
    sentence = advice(found, [results.model]).get(target)
    not_judged = _not_judged(found["p_best"].null_count())
    return f"By kNN: {sentence}{not_judged}" if sentence else f"By kNN:{not_judged}"


def _bars(ranked: pl.DataFrame, target: str) -> Figure:
    shown = ranked.head(_MOST_BARS).with_columns(
        name=pl.format("{}. {}", "place", "model"), nothing=SAYS_NOTHING
    )
    caption = "Lowest bound of each model, by its terms"
    if ranked.height > shown.height:
        caption += f"; the {shown.height} lowest of {ranked.height}"
    if shown["nothing"].any():
        caption += "; pale: no better than guessing"
    spoken = shown.select(pl.format("{}, from {}: {}", "name", "source", numbers("bound", 3)))
    alt = f"Stacked bars of the bounds on {target}: " + "; ".join(spoken.to_series())
    return Figure(_charts.term_bars(shown, "name", marks=True), alt, caption)


def _bounds_table(results: Results, bounded: pl.DataFrame, target: str, anchor: str) -> PageTable:
    columns = [
        *("place", "model", "source", "bound", "target_loss", "target_accuracy"),
        *(name for name in ASKED_FOR if name in bounded.columns),
        "state",
    ]
    # Without what all of them are compared with, which the heading says.
    short = pl.col("state").str.strip_suffix(" than guessing").replace({"vacuous": "worse"})
    return page_table(
        bounded.select(columns).with_columns(short),
        f"{anchor}-bounds",
        f"Lowest bound of each model on {target}",
        labels={**headings(columns), "model": results.model, "state": "beside guessing"},
        always=["place", "model", "source", "bound"],
    )


def _scores_table(results: Results, ranked: pl.DataFrame, target: str, anchor: str) -> PageTable:
    columns = ["place", "model", *results.score_names]
    return page_table(
        ranked.select(columns),
        f"{anchor}-scores",
        f"Scores of each model on {target}; higher is better",
        labels={**headings(columns), "model": results.model},
        always=["place", "model"],
    )


def _scatters(
    results: Results, joined: Joined, ranked: pl.DataFrame, verdict: Verdict
) -> Iterator[Figure]:
    """Yield pictures for a leaderboard that has this target: of what ranks, and trivial rankers."""
    target = verdict.target
    places = ranked.select("model", name="place")
    quality = results.quality.filter(leaderboard=joined.name, target=target)
    of_target = joined.join.frame.filter(target=target).rename({results.model: "model"})
    shown = dict.fromkeys([verdict.ranker, "bound", *joined.join.trivial])
    for ranker in (name for name in shown if name in joined.rankers):
        rows = (
            of_target.select("accuracy", "model", value=pl.col(ranker).cast(pl.Float64))
            .drop_nulls(["accuracy", "value"])
            .join(places, on="model", how="left", maintain_order="left")
        )
        if rows.is_empty():
            continue
        found = quality.row(by_predicate=pl.col("score") == ranker, named=True)
        what = ranker_name(joined, ranker)
        yield Figure(
            _charts.scatter(rows, what, higher_is_better=ranker not in LOSSES),
            f"Points of {what} and accuracy on {target}: {_points(rows)}",
            f"{what} against {joined.name}: {_correlation(found)}",
        )


def _points(rows: pl.DataFrame) -> str:
    """Return the models with their values and accuracies, the most accurate first."""
    points = rows.select("model", "value", "accuracy").sort("accuracy", descending=True)
    return "; ".join(
        f"{model} {value:.3g}, {accuracy:.3g}" for model, value, accuracy in points.iter_rows()
    )


def _correlation(quality: Mapping[str, Any]) -> str:
    """Return Spearman's correlation in words, with its interval where that means something."""
    value, models = quality["spearman"], quality["n"]
    counted_models = number_of(models, models)
    if value is None:
        return f"no correlation, {counted_models}"
    ends = interval(quality.get("spearman_low"), quality.get("spearman_high"), models)
    return f"Spearman {number(value, 2)}{ends}, {counted_models}"


def _class_map(results: Results, best: Mapping[str, Any], anchor: str) -> ClassMap:
    """Return which source classes stand for each class of the target, under the lowest bound."""
    transfer = f"{best['model']}, from {best['source']} to {best['target']}"
    weights = results.class_map.filter(
        pl.col(results.model).eq(best["model"]),
        pl.col("source").eq(best["source"]),
        pl.col("target").eq(best["target"]),
        pl.col("source_weight") >= _LEAST_WEIGHT,
    )
    costs = _costs(weights)
    table = page_table(
        costs.select("target_class", "target_share", "stands_for_it", *TERMS, "total"),
        f"{anchor}-classes",
        f"What each class adds to the bound: {transfer}",
        labels={**headings(costs.columns), "stands_for_it": "source classes that stand for it"},
        always=["target_class", "stands_for_it", "total"],
    )
    few = weights["source_class"].n_unique() <= _MOST_CLASSES and costs.height <= _MOST_CLASSES
    squares = [_squares(weights, costs)] if few else []
    return ClassMap(transfer, (*squares, _class_bars(costs, best["target"])), table)


def _costs(weights: pl.DataFrame) -> pl.DataFrame:
    """Return a row per target class, the one that costs most first."""
    percent = (pl.col("source_weight") * 100).round(0).cast(pl.Int64)
    stands_for_it = (
        pl.format("{} ({}%)", "source_class", percent)
        .sort_by("source_weight", descending=True)
        .head(_MOST_SOURCES)
        .str.join(", ")
    )
    return (
        weights.group_by("target_class", "target_share", *TERMS, maintain_order=True)
        .agg(stands_for_it=stands_for_it)
        .with_columns(total=pl.sum_horizontal(TERMS))
        .sort("total", descending=True)
    )


def _squares(weights: pl.DataFrame, costs: pl.DataFrame) -> Figure:
    stands = costs.select(pl.format("{}: {}", "target_class", "stands_for_it")).to_series()
    return Figure(
        _charts.class_weights(weights),
        f"Squares, the darker the larger the part of a source class. {'; '.join(stands)}",
        "Class map: source classes (columns) that stand for each target class (rows)",
    )


def _class_bars(costs: pl.DataFrame, target: str) -> Figure:
    shown = costs.head(_MOST_CLASSES)
    totals = shown.select(pl.format("{}: {}", "target_class", numbers("total", 3))).to_series()
    return Figure(
        _charts.term_bars(shown, "target_class", marks=False),
        f"Stacked bars of what each class of {target} adds to the bound: {'; '.join(totals)}",
        "What each target class adds to the bound, by terms as above",
    )
