"""Whether bounds, scores and their consensus rank models as their accuracies do."""

from __future__ import annotations

from typing import Any

import altair as alt
import does_it_predict as question
import polars as pl
import results
from zoo import Zoo

from study.pictures import BLUE, GREEN, GREY, ORANGE, PINK, TEXT, Gallery, in_order, values
from study.words import interval, number, of_domain, table

TITLE = "Does it predict?"
SCRIPT = "does_it_predict.py"
BOUND, BOUND_ALL = "bound, lowest", "bound (all rows), lowest"
CONSENSUS = "consensus of bound (all rows), kNN, LogME"
_KINDS = {"consensus": GREEN, "bound": BLUE, "score": ORANGE, "trivial": GREY, "ceiling": PINK}


def section(zoo: Zoo, gallery: Gallery) -> dict[str, Any]:
    """Return what the text of the section is made of."""
    return {
        "question": question,
        "sources": results.SOURCES,
        "fixed": {domain: zoo.tasks(domain)["task"][0] for domain in zoo.domains()},
        "domains": {domain: _of_domain(zoo, domain, gallery) for domain in zoo.domains()},
    }


def _of_domain(zoo: Zoo, domain: str, gallery: Gallery) -> dict[str, Any]:
    rankers = question.rankers(zoo, domain)
    summary, lists = question.summary(rankers), question.shortlists(zoo, domain)
    says = f"Weighted tau of every ranker on {of_domain(domain)}, with intervals"
    tau = dict(summary.select("ranker", "weighted_tau").iter_rows())
    many = question.of_many_classes(rankers)
    return {
        "picture": gallery.hang(f"predict-{domain}", _picture(summary), says),
        "table": _table(summary, many),
        "targets": rankers["target"].n_unique(),
        "models": rankers["model"].n_unique(),
        "first": summary.filter(pl.col("kind") != "ceiling").row(0, named=True),
        "bound": tau[BOUND],
        "bound_all": tau[BOUND_ALL],
        "consensus": tau[CONSENSUS],
        "elsewhere": tau[question.ELSEWHERE],
        "ceiling": tau[question.CEILING],
        "best_score": next(many.filter(kind="score").iter_rows(named=True), None),
        "best_consensus": next(many.filter(kind="consensus").iter_rows(named=True), None),
        "many_targets": rankers.filter(pl.col("classes") >= question.MANY_CLASSES)[
            "target"
        ].n_unique(),
        "over_bound": question.difference(rankers, CONSENSUS, BOUND_ALL),
        "over_logme": question.difference(rankers, CONSENSUS, "logme"),
        "over_elsewhere": question.difference(rankers, BOUND_ALL, question.ELSEWHERE),
        "equal": _equal(rankers),
        "not_judged": _not_judged(rankers),
        "listed": lists["listed"],
        "has_best": lists["has_best"].sum(),
    }


def _equal(rankers: pl.DataFrame) -> list[str]:
    """Return the bounds that have all models equal on most targets, by their lowest."""
    lowest = pl.col("ranker").str.strip_suffix(", lowest")
    of_targets = (
        rankers.filter(pl.col("kind") == "bound", pl.col("ranker").str.ends_with(", lowest"))
        .group_by(lowest, "target", maintain_order=True)
        .agg(equal=pl.col("value").n_unique() == 1)
    )
    shares = of_targets.group_by("ranker", maintain_order=True).agg(pl.mean("equal"))
    return shares.filter(pl.col("equal") > 0.5)["ranker"].to_list()


def _not_judged(rankers: pl.DataFrame) -> list[tuple[str, int, int]]:
    """Return each score that some models have no value of, how many of them, and of how many."""
    counts = (
        rankers.filter(kind="score")
        .group_by("ranker", maintain_order=True)
        .agg(missing=(~pl.col("judged")).sum(), pairs=pl.len())
    )
    return counts.filter(pl.col("missing") > 0).rows()


def _table(summary: pl.DataFrame, many: pl.DataFrame) -> str:
    tau_of_many = dict(many.select("ranker", "weighted_tau").iter_rows())
    headings = [
        *("ranker", "weighted τ", "other targets", "other models"),
        f"τ, {question.MANY_CLASSES} classes or more",
        *("Spearman", "top-3 recall", "regret, points"),
    ]
    rows = [
        [
            f"**{row['ranker']}**" if row["kind"] == "consensus" else row["ranker"],
            number(row["weighted_tau"]),
            interval(row["weighted_tau_targets"]),
            interval(row["weighted_tau_models"]),
            number(tau_of_many.get(row["ranker"])),
            number(row["spearman"]),
            number(row["top_3_recall"]),
            number(row["regret_at_1"], 1),
        ]
        for row in summary.iter_rows(named=True)
    ]
    return table(headings, rows)


def _picture(summary: pl.DataFrame) -> alt.LayerChart:
    rows = summary.select(
        "kind",
        "ranker",
        tau="weighted_tau",
        low=pl.col("weighted_tau_targets").list.first(),
        high=pl.col("weighted_tau_targets").list.last(),
    )
    title = "weighted τ, mean over targets, and its interval over targets"
    scale = alt.Scale(domain=list(_KINDS), range=list(_KINDS.values()))
    base = alt.Chart(values(rows)).encode(
        y=alt.Y("ranker:N", **in_order(rows["ranker"].to_list())),
        color=alt.Color("kind:N", scale=scale, legend=alt.Legend(orient="top", title=None)),
    )
    zero = alt.Chart(values(pl.DataFrame({"tau": [0.0]}))).mark_rule(color=TEXT, strokeWidth=0.5)
    lines, points = (
        base.mark_rule(strokeWidth=2, opacity=0.5),
        base.mark_point(filled=True, size=60, opacity=1),
    )
    layers: alt.LayerChart = alt.layer(
        zero.encode(x=alt.X("tau:Q", title=title)),
        lines.encode(x=alt.X("low:Q", title=title), x2="high:Q"),
        points.encode(x=alt.X("tau:Q", title=title)),
    ).properties(width=420, height=alt.Step(17))
    return layers
