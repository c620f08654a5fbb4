"""Results that outlive a run.

A result is kept under a hash of all that it depends on, so that a changed input has another name
and nothing is ever out of date. Each entry begins with a checksum: one whose bytes are not those
that were written, or that has not the rows it must have, is computed again.
"""

from __future__ import annotations

import hashlib
import json
import re
import sys
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cache as computed_once
from importlib.metadata import version
from pathlib import Path

import polars as pl

from polars_transferability.files.table_bytes import table_bytes
from polars_transferability.files.whole_file import make_folder, remove_abandoned, write_whole

# A name of an entry; earlier versions kept tables without a checksum.
_ENTRY = re.compile(r"[0-9a-f]{64}\.(entry|parquet)")


@dataclass(frozen=True)
class Unit:
    """A unit of work.

    Attributes
    ----------
    key
        All that its result depends on, but for the version of what computes it.
    row
        What every row of its result says in some columns; None where it may be any table.
    rows
        How many rows that result has.
    """

    key: Mapping[str, object]
    row: Mapping[str, object] | None = None
    rows: int = 1

    def is_result(self, table: pl.DataFrame) -> bool:
        """Return whether a table has what the result of this unit must have."""
        if self.row is None:
            return True
        if not self.row.keys() <= set(table.columns):
            return False
        return table.select(list(self.row)).rows() == [tuple(self.row.values())] * self.rows


def _this_version() -> list[str]:
    return [version("polars-transferability"), _code(), pl.__version__]


@computed_once
def _code() -> str:
    """Return a hash of this package: versions under development differ under one number."""
    folder = Path(__file__).parent.parent
    digest = hashlib.sha256()
    for file in sorted([*folder.rglob("*.py"), *folder.glob("_internal*")]):
        digest.update(file.read_bytes())
    return digest.hexdigest()


@dataclass
class Cache:
    """A folder of results, one file each; knows what was computed and what was there."""

    folder: Path
    _computed: set[str] = field(default_factory=set)
    _failed: set[str] = field(default_factory=set)
    _used: set[str] = field(default_factory=set)
    _said: set[str] = field(default_factory=set)
    _version: list[str] = field(default_factory=_this_version)

    @property
    def computed(self) -> int:
        """Number of units of this run that were computed."""
        return len(self._used & self._computed)

    @property
    def reused(self) -> int:
        """Number of units of this run that were there."""
        return len(self._used - self._computed - self._failed)

    def begin(self) -> None:
        """Forget which units the run had use for, since it starts again."""
        self._used.clear()
        self._failed.clear()

    def read(self, unit: Unit) -> pl.DataFrame | None:
        """Return the result of that unit of work, or None if it must be computed."""
        path = self._path(unit)
        self._used.add(path.name)
        try:
            content = path.read_bytes()
        except FileNotFoundError:
            return None
        except OSError as error:
            self._say(f"{self.folder}: cannot be read, so what it keeps is computed again: {error}")
            return None
        result = _opened(path.name, content)
        if result is None or not unit.is_result(result):
            self._say(f"{path}: is damaged, so its result is computed again")
            return None
        return result

    def write(self, unit: Unit, result: pl.DataFrame) -> None:
        """Keep the result of a unit of work that was just computed."""
        path = self._path(unit)
        self._computed.add(path.name)
        self._used.add(path.name)
        try:
            make_folder(self.folder)
            write_whole(path, _sealed(path.name, result))
        except OSError as error:
            self._say(f"{error}; the next run computes again what this one cannot keep")

    def fail(self, unit: Unit) -> None:
        """Keep nothing of a unit of work that failed, so that the next run tries it again."""
        self._failed.add(self._path(unit).name)

    def drop_unused(self) -> None:
        """Remove the results that this run had no use for, and what killed runs left."""
        remove_abandoned(self.folder)
        for path in self.folder.glob("*"):
            if _ENTRY.fullmatch(path.name) and path.name not in self._used:
                # What may not be removed does no harm.
                with suppress(OSError):
                    path.unlink(missing_ok=True)

    def _path(self, unit: Unit) -> Path:
        key = {"version": self._version, **unit.key}
        text = json.dumps(key, sort_keys=True, ensure_ascii=False)
        return self.folder / f"{hashlib.sha256(text.encode()).hexdigest()}.entry"

    def _say(self, what: str) -> None:
        """Say something on standard error, but not for each of many units."""
        line = re.sub(r"[0-9a-f]{64}", "", what)
        if line not in self._said:
            self._said.add(line)
            print(what, file=sys.stderr)


def _sealed(name: str, result: pl.DataFrame) -> bytes:
    table = table_bytes(result, "parquet")
    return _checksum(name, table) + table


def _opened(name: str, content: bytes) -> pl.DataFrame | None:
    """Return what `_sealed` put in, or None if it is not as it was."""
    length = len(_checksum(name, b""))
    checksum, table = content[:length], content[length:]
    return pl.read_parquet(table) if checksum == _checksum(name, table) else None


def _checksum(name: str, table: bytes) -> bytes:
    # With the name, so that an entry under the name of another is none.
    return hashlib.sha256(name.encode() + table).digest()
