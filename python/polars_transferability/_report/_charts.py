"""The pictures of a report: static SVG, drawn by Vega-Altair.

They are drawn for the width of a telephone; the page puts several side by side. Colours are those
of the light page; the style sheet gives each its counterpart for the dark one.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import altair as alt
import polars as pl
import polars.selectors as cs
import vl_convert

from polars_transferability._report._results import TERMS
from polars_transferability._visible import visible

WIDTH = 300
# The style sheet knows them by these values.
TEXT, MUTED, GRID = "#1b1f24", "#59636e", "#d8dee4"
COLOURS = dict(zip(TERMS, ("#0072b2", "#cc79a7", "#e69f00"), strict=True))
# The lines of a curve; the loss itself has the colour of its tick beside a bound.
_LINES = {
    "probe_loss": COLOURS["distribution_mismatch"],
    "target_loss": TEXT,
    "bound": COLOURS["source_loss"],
}
# Characters of a name. There is no room for more, and time to draw grows with their square.
_LONGEST_NAME = 60


@dataclass(frozen=True)
class Figure:
    """A picture as SVG, what is read aloud in its place, and what stands below it."""

    svg: str
    alt: str
    caption: str


def term_bars(rows: pl.DataFrame, names: str, *, marks: bool) -> str:
    """Draw the terms of each row, stacked, in the order of the rows.

    Parameters
    ----------
    rows
        The terms, in nats.
    names
        Column of what stands above each bar.
    marks
        Also draw `target_loss` (a tick) and `trivial_loss` (a dashed line).
    """
    rows = rows.with_columns(
        total=pl.sum_horizontal(TERMS), bar=pl.col(names).replace_strict(_labels(rows[names]))
    )
    scale = alt.Scale(domain=rows["bar"].to_list(), paddingInner=0.55, paddingOuter=0.3)
    y = alt.Y("bar:N", sort=None, axis=None, scale=scale)
    losses = ["target_loss", "trivial_loss"] if marks else []
    chart = alt.Chart(_data(rows.select("bar", "total", *losses))).encode(y=y)
    sums = chart.mark_text(align="left", xOffset=4, fontSize=12, color=TEXT)
    above = chart.mark_text(align="left", baseline="bottom", yOffset=-9, fontSize=12, color=TEXT)
    layers = [
        _stacked(rows).encode(y=y),
        sums.encode(x="total:Q", text=alt.Text("total:Q", format=".3f")),
    ]
    if marks:
        guessing = alt.Chart(_data(rows.select("trivial_loss").head(1)))
        dashes = guessing.mark_rule(color=MUTED, strokeDash=[4, 3])
        ticks = chart.mark_tick(color=TEXT, thickness=3, height=18)
        layers.insert(0, dashes.encode(x="trivial_loss:Q"))
        layers.append(ticks.encode(x="target_loss:Q"))
    layers.append(above.encode(x=alt.value(0), text="bar:N"))
    return _svg(alt.layer(*layers).properties(width=WIDTH, height=alt.Step(36)))


def _stacked(rows: pl.DataFrame) -> alt.Chart:
    """Return a bar of each row's terms, beside each other in the order of `TERMS`."""
    long = rows.unpivot(TERMS, index="bar", variable_name="term", value_name="nats").with_columns(
        rank=pl.col("term").replace_strict(dict(zip(TERMS, range(3), strict=True)))
    )
    colours = alt.Scale(domain=list(COLOURS), range=list(COLOURS.values()))
    x = alt.X("nats:Q", title="nats", axis=alt.Axis(tickCount=4))
    colour = alt.Color("term:N", scale=colours, legend=None)
    bars: alt.Chart = alt.Chart(_data(long)).mark_bar().encode(x=x, color=colour, order="rank:Q")
    return bars


def scatter(rows: pl.DataFrame, score: str, *, higher_is_better: bool) -> str:
    """Draw a score against the accuracy, a named point per row; better is right and up.

    Parameters
    ----------
    rows
        `name`, which must be short, or they cover each other; `value`, the score; and `accuracy`.
    score
        What the score is called.
    higher_is_better
        False turns the axis round.
    """
    data = _data(rows.with_columns(pl.col("name").cast(pl.String)))
    (title,) = _labels([score]).values()
    x = alt.X(
        "value:Q",
        title=title + ("" if higher_is_better else " (lower is better)"),
        scale=alt.Scale(zero=False, padding=12, reverse=not higher_is_better),
        axis=alt.Axis(tickCount=4, labelOverlap=True),
    )
    y = alt.Y(
        "accuracy:Q",
        scale=alt.Scale(zero=False, padding=18),
        axis=alt.Axis(tickCount=5, titleAngle=0, titleAlign="left", titleX=-30, titleY=-8),
    )
    points = alt.Chart(data).mark_circle(size=60, color=COLOURS["source_loss"], opacity=1)
    text = alt.Chart(data).mark_text(dy=-10, fontSize=12, color=TEXT)
    layers = alt.layer(points.encode(x=x, y=y), text.encode(x=x, y=y, text="name:N"))
    return _svg(layers.properties(width=WIDTH, height=200))


