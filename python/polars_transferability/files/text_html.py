"""Tables of text as a notebook shows them: whole lines, escaped."""

from __future__ import annotations

import polars as pl

# Longer texts end in an ellipsis.
_LONGEST = 1000


def text_html(table: pl.DataFrame) -> str:
    """Return a small table of text in HTML; Polars writes and escapes it.

    Examples
    --------
    >>> "&lt;b&gt;" in text_html(pl.DataFrame({"name": ["<b>"]}))
    True
    """
    with pl.Config(
        fmt_str_lengths=_LONGEST,
        tbl_rows=-1,
        tbl_hide_column_data_types=True,
        tbl_hide_dataframe_shape=True,
    ):
        return table._repr_html_()
