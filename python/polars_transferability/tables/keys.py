"""Tables larger than memory, one key at a time."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from importlib.util import find_spec
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, TypeVar

import polars as pl

from polars_transferability._arguments import DefaultText, near_name
from polars_transferability._columns import named_column
from polars_transferability._door import door
from polars_transferability._visible import visible
from polars_transferability.tables.problems import Failures, detached, kept
from polars_transferability.tables.table import (
    Opened,
    Paths,
    Table,
    embedding_tables,
    named_by_file,
    of_one_type,
)

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import Progress

Step = TypeVar("Step")

# The defaults of the arguments that name the columns of models and the rows to fit on.
MODEL = DefaultText("model")
TRAIN_ROWS = pl.col("split") == "train"


def fit_rows(split: str, value: str) -> pl.Expr:
    """Return which rows have a value, given as text, in a column of splits of any type."""
    return named_column("split", split).cast(pl.String) == value


@dataclass(frozen=True)
class SampledRows:
    """The key that a sample was drawn of, how many rows it has, and how many were drawn."""

    whole: Key
    rows: int
    drawn: int


@dataclass(frozen=True)
class Key:
    """One value of the key columns, and the tables that have rows of it.

    Messages speak of these columns as `argument`, the name by which the caller gave them. `sampled`
    says of how many rows the tables are a sample, if they are one.
    """

    values: pl.DataFrame
    tables: list[Table]
    argument: str = "model"
    sampled: SampledRows | None = None

    def __str__(self) -> str:
        return ", ".join(f"{name} = {value!r}" for name, value in self._items())

    def select(self, columns: Sequence[str]) -> list[Table]:
        """Return the rows of the key table by table, with one type for each column."""
        same: list[pl.Expr] = [
            pl.col(name).is_null() if value is None else pl.col(name).eq(value)
            for name, value in self._items()
        ]
        return of_one_type([table.select(columns, *same) for table in self.tables])

    def rows(self, columns: Sequence[str]) -> pl.LazyFrame:
        """Return the rows of the key, of all tables."""
        return pl.concat([table.rows for table in self.select(columns)])

    def read(self, columns: Sequence[str]) -> pl.DataFrame:
        """Return the rows of the key; an error names the table that cannot be read."""
        return pl.concat([table.read() for table in self.select(columns)])

    def own(self, rows: pl.DataFrame) -> pl.DataFrame:
        """Return those of some rows that have the values of the key, in the columns of the key."""
        same = [
            pl.col(name).cast(pl.String).eq_missing(pl.lit(_text(v))) for name, v in self._items()
        ]
        return rows.filter(*same)

    def loaded(self, columns: Sequence[str]) -> Key:
        """Return the key with its rows of some columns in memory, and nothing left to read."""
        tables = self.select(list(dict.fromkeys([*self.values.columns, *columns])))
        rows = [Table(table.name, table.read().lazy()) for table in tables]
        return replace(self, tables=rows)

    @contextmanager
    def naming(self, place: str = "") -> Iterator[None]:
        """Let errors of Polars say which key, and which `place` in it, they are about."""
        try:
            yield
        except pl.exceptions.PolarsError as error:
            where = f"{self}, {place}" if place else str(self)
            raise type(error)(f"{where}: {door().reworded(str(error))}") from error

    def rescue(
        self, columns: Sequence[str], task: pl.Expr
    ) -> tuple[pl.DataFrame, dict[str, Exception]]:
        """Return the rows of the tables that can be read, and the tasks that others hold rows of.

        Beside these tasks stands why the rows cannot be read. It is an error if such a table does
        not even say which tasks it holds. Rows without a task are left out.
        """
        with self.naming():
            tables = self.select(columns)
        read = [tables[0].rows.clear().collect()]
        lost: dict[str, Exception] = {}
        for table in tables:
            try:
                with self.naming():
                    read.append(table.read())
            except pl.exceptions.PolarsError as error:
                with self.naming():
                    tasks = Table(table.name, table.rows.select(task)).distinct().read()
                lost.update(dict.fromkeys(_texts(tasks.to_series()), detached(error)))
        return pl.concat(read).filter(task.is_not_null()), lost

    def tasks(self, task: pl.Expr) -> list[str]:
        """Return the tasks that the key has rows of."""
        rows = self.rows(list(dict.fromkeys(task.meta.root_names())))
        return _texts(rows.select(task.unique(maintain_order=True)).collect().to_series())

    def of_tasks(self, task: pl.Expr, *named: Collection[str] | None) -> Key:
        """Return the key with the rows of the tasks that are named alone.

        It stays as it is where not all are named, and where it lacks one: what is said of that
        tells the tasks that there are.
        """
        if any(names is None for names in named):
            return self
        wanted = {name for names in named for name in names or ()}
        if not wanted <= set(self.tasks(task)):
            return self
        of_these = task.cast(pl.String).is_in(sorted(wanted))
        tables = [replace(table, rows=table.rows.filter(of_these)) for table in self.tables]
        return replace(self, tables=tables)

    def refuse_columns(self, result: Collection[str]) -> None:
        """Raise ValueError if a result has a column of the same name as one of the key's."""
        if taken := [name for name in self.values.columns if name in result]:
            msg = (
                f"{self.argument}: '{taken[0]}' cannot tell models apart, for the result has a "
                "column of that name; rename the column"
            )
            raise ValueError(msg)

    def _items(self) -> Iterator[tuple[str, object]]:
        return zip(self.values.columns, self.values.row(0), strict=True)


