"""Maps of numbers by two names, a colour each: what the page shows as a coloured table."""

from __future__ import annotations

from dataclasses import dataclass

# With more columns than this, there is no room for their names unless these are upright.
_MOST_LEVEL_COLUMNS = 5


@dataclass(frozen=True)
class Cell:
    """A number and what it looks like.

    Attributes
    ----------
    text
        The number.
    dark
        Its colour in percent of the darkest; None for no colour.
    best
        It is the best of its column, and framed.
    says_nothing
        It is no better than a guess, and hatched.
    spoken
        What colour and signs say, in words.
    """

    text: str
    dark: int | None
    best: bool
    says_nothing: bool
    spoken: str


@dataclass(frozen=True)
class HeatMap:
    """A cell for each row and column; `name` is unique within the page.

    Attributes
    ----------
    corner
        What the rows are, and what the columns are.
    columns
        Names of the columns, and what links of theirs lead to; empty where they have none.
    rows
        Names with their cells.
    foot
        A last row that has no colours; None for none.
    key
        Sentences on what colours and signs mean.
    """

    name: str
    caption: str
    corner: str
    columns: tuple[tuple[str, str], ...]
    rows: tuple[tuple[str, tuple[Cell, ...]], ...]
    foot: tuple[str, tuple[str, ...]] | None
    key: tuple[str, ...]

    @property
    def upright(self) -> bool:
        """Return whether the names of the columns must be turned."""
        return len(self.columns) > _MOST_LEVEL_COLUMNS
