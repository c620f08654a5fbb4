"""What pretraining, architecture, size and layer explain."""

from __future__ import annotations

from typing import Any

import altair as alt
import polars as pl
import pretraining as question
from polars_transferability._factors import explained
from zoo import ROOT, Zoo

from study.pictures import BLUE, TEXT, Gallery, values
from study.words import number, of_domain, percent, table

TITLE = "Pretraining and architecture"
SCRIPT = "pretraining.py"
_FACTS = ROOT / "examples" / "study" / "factors.csv"
_MEASURES = ("accuracy", "bound", "consensus")


def section(zoo: Zoo, gallery: Gallery) -> dict[str, Any]:
    """Return what the text of the section is made of."""
    return {"domains": {domain: _of_domain(zoo, domain, gallery) for domain in zoo.domains()}}


def _of_domain(zoo: Zoo, domain: str, gallery: Gallery) -> dict[str, Any]:
    rows = question.beside(zoo, domain)
    models, pairs = question.of_models(rows), question.in_order(rows).drop("group").sum()
    factors = _factors(zoo, domain)
    says = f"Accuracies of groups of models on {of_domain(domain)}"
    return {
        "picture": gallery.hang(f"pretraining-{domain}", _picture(rows, models), says),
        "table": _table(models),
        "groups": [_leaders(of_group) for of_group in models.partition_by("group")],
        "pairs": pairs.row(0, named=True),
        "factors": _table_of_factors(factors) if factors.height else "",
        "explained": _explained(factors),
    }


def _leaders(models: pl.DataFrame) -> dict[str, Any]:
    """Return the most accurate model of a group, and which has the lowest mean bound."""
    best = models.sort("accuracy", descending=True).row(0, named=True)
    return {**best, "by_bound": models.sort("bound")["model"][0]}


def _table(models: pl.DataFrame) -> str:
    headings = ["group", "model", *_MEASURES, *(f"best by {name}" for name in _MEASURES)]
    repeated = models["group"] == models["group"].shift()
    rows = [
        [
            "" if again else row["group"],
            row["model"],
            *(number(row[name]) for name in _MEASURES),
            *(f"{row[f'best_by_{name}']} of {row['targets']}" for name in _MEASURES),
        ]
        for row, again in zip(models.iter_rows(named=True), repeated, strict=True)
    ]
    return table(headings, rows)


def _picture(rows: pl.DataFrame, models: pl.DataFrame) -> alt.FacetChart:
    """Draw accuracies of the models of a group, a dot for each target and a line for the mean."""
    both = rows.with_columns(mean=pl.mean("accuracy").over("group", "model"))
    title = "accuracy: a dot for each target, a line for the mean"
    x = alt.X("accuracy:Q", title=title, scale=alt.Scale(domain=[0, 1]))
    base = alt.Chart().encode(y=alt.Y("model:N", sort=None, title=None))
    dots = base.mark_circle(size=45, opacity=0.55, color=BLUE).encode(x=x)
    ticks = base.mark_tick(thickness=3, size=16, color=TEXT).encode(x=alt.X("mean:Q", title=title))
    group = alt.Row(
        "group:N",
        sort=models["group"].unique(maintain_order=True).to_list(),
        title=None,
        header=alt.Header(labelAnchor="start", labelOrient="top", labelAngle=0),
    )
    layers = alt.layer(dots, ticks, data=values(both)).properties(width=400, height=alt.Step(24))
    facet: alt.FacetChart = layers.facet(row=group, spacing=8).resolve_scale(y="independent")
    return facet


def _factors(zoo: Zoo, domain: str) -> pl.DataFrame:
    """Return what share of the variance each fact of the models of a domain explains.

    As a report does by its `factors`, and of the truth, too.
    """
    facts = pl.read_csv(_FACTS).join(zoo.models(domain), on="model", how="semi").drop("domain")
    return explained(question.all_beside(zoo, domain), facts, _MEASURES).drop_nulls("explained")


def _table_of_factors(factors: pl.DataFrame) -> str:
    rows = [
        [
            row["factor"],
            row["measure"],
            "a line" if row["levels"] is None else f"{row['levels']} levels",
            percent(row["explained"]),
            percent(row["by_chance"]),
        ]
        for row in factors.iter_rows(named=True)
    ]
    return table(["fact of the models", "of", "by", "explains", "by chance"], rows)


def _explained(factors: pl.DataFrame) -> list[dict[str, Any]]:
    """Return for each measure the fact that explains most beyond chance, or the facts that tie."""
    beyond = factors.with_columns(beyond=pl.col("explained") - pl.col("by_chance"))
    behind = pl.col("beyond").max().over("measure") - pl.col("beyond")
    best = beyond.filter(behind < 1e-9)
    facts = best.group_by("measure", maintain_order=True).agg(
        pl.col("factor").str.join(" and "),
        pl.col("explained", "by_chance", "beyond").first(),
        alike=pl.len() > 1,
    )
    return facts.sort("beyond", descending=True, maintain_order=True).rows(named=True)
