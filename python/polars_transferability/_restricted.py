"""Columns whose values depend on which rows there are, and how a task restricts them to its own.

The rows of a task are those that its `where` selects, before anything else sees them. A label that
is made of all rows, such as a cluster, must therefore be made of the selected ones. Polars has no
way to look into an expression, so such a column is remembered with what makes it.
"""

from __future__ import annotations

from collections.abc import Callable

import polars as pl

# Makes the column of the rows for which an expression is true, or of all.
_OfRows = Callable[["pl.Expr | None"], pl.Expr]
_ATTRIBUTE = "_transferability_of_rows"
# How Polars prints the call of a native function whose values depend on which rows there are.
_CALL = ":pseudo_labels("


def restrictable(of_rows: _OfRows) -> pl.Expr:
    """Return the column of all rows, which `restricted` can restrict."""
    column = of_rows(None)
    setattr(column, _ATTRIBUTE, of_rows)
    return column


def restricted(argument: str, column: pl.Expr, where: pl.Expr) -> pl.Expr:
    """Return a column as it is of the rows for which `where` is true; elsewhere it may be null."""
    of_rows: _OfRows | None = getattr(column, _ATTRIBUTE, None)
    if of_rows is not None:
        return of_rows(where)
    if _CALL in str(column):
        msg = (
            f"{argument}: pseudo_labels() within another expression would see the rows that "
            "`where` leaves out; give it as it is, or filter the rows before"
        )
        raise ValueError(msg)
    return column
