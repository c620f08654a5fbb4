"""What a query may read, and where its errors point."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field

import polars as pl
from polars.io.plugins import register_io_source
from sqlglot import exp

from polars_transferability._sql._errors import QueryError
from polars_transferability._sql._functions import functions, near
from polars_transferability._sql._names import is_pattern, marked_columns, unmarked
from polars_transferability._sql._tables import FAILURES, Opener
from polars_transferability._sql._text import Text

# How many runs of Polars SQL may rest on each other in one plan. Polars plans what a run reads
# several times for each run, so the time to plan is exponential in their number.
_HIGHEST = 3


@dataclass(frozen=True)
class PlacedCall:
    """A call of one of our functions where it stands, and its values alone."""

    node: exp.Expr
    values: pl.LazyFrame


@dataclass(frozen=True)
class Rows:
    """What a query found, and how many runs of Polars SQL its plan rests on."""

    frame: pl.LazyFrame
    height: int


@dataclass(frozen=True)
class Scope:
    """What a query may read by name, and the text that its errors point into.

    Attributes
    ----------
    tables
        What was given, opened when it is read.
    found
        What queries within the query found; these hide tables of the same name.
    calls
        The calls of our functions so far.
    """

    text: Text
    tables: Mapping[str, Opener] = field(default_factory=dict)
    found: Mapping[str, Rows] = field(default_factory=dict)
    calls: list[PlacedCall] = field(default_factory=list)

    def with_rows(self, name: str, rows: Rows) -> Scope:
        """Return the scope with further rows by name, planned apart if their plan is high."""
        flat = Rows(_planned_apart(rows.frame), 0) if rows.height >= _HIGHEST else rows
        return Scope(self.text, self.tables, {**self.found, name: flat}, self.calls)

    def run(self, query: str, reads: set[str], node: exp.Expr | None) -> Rows:
        """Return what Polars SQL makes of `query`; its errors point at `node` of our own query."""
        read = self._open(reads, node)
        frames = {name: rows.frame for name, rows in read.items()}
        try:
            result = pl.SQLContext(frames).execute(query, eager=False)
            result.collect_schema()
        except FAILURES as error:
            # The places that its parser names are those of the text that it reads.
            as_written = query == self.text.query and "sql parser error" in str(error)
            raise self.located(error, None if as_written else node, frames) from error
        return Rows(result, 1 + max((rows.height for rows in read.values()), default=0))

    def table(self, node: exp.Expr) -> pl.LazyFrame:
        """Return the table that `node` names."""
        read = self._open({node.name}, node)
        if not read:
            hint = near(node.name, self.names)
            raise self.text.error_at(f"there is no table {node.name}{hint}", node)
        return next(iter(read.values())).frame

    def located(
        self,
        error: BaseException,
        node: exp.Expr | None,
        frames: Mapping[str, pl.LazyFrame],
    ) -> QueryError:
        """Return an error of Polars as one that points into the query.

        Raises
        ------
        RecursionError
            If it is the depth of the query that Polars does not follow.
        """
        first = str(error).partition("\n")[0]
        if "recursion limit exceeded" in first:
            raise RecursionError(first) from error
        if node is None:
            return self._located_by_place(first)
        if isinstance(error, pl.exceptions.StructFieldNotFoundError):
            return self.text.error_at(_no_field(first, frames), _named(node, (first,)) or node)
        for pattern, explain in _REASONS.items():
            if match := re.search(pattern, first):
                names = match.groups()
                reason = explain(names, self, frames)
                return self.text.error_at(reason, _named(node, names) or node)
        quoted = (
            name for mark in "\"'`" for name in re.findall(f"{mark}([^{mark}]+){mark}", first)
        )
        places = (_named(node, (name,)) for name in quoted)
        reason = re.sub(r" at Line: \d+, Column: \d+$", "", first)
        return self.text.error_at(reason, next(filter(None, places), node))

    def _located_by_place(self, message: str) -> QueryError:
        match = re.search(r"^(?:sql parser error: )?(.*) at Line: (\d+), Column: (\d+)$", message)
        if match is None:
            return QueryError(message)
        offset = self.text.offset(int(match[2]), int(match[3]))
        word = re.match(r"\w*", self.text.query[offset:])
        length = len(word[0]) if word else 0
        reason = match[1][0].lower() + match[1][1:]
        return self.text.error(reason, offset, offset + max(length, 1) - 1)

    @property
    def names(self) -> list[str]:
        """The names that a query may read."""
        return list({**self.tables, **self.found})

    def _open(self, reads: set[str], node: exp.Expr | None) -> dict[str, Rows]:
        # Polars finds tables whatever the case of their names.
        wanted = {name.lower() for name in reads}
        read = {name: rows for name, rows in self.found.items() if name.lower() in wanted}
        for name, open_table in self.tables.items():
            if name.lower() in wanted and name not in read:
                try:
                    read[name] = Rows(marked_columns(open_table()), 0)
                except (*FAILURES, TypeError, ValueError) as error:
                    place = node and _named(node, (name,))
                    reason = f"table {name}: {error}"
                    raise self.text.error_at(reason, place or node) from error
        return read


def _planned_apart(frame: pl.LazyFrame) -> pl.LazyFrame:
    """Return a table that is planned, and computed, when the plan that reads it is carried out."""

    def read(
        columns: list[str] | None, condition: pl.Expr | None, first: int | None, _: int | None
    ) -> Iterator[pl.DataFrame]:
        rows = frame if condition is None else frame.filter(condition)
        kept = rows if columns is None else rows.select(columns)
        yield (kept if first is None else kept.head(first)).collect()

    return register_io_source(read, schema=frame.collect_schema())


def _named(node: exp.Expr, names: tuple[str, ...]) -> exp.Expr | None:
    """Return the place where a name occurs: the column `names[0]` of the table `names[1]`."""
    found: list[exp.Expr] = []
    for part in node.walk():
        if isinstance(part, exp.Column) and len(names) > 1:
            if (part.name, part.table) == names:
                return part
        elif (
            isinstance(part, (exp.Identifier, exp.Anonymous, exp.Literal))
            and part.name.lower() == names[0].lower()
        ):
            found.append(part)
    return min(found, key=lambda part: part.meta.get("start", 0), default=None)


def _no_column(names: tuple[str, ...], _: Scope, frames: Mapping[str, pl.LazyFrame]) -> str:
    present = [name for frame in frames.values() for name in frame.collect_schema().names()]
    table = f" in {names[1]}" if len(names) > 1 else ""
    in_quotes = "; a text stands in single quotes"
    hint = near(names[0], present) or f"; there are {_listed(present)}{in_quotes}"
    return f"there is no column {names[0]}{table}{hint}"


def _no_field(name: str, frames: Mapping[str, pl.LazyFrame]) -> str:
    if is_pattern(name):
        return f"a field cannot be read by the name {unmarked(name)}; rename it before"
    dtypes = (dtype for frame in frames.values() for dtype in frame.collect_schema().dtypes())
    fields = [f.name for dtype in dtypes if isinstance(dtype, pl.Struct) for f in dtype.fields]
    return f"there is no field {name}{near(name, fields) or f'; there are {_listed(fields)}'}"


def _listed(names: Iterable[str]) -> str:
    return ", ".join(dict.fromkeys(names))


def _no_table(names: tuple[str, ...], scope: Scope, _: Mapping[str, pl.LazyFrame]) -> str:
    named = [name for name in scope.names if " " not in name]
    hint = near(names[0], named) or (f"; there are {_listed(named)}" if named else "")
    return f"there is no table {names[0]}{hint}"


def _not_in_from(names: tuple[str, ...], _: Scope, __: Mapping[str, pl.LazyFrame]) -> str:
    return f"there is no table {names[0]} in FROM, nor a column of fields of that name"


def _no_function(names: tuple[str, ...], _: Scope, __: Mapping[str, pl.LazyFrame]) -> str:
    hint = near(names[0], functions()) or "; neither Polars SQL nor this package has it"
    return f"there is no function {names[0].upper()}{hint}"


_Explain = Callable[[tuple[str, ...], Scope, Mapping[str, pl.LazyFrame]], str]
# What Polars says, and what we say, who know the names.
_REASONS: dict[str, _Explain] = {
    r'unable to find column "(.+?)"': _no_column,
    r"no column named '(.+?)' found in table '(.+?)'": _no_column,
    r"no table or struct column named '(.+?)'": _not_in_from,
    r"relation '(.+?)' was not found": _no_table,
    r"unsupported function '(.+?)'": _no_function,
}
