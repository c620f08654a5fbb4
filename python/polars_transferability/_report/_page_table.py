"""The tables of the page: frames as texts, ready to be laid out."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from math import isnan

import polars as pl

from polars_transferability._report._wording import number, rounded

_MISSING = "\N{EN DASH}"
_EQUALS = "\N{NO-BREAK SPACE}=\N{NO-BREAK SPACE}"


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
    """A table; its name is unique within the page, and a note says what it leaves out."""

    name: str
    caption: str
    columns: tuple[Column, ...]
    groups: tuple[RowGroup, ...]
    note: str


def page_table(
    rows: pl.DataFrame,
    name: str,
    caption: str,
    *,
    labels: Mapping[str, str] | None = None,
    group: str | None = None,
    significant: int | None = None,
    always: Collection[str] | None = None,
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
    always
        Columns that are shown whatever they hold. Of the others, one that says the same in all
        rows, or nothing, is said once below the table. None: all columns are shown.
    """
    labels = labels or {}
    every = rows.drop(group) if group else rows
    same = [] if always is None else _same_in_all_rows(every.drop(always, strict=False))
    shown = every.drop(same)
    said = [
        f"{labels.get(name, name)}{_EQUALS}{_text(every[name][0], significant)}"
        for name in same
        if every[name][0] is not None
    ]
    empty = [labels.get(name, name) for name in same if every[name][0] is None]
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
        " ".join([*_sentence("The same in all rows", said), *_sentence("Empty", empty)]),
    )


def _same_in_all_rows(rows: pl.DataFrame) -> list[str]:
    """Return the columns that tell no rows apart; in a single row, those of zeros and nulls."""
    if rows.height == 1:
        return [name for name, value in rows.row(0, named=True).items() if value in (None, 0.0)]
    return [column.name for column in rows.iter_columns() if column.n_unique() == 1]


def _sentence(what: str, named: list[str]) -> list[str]:
    return [f"{what}: {', '.join(named)}."] if named else []


def _text(value: object, significant: int | None) -> str:
    if value is None or (isinstance(value, float) and isnan(value)):
        return _MISSING
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return number(value, 3) if significant is None else rounded(value, significant)
    return str(value)
