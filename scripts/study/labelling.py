"""How much few labels are worth, and what can be said without any."""

from __future__ import annotations

from typing import Any

import altair as alt
import few_labels
import label_free
import polars as pl
import results
from does_it_predict import CEILING, ELSEWHERE, quality, rankers
from zoo import Zoo

from study.pictures import BLUE, GREY, ORANGE, TEXT, Gallery, values
from study.words import number, of_domain, percent, table

TITLE = "Few labels, no labels"
SCRIPT = "few_labels.py"
_LINES = {"bound": BLUE, "its loss": TEXT, "probe": ORANGE, "guessing": GREY}
_COLUMNS = ("bound", "target_loss", "probe_loss", "trivial_loss")
# What is above so many times the loss of guessing is drawn there: a probe of one row a class may
# lose many times what guessing does, and would leave no room for the others.
_TOP = 1.3
# Rankers to compare with, of which the last two read labels.
_BESIDE = (ELSEWHERE, "knn_accuracy", CEILING)


def section(zoo: Zoo, gallery: Gallery) -> dict[str, Any]:
    """Return what the text of the section is made of."""
    means = {domain: few_labels.by_rows(few_labels.curves(zoo, domain)) for domain in zoo.domains()}
    without = {domain: label_free.without_labels(zoo, domain) for domain in zoo.domains()}
    beside = {domain: _beside(zoo, domain) for domain in zoo.domains()}
    says = "Losses by the number of labelled rows of each class"
    return {
        "few_labels": few_labels,
        "label_free": label_free,
        "models": {domain: few_labels.models_of(zoo, domain) for domain in zoo.domains()},
        "source": {domain: few_labels.source_of(zoo, domain) for domain in zoo.domains()},
        "picture": gallery.hang("few-labels", _picture(means), says),
        "table": _table_of_means(means),
        "few": {domain: _few(rows) for domain, rows in means.items()},
        "sources": results.SOURCES,
        "without": _table_without(without, beside),
        "first": {domain: found.row(0, named=True) for domain, found in without.items()},
        "beside": beside,
    }


def _few(means: pl.DataFrame) -> dict[str, Any]:
    """Return with which numbers of rows the head helps, in most draws and in the mean."""
    by_help = means.sort("head_helps", "rows", descending=[True, False])
    return {
        "in_most": means.filter(pl.col("head_helps") > 0.5)["rows"].to_list(),
        "in_mean": means.filter(pl.col("target_loss") < pl.col("probe_loss"))["rows"].to_list(),
        "most": by_help.row(0, named=True),
        "last": means.row(-1, named=True),
    }


def _table_of_means(means: dict[str, pl.DataFrame]) -> str:
    headings = ["of", "rows a class", "bound", "its loss", "probe", "guessing"]
    headings += ["head helps", "even its bound does"]
    rows = [
        [
            of_domain(domain),
            str(row["rows"]),
            *(number(row[name]) for name in _COLUMNS),
            percent(row["head_helps"]),
            percent(row["bound_helps"]),
        ]
        for domain, of_rows in means.items()
        for row in of_rows.iter_rows(named=True)
    ]
    return table(headings, rows)


def _picture(means: dict[str, pl.DataFrame]) -> alt.FacetChart:
    both = pl.concat(
        rows.with_columns(domain=pl.lit(of_domain(domain))) for domain, rows in means.items()
    )
    top = _TOP * pl.lit(both["trivial_loss"].max())
    long = both.unpivot(
        _COLUMNS, index=["rows", "domain"], variable_name="line", value_name="loss"
    ).with_columns(
        pl.col("line").replace_strict(dict(zip(_COLUMNS, _LINES, strict=True))),
        pl.min_horizontal("loss", top),
    )
    colours = alt.Scale(domain=list(_LINES), range=list(_LINES.values()))
    lines = alt.Chart(values(long)).encode(
        x=alt.X(
            "rows:Q",
            title="labelled rows of each class",
            scale=alt.Scale(type="log", nice=False, padding=8),
            axis=alt.Axis(values=list(few_labels.ROWS), format="d", grid=False),
        ),
        y=alt.Y("loss:Q", title="nats", scale=alt.Scale(zero=False, padding=8)),
        color=alt.Color(
            "line:N", scale=colours, legend=alt.Legend(orient="top", title=None, columns=4)
        ),
    )
    drawn = lines.mark_line(point=alt.OverlayMarkDef(size=40, filled=True, opacity=1))
    facet: alt.FacetChart = drawn.properties(width=240, height=220).facet(
        column=alt.Column("domain:N", title=None)
    )
    return facet


def _beside(zoo: Zoo, domain: str) -> dict[str, float]:
    """Return the weighted tau of what a score without labels is compared with."""
    found = rankers(zoo, domain).filter(pl.col("ranker").is_in(_BESIDE))
    taus = quality(found).group_by("ranker").agg(pl.mean("weighted_tau"))
    return dict(taus.iter_rows())


def _table_without(without: dict[str, pl.DataFrame], beside: dict[str, dict[str, float]]) -> str:
    ways = [f"{of_domain(domain)}, {way} source" for domain in without for way in ("mean", "best")]
    taus = {
        domain: {ranker: of_ways for ranker, *of_ways in found.iter_rows()}
        for domain, found in without.items()
    }
    rows = [
        [name, *(number(tau) for domain in taus for tau in taus[domain][name])]
        for name in label_free.SCORES
    ]
    rows += [
        [f"*{name}*", *(cell for domain in beside for cell in (number(beside[domain][name]), ""))]
        for name in _BESIDE
    ]
    return table(["weighted τ", *ways], rows)
