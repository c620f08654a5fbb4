"""Tables that fit the terminal: no line is longer than it is wide, and nothing is cut short.

What does not fit is made narrower in steps, each only where the one before was not enough: columns
whose value is the same in all rows are told in a line; rows are put in sections; columns stand in
several blocks below each other; and the names of a row stand on a line of their own. Where standard
output is no terminal, tables have their full width.
"""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

import polars as pl

from polars_transferability._visible import visible

_GAP = "  "
_INDENT = " "
# A row is one line, whatever its texts hold.
_IN_ONE_LINE = str.maketrans({"\t": "␉", "\n": "␊", "\r": "␍"})
# Where the names of rows take a larger share of the width, they stand on lines of their own.
_NAMES_BESIDE = 0.5


@dataclass(frozen=True)
class TerminalTable:
    """Rows to print.

    Attributes
    ----------
    headings
        What stands above a column; of those not named here, the name, word below word.
    names
        Columns that say what a row is about: they are repeated in every block.
    section
        The column by which rows can be put in sections. They are in its order.
    """

    rows: pl.DataFrame
    headings: Mapping[str, str] = field(default_factory=dict)
    names: Sequence[str] = ()
    section: str | None = None

    def heading(self, column: str) -> str:
        """Return what stands above a column, line by line."""
        return visible(self.headings.get(column, column.replace("_", "\n")))

    def without(self, columns: Sequence[str]) -> TerminalTable:
        """Return the table without some of its columns."""
        return replace(
            self,
            rows=self.rows.drop(columns),
            names=[name for name in self.names if name not in columns],
        )


def print_table(table: TerminalTable, *, wide: bool = False) -> None:
    """Print a table, as wide as the terminal, or in full width if `wide`."""
    print("", *table_lines(table, None if wide else _terminal_width()), "", sep="\n")


def print_sentences(texts: Iterable[str]) -> None:
    """Print texts, each from a new line on, between words broken to the width of the terminal."""
    width = _terminal_width()
    print(*(line for text in texts for line in _folded(visible(text), width)), "", sep="\n")


def _terminal_width() -> int | None:
    return shutil.get_terminal_size().columns if sys.stdout.isatty() else None


def table_lines(table: TerminalTable, width: int | None) -> Iterator[str]:
    r"""Yield the lines of a table that is to fit into a width; None: of any width.

    Examples
    --------
    >>> rows = pl.DataFrame({"model": ["net", "other"], "loss": [0.25, 0.5], "vacuous": False})
    >>> print(*table_lines(TerminalTable(rows, names=["model"]), width=16), sep="\n")
     model    loss
     ─────────────
     net    0.2500
     other  0.5000
    <BLANKLINE>
     the same in all
     2 rows: vacuous
     no (--wide
     shows all)
    """
    columns = _columns(table)
    if width is None or _fits(columns, width):
        yield from _block(columns)
        return
    same = _constant(table.rows)
    table = table.without(same)
    told = [_told(column) for column in columns if column.name in same]
    if table.section in table.rows.columns and not _fits(_columns(table), width):
        yield from _sections(table, width)
    else:
        yield from _blocks(table, width)
    if told:
        note = f"the same in all {table.rows.height} rows: {', '.join(told)} (--wide shows all)"
        yield ""
        yield from _folded(note, width)


def _sections(table: TerminalTable, width: int) -> Iterator[str]:
    """Yield a table for each value of the section, headed by what is the same within each."""
    section = table.section
    assert section is not None
    parts = table.rows.partition_by(section, maintain_order=True)
    several = [_constant(part) for part in parts if part.height > 1] or [[section]]
    same = [name for name in table.rows.columns if all(name in names for names in several)]
    for place, part in enumerate(parts):
        of_part = replace(table, rows=part)
        told = [_told(column) for column in _columns(of_part) if column.name in same]
        if place:
            yield ""
        yield from _folded(", ".join(told), width)
        yield from _blocks(of_part.without(same), width)


def _constant(rows: pl.DataFrame) -> list[str]:
    """Return the columns that have one value in all rows, if there are several rows."""
    if rows.height < 2:
        return []
    return [column.name for column in rows if len({_cell(value) for value in column}) == 1]


@dataclass(frozen=True)
class _Column:
    name: str
    heading: list[str]
    cells: list[str]
    is_number: bool

    def width(self) -> int:
        from rich.cells import cell_len

        return max(map(cell_len, (*self.heading, *self.cells)), default=0)

    def aligned(self, text: str) -> str:
        from rich.cells import cell_len

        space = " " * (self.width() - cell_len(text))
        return space + text if self.is_number else text + space


def _columns(table: TerminalTable) -> list[_Column]:
    return [
        _Column(
            name=column.name,
            heading=table.heading(column.name).split("\n"),
            cells=[_cell(value) for value in column],
            is_number=column.dtype.is_numeric(),
        )
        for column in table.rows
    ]


def _cell(value: object) -> str:
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.4f}"
    return visible(str(value)).translate(_IN_ONE_LINE)


def _told(column: _Column) -> str:
    return f"{' '.join(column.heading)} {column.cells[0]}"


def _width(columns: Sequence[_Column]) -> int:
    return len(_INDENT) + sum(len(_GAP) + column.width() for column in columns) - len(_GAP)


def _fits(columns: Sequence[_Column], width: int) -> bool:
    return _width(columns) <= width


def _blocks(table: TerminalTable, width: int) -> Iterator[str]:
    """Yield blocks of as many columns as fit, each with the names of the rows."""
    columns = _columns(table)
    if _fits(columns, width):
        yield from _block(columns)
        return
    names = [column for column in columns if column.name in table.names]
    values = [column for column in columns if column.name not in table.names]
    beside = names if _width(names) <= _NAMES_BESIDE * width else []
    above = [] if beside else names
    for place, block in enumerate(_packed(beside, values, width)):
        if place:
            yield ""
        yield from _block(block, above, width)


def _packed(
    beside: list[_Column], values: Sequence[_Column], width: int
) -> Iterator[list[_Column]]:
    block = list(beside)
    for column in values:
        if len(block) > len(beside) and not _fits([*block, column], width):
            yield block
            block = list(beside)
        block.append(column)
    yield block


def _block(
    columns: Sequence[_Column], above: Sequence[_Column] = (), width: int | None = None
) -> Iterator[str]:
    """Yield headings and rows, each below a line of its own of the columns `above`."""
    height = max((len(column.heading) for column in columns), default=0)
    headings = [[""] * (height - len(column.heading)) + column.heading for column in columns]
    for line in zip(*headings, strict=True):
        yield _row([column.aligned(word) for column, word in zip(columns, line, strict=True)])
    yield f"{_INDENT}{'─' * (_width(columns) - len(_INDENT))}"
    for place in range(len(columns[0].cells) if columns else 0):
        if above:
            yield from _folded(", ".join(column.cells[place] for column in above), width)
        yield _row([column.aligned(column.cells[place]) for column in columns])


def _row(texts: Sequence[str]) -> str:
    return f"{_INDENT}{_GAP.join(texts)}".rstrip()


def _folded(text: str, width: int | None) -> list[str]:
    """Return the lines of a text that breaks between words, and nowhere else."""
    from rich.cells import cell_len

    lines = [_INDENT]
    for word in text.split(" "):
        longer = f"{lines[-1]}{word}"
        if width is not None and cell_len(longer) > width and lines[-1] != _INDENT:
            lines.append(f"{_INDENT}{word} ")
        else:
            lines[-1] = f"{longer} "
    return [line.rstrip() for line in lines]
