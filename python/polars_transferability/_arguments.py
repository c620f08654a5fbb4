"""Arguments that are not columns: numbers, flags and choices, checked before any data is read.

Also which arguments a caller gave: one that has two names, and names that no function has.
"""

from __future__ import annotations

import functools
import inspect
import math
import re
from collections.abc import Callable, Iterable
from difflib import get_close_matches
from typing import Any, ParamSpec, TypeVar

Given = ParamSpec("Given")
Result = TypeVar("Result")

# How alike two names must be, from 0 to 1, for one to be suggested in place of the other.
_NEAR = 0.6
# Keyword arguments are few, and their names short.
_NEAR_KEYWORD = 0.5
# Integers reach the native side as signed 64-bit numbers.
_LARGEST_INTEGER = 2**63 - 1


class DefaultText(str):
    """A default that is told from the same text when a caller gives it."""

    __slots__ = ()


def given_as(argument: str, value: Any, default: object, **alias: Any) -> tuple[str, Any]:
    """Return by which of its two names an argument was given, and its value.

    `value` is the very object `default` where the caller did not give it; the alias is None.

    Examples
    --------
    >>> default = ("logme",)
    >>> given_as("scores", default, default, which=["gbc"])
    ('which', ['gbc'])
    >>> given_as("scores", ["gbc"], default, which=["gbc"])
    Traceback (most recent call last):
    TypeError: scores: is the same argument as which; give one of them
    """
    ((other, aliased),) = alias.items()
    if aliased is None:
        return argument, value
    if value is not default:
        msg = f"{argument}: is the same argument as {other}; give one of them"
        raise TypeError(msg)
    return other, aliased


def near_name(name: object, names: Iterable[str], *, alike: float = _NEAR) -> str:
    """Return a hint at the most similar of `names`, or nothing.

    Examples
    --------
    >>> near_name("logmee", ["logme", "leep"])
    "; did you mean 'logme'?"
    """
    near = nearest(str(name), names, alike=alike)
    return "" if near is None else f"; did you mean '{near}'?"


def nearest(name: str, names: Iterable[str], *, alike: float = _NEAR) -> str | None:
    """Return the most similar of `names`, if one is so much `alike`; of equal ones, the first.

    Case and punctuation differ most often, so they do not count.

    Examples
    --------
    >>> nearest("ResNet-5O", ["resnet18", "resnet50"]), nearest("vgg", ["resnet18"])
    ('resnet50', None)
    """
    by_letters = {letters(other): other for other in reversed(list(names))}
    found = get_close_matches(letters(name), by_letters, n=1, cutoff=alike)
    return by_letters[found[0]] if found else None


def kind_of(value: object) -> str:
    """Return what a value is that should be a frame of Polars, and how it becomes one.

    Examples
    --------
    >>> kind_of(3)
    'int'
    """
    name, library = type(value).__name__, type(value).__module__.partition(".")[0]
    ways = {"pandas": "from_pandas", "pyarrow": "from_arrow"}
    if library not in ways:
        return name
    return f"{name} of {library}; polars.{ways[library]} makes a frame of Polars of it"


def letters(name: str) -> str:
    """Return a name without case and punctuation, in which spellings of it differ most often.

    Examples
    --------
    >>> letters("#Params (B)"), letters("ndcg@10")
    ('paramsb', 'ndcg10')
    """
    return re.sub(r"[\W_]", "", name.casefold())


def refuse_unknown(
    function: Callable[..., object], given: Iterable[str], options: Iterable[str]
) -> None:
    """Raise TypeError if a keyword argument is neither a parameter of `function` nor an option."""
    options = list(options)
    for name in given:
        if name not in options:
            known = [*inspect.signature(function).parameters, *options]
            near = near_name(name, known, alike=_NEAR_KEYWORD)
            msg = f"{function.__name__}() got an unexpected keyword argument '{name}'{near}"
            raise TypeError(msg)


def names_near_keyword(function: Callable[Given, Result]) -> Callable[Given, Result]:
    """Let a function, if called by a keyword that it does not have, name the most similar it has.

    Examples
    --------
    >>> @names_near_keyword
    ... def area(*, width: float, height: float) -> float:
    ...     return width * height
    >>> area(width=2, hight=3)
    Traceback (most recent call last):
    TypeError: area() got an unexpected keyword argument 'hight'; did you mean 'height'?
    """

    @functools.wraps(function)
    def checked(*args: Given.args, **kwargs: Given.kwargs) -> Result:
        refuse_unknown(function, kwargs, inspect.signature(function).parameters)
        return function(*args, **kwargs)

    return checked


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


def open_share(argument: str, value: object) -> float:
    """Return `value` if it is a number between 0 and 1, of which it is neither.

    Examples
    --------
    >>> open_share("confidence", 95)
    Traceback (most recent call last):
    ValueError: confidence: expected a number between 0 and 1, found 95
    """
    msg = f"{argument}: expected a number between 0 and 1, found {value!r}"
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise TypeError(msg)
    if not 0 < value < 1:
        raise ValueError(msg)
    return float(value)
