"""The pictures of a report: static SVG, drawn by Vega-Altair.

They are drawn for the width of a telephone; the page puts several side by side. Colours are those
of the light page; the style sheet gives each its counterpart for the dark one.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, TypeAlias

import altair as alt
import polars as pl
import polars.selectors as cs
import vl_convert

from polars_transferability._report._results import TERMS
from polars_transferability._visible import visible

WIDTH, _HEIGHT = 300, 200
# From one bar to the next, with the name above it.
_BAR_STEP = 36
# Opacity of a bar that says nothing.
_PALE = 0.3
# Side of the squares by which names are kept apart.
_GRID = 3
Square: TypeAlias = tuple[int, int]
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
    """Draw the terms of each row, stacked, in the order of the rows; their sums stand beside.

    Parameters
    ----------
    rows
        The terms, in nats.
    names
        Column of what stands above each bar.
    marks
        Also draw `target_loss` (a dark tick) and `trivial_loss` (a long grey one), and pale the
        bars of which the column `nothing` is true, which say no more than guessing.
    """
    rows = rows.with_columns(
        total=pl.sum_horizontal(TERMS), bar=pl.col(names).replace_strict(_labels(rows[names]))
    )
    y, losses = _bars_in_order(rows["bar"]), ["target_loss", "trivial_loss"] if marks else []
    chart = alt.Chart(_data(rows.select("bar", "total", *losses))).encode(y=y)
    stacked = _stacked(rows, pale="nothing" if marks else None)
    layers = [stacked.encode(y=y), *_beside_bars(chart, alt.Text("total:Q", format=".3f"))]
    if marks:
        guessing = chart.mark_tick(color=MUTED, thickness=2, height=22, opacity=1)
        ticks = chart.mark_tick(color=TEXT, thickness=3, height=16, opacity=1)
        layers += [guessing.encode(x="trivial_loss:Q"), ticks.encode(x="target_loss:Q")]
    return _svg(alt.layer(*layers).properties(width=WIDTH, height=alt.Step(_BAR_STEP)))


def _bars_in_order(names: pl.Series) -> alt.Y:
    scale = alt.Scale(domain=names.to_list(), paddingInner=0.55, paddingOuter=0.3)
    return alt.Y("bar:N", sort=None, axis=None, scale=scale)


def _beside_bars(chart: alt.Chart, text: alt.Text) -> tuple[alt.Chart, alt.Chart]:
    """Return a number to the right of each bar, where no bar comes, and its name above it."""
    numbers = chart.mark_text(align="left", fontSize=12, color=TEXT)
    above = chart.mark_text(align="left", baseline="bottom", yOffset=-9, fontSize=12, color=TEXT)
    return (
        numbers.encode(x=alt.value(WIDTH + 6), text=text),
        above.encode(x=alt.value(0), text="bar:N"),
    )


def _stacked(rows: pl.DataFrame, *, pale: str | None) -> alt.Chart:
    """Return a bar of each row's terms, beside each other in the order of `TERMS`."""
    shown = rows.with_columns(opacity=pl.when(pale).then(_PALE).otherwise(1.0) if pale else 1.0)
    long = shown.unpivot(
        TERMS, index=["bar", "opacity"], variable_name="term", value_name="nats"
    ).with_columns(rank=pl.col("term").replace_strict(dict(zip(TERMS, range(3), strict=True))))
    colours = alt.Scale(domain=list(COLOURS), range=list(COLOURS.values()))
    x = alt.X("nats:Q", title="nats", axis=alt.Axis(tickCount=4))
    colour = alt.Color("term:N", scale=colours, legend=None)
    opacity = alt.Opacity("opacity:Q", scale=None)
    bars: alt.Chart = (
        alt.Chart(_data(long)).mark_bar().encode(x=x, color=colour, order="rank:Q", opacity=opacity)
    )
    return bars


def level_dots(rows: pl.DataFrame, what: str) -> str:
    """Draw a row of dots for each level, one for each model, and a tick at their mean.

    Parameters
    ----------
    rows
        `level` and `value`, a row for each model; levels are drawn in the order of the rows.
    what
        What the values are called.
    """
    levels = _labels(rows["level"])
    named = rows.select("value", bar=pl.col("level").replace_strict(levels))
    means = named.group_by("bar", maintain_order=True).agg(mean=pl.col("value").mean())
    y = _bars_in_order(means["bar"])
    x = alt.X(
        "value:Q", title=what, scale=alt.Scale(zero=False, padding=8), axis=alt.Axis(tickCount=4)
    )
    dots = alt.Chart(_data(named)).mark_circle(size=60, color=COLOURS["source_loss"], opacity=0.75)
    chart = alt.Chart(_data(means)).encode(y=y)
    ticks = chart.mark_tick(color=TEXT, thickness=3, height=16, opacity=1)
    layers = [
        dots.encode(x=x, y=y),
        ticks.encode(x="mean:Q"),
        *_beside_bars(chart, alt.Text("mean:Q", format=".2f")),
    ]
    return _svg(alt.layer(*layers).properties(width=WIDTH, height=alt.Step(_BAR_STEP)))


