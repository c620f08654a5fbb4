"""Parquet files as the native reader takes them, on disks and in object stores."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from os import PathLike, fspath

import polars as pl

from polars_transferability.tables.addresses import is_remote
from polars_transferability.tables.summary_reader import File as ReadFile
from polars_transferability.tables.table import (
    FRAME,
    Paths,
    Table,
    embedding_tables,
    tables_of_address,
)


def parquet_files(paths: Paths, options: Mapping[str, str]) -> list[Table]:
    """Return the tables of Parquet files that paths, globs, folders and addresses stand for.

    `options` are those of the object store.

    Examples
    --------
    >>> parquet_files(pl.DataFrame(), {})
    Traceback (most recent call last):
    TypeError: expected paths of Parquet files, found a frame, whose rows are in memory already
    """
    if isinstance(paths, (pl.DataFrame, pl.LazyFrame)):
        msg = "expected paths of Parquet files, found a frame, whose rows are in memory already"
        raise TypeError(msg)
    listed = [paths] if isinstance(paths, (str, PathLike)) else list(paths)
    remote = [fspath(path) for path in listed if is_remote(fspath(path))]
    local = [path for path in listed if not is_remote(fspath(path))]
    tables = embedding_tables(local) if local or not listed else []
    return [
        *tables,
        *(table for address in remote for table in tables_of_address(address, options)),
    ]


def rust_files(tables: Iterable[Table]) -> list[ReadFile]:
    """Return name, address and columns of folders of each table, which must be a Parquet file."""
    found: list[ReadFile] = []
    for table in tables:
        if table.parquet is None:
            what = "is a frame" if table.name == FRAME else f"is a table of {table.format()}"
            taken = "; ".join(table.sentences())
            msg = (
                f"{table.name}: {taken or what}, and only columns of Parquet files that are named "
                "and typed as usual are read in parts; write such a file, with write_parquet"
            )
            raise TypeError(msg)
        found.append((table.name, table.parquet.address, list(table.parquet.folders.items())))
    return found
