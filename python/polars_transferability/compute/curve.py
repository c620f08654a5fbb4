"""How bound, probe and neighbours change with the number of target rows there are to learn from."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import polars as pl

from polars_transferability._arguments import flag, given_as, integer, refuse_unknown
from polars_transferability._columns import column_roots
from polars_transferability._door import door
from polars_transferability.bound import task_columns, task_names
from polars_transferability.compute.curve_summary import lowest_loss
from polars_transferability.settings import BoundOptions, bound_settings
from polars_transferability.tables.keys import (
    MODEL,
    TRAIN_ROWS,
    Key,
    each_key,
    open_keys,
    require_tasks,
)
from polars_transferability.tables.problems import FAILURES, NO_PROBLEM, PROBLEMS, Failures
from polars_transferability.tables.table import Opened, Paths

if TYPE_CHECKING:
    from typing_extensions import Unpack  # in typing from Python 3.11 on

ROWS = (1, 2, 5, 10, 50)
# What a curve has of each bound.
_FIELDS = (
    *("bound", "source_loss", "label_mismatch", "distribution_mismatch"),
    *("target_loss", "target_accuracy", "trivial_loss"),
    *("probe_loss", "probe_accuracy", "knn_accuracy"),
)
# Options that a curve sets itself.
OWN_OPTIONS = ("max_target_rows_per_class", "probe")


def compute_curve(
    frame_or_paths: pl.DataFrame | pl.LazyFrame | Paths | Opened,
    *,
    source: str,
    target: str,
    rows: Sequence[int] = ROWS,
    repeats: int = 20,
    model: str | Sequence[str] | None = MODEL,
    embedding: str | pl.Expr = "embedding",
    label: str | pl.Expr = "label",
    task: str | pl.Expr = "task",
    fit: str | pl.Expr | None = TRAIN_ROWS,
    progress: bool = False,
    strict: bool = False,
    by: str | Sequence[str] | None = None,
    **same: Unpack[BoundOptions],
) -> pl.DataFrame:
    """From how many labels on a source helps: bound and probe by the number of target rows.

    For every number of `rows`, that many fit rows of each class of the target are drawn, `repeats`
    times, with the seeds from `seed` on. To the same draw are fitted the transforms of a bound from
    the source, a linear probe and nearest neighbours; all are evaluated on the target's other rows.

    Parameters
    ----------
    frame_or_paths
        As in `compute_bounds`.
    source, target
        Task to transfer from, task to transfer to.
    rows
        Numbers of fit rows of each class, each at least 1. A class that has fewer gives all it has.
    repeats
        Draws of each number, at least 1.
    model, embedding, label, task, fit
        As in `compute_bounds`.
    progress
        Show a progress bar on standard error.
    strict
        Stop at the first draw that cannot be computed, or file that cannot be read. False: go on
        without it, and say why in `problems`.
    by
        Another name of `model`.
    **same
        As in `compute_bounds`, without `max_target_rows_per_class` and `probe`; `seed` is that of
        the first draw.

    Returns
    -------
    DataFrame
        Long: the `model` columns, `source`, `target`, `rows`, `repeat` (from 0 on), `bound` and its
        three terms, `target_loss`, `target_accuracy` and `trivial_loss` as in `transfer_bound`,
        `probe_loss` and `probe_accuracy` of the linear probe, `knn_accuracy` (of 5 neighbours, or
        of as many as there are rows), and `transfer`, which says what is lowest: "bound" (the bound
        is below the probe's loss and that of guessing, so that the source helps for certain on
        these rows), "target_loss" (the loss that it bounds is, but the bound isn't), "probe" (the
        source does not help) or "guessing" (by the frequency of classes: neither does a probe of so
        few rows); and `problems`, as in `compute_bounds`. Losses are in nats.

    Raises
    ------
    ValueError, TypeError
        An argument that is no such number, a task that no model has, or one task named twice.

    Examples
    --------
    >>> import polars as pl
    >>> import polars_transferability as pt
    >>> corners = pl.DataFrame({"label": ["a", "b", "c"], "x": [0.0, 4.0, 0.0], "y": [0.0, 0, 4]})
    >>> rows = (
    ...     corners.join(pl.DataFrame({"step": range(12)}), how="cross")
    ...     .join(pl.DataFrame({"task": ["old", "new"]}), how="cross")
    ...     .select(
    ...         "task",
    ...         "label",
    ...         embedding=pl.concat_list(pl.col("x") + pl.col("step") % 3, "y"),
    ...         split=pl.when(pl.col("step") < 6).then(pl.lit("train")).otherwise(pl.lit("test")),
    ...         model=pl.lit("net"),
    ...     )
    ... )
    >>> curve = pt.compute_curve(rows, source="old", target="new", rows=[1, 4], repeats=2)
    >>> curve.select("rows", "repeat").rows()
    [(1, 0), (1, 1), (4, 0), (4, 1)]
    """
    options = [name for name in BoundOptions.__annotations__ if name not in OWN_OPTIONS]
    refuse_unknown(compute_curve, same, options)
    argument, models = given_as("model", model, MODEL, by=by)
    wanted = curve_settings(rows=rows, repeats=repeats, seed=same.get("seed", 0))
    if source == target:
        msg = f"target: {target!r} is the source too; a curve is of two tasks"
        raise ValueError(msg)
    tasks = task_columns(embedding, label, task, fit, same.get("target_label"))
    pair = {
        "sources": task_names("source", [source]),
        "targets": task_names("target", [target]),
        "beside": ["probe", "neighbours"],
    }
    settings = {**bound_settings(**same), **pair}
    draws = pl.DataFrame(
        {"rows": [n for n in wanted["rows"] for _ in range(repeats)]},
        schema={"rows": pl.UInt32},
    ).with_columns(repeat=pl.int_range(pl.len(), dtype=pl.UInt32) % repeats)
    bounds = [
        tasks.bounds({**settings, "max_target_rows_per_class": n, "seed": wanted["seed"] + repeat})
        for n, repeat in draws.iter_rows()
    ]
    otherwise = {"task": door().or_score()}
    failures = Failures(flag("strict", strict))
    keys, left_out = open_keys(
        frame_or_paths, argument, models, tasks.inputs(), failures, otherwise=otherwise
    )
    require_tasks(keys, tasks.task, source=[source], target=[target])
    with each_key(keys, "curves", progress=flag("progress", progress)) as steps:
        results = [_curve_of(key, bounds, draws, failures) for key in steps]
    # Where nothing could be computed, nothing else has these columns.
    fields = pl.DataFrame(schema=dict.fromkeys(_FIELDS, pl.Float64))
    found = pl.concat([*results, *left_out, fields], how="diagonal_relaxed")
    failures.refuse_all(found, ["bound"])
    names = [*keys[0].values.columns, "source", "target", *draws.columns]
    of_pair = pl.lit(source).alias("source"), pl.lit(target).alias("target")
    found = found.with_columns(of_pair, transfer=lowest_loss())
    return found.select(*names, *_FIELDS, "transfer", PROBLEMS)


def curve_settings(
    *, rows: Sequence[int] = ROWS, repeats: int = 20, seed: int = 0
) -> dict[str, Any]:
    """Return what says which draws a curve has; a number that is named twice counts once.

    Examples
    --------
    >>> curve_settings(rows=[1, 5, 5], repeats=2)
    {'rows': [1, 5], 'repeats': 2, 'seed': 0}
    """
    return {
        "rows": _numbers(rows),
        "repeats": integer("repeats", repeats, least=1),
        "seed": integer("seed", seed, least=0),
    }


def _numbers(rows: object) -> list[int]:
    if isinstance(rows, str) or not isinstance(rows, Iterable):
        msg = f"rows: expected numbers of rows, such as [1, 2, 5], found {rows!r}"
        raise TypeError(msg)
    if not (numbers := [integer("rows", n, least=1) for n in rows]):
        msg = "rows: expected at least one number of rows"
        raise ValueError(msg)
    return list(dict.fromkeys(numbers))


def _curve_of(
    key: Key, bounds: list[pl.Expr], draws: pl.DataFrame, failures: Failures
) -> pl.DataFrame:
    """Return the bounds of a key, a row for each draw."""
    key.refuse_columns(["source", "target", *draws.columns, *_FIELDS, "transfer", PROBLEMS])
    try:
        rows = key.read(column_roots(bounds[:1]))
    except FAILURES as error:
        return key.values.join(failures.row([error]), how="cross")
    found = []
    for bound in bounds:
        try:
            with key.naming():
                pair = rows.select(bound.alias("pair")).explode("pair").unnest("pair")
            found.append(pair.select(*_FIELDS, NO_PROBLEM))
        except FAILURES as error:
            found.append(failures.row([error]))
    curve = pl.concat([draws, pl.concat(found, how="diagonal_relaxed")], how="horizontal")
    return key.values.join(curve, how="cross")
