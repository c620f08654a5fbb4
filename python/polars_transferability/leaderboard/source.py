"""Where a leaderboard comes from: a frame, files here, or addresses that Polars reads."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from glob import glob, has_magic  # Path.glob takes no absolute pattern.
from os import PathLike, fspath
from pathlib import Path
from typing import TypeAlias

import polars as pl

from polars_transferability._arguments import kind_of
from polars_transferability.leaderboard.csv_table import read_csv
from polars_transferability.leaderboard.mteb_results import read_results
from polars_transferability.tables.addresses import files_at, is_remote
from polars_transferability.tables.table import FRAME, Table

Source: TypeAlias = "pl.DataFrame | pl.LazyFrame | str | PathLike[str]"


def _json(path: Path) -> pl.LazyFrame:
    try:
        return pl.read_json(path, infer_schema_length=None).lazy()
    except pl.exceptions.PolarsError as error:
        first_line = str(error).partition("\n")[0]
        msg = f"{path}: cannot be read as JSON, a list of objects: {first_line}"
        raise type(error)(msg) from error


def _json_lines(path: Path) -> pl.LazyFrame:
    try:
        return pl.read_ndjson(path, infer_schema_length=None).lazy()
    except pl.exceptions.PolarsError as error:
        first_line = str(error).partition("\n")[0]
        msg = f"{path}: cannot be read as JSON, an object a line: {first_line}"
        raise type(error)(msg) from error


# How a file on this machine is read, by the end of its name.
_LOCAL: dict[str, Callable[[Path], pl.LazyFrame]] = {
    ".csv": lambda path: read_csv(path).lazy(),
    ".parquet": lambda path: pl.scan_parquet(path, glob=False),
    ".json": _json,
    ".jsonl": _json_lines,
    ".ndjson": _json_lines,
}
# How an address such as hf:// or s3:// is read: by Polars, which gets it as it is.
_REMOTE: dict[str, Callable[[str], pl.LazyFrame]] = {
    ".csv": lambda address: pl.scan_csv(address, infer_schema_length=None),
    ".parquet": lambda address: pl.scan_parquet(address),
    ".jsonl": lambda address: pl.scan_ndjson(address, infer_schema_length=None),
    ".ndjson": lambda address: pl.scan_ndjson(address, infer_schema_length=None),
}


def open_sources(sources: Source | Sequence[Source]) -> list[Table]:
    """Return the tables that a source, a pattern of files or a list of those stands for."""
    if isinstance(sources, (list, tuple)):
        if not sources:
            msg = "expected a Polars frame or a path, found an empty list"
            raise ValueError(msg)
        return [table for source in sources for table in open_sources(source)]
    if isinstance(sources, str):
        return [open_source(path) for path in paths_of(sources)]
    return [open_source(sources)]


def paths_of(pattern: str) -> list[str]:
    """Return the files that a pattern stands for; what is none, or matches nothing, is itself."""
    if not has_magic(pattern) or Path(pattern).exists():
        return [pattern]
    if is_remote(pattern):
        return files_at(pattern) or [pattern]
    return sorted(glob(pattern)) or [pattern]  # noqa: PTH207


def open_source(source: object) -> Table:
    """Return the table that a frame, a file, an address, or a folder of MTEB's stands for."""
    if isinstance(source, (pl.DataFrame, pl.LazyFrame)):
        return Table(FRAME, source.lazy())
    if not isinstance(source, (str, PathLike)):
        msg = f"expected a Polars frame or a path, found {kind_of(source)}"
        raise TypeError(msg)
    name = fspath(source)
    if is_remote(name):
        return Table(name, _reader(name, _REMOTE)(name))
    path = Path(name)
    if path.is_dir():
        return read_results(path)
    if not path.is_file():
        msg = f"no such file: '{path}'"
        raise FileNotFoundError(msg)
    return Table(name, _reader(name, _LOCAL)(path))


def _reader(
    name: str, readers: dict[str, Callable[..., pl.LazyFrame]]
) -> Callable[..., pl.LazyFrame]:
    reader = readers.get(Path(name).suffix)
    if reader is None:
        *ends, last = readers
        msg = f"{name}: expected a name that ends in {', '.join(ends)} or {last}"
        raise ValueError(msg)
    return reader
