"""Bounds of tables larger than memory: one key at a time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import polars as pl

from polars_transferability._bound import transfer_bounds
from polars_transferability._settings import BoundOptions
from polars_transferability._tables import Paths, Table, open_tables

if TYPE_CHECKING:
    from rich.progress import Progress
    from typing_extensions import Unpack  # in typing from Python 3.11 on

TRAIN_ROWS = pl.col("split") == "train"


@dataclass(frozen=True)
class _Key:
    """One value of the `by` columns, and the tables that have rows of it."""

    values: pl.DataFrame
    tables: list[Table] = field(default_factory=list)

    def __str__(self) -> str:
        return ", ".join(f"{name} = {value!r}" for name, value in self._items())

    def rows(self, columns: list[str]) -> pl.LazyFrame:
        same: list[pl.Expr] = [
            pl.col(name).is_null() if value is None else pl.col(name).eq(value)
            for name, value in self._items()
        ]
        parts = [table.rows.filter(same).select(columns) for table in self.tables]
        # Relaxed: files of one model may number their labels with different integer types.
        return parts[0] if len(parts) == 1 else pl.concat(parts, how="vertical_relaxed")

    def _items(self) -> Iterator[tuple[str, object]]:
        return zip(self.values.columns, self.values.row(0), strict=True)


def compute_bounds(
    frame_or_paths: pl.DataFrame | pl.LazyFrame | Paths,
    *,
    by: str | Sequence[str] = "model",
    task: str | pl.Expr = "task",
    embedding: str | pl.Expr = "embedding",
    label: str | pl.Expr = "label",
    fit: str | pl.Expr | None = TRAIN_ROWS,
    sources: Sequence[str] | None = None,
    targets: Sequence[str] | None = None,
    progress: bool = False,
    **same: Unpack[BoundOptions],
) -> pl.DataFrame:
    """`transfer_bounds` of every model in tables that need not fit into memory.

    Only the rows of one key, and of them only the columns needed, are in memory at a time. Ctrl-C
    takes effect between keys.

    Parameters
    ----------
    frame_or_paths
        Frame, lazy frame, path of a Parquet file, glob, folder (hive-partitioned or not), or a list
        of paths. Models in different files may have embeddings of different width.
    by
        Column or columns that tell models apart.
    task, embedding, label
        As in `transfer_bounds`.
    fit
        As in `task`: by default, the rows whose `split` is "train". None: no split.
    sources, targets
        Tasks that serve as source, as target; None for all.
    progress
        Show a progress bar on standard error.
    **same
        `transform`, `ground_cost`, `lipschitz`, `l2`, `head`, `label_map`, `standardize`,
        `max_rows_per_class` and `seed`, as in `transfer_bound`.

    Returns
    -------
    DataFrame
        The `by` columns, `source`, `target` and the fields of `transfer_bound`, one row per key and
        pair.

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
    keys = [by] if isinstance(by, str) else list(by)
    if not keys:
        msg = "by: expected at least one column"
        raise ValueError(msg)
    bounds = transfer_bounds(
        embedding, label, task, fit=fit, sources=sources, targets=targets, **same
    )
    columns = list(dict.fromkeys(bounds.meta.root_names()))
    tables = open_tables(frame_or_paths)
    names = [table.name for table in tables]
    if twice := [name for i, name in enumerate(names) if name in names[:i]]:
        msg = f"{twice[0]} is given more than once; its rows would count twice"
        raise ValueError(msg)
    for table in tables:
        table.require(dict.fromkeys(keys + columns), _hint(fit, table))
    found = _keys(tables, keys)
    if not found:
        msg = f"no rows in {', '.join(table.name for table in tables)}"
        raise ValueError(msg)
    results = []
    with _progress_bar(show=progress) as bar:
        steps = bar.add_task("bounds", total=len(found))
        for key in found:
            bar.update(steps, description=str(key))
            results.append(_bounds_of(key, columns, bounds))
            bar.advance(steps)
    return pl.concat(results, how="vertical_relaxed")


def _hint(fit: str | pl.Expr | None, table: Table) -> str:
    if fit is TRAIN_ROWS and "split" not in table.schema():
        return "; for tables without a split pass fit=None"
    return ""


def _keys(tables: list[Table], by: list[str]) -> list[_Key]:
    """Return the keys in order of first appearance; reads nothing but the `by` columns."""
    found: dict[tuple[object, ...], _Key] = {}
    for table in tables:
        values = table.rows.select(by).unique(maintain_order=True).collect()
        for i, value in enumerate(values.iter_rows()):
            found.setdefault(value, _Key(values.slice(i, 1))).tables.append(table)
    return list(found.values())


def _bounds_of(key: _Key, columns: list[str], bounds: pl.Expr) -> pl.DataFrame:
    try:
        pairs = key.rows(columns).select(bounds.alias("pair")).collect()
    except pl.exceptions.PolarsError as error:
        msg = f"{key}: {error}"
        raise type(error)(msg) from error
    return key.values.join(pairs.explode("pair").unnest("pair"), how="cross")


@contextmanager
def _progress_bar(*, show: bool) -> Iterator[Progress]:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    with Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        console=Console(stderr=True),
        disable=not show,
    ) as bar:
        yield bar
