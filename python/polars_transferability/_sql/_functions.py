"""The functions of this package in SQL: one table, read from the Python signatures.

A column parameter takes any SQL expression, every other parameter a literal (or, for a frame, the
name of a table). Functions of two tasks have a flat form::

    TRANSFER_BOUND(embedding, label, task, 'mnist', 'usps', fit => split = 'train')

which stands for `transfer_bound(task(embedding, label, where=task == 'mnist', fit=...), ...)`.
A function of any number of columns takes them by place.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cache
from typing import Any, Literal

import polars as pl
from sqlglot import exp

from polars_transferability import _expressions
from polars_transferability._arguments import nearest
from polars_transferability._sql._dialect import written
from polars_transferability._sql._text import Text, span_of
from polars_transferability._task import task

Kind = Literal["column", "frame", "literal"]

# What has a value for each row, not one for all, and so is an argument of the others, or has OVER.
_OF_ROWS = {"ARGMAX_LABELS", "CONSENSUS", "PSEUDO_LABELS", "SOFTMAX"}


@dataclass(frozen=True)
class Parameter:
    """One parameter; only those of kind "column" see the rows.

    A parameter that is repeated takes every further argument by place, under a name of its own.
    """

    name: str
    kind: Kind
    required: bool
    positional: bool
    repeated: bool = False

    def __str__(self) -> str:
        if self.repeated:
            return f"{self.name}, ..."
        return self.name if self.positional else f"{self.name} => ..."

    def takes(self, name: str) -> bool:
        """Say whether the argument of a call by that name is for this parameter."""
        return name.startswith(f"{self.name}[") if self.repeated else name == self.name

    def further(self, place: int) -> Parameter:
        """Return the parameter for one of the arguments that this one, repeated, takes."""
        return replace(self, name=f"{self.name}[{place}]", repeated=False)


@dataclass(frozen=True)
class Function:
    """A function by its SQL name: what it takes, and what builds its expression."""

    name: str
    parameters: tuple[Parameter, ...]
    build: Callable[..., pl.Expr]

    def usage(self) -> str:
        """Return how it is written; what may be left out is in brackets."""
        required = ", ".join(str(p) for p in self.parameters if p.required)
        optional = ", ".join(str(p) for p in self.parameters if not p.required)
        comma = ", " if required else ""
        return f"{self.name}({required}{f'[{comma}{optional}]' if optional else ''})"


@dataclass(frozen=True)
class Call:
    """A call with its arguments by name: as they stand in the query, or calls of row functions.

    It sees the rows that meet `condition`, the one of FILTER, or all.
    """

    function: Function
    node: exp.Anonymous
    arguments: Mapping[str, exp.Expr | Call]
    condition: exp.Expr | None = None

    def columns(self) -> Iterator[tuple[str, exp.Expr | Call]]:
        """Yield the arguments that see the rows."""
        for parameter in self.function.parameters:
            for name in filter(parameter.takes, self.arguments):
                if parameter.kind == "column":
                    yield name, self.arguments[name]

    def inputs(self) -> Iterator[exp.Expr]:
        """Yield the expressions over rows that this call and those within it take."""
        if self.condition is not None:
            yield self.condition
        for _, argument in self.columns():
            if isinstance(argument, Call):
                yield from argument.inputs()
            else:
                yield argument


@cache
def functions() -> dict[str, Function]:
    """Return every public function that returns an expression, by its name in capitals.

    Examples
    --------
    >>> functions()["TOP_K_RECALL"].usage()
    'TOP_K_RECALL(score, truth, k => ...)'
    """
    return {
        name.upper(): _function(name.upper(), getattr(_expressions, name))
        for name in _expressions.__all__
    }


def is_row_call(node: exp.Expr | None) -> bool:
    """Say whether `node` calls a function that has a value for each row."""
    return isinstance(node, exp.Anonymous) and node.name.upper() in _OF_ROWS


def is_call(node: exp.Expr | None) -> bool:
    """Say whether `node` calls a function of this package."""
    return isinstance(node, exp.Anonymous) and node.name.upper() in functions()


def called(node: exp.Expr) -> exp.Anonymous | None:
    """Return the call of a function of this package that `node` is, with or without FILTER."""
    call = node.this if isinstance(node, exp.Filter) else node
    return call if isinstance(call, exp.Anonymous) and is_call(call) else None


def mentions_calls(text: Text) -> bool:
    """Say whether a query may call functions of this package, be it in a comment."""
    names = re.findall(r"(\w+)\s*\(", text.query.upper())
    return not functions().keys().isdisjoint(names)


def near(name: str, names: Iterable[str]) -> str:
    """Return a hint at the most similar of `names`, or nothing.

    It has no quotes, which in SQL make a text of a name.

    Examples
    --------
    >>> near("LOGMEE", ["LOGME", "LEEP"])
    '; did you mean LOGME?'
    """
    found = nearest(name, names)
    return "" if found is None else f"; did you mean {found}?"


def bind(node: exp.Anonymous, text: Text) -> Call:
    """Return the call with its arguments by name; raise QueryError where they do not fit."""
    function = functions()[node.name.upper()]
    by_name = {p.name: p for p in function.parameters if not p.repeated}
    by_place = [p.name for p in function.parameters if p.positional and not p.repeated]
    repeated = next((p for p in function.parameters if p.repeated), None)
    arguments: dict[str, exp.Expr | Call] = {}
    named = False
    for place, argument in enumerate(node.expressions):
        if isinstance(argument, (exp.Distinct, exp.Order, exp.Limit, exp.Star)):
            word = "*" if isinstance(argument, exp.Star) else argument.key.upper()
            reason = f"{function.name} takes no {word} among its arguments"
            raise text.error_at(f"{reason}; usage: {function.usage()}", node)
        if isinstance(argument, (exp.Kwarg, exp.PropertyEQ)):
            named, name, value = True, argument.name.lower(), argument.expression
            if name not in by_name:
                reason = f"{function.name} has no argument {name}{near(name, by_name)}"
                raise _at_name(text, f"{reason}; usage: {function.usage()}", name, value)
            if name in arguments:
                raise _at_name(text, f"{function.name}: {name} is given twice", name, value)
        elif named:
            reason = f"{function.name}: an argument without a name follows one with a name"
            raise text.error_at(reason, argument)
        elif place >= len(by_place) and repeated is not None:
            parameter = repeated.further(place - len(by_place))
            by_name[parameter.name] = parameter
            name, value = parameter.name, argument
        elif place >= len(by_place):
            reason = (
                f"{function.name} takes {len(by_place)} arguments by place, and further ones by "
                f"name, as in k => 5; usage: {function.usage()}"
            )
            raise text.error_at(reason, argument)
        else:
            name, value = by_place[place], argument
        if (
            by_name[name].kind == "column"
            and isinstance(value, exp.Anonymous)
            and is_row_call(value)
        ):
            arguments[name] = bind(value, text)
        else:
            _check_kind(function, by_name[name], value, text)
            arguments[name] = value
    missing = [p.name for p in function.parameters if p.required and p.name not in arguments]
    if missing:
        reason = f"{function.name} lacks {', '.join(missing)}; usage: {function.usage()}"
        raise text.error_at(reason, node)
    return Call(function, node, arguments)


def build(
    call: Call,
    columns: Mapping[str, pl.Expr],
    table: Callable[[exp.Expr], pl.LazyFrame],
    text: Text,
) -> pl.Expr:
    """Return the expression of a call, given those of its columns and what finds a table."""
    given: dict[str, Any] = dict(columns)
    for parameter in call.function.parameters:
        node = call.arguments.get(parameter.name)
        if isinstance(node, exp.Expr) and parameter.kind != "column":
            named = parameter.kind == "frame" and isinstance(node, exp.Column)
            given[parameter.name] = table(node) if named else _literal(node)
    try:
        return call.function.build(**given)
    except (TypeError, ValueError) as error:
        # The messages of the Python functions begin with the argument that they speak of.
        argument = call.arguments.get(str(error).partition(":")[0])
        place = argument if isinstance(argument, exp.Expr) else call.node
        raise text.error_at(f"{call.function.name}: {error}", place) from error


def _function(name: str, function: Callable[..., pl.Expr]) -> Function:
    described: list[Parameter] = []
    of_tasks = False
    for p in inspect.signature(function).parameters.values():
        if p.kind is p.VAR_KEYWORD:
            options = function.__globals__[p.annotation.removeprefix("Unpack[").removesuffix("]")]
            described += [
                Parameter(option, _kind(hint.__forward_arg__), False, False)
                for option, hint in options.__annotations__.items()
            ]
        elif p.annotation == "Task":
            of_tasks = True
        elif p.kind is p.VAR_POSITIONAL:
            described.append(Parameter(p.name, _kind(p.annotation), False, True, repeated=True))
        else:
            by_place, kind = p.kind is not p.KEYWORD_ONLY, _kind(p.annotation)
            # A query names each column that it reads, so no name is a default there.
            required = p.default is p.empty or (kind == "column" and p.default is not None)
            described.append(Parameter(p.name, kind, required, by_place))
    if any(p.repeated for p in described):
        return Function(name, tuple(described), lambda **given: function(*given.values()))
    if not of_tasks:
        return Function(name, tuple(described), function)
    flat = [Parameter(p, "column", True, True) for p in ("embedding", "label", "task")]
    flat += [Parameter(p, "literal", True, True) for p in ("source", "target")]
    flat += [Parameter("fit", "column", False, False)]
    return Function(name, (*flat, *described), _of_two_tasks(function))


def _of_two_tasks(function: Callable[..., pl.Expr]) -> Callable[..., pl.Expr]:
    def flat(
        *,
        embedding: pl.Expr,
        label: pl.Expr,
        source: object,
        target: object,
        fit: pl.Expr | None = None,
        **given: Any,
    ) -> pl.Expr:
        names = given.pop("task")
        sides = (
            task(embedding, label, where=names == pl.lit(s), fit=fit) for s in (source, target)
        )
        return function(*sides, **given)

    return flat


def _kind(hint: str) -> Kind:
    if "pl.Expr" in hint:
        return "column"
    return "frame" if "pl.DataFrame" in hint else "literal"


def _check_kind(function: Function, parameter: Parameter, value: exp.Expr, text: Text) -> None:
    what = f"{function.name}: {parameter.name}"
    if parameter.kind == "column":
        if isinstance(value, exp.Literal) and value.is_string:
            reason = f"{what}: expected a column, found the text '{value.name}'; names of columns"
            raise text.error_at(f"{reason} stand without quotes or in double quotes", value)
    elif not _is_literal(value) and not (
        parameter.kind == "frame" and isinstance(value, exp.Column)
    ):
        expected = "the name of a table" if parameter.kind == "frame" else "a number, text or list"
        hint = "; texts stand in single quotes" if isinstance(value, exp.Column) else ""
        raise text.error_at(f"{what}: expected {expected}, found {written(value)}{hint}", value)


def _is_literal(node: exp.Expr) -> bool:
    if isinstance(node, (exp.Array, exp.Tuple)):
        return all(map(_is_literal, node.expressions))
    if isinstance(node, (exp.Neg, exp.Paren)):
        return _is_literal(node.this)
    return isinstance(node, (exp.Literal, exp.Boolean, exp.Null))


def _literal(node: exp.Expr) -> Any:
    """Return the Python value of a literal.

    Examples
    --------
    >>> import sqlglot
    >>> _literal(sqlglot.parse_one("('a', -1, 2.5, TRUE, NULL)"))
    ['a', -1, 2.5, True, None]
    """
    if isinstance(node, (exp.Array, exp.Tuple)):
        return [_literal(item) for item in node.expressions]
    if isinstance(node, exp.Paren):
        return _literal(node.this)
    if isinstance(node, exp.Neg):
        return -_literal(node.this)
    if isinstance(node, exp.Null):
        return None
    if isinstance(node, exp.Boolean):
        return bool(node.this)
    if node.is_string:
        return node.name
    return int(node.name) if node.is_int else float(node.name)


def _at_name(text: Text, reason: str, name: str, value: exp.Expr) -> Exception:
    """Return an error that points at the name of an argument, which stands before its value."""
    span = span_of(value)
    start = -1 if span is None else text.query.lower().rfind(name, 0, span[0])
    if start < 0:
        return text.error_at(reason, value)
    return text.error(reason, start, start + len(name) - 1)
