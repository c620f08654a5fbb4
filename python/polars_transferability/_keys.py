"""Tables larger than memory, one key at a time."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeVar

import polars as pl

from polars_transferability._tables import Paths, Table, distinct_tables
from polars_transferability._visible import visible

if TYPE_CHECKING:
    from rich.progress import Progress

Step = TypeVar("Step")

TRAIN_ROWS = pl.col("split") == "train"


@dataclass(frozen=True)
class Key:
    """One value of the `by` columns, and the tables that have rows of it."""

    values: pl.DataFrame
    tables: list[Table] = field(default_factory=list)

    def __str__(self) -> str:
        return ", ".join(f"{name} = {value!r}" for name, value in self._items())

    def rows(self, columns: Sequence[str]) -> pl.LazyFrame:
        same: list[pl.Expr] = [
            pl.col(name).is_null() if value is None else pl.col(name).eq(value)
            for name, value in self._items()
        ]
        parts = [table.rows.filter(same).select(columns) for table in self.tables]
        # Relaxed: files of one model may number their labels with different integer types.
        return parts[0] if len(parts) == 1 else pl.concat(parts, how="vertical_relaxed")

    def _items(self) -> Iterator[tuple[str, object]]:
        return zip(self.values.columns, self.values.row(0), strict=True)


def open_keys(
    frame_or_paths: pl.DataFrame | pl.LazyFrame | Paths,
    by: str | Sequence[str],
    columns: Iterable[str],
    fit: str | pl.Expr | None,
) -> list[Key]:
    """Return the keys in order of first appearance, of tables that have all `columns`."""
    names = [by] if isinstance(by, str) else list(by)
    if not names:
        msg = "by: expected at least one column"
        raise ValueError(msg)
    tables = distinct_tables(frame_or_paths)
    needed = [*names, *columns]
    for table in tables:
        table.require(dict.fromkeys(needed), _hint(fit, table))
    if not (found := _keys(tables, names)):
        msg = f"no rows in {', '.join(table.name for table in tables)}"
        raise ValueError(msg)
    return found


@contextmanager
def each_key(keys: list[Step], what: str, *, progress: bool) -> Iterator[Iterator[Step]]:
    """Yield keys, or other steps, with a progress bar on standard error if `progress`."""
    if not progress:
        # Not a bar that is switched off: before rich 14.3 that prints an empty line.
        yield iter(keys)
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    with Progress(
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        console=Console(stderr=True),
    ) as bar:
        yield _steps(keys, what, bar)


def _steps(keys: list[Step], what: str, bar: Progress) -> Iterator[Step]:
    steps = bar.add_task(what, total=len(keys))
    for key in keys:
        bar.update(steps, description=visible(str(key)))
        yield key
        bar.advance(steps)


def _hint(fit: str | pl.Expr | None, table: Table) -> str:
    if fit is TRAIN_ROWS and "split" not in table.schema():
        return "; for tables without a split pass fit=None"
    return ""


def _keys(tables: list[Table], by: list[str]) -> list[Key]:
    """Return the keys in order of first appearance; reads nothing but the `by` columns."""
    found: dict[tuple[object, ...], Key] = {}
    for table in tables:
        values = table.rows.select(by).unique(maintain_order=True).collect()
        for i, value in enumerate(values.iter_rows()):
            found.setdefault(value, Key(values.slice(i, 1))).tables.append(table)
    return list(found.values())