def scatter(
    rows: pl.DataFrame, score: str, *, higher_is_better: bool, outcome: str = "accuracy"
) -> str:
    """Draw a score against an outcome, a named point per row; better is right and up.

    A name that has no room beside its point is left out.

    Parameters
    ----------
    rows
        `name`, which should be short; `value`, the score; and the outcome.
    score
        What the score is called.
    higher_is_better
        False turns the axis round.
    outcome
        Column of what the score is drawn against.
    """
    points = rows.select("value", outcome=outcome, name=pl.col("name").cast(pl.String)).filter(
        pl.all_horizontal(pl.col("value", "outcome").is_finite())
    )
    x_range, y_range = _range(points["value"]), _range(points["outcome"])
    (title,) = _labels([score]).values()
    x = alt.X(
        "value:Q",
        title=title + ("" if higher_is_better else " (lower is better)"),
        scale=alt.Scale(domain=list(x_range), nice=False, reverse=not higher_is_better),
        axis=alt.Axis(tickCount=4, labelOverlap=True),
    )
    y = alt.Y(
        "outcome:Q",
        title=outcome.replace("_", " "),
        scale=alt.Scale(domain=list(y_range), nice=False),
        axis=alt.Axis(tickCount=5, titleAngle=0, titleAlign="left", titleX=-30, titleY=-8),
    )
    placed = points.with_columns(
        across=_pixels("value", x_range, WIDTH, reverse=not higher_is_better),
        down=_pixels("outcome", y_range, _HEIGHT, reverse=True),
    )
    circles = alt.Chart(_data(points.drop("name"))).mark_circle(
        size=60, color=COLOURS["source_loss"], opacity=1
    )
    layers = [circles.encode(x=x, y=y)]
    for (dx, dy), named in _names_with_room(placed).items():
        text = alt.Chart(_data(named)).mark_text(dx=dx, dy=dy, fontSize=12, color=TEXT)
        layers.append(text.encode(x=x, y=y, text="name:N"))
    return _svg(alt.layer(*layers).properties(width=WIDTH, height=_HEIGHT))


def _range(values: pl.Series) -> tuple[float, float]:
    """Return from where to where an axis goes, with some room on both sides."""
    if values.is_empty():
        return 0.0, 1.0
    low, high = float(values.min()), float(values.max())  # type: ignore[arg-type]
    room = 0.07 * (high - low) or 0.05 * abs(low) or 1.0
    return low - room, high + room


def _pixels(column: str, ends: tuple[float, float], size: int, *, reverse: bool) -> pl.Expr:
    low, high = ends
    share = (pl.col(column) - low) / (high - low)
    return ((1 - share) if reverse else share) * size


def _names_with_room(points: pl.DataFrame) -> dict[tuple[int, int], pl.DataFrame]:
    """Return the points whose names are drawn, by how far from the point the name stands.

    The names of points near each other would cover each other, or the points. Each is put where
    there is room left, the first points first.
    """
    taken = {
        square
        for across, down in points.select("across", "down").iter_rows()
        for square in _squares(across, down, 3, 3)
    }
    chosen: list[tuple[int, int] | None] = []
    for name, across, down in points.select("name", "across", "down").iter_rows():
        half = 3.5 * len(name)
        places = ((0, -10), (0, 11), (9 + half, 0), (-9 - half, 0), (7 + half, -8), (-7 - half, -8))
        for dx, dy in places:
            squares = _squares(across + dx, down + dy, half, 5)
            if squares.isdisjoint(taken):
                taken |= squares
                chosen.append((round(dx), dy))
                break
        else:
            chosen.append(None)
    named = points.select("value", "outcome", "name")
    return {
        place: named.filter(pl.Series([other == place for other in chosen]))
        for place in dict.fromkeys(chosen)
        if place is not None
    }


def _squares(across: float, down: float, half_width: float, half_height: float) -> set[Square]:
    """Return the squares of a grid that a box meets."""
    columns = range(int((across - half_width) // _GRID), int((across + half_width) // _GRID) + 1)
    rows = range(int((down - half_height) // _GRID), int((down + half_height) // _GRID) + 1)
    return {(column, row) for column in columns for row in rows}


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
    return _svg(alt.layer(*layers).properties(width=WIDTH, height=_HEIGHT))


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
