"""The inventory of a report: what its files hold but for the embeddings themselves, read once.

It is made before anything is computed. Embeddings, which are large, are read model by model.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path
from types import MappingProxyType

import polars as pl

from polars_transferability._arguments import near_name
from polars_transferability._door import door
from polars_transferability._report._config import (
    Curve,
    FactsFile,
    LeaderboardFile,
    ReportConfig,
    Settings,
)
from polars_transferability._report._embedding_file import (
    EmbeddingFile,
    look_at,
    require_untouched,
)
from polars_transferability.files.text_file import read_text
from polars_transferability.leaderboard.read import read_leaderboard
from polars_transferability.leaderboard.source import open_source
from polars_transferability.tables.columns import TableColumns
from polars_transferability.tables.keys import refuse_unknown_tasks
from polars_transferability.tables.problems import Failures, kept, reasons
from polars_transferability.tables.table import Table, of_one_type


@dataclass(frozen=True)
class Model:
    """A model and what is asked of it, as far as it has rows.

    Attributes
    ----------
    name
        As in the column of models.
    targets
        Tasks that it is to be scored on.
    transfers
        By source, the targets that it is to be transferred to.
    curves
        The targets of its curves; they have the source of the description.
    """

    name: object
    targets: tuple[str, ...]
    transfers: Mapping[str, tuple[str, ...]]
    curves: tuple[str, ...]


# Frames have no truth value when compared, so neither has what holds one.
@dataclass(frozen=True, eq=False)
class Leaderboard:
    """The accuracies of a leaderboard, and its columns that say something of a model itself."""

    name: str
    entries: pl.DataFrame
    static: tuple[str, ...]


@dataclass(frozen=True)
class Query:
    """A query in SQL, the name of its result, and the file that errors name."""

    name: str
    file: Path
    text: str


@dataclass(frozen=True, eq=False)
class Inventory:
    """What a report is made of.

    Attributes
    ----------
    columns
        Of the embedding tables.
    files
        The embedding tables, one file each.
    models
        In order of first appearance.
    leaderboards
        With the same column of models as the embedding tables.
    facts
        A row per model with its name, in `model`, and a column per factor; None for none.
    queries
        In the order of the description.
    curve
        Which curve is asked for; None for none.
    settings
        How the rest is computed.
    left_out
        Why files that are none of the embedding tables cannot be read as such.
    """

    columns: TableColumns
    files: tuple[EmbeddingFile, ...]
    models: tuple[Model, ...]
    leaderboards: tuple[Leaderboard, ...]
    facts: pl.DataFrame | None
    queries: tuple[Query, ...]
    curve: Curve | None
    settings: Settings
    left_out: tuple[str, ...]

    def types(self) -> dict[str, pl.DataType]:
        """Return the type of the column of models."""
        return {self.columns.model: self.files[0].table.schema()[self.columns.model]}


def take_inventory(config: ReportConfig, tables: Sequence[Table]) -> Inventory:
    """Read what a report is made of; `tables` are the embedding tables of its `files`."""
    columns = config.columns
    leaderboards = tuple(_leaderboard(board, columns.model) for board in config.leaderboards)
    facts = None if config.facts is None else _facts(config.facts)
    queries = tuple(Query(name, file, read_text(file)) for name, file in config.queries.items())
    failures = Failures(config.settings.strict)
    looked = [file for _, file in kept(tables, _looked_at, lambda _, error: failures.note(error))]
    held = _read(looked, config, failures)
    # What they hold was read after they were looked at.
    require_untouched(looked)
    if failures.met and not held:
        failures.stop(len(failures.met))
    if not any(pairs for _, pairs in held):
        msg = f"no rows in {', '.join(table.name for table in tables)}"
        raise ValueError(msg)
    files = tuple(replace(file, holds=frozenset(pairs)) for file, pairs in held)
    return Inventory(
        columns=columns,
        files=files,
        models=_models(
            _tasks(pairs for _, pairs in held), config.sources, config.targets, config.curve
        ),
        leaderboards=leaderboards,
        facts=facts,
        queries=queries,
        curve=config.curve,
        settings=config.settings,
        left_out=tuple(reasons(failures.met)),
    )


def _looked_at(table: Table) -> EmbeddingFile:
    try:
        return EmbeddingFile(table, look_at(Path(table.name)), frozenset())
    except PermissionError as error:
        msg = f"{table.name}: cannot be read: {error.strerror}"
        raise pl.exceptions.ComputeError(msg) from error


def _read(
    files: Sequence[EmbeddingFile], config: ReportConfig, failures: Failures
) -> list[tuple[EmbeddingFile, list[tuple[object, str]]]]:
    """Return the files that can be read, and which pairs of model and task each has rows of."""

    def leave_out(_: EmbeddingFile, error: Exception) -> None:
        failures.note(error)

    columns = config.columns
    whole = kept(files, lambda file: _require(file.table, config), leave_out)
    tables = of_one_type([file.table for file, _ in whole], [columns.model])
    same = [replace(file, table=table) for (file, _), table in zip(whole, tables, strict=True)]
    return kept(same, lambda file: _pairs(file.table, columns), leave_out)


def _require(table: Table, config: ReportConfig) -> None:
    """Raise an error that says what to do if a table lacks a column that is asked for."""
    config.columns.require(table)
    if (stand_in := config.settings.bound.get("target_label")) is not None:
        table.require({stand_in: door().missing("target_label", stand_in)})


def _leaderboard(board: LeaderboardFile, model: str) -> Leaderboard:
    entries = read_leaderboard(board.file, **board.options).rename({"model": model})
    return Leaderboard(board.name, entries, board.options["static"])


def _facts(given: FactsFile) -> pl.DataFrame:
    table = open_source(given.file)
    there = [name for name in table.schema().names() if name != given.model]
    cures = {name: f"factors names it{near_name(name, there)}" for name in given.factors}
    table.require({given.model: "name the column of models with model under [models]", **cures})
    table.require_names([given.model, *given.factors])
    name = pl.col(given.model).cast(pl.String).alias("model")
    facts = table.read().select(name, *given.factors).drop_nulls("model")
    repeated = facts["model"].filter(facts["model"].is_duplicated())
    if repeated.len():
        msg = f"{table.name}: {given.model} = {repeated[0]!r} has several rows; leave one of them"
        raise ValueError(msg)
    return facts


def _pairs(table: Table, columns: TableColumns) -> list[tuple[object, str]]:
    """Return the pairs of model and task that a table has rows of, in order of first appearance."""
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
    return pairs.rows()


def _tasks(held: Iterable[Iterable[tuple[object, str]]]) -> dict[object, list[str]]:
    """Return the tasks of each model, both in order of first appearance."""
    tasks: dict[object, dict[str, None]] = {}
    for model, task in chain.from_iterable(held):
        tasks.setdefault(model, {})[task] = None
    return {model: list(of_model) for model, of_model in tasks.items()}


def _models(
    tasks: Mapping[object, Sequence[str]],
    sources: Sequence[str] | None,
    targets: Sequence[str] | None,
    curve: Curve | None,
) -> tuple[Model, ...]:
    """Return each model with its tasks that are asked for, and no transfer of one to itself.

    Models may have different tasks, so a task need not be one of every model.
    """
    there = list(dict.fromkeys(task for of_model in tasks.values() for task in of_model))
    refuse_unknown_tasks("sources", sources, there)
    refuse_unknown_tasks("targets", targets, there)
    if curve is not None:
        refuse_unknown_tasks("curve.source", [curve.source], there)
        refuse_unknown_tasks("curve.target", curve.targets, there)
    models = []
    for name, of_model in tasks.items():
        wanted = tuple(task for task in of_model if targets is None or task in targets)
        transfers = {
            source: tuple(task for task in wanted if task != source)
            for source in of_model
            if sources is None or source in sources
        }
        models.append(Model(name, wanted, MappingProxyType(transfers), _curves(of_model, curve)))
    if not any(targets for model in models for targets in model.transfers.values()):
        msg = "no model has both a source and another target task"
        raise ValueError(msg)
    if curve is not None and not any(model.curves for model in models):
        msg = f"curve: no model has both the source {curve.source!r} and a target of the curve"
        raise ValueError(msg)
    return tuple(models)


def _curves(tasks: Sequence[str], curve: Curve | None) -> tuple[str, ...]:
    """Return to which of its tasks a model has a curve."""
    if curve is None or curve.source not in tasks:
        return ()
    return tuple(target for target in curve.targets if target in tasks)
