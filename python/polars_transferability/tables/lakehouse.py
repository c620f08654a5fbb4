"""Folders that another program keeps as one table: Delta, Iceberg and Lance, by their own readers.

Each needs a package of its own, which is an extra of this one.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl

from polars_transferability.tables.lazy_reader import read_lazily

if TYPE_CHECKING:
    from deltalake import DeltaTable

# What the file begins with that describes one version of an Iceberg table: 3 or v3 or 00003.
_VERSION = re.compile(r"(?:^|/)v?(\d+)[^/]*$")
METADATA = ".metadata.json"


def is_delta(folder: Path) -> bool:
    """Return whether a folder is a Delta table."""
    return (folder / "_delta_log").is_dir()


def is_iceberg(folder: Path) -> bool:
    """Return whether a folder is an Iceberg table."""
    return any((folder / "metadata").glob(f"*{METADATA}"))


def is_lance(folder: Path) -> bool:
    """Return whether a folder is a Lance data set."""
    return (folder / "_versions").is_dir()


def scan_delta(place: Path | str) -> pl.LazyFrame:
    """Return the newest version of a Delta table.

    Delta knows no arrays, but files of a table have them where whoever wrote it had. Polars refuses
    such files, pyarrow reads them as the lists that the table declares.
    """
    with _needs("delta"):
        from deltalake import DeltaTable

        table = DeltaTable(str(place))
        if any(_has_arrays(file) for file in table.file_uris()):
            return _by_pyarrow(table)
        return pl.scan_delta(table)


def _by_pyarrow(table: DeltaTable) -> pl.LazyFrame:
    """Return a Delta table in parts (Polars counts no rows where it asks pyarrow itself)."""
    rows = table.to_pyarrow_dataset()

    def read(columns: list[str] | None, _: pl.Expr | None) -> Iterator[pl.DataFrame]:
        for batch in rows.to_batches(columns=columns or None):
            yield pl.DataFrame(batch)

    return read_lazily(pl.DataFrame(rows.schema.empty_table()).schema, read)


def _has_arrays(file: str) -> bool:
    schema = pl.scan_parquet(file, glob=False, hive_partitioning=False).collect_schema()
    return any(isinstance(dtype, pl.Array) for dtype in schema.dtypes())


def scan_iceberg(place: Path | str) -> pl.LazyFrame:
    """Return an Iceberg table: the newest version in a folder, or the one that a file describes."""
    options = None
    described = place
    if isinstance(place, Path):
        file = _newest_in(place) if place.is_dir() else place
        described = file.resolve().as_uri()
    elif server := os.environ.get("AWS_ENDPOINT_URL"):
        # Everything else pyiceberg finds in the environment by itself.
        options = {"s3.endpoint": server}
    with _needs("iceberg"):
        import pyiceberg  # noqa: F401

        return pl.scan_iceberg(str(described), storage_options=options)


def _newest_in(folder: Path) -> Path:
    files = (folder / "metadata").glob(f"*{METADATA}")
    return Path(newest_version([file.as_posix() for file in files]))


def newest_version(files: Sequence[str]) -> str:
    """Return the description of the newest version; several of one number cannot be told apart.

    Examples
    --------
    >>> newest_version(["net/metadata/v9.metadata.json", "net/metadata/v10.metadata.json"])
    'net/metadata/v10.metadata.json'
    """
    numbers = {file: int(found[1]) for file in files if (found := _VERSION.search(file))}
    newest = [file for file, number in numbers.items() if number == max(numbers.values())]
    if len(newest) != 1:
        names = ", ".join(sorted(file.rpartition("/")[2] for file in newest or files))
        msg = f"its newest version is one of {names}; name the file instead of the folder"
        raise ValueError(msg)
    return newest[0]


def scan_lance(place: Path | str) -> pl.LazyFrame:
    """Return the newest version of a Lance data set."""
    with _needs("lance"):
        import lance  # noqa: F401

        return pl.scan_lance(str(place))


@contextmanager
def _needs(extra: str) -> Iterator[None]:
    try:
        yield
    except ModuleNotFoundError as error:
        msg = f"{error.name} is not installed: such tables need the extra '{extra}'"
        raise ValueError(msg) from error
