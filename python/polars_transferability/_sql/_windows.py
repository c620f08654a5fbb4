"""Functions of this package over the rows of a window: `CONSENSUS(...) OVER (PARTITION BY ...)`.

They are computed before anything else of their SELECT but FROM and WHERE, and become columns of the
table that the rest of it reads.
"""

from __future__ import annotations

from collections.abc import Iterator

import polars as pl
from sqlglot import exp

from polars_transferability._sql._dialect import written
from polars_transferability._sql._functions import bind, is_call
from polars_transferability._sql._scope import PlacedCall, Rows, Scope
from polars_transferability._sql._select import OF_ROWS, OVER_ROWS, call_value, of_rows
from polars_transferability._sql._text import Text
from polars_transferability._sql._tree import own_nodes, table, table_names

# The name of the table that the rest of a SELECT reads.
_ROWS = "rows of the query"


def windows_of(select: exp.Select) -> list[exp.Window]:
    """Return the windows over rows of a SELECT."""
    return [
        node
        for node in own_nodes(select)
        if isinstance(node, exp.Window)
        and isinstance(node.this, exp.Anonymous)
        and node.this.name.upper() in OVER_ROWS
    ]


def with_window_columns(select: exp.Select, scope: Scope) -> tuple[exp.Select, Scope]:
    """Return a SELECT in which windows over rows are columns, and the scope that has them."""
    for window in windows_of(select):
        _check(select, window, scope.text)
    windows = {written(window): window for window in windows_of(select)}
    calls = {name: bind(window.this, scope.text) for name, window in windows.items()}
    keys = {name: window.args.get("partition_by") or [] for name, window in windows.items()}
    needed = [node for call in calls.values() for node in call.inputs()]
    needed += [key for of_window in keys.values() for key in of_window]
    by_name = {written(node): node for node in needed}
    everything = scope.run(written(of_rows(select, [exp.Star()])), table_names(select), select)
    columns = everything.frame.collect_schema().names()
    extra = [
        exp.alias_(node.copy(), name, quoted=True)
        for name, node in by_name.items()
        if name not in columns
    ]
    query = of_rows(select, [exp.Star(), *extra])
    rows = scope.run(written(query), table_names(query), select)
    values = []
    for name, call in calls.items():
        value = call_value(name, call, scope)
        by = [pl.col(written(key)) for key in keys[name]]
        values.append((value.over(by) if by else value).alias(name))
        scope.calls.append(PlacedCall(call.node, rows.frame.select(values[-1])))
    frame = rows.frame.with_columns(values).select(*columns, *calls)
    rest = _rest(select, list(_items(select, columns)))
    return rest, scope.with_rows(_ROWS, Rows(frame, rows.height))


def _items(select: exp.Select, columns: list[str]) -> Iterator[exp.Expr]:
    """Yield what is selected; a star stands for the columns without those of windows."""
    windows = windows_of(select)
    for item in select.expressions:
        if item in windows:
            # As in Python, a column is called by its function.
            yield exp.alias_(item.copy(), item.this.name.lower(), quoted=True)
        elif isinstance(item, exp.Star) and not any(item.args.values()):
            yield from (exp.column(exp.to_identifier(name, quoted=True)) for name in columns)
        else:
            yield item.copy()


def _rest(select: exp.Select, items: list[exp.Expr]) -> exp.Select:
    """Return what is left to do once the rows with their windows are a table."""
    rest = select.copy()
    for clause in OF_ROWS:
        rest.set(clause, None)
    rest.set("expressions", items)

    def as_column(node: exp.Expr) -> exp.Expr:
        if isinstance(node, exp.Window) and node in windows_of(select):
            return exp.column(exp.to_identifier(written(node), quoted=True))
        if isinstance(node, exp.Column) and node.table:
            return exp.column(node.this.copy())
        return node

    changed = rest.transform(as_column)
    assert isinstance(changed, exp.Select)
    return changed.from_(table(_ROWS))


def _check(select: exp.Select, window: exp.Window, text: Text) -> None:
    """Raise QueryError for what a window over rows cannot stand beside."""
    name = window.this.name.upper()
    for clause in ("where", "qualify"):
        if any(node is window for node in own_nodes(select.args.get(clause) or exp.Null())):
            reason = f"{name} cannot stand in {clause.upper()}; put it into a WITH, and use WHERE"
            raise text.error_at(f"{reason} on that", window.this)
    if select.args.get("joins"):
        reason = f"{name} with OVER reads the rows of one table; put the JOIN into a WITH before it"
        raise text.error_at(reason, window.this)
    others = any(is_call(node) and not _within_window(node, select) for node in own_nodes(select))
    if select.args.get("group") or others:
        reason = (
            f"{name} with OVER ranks rows, not groups; put what is grouped into a WITH before it"
        )
        raise text.error_at(reason, window.this)
    if window.args.get("order") or window.args.get("spec") or window.args.get("alias"):
        reason = f"{name} takes all rows of its window; OVER can only have PARTITION BY"
        raise text.error_at(reason, window.this)


def _within_window(node: exp.Expr, select: exp.Select) -> bool:
    parent: exp.Expr | None = node
    while parent is not None and parent is not select:
        if isinstance(parent, exp.Window) and parent in windows_of(select):
            return True
        parent = parent.parent
    return False
