"""How near tasks are by their bounds, and in which direction."""

from __future__ import annotations

from typing import Any

import altair as alt
import polars as pl
import relatedness as question
from polars_transferability._relatedness import task_order
from zoo import Zoo

from study.pictures import TEXT, Gallery, values
from study.words import number, of_domain, table

TITLE = "Task relatedness"
SCRIPT = "relatedness.py"


def section(zoo: Zoo, gallery: Gallery) -> dict[str, Any]:
    """Return what the text of the section is made of."""
    return {"domains": {domain: _of_domain(zoo, domain, gallery) for domain in zoo.domains()}}


def _of_domain(zoo: Zoo, domain: str, gallery: Gallery) -> dict[str, Any]:
    pairs, nearest = question.related(zoo, domain), question.nearest(zoo, domain)
    families = question.families(pairs)
    says = f"The bound of each source and target among {of_domain(domain)}, as a share of guessing"
    first = families.filter(pl.col("place") == 1)
    return {
        "picture": gallery.hang(f"relatedness-{domain}", _picture(pairs), says),
        "table": _table(nearest),
        "tasks": nearest.height,
        "directions": question.asymmetry(pairs).row(0, named=True),
        "near": nearest["share"].mean(),
        "far": nearest["share_of_farthest"].mean(),
        "agree": (nearest["agree"] / nearest["models"]).mean(),
        "families": families["family"].unique().sort().to_list(),
        "relatives": families.height,
        "found": [
            f"{target} (from {source})"
            for target, source in first.select("target", "nearest_relative").iter_rows()
        ],
        "place": families["place"].mean(),
        "by_chance": families["by_chance"].mean(),
    }


def _table(nearest: pl.DataFrame) -> str:
    headings = [
        *("target", "nearest source", "share of guessing", "models that agree"),
        *("farthest source", "share of guessing"),
    ]
    rows = [
        [
            row["target"],
            row["nearest"],
            number(row["share"]),
            f"{row['agree']} of {row['models']}",
            row["farthest"],
            number(row["share_of_farthest"]),
        ]
        for row in nearest.iter_rows(named=True)
    ]
    return table(headings, rows)


def _picture(pairs: pl.DataFrame) -> alt.LayerChart:
    scale = alt.Scale(domain=task_order(pairs))
    below = alt.Axis(labelAngle=-40)
    base = alt.Chart(values(pairs)).encode(
        x=alt.X("target:N", sort=None, scale=scale, title="target", axis=below),
        y=alt.Y("source:N", sort=None, scale=scale, title="source"),
    )
    shades = alt.Scale(domain=[0, 1], range=["#0072b2", "#f4f7fa"], clamp=True)
    on_dark = alt.condition("datum.share < 0.3", alt.value("#ffffff"), alt.value(TEXT))
    layers: alt.LayerChart = alt.layer(
        base.mark_rect().encode(color=alt.Color("share:Q", scale=shades, legend=None)),
        base.mark_text(fontSize=12).encode(text=alt.Text("share:Q", format=".2f"), color=on_dark),
    ).properties(width=alt.Step(46), height=alt.Step(32))
    return layers
