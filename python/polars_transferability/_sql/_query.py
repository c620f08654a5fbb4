"""From a query to a lazy frame: common table expressions and queries within queries.

What calls none of our functions goes to Polars SQL as it stands. What does becomes a lazy frame of
its own, from the innermost query outwards, and the query around it reads that frame by a name.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

import polars as pl
from sqlglot import Token, TokenType, exp

from polars_transferability._sql._clauses import check_clauses
from polars_transferability._sql._depth import is_apart, prepare, too_deep
from polars_transferability._sql._dialect import written
from polars_transferability._sql._errors import QueryError
from polars_transferability._sql._functions import is_call, mentions_calls
from polars_transferability._sql._names import (
    is_pattern,
    mark_identifiers,
    unmarked_columns,
)
from polars_transferability._sql._parse import is_query, parse, query_tokens
from polars_transferability._sql._scope import PlacedCall, Rows, Scope
from polars_transferability._sql._select import aggregate
from polars_transferability._sql._tables import FAILURES, Source, open_sources, unreadable
from polars_transferability._sql._text import Text
from polars_transferability._sql._tree import own_nodes, table, table_names
from polars_transferability._sql._windows import windows_of, with_window_columns


def lazy_rows(query: str, frames: Mapping[str, Source]) -> pl.LazyFrame:
    """Return the rows of a query over tables by name."""
    scope = _scope(query, frames)
    return unmarked_columns(_rows(scope, set(frames)))


def collected_rows(query: str, frames: Mapping[str, Source]) -> pl.DataFrame:
    """Return the rows of a query; what the plugin says against them points into the query."""
    scope = _scope(query, frames)
    rows = unmarked_columns(_rows(scope, set(frames)))
    try:
        return rows.collect()
    except FAILURES as error:
        found = _found_at_fault(error, scope, frames)
        if found is None:
            raise
        raise found from error


def _found_at_fault(
    error: BaseException, scope: Scope, frames: Mapping[str, Source]
) -> QueryError | None:
    """Return what is said of rows that could not be computed, if a call or a file is at fault."""
    first = str(error).partition("\n\n")[0]
    _, plugin_failed, reason = first.rpartition(_PLUGIN_FAILED)
    if plugin_failed:
        if (failed := _failed_call(scope.calls)) is None:
            return None
        reason = re.sub(r" \([A-Z_]+, line \d+, column \d+\)", "", reason)
        return scope.text.error_at(f"{failed.node.name.upper()}: {reason}", failed.node)
    if damaged := unreadable(frames):
        return QueryError(damaged)
    if isinstance(error, pl.exceptions.PanicException):
        return QueryError(f"Polars panicked, maybe at a damaged file: {first}")
    return None


_PLUGIN_FAILED = "the plugin failed with message: "


def _scope(query: str, frames: Mapping[str, Source]) -> Scope:
    return Scope(Text(query), open_sources(frames))


def _failed_call(calls: list[PlacedCall]) -> PlacedCall | None:
    """Return the first call that fails alone; the messages of the plugin do not always name it."""
    for call in calls:
        try:
            call.values.collect()
        except pl.exceptions.ComputeError:
            return call
    return None


def _rows(scope: Scope, given: set[str]) -> pl.LazyFrame:
    tokens = query_tokens(scope.text)
    try:
        return _statement(tokens, scope, given)
    except RecursionError as error:
        raise too_deep(scope.text, tokens) from error


def _statement(tokens: list[Token], scope: Scope, given: set[str]) -> pl.LazyFrame:
    text = scope.text
    if not is_query(tokens):
        if mentions_calls(text):
            reason = f"{tokens[0].text.upper()} knows no functions of this package"
            hint = "in Python, pt.sql(query, ...).explain() shows the plan"
            raise text.error(f"{reason}; {hint}", tokens[0].start, tokens[0].end)
        return scope.run(text.query, given, None).frame
    try:
        tree = parse(tokens, text)
    except QueryError as error:
        names = [token.text for token in tokens if token.token_type == TokenType.IDENTIFIER]
        if mentions_calls(text) or any(map(is_pattern, names)):
            raise
        # Polars may understand what sqlglot does not.
        try:
            return scope.run(text.query, given, None).frame
        except QueryError:
            raise error from None
    calls = any(map(is_call, tree.walk()))
    check_clauses(tree, text, taken_apart=calls)
    renamed = mark_identifiers(tree)
    changed = prepare(tree, text)
    if calls or renamed or changed:
        return evaluate(tree, scope).frame
    # What needs nothing of ours, Polars SQL gets to the letter.
    return scope.run(text.query, table_names(tree), tree).frame


def evaluate(query: exp.Query, scope: Scope) -> Rows:
    """Return the rows of a query."""
    if query.ctes:
        scope = _with_ctes(query, scope)
    for part in list(query.dfs(prune=lambda node: node is not query and is_apart(node))):
        if part is not query and is_apart(part):
            assert isinstance(part, exp.Query)
            name = f"query {len(scope.found)} within the query"
            scope = scope.with_rows(name, evaluate(part, scope))
            part.replace(exp.select("*").from_(table(name)))
    if isinstance(query, exp.Select) and windows_of(query):
        query, scope = with_window_columns(query, scope)
    elif isinstance(query, exp.Select) and any(map(is_call, own_nodes(query))):
        return aggregate(query, scope)
    return scope.run(written(query), table_names(query), query)


def _with_ctes(query: exp.Query, scope: Scope) -> Scope:
    with_ = query.ctes[0].parent
    assert isinstance(with_, exp.With)
    if with_.args.get("recursive"):
        raise scope.text.error_at("WITH RECURSIVE is not available", with_.expressions[0])
    for cte in with_.expressions:
        rows = evaluate(cte.this, scope)
        if names := cte.alias_column_names:
            present = rows.frame.collect_schema().names()
            if len(names) > len(present):
                reason = f"{cte.alias} names {len(names)} columns, its query has {len(present)}"
                raise scope.text.error_at(reason, cte.args["alias"])
            renamed = rows.frame.rename(dict(zip(present, names, strict=False)))
            rows = Rows(renamed, rows.height)
        scope = scope.with_rows(cte.alias, rows)
    with_.pop()
    return scope
