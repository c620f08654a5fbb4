"""How much memory the rows of a model may take: what the caller states, or half of what is free."""

from __future__ import annotations

import re
from dataclasses import dataclass

from polars_transferability._door import door
from polars_transferability._plugin import free_memory

# In the order of their powers of a thousand, or of 1024 where an i stands behind.
_PREFIXES = ("", "k", "m", "g", "t")
_AMOUNT = re.compile(r"\s*([0-9]+(?:\.[0-9]+)?)\s*([kmgt]?)(i?)b?\s*", re.IGNORECASE)


@dataclass(frozen=True)
class Memory:
    """An amount of memory in bytes, how it was stated, and whether the caller did so."""

    bytes: int
    stated: str
    is_given: bool = True


def memory_of(given: object) -> Memory:
    """Return the amount that `memory` states, in bytes or as a text; None: half of what is free.

    Examples
    --------
    >>> memory_of("2GB").bytes, memory_of("1.5 GiB").bytes, memory_of(4096).bytes
    (2000000000, 1610612736, 4096)
    >>> memory_of("much")
    Traceback (most recent call last):
    ValueError: memory: expected an amount such as '2GB', found 'much'
    """
    if given is None:
        half = free_memory() // 2
        return Memory(half, f"half of what is free ({size_text(half)})", is_given=False)
    spelled = door().arguments.get("memory", "memory")
    msg = f"{spelled}: expected an amount such as '2GB', found {given!r}"
    if isinstance(given, bool) or not isinstance(given, (int, str)):
        raise TypeError(msg)
    found = _AMOUNT.fullmatch(str(given))
    if found is None:
        raise ValueError(msg)
    number, unit, binary = found.groups()
    amount = int(float(number) * (1024 if binary else 1000) ** _PREFIXES.index(unit.lower()))
    if amount <= 0:
        raise ValueError(msg)
    return Memory(amount, str(given))


def size_text(size: float) -> str:
    """Return a number of bytes as people write it.

    Examples
    --------
    >>> size_text(12_345_678_901), size_text(2_000_000), size_text(300)
    ('12.3 GB', '2 MB', '300 bytes')
    """
    for unit, factor in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if size >= factor:
            return f"{size / factor:.3g} {unit}"
    return f"{size:.0f} bytes"
