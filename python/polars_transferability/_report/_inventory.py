"""What the embedding tables hold: which models have which tasks, and in which files."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path

import polars as pl

from polars_transferability._check import TableColumns
from polars_transferability._keys import Key
from polars_transferability._tables import Table, embedding_tables, of_one_type

# Of a network for its own classes; scores read them.
_OUTPUTS = ("probabilities", "logits")


@dataclass(frozen=True)
class _File:
    table: Table
    fingerprint: str
    # Pairs of model and task.
    holds: frozenset[tuple[object, str]]


@dataclass(frozen=True)
class Inventory:
    """Models and their tasks, both in order of first appearance."""

    tasks: dict[object, list[str]]
    columns: TableColumns
    _files: list[_File]

    def rows(self, model: object, tasks: Iterable[str]) -> pl.DataFrame:
        """Return the rows of some tasks of a model, with what scores can use besides."""
        wanted = list(tasks)
        of_tasks = pl.col(self.columns.task).cast(pl.String).is_in(wanted)
        tables = [
            Table(file.table.name, file.table.rows.filter(of_tasks))
            for file in self._holding(model, wanted)
        ]
        further = [
            name
            for name in _OUTPUTS
            if all(name in table.schema() for table in tables) and name not in self.columns.all()
        ]
        key = Key(pl.DataFrame({self.columns.model: [model]}), tables)
        return key.read([*self.columns.all(), *further])

    def paths(self) -> list[str]:
        """Return the path of every file."""
        return [file.table.name for file in self._files]

    def fingerprints(self, model: object, tasks: Iterable[str]) -> list[str]:
        """Return what changes whenever a file with such rows does."""
        return sorted(file.fingerprint for file in self._holding(model, tasks))

    def all_fingerprints(self) -> list[str]:
        """Return the fingerprint of every file."""
        return sorted(file.fingerprint for file in self._files)

    def _holding(self, model: object, tasks: Iterable[str]) -> list[_File]:
        pairs = {(model, task) for task in tasks}
        return [file for file in self._files if not pairs.isdisjoint(file.holds)]


def take_inventory(files: Sequence[str], columns: TableColumns) -> Inventory:
    """Read the columns of models and tasks, and fingerprint the files."""
    tables = embedding_tables(files)
    for table in tables:
        columns.require(table)
    tasks: dict[object, list[str]] = {}
    found = []
    for table in of_one_type(tables, [columns.model]):
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
        found.append(_File(table, _fingerprint(Path(table.name)), frozenset(pairs.iter_rows())))
    if not tasks:
        msg = f"no rows in {', '.join(table.name for table in tables)}"
        raise ValueError(msg)
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


def _fingerprint(file: Path) -> str:
    """Return a hash of the content, and of what the folders say of it (hive partitions).

    Times are no substitute: a copied file has a new one, a restored file an old one.
    """
    digest = hashlib.sha256("/".join(part for part in file.parts[:-1] if "=" in part).encode())
    with file.open("rb") as content:
        while block := content.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()
