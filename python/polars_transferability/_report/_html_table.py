"""The tables of the page, formatted by Great Tables; their style is the page's own."""

from __future__ import annotations

import re
from collections.abc import Mapping
from html import escape

import great_tables as gt
import polars as pl


def html_table(
    rows: pl.DataFrame,
    name: str,
    caption: str,
    *,
    labels: Mapping[str, str] | None = None,
    group: str | None = None,
    significant: int | None = None,
) -> str:
    """Return a frame as an HTML table that scrolls by itself where the page is narrow.

    Parameters
    ----------
    rows
        What it shows; nulls as a dash, booleans as yes and no.
    name
        Of this table within the page.
    caption
        What stands above it.
    labels
        Headings, where they are not the names of the columns.
    group
        Column that becomes headings between the rows.
    significant
        Number of significant digits; None: three digits after the point.
    """
    shown = rows.with_columns(
        pl.when(pl.col(pl.Boolean))
        .then(pl.lit("yes"))
        .when(pl.col(pl.Boolean).not_())
        .then(pl.lit("no"))
        .name.keep()
    )
    numbers = [column for column, dtype in shown.schema.items() if dtype.is_float()]
    headings = {column: column.replace("_", " ") for column in shown.columns if column != group}
    table = (
        gt.GT(shown, id=name, groupname_col=group)
        .fmt_number(numbers, decimals=3, n_sigfig=significant, use_seps=False)
        .sub_missing(missing_text="\N{EN DASH}")
        .cols_label({**headings, **(labels or {})})
    )
    # Great Tables puts a style sheet of its own before each table.
    found = re.search(r"<table[^>]*>(.*)</table>", table.as_raw_html(), flags=re.DOTALL)
    body = found.group(1) if found else ""
    return (
        f'<div class="table" role="group" aria-labelledby="{name}"><p id="{name}">'
        f'{escape(caption)}</p><div class="scroll" tabindex="0" role="region" '
        f'aria-labelledby="{name}"><table aria-labelledby="{name}">{body}</table></div></div>'
    )
