"""The tables of the page: frames as texts, ready to be laid out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import isnan

import polars as pl

from polars_transferability._report._wording import number, rounded

_MISSING = "\N{EN DASH}"


@dataclass(frozen=True)
class Column:
    """A column's heading, and whether it holds numbers, which are set to the right."""

    heading: str
    is_number: bool


@dataclass(frozen=True)
class RowGroup:
    """Rows under a heading of their own, or under none."""

    heading: str | None
    rows: tuple[tuple[str, ...], ...]


@dataclass(frozen=True)
class PageTable:
    """A table; its name is unique within the page."""

    name: str
    caption: str
    columns: tuple[Column, ...]
    groups: tuple[RowGroup, ...]


def page_table(
    rows: pl.DataFrame,
    name: str,
    caption: str,
    *,
    labels: Mapping[str, str] | None = None,
    group: str | None = None,
    significant: int | None = None,
) -> PageTable:
    """Return a frame as a table of the page.

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
    labels = labels or {}
    shown = rows.drop(group) if group else rows
    columns = (
        Column(labels.get(name, name), dtype.is_numeric()) for name, dtype in shown.schema.items()
    )
    groups: dict[str | None, list[tuple[str, ...]]] = {}
    for heading, row in zip(
        rows[group] if group else [None] * rows.height, shown.iter_rows(), strict=True
    ):
        groups.setdefault(heading, []).append(tuple(_text(value, significant) for value in row))
    return PageTable(
        name,
        caption,
        tuple(columns),
        tuple(RowGroup(heading, tuple(of_group)) for heading, of_group in groups.items()),
    )


def _text(value: object, significant: int | None) -> str:
    if value is None or (isinstance(value, float) and isnan(value)):
        return _MISSING
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return number(value, 3) if significant is None else rounded(value, significant)
    return str(value)
