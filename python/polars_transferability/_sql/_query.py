"""From a syntax tree to a lazy frame: common table expressions and queries within queries.

What calls none of our functions goes to Polars SQL as it stands. What does becomes a lazy frame of
its own, from the innermost query outwards, and the query around it reads that frame by a name.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field

import polars as pl
import sqlglot
from sqlglot import TokenType, exp

from polars_transferability._sql._dialect import PolarsSQL, written
from polars_transferability._sql._errors import QueryError, Text
from polars_transferability._sql._functions import functions, is_call, nearest

# Opens a table when a query reads it.
Opener = Callable[[], pl.LazyFrame]

_QUERY_STARTS = {
    TokenType.SELECT,
    TokenType.WITH,
    TokenType.FROM,
    TokenType.VALUES,
    TokenType.L_PAREN,
}


@dataclass(frozen=True)
class PlacedCall:
    """A call of one of our functions where it stands, and its values alone."""

    node: exp.Expr
    values: pl.LazyFrame


@dataclass(frozen=True)
class Scope:
    """The tables that a query may read, by name, and the text that its errors point into."""

    text: Text
    tables: Mapping[str, Opener] = field(default_factory=dict)
    calls: list[PlacedCall] = field(default_factory=list)

    def with_tables(self, tables: Mapping[str, pl.LazyFrame]) -> Scope:
        """Return the scope with further tables, which hide others of the same name."""
        added = {name: _constant(frame) for name, frame in tables.items()}
        return Scope(self.text, {**self.tables, **added}, self.calls)

    def run(self, query: str, reads: set[str], node: exp.Expr | None) -> pl.LazyFrame:
        """Return what Polars SQL makes of `query`; its errors point at `node` of our own query."""
        frames = self._open(reads, node)
        try:
            result = pl.SQLContext(frames).execute(query, eager=False)
            result.collect_schema()
        except pl.exceptions.PolarsError as error:
            raise self.located(error, node, frames) from error
        return result

    def table(self, node: exp.Expr) -> pl.LazyFrame:
        """Return the table that `node` names."""
        frames = self._open({node.name}, node)
        if not frames:
            hint = nearest(node.name, self.tables)
            raise self.text.error_at(f"there is no table {node.name}{hint}", node)
        return next(iter(frames.values()))

    def located(
        self,
        error: pl.exceptions.PolarsError,
        node: exp.Expr | None,
        frames: Mapping[str, pl.LazyFrame],
    ) -> QueryError:
        """Return an error of Polars as one that points into the query."""
        first = str(error).partition("\n")[0]
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
        return self.text.error_at(first, next(filter(None, places), node))

    def _located_by_place(self, message: str) -> QueryError:
        match = re.search(r"^(?:sql parser error: )?(.*) at Line: (\d+), Column: (\d+)$", message)
        if match is None:
            return QueryError(message)
        offset = self.text.offset(int(match[2]), int(match[3]))
        word = re.match(r"\w*", self.text.query[offset:])
        length = len(word[0]) if word else 0
        reason = match[1][0].lower() + match[1][1:]
        return self.text.error(reason, offset, offset + max(length, 1) - 1)

    def _open(self, reads: set[str], node: exp.Expr | None) -> dict[str, pl.LazyFrame]:
        # Polars finds tables whatever the case of their names.
        wanted = {name.lower() for name in reads}
        frames = {}
        for name, open_table in self.tables.items():
            if name.lower() in wanted:
                try:
                    frames[name] = open_table()
                except (pl.exceptions.PolarsError, OSError, TypeError, ValueError) as error:
                    place = node and _named(node, (name,))
                    reason = f"table {name}: {error}"
                    raise self.text.error_at(reason, place or node) from error
        return frames


def parse(text: Text) -> exp.Query | None:
    """Return the syntax tree; None for what is not a query, such as SHOW TABLES."""
    try:
        tokens = sqlglot.tokenize(text.query, read=PolarsSQL)
    except sqlglot.errors.TokenError as error:
        raise _unfinished(error, text) from error
    if not tokens:
        msg = "the query is empty"
        raise QueryError(msg)
    if tokens[0].token_type not in _QUERY_STARTS:
        return None
    try:
        statements = [tree for tree in sqlglot.parse(text.query, dialect=PolarsSQL) if tree]
    except sqlglot.errors.ParseError as error:
        raise _syntax_error(error, text) from error
    if len(statements) != 1:
        reason = f"expected one query, found {len(statements)}"
        raise text.error_at(reason, statements[1])
    return statements[0] if isinstance(statements[0], exp.Query) else None


def evaluate(query: exp.Query, scope: Scope) -> pl.LazyFrame:
    """Return the rows of a query."""
    from polars_transferability._sql._select import aggregate

    if query.ctes:
        scope = _with_ctes(query, scope)
    for part in list(parts(query)):
        if part.find(exp.With) or any(map(is_call, part.walk())):
            name = f"query {len(scope.tables)} within the query"
            scope = scope.with_tables({name: evaluate(part, scope)})
            rows = exp.select("*").from_(table(name))
            part.replace(rows)
            query = rows if part is query else query
    if isinstance(query, exp.Select) and any(map(is_call, own_nodes(query))):
        return aggregate(query, scope)
    return scope.run(written(query), table_names(query), query)


def parts(node: exp.Expr) -> Iterator[exp.Query]:
    """Yield the queries that stand directly within a query, not those within them."""
    for child in node.iter_expressions():
        if isinstance(child, (exp.Select, exp.SetOperation)):
            yield child
        else:
            yield from parts(child)


def own_nodes(node: exp.Expr) -> Iterator[exp.Expr]:
    """Yield a node and all within it but the queries within it."""
    yield node
    for child in node.iter_expressions():
        if not isinstance(child, (exp.Select, exp.SetOperation)):
            yield from own_nodes(child)


def table(name: str) -> exp.Table:
    """Return a table by its exact name."""
    return exp.Table(this=exp.to_identifier(name, quoted=True))


def table_names(query: exp.Expr) -> set[str]:
    """Return the names of all tables that a query reads."""
    return {table.name for table in query.find_all(exp.Table)}


def _with_ctes(query: exp.Query, scope: Scope) -> Scope:
    with_ = query.ctes[0].parent
    assert isinstance(with_, exp.With)
    if with_.args.get("recursive"):
        raise scope.text.error_at("WITH RECURSIVE is not available", with_.expressions[0])
    for cte in with_.expressions:
        frame = evaluate(cte.this, scope)
        if names := cte.alias_column_names:
            present = frame.collect_schema().names()
            if len(names) > len(present):
                reason = f"{cte.alias} names {len(names)} columns, its query has {len(present)}"
                raise scope.text.error_at(reason, cte.args["alias"])
            frame = frame.rename(dict(zip(present, names, strict=False)))
        scope = scope.with_tables({cte.alias: frame})
    with_.pop()
    return scope


def _constant(frame: pl.LazyFrame) -> Opener:
    return lambda: frame


def _unfinished(error: sqlglot.errors.TokenError, text: Text) -> QueryError:
    match = re.fullmatch(r"Missing (.+) from (\d+):(\d+)", str(error.__cause__))
    if match is None:
        return QueryError(f"the syntax is not understood: {error}")
    start = text.offset(int(match[2]), int(match[3])) + 1
    return text.error(f"what begins here lacks its closing {match[1]}", start, start)


def _syntax_error(error: sqlglot.errors.ParseError, text: Text) -> QueryError:
    first = error.errors[0] if error.errors else {}
    word = first.get("highlight") or " "
    if not first.get("line") or not first.get("col"):
        return QueryError(str(error).partition("\n")[0])
    # sqlglot gives the column in which the word ends.
    end = text.offset(first["line"], first["col"])
    reason = f"the syntax is not understood: {first['description']}"
    return text.error(reason, max(0, end - len(word) + 1), end)


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
    hint = nearest(names[0], present) or f"; there are {_listed(present)}"
    return f"there is no column {names[0]}{table}{hint}"


def _no_field(name: str, frames: Mapping[str, pl.LazyFrame]) -> str:
    dtypes = (dtype for frame in frames.values() for dtype in frame.collect_schema().dtypes())
    fields = [f.name for dtype in dtypes if isinstance(dtype, pl.Struct) for f in dtype.fields]
    return f"there is no field {name}{nearest(name, fields) or f'; there are {_listed(fields)}'}"


def _listed(names: Iterable[str]) -> str:
    return ", ".join(dict.fromkeys(names))


def _no_table(names: tuple[str, ...], scope: Scope, _: Mapping[str, pl.LazyFrame]) -> str:
    named = [name for name in scope.tables if " " not in name]
    hint = nearest(names[0], named) or (f"; there are {_listed(named)}" if named else "")
    return f"there is no table {names[0]}{hint}"


def _not_in_from(names: tuple[str, ...], _: Scope, __: Mapping[str, pl.LazyFrame]) -> str:
    return f"there is no table {names[0]} in FROM, nor a column of fields of that name"


def _no_function(names: tuple[str, ...], _: Scope, __: Mapping[str, pl.LazyFrame]) -> str:
    hint = nearest(names[0], functions()) or "; neither Polars SQL nor this package has it"
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
