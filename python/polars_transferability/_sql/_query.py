"""From a syntax tree to a lazy frame: common table expressions and queries within queries.

What calls none of our functions goes to Polars SQL as it stands. What does becomes a lazy frame of
its own, from the innermost query outwards, and the query around it reads that frame by a name.
"""

from __future__ import annotations

import re

import polars as pl
import sqlglot
from sqlglot import TokenType, exp

from polars_transferability._sql._dialect import PolarsSQL, written
from polars_transferability._sql._errors import QueryError, Text
from polars_transferability._sql._functions import is_call
from polars_transferability._sql._scope import Scope
from polars_transferability._sql._select import aggregate
from polars_transferability._sql._tree import own_nodes, parts, table, table_names

_QUERY_STARTS = {
    TokenType.SELECT,
    TokenType.WITH,
    TokenType.FROM,
    TokenType.VALUES,
    TokenType.L_PAREN,
}


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
