"""Names in sentences about a leaderboard: the first few of many."""

from __future__ import annotations

from collections.abc import Iterable

# How many names a sentence lists.
_LISTED = 10


def listed(items: Iterable[str]) -> str:
    """Return items in a row, of many the first few and how many more there are.

    Examples
    --------
    >>> listed(map(str, range(12)))
    '0, 1, 2, 3, 4, 5, 6, 7, 8, 9 and 2 more'
    """
    items = list(items)
    more = len(items) - _LISTED
    return ", ".join(items[:_LISTED]) + (f" and {more} more" if more > 0 else "")


def quoted(names: Iterable[str]) -> str:
    """Return names in quotes, likewise.

    Examples
    --------
    >>> quoted(["f1", "mcc"])
    "'f1', 'mcc'"
    """
    return listed(map(repr, names))
