"""Numbers, lists and tables as a page has them; templates know the functions as filters."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterable, Sequence

# How a page calls the models and tasks of a domain.
_PLURALS = {"image": "images", "text": "texts"}
UNKNOWN = "-"
_NUMBER = re.compile(r"[-+]?[\d.,]+( to -?[\d.]+| %)?|-|")


def of_domain(domain: str) -> str:
    """Return what a page calls a kind of data.

    Examples
    --------
    >>> of_domain("image"), of_domain("sound")
    ('images', 'sound')
    """
    return _PLURALS.get(domain, domain)


def number(value: float | None, digits: int = 2) -> str:
    """Return a number with so many digits; zero has no sign, and what is not known is a dash.

    Examples
    --------
    >>> number(0.123), number(-0.001), number(None)
    ('0.12', '0.00', '-')
    """
    if value is None:
        return UNKNOWN
    written = f"{value:.{digits}f}"
    return written.removeprefix("-") if float(written) == 0 else written


def signed(value: float, digits: int = 2) -> str:
    """Return a number with its sign, also if that is a plus.

    Examples
    --------
    >>> signed(0.5), signed(-0.5), signed(0.001)
    ('+0.50', '-0.50', '0.00')
    """
    written = number(value, digits)
    return f"+{written}" if float(written) > 0 else written


def interval(ends: Sequence[float], digits: int = 2) -> str:
    """Return the ends of an interval.

    Examples
    --------
    >>> interval([0.1, 0.25])
    '0.10 to 0.25'
    """
    low, high = ends
    return f"{number(low, digits)} to {number(high, digits)}"


def percent(share: float) -> str:
    """Return a share in percent.

    Examples
    --------
    >>> percent(0.333)
    '33 %'
    """
    return f"{100 * share:.0f} %"


def counted(count: int, thing: str, things: str | None = None) -> str:
    """Return a number of things.

    Examples
    --------
    >>> counted(1, "model"), counted(2, "loss", "losses")
    ('1 model', '2 losses')
    """
    return f"{count:,} {thing if count == 1 else things or thing + 's'}"


def listed(names: Iterable[object]) -> str:
    """Return names as a list within a sentence.

    Examples
    --------
    >>> listed(["a"]), listed([1, 2, 3])
    ('a', '1, 2 and 3')
    """
    *first, last = map(str, names)
    return f"{', '.join(first)} and {last}" if first else last


def table(headings: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table; columns of numbers stand to the right.

    Examples
    --------
    >>> print(table(["model", "loss"], [["a", "0.5"], ["b", "1.0"]]))
    | model | loss |
    |---|---:|
    | a | 0.5 |
    | b | 1.0 |
    """
    cells = [list(row) for row in rows]
    columns = zip(*cells, strict=True)
    is_number = [all(_NUMBER.fullmatch(cell) for cell in column) for column in columns]
    rule = "|".join("---:" if right else "---" for right in is_number)
    first, *others = (f"| {' | '.join(row)} |" for row in [headings, *cells])
    return "\n".join([first, f"|{rule}|", *others])


def wrapped(text: str) -> str:
    r"""Return a text with its paragraphs in lines that are not too long; other blocks stay.

    Examples
    --------
    >>> wrapped("# A\n\nOne\ntwo.\n\n\n\n| a |\n|---|")
    '# A\n\nOne two.\n\n| a |\n|---|'
    """
    blocks = [block.strip() for block in re.split(r"\n\s*\n", text)]
    return "\n\n".join(map(_wrapped_block, filter(None, blocks)))


def _wrapped_block(block: str) -> str:
    if block.startswith(("#", "|", "![")):
        return block
    words = " ".join(block.split())
    return textwrap.fill(words, 120, break_long_words=False, break_on_hyphens=False)
