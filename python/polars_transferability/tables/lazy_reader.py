"""Tables of formats that Polars does not read lazily itself, as lazy tables nevertheless."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

import polars as pl
from polars.io.plugins import register_io_source


def read_lazily(
    schema: pl.Schema,
    read: Callable[[list[str] | None, pl.Expr | None], Iterable[pl.DataFrame]],
) -> pl.LazyFrame:
    """Return a lazy table; `read` yields its rows, in parts.

    It gets the columns that are needed, of which there are none where rows are only counted, or
    None for all; and a condition, or None. It may yield more columns, and rows that do not meet the
    condition.

    Examples
    --------
    >>> rows = pl.DataFrame({"a": [1, 2, 3], "b": [4, 5, 6]})
    >>> lazy = read_lazily(rows.schema, lambda columns, _: [rows.select(columns or rows.columns)])
    >>> lazy.filter(pl.col("b") > 4).select("a").head(1).collect().item()
    2
    """

    def source(
        columns: list[str] | None, condition: pl.Expr | None, first: int | None, _: int | None
    ) -> Iterator[pl.DataFrame]:
        named = [] if condition is None else condition.meta.root_names()
        needed = None if columns is None else list(dict.fromkeys([*columns, *named]))
        for part in read(needed, condition):
            kept = part if condition is None else part.filter(condition)
            if first is not None:
                kept = kept.head(first)
                first -= kept.height
            yield kept if columns is None else kept.select(columns or kept.columns)
            if first == 0:
                return

    return register_io_source(source, schema=schema)