def curve_lines(means: pl.DataFrame) -> str:
    """Draw losses by the number of target rows of each class, which is on a logarithmic axis.

    A probe of one row a class may lose many times what guessing does, and would leave no room for
    the others: what is above twice the loss of guessing is a triangle at the top.

    Parameters
    ----------
    means
        `rows`; the means of `bound`, `target_loss` and `probe_loss`, in nats, a line each;
        `trivial_loss`, a dashed line; and `bound_low` and `bound_high`, a band.
    """
    guessing = means.select(nats=pl.col("trivial_loss").max())
    top = 2 * pl.lit(guessing.item())
    axis = alt.Axis(values=means["rows"].to_list(), format="d", grid=False, labelOverlap=True)
    scale = alt.Scale(type="log", nice=False)
    x = alt.X("rows:Q", title="rows a class", scale=scale, axis=axis)
    y = alt.Y(
        "nats:Q",
        title="nats",
        scale=alt.Scale(zero=False),
        axis=alt.Axis(tickCount=5, titleAngle=0, titleAlign="left", titleX=-30, titleY=-8),
    )
    low, high = (pl.min_horizontal(name, top) for name in ("bound_low", "bound_high"))
    band = alt.Chart(_data(means.select("rows", nats=low, high=high)))
    blue = band.mark_area(color=_LINES["bound"], opacity=0.2)
    dashes = alt.Chart(_data(guessing)).mark_rule(color=MUTED, strokeDash=[4, 3])
    layers = [
        blue.encode(x=x, y=y, y2=alt.Y2("high:Q", title="nats")),
        dashes.encode(y=y),
        *(layer.encode(x=x, y=y) for name in _LINES for layer in _line(means, name, top)),
    ]
    return _svg(alt.layer(*layers).properties(width=WIDTH, height=200))


def _line(means: pl.DataFrame, name: str, top: pl.Expr) -> tuple[alt.Chart, alt.Chart]:
    """Return a line and its points."""
    shown = means.select("rows", nats=pl.min_horizontal(name, top), beyond=pl.col(name) > top)
    chart, colour = alt.Chart(_data(shown)), _LINES[name]
    shapes = alt.Scale(domain=[False, True], range=["circle", "triangle-up"])
    points = chart.mark_point(color=colour, filled=True, size=40, opacity=1)
    by_size = points.encode(shape=alt.Shape("beyond:N", scale=shapes, legend=None))
    return chart.mark_line(color=colour), by_size


def class_weights(rows: pl.DataFrame) -> str:
    """Draw source classes as columns and target classes as rows, the darker the more."""
    targets = rows["target_class"].unique(maintain_order=True).to_list()
    largest = rows.sort("source_weight", descending=True).unique("source_class", keep="first")
    # Beside the target class that a source class stands for most, so that a good map is a diagonal.
    beside = {
        source: targets.index(target)
        for source, target in largest.select("source_class", "target_class").iter_rows()
    }
    sources = sorted(beside, key=lambda source: (beside[source], source))
    columns, lines = _labels(sources), _labels(targets)
    side = min(26, WIDTH // max(1, len(sources)))
    squares = rows.select(
        "source_weight",
        source=pl.col("source_class").replace_strict(columns),
        target=pl.col("target_class").replace_strict(lines),
    )
    chart = (
        alt.Chart(_data(squares))
        .mark_rect(color=COLOURS["source_loss"])
        .encode(
            x=alt.X("source:N", **_in_order(columns.values(), longest=120)),
            y=alt.Y("target:N", **_in_order(lines.values(), longest=110)),
            opacity=alt.Opacity(
                "source_weight:Q", scale=alt.Scale(domain=[0, 1], range=[0.06, 1]), legend=None
            ),
        )
        .properties(width=alt.Step(side), height=alt.Step(26))
    )
    return _svg(chart)


def _in_order(names: Iterable[str], *, longest: int) -> dict[str, Any]:
    """Return what an axis of names is made of, whose labels are at most `longest` pixels."""
    return {
        "sort": None,
        "scale": alt.Scale(domain=list(names)),
        "title": None,
        "axis": alt.Axis(labelLimit=longest),
    }


def _labels(names: Iterable[str]) -> dict[str, str]:
    """Return what is written for each name: a short line, and never the same for two."""
    labels: dict[str, str] = {}
    for name in dict.fromkeys(names):
        line = visible(name).replace("\n", "\N{SYMBOL FOR NEWLINE}")
        line = line.replace("\t", "\N{SYMBOL FOR HORIZONTAL TABULATION}")
        if len(line) > _LONGEST_NAME:
            line = line[: _LONGEST_NAME - 1] + "\N{HORIZONTAL ELLIPSIS}"
        taken = set(labels.values())
        labels[name] = next(
            label
            for label in (line, *(f"{line} ({number})" for number in range(2, len(taken) + 3)))
            if label not in taken
        )
    return labels


def _data(rows: pl.DataFrame) -> alt.InlineData:
    """Return rows as values that stand in the picture; what is not finite is not drawn."""
    finite = pl.when(cs.float().is_finite()).then(cs.float())
    return alt.InlineData(values=rows.with_columns(finite).to_dicts())


def _svg(chart: alt.Chart | alt.LayerChart) -> str:
    drawn = chart.configure(
        # The page describes the picture; Vega-Lite would put titles into expressions to do so, in
        # which a backslash or a quote of a name is not its own.
        aria=False,
        background="transparent",
        axis=alt.AxisConfig(
            labelColor=MUTED,
            titleColor=TEXT,
            gridColor=GRID,
            domainColor=GRID,
            tickColor=GRID,
            labelFontSize=11,
            titleFontSize=12,
            titleFontWeight="normal",
        ),
        view=alt.ViewConfig(stroke=None),
    )
    # Pictures stand on the page as they are: Vega escapes their texts, and as nothing in them is
    # clipped or shaded, none has an id that another could have, too.
    svg: str = vl_convert.vegalite_to_svg(drawn.to_json(), show_warnings=False)
    return svg
