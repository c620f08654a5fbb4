"""The catalogue of scores: one row for each, from which everything that lists scores is made.

That is what `scores` and `compute_scores` compute, with which settings, under which names; what the
command's help and a report list; which columns of results rank models; and the table in
`docs/scores.md`. The row of a score stands on top of its function, whose signature has the defaults
of its settings.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum
from types import MappingProxyType
from typing import Any, TypeAlias, TypeVar, get_args

import polars as pl

from polars_transferability._arguments import flag, integer, near_name, number, one_of

__all__ = [
    "Better",
    "Check",
    "Cost",
    "Default",
    "Inputs",
    "Score",
    "Setting",
    "catalogue",
    "catalogued",
    "choice",
    "flag",
    "integer_from",
    "number_above",
    "or_none",
    "settings_of",
    "share",
]

Check: TypeAlias = "Callable[[str, Any], Any]"
Function = TypeVar("Function", bound=Callable[..., pl.Expr])


class Inputs(Enum):
    """What a score is computed from."""

    EMBEDDING = "embedding, label"
    PROBABILITIES = "source probabilities, label"
    PREDICTIONS = "source probabilities"
    SOURCE_LABEL = "predicted source class, label"
    TWO_TASKS = "two tasks"


class Cost(Enum):
    """What the time for a score goes into."""

    COUNTS = "counts"
    DECOMPOSITION = "decomposition"
    ITERATIONS = "iterations"
    PAIRS = "pairs of rows"
    PROJECTIONS = "projections"


class Better(Enum):
    """Which values of a field of a score speak for a model."""

    HIGHER = "higher"
    LOWER = "lower"
    NEITHER = "neither"


class Default(Enum):
    """The absence of a default."""

    NONE = "the caller must give a value"


@dataclass(frozen=True)
class Setting:
    """An option of a score.

    Attributes
    ----------
    default
        Its value unless the caller gives one.
    check
        Returns a value in the form that the native side reads, or raises an error that names the
        option.
    """

    default: Any
    check: Check


@dataclass(frozen=True)
class Score:
    """A row of the catalogue. Of every score without fields, higher is better.

    Attributes
    ----------
    function
        The public function that computes it.
    range
        Between which values it is, and in which unit.
    fields
        Of a score that is a struct, its fields, and which of their values are better.
    pooled
        Its fields are combined over the models of a pool into one number.
    by_default
        It is among the scores that are computed where none are named.
    alias
        Another name under which it is asked for.
    """

    name: str
    function: Callable[..., pl.Expr]
    inputs: Inputs
    range: str
    cost: Cost
    settings: Mapping[str, Setting]
    fields: Mapping[str, Better]
    pooled: bool
    by_default: bool
    alias: str | None


_ROWS: dict[str, Score] = {}


def catalogue() -> tuple[Score, ...]:
    """Return all rows, in the order of the functions."""
    return tuple(_ROWS.values())


def catalogued(
    inputs: Inputs,
    *,
    range: str,  # noqa: A002
    cost: Cost,
    checks: Mapping[str, Check] | None = None,
    fields: Mapping[str, Better] | None = None,
    pooled: bool = False,
    by_default: bool = False,
    alias: str | None = None,
    name: str | None = None,
) -> Callable[[Function], Function]:
    """Add the function that this decorates to the catalogue, as a row with what is given here.

    Parameters
    ----------
    checks
        For each setting, what checks its value. Its default is that of the function's argument.
    name
        The name of the score, where it is not that of the function.
    inputs, range, cost, fields, pooled, by_default, alias
        As `Score` has them.
    """

    def add(function: Function) -> Function:
        parameters = inspect.signature(function).parameters
        settings = {
            setting: Setting(_default(parameters[setting]), check)
            for setting, check in (checks or {}).items()
        }
        row = Score(
            name=name or function.__name__,
            function=function,
            inputs=inputs,
            range=range,
            cost=cost,
            settings=MappingProxyType(settings),
            fields=MappingProxyType(dict(fields or {})),
            pooled=pooled,
            by_default=by_default,
            alias=alias,
        )
        _ROWS[row.name] = row
        return function

    return add


def _default(parameter: inspect.Parameter) -> Any:
    return Default.NONE if parameter.default is parameter.empty else parameter.default


def settings_of(score: str, /, **options: Any) -> dict[str, Any]:
    """Return the settings of a score in the form that the native side reads.

    Examples
    --------
    >>> settings_of("knn_accuracy", k=3)
    {'score': 'knn_accuracy', 'k': 3, 'metric': 'euclidean', 'ties': 'first'}
    """
    row = _ROWS[score]
    if unknown := [name for name in options if name not in row.settings]:
        near = near_name(unknown[0], row.settings)
        msg = f"{score}: got an unexpected keyword argument '{unknown[0]}'{near}"
        raise TypeError(msg)
    settings = {
        name: setting.check(name, options.get(name, setting.default))
        for name, setting in row.settings.items()
    }
    return {"score": score, **settings}


def choice(allowed: object) -> Check:
    """Return a check that a value is one of those that a `Literal` allows."""
    return lambda name, value: one_of(name, value, get_args(allowed))


def integer_from(least: int) -> Check:
    """Return a check that a value is an integer of at least `least`."""
    return lambda name, value: integer(name, value, least=least)


def number_above(above: float) -> Check:
    """Return a check that a value is a finite number above `above`."""
    return lambda name, value: number(name, value, above=above)


def or_none(check: Check) -> Check:
    """Return a check that lets None pass and leaves other values to `check`."""
    return lambda name, value: None if value is None else check(name, value)


def share(name: str, value: object) -> float:
    """Return a value that is a share of the variance, above 0 and at most 1."""
    found = number(name, value, above=0)
    if found > 1:
        msg = f"{name}: expected a share of the variance, above 0 and at most 1, found {value!r}"
        raise ValueError(msg)
    return found
