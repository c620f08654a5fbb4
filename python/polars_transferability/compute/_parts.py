"""Keys whose parts a cluster computes at the same time.

A key alone keeps one worker busy, so its parts (pairs of tasks, or targets) are units of their own.
Where all of them succeed they are the result of the key. Where one fails, the rest of the key is
computed by one worker in the way of one machine, so that the reasons are those of one machine.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property, partial
from typing import Any, Protocol, TypeAlias, TypeVar

import polars as pl

from polars_transferability.compute.engine import Cluster, WorkerLostError, workers_of
from polars_transferability.tables.keys import Key, each_key
from polars_transferability.tables.problems import FAILURES, Failures, detached
from polars_transferability.tables.sampled_key import (
    Budget,
    SamplePlan,
    exceeds,
    sample_of,
    sample_plan,
    say_where_memory_does_not_apply,
    with_sampled_rows,
)
from polars_transferability.tables.table import FRAME

Part = TypeVar("Part")
# Parts of a key that were computed, and those whose workers died.
Known: TypeAlias = "Mapping[Part, pl.DataFrame | WorkerLostError]"
# The rows of a key in a result, and what failed in computing them.
_Found: TypeAlias = tuple[pl.DataFrame, list[Exception]]


class Job(Protocol[Part]):
    """What is computed of each key, as a whole or part by part."""

    def columns_of(self, key: Key) -> list[str]:
        """Return the columns that are computed from."""

    def of_named_tasks(self, key: Key) -> Key:
        """Return the key with only the rows that are computed from, where tasks are named."""

    def parts(self, key: Key) -> list[Part]:
        """Return the parts of a key, in the order of its result."""

    def of_part(self, key: Key, part: Part) -> pl.DataFrame:
        """Return the result of a part."""

    def of_key(self, key: Key, failures: Failures) -> pl.DataFrame:
        """Return the result of all parts."""

    def one_by_one(
        self, key: Key, error: Exception, failures: Failures, known: Known[Part]
    ) -> pl.DataFrame:
        """Return the result of all parts, one of which failed with an error, as far as there is."""


@dataclass(frozen=True)
class Where:
    """The engine that computes, and how much memory a key may take there."""

    engine: str
    budget: Budget


def results_of(
    where: Where, keys: list[Key], job: Job[Part], failures: Failures, *, what: str, progress: bool
) -> list[pl.DataFrame]:
    """Return the result of each key; with a progress bar that says `what`, if asked for."""
    results = []
    with workers_of(where.engine) as cluster, each_key(keys, what, progress=progress) as steps:
        strict = failures.strict
        works = (_work(key, job, where.budget) for key in keys)
        alone = (_whole(strict, work) for work in works)
        found = alone if cluster is None else _in_parts(cluster, works, strict)
        for _, (rows, met) in zip(steps, found, strict=True):
            failures.met.extend(met)
            results.append(rows)
    return results


def known_rows(
    known: Known[Part], part: Part, failures: Failures, **names: str | None
) -> pl.DataFrame:
    """Return the rows of a part that is known; if its worker died, a row with names says so."""
    rows = known[part]
    return failures.row([rows], **names) if isinstance(rows, WorkerLostError) else rows


@dataclass(frozen=True)
class _Work:
    """A key, what is computed of it, and what is drawn of it if memory does not hold its rows."""

    key: Key
    job: Job[Any]
    plan: SamplePlan | None = None

    def __str__(self) -> str:
        return str(self.key)

    @cached_property
    def held(self) -> Key:
        """The key, or one of a sample."""
        if self.plan is None:
            return self.key
        return sample_of(self.key, self.job.columns_of(self.key), self.plan)

    @cached_property
    def loaded(self) -> Key:
        """The key with its rows in memory, which a worker reads once for all parts it is sent."""
        return self.held.loaded(self.job.columns_of(self.key))


def _work(key: Key, job: Job[Any], budget: Budget) -> _Work:
    try:
        columns = job.columns_of(key)
        say_where_memory_does_not_apply(key, budget.memory)
        if not exceeds(key, columns, budget.memory):
            return _Work(key, job)
        key = job.of_named_tasks(key)
        return _Work(key, job, sample_plan(key, columns, budget))
    except FAILURES:
        return _Work(key, job)  # Whoever reads the rows says what is wrong.


def _whole(strict: bool, work: _Work) -> _Found:
    failures = Failures(strict)
    try:
        held = work.held
    except FAILURES as error:
        return _with_names(work.key, failures.row([error], target=None)), failures.met
    found = with_sampled_rows(work.job.of_key(held, failures), held.sampled)
    return _with_names(work.key, found), failures.met


def _in_parts(cluster: Cluster, works: Iterator[_Work], strict: bool) -> Iterator[_Found]:
    groups = (_split(work) for work in works)
    for work, results in cluster.map_groups(_of_part, groups, name=_name):
        known = _known(work.key, results)
        failed = [found for _, found in results if isinstance(found, Exception)]
        found: _Found | WorkerLostError
        if results and not failed:
            found = _with_names(work.key, pl.concat(_computed(known))), []
        elif results and not strict:
            (found,) = cluster.map(_rest, [_Rest(work, known, failed[0])], name=str)
        else:
            (found,) = cluster.map(partial(_whole, strict), [work], name=str)
        if isinstance(found, WorkerLostError):
            found = _without(work.key, known, found, strict)
        yield found


def _split(work: _Work) -> tuple[_Work, list[Any]]:
    """Return what a cluster is sent of a key, and its parts; none if they cannot be told."""
    try:
        if any(table.name == FRAME for table in work.key.tables):
            # Files are read by the workers; a frame is nowhere but in this process.
            work = replace(work, key=work.loaded)
        return work, work.job.parts(work.key)
    except FAILURES:
        return work, []


def _name(work: _Work, part: Any) -> str:
    """Return what Ray calls a part: the key, and the pair of tasks or the target."""
    tasks = part if isinstance(part, str) else " to ".join(part)
    return f"{work.key}, {tasks}"


def _of_part(work: _Work, part: Any) -> pl.DataFrame | Exception:
    try:
        found: pl.DataFrame = work.job.of_part(work.loaded, part)
    except FAILURES as error:
        return detached(error)
    return with_sampled_rows(found, work.loaded.sampled)


@dataclass(frozen=True)
class _Rest:
    """A key of which some parts are known, and why another failed."""

    work: _Work
    known: Known[Any]
    error: Exception

    def __str__(self) -> str:
        return f"{self.work}, the rest"


def _rest(of: _Rest) -> _Found:
    failures = Failures(strict=False)
    try:
        held = of.work.held
    except FAILURES as error:
        return _with_names(of.work.key, failures.row([error], target=None)), failures.met
    found = of.work.job.one_by_one(held, of.error, failures, of.known)
    return _with_names(held, with_sampled_rows(found, held.sampled)), failures.met


def _without(key: Key, known: Known[Part], lost: WorkerLostError, strict: bool) -> _Found:
    """Return what is known of a key, and why its other parts are not: their worker died."""
    failures = Failures(strict)
    row = failures.row([_about(key, lost)], target=None)
    found = pl.concat([*_computed(known), row], how="diagonal_relaxed")
    return _with_names(key, found), failures.met


def _computed(known: Known[Part]) -> list[pl.DataFrame]:
    return [found for found in known.values() if isinstance(found, pl.DataFrame)]


def _known(
    key: Key, results: list[tuple[Part, pl.DataFrame | Exception]]
) -> dict[Part, pl.DataFrame | WorkerLostError]:
    """Return what need not be computed again: what was computed, and what killed its worker."""
    known: dict[Part, pl.DataFrame | WorkerLostError] = {}
    for part, found in results:
        if isinstance(found, pl.DataFrame):
            known[part] = found
        elif isinstance(found, WorkerLostError):
            known[part] = _about(key, found)
    return known


def _about(key: Key, lost: WorkerLostError) -> WorkerLostError:
    return WorkerLostError(f"{key}: {lost}")


def _with_names(key: Key, found: pl.DataFrame) -> pl.DataFrame:
    return key.values.join(found, how="cross")
