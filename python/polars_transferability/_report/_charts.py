"""The pictures of a report: static SVG, drawn by Vega-Altair.

They are drawn for the width of a telephone; the page puts several side by side. Colours are those
of the light page; the style sheet gives each its counterpart for the dark one.
"""

from __future__ import annotations

import re
from itertools import count

import altair as alt
import polars as pl
import vl_convert

from polars_transferability._report._results import TERMS

WIDTH = 300
# The style sheet knows them by these values.
TEXT, MUTED, GRID = "#1b1f24", "#59636e", "#d8dee4"
COLOURS = dict(zip(TERMS, ("#0072b2", "#cc79a7", "#e69f00"), strict=True))
# What says nothing in a picture that stands for itself, with an alternative text around it.
_NOISE = re.compile(
    r' (?:role|aria-[a-z]+|class|pointer-events|xmlns:xlink|version)="[^"]*"'
    r'| opacity="1"| display="none"'
)
_EMPTY = re.compile(r'<path(?: d="(?:M0,0h0v0h0Z)?")?/>|<g(?: transform="translate\(0,0\)")?></g>')

_numbers = count()


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
    rows = rows.with_columns(total=pl.sum_horizontal(TERMS))
    long = rows.unpivot(TERMS, index=names, variable_name="term", value_name="nats").with_columns(
        rank=pl.col("term").replace_strict(dict(zip(TERMS, range(3), strict=True)))
    )
    y = alt.Y(
        f"{names}:N",
        sort=rows[names].to_list(),
        axis=None,
        scale=alt.Scale(paddingInner=0.55, paddingOuter=0.3),
    )
    chart = alt.Chart(rows).encode(y=y)
    sums = chart.mark_text(align="left", xOffset=4, fontSize=12, color=TEXT)
    layers = [
        alt.Chart(long)
        .mark_bar()
        .encode(
            y=y,
            x=alt.X("nats:Q", title="nats", axis=alt.Axis(tickCount=4)),
            color=alt.Color(
                "term:N",
                scale=alt.Scale(domain=list(COLOURS), range=list(COLOURS.values())),
                legend=None,
            ),
            order="rank:Q",
        ),
        sums.encode(x="total:Q", text=alt.Text("total:Q", format=".3f")),
    ]
    if marks:
        guessing = alt.Chart(rows.head(1)).mark_rule(color=MUTED, strokeDash=[4, 3])
        loss = chart.mark_tick(color=TEXT, thickness=3, height=18)
        layers.insert(0, guessing.encode(x="trivial_loss:Q"))
        layers.append(loss.encode(x="target_loss:Q"))
    above = chart.mark_text(align="left", baseline="bottom", yOffset=-9, fontSize=12, color=TEXT)
    above = above.encode(x=alt.value(0), text=f"{names}:N")
    return _svg(alt.layer(*layers, above).properties(width=WIDTH, height=alt.Step(36)))


def scatter(rows: pl.DataFrame, names: str, score: str, *, higher_is_better: bool) -> str:
    """Draw a score against the accuracy, a named point per row; better is right and up.

    Parameters
    ----------
    rows
        The score and `accuracy`.
    names
        Column of what stands above each point; short, or they cover each other.
    score
        Column of the score.
    higher_is_better
        False turns the axis round.
    """
    x = alt.X(
        f"{score}:Q",
        title=score.replace("_", " ") + ("" if higher_is_better else " (lower is better)"),
        scale=alt.Scale(zero=False, padding=12, reverse=not higher_is_better),
        axis=alt.Axis(tickCount=4, labelOverlap=True),
    )
    y = alt.Y(
        "accuracy:Q",
        scale=alt.Scale(zero=False, padding=18),
        axis=alt.Axis(tickCount=5, titleAngle=0, titleAlign="left", titleX=-30, titleY=-8),
    )
    points = alt.Chart(rows).mark_circle(size=60, color=COLOURS["source_loss"], opacity=1)
    text = alt.Chart(rows).mark_text(dy=-10, fontSize=12, color=TEXT)
    layers = alt.layer(points.encode(x=x, y=y), text.encode(x=x, y=y, text=f"{names}:N"))
    return _svg(layers.properties(width=WIDTH, height=200))


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
    side = min(26, WIDTH // max(1, len(sources)))
    chart = (
        alt.Chart(rows)
        .mark_rect(color=COLOURS["source_loss"])
        .encode(
            x=alt.X("source_class:N", sort=sources, title=None, axis=alt.Axis(labelLimit=120)),
            y=alt.Y("target_class:N", sort=targets, title=None, axis=alt.Axis(labelLimit=110)),
            opacity=alt.Opacity(
                "source_weight:Q", scale=alt.Scale(domain=[0, 1], range=[0.06, 1]), legend=None
            ),
        )
        .properties(width=alt.Step(side), height=alt.Step(26))
    )
    return _svg(chart)


def _svg(chart: alt.Chart | alt.LayerChart) -> str:
    drawn = chart.configure(
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
    svg: str = vl_convert.vegalite_to_svg(drawn.to_json(), show_warnings=False)
    svg, previous = _NOISE.sub("", svg), ""
    while svg != previous:
        svg, previous = _EMPTY.sub("", svg), svg
    # Several pictures share the page, and names within it must be unique.
    prefix = f"chart{next(_numbers)}-"
    return re.sub(r'\bid="', f'id="{prefix}', svg).replace("url(#", f"url(#{prefix}")
