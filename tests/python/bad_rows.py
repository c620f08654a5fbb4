"""Rows with one thing wrong."""

from __future__ import annotations

from typing import Any

import polars as pl

FIRST = pl.int_range(pl.len()) == 0
LISTS = pl.List(pl.Float64)
NAN = float("nan")


def set_first(column: str, new: object, dtype: Any = None) -> pl.Expr:
    """`column` with its first row, which is one of "old" and class 0, replaced."""
    cast = pl.col(column) if dtype is None else pl.col(column).cast(dtype)
    return pl.when(FIRST).then(pl.lit(new, dtype=dtype)).otherwise(cast).alias(column)


def lists(column: str, row: list[float], name: str = "p") -> pl.Expr:
    """`column` as lists with its first row replaced."""
    return set_first(column, row, LISTS).alias(name)
