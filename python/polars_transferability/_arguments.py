"""Arguments that are not columns: numbers, flags and choices, checked before any data is read."""

from __future__ import annotations

import math

# Integers reach the native side as signed 64-bit numbers.
_LARGEST_INTEGER = 2**63 - 1


def one_of(argument: str, value: object, allowed: tuple[str, ...]) -> str:
    """Return `value` if it is one of the strings in `allowed`."""
    if isinstance(value, str) and value in allowed:
        return value
    names = ", ".join(repr(name) for name in allowed)
    msg = f"{argument}: expected one of {names}, found {value!r}"
    raise ValueError(msg)


def integer(argument: str, value: object, *, least: int) -> int:
    """Return `value` if it is an integer of at least `least` that the native side can read."""
    if isinstance(value, bool) or not isinstance(value, int):
        msg = f"{argument}: expected an integer, found {value!r}"
        raise TypeError(msg)
    if not least <= value <= _LARGEST_INTEGER:
        msg = f"{argument}: expected an integer from {least} to {_LARGEST_INTEGER}, found {value}"
        raise ValueError(msg)
    return value


def flag(argument: str, value: object) -> bool:
    """Return `value` if it is True or False."""
    if isinstance(value, bool):
        return value
    msg = f"{argument}: expected True or False, found {value!r}"
    raise TypeError(msg)


def number(
    argument: str, value: object, *, above: float | None = None, least: float | None = None
) -> float:
    """Return `value` if it is a finite number, above `above` and at least `least`."""
    wanted = "a finite number"
    if above is not None:
        wanted += f" above {above}"
    if least is not None:
        wanted += f" of at least {least}"
    msg = f"{argument}: expected {wanted}, found {value!r}"
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise TypeError(msg)
    too_small = (above is not None and value <= above) or (least is not None and value < least)
    try:
        as_float = float(value)
    except OverflowError:
        as_float = math.inf
    if not math.isfinite(as_float) or too_small:
        raise ValueError(msg)
    return as_float
