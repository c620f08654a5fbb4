"""Arrow IPC files, and streams of Arrow such as Hugging Face datasets keeps its data sets in."""

from __future__ import annotations

from pathlib import Path

import polars as pl

from polars_transferability.tables.lazy_reader import read_lazily

# What an IPC file begins with; a stream does not.
_FILE = b"ARROW1"


def scan_arrow(path: Path) -> pl.LazyFrame:
    """Return an IPC file or stream as a lazy table."""
    with path.open("rb") as content:
        is_file = content.read(len(_FILE)) == _FILE
    return pl.scan_ipc(path, glob=False, hive_partitioning=False) if is_file else _stream(path)


def _stream(path: Path) -> pl.LazyFrame:
    """Return a stream, which says nowhere where its columns lie, so it is read from the front."""
    schema = pl.read_ipc_stream(path, n_rows=0).schema
    return read_lazily(
        schema, lambda columns, _: [pl.read_ipc_stream(path, columns=columns or None)]
    )
