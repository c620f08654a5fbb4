"""Which tables a path, a glob or a folder stands for; the same for every door."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from fnmatch import fnmatchcase
from functools import cache
from glob import glob, has_magic  # Path.glob takes no absolute pattern.
from pathlib import Path, PurePath
from urllib.parse import unquote

from polars_transferability.tables.formats import folder_format, is_table_file

# What Hive and Polars write for a null in the name of a folder.
_NULL_PARTITION = "__HIVE_DEFAULT_PARTITION__"


class Found(Enum):
    """How a file was found: the caller named it, or a glob or folder of the caller's holds it."""

    NAMED = "named"
    WITHIN = "within"


@dataclass(frozen=True)
class File:
    """One table, a file or the folder that is kept as one, under the path by which it was found."""

    path: Path
    found: Found

    def folder(self) -> Path:
        """Return the folder whose name, and those of the folders it is in, may hold columns."""
        return self.path if self.path.is_dir() else self.path.parent


def partition_of(folder: PurePath) -> dict[str, str | None]:
    """Return the columns that the names of a folder and of those it is in hold as `key=value`.

    Examples
    --------
    >>> partition_of(Path("zoo/model=a%2Fb/task=digits"))
    {'model': 'a/b', 'task': 'digits'}
    """
    pairs = [part.split("=", 1) for part in folder.parts if "=" in part]
    return {name: None if text == _NULL_PARTITION else unquote(text) for name, text in pairs}


def find_files(path: str) -> list[File]:
    """Return the tables that a path, glob or folder stands for, in the order of their names.

    A folder, be it named or matched by a glob, stands for all tables below it, unless a program
    such as Delta keeps it as one table. As in Spark and Hive, names that begin with `.` or `_` are
    passed over: they are what other programs leave beside data. A name that the caller spells out
    is the caller's, whatever it begins with.

    Examples
    --------
    >>> find_files("no/such/*.parquet")
    Traceback (most recent call last):
    FileNotFoundError: no table matches 'no/such/*.parquet'; names that begin with . or _ are
    passed over
    """
    place = Path(path)
    if place.is_dir() and folder_format(place):
        files = [File(place, Found.NAMED)]
    elif place.is_dir():
        files = [File(file, Found.WITHIN) for file in _below(place)]
    elif place.exists() or not has_magic(path):
        if not place.exists():
            msg = f"no such file: '{path}'"
            raise FileNotFoundError(msg)
        files = [File(place, Found.NAMED)]
    else:
        files = [File(file, Found.WITHIN) for file in _matching(path)]
    if not files:
        raise no_table(path, in_folder=place.is_dir())
    return files


def no_table(place: str, *, in_folder: bool) -> FileNotFoundError:
    """Return the error of a folder or a pattern that stands for no table."""
    where = f"{'in' if in_folder else 'matches'} '{place}'"
    return FileNotFoundError(f"no table {where}; names that begin with . or _ are passed over")


def _matching(pattern: str) -> Iterator[Path]:
    spelled_out = [part for part in Path(pattern).parts if part[0] in "._"]
    fixed = _without_magic(Path(pattern))
    kept: set[Path] = set()
    is_kept = cache(folder_format)
    for match in sorted(Path(found) for found in glob(pattern, recursive=True)):  # noqa: PTH207
        names = match.parts[len(fixed.parts) :]
        if kept.intersection((match, *match.parents)):
            continue  # It is part of a table that was found.
        if any(is_passed_over(name, spelled_out) for name in names):
            continue
        folders = [match, *match.parents] if match.is_dir() else match.parents
        # The outermost: data sets of Hugging Face hold data sets.
        if table := next((folder for folder in reversed(folders) if is_kept(folder)), None):
            kept.add(table)
            yield table
        elif match.is_dir():
            yield from _below(match)
        else:
            yield match


def _without_magic(pattern: Path) -> Path:
    """Return the folder that a pattern starts from."""
    return next(folder for folder in pattern.parents if not has_magic(str(folder)))


def _below(folder: Path, above: tuple[Path, ...] = ()) -> Iterator[Path]:
    """Yield the tables below a folder; links to folders are followed."""
    here = folder.resolve()
    if here in above:
        return  # A link to a folder that it lies in leads round in circles.
    for entry in sorted(folder.iterdir()):
        if is_passed_over(entry.name):
            continue
        if entry.is_dir() and not folder_format(entry):
            yield from _below(entry, (*above, here))
        elif entry.is_dir() or is_table_file(entry):
            yield entry


def is_passed_over(name: str, spelled_out: list[str] | None = None) -> bool:
    """Return whether a name is one of those that other programs leave beside data.

    One that matches a part of the pattern by which it was found is not: the caller spelled it out.
    """
    # A partition by a column whose name begins with _ is data.
    hidden = name.startswith(".") or (name.startswith("_") and "=" not in name)
    return hidden and not any(fnmatchcase(name, pattern) for pattern in spelled_out or ())
