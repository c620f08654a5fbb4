"""Which tables an address such as s3://... or hf://... stands for, as Polars finds them there.

Polars lists what is there, so credentials are those that it finds in the environment.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from fnmatch import fnmatchcase
from glob import has_magic

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
_FILE = "file"
# Parts of a pattern that stand for one letter.
_ONE_OF = re.compile(r"\?|\[[^]]+\]")


def is_remote(path: str) -> bool:
    """Return whether a path is an address."""
    return "://" in path


def tables_at(address: str, options: Options) -> list[tuple[str, Format]]:
    """Return the addresses of the tables that an address stands for, and their formats.

    A pattern of Parquet files stands for all that it matches, a folder for all below it, or it is
    one table, of Delta or Iceberg. There may be none. `options` are those of the object store.

    Examples
    --------
    >>> [(place, kind.name) for place, kind in tables_at("s3://zoo/net.arrow", {})]
    [('s3://zoo/net.arrow', 'Arrow IPC')]
    """
    place = address.rstrip("/")
    kind = LANCE if place.endswith(".lance") else format_by_name(place)
    is_pattern = has_magic(place)
    if address.startswith(_KEPT):
        return [(address, kind or PARQUET)]
    if kind is not None and not (is_pattern and kind == PARQUET):
        return [(place, kind)]
    if not is_pattern and (one := _kept_as_one(place, options)):
        return [one]
    files = _parquet_files(place if is_pattern else f"{place}/**/*.parquet", options)
    is_file = not (files or is_pattern or address.endswith("/"))
    return [(file, PARQUET) for file in ([place] if is_file else files)]


def _kept_as_one(folder: str, options: Options) -> tuple[str, Format] | None:
    """Return the table that a program keeps in a folder, if one does."""
    # One line tells whether there are such files, without reading them all.
    if _of_text(f"{folder}/_delta_log/*.json", options, lines=1):
        return folder, DELTA
    versions = f"{folder}/metadata/*{METADATA}"
    if _of_text(versions, options, lines=1):
        return newest_version(_of_text(versions, options)), ICEBERG
    return None


def _parquet_files(pattern: str, options: Options) -> list[str]:
    """Return the Parquet files that a pattern matches, in the order of their names."""
    parts = pattern.split("/")
    spelled_out = [part for part in parts if part.startswith((".", "_"))]
    fixed = next(i for i, part in enumerate(parts) if has_magic(part))
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
    return [
        file
        for file, names in ((file, file.split("/")) for file in _files_of(files))
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
        pattern,
        n_rows=lines,
        has_header=False,
        schema={"line": pl.String},
        separator="\x01",
        quote_char=None,
        truncate_ragged_lines=True,
        include_file_paths=_FILE,
        storage_options=dict(options) or None,
    )
    return _files_of(rows)


def _files_of(rows: pl.LazyFrame) -> list[str]:
    files: list[str] = rows.select(pl.col(_FILE).unique()).collect().to_series().to_list()
    return sorted(files)
