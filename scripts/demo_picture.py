"""The picture of the demo: bounds by their terms, and which model is best for which task."""

from __future__ import annotations

import altair as alt
import polars as pl

TERMS = ["source_loss", "label_mismatch", "distribution_mismatch"]
# The width of the bars, of a column and of a row, in pixels.
BARS, COLUMN, ROW = 330, 46, 22


def picture(judged: dict[str, pl.DataFrame]) -> alt.VConcatChart:
    """Return the picture.

    Parameters
    ----------
    judged
        For each target whose bounds are shown, its models and theirs on all other targets: a row
        for each model and target, with the terms of a bound, `consensus` and the true `accuracy`.
    """
    parts = []
    for target, table in judged.items():
        models = table.filter(target=target)
        order = models["model"].to_list()
        parts.append(alt.hconcat(terms(models, order), heat_map(table, order), spacing=70))
    return alt.vconcat(*parts)


def terms(models: pl.DataFrame, order: list[str]) -> alt.LayerChart:
    """Return the bounds on one target by their terms, with the accuracies beside them."""
    long = models.unpivot(TERMS, index="model", variable_name="term", value_name="nats")
    y = alt.Y("model:N", title=None, sort=order)
    bars = (
        alt.Chart(long)
        .mark_bar()
        .encode(
            y=y,
            x=alt.X("sum(nats):Q", title=None),
            color=alt.Color("term:N", sort=TERMS, legend=alt.Legend(orient="bottom", title=None)),
            order=alt.Order("rank:Q"),
        )
        .transform_calculate(rank=f"indexof({TERMS}, datum.term)")
    )
    guessing = alt.Chart(models).mark_rule(strokeDash=[4, 4]).encode(x="mean(trivial_loss):Q")
    truth = (
        alt.Chart(models)
        .mark_text(align="left")
        .encode(y=y, x=alt.value(BARS + 8), text=alt.Text("accuracy:Q", format=".0%"))
    )
    chart: alt.LayerChart = alt.layer(bars, guessing, truth).properties(
        width=BARS,
        height=ROW * len(order),
        title=alt.Title(
            f"{models['target'][0]}: why, and the true accuracy",
            subtitle="bound on the loss, by its terms; dashed: the loss of guessing",
            anchor="start",
        ),
    )
    return chart


def heat_map(table: pl.DataFrame, order: list[str]) -> alt.LayerChart:
    """Return the consensus of every model on every target, with a dot at the best in truth."""
    y = alt.Y("model:N", sort=order, axis=None)
    x = alt.X("target:N", title=None, axis=alt.Axis(labelAngle=-45))
    color = alt.Color("consensus:Q", scale=alt.Scale(scheme="blues"), legend=None)
    cells = alt.Chart(table).mark_rect().encode(x=x, y=y, color=color)
    best = table.filter(pl.col("accuracy") == pl.col("accuracy").max().over("target"))
    dots = (
        alt.Chart(best).mark_point(filled=True, size=70, color="orange", opacity=1).encode(x=x, y=y)
    )
    chart: alt.LayerChart = alt.layer(cells, dots).properties(
        width=alt.Step(COLUMN),
        height=ROW * len(order),
        title=alt.Title(
            "Which for which task: the darker, the better",
            subtitle="consensus of bound, kNN and LogME; dot: the best in truth",
            anchor="start",
        ),
    )
    return chart
