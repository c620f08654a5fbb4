"""A table as the bytes of a file."""

from __future__ import annotations

from collections.abc import Mapping
from io import BytesIO
from typing import Literal

import polars as pl
import polars.selectors as cs

FileFormat = Literal["parquet", "csv", "json"]
FILE_FORMATS: tuple[FileFormat, ...] = ("parquet", "csv", "json")


def flat(rows: pl.DataFrame) -> pl.DataFrame:
    """Return a table without its nested columns, for which a line of text has no place.

    A list of texts becomes one text; null where the list is empty.

    Examples
    --------
    >>> rows = pl.DataFrame({"problems": [["one", "two"], []], "sizes": [[1], [2]]})
    >>> flat(rows).rows()
    [('one; two',), (None,)]
    """
    texts = cs.by_dtype(pl.List(pl.String))
    nested = cs.by_dtype(pl.Object) | cs.nested() - texts
    joined = pl.when(texts.list.len() > 0).then(texts.list.join("; "))
    return rows.with_columns(joined).select(cs.all() - nested)


def table_bytes(
    rows: pl.DataFrame, kind: FileFormat, *, marks: Mapping[str, str] | None = None
) -> bytes:
    r"""Return what a file of that kind holds; CSV leaves nested columns out.but lists of texts.

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
    >>> table_bytes(pl.DataFrame({"model": ["net"], "classes": [[0, 1]]}), "csv")
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
