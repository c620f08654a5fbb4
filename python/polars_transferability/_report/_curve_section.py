"""The section of the page on curves: from how many labels of a target on its source helps."""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

from polars_transferability._report import _charts
from polars_transferability._report._charts import Figure
from polars_transferability._report._page_table import PageTable, page_table
from polars_transferability._report._results import Results
from polars_transferability._report._wording import headings, numbers
from polars_transferability.compute.curve_summary import COUNTS, curve_means, curve_sentence

# A page is for reading; the files beside it have everything.
_MOST_CURVES = 12
# Lines of a picture, and what they are called.
_LINES = {
    "bound": "bound",
    "target_loss": "loss of the head",
    "probe_loss": "probe",
    "trivial_loss": "guessing",
}


@dataclass(frozen=True)
class CurvesOfTarget:
    """The curves of all models to one target.

    Attributes
    ----------
    transfer
        From which source to which target.
    figures
        Of the models with the lowest bounds where there is most to learn from.
    others
        Sentences on the models that have no picture.
    table
        The means that are drawn.
    """

    transfer: str
    figures: tuple[Figure, ...]
    others: tuple[str, ...]
    table: PageTable


def curve_section(results: Results) -> tuple[CurvesOfTarget, ...]:
    """Return the curves target by target; nothing if there are none."""
    if results.curve is None:
        return ()
    # The column of models may be called anything, even as what is added here.
    draws = results.curve.rename({results.model: "model"})
    pairs = draws.partition_by("target", maintain_order=True)
    return tuple(_of_target(pair, f"curve{place}", results) for place, pair in enumerate(pairs))


def _of_target(draws: pl.DataFrame, anchor: str, results: Results) -> CurvesOfTarget:
    """Return the curves to one target, the model with the lowest last bound first."""
    means = curve_means(draws, ["model"])
    last = means.group_by("model", maintain_order=True).agg(pl.col("bound").last())
    order = last.sort("bound", nulls_last=True, maintain_order=True)["model"]
    curves = [means.filter(model=name) for name in order]
    drawable = [curve for curve in curves if curve["bound"].count()]
    empty = [curve for curve in curves if not curve["bound"].count()]
    unread = draws.filter(~pl.col("model").is_in(order.implode()))["model"]
    labels = ", with pseudo-labels" if results.has_pseudo_labels() else ""
    return CurvesOfTarget(
        transfer=f"From {draws['source'][0]} to {draws['target'][0]}{labels}",
        figures=tuple(map(_figure, drawable[:_MOST_CURVES])),
        others=(
            *(curve_sentence(curve, ["model"]) for curve in drawable[_MOST_CURVES:] + empty),
            *(f"{name}: could not be computed." for name in unread),
        ),
        table=_table(pl.concat(curves), anchor, results.model),
    )


def _figure(means: pl.DataFrame) -> Figure:
    found = means.drop_nulls(list(_LINES))
    lines = [pl.format(f"{line} {{}}", numbers(name, 3)) for name, line in _LINES.items()]
    points = found.select(pl.format("{}: {}", "rows", pl.concat_str(lines, separator=", ")))
    return Figure(
        _charts.curve_lines(found),
        f"Lines of losses by rows a class: {'; '.join(points.to_series())}",
        curve_sentence(means, ["model"]),
    )


def _table(means: pl.DataFrame, anchor: str, model: str) -> PageTable:
    shown = means.drop("source", "target", *COUNTS).with_columns(pl.col("model").cast(pl.String))
    labels = {
        **headings(shown.columns),
        "model": model,
        "rows": "rows a class",
        "bound_low": "bound, 2.5 %",
        "bound_high": "bound, 97.5 %",
        "trivial_loss": "guessing",
        "knn_accuracy": "kNN accuracy",
    }
    return page_table(shown, anchor, "Means over all draws", labels=labels, group="model")
