"""Names and numbers as the page words them."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from math import isinf

import polars as pl

from polars_transferability._report._results import Joined
from polars_transferability.leaderboard.join import MEAN_ELSEWHERE

_MINUS = "\N{MINUS SIGN}"
# With fewer models, a correlation of them has no interval that means anything.
FEWEST_MODELS = 6


def number(value: float, digits: int) -> str:
    r"""Return a number with as many digits after the point; what rounds to zero has no sign.

    Examples
    --------
    >>> number(1.25, 1), number(-0.01, 1), number(-1.25, 1) == "\N{MINUS SIGN}1.2"
    ('1.2', '0.0', True)
    """
    return _signed(f"{value:.{digits}f}")


def rounded(value: float, digits: int) -> str:
    """Return a number with as many significant digits, and without an exponent.

    Examples
    --------
    >>> rounded(12.5, 4), rounded(0.000012345, 2), rounded(123456, 2)
    ('12.50', '0.000012', '120000')
    """
    if isinf(value):
        return number(value, digits)
    return _signed(f"{Decimal(f'{value:.{digits - 1}e}'):f}")


def _signed(text: str) -> str:
    return text.lstrip("-") if not text.strip("-0.") else text.replace("-", _MINUS)


def numbers(column: str, digits: int) -> pl.Expr:
    """Return a column of numbers as text, each as `number` has it."""
    return pl.col(column).map_elements(lambda value: number(value, digits), return_dtype=pl.String)


def spoken(name: str) -> str:
    """Return a name of this package's as words."""
    return name.replace("_", " ")


def headings(columns: Iterable[str]) -> dict[str, str]:
    """Return what columns of this package's are called in a table."""
    return {column: spoken(column) for column in columns}


def ranker_name(joined: Joined, ranker: str) -> str:
    """Return what a ranker is called; a column of the leaderboard is called as it is there."""
    ours = ranker in joined.scores or ranker == MEAN_ELSEWHERE
    return spoken(ranker) if ours else ranker


def counted(count: int, what: str) -> str:
    """Return how many there are of something.

    Examples
    --------
    >>> counted(1, "model"), counted(2, "model")
    ('1 model', '2 models')
    """
    return f"{count} {what}" if count == 1 else f"{count} {what}s"


def percent(share: float) -> str:
    r"""Return a share in percent, which no line is broken at.

    Examples
    --------
    >>> percent(0.125).replace("\xa0", " ")
    '12 %'
    """
    return f"{100 * share:.0f}\N{NO-BREAK SPACE}%"


def number_of(least: int, most: int) -> str:
    r"""Return how many things figures are of; what no line may be broken at has no-break spaces.

    Examples
    --------
    >>> number_of(3, 3).replace("\xa0", " "), number_of(3, 5).replace("\xa0", " ")
    ('n = 3', 'n = 3 to 5')
    """
    text = f"n = {least}" if least == most else f"n = {least} to {most}"
    return text.replace(" ", "\N{NO-BREAK SPACE}")


def interval(low: float | None, high: float | None, models: int) -> str:
    r"""Return an interval of a correlation, with a space before it; nothing of few models.

    Examples
    --------
    >>> interval(0.25, 1.0, 12).replace("\xa0", " "), interval(-1.0, 1.0, 3)
    (' [0.25, 1.00]', '')
    """
    if low is None or high is None or models < FEWEST_MODELS:
        return ""
    return f" [{number(low, 2)},\N{NO-BREAK SPACE}{number(high, 2)}]"
