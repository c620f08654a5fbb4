"""What the embedding tables hold: which models have which tasks, and in which files."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path

import polars as pl

from polars_transferability.tables.columns import TableColumns
from polars_transferability.tables.keys import Key
from polars_transferability.tables.table import Table, of_one_type

# Of a network for its own classes; scores read them.
_OUTPUTS = ("probabilities", "logits")


class FilesChangedError(OSError):
    """A file was changed or replaced while a report read it."""

    def __init__(self, file: Path) -> None:
        super().__init__(f"{file}: was changed while it was read")


@dataclass(frozen=True)
class _Look:
    """A look at a file: what it held, and which file it was when nobody else changed it."""

    fingerprint: str
    state: tuple[int, ...]


@dataclass(frozen=True)
class _File:
    table: Table
    look: _Look
    # Pairs of model and task.
    holds: frozenset[tuple[object, str]]

    @property
    def path(self) -> Path:
        return Path(self.table.name)


@dataclass(frozen=True)
class Inventory:
    """Models and their tasks, both in order of first appearance."""

    tasks: dict[object, list[str]]
    columns: TableColumns
    _files: list[_File]

    @contextmanager
    def reading(self, model: object, tasks: Iterable[str]) -> Iterator[pl.DataFrame]:
        """Give the rows of some tasks of a model, with what scores can use besides.

        Raises FilesChangedError if a file that they are in is not what it was when they are read.
        """
        wanted = list(tasks)
        of_tasks = pl.col(self.columns.task).cast(pl.String).is_in(wanted)
        files = self._holding(model, wanted)
        tables = [Table(file.table.name, file.table.rows.filter(of_tasks)) for file in files]
        further = [
            name
            for name in _OUTPUTS
            if all(name in table.schema() for table in tables) and name not in self.columns.all()
        ]
        key = Key(pl.DataFrame({self.columns.model: [model]}), tables)
        with _unchanged(files):
            yield key.read([*self.columns.all(), *further])

    @contextmanager
    def reading_all(self) -> Iterator[list[str]]:
        """Give the paths of all files; raises FilesChangedError as `reading` does."""
        with _unchanged(self._files):
            yield [file.table.name for file in self._files]

    def fingerprints(self, model: object, tasks: Iterable[str]) -> list[str]:
        """Return what changes whenever a file with such rows does."""
        return sorted(file.look.fingerprint for file in self._holding(model, tasks))

    def all_fingerprints(self) -> list[str]:
        """Return the fingerprint of every file."""
        return sorted(file.look.fingerprint for file in self._files)

    def _holding(self, model: object, tasks: Iterable[str]) -> list[_File]:
        pairs = {(model, task) for task in tasks}
        return [file for file in self._files if not pairs.isdisjoint(file.holds)]


def take_inventory(tables: Sequence[Table], columns: TableColumns) -> Inventory:
    """Read the columns of models and tasks, and fingerprint the files."""
    looks = [_look_at(Path(table.name)) for table in tables]
    for table in tables:
        columns.require(table)
    tasks: dict[object, list[str]] = {}
    found = []
    for table, look in zip(of_one_type(tables, [columns.model]), looks, strict=True):
        pairs = (
            table.select([columns.model, columns.task])
            .distinct()
            .read()
            .with_columns(pl.col(columns.task).cast(pl.String))
        )
        for column in pairs.iter_columns():
            if column.has_nulls():
                msg = f"{table.name}: column '{column.name}' has a null where a name is expected"
                raise ValueError(msg)
        for model, task in pairs.iter_rows():
            known = tasks.setdefault(model, [])
            if task not in known:
                known.append(task)
        found.append(_File(table, look, frozenset(pairs.iter_rows())))
    if not tasks:
        msg = f"no rows in {', '.join(table.name for table in tables)}"
        raise ValueError(msg)
    for file in found:
        # What it holds was read after it was looked at.
        if _state(file.path) != file.look.state:
            raise FilesChangedError(file.path)
    return Inventory(tasks, columns, found)


def pairs_of_tasks(
    inventory: Inventory, sources: list[str] | None, targets: list[str] | None
) -> dict[object, dict[str, list[str]]]:
    """Return for each model its targets by source: all that it has rows of, but none with itself.

    Models may have different tasks, so a task need not be one of every model.
    """
    there = list(dict.fromkeys(task for tasks in inventory.tasks.values() for task in tasks))
    for key, names in (("sources", sources), ("targets", targets)):
        for name in names or ():
            if name not in there:
                near = get_close_matches(name, there, n=1)
                hint = f"; did you mean {near[0]!r}?" if near else ""
                msg = f"{key}: no model has a task {name!r}{hint} There are {sorted(there)}"
                raise ValueError(msg)
    pairs = {}
    for model, tasks in inventory.tasks.items():
        wanted = [task for task in tasks if targets is None or task in targets]
        pairs[model] = {
            source: [task for task in wanted if task != source]
            for source in tasks
            if sources is None or source in sources
        }
    if not any(targets for by_source in pairs.values() for targets in by_source.values()):
        msg = "no model has both a source and another target task"
        raise ValueError(msg)
    return pairs


@contextmanager
def _unchanged(files: Iterable[_File]) -> Iterator[None]:
    """Raise FilesChangedError if one of the files is not what it was when all is done or fails."""
    try:
        yield
    except Exception as error:
        _require_unchanged(files, error)
        raise
    _require_unchanged(files, None)


def _require_unchanged(files: Iterable[_File], cause: Exception | None) -> None:
    for file in files:
        try:
            same = _look_at(file.path) == file.look
        except FileNotFoundError:
            same = False
        if not same:
            raise FilesChangedError(file.path) from cause


def _look_at(file: Path) -> _Look:
    """Return a hash of the content, and of what the folders say of it (hive partitions).

    Times are no substitute: a copied file has a new one, a restored file an old one. They tell,
    though, that the file was another one in between, or is being written now.
    """
    before = _state(file)
    digest = hashlib.sha256("/".join(part for part in file.parts[:-1] if "=" in part).encode())
    with file.open("rb") as content:
        while block := content.read(1 << 20):
            digest.update(block)
    if _state(file) != before:
        raise FilesChangedError(file)
    return _Look(digest.hexdigest(), before)


def _state(file: Path) -> tuple[int, ...]:
    state = file.stat()
    return (state.st_dev, state.st_ino, state.st_size, state.st_mtime_ns, state.st_ctime_ns)
