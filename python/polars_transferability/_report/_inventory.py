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
from polars_transferability._tables import Table, distinct_tables

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

    def rows(self, model: object, tasks: Iterable[str]) -> pl.LazyFrame:
        """Return the rows of some tasks of a model, with what scores can use besides."""
        wanted = list(tasks)
        tables = [file.table for file in self._holding(model, wanted)]
        further = [
            name
            for name in _OUTPUTS
            if all(name in table.schema() for table in tables) and name not in self.columns.all()
        ]
        key = Key(pl.DataFrame({self.columns.model: [model]}), tables)
        name = pl.col(self.columns.task).cast(pl.String)
        return key.rows([*self.columns.all(), *further]).filter(name.is_in(wanted))

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
    tables = distinct_tables(files)
    tasks: dict[object, list[str]] = {}
    found = []
    for table in tables:
        table.require(columns.all(), _hint(table, columns))
        pairs = (
            table.rows.select(pl.col(columns.model), pl.col(columns.task).cast(pl.String))
            .unique(maintain_order=True)
            .collect()
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


def _hint(table: Table, columns: TableColumns) -> str:
    if columns.split is not None and columns.split not in table.schema():
        return "; name columns under [columns], with split = false for tables without a split"
    return "; name columns under [columns]"


def _fingerprint(file: Path) -> str:
    """Return a hash of the content, and of what the folders say of it (hive partitions).

    Times are no substitute: a copied file has a new one, a restored file an old one.
    """
    digest = hashlib.sha256("/".join(part for part in file.parts[:-1] if "=" in part).encode())
    with file.open("rb") as content:
        while block := content.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()
