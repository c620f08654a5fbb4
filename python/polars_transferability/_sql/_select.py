"""A SELECT that calls our functions, in three steps.

1. Polars SQL evaluates FROM, JOIN and WHERE and the columns that keys and arguments need.
2. A `group_by` on that lazy frame computes each distinct call and each aggregate once, and calls
   with FILTER on the rows that meet it.
3. Polars SQL evaluates the rest, in which calls, aggregates and keys have become columns.

Between the steps a column is named by the expression it holds, so what is the same text is computed
once, and messages of the plugin speak of columns as the query does.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

import polars as pl
from sqlglot import exp

from polars_transferability._sql._dialect import written
from polars_transferability._sql._functions import (
    Call,
    bind,
    build,
    called,
    is_call,
    is_row_call,
    near,
)
from polars_transferability._sql._scope import PlacedCall, Rows, Scope
from polars_transferability._sql._text import Text
from polars_transferability._sql._tree import own_nodes, table, table_names

# The aggregates of Polars SQL.
_AGGREGATES = {
    *("APPROX_QUANTILE", "ARRAY_AGG", "AVG", "CORR", "COUNT", "COVAR", "COVAR_POP", "COVAR_SAMP"),
    *("FIRST", "FIRST_VALUE", "GROUP_CONCAT", "LAST", "LAST_VALUE", "LISTAGG", "MAX", "MEDIAN"),
    *("MIN", "NTH_VALUE", "QUANTILE_CONT", "QUANTILE_DISC"),
    *("STDDEV", "STDDEV_SAMP", "STDEV", "STDEV_SAMP", "STRING_AGG", "SUM", "TOTAL"),
    *("VAR", "VARIANCE", "VAR_SAMP"),
}
_NAMED = (exp.Kwarg, exp.PropertyEQ)
# The name of what step 2 returns.
_GROUPED = "groups of the query"
# What ranks the rows of a window, which OVER names.
OVER_ROWS = {"CONSENSUS"}
# Clauses by the step that carries them out; the columns and GROUP BY take part in each.
OF_ROWS = ("from_", "joins", "where")
OF_GROUPS = ("having", "qualify", "windows", "distinct", "order", "limit", "offset")
_BEFORE_GROUPS = {"where": "WHERE", "joins": "JOIN", "group": "GROUP BY", "from_": "FROM"}


def aggregate(select: exp.Select, scope: Scope) -> Rows:
    """Return the rows of a SELECT that calls our functions."""
    _check(select, scope.text)
    plan = _Plan(scope, select, _keys(select, scope))
    outer = plan.outer()
    rows = _rows(select, plan, scope)
    keys = [pl.col(written(key)) for key in plan.keys]

    def grouped(values: list[pl.Expr], condition: exp.Expr | None) -> pl.LazyFrame:
        seen = rows.frame
        if condition is not None:
            seen = seen.filter(pl.col(written(condition)))
        return seen.group_by(keys, maintain_order=True).agg(values) if keys else seen.select(values)

    # By their condition; what has none comes first, since it has a row for each group.
    values: dict[exp.Expr | None, list[pl.Expr]] = {
        None: [_aggregate_value(*item, scope) for item in plan.aggregates.items()]
    }
    for name, call in plan.calls.items():
        value = call_value(name, call, scope)
        values.setdefault(call.condition, []).append(value)
        scope.calls.append(PlacedCall(call.node, grouped([value], call.condition)))
    parts = [grouped(of_condition, condition) for condition, of_condition in values.items()]
    groups = scope.with_rows(_GROUPED, Rows(_side_by_side(parts, keys), rows.height))
    return groups.run(written(outer), {_GROUPED, *table_names(outer)}, select)


def _side_by_side(parts: list[pl.LazyFrame], keys: list[pl.Expr]) -> pl.LazyFrame:
    """Return the columns of all parts; a group that a later part lacks is null there."""
    if not keys:
        return pl.concat(parts, how="horizontal")
    groups, *further = parts
    for part in further:
        groups = groups.join(part, on=keys, how="left", nulls_equal=True, maintain_order="left")
    return groups


@dataclass
class _Plan:
    """What step 2 has to compute, gathered while step 3 is written."""

    scope: Scope
    select: exp.Select
    keys: Sequence[exp.Expr]
    calls: dict[str, Call] = field(default_factory=dict)
    aggregates: dict[str, exp.Expr] = field(default_factory=dict)

    def outer(self) -> exp.Select:
        """Return the query of step 3."""
        items = list(self._items())
        aliases = {item.alias: item.this for item in items}
        outer = exp.select(*items).from_(table(_GROUPED))
        for clause in OF_GROUPS:
            node = self.select.args.get(clause)
            if not node:
                continue
            if clause == "having":
                outer = outer.where(self._with_aliases(node.this, aliases))
            elif clause in ("order", "qualify", "distinct"):
                outer.set(clause, self._with_aliases(node, aliases, keep=clause == "order"))
            elif clause == "windows":
                outer.set(clause, [self._after(window, {}) for window in node])
            else:
                outer.set(clause, node.copy())
        return outer

    def _items(self) -> Iterator[exp.Alias]:
        seen: set[str] = set()
        for item in self.select.expressions:
            name = item.alias if isinstance(item, exp.Alias) else _output_name(item)
            if name in seen:
                reason = f"two columns of the result are named {name}; name one of them with AS"
                raise self.scope.text.error_at(reason, item)
            seen.add(name)
            alias = exp.to_identifier(name, quoted=True)
            yield exp.Alias(this=self._after(item.unalias(), {}), alias=alias)

    def _with_aliases(
        self, node: exp.Expr, aliases: dict[str, exp.Expr], *, keep: bool = False
    ) -> exp.Expr:
        # Polars knows the names of the result only in ORDER BY.
        if keep:
            aliases = {name: _column(name) for name in aliases}
        return self._after(node, aliases)

    def _after(self, node: exp.Expr, aliases: Mapping[str, exp.Expr]) -> exp.Expr:
        """Return `node` as it reads after grouping: calls, aggregates and keys are columns."""
        return node.transform(lambda part: self._part_after(part, aliases))

    def _part_after(self, part: exp.Expr, aliases: Mapping[str, exp.Expr]) -> exp.Expr:
        """Return what stands for a part after grouping, or the part itself."""
        node = part.this if isinstance(part, exp.Paren) and called(part.this) else part
        if _runs_over_groups(node):
            return node
        if isinstance(node, exp.Column) and not node.table and node.name in aliases:
            value = aliases[node.name].copy()
            return value if isinstance(value, exp.Column) else exp.Paren(this=value)
        if (key := self._key(node)) is not None:
            return _column(written(key))
        if isinstance(node, exp.Column) and (key := self._struct(node)) is not None:
            return exp.column(node.this.copy(), table=exp.to_identifier(written(key), quoted=True))
        if (node_of_call := called(node)) is not None:
            call = bind(node_of_call, self.scope.text)
            if isinstance(node, exp.Filter):
                call = replace(call, condition=node.expression.this)
            self.calls.setdefault(written(node), call)
            return _column(written(node))
        if _is_aggregate(node):
            self.aggregates.setdefault(written(node), node)
            return _column(written(node))
        if isinstance(node, exp.Star):
            raise self.scope.text.error_at(_STAR, node)
        if isinstance(node, exp.Column):
            if isinstance(node.this, exp.Star):
                raise self.scope.text.error_at(_STAR, node)
            known = [*aliases, *(key.name for key in self.keys if isinstance(key, exp.Column))]
            reason = (
                f"{written(node)} is neither in GROUP BY nor within an aggregate, but the result "
                f"has one row per group{near(node.name, known)}"
            )
            raise self.scope.text.error_at(reason, node)
        if isinstance(node, exp.Query):
            return node.copy()
        if isinstance(node, exp.Anonymous):
            _check_known(node, self.scope)
        return node

    def _key(self, node: exp.Expr) -> exp.Expr | None:
        if not isinstance(node, exp.Column):
            return self._other_keys.get(node)
        return next((key for key in self.keys if self._same_column(key, node)), None)

    @cached_property
    def _other_keys(self) -> dict[exp.Expr, exp.Expr]:
        return {key: key for key in self.keys if not isinstance(key, exp.Column)}

    def _same_column(self, key: exp.Expr, node: exp.Column) -> bool:
        if not isinstance(key, exp.Column) or key.name != node.name:
            return False
        tables = {key.table.lower(), node.table.lower()} - {""}
        return len(tables) == 0 or (len(tables) == 1 and tables <= self._sources)

    def _struct(self, column: exp.Column) -> exp.Expr | None:
        """Return the key of which `column` is a field."""
        if not column.table or column.table.lower() in self._sources:
            return None
        return self._key(exp.column(column.args["table"].copy()))

    @cached_property
    def _sources(self) -> set[str]:
        """The names of the tables in FROM, by which columns are qualified."""
        parts = [self.select.args.get("from_"), *(self.select.args.get("joins") or [])]
        return {part.this.alias_or_name.lower() for part in parts if part is not None}


_STAR = "* cannot stand beside an aggregate: name the columns, which must be in GROUP BY"


def _runs_over_groups(node: exp.Expr) -> bool:
    """Say whether a node is a function with OVER, or the star that is all that it is called with.

    What else such a function is called with reads as it does after grouping.
    """
    function = node.parent if isinstance(node, exp.Star) else node
    while isinstance(function, (exp.Anonymous, exp.Filter)) and function.arg_key == "this":
        function = function.parent
        if isinstance(function, exp.Window):
            return True
    return False


def _check(select: exp.Select, text: Text) -> None:
    """Raise QueryError for calls where no aggregate can stand."""
    for clause, name in _BEFORE_GROUPS.items():
        found = select.args.get(clause)
        for node in found if isinstance(found, list) else [found] if found else []:
            for call in filter(is_call, own_nodes(node)):
                hint = "; HAVING filters groups" if clause == "where" else ""
                reason = f"{call.name.upper()} is an aggregate and cannot stand in {name}{hint}"
                raise text.error_at(reason, call)
    for call in filter(is_call, own_nodes(select)):
        holder = call.parent.parent if isinstance(call.parent, _NAMED) else call.parent
        parent = call.parent
        filtered = isinstance(parent, exp.Filter) and call.arg_key == "this"
        if filtered and is_row_call(call):
            reason = f"{call.name.upper()} has a value for each row, which FILTER cannot leave out"
            raise text.error_at(f"{reason}; use WHERE in a WITH before it", call)
        if is_row_call(call):
            if not is_call(holder):
                reason = f"{call.name.upper()} has a value for each row: it can only be an argument"
                also = ", or stand before OVER" if call.name.upper() in OVER_ROWS else ""
                raise text.error_at(f"{reason} of another function of this package{also}", call)
            continue
        if parent is not None and filtered:
            parent = parent.parent
        if isinstance(parent, exp.Window):
            reason = f"{call.name.upper()} cannot be taken OVER a window; use GROUP BY"
            raise text.error_at(reason, call)
        while parent is not select and parent is not None:
            if called(parent) or (_is_aggregate(parent) and not _runs_over_groups(parent)):
                reason = f"{call.name.upper()} is an aggregate and cannot stand within another"
                raise text.error_at(reason, call)
            parent = parent.parent


def _check_known(function: exp.Anonymous, scope: Scope) -> None:
    """Raise QueryError if Polars has no such function, before its arguments are found at fault."""
    try:
        pl.sql_expr(f"{function.name}()")
    except pl.exceptions.PolarsError as error:
        if f"unsupported function '{function.name.lower()}'" in str(error):
            raise scope.located(error, function, {}) from error


def _keys(select: exp.Select, scope: Scope) -> list[exp.Expr]:
    """Return the expressions of GROUP BY; numbers and names of results stand for theirs."""
    group = select.args.get("group")
    if group is None:
        return []
    kinds = [kind for kind, value in group.args.items() if value]
    if others := [kind for kind in kinds if kind not in ("all", "expressions")]:
        reason = f"{others[0].upper()} is not available beside functions of this package"
        raise scope.text.error_at(reason, group)
    items = [item.unalias() for item in select.expressions]
    if group.args.get("all"):
        return [i for i in items if not any(is_call(n) or _is_aggregate(n) for n in own_nodes(i))]
    named = {item.alias: item.this for item in select.expressions if isinstance(item, exp.Alias)}
    keys = []
    for key in group.expressions:
        if isinstance(key, exp.Literal) and key.is_int:
            if not 1 <= int(key.name) <= len(items):
                reason = f"GROUP BY {key.name}: the result has {len(items)} columns"
                raise scope.text.error_at(reason, key)
            found = items[int(key.name) - 1]
        elif isinstance(key, exp.Column) and not key.table and key.name in named:
            found = key if key.name in _from_names(select, scope) else named[key.name]
        else:
            found = key
        if isinstance(found, (exp.Rollup, exp.Cube, exp.GroupingSets)):
            reason = f"{found.key.upper()} is not available beside functions of this package"
            raise scope.text.error_at(reason, key)
        for node in own_nodes(found):
            if is_call(node) or _is_aggregate(node):
                reason = f"{written(found)} is an aggregate and cannot be a key of GROUP BY"
                raise scope.text.error_at(reason, key)
        keys.append(found)
    return keys


def _from_names(select: exp.Select, scope: Scope) -> set[str]:
    everything = of_rows(select, [exp.Star()])
    rows = scope.run(written(everything), table_names(everything), select)
    return set(rows.frame.collect_schema().names())


def _rows(select: exp.Select, plan: _Plan, scope: Scope) -> Rows:
    """Return what step 2 reads: keys, arguments of calls and columns of aggregates."""
    needed = [*plan.keys]
    for call in plan.calls.values():
        needed += call.inputs()
    for node in plan.aggregates.values():
        needed += node.find_all(exp.Column)
    by_name = {written(node): node for node in needed}
    items = [exp.alias_(node.copy(), name, quoted=True) for name, node in by_name.items()]
    query = of_rows(select, items)
    return scope.run(written(query), table_names(query), select)


def of_rows(select: exp.Select, items: list[exp.Expr]) -> exp.Select:
    """Return the query of some items over the rows of a SELECT, before they are grouped."""
    query = exp.Select(expressions=items)
    for clause in OF_ROWS:
        value = select.args.get(clause)
        copied = [v.copy() for v in value] if isinstance(value, list) else value and value.copy()
        query.set(clause, copied)
    return query


def call_value(name: str, call: Call, scope: Scope) -> pl.Expr:
    """Return the expression of a call, over columns that are named as its arguments are written."""
    line, column = scope.text.place(call.node.meta["start"])
    place = f"{call.function.name}, line {line}, column {column}"

    def column_of(argument: exp.Expr | Call) -> pl.Expr:
        if isinstance(argument, Call):
            return call_value(written(argument.node), argument, scope)
        # So messages of the plugin, which speak of columns, point into the query.
        return pl.col(written(argument)).alias(f"{written(argument)} ({place})")

    columns = {parameter: column_of(argument) for parameter, argument in call.columns()}
    return build(call, columns, scope.table, scope.text).alias(name)


def _aggregate_value(name: str, node: exp.Expr, scope: Scope) -> pl.Expr:
    renamed = node.transform(
        lambda part: _column(written(part)) if isinstance(part, exp.Column) else part
    )
    try:
        return pl.sql_expr(written(renamed)).alias(name)
    except pl.exceptions.PolarsError as error:
        raise scope.located(error, node, {}) from error


def _is_aggregate(node: exp.Expr | None) -> bool:
    if isinstance(node, (exp.Filter, exp.WithinGroup)):
        return _is_aggregate(node.this)
    return isinstance(node, exp.Anonymous) and node.name.upper() in _AGGREGATES


def _output_name(item: exp.Expr) -> str:
    """Return the name that Polars gives to a column without AS; our functions have their own."""

    def plain(node: exp.Expr) -> exp.Expr:
        if (call := called(node)) is not None:
            return exp.column(call.name.lower())
        return exp.column(node.this.copy()) if isinstance(node, exp.Column) else node

    try:
        expression = pl.sql_expr(written(item.copy().transform(plain)))
        name = expression.meta.output_name(raise_if_undetermined=False)
    except pl.exceptions.PolarsError:
        name = None
    return written(item) if name is None else name


def _column(name: str) -> exp.Column:
    return exp.column(exp.to_identifier(name, quoted=True))