def open_keys(
    frame_or_paths: pl.DataFrame | pl.LazyFrame | Paths | Opened,
    argument: str,
    models: str | Sequence[str] | None,
    inputs: Mapping[str, pl.Expr | None],
    failures: Failures,
    *,
    otherwise: Mapping[str, str] = MappingProxyType({}),
) -> tuple[list[Key], list[pl.DataFrame]]:
    """Return the keys in order of first appearance, of tables that have all columns needed.

    A table that lacks one, or cannot be read, is left out: a row of a result, with the reason,
    stands for it beside the keys. If nothing is left, that is an error.

    `models` names the columns that tell models apart, and was given as `argument`; with None each
    file is one model. `inputs` are expressions by the name of the argument that they were given as;
    `otherwise` says for some what else to do if a column is missing.
    """
    names = [] if models is None else key_columns(argument, models)
    columns = {
        **{name: door().missing(argument, name) + door().or_none(argument) for name in names},
        **{
            name: door().missing(given_as, name) + otherwise.get(given_as, "")
            for given_as, expression in inputs.items()
            if expression is not None
            for name in expression.meta.root_names()
            if name not in names
        },
    }
    left_out: list[pl.DataFrame] = []

    def leave_out(table: Table, error: Exception) -> None:
        named = {str(MODEL): Path(table.name).stem} if models is None else {}
        left_out.append(failures.row([error], **named))

    def check(table: Table) -> None:
        table.require(columns)
        table.require_names(names)
        _check_names_of_tasks(table, inputs["task"])
        _check_fit(table, inputs["fit"])

    tables = [table for table, _ in kept(embedding_tables(frame_or_paths), check, leave_out)]
    if models is None:
        names = [str(MODEL)]
        tables = named_by_file(tables, *names)
    found = keys_of(tables, names, argument=argument, leave_out=leave_out)
    if left_out and not found:
        failures.stop(len(left_out))
    if not found:
        msg = f"no rows in {', '.join(table.name for table in tables)}"
        raise ValueError(msg)
    return found, left_out


def _stop(_: Table, error: Exception) -> None:
    raise error


def keys_of(
    tables: Sequence[Table],
    by: Sequence[str],
    *,
    argument: str = "model",
    leave_out: Callable[[Table, Exception], None] = _stop,
) -> list[Key]:
    """Return the keys in order of first appearance; reads nothing but the `by` columns.

    A table whose columns cannot be read is one to `leave_out`; by default, that is an error.
    """
    tables = of_one_type(tables, by)
    values = kept(tables, lambda table: table.select(by).distinct().read(), leave_out)
    if not values:
        return []
    numbered = pl.concat(
        rows.select(pl.struct(by).alias("key"), table=pl.lit(place))
        for place, (_, rows) in enumerate(values)
    )
    found = numbered.group_by("key", maintain_order=True).agg("table")
    keys = found.select("key").unnest("key")
    return [
        Key(keys.slice(i, 1), [values[place][0] for place in places], argument)
        for i, places in enumerate(found["table"])
    ]


