"""The tables of the page, formatted by Great Tables; their style is the page's own."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

import great_tables as gt
import polars as pl

from polars_transferability._report._html_text import html_text


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
    texts = _Texts()
    headings = {**dict(zip(rows.columns, rows.columns, strict=True)), **(labels or {})}
    names = {column: f"column{place}" for place, column in enumerate(rows.columns)}
    shown = pl.DataFrame(
        [
            column.alias(names[column.name]) if column.dtype.is_numeric() else texts.keys(column)
            for column in rows
        ],
        schema=list(names.values()),
    )
    numbers = [column for column, dtype in shown.schema.items() if dtype.is_float()]
    table = (
        gt.GT(shown, id=name, groupname_col=None if group is None else names[group])
        .fmt_number(numbers, decimals=3, n_sigfig=significant, use_seps=False)
        .sub_missing(missing_text="\N{EN DASH}")
        .cols_label({names[c]: texts.key(headings[c]) for c in rows.columns if c != group})
    )
    # Great Tables puts a style sheet of its own before each table.
    found = re.search(r"<table[^>]*>(.*)</table>", table.as_raw_html(), flags=re.DOTALL)
    body = texts.put_into(found.group(1)) if found else ""
    return (
        f'<div class="table" role="group" aria-labelledby="{name}"><p id="{name}">'
        f'{html_text(caption)}</p><div class="scroll" tabindex="0" role="region" '
        f'aria-labelledby="{name}"><table aria-labelledby="{name}">{body}</table></div></div>'
    )


@dataclass
class _Texts:
    """The texts of a table, each under a key that stands for it while the table is formatted.

    Great Tables escapes cells, headings and groups in some versions only, and reads notations of
    its own in headings. It is given keys, which mean nothing to it, and the texts are put in their
    place as HTML.
    """

    _texts: list[str] = field(default_factory=list)

    def key(self, text: str) -> str:
        """Return the key of a text."""
        self._texts.append(text)
        return f"\ue000{len(self._texts) - 1}\ue001"

    def keys(self, values: pl.Series) -> pl.Series:
        """Return the keys of the texts of all values, equal ones for equal values."""
        texts = [_text(value) for value in values]
        keys = {text: self.key(text) for text in dict.fromkeys(texts) if text is not None}
        return pl.Series([None if text is None else keys[text] for text in texts], dtype=pl.String)

    def put_into(self, html: str) -> str:
        """Put the texts in the place of their keys."""
        return re.sub("\ue000(\\d+)\ue001", lambda key: html_text(self._texts[int(key[1])]), html)


def _text(value: object) -> str | None:
    if value is None:
        return None
    if isinstance(value, bool):
        return "yes" if value else "no"
    return str(value)
