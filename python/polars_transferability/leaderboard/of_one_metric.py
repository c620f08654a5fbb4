"""Of several metrics of a target one, turned so that more of it is better."""

from __future__ import annotations

import polars as pl

from polars_transferability._arguments import letters
from polars_transferability._door import door
from polars_transferability.leaderboard.metrics import Metrics
from polars_transferability.leaderboard.shape import METRIC
from polars_transferability.leaderboard.wording import listed, quoted


def of_one_metric(
    name: str, rows: pl.DataFrame, metrics: Metrics, notes: list[str]
) -> pl.DataFrame:
    """Return the rows of one metric for each target, without the column `METRIC`.

    Spellings of a metric that differ in case or punctuation are one. `name` is that of the table.
    """
    spelled = _spelled(rows[METRIC])
    if not spelled:
        return rows.drop(METRIC)
    kinds = {raw: letters(raw) for raw in rows[METRIC].drop_nulls().unique()}
    rows = rows.with_columns(pl.col(METRIC).replace_strict(kinds, return_dtype=pl.String))
    metrics.refuse_unknown(spelled.values(), name)
    of_target = _chosen(name, rows, spelled, metrics)
    chosen = of_target.drop_nulls()
    turned = metrics.turned([spelled[kind] for kind in chosen[METRIC].unique().sort()], name)
    notes += _notes(name, of_target, spelled, turned)
    sign = pl.when(pl.col(METRIC).is_in([letters(metric) for metric in turned])).then(-1)
    kept = rows.join(chosen, on=["target", METRIC], how="semi", maintain_order="left")
    notes += _without_it(name, rows.join(chosen, on="target", how="semi"), kept)
    return kept.with_columns(pl.col("accuracy") * sign.otherwise(1)).drop(METRIC)


def _without_it(name: str, rows: pl.DataFrame, kept: pl.DataFrame) -> list[str]:
    """Return what is said of models that have other metrics of a target alone."""
    pairs = ["model", "target"]
    lost = (
        rows.join(kept, on=pairs, how="anti", maintain_order="left")
        .select(pairs)
        .unique(maintain_order=True)
    )
    if lost.is_empty():
        return []
    named = listed(f"{model!r} on {target!r}" for model, target in lost.rows())
    return [f"{name}: left out what has other metrics only: {named}"]


def _spelled(column: pl.Series) -> dict[str, str]:
    """Return the first spelling of each metric."""
    spelled: dict[str, str] = {}
    for metric in column.drop_nulls().unique(maintain_order=True):
        spelled.setdefault(letters(metric), metric)
    return spelled


def _chosen(
    name: str, rows: pl.DataFrame, spelled: dict[str, str], metrics: Metrics
) -> pl.DataFrame:
    """Return the metric of each target; null if it has none of those that the caller wants."""
    there = rows.drop_nulls(METRIC).group_by("target", maintain_order=True)
    of_target = there.agg(pl.col(METRIC).unique(maintain_order=True)).rows()
    chosen = [
        metrics.chosen([spelled[kind] for kind in kinds], f"{name}: target {target!r}")
        for target, kinds in of_target
    ]
    return pl.DataFrame(
        {
            "target": [target for target, _ in of_target],
            METRIC: [None if metric is None else letters(metric) for metric in chosen],
        },
        schema={"target": pl.String, METRIC: pl.String},
    )


def _notes(
    name: str, of_target: pl.DataFrame, spelled: dict[str, str], turned: list[str]
) -> list[str]:
    """Return which metrics were taken where there was a choice, or where one was turned round."""
    notes = []
    lacking = of_target.filter(pl.col(METRIC).is_null())["target"]
    if lacking.len():
        notes.append(f"{name}: left out targets without that metric: {quoted(lacking)}")
    counts = of_target.drop_nulls()[METRIC].value_counts(sort=True).rows()
    if len(spelled) > 1 or turned:
        taken = (
            f"{spelled[kind]!r} of {count} target{'s' if count > 1 else ''}"
            + (" (less is better, so it is turned round)" if spelled[kind] in turned else "")
            for kind, count in counts
        )
        notes.append(f"{name}: the accuracies are {listed(taken)}")
    if len(counts) > 1:
        mixed = "a mean over targets mixes the units of these metrics"
        notes.append(f"{name}: {mixed}; choose one with {door().metric}")
    return notes
