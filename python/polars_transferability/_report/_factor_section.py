"""The section of the page on facts of models that may explain their results."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import polars as pl

from polars_transferability._consensus import COLUMN as CONSENSUS
from polars_transferability._report import _charts
from polars_transferability._report._charts import Figure
from polars_transferability._report._page_table import PageTable, page_table
from polars_transferability._report._results import Factors, Results
from polars_transferability._report._wording import counted, headings, number, percent, spoken

# A page is for reading; the files beside it have everything.
_MOST_LEVELS = 20


@dataclass(frozen=True)
class FactorPart:
    """A factor: what it explains, its picture, and the means of its levels if it has some."""

    name: str
    sentence: str
    figure: Figure | None
    levels: PageTable | None


@dataclass(frozen=True)
class FactorSection:
    """All factors side by side, and each by itself."""

    gist: str
    explained: PageTable
    parts: tuple[FactorPart, ...]


def factor_section(results: Results) -> FactorSection | None:
    """Return the section, or None where no factors are asked for."""
    factors = results.factors
    if factors is None:
        return None
    explained = factors.explained
    measure = explained["measure"][0]
    means = _means_of_models(results, measure)
    return FactorSection(
        gist=_gist(explained.filter(measure=measure), measure),
        explained=_explained_table(explained),
        parts=tuple(
            _part(factors, factor, measure, means, f"factor{place}")
            for place, factor in enumerate(explained["factor"].unique(maintain_order=True))
        ),
    )


def _explained_table(explained: pl.DataFrame) -> PageTable:
    """Return a row for each factor, with the share that it explains of each measure."""
    shared = explained.group_by("factor", maintain_order=True).agg(
        pl.col("kind").first(), pl.col("levels").max()
    )
    wide = explained.pivot("measure", index="factor", values=["explained", "by_chance"])
    measures = explained["measure"].unique(maintain_order=True)
    shares = [f"{what}_{measure}" for measure in measures for what in ("explained", "by_chance")]
    labels = {f"explained_{measure}": spoken(measure) for measure in measures}
    by_chance = {f"by_chance_{measure}": f"{spoken(measure)}, by chance" for measure in measures}
    return page_table(
        shared.join(wide, on="factor", maintain_order="left").select(*shared.columns, *shares),
        "factors-table",
        "Share explained of the variance within targets",
        labels={**labels, **by_chance},
        always=["factor", *shares],
    )


def _means_of_models(results: Results, measure: str) -> pl.DataFrame:
    """Return the mean of what ranks the models over the targets of each."""
    name = pl.col(results.model).cast(pl.String)
    found = results.ranking.group_by(model=name).agg(pl.col(measure).mean())
    return found.drop_nulls().sort("model")


def _gist(of_measure: pl.DataFrame, measure: str) -> str:
    """Return which factor explains most beyond what chance would."""
    known = of_measure.drop_nulls("explained")
    if known.is_empty():
        return "none of them can be told from the models themselves"
    beyond = known.sort(pl.col("explained") - pl.col("by_chance"), descending=True)
    row = beyond.row(0, named=True)
    return f"{row['factor']} explains {percent(row['explained'])} of the {spoken(measure)}" + (
        f", where chance would {percent(row['by_chance'])}"
    )


def _part(
    factors: Factors, factor: str, measure: str, means: pl.DataFrame, anchor: str
) -> FactorPart:
    row = factors.explained.row(
        by_predicate=(pl.col("factor") == factor) & (pl.col("measure") == measure), named=True
    )
    facts = factors.facts.select("model", fact=factor).drop_nulls()
    beside = means.rename({measure: "value"}).join(facts, on="model").sort("model")
    is_number = row["kind"] == "number"
    levels = factors.levels.filter(factor=factor).drop("factor")
    without = means.height - beside.height
    sentence = _sentence(row, measure)
    if without:
        verb = "has" if without == 1 else "have"
        sentence += f" {counted(without, 'model')} without a value {verb} no part in it."
    figure = None
    if beside.height:
        figure = _of_numbers(beside, factor, measure) if is_number else _of_levels(beside, measure)
    return FactorPart(
        name=factor,
        sentence=sentence,
        figure=figure,
        levels=None if is_number else _levels_table(levels, factor, measure, anchor),
    )


def _sentence(row: dict[str, Any], measure: str) -> str:
    if row["explained"] is None:
        return f"What it explains is not known: {row['reason']}."
    sentence = (
        f"It explains {percent(row['explained'])} of the variance of the {spoken(measure)} within "
        f"targets, where {'numbers' if row['kind'] == 'number' else 'levels'} dealt out at random "
        f"would explain {percent(row['by_chance'])}"
    )
    if row["spearman"] is not None:
        rank = number(row["spearman"], 2)
        return f"{sentence}; its Spearman correlation with the models' means is {rank}."
    return f"{sentence}."


def _of_levels(beside: pl.DataFrame, measure: str) -> Figure:
    mean = pl.col("value").mean().over("fact")
    order = beside.with_columns(level=pl.col("fact").cast(pl.String), mean=mean).sort(
        "mean", "level", "value", descending=[measure == CONSENSUS, False, False]
    )
    few = order["level"].unique(maintain_order=True).head(_MOST_LEVELS)
    shown = order.filter(pl.col("level").is_in(few.implode()))
    spoken_means = shown.unique("level", keep="first", maintain_order=True).select("level", "mean")
    told = "; ".join(f"{level} {value:.2f}" for level, value in spoken_means.iter_rows())
    caption = (
        f"Mean {spoken(measure)} of each model over its targets, by level; the tick is the mean"
    )
    if few.len() < order["level"].n_unique():
        caption += f"; the {few.len()} best of {order['level'].n_unique()} levels"
    return Figure(
        _charts.level_dots(shown, f"mean {spoken(measure)}"), f"Dots by level: {told}", caption
    )


def _of_numbers(beside: pl.DataFrame, factor: str, measure: str) -> Figure:
    column = f"mean {spoken(measure)}"
    points = beside.select(
        name=pl.col("model"), value=pl.col("fact").cast(pl.Float64), **{column: "value"}
    )
    numbered = points.with_row_index("place", offset=1).with_columns(name="place")
    told = "; ".join(f"{name} {x:.3g}, {y:.2f}" for name, x, y in points.iter_rows())
    key = ", ".join(f"{place} {name}" for place, name in enumerate(points["name"], start=1))
    return Figure(
        _charts.scatter(numbered, factor, higher_is_better=True, outcome=column),
        f"Points of {factor} and {column}: {told}",
        f"{column.capitalize()} of each model by {factor}: {key}",
    )


def _levels_table(levels: pl.DataFrame, factor: str, measure: str, anchor: str) -> PageTable:
    order = levels.sort(measure, "level", descending=[measure == CONSENSUS, False], nulls_last=True)
    return page_table(
        order.head(_MOST_LEVELS),
        f"{anchor}-levels",
        f"Means by {factor}",
        labels={**headings(levels.columns), "level": factor},
        always=["level", "models"],
    )
