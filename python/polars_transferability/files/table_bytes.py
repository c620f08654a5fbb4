"""A table as the bytes of a file."""

from __future__ import annotations

from collections.abc import Mapping
from io import BytesIO
from typing import Literal

import polars as pl

FileFormat = Literal["parquet", "csv", "json"]
FILE_FORMATS: tuple[FileFormat, ...] = ("parquet", "csv", "json")


def flat(rows: pl.DataFrame) -> pl.DataFrame:
    """Return a table without its nested columns, for which a line of text has no place."""
    return rows.select(pl.exclude(pl.Array, pl.List, pl.Struct, pl.Object))


def table_bytes(
    rows: pl.DataFrame, kind: FileFormat, *, marks: Mapping[str, str] | None = None
) -> bytes:
    r"""Return what a file of that kind holds; CSV leaves nested columns out.

    Parameters
    ----------
    rows
        The table.
    kind
        What kind of file.
    marks
        What a Parquet file says of itself besides.

    Examples
    --------
    >>> import polars as pl
    >>> table_bytes(pl.DataFrame({"model": ["net"], "classes": [["a", "b"]]}), "csv")
    b'model\nnet\n'
    """
    content = BytesIO()
    if kind == "parquet":
        rows.write_parquet(content, metadata=None if marks is None else dict(marks))
    elif kind == "json":
        rows.write_json(content)
    else:
        flat(rows).write_csv(content)
    return content.getvalue()
