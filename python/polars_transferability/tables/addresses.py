"""Which tables an address such as s3://... or hf://... stands for, as Polars finds them there.

Polars lists what is there, so credentials are those that it finds in the environment.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from fnmatch import fnmatchcase
from glob import has_magic
from itertools import takewhile

import polars as pl

from polars_transferability.tables._files import is_passed_over
from polars_transferability.tables.formats import (
    DELTA,
    ICEBERG,
    LANCE,
    PARQUET,
    Format,
    Options,
    format_by_name,
)
from polars_transferability.tables.lakehouse import METADATA, newest_version

# What Polars finds there it names by other addresses, which do not always lead to it. So it keeps
# the address, and opens what that stands for as one table.
_KEPT = ("hf://", "http://", "https://")
_SCHEMES = (
    *("s3", "s3a", "gs", "gcs", "az", "azure", "adl", "abfs", "abfss"),
    *("hf", "http", "https", "file"),
)
_FILE = "file"
# Parts of a pattern that stand for one letter.
_ONE_OF = re.compile(r"\?|\[[^]]+\]")


def is_remote(path: str) -> bool:
    """Return whether a path is an address."""
    return "://" in path


def tables_at(address: str, options: Options) -> list[tuple[str, Format]]:
    """Return the addresses of the tables that an address stands for, and their formats.

    A pattern of Parquet files stands for all that it matches, a folder for all below it. What Delta
    or Iceberg keep as one table is one, and its files are not. There may be none. `options` are
    those of the object store.

    Examples
    --------
    >>> [(place, kind.name) for place, kind in tables_at("s3://zoo/net.arrow", {})]
    [('s3://zoo/net.arrow', 'Arrow IPC')]
    """
    scheme = address.partition("://")[0]
    if scheme not in _SCHEMES:
        known = ", ".join(f"{one}://" for one in _SCHEMES)
        msg = f"{address}: no address of tables begins so; those begin with one of {known}"
        raise ValueError(msg)
    place = address.rstrip("/")
    kind = LANCE if place.endswith(".lance") else format_by_name(place)
    is_pattern = has_magic(place)
    if address.startswith(_KEPT):
        return [(address, kind or PARQUET)]
    if kind is not None and not (is_pattern and kind == PARQUET):
        return [(place, kind)]
    kept = _kept_below(_without_magic(place), options)
    files = _parquet_files(place if is_pattern else f"{place}/**/*.parquet", options)
    tables = {}
    for file in files:
        root = next((root for root in kept if file.startswith(f"{root}/")), None)
        tables[root or file] = kept[root] if root else (file, PARQUET)
    if not (tables or is_pattern or address.endswith("/")):
        return [(place, PARQUET)]
    return list(tables.values())


def _without_magic(pattern: str) -> str:
    """Return the folder that a pattern starts from; of what is no pattern, itself."""
    parts = pattern.split("/")
    return "/".join(takewhile(lambda part: not has_magic(part), parts))


def _kept_below(folder: str, options: Options) -> dict[str, tuple[str, Format]]:
    """Return the tables that a program keeps in a folder or below, by their own folders."""
    logs, versions = f"{folder}/**/_delta_log/*.json", f"{folder}/**/metadata/*{METADATA}"
    # One line tells whether there are such files, without reading them all.
    in_delta = _of_text(logs, options) if _of_text(logs, options, lines=1) else []
    in_iceberg = _of_text(versions, options) if _of_text(versions, options, lines=1) else []
    iceberg: dict[str, list[str]] = {}
    for file in in_iceberg:
        iceberg.setdefault(_root(file), []).append(file)
    return {
        **{_root(file): (_root(file), DELTA) for file in in_delta},
        **{root: (newest_version(files), ICEBERG) for root, files in iceberg.items()},
    }


def _root(file: str) -> str:
    """Return the folder of the folder of a file."""
    return file.rsplit("/", 2)[0]


def files_at(pattern: str) -> list[str]:
    """Return the files of text or of Parquet that a pattern at an address matches."""
    if pattern.startswith(_KEPT):
        return [pattern]
    if format_by_name(pattern) == PARQUET:
        return _parquet_files(pattern, {})
    return _matching(_of_text(pattern, {}), pattern)


def _parquet_files(pattern: str, options: Options) -> list[str]:
    """Return the Parquet files that a pattern matches, in the order of their names."""
    # Polars knows no ? and no [...] at addresses. Without columns, files of any columns are one
    # table.
    files = pl.scan_parquet(
        _ONE_OF.sub("*", pattern),
        schema={},
        extra_columns="ignore",
        hive_partitioning=False,
        include_file_paths=_FILE,
        storage_options=dict(options) or None,
    )
    try:
        found = _files_of(files)
    except pl.exceptions.ComputeError as error:
        # Polars reads the end of each file that it lists, and does not say which one it was.
        msg = f"one of its files is no whole Parquet file; name the others ({error})"
        raise pl.exceptions.ComputeError(msg) from error
    return _matching(found, pattern)


def _matching(files: Iterable[str], pattern: str) -> list[str]:
    """Return the files that a pattern matches, but those that other programs leave beside data."""
    parts = pattern.split("/")
    spelled_out = [part for part in parts if part.startswith((".", "_"))]
    fixed = next(i for i, part in enumerate(parts) if has_magic(part))
    return [
        file
        for file, names in ((file, file.split("/")) for file in files)
        if _matches(names, parts)
        and not any(is_passed_over(name, spelled_out) for name in names[fixed:])
    ]


def _matches(names: Sequence[str], parts: Sequence[str]) -> bool:
    """Return whether names of folders and of a file match those of a pattern.

    Examples
    --------
    >>> _matches(["zoo", "a", "b", "part1"], ["zoo", "**", "part?"])
    True
    """
    if not parts:
        return not names
    if parts[0] == "**":
        return any(_matches(names[skipped:], parts[1:]) for skipped in range(len(names) + 1))
    return bool(names) and fnmatchcase(names[0], parts[0]) and _matches(names[1:], parts[1:])


def _of_text(pattern: str, options: Options, lines: int | None = None) -> list[str]:
    """Return the files of text that a pattern matches, or those that so many lines are of."""
    rows = pl.scan_csv(
        _ONE_OF.sub("*", pattern),
        n_rows=lines,
        has_header=False,
        schema={"line": pl.String},
        separator="\x01",
        quote_char=None,
        truncate_ragged_lines=True,
        encoding="utf8-lossy",
        include_file_paths=_FILE,
        storage_options=dict(options) or None,
    )
    return _files_of(rows)


def _files_of(rows: pl.LazyFrame) -> list[str]:
    files: list[str] = rows.select(pl.col(_FILE).unique()).collect().to_series().to_list()
    return sorted(files)
