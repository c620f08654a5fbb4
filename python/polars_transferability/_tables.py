"""Embedding tables: from a frame or paths to one lazy table per file.

Files are never stacked: models in different files may have embeddings of different width.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from glob import glob, has_magic  # Path.glob takes no absolute pattern
from os import PathLike, fspath
from pathlib import Path
from typing import TypeAlias
from urllib.parse import unquote

import polars as pl

Paths: TypeAlias = "str | PathLike[str] | Sequence[str | PathLike[str]]"

# What Hive and Polars write for a null in the name of a folder.
_NULL_PARTITION = "__HIVE_DEFAULT_PARTITION__"


@dataclass(frozen=True)
class Table:
    """One file, or a frame, with the name under which messages speak of it."""

    name: str
    rows: pl.LazyFrame

    def schema(self) -> pl.Schema:
        """Return the schema; raise an error that names the file if it cannot be read."""
        try:
            return self.rows.collect_schema()
        except (pl.exceptions.PolarsError, OSError) as error:
            first_line = str(error).partition("\n")[0]
            msg = f"{self.name}: cannot be read as a Parquet table: {first_line}"
            raise pl.exceptions.ComputeError(msg) from error

    def require(self, columns: Iterable[str], hint: str = "") -> None:
        """Raise ColumnNotFoundError, naming what is missing and what there is."""
        present = self.schema().names()
        if missing := [name for name in columns if name not in present]:
            listed = ", ".join(f"'{name}'" for name in missing)
            msg = f"{self.name}: column {listed} not found; there are {present}{hint}"
            raise pl.exceptions.ColumnNotFoundError(msg)


def open_tables(frame_or_paths: pl.DataFrame | pl.LazyFrame | Paths) -> list[Table]:
    """Return the tables that a frame, path, glob, folder or list of those stands for.

    A folder stands for all Parquet files below it; `key=value` in the names of its folders become
    columns (hive partitions).

    Examples
    --------
    >>> open_tables("no/such/*.parquet")
    Traceback (most recent call last):
    FileNotFoundError: no Parquet file matches 'no/such/*.parquet'
    """
    if isinstance(frame_or_paths, (pl.DataFrame, pl.LazyFrame)):
        return [Table("frame", frame_or_paths.lazy())]
    if isinstance(frame_or_paths, (str, PathLike)):
        return _tables_at(fspath(frame_or_paths))
    if not isinstance(frame_or_paths, Iterable):
        msg = (
            "expected a Polars frame, a path, a glob or a list of paths, "
            f"found {type(frame_or_paths).__name__}"
        )
        raise TypeError(msg)
    tables = [table for path in frame_or_paths for table in _tables_at(fspath(path))]
    if not tables:
        msg = "expected at least one path, found an empty list"
        raise ValueError(msg)
    return tables


def distinct_tables(frame_or_paths: pl.DataFrame | pl.LazyFrame | Paths) -> list[Table]:
    """Return the tables, as `open_tables` does; an error if one is given twice."""
    tables = open_tables(frame_or_paths)
    names = [table.name for table in tables]
    if twice := [name for i, name in enumerate(names) if name in names[:i]]:
        msg = f"{twice[0]} is given more than once; its rows would count twice"
        raise ValueError(msg)
    return tables


def _tables_at(path: str) -> list[Table]:
    if "://" in path:
        return [Table(path, pl.scan_parquet(path))]
    place = Path(path)
    if place.is_dir():
        files = sorted(place.rglob("*.parquet"))
        tables = [_partition(file, place) for file in files]
    elif place.exists() or not has_magic(path):
        if not place.exists():
            msg = f"no such file: '{path}'"
            raise FileNotFoundError(msg)
        tables = [_file(place)]
    else:
        files = sorted(Path(file) for file in glob(path, recursive=True))  # noqa: PTH207
        tables = [_file(file) for file in files]
    if not tables:
        msg = f"no Parquet file {'in' if place.is_dir() else 'matches'} '{path}'"
        raise FileNotFoundError(msg)
    return tables


def _file(path: Path) -> Table:
    return Table(str(path), pl.scan_parquet(path, glob=False, hive_partitioning=False))


def _partition(path: Path, root: Path) -> Table:
    pairs = [part.split("=", 1) for part in path.relative_to(root).parent.parts if "=" in part]
    values = {name: None if text == _NULL_PARTITION else unquote(text) for name, text in pairs}
    table = _file(path)
    columns = [pl.lit(value, dtype=pl.String).alias(name) for name, value in values.items()]
    return Table(table.name, table.rows.with_columns(columns))
