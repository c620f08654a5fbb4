"""Results that outlive a run, and files that are never half-written.

A result is kept under a hash of all that it depends on, so that a changed input has another name
and nothing is ever out of date. A file gets its final name only when every byte of it is on the
disk: a run that is killed leaves at most a temporary file, which the next finished run removes.
"""

from __future__ import annotations

import hashlib
import json
import os
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO
from uuid import uuid4

import polars as pl

_TEMPORARY = ".tmp"
# By then no run is still writing it.
_ABANDONED_AFTER = 24 * 3600.0


@dataclass
class Cache:
    """A folder of results, one Parquet file each; counts what was computed and what was there."""

    folder: Path
    computed: int = 0
    reused: int = 0
    _used: set[str] = field(default_factory=set)

    def read(self, unit: Mapping[str, object]) -> pl.DataFrame | None:
        """Return the result of that unit of work, or None if it is not there."""
        path = self._path(unit)
        try:
            # Bytes, not the path: a mapped file could not be replaced on every system.
            result = pl.read_parquet(path.read_bytes())
        except (FileNotFoundError, pl.exceptions.PolarsError):
            # Not there, or damaged: computed again either way.
            return None
        self.reused += 1
        return result

    def write(self, unit: Mapping[str, object], result: pl.DataFrame) -> None:
        """Keep the result of a unit of work that was just computed."""
        write_whole(self._path(unit), result.write_parquet, beside=self.folder)
        self.computed += 1

    def drop_unused(self) -> None:
        """Remove what this run had no use for, and what killed runs left."""
        for path in self.folder.iterdir():
            writing = path.suffix == _TEMPORARY and not _abandoned(path)
            if path.name not in self._used and not writing:
                path.unlink(missing_ok=True)

    def _path(self, unit: Mapping[str, object]) -> Path:
        text = json.dumps(unit, sort_keys=True, ensure_ascii=False)
        name = hashlib.sha256(text.encode()).hexdigest() + ".parquet"
        self._used.add(name)
        return self.folder / name


def write_whole(path: Path, write: Callable[[BinaryIO], object], *, beside: Path) -> None:
    """Write a file in full, or leave what was there before.

    Parameters
    ----------
    path
        Its final name.
    write
        What writes it.
    beside
        Folder on the same file system for the file while it is not whole.
    """
    temporary = beside / f"{uuid4().hex}{_TEMPORARY}"
    try:
        with temporary.open("xb") as file:
            write(file)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def _abandoned(path: Path) -> bool:
    try:
        return path.stat().st_mtime < time.time() - _ABANDONED_AFTER
    except FileNotFoundError:
        return True
