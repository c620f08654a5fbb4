"""Files of embeddings: which rows they hold, and whether they were changed while they were read."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import polars as pl

from polars_transferability.tables.columns import TableColumns
from polars_transferability.tables.formats import files_of
from polars_transferability.tables.keys import Key
from polars_transferability.tables.memory import Memory
from polars_transferability.tables.sampled_key import exceeds
from polars_transferability.tables.table import Table

# Of a network for its own classes; scores read them.
_OUTPUTS = ("probabilities", "logits")


class FilesChangedError(OSError):
    """A file was changed or replaced while a report read it."""

    def __str__(self) -> str:
        (file,) = self.args
        return f"{file}: was changed while it was read"


@dataclass(frozen=True)
class Look:
    """A look at a file: what it held, and which file it was when nobody else changed it."""

    fingerprint: str
    state: tuple[int, ...]


# Lazy frames have no truth value when compared, so neither has what holds one.
@dataclass(frozen=True, eq=False)
class EmbeddingFile:
    """A table, how it looked before it was read, and the pairs of model and task it has rows of."""

    table: Table
    look: Look
    holds: frozenset[tuple[object, str]]

    @property
    def path(self) -> Path:
        """Return where it lies."""
        return Path(self.table.name)


def look_at(place: Path) -> Look:
    """Return a hash of the content, and of what the folders say of it (hive partitions).

    Of a table of several files, such as one of Delta, it is one of all of them and their names.
    Times are no substitute: a copied file has a new one, a restored file an old one. They tell,
    though, that the file was another one in between, or is being written now.
    """
    before = _state(place)
    digest = hashlib.sha256("/".join(part for part in place.parts[:-1] if "=" in part).encode())
    for file in files_of(place):
        if file != place:
            digest.update(b"\0" + os.path.relpath(file, place).encode() + b"\0")
        with file.open("rb") as content:
            while block := content.read(1 << 20):
                digest.update(block)
    if _state(place) != before:
        raise FilesChangedError(place)
    return Look(digest.hexdigest(), before)


def require_untouched(files: Iterable[EmbeddingFile]) -> None:
    """Raise FilesChangedError if somebody wrote to one of the files since it was looked at."""
    for file in files:
        if _state(file.path) != file.look.state:
            raise FilesChangedError(file.path)


def files_with(
    files: Iterable[EmbeddingFile], model: object, tasks: Iterable[str]
) -> list[EmbeddingFile]:
    """Return the files that have rows of one of these tasks of a model."""
    pairs = {(model, task) for task in tasks}
    return [file for file in files if not pairs.isdisjoint(file.holds)]


def files_of_model(files: Iterable[EmbeddingFile], model: object) -> list[EmbeddingFile]:
    """Return the files that have rows of a model, of whichever task."""
    return [file for file in files if any(held == model for held, _ in file.holds)]


def files_of_task(files: Iterable[EmbeddingFile], task: str) -> list[EmbeddingFile]:
    """Return the files that have rows of a task, of whichever model."""
    return [file for file in files if any(held == task for _, held in file.holds)]


def fingerprints(files: Iterable[EmbeddingFile]) -> list[str]:
    """Return what changes whenever one of the files does."""
    return sorted(file.look.fingerprint for file in files)


@contextmanager
def reading(
    files: Sequence[EmbeddingFile],
    columns: TableColumns,
    model: object,
    tasks: Collection[str],
    *,
    besides: Collection[str] = _OUTPUTS,
    memory: Memory | None = None,
) -> Iterator[pl.DataFrame | list[Table]]:
    """Give the rows of some tasks of a model, with those of the columns `besides` that there are.

    If `memory`, where it is given, does not hold them, these are tables that are still to be read.

    Raises FilesChangedError if a file that they are in is not what it was when they are read.
    """
    of_tasks = pl.col(columns.task).cast(pl.String).is_in(tasks)
    found = files_with(files, model, tasks)
    of_model = pl.col(columns.model).eq_missing(pl.lit(model))
    tables = [
        replace(file.table, rows=file.table.rows.filter(of_tasks, of_model)) for file in found
    ]
    further = [
        name
        for name in besides
        if all(name in table.schema() for table in tables) and name not in columns.all()
    ]
    key = Key(pl.DataFrame({columns.model: [model]}), tables)
    needed = [*columns.all(), *further]
    with unchanged(found):
        yield tables if memory and exceeds(key, needed, memory) else key.read(needed)


@contextmanager
def unchanged(files: Iterable[EmbeddingFile]) -> Iterator[None]:
    """Raise FilesChangedError if one of the files is not what it was when all is done or fails."""
    try:
        yield
    except Exception as error:
        _require_unchanged(files, error)
        raise
    _require_unchanged(files, None)


def _require_unchanged(files: Iterable[EmbeddingFile], cause: Exception | None) -> None:
    for file in files:
        try:
            same = look_at(file.path) == file.look
        except FileNotFoundError:
            same = False
        if not same:
            raise FilesChangedError(file.path) from cause


def _state(place: Path) -> tuple[int, ...]:
    states = (file.stat() for file in files_of(place))
    return tuple(
        number
        for s in states
        for number in (s.st_dev, s.st_ino, s.st_size, s.st_mtime_ns, s.st_ctime_ns)
    )
