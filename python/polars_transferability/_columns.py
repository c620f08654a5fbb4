"""Column arguments: a name or an expression becomes one expression."""

from __future__ import annotations

import polars as pl


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
        return pl.col(value)
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


def column_name(column: pl.Expr) -> str:
    """Return the name under which error messages speak of `column`."""
    return column.meta.output_name(raise_if_undetermined=False) or str(column)
