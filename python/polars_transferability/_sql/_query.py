"""From a syntax tree to a lazy frame: common table expressions and queries within queries.

What calls none of our functions goes to Polars SQL as it stands. What does becomes a lazy frame of
its own, from the innermost query outwards, and the query around it reads that frame by a name.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

import polars as pl
import sqlglot
from sqlglot import exp
from sqlglot.tokens import TokenType

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
class Scope:
    """The tables that a query may read, by name, and the text that its errors point into."""

    text: Text
    tables: Mapping[str, Opener] = field(default_factory=dict)

    def with_tables(self, tables: Mapping[str, pl.LazyFrame]) -> Scope:
        """Return the scope with further tables, which hide others of the same name."""
        added = {name: _constant(frame) for name, frame in tables.items()}
        return Scope(self.text, {**self.tables, **added})

    def run(self, query: str, reads: set[str], node: exp.Expression | None) -> pl.LazyFrame:
        """Return what Polars SQL makes of `query`; its errors point at `node` of our own query."""
        frames = self._open(reads)
        try:
            result = pl.SQLContext(frames).execute(query, eager=False)
            result.collect_schema()
        except pl.exceptions.PolarsError as error:
            raise self.located(error, node, frames) from error
        return result

    def table(self, node: exp.Expression) -> pl.LazyFrame:
        """Return the table that `node` names."""
        frames = self._open({node.name})
        if not frames:
            hint = nearest(node.name, self.tables)
            raise self.text.error_at(f"there is no table {node.name}{hint}", node)
        return next(iter(frames.values()))

    def located(
        self,
        error: pl.exceptions.PolarsError,
        node: exp.Expression | None,
        frames: Mapping[str, pl.LazyFrame],
    ) -> QueryError:
        """Return an error of Polars as one that points into the query."""
        first = str(error).partition("\n")[0]
        if node is None:
            return self._located_by_place(first)
        for pattern, explain in _REASONS.items():
            if match := re.search(pattern, first):
                names = match.groups()
                reason = explain(names, self, frames)
                return self.text.error_at(reason, _named(node, names) or node)
        quoted = (_named(node, (name,)) for name in re.findall(r"""["'`](.+?)["'`]""", first))
        return self.text.error_at(first, next(filter(None, quoted), node))

    def _located_by_place(self, message: str) -> QueryError:
        match = re.search(r"^(?:sql parser error: )?(.*) at Line: (\d+), Column: (\d+)$", message)
        if match is None:
            return QueryError(message)
        offset = self.text.offset(int(match[2]), int(match[3]))
        word = re.match(r"\w*", self.text.query[offset:])
        length = len(word[0]) if word else 0
        reason = match[1][0].lower() + match[1][1:]
        return self.text.error(reason, offset, offset + max(length, 1) - 1)

    def _open(self, reads: set[str]) -> dict[str, pl.LazyFrame]:
        # Polars finds tables whatever the case of their names.
        wanted = {name.lower() for name in reads}
        return {name: open_() for name, open_ in self.tables.items() if name.lower() in wanted}


def parse(text: Text) -> exp.Query | None:
    """Return the syntax tree; None for what is not a query, such as SHOW TABLES."""
    try:
        tokens = sqlglot.tokenize(text.query, read=PolarsSQL)
    except sqlglot.errors.TokenError as error:
        raise QueryError(str(error)) from error
    if not tokens or tokens[0].token_type not in _QUERY_STARTS:
        return None
    try:
        statements = [tree for tree in sqlglot.parse(text.query, dialect=PolarsSQL) if tree]
    except sqlglot.errors.ParseError as error:
        raise _syntax_error(error, text) from error
    if len(statements) != 1:
        msg = f"expected one query, found {len(statements)}"
        raise QueryError(msg)
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
            rows = exp.select("*").from_(exp.to_table(exp.to_identifier(name, quoted=True)))
            part.replace(rows)
            query = rows if part is query else query
    if isinstance(query, exp.Select) and any(map(is_call, own_nodes(query))):
        return aggregate(query, scope)
    return scope.run(written(query), table_names(query), query)


def parts(node: exp.Expression) -> Iterator[exp.Query]:
    """Yield the queries that stand directly within a query, not those within them."""
    for child in node.iter_expressions():
        if isinstance(child, (exp.Select, exp.SetOperation)):
            yield child
        else:
            yield from parts(child)


def own_nodes(node: exp.Expression) -> Iterator[exp.Expression]:
    """Yield a node and all within it but the queries within it."""
    yield node
    for child in node.iter_expressions():
        if not isinstance(child, (exp.Select, exp.SetOperation)):
            yield from own_nodes(child)


def table_names(query: exp.Expression) -> set[str]:
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


def _syntax_error(error: sqlglot.errors.ParseError, text: Text) -> QueryError:
    first = error.errors[0] if error.errors else {}
    word = first.get("highlight") or " "
    if not first.get("line") or not first.get("col"):
        return QueryError(str(error).partition("\n")[0])
    # sqlglot gives the column in which the word ends.
    end = text.offset(first["line"], first["col"])
    reason = f"the syntax is not understood: {first['description']}"
    return text.error(reason, max(0, end - len(word) + 1), end)


def _named(node: exp.Expression, names: tuple[str, ...]) -> exp.Expression | None:
    """Return the place where a name occurs: the column `names[0]` of the table `names[1]`."""
    found: list[exp.Expression] = []
    for part in node.walk():
        if isinstance(part, exp.Column) and len(names) > 1:
            if (part.name, part.table) == names:
                return part
        elif isinstance(part, (exp.Identifier, exp.Anonymous, exp.Literal)):
            if part.name.lower() == names[0].lower():
                found.append(part)
    return min(found, key=lambda part: part.meta.get("start", 0), default=None)


def _no_column(names: tuple[str, ...], _: Scope, frames: Mapping[str, pl.LazyFrame]) -> str:
    present = list(dict.fromkeys(n for f in frames.values() for n in f.collect_schema().names()))
    table = f" in {names[1]}" if len(names) > 1 else ""
    hint = nearest(names[0], present) or f"; there are {', '.join(present)}"
    return f"there is no column {names[0]}{table}{hint}"


def _no_table(names: tuple[str, ...], scope: Scope, _: Mapping[str, pl.LazyFrame]) -> str:
    listed = ", ".join(name for name in scope.tables if " " not in name)
    hint = nearest(names[0], scope.tables) or (f"; there are {listed}" if listed else "")
    return f"there is no table {names[0]}{hint}"


def _no_function(names: tuple[str, ...], _: Scope, __: Mapping[str, pl.LazyFrame]) -> str:
    hint = nearest(names[0], functions()) or "; neither Polars SQL nor this package has it"
    return f"there is no function {names[0].upper()}{hint}"


_Explain = Callable[[tuple[str, ...], Scope, Mapping[str, pl.LazyFrame]], str]
# What Polars says, and what we say, who know the names.
_REASONS: dict[str, _Explain] = {
    r'unable to find column "(.+?)"': _no_column,
    r"no column named '(.+?)' found in table '(.+?)'": _no_column,
    r"no table or struct column named '(.+?)'": _no_table,
    r"relation '(.+?)' was not found": _no_table,
    r"unsupported function '(.+?)'": _no_function,
}
