"""The formats that a table can have: how each is recognised, opened and called.

A file has the format that its name ends in, a folder that of the program that keeps it as one
table. What says no format is tried as Parquet.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import polars as pl

from polars_transferability.tables import hugging_face as hf
from polars_transferability.tables import lakehouse as lake
from polars_transferability.tables.arrow_table import scan_arrow
from polars_transferability.tables.numpy_table import labels_beside, scan_archive, scan_matrix

Options: TypeAlias = Mapping[str, str]


def no_classes(_: Path) -> dict[str, list[str]]:
    """Return no names of classes, which most formats have none of."""
    return {}


@dataclass(frozen=True)
class Format:
    """A format of tables.

    Attributes
    ----------
    name
        As messages call it.
    scan
        Opens one on this machine.
    classes
        Returns the names of classes that it says, by column.
    scan_remote
        Opens one at an address, with options of the object store; None where that is not possible.
    """

    name: str
    scan: Callable[[Path], pl.LazyFrame]
    classes: Callable[[Path], Mapping[str, list[str]]] = no_classes
    scan_remote: Callable[[str, Options], pl.LazyFrame] | None = None


def _scan_parquet(path: Path) -> pl.LazyFrame:
    return pl.scan_parquet(path, glob=False, hive_partitioning=False)


def _scan_parquet_at(address: str, options: Options) -> pl.LazyFrame:
    return pl.scan_parquet(address, storage_options=dict(options) or None)


def _scan_arrow_at(address: str, options: Options) -> pl.LazyFrame:
    return pl.scan_ipc(address, storage_options=dict(options) or None)


PARQUET = Format("Parquet", _scan_parquet, hf.classes_of_parquet, _scan_parquet_at)
_ARROW = Format("Arrow IPC", scan_arrow, scan_remote=_scan_arrow_at)
_ARCHIVE = Format("NumPy", scan_archive)
_MATRIX = Format("NumPy", scan_matrix)
_DATASET = Format("Hugging Face", hf.scan_dataset, hf.classes_of_dataset)
# Their own programs know where credentials of theirs are.
DELTA = Format("Delta", lake.scan_delta, scan_remote=lambda place, _: lake.scan_delta(place))
ICEBERG = Format(
    "Iceberg", lake.scan_iceberg, scan_remote=lambda place, _: lake.scan_iceberg(place)
)
LANCE = Format("Lance", lake.scan_lance, scan_remote=lambda place, _: lake.scan_lance(place))

# By the end of a name.
_ENDINGS: Mapping[str, Format] = {
    ".parquet": PARQUET,
    ".arrow": _ARROW,
    ".feather": _ARROW,
    ".ipc": _ARROW,
    ".npz": _ARCHIVE,
    ".npy": _MATRIX,
    lake.METADATA: ICEBERG,
}
_FOLDERS: Mapping[Callable[[Path], bool], Format] = {
    lake.is_delta: DELTA,
    lake.is_iceberg: ICEBERG,
    lake.is_lance: LANCE,
    hf.is_dataset: _DATASET,
}


def folder_format(folder: Path) -> Format | None:
    """Return the format of a folder that is one table; None for a folder of files."""
    return next((kind for is_such, kind in _FOLDERS.items() if is_such(folder)), None)


def is_table_file(file: Path) -> bool:
    """Return whether a file of a folder is a table, by its name.

    One that describes a table is found by its folder, and a file of labels is part of its matrix.
    """
    if file.suffix == ".npy":
        return labels_beside(file) is not None
    return file.suffix in _ENDINGS


def format_of(path: Path) -> Format:
    """Return the format of a file or folder on this machine."""
    return (folder_format(path) if path.is_dir() else format_by_name(path.name)) or PARQUET


def files_of(path: Path) -> list[Path]:
    """Return the files that a table on this machine is made of, as far as they lie beside it."""
    if path.is_dir():
        return sorted(file for file in path.rglob("*") if file.is_file())
    labels = labels_beside(path) if path.suffix == ".npy" else None
    return [path] if labels is None else [path, labels]


def format_by_name(name: str) -> Format | None:
    """Return the format that a name ends in; None if it says none."""
    return next((kind for ending, kind in _ENDINGS.items() if name.endswith(ending)), None)
