"""Bounds of tables larger than memory: one key at a time."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import polars as pl

from polars_transferability._arguments import flag, given_as, refuse_unknown
from polars_transferability._columns import one_column, optional_column
from polars_transferability._door import door
from polars_transferability.bound import transfer_bounds
from polars_transferability.compute._duration import seconds_of_bounds
from polars_transferability.settings import BoundOptions
from polars_transferability.tables.keys import MODEL, TRAIN_ROWS, Key, each_key, open_keys
from polars_transferability.tables.table import Paths

if TYPE_CHECKING:
    from typing_extensions import Unpack  # in typing from Python 3.11 on


# Seconds of work that are announced.
_LONG = 90


def _evaluated(fit: pl.Expr | None) -> pl.Expr:
    """Return which rows bounds are evaluated on."""
    return pl.lit(value=True) if fit is None else ~fit


def compute_bounds(
    frame_or_paths: pl.DataFrame | pl.LazyFrame | Paths,
    *,
    model: str | Sequence[str] | None = MODEL,
    embedding: str | pl.Expr = "embedding",
    label: str | pl.Expr = "label",
    task: str | pl.Expr = "task",
    fit: str | pl.Expr | None = TRAIN_ROWS,
    sources: Sequence[str] | None = None,
    targets: Sequence[str] | None = None,
    progress: bool = False,
    by: str | Sequence[str] | None = None,
    **same: Unpack[BoundOptions],
) -> pl.DataFrame:
    """`transfer_bounds` of every model in tables that need not fit into memory.

    Only the rows of one key, and of them only the columns needed, are in memory at a time. Ctrl-C
    takes effect between keys.

    Parameters
    ----------
    frame_or_paths
        Frame, lazy frame, path of a Parquet file, glob, folder (hive-partitioned or not), or a list
        of paths. Models in different files may have embeddings of different width. A folder stands
        for all Parquet files below it; names that begin with `.` or `_` are passed over, a file
        found by several paths counts once, and results of this package are left out.
    model
        Column or columns that tell models apart, called otherwise than the columns returned. None:
        each file is one model, called as the file without its ending; the column is `model`.
    embedding, label, task
        As in `transfer_bounds`.
    fit
        As in `task`: by default, the rows whose `split` is "train". None: no split.
    sources, targets
        Tasks that serve as source, as target; None for all.
    progress
        Show a progress bar on standard error.
    by
        Another name of `model`.
    **same
        `transform`, `ground_cost`, `lipschitz`, `l2`, `head`, `label_map`, `standardize`,
        `max_rows_per_class`, `seed`, `source_rows`, `target_label`, `target_clusters`,
        `max_target_rows_per_class`, `confidence`, `probe` and `seeds`, as in `transfer_bound`.

    Returns
    -------
    DataFrame
        The `model` columns, `source`, `target` and the fields of `transfer_bound`, one row per key
        and pair.

    Examples
    --------
    >>> import polars as pl
    >>> import polars_transferability as pt
    >>> rows = pl.DataFrame(
    ...     {
    ...         "model": ["net"] * 8,
    ...         "task": ["digits"] * 4 + ["letters"] * 4,
    ...         "label": ["0", "0", "1", "1", "a", "a", "b", "b"],
    ...         "embedding": [[0.0, 1], [0, 2], [5, 1], [5, 2], [1, 0], [2, 0], [1, 7], [2, 7]],
    ...     }
    ... )
    >>> bounds = pt.compute_bounds(rows, fit=None, sources=["digits"], targets=["letters"])
    >>> bounds.select("model", "source", "target").rows()
    [('net', 'digits', 'letters')]
    """
    refuse_unknown(compute_bounds, same, BoundOptions.__annotations__)
    argument, models = given_as("model", model, MODEL, by=by)
    bounds = transfer_bounds(
        embedding, label, task, fit=fit, sources=sources, targets=targets, **same
    )
    of_tasks = one_column("task", task)
    inputs = {
        "embedding": one_column("embedding", embedding),
        "label": one_column("label", label),
        "task": of_tasks,
        "fit": optional_column("fit", fit),
        "target_label": optional_column("target_label", same.get("target_label")),
    }

    def announce(key: Key, rows: pl.DataFrame) -> None:
        """Say that bounds take long, at doors where nobody would otherwise know why they wait."""
        if not (cure := door().fewer_rows):
            return
        of_classes = rows.select(
            task=inputs["task"], label=inputs["label"], evaluated=_evaluated(inputs["fit"])
        )
        cap = same.get("max_rows_per_class")
        seconds = seconds_of_bounds(
            of_classes, sources=sources, targets=targets, max_rows_per_class=cap
        )
        if seconds > _LONG:
            minutes = f"{seconds / 60:.0f}"
            note = f"{key}: bounds take about {minutes} CPU minutes; {cure} makes them faster"
            print(note, file=sys.stderr)

    columns = list(dict.fromkeys(bounds.meta.root_names()))
    otherwise = {"task": door().or_score()}
    keys = open_keys(frame_or_paths, argument, models, inputs, otherwise=otherwise)
    with each_key(keys, "bounds", progress=flag("progress", progress)) as steps:
        results = [_bounds_of(key, columns, of_tasks, bounds, announce) for key in steps]
    return pl.concat(results, how="vertical_relaxed")


def _refuse_one_task(key: Key, tasks: pl.DataFrame) -> None:
    """Raise ValueError if all rows of a key are of one task, which bounds nothing."""
    names = tasks.unique().head(2).to_series()
    if names.len() == 1 and not names.has_nulls():
        msg = (
            f"{key}: has rows of one task only, {names[0]!r}, and a bound is from one task to "
            f"another: add rows of a task that the model knows{door().or_score()}"
        )
        raise ValueError(msg)


def _bounds_of(
    key: Key,
    columns: list[str],
    task: pl.Expr,
    bounds: pl.Expr,
    announce: Callable[[Key, pl.DataFrame], None],
) -> pl.DataFrame:
    pair = bounds.alias("pair")
    with key.naming():
        (of_pairs,) = key.rows(columns).select(pair).collect_schema().values()
        assert isinstance(of_pairs, pl.List)
        assert isinstance(of_pairs.inner, pl.Struct)
        key.refuse_columns([field.name for field in of_pairs.inner.fields])
        rows = key.read(columns)
        _refuse_one_task(key, rows.select(task))
        announce(key, rows)
        pairs = rows.select(pair)
    return key.values.join(pairs.explode("pair").unnest("pair"), how="cross")
