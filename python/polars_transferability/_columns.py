"""Column arguments: a name or an expression becomes one expression; what types columns may have.

The types are those that the native side reads; a test holds both to the same.
"""

from __future__ import annotations

from collections.abc import Iterable

import polars as pl


def named_column(argument: str, name: str) -> pl.Expr:
    """Return the column of that name; an error where Polars reads the name as a pattern.

    Examples
    --------
    >>> named_column("label", "^d.*$")
    Traceback (most recent call last):
    ValueError: label: Polars reads '^d.*$' as a pattern for several columns, not as the name of
    one; rename the column
    """
    column = pl.col(name)
    if column.meta.has_multiple_outputs():
        msg = (
            f"{argument}: Polars reads {name!r} as a pattern for several columns, not as the name "
            "of one; rename the column"
        )
        raise ValueError(msg)
    return column


def one_column(argument: str, value: object) -> pl.Expr:
    """Return `value`, a column name or an expression for one column, as an expression.

    Examples
    --------
    >>> str(one_column("label", "digit"))
    'col("digit")'
    >>> one_column("label", 3)
    Traceback (most recent call last):
    TypeError: label: expected a column name or a Polars expression, found int
    """
    if isinstance(value, str):
        return named_column(argument, value)
    if not isinstance(value, pl.Expr):
        msg = (
            f"{argument}: expected a column name or a Polars expression, "
            f"found {type(value).__name__}"
        )
        raise TypeError(msg)
    if value.meta.has_multiple_outputs():
        msg = f"{argument}: expected one column, but {value} can stand for several; name one"
        raise ValueError(msg)
    return value


def optional_column(argument: str, value: object) -> pl.Expr | None:
    """Return `one_column`, or None for None."""
    return None if value is None else one_column(argument, value)


def is_label_type(dtype: pl.DataType) -> bool:
    """Return whether values of a type can name classes.

    Examples
    --------
    >>> [is_label_type(dtype) for dtype in (pl.Int8(), pl.Enum(["cat"]), pl.Float64())]
    [True, True, False]
    """
    return dtype.is_integer() or dtype in (pl.String, pl.Categorical, pl.Enum, pl.Boolean)


def is_embedding_type(dtype: pl.DataType) -> bool:
    """Return whether values of a type can be embeddings.

    Examples
    --------
    >>> [is_embedding_type(dtype) for dtype in (pl.Array(pl.Float16, 3), pl.List(pl.Int8))]
    [True, False]
    """
    if not isinstance(dtype, (pl.Array, pl.List)):
        return False
    return dtype.inner in (pl.Float16, pl.Float32, pl.Float64)


def column_name(column: pl.Expr) -> str:
    """Return the name under which error messages speak of `column`."""
    return column.meta.output_name(raise_if_undetermined=False) or str(column)


def column_roots(expressions: Iterable[pl.Expr | None]) -> list[str]:
    """Return the names of the columns that expressions read; None reads none."""
    roots = [e.meta.root_names() for e in expressions if e is not None]
    return list(dict.fromkeys(name for names in roots for name in names))