@contextmanager
def each_key(keys: list[Step], what: str, *, progress: bool) -> Iterator[Iterator[Step]]:
    """Yield keys, or other steps, with a progress bar on standard error if `progress`."""
    if not progress:
        # Not a bar that is switched off: before rich 14.3 that prints an empty line.
        yield iter(keys)
        return
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    with Progress(
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        console=_console(),
    ) as bar:
        yield _steps(keys, what, bar)


def _console() -> Console:
    """Return where a bar is drawn; Jupyter without its widgets gets one that is text."""
    from rich.console import Console

    console = Console(stderr=True)
    if console.is_jupyter and find_spec("ipywidgets") is None:
        return Console(stderr=True, force_jupyter=False, force_terminal=True)
    return console


def _steps(keys: list[Step], what: str, bar: Progress) -> Iterator[Step]:
    steps = bar.add_task(what, total=len(keys))
    for key in keys:
        bar.update(steps, description=visible(str(key)))
        yield key
        bar.advance(steps)


def key_columns(argument: str, by: object) -> list[str]:
    """Return the names of columns that `by`, given as `argument`, names."""
    listed = isinstance(by, Iterable) and not isinstance(by, str)
    names: list[Any] = list(by) if listed else [by]  # type: ignore[call-overload]
    if not names:
        msg = f"{argument}: expected at least one column"
        raise ValueError(msg)
    for place, name in enumerate(names):
        if not isinstance(name, str):
            msg = f"{argument}: expected names of columns, found {type(name).__name__}"
            raise TypeError(msg)
        if name in names[:place]:
            msg = f"{argument}: '{name}' is named more than once"
            raise ValueError(msg)
    return names


def _text(value: object) -> str | None:
    """Return a value as Polars casts it to text."""
    text: str | None = pl.Series([value]).cast(pl.String).item()
    return text


def _texts(names: pl.Series) -> list[str]:
    """Return the names that are not null as texts, in their order."""
    return list(names.drop_nulls().cast(pl.String))


def require_tasks(keys: Iterable[Key], task: pl.Expr, **named: Collection[str] | None) -> None:
    """Raise ValueError if an argument names a task that none of the keys has rows of."""
    wanted = {name for names in named.values() for name in names or ()}
    there: dict[str, None] = {}
    for key in keys:
        if wanted <= there.keys():
            return
        with suppress(pl.exceptions.PolarsError):  # Whoever computes on the rows says it.
            there.update(dict.fromkeys(key.tasks(task)))
    for argument, names in named.items() if there else ():
        refuse_unknown_tasks(argument, names, there)


def refuse_unknown_tasks(
    argument: str, names: Collection[str] | None, there: Collection[str]
) -> None:
    """Raise ValueError if one of the names is none of the tasks that there are.

    Examples
    --------
    >>> refuse_unknown_tasks("targets", ["mnst"], ["mnist", "usps"])
    Traceback (most recent call last):
    ValueError: targets: no model has a task 'mnst'; did you mean 'mnist'?
    """
    for name in names or ():
        if name not in there:
            hint = near_name(name, there) or f"; there are {', '.join(sorted(there))}"
            msg = f"{argument}: no model has a task {name!r}{hint}"
            raise ValueError(msg)


def _check_names_of_tasks(table: Table, task: pl.Expr | None) -> None:
    """Raise TypeError if a column that names of tasks are made from cannot hold names."""
    if task is not None and task.meta.is_column():
        table.require_names(task.meta.root_names())


def _check_fit(table: Table, fit: pl.Expr | None) -> None:
    """Raise an error that says what to do if `fit` cannot be computed from such columns."""
    if fit is None:
        return
    types = {name: table.schema()[name] for name in fit.meta.root_names()}
    rows = pl.DataFrame(schema=types)
    if any(dtype.is_nested() for dtype in types.values()):
        # What can be done with a list shows only where there is one.
        rows = Table(table.name, table.rows.select(list(types)).head(1)).read()
    try:
        rows.select(fit)
    except pl.exceptions.PolarsError as error:
        first_line = str(error).partition("\n")[0]
        msg = (
            f"{table.name}: which rows to fit on cannot be told from {fit}: {first_line}; "
            f"{door().missing('fit', '')}"
        )
        raise type(error)(msg) from error
