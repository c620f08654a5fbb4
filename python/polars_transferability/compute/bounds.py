"""Bounds of tables larger than memory: one key at a time."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

import polars as pl

from polars_transferability._arguments import flag, given_as, refuse_unknown
from polars_transferability._columns import column_roots
from polars_transferability._door import door
from polars_transferability.bound import task_columns, task_names, transfer_bounds
from polars_transferability.compute._duration import seconds_of_bounds
from polars_transferability.settings import BoundOptions
from polars_transferability.tables.keys import (
    MODEL,
    TRAIN_ROWS,
    Key,
    each_key,
    open_keys,
    require_tasks,
)
from polars_transferability.tables.problems import (
    FAILURES,
    NO_PROBLEM,
    PROBLEMS,
    Failures,
    detached,
)
from polars_transferability.tables.table import Paths

if TYPE_CHECKING:
    from typing_extensions import Unpack  # in typing from Python 3.11 on


# Seconds of work that are announced.
_LONG = 90


def _evaluated(fit: pl.Expr | None) -> pl.Expr:
    """Return which rows bounds are evaluated on."""
    return pl.lit(value=True) if fit is None else ~fit


def compute_bounds(
    frame_or_paths: pl.DataFrame | pl.LazyFrame | Paths,
    *,
    model: str | Sequence[str] | None = MODEL,
    embedding: str | pl.Expr = "embedding",
    label: str | pl.Expr = "label",
    task: str | pl.Expr = "task",
    fit: str | pl.Expr | None = TRAIN_ROWS,
    sources: Sequence[str] | None = None,
    targets: Sequence[str] | None = None,
    progress: bool = False,
    strict: bool = False,
    by: str | Sequence[str] | None = None,
    **same: Unpack[BoundOptions],
) -> pl.DataFrame:
    """`transfer_bounds` of every model in tables that need not fit into memory.

    Only the rows of one key, and of them only the columns needed, are in memory at a time. Ctrl-C
    takes effect between keys.

    Parameters
    ----------
    frame_or_paths
        Frame, lazy frame, path of a file (Parquet, Arrow IPC, NumPy), glob, address, folder
        (hive-partitioned or not; or a table of Delta, Iceberg, Lance or Hugging Face), or a list of
        paths. Models in different files may have embeddings of different width. A folder stands
        for all tables below it; names that begin with `.` or `_` are passed over, a file
        found by several paths counts once, and results of this package are left out.
    model
        Column or columns that tell models apart, called otherwise than the columns returned. None:
        each file is one model, called as the file without its ending; the column is `model`.
    embedding, label, task
        As in `transfer_bounds`.
    fit
        As in `task`: by default, the rows whose `split` is "train". None: no split.
    sources, targets
        Tasks that serve as source, as target; None for all.
    progress
        Show a progress bar on standard error.
    strict
        Stop at the first bound that cannot be computed, or file that cannot be read. False: go on
        without it, and say why in `problems`.
    by
        Another name of `model`.
    **same
        `transform`, `ground_cost`, `lipschitz`, `l2`, `head`, `label_map`, `standardize`,
        `max_rows_per_class`, `seed`, `source_rows`, `target_label`, `target_clusters`,
        `max_target_rows_per_class`, `confidence`, `probe`, `seeds`, `match_labels` and `seconds`,
        as in `transfer_bound`.

    Returns
    -------
    DataFrame
        The `model` columns, `source`, `target`, the fields of `transfer_bound` and `problems`, one
        row per key and pair. `problems` lists why a bound could not be computed, whose fields are
        null then; it is empty where there is a bound. A file that cannot be read has a row with
        nothing else.

    Raises
    ------
    ValueError, TypeError, PolarsError
        If an argument is wrong, a task is named that no model has, a column is in none of the
        tables, or no bound at all can be computed.

    Examples
    --------
    >>> import polars as pl
    >>> import polars_transferability as pt
    >>> rows = pl.DataFrame(
    ...     {
    ...         "model": ["net"] * 8,
    ...         "task": ["digits"] * 4 + ["letters"] * 4,
    ...         "label": ["0", "0", "1", "1", "a", "a", "b", "b"],
    ...         "embedding": [[0.0, 1], [0, 2], [5, 1], [5, 2], [1, 0], [2, 0], [1, 7], [2, 7]],
    ...     }
    ... )
    >>> bounds = pt.compute_bounds(rows, fit=None, sources=["digits"], targets=["letters"])
    >>> bounds.select("model", "source", "target").rows()
    [('net', 'digits', 'letters')]
    """
    refuse_unknown(compute_bounds, same, BoundOptions.__annotations__)
    argument, models = given_as("model", model, MODEL, by=by)

    def of_pairs(sources: Sequence[str] | None, targets: Sequence[str] | None) -> pl.Expr:
        return transfer_bounds(
            embedding, label, task, fit=fit, sources=sources, targets=targets, **same
        ).alias("pair")

    bounds = of_pairs(sources, targets)
    tasks = task_columns(embedding, label, task, fit, same.get("target_label"))

    def announce(key: Key, rows: pl.DataFrame) -> None:
        """Say that bounds take long, at doors where nobody would otherwise know why they wait."""
        if not (cure := door().fewer_rows):
            return
        of_classes = rows.select(
            task=tasks.task, label=tasks.label, evaluated=_evaluated(tasks.fit)
        )
        cap = same.get("max_rows_per_class")
        seconds = seconds_of_bounds(
            of_classes, sources=sources, targets=targets, max_rows_per_class=cap
        )
        if seconds > _LONG:
            minutes = f"{seconds / 60:.0f}"
            note = f"{key}: bounds take about {minutes} CPU minutes; {cure} makes them faster"
            print(note, file=sys.stderr)

    job = _Job(
        columns=column_roots([bounds]),
        task=tasks.task,
        sources=task_names("sources", sources),
        targets=task_names("targets", targets),
        of_pairs=of_pairs,
        announce=announce,
    )
    failures = Failures(flag("strict", strict))
    otherwise = {"task": door().or_score()}
    keys, left_out = open_keys(
        frame_or_paths, argument, models, tasks.inputs(), failures, otherwise=otherwise
    )
    _refuse_names_of_fields(keys, job)
    require_tasks(keys, tasks.task, sources=job.sources, targets=job.targets)
    with each_key(keys, "bounds", progress=flag("progress", progress)) as steps:
        results = [_bounds_of(key, job, failures) for key in steps]
    found = pl.concat([*results, *left_out], how="diagonal_relaxed")
    failures.refuse_all(found, ["bound"])
    names = [*keys[0].values.columns, "source", "target"]
    return found.select(*names, pl.exclude(*names, PROBLEMS), PROBLEMS)


@dataclass(frozen=True)
class _Job:
    """What to compute for each key.

    Attributes
    ----------
    of_pairs
        Makes the expression of the bounds of some sources and targets.
    announce
        Says how long the bounds of a key and its rows take, if that must be said.
    """

    columns: list[str]
    task: pl.Expr
    sources: list[str] | None
    targets: list[str] | None
    of_pairs: Callable[[list[str] | None, list[str] | None], pl.Expr]
    announce: Callable[[Key, pl.DataFrame], None]

    def all_pairs(self) -> pl.Expr:
        """Return the expression of all bounds of a key."""
        return self.of_pairs(self.sources, self.targets)

    def pairs(self, tasks: list[str]) -> list[tuple[str, str]]:
        """Return the pairs of a key that has these tasks; a task that is named may be another."""

        def chosen(named: list[str] | None) -> list[str]:
            if named is None:
                return tasks
            there = [task for task in tasks if task in named]
            return [*there, *(task for task in named if task not in there)]

        return [(s, t) for s in chosen(self.sources) for t in chosen(self.targets) if s != t]


def _refuse_names_of_fields(keys: list[Key], job: _Job) -> None:
    """Raise ValueError if a column of models is called like one of the bounds."""
    for key in keys:
        with suppress(pl.exceptions.PolarsError):  # Of such rows there is no bound.
            schema = key.rows(job.columns).select(job.all_pairs()).collect_schema()
            (of_pairs,) = schema.values()
            assert isinstance(of_pairs, pl.List)
            assert isinstance(of_pairs.inner, pl.Struct)
            key.refuse_columns([field.name for field in of_pairs.inner.fields] + [PROBLEMS])
            return


def _refuse_one_task(key: Key, tasks: pl.DataFrame) -> None:
    """Raise ValueError if all rows of a key are of one task, which bounds nothing."""
    names = tasks.unique().head(2).to_series()
    if names.len() == 1 and not names.has_nulls():
        msg = (
            f"{key}: has rows of one task only, {names[0]!r}, and a bound is from one task to "
            f"another: add rows of a task that the model knows{door().or_score()}"
        )
        raise ValueError(msg)


def _bounds_of(key: Key, job: _Job, failures: Failures) -> pl.DataFrame:
    """Return the bounds of a key: all at once or, where that fails, pair by pair."""
    try:
        bounds = _at_once(key, job)
    except FAILURES as error:
        if failures.strict:
            raise
        bounds = _pair_by_pair(key, job, detached(error), failures)
    return key.values.join(bounds, how="cross")


def _at_once(key: Key, job: _Job) -> pl.DataFrame:
    with key.naming():
        rows = key.read(job.columns)
        _refuse_one_task(key, rows.select(job.task))
        job.announce(key, rows)
        return _unnested(rows.select(job.all_pairs()))


def _pair_by_pair(key: Key, job: _Job, error: Exception, failures: Failures) -> pl.DataFrame:
    """Return the bounds of a key that can be computed, and why the others cannot.

    Computing all at once gave `error`. It has a row of its own if it is about no pair.
    """
    try:
        rows, lost = key.rescue(job.columns, job.task)
        tasks = [*_sorted_tasks(rows.select(job.task)), *lost]
    except FAILURES as unreadable:
        pairs = job.pairs([])
        failed = [failures.row([unreadable], source=s, target=t) for s, t in pairs]
        return pl.concat(failed or [failures.row([unreadable], source=None, target=None)])
    before = len(failures.met)
    found = []
    for source, target in job.pairs(list(dict.fromkeys(tasks))):
        try:
            if lost_one := lost.get(source) or lost.get(target):
                raise lost_one
            with key.naming():
                found.append(_unnested(rows.select(job.of_pairs([source], [target]))))
        except FAILURES as failure:
            found.append(failures.row([failure], source=source, target=target))
    if len(failures.met) == before:
        found.append(failures.row([error], source=None, target=None))
    return pl.concat(found, how="diagonal_relaxed")


def _sorted_tasks(column: pl.DataFrame) -> list[str]:
    """Return the tasks as `transfer_bounds` sorts them: integers by number, others as texts."""
    names = column.unique().to_series().drop_nulls()
    in_order = names if names.dtype.is_integer() else names.cast(pl.String)
    return list(in_order.sort().cast(pl.String))


def _unnested(pairs: pl.DataFrame) -> pl.DataFrame:
    return pairs.explode("pair").unnest("pair").with_columns(NO_PROBLEM)
