"""Which parts of SQL a query may have: those that are carried out as they are written.

A query with functions of this package is taken apart and written again, so each kind of node and
each of its arguments must be known to survive that. In a query without, Polars refuses most of what
it does not carry out; here is refused what it reads and ignores.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from sqlglot import exp

from polars_transferability._sql._dialect import written
from polars_transferability._sql._errors import QueryError
from polars_transferability._sql._names import is_pattern
from polars_transferability._sql._text import Text, span_of

_ONE = ("this",)
_TWO = ("this", "expression")
_LIST = ("expressions",)
_NONE: tuple[str, ...] = ()

# The clauses of a SELECT, in the order in which they are carried out.
CLAUSES = (
    *("with_", "from_", "joins", "where", "group", "having", "expressions", "qualify"),
    *("windows", "distinct", "order", "limit", "offset"),
)
_OF_RESULT = ("with_", "order", "limit", "offset")

# Arguments by kind of node. What stands nowhere here is refused.
ACCEPTED: dict[type[exp.Expr], tuple[str, ...]] = {
    exp.Select: CLAUSES,
    exp.Union: (*_TWO, "distinct", "by_name", *_OF_RESULT),
    exp.Except: (*_TWO, "distinct", *_OF_RESULT),
    exp.Intersect: (*_TWO, "distinct", *_OF_RESULT),
    exp.Subquery: (*_ONE, "alias", *_OF_RESULT),
    exp.With: (*_LIST, "recursive"),
    exp.CTE: (*_ONE, "alias"),
    exp.From: _ONE,
    exp.Table: (*_ONE, "alias", "db", "catalog", "joins"),
    exp.TableAlias: (*_ONE, "columns"),
    exp.Join: (*_ONE, "on", "using", "kind", "side", "method"),
    exp.Values: (*_LIST, "alias"),
    exp.Unnest: (*_LIST, "alias"),
    exp.Where: _ONE,
    exp.Group: (*_LIST, "all", "rollup", "cube", "grouping_sets"),
    exp.Rollup: _LIST,
    exp.Cube: _LIST,
    exp.GroupingSets: _LIST,
    exp.Having: _ONE,
    exp.Qualify: _ONE,
    exp.Distinct: (*_LIST, "on"),
    exp.Order: (*_LIST, "this"),
    exp.Ordered: (*_ONE, "desc", "nulls_first"),
    exp.Limit: _TWO,
    exp.Offset: ("expression",),
    exp.Fetch: ("direction", "count", "limit_options"),
    exp.LimitOptions: ("rows",),
    exp.Window: (*_ONE, "partition_by", "order", "spec", "alias", "over"),
    exp.WindowSpec: ("kind", "start", "start_side", "end", "end_side"),
    exp.Filter: _TWO,
    exp.Alias: (*_ONE, "alias"),
    exp.Column: (*_ONE, "table", "db", "catalog"),
    exp.Dot: _TWO,
    exp.Star: ("except_", "replace", "rename"),
    exp.Identifier: (*_ONE, "quoted"),
    exp.Literal: (*_ONE, "is_string"),
    exp.Boolean: _ONE,
    exp.Null: _NONE,
    exp.Var: _ONE,
    exp.Paren: _ONE,
    exp.Tuple: _LIST,
    exp.Array: _LIST,
    exp.Bracket: (*_ONE, *_LIST),
    exp.Anonymous: (*_ONE, *_LIST),
    exp.Kwarg: _TWO,
    exp.PropertyEQ: _TWO,
    exp.Cast: (*_ONE, "to"),
    exp.TryCast: (*_ONE, "to", "safe"),
    exp.DataType: (*_ONE, *_LIST, "nested", "kind"),
    exp.DataTypeParam: _ONE,
    exp.ColumnDef: (*_ONE, "kind"),
    exp.Case: (*_ONE, "ifs", "default"),
    exp.If: (*_ONE, "true", "false"),
    exp.Between: (*_ONE, "low", "high"),
    exp.In: (*_ONE, *_LIST, "query", "field"),
    exp.Exists: _ONE,
    exp.Any: _ONE,
    exp.All: _ONE,
    exp.Not: _ONE,
    exp.Neg: _ONE,
    exp.Interval: (*_ONE, "unit"),
    exp.Extract: _TWO,
    exp.Substring: (*_ONE, "start", "length"),
    exp.Trim: (*_TWO, "position"),
    exp.AtTimeZone: (*_ONE, "zone"),
    exp.CurrentDate: _NONE,
    exp.CurrentTime: _NONE,
    exp.CurrentTimestamp: _NONE,
    exp.DPipe: (*_TWO, "safe"),
    exp.Like: (*_TWO, "negate"),
    exp.ILike: (*_TWO, "negate"),
    **dict.fromkeys(
        (
            *(exp.Add, exp.Sub, exp.Mul, exp.Div, exp.IntDiv, exp.Mod, exp.And, exp.Or),
            *(exp.EQ, exp.NEQ, exp.GT, exp.GTE, exp.LT, exp.LTE, exp.Is),
            *(exp.NullSafeEQ, exp.NullSafeNEQ, exp.RegexpLike, exp.RegexpILike),
            *(exp.BitwiseAnd, exp.BitwiseOr, exp.JSONExtract, exp.JSONExtractScalar),
        ),
        _TWO,
    ),
}

# How what is not available is written, where the tree calls it otherwise, and what to do instead.
_CURES = {
    "hint": ("/*+", "leave the hint out"),
    "sample": ("TABLESAMPLE", "take rows with WHERE, or sample the table before"),
    "locks": ("FOR", "leave it out: tables are only read"),
    "into": ("INTO", "leave it out: the result is what the query returns"),
    "with_ties": ("WITH TIES", "leave it out, or use QUALIFY RANK() OVER (...) <= n"),
    "percent": ("PERCENT", "use a number of rows"),
    "with_fill": ("WITH FILL", "join with a table that has every value"),
    "laterals": ("LATERAL", "use JOIN"),
    "materialized": ("MATERIALIZED", "leave it out"),
    "values": ("an array of fixed size", "write the type of a list, such as INT[]"),
    "kind": ("AS STRUCT and AS VALUE", "name the columns"),
    "operation_modifiers": ("a modifier of SELECT", "leave it out"),
    "pivots": ("PIVOT", "use SUM(...) FILTER (WHERE ...) for each column"),
    "within_group": (
        "WITHIN GROUP",
        "give the order within the parentheses, as in ARRAY_AGG(x ORDER BY y)",
    ),
    "ignore_nulls": ("IGNORE NULLS", "use FILTER (WHERE ... IS NOT NULL)"),
    "respect_nulls": ("RESPECT NULLS", "leave it out: nulls are kept"),
    "collate": ("COLLATE", "leave it out: texts are compared by their characters"),
    "escape": ("ESCAPE", "use STARTS_WITH, ENDS_WITH, STRPOS or a regular expression"),
    "symmetric": ("SYMMETRIC", "give the lower bound first"),
}
# Types that Polars has, of which it ignores a length.
_WITHOUT_LENGTH = {
    *exp.DataType.TEXT_TYPES,
    *exp.DataType.INTEGER_TYPES,
    *(exp.DType.BINARY, exp.DType.VARBINARY, exp.DType.DOUBLE, exp.DType.BOOLEAN, exp.DType.DATE),
}


def check_clauses(tree: exp.Query, text: Text, *, taken_apart: bool) -> None:
    """Raise QueryError for what would be ignored, or is not known to be carried out.

    Parameters
    ----------
    taken_apart
        The query will be written again; of kinds of nodes that are not known here, only then is
        each refused.
    """
    for node in tree.walk():
        known = ACCEPTED.get(type(node))
        if known is None:
            if taken_apart:
                raise _unavailable(_WORDS.sub("_", type(node).__name__).lower(), node, text)
            continue
        for arg, value in node.args.items():
            if arg not in known and value is not None and value is not False and value != []:
                raise _unavailable(arg, node, text)
        if check := _CHECKS.get(type(node)):
            check(node, text)


# Where a word begins in the name of a kind of node.
_WORDS = re.compile(r"(?<=[a-z])(?=[A-Z])")


def _unavailable(what: str, node: exp.Expr, text: Text) -> QueryError:
    words, cure = _CURES.get(what, (what.strip("_").replace("_", " ").upper(), ""))
    reason = f"{words} is not available{f'; {cure}' if cure else ''}"
    span = span_of(node)
    place = re.compile(re.escape(words), re.I).search(text.query, span[0] if span else 0)
    if place is None:
        return text.error_at(reason, node)
    return text.error(reason, place.start(), place.end() - 1)


def _check_tables(with_: exp.Expr, text: Text) -> None:
    seen: set[str] = set()
    for cte in with_.expressions:
        if cte.alias.lower() in seen:
            raise text.error_at(f"WITH names {cte.alias} twice; give each table its own name", cte)
        seen.add(cte.alias.lower())


def _check_type(dtype: exp.Expr, text: Text) -> None:
    if dtype.this in _WITHOUT_LENGTH and dtype.expressions:
        name = written(dtype).partition("(")[0]
        reason = f"{written(dtype)} would not be cut to its length; write {name}"
        raise text.error_at(f"{reason}, and LEFT(text, length) for shorter texts", dtype)


def _check_field(path: exp.Expr, text: Text) -> None:
    if is_pattern(path.expression.name):
        reason = f"a field cannot be read by the name {path.expression.name}, which Polars takes"
        raise text.error_at(f"{reason} for a pattern of names; rename it before", path)


def _check_number(limit: exp.Expr, text: Text) -> None:
    number = limit.args.get("count") if isinstance(limit, exp.Fetch) else limit.expression
    every = isinstance(number, exp.Column) and number.name.upper() == "ALL"
    whole = isinstance(number, exp.Literal) and number.is_int
    if number is not None and not every and not whole:
        words = limit.key.upper()
        reason = f"{words} takes a whole number of rows, found {written(number)}"
        raise text.error_at(reason, number if span_of(number) else limit.parent)


_CHECKS: dict[type[exp.Expr], Callable[[exp.Expr, Text], None]] = {
    exp.With: _check_tables,
    exp.DataType: _check_type,
    exp.Limit: _check_number,
    exp.Offset: _check_number,
    exp.Fetch: _check_number,
    exp.JSONExtract: _check_field,
    exp.JSONExtractScalar: _check_field,
    exp.Dot: _check_field,
}
