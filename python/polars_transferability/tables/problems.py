"""What of a batch cannot be computed, and why.

A batch goes on after a failure: what failed is null, and the column `problems` of the result says
why. A strict batch stops at the first failure.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import NoReturn, TypeVar

import polars as pl

Item = TypeVar("Item")
Result = TypeVar("Result")

# Column of reasons, the last one of a result.
PROBLEMS = "problems"
NO_PROBLEM = pl.lit([], dtype=pl.List(pl.String)).alias(PROBLEMS)
# What a file, or the rows of one unit, can lead to.
FAILURES = (pl.exceptions.PolarsError, TypeError, ValueError)


@dataclass(frozen=True)
class Failures:
    """The failures of a batch, in the order in which they were met.

    Attributes
    ----------
    strict
        The batch stops at the first.
    """

    strict: bool
    met: list[Exception] = field(default_factory=list)

    def note(self, error: Exception) -> None:
        """Remember a failure, or raise it where the batch is strict."""
        if self.strict:
            raise error
        self.met.append(detached(error))

    def row(self, errors: Sequence[Exception], **names: str | None) -> pl.DataFrame:
        """Note failures and return a row that has names, and of the rest nothing but reasons.

        Examples
        --------
        >>> Failures(strict=False).row([ValueError("one class")], target="pets").rows()
        [('pets', ['one class'])]
        """
        for error in errors:
            self.note(error)
        columns = [pl.Series(name, [text], dtype=pl.String) for name, text in names.items()]
        why = pl.Series(PROBLEMS, [reasons(errors)], dtype=pl.List(pl.String))
        return pl.DataFrame([*columns, why])

    def refuse_all(self, found: pl.DataFrame, values: Collection[str]) -> None:
        """Raise the first failure if none of the columns `values` has a value in any row."""
        there = [name for name in values if name in found.columns]
        nothing = all(found[name].is_null().all() for name in there)
        if self.met and nothing and not _IS_PART.get():
            self.stop(found.height)

    def stop(self, results: int) -> NoReturn:
        """Raise the first failure, of as many results of which none could be computed."""
        first = self.met[0]
        if results == 1:
            raise first
        kind = type(first) if isinstance(first, pl.exceptions.PolarsError) else ValueError
        msg = f"{reason(first)}; none of the {results} results could be computed"
        raise kind(msg) from first


_IS_PART = ContextVar("is_part", default=False)


@contextmanager
def part_of_a_batch() -> Iterator[None]:
    """Let what cannot be computed at all be a result with reasons, not an error.

    Whoever puts the parts together looks whether all of them are like that.

    Examples
    --------
    >>> with part_of_a_batch():
    ...     Failures(strict=False, met=[ValueError("one class")]).refuse_all(pl.DataFrame(), [])
    """
    before = _IS_PART.set(True)
    try:
        yield
    finally:
        _IS_PART.reset(before)


def kept(
    items: Iterable[Item],
    step: Callable[[Item], Result],
    leave_out: Callable[[Item, Exception], None],
) -> list[tuple[Item, Result]]:
    """Return the items for which a step does not fail, each with what the step returns."""
    found = []
    for item in items:
        try:
            found.append((item, step(item)))
        except FAILURES as error:
            leave_out(item, error)
    return found


def detached(error: Exception) -> Exception:
    """Return an error without its traceback, which would keep the rows of a model in memory."""
    error.__traceback__ = error.__cause__ = error.__context__ = None
    return error


def reason(error: BaseException) -> str:
    r"""Return the message of an error as one line.

    Examples
    --------
    >>> reason(pl.exceptions.ComputeError("the plugin failed with message: bad\n\nplan: ..."))
    'bad'
    """
    # Polars says first that a plugin failed, and appends the plan in which it did.
    first_paragraph = str(error).partition("\n\n")[0]
    return " ".join(first_paragraph.replace("the plugin failed with message: ", "").split())


def reasons(errors: Sequence[Exception]) -> list[str]:
    """Return the messages of errors, each once."""
    return list(dict.fromkeys(map(reason, errors)))


def with_problems(found: pl.DataFrame) -> pl.DataFrame:
    """Return the rows of a result in which something could not be computed.

    Examples
    --------
    >>> found = pl.DataFrame({"target": ["pets", "cars"], "problems": [["one class"], []]})
    >>> with_problems(found)["target"].to_list()
    ['pets']
    """
    return found.filter(pl.col(PROBLEMS).list.len() > 0)


def of_units(found: pl.LazyFrame, names: Sequence[str]) -> pl.LazyFrame:
    """Return the rows of a result but those with problems and none of the names.

    Such a row stands for a file that could not be read.

    Examples
    --------
    >>> found = pl.LazyFrame({"target": ["pets", None], "problems": [["one class"], ["no file"]]})
    >>> of_units(found, ["target"]).collect()["target"].to_list()
    ['pets']
    """
    schema = found.collect_schema()
    if PROBLEMS not in schema or not names:
        return found
    # A CSV file has the reasons as one text.
    is_list = isinstance(schema[PROBLEMS], pl.List)
    problems = pl.col(PROBLEMS)
    has_problems = problems.list.len() > 0 if is_list else problems.is_not_null()
    return found.filter(~(has_problems & pl.all_horizontal(pl.col(names).is_null())))


def problem_lines(found: pl.DataFrame) -> list[str]:
    """Return every reason of a result once, in the order of its rows."""
    texts = with_problems(found)[PROBLEMS].explode()
    return texts.unique(maintain_order=True).to_list()
