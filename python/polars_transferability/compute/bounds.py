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
from polars_transferability.compute._parts import Known, Where, known_rows, results_of
from polars_transferability.compute.engine import LOCAL, checked_engine
from polars_transferability.settings import BoundOptions
from polars_transferability.tables.keys import (
    MODEL,
    TRAIN_ROWS,
    Key,
    SampledRows,
    open_keys,
    require_tasks,
)
from polars_transferability.tables.memory import memory_of
from polars_transferability.tables.problems import (
    FAILURES,
    NO_PROBLEM,
    PROBLEMS,
    Failures,
    detached,
)
from polars_transferability.tables.sampled_key import Budget
from polars_transferability.tables.table import Opened, Paths

if TYPE_CHECKING:
    from typing_extensions import Unpack  # in typing from Python 3.11 on


# Seconds of work that are announced.
_LONG = 90
# What bounds of a sample hold with for all rows that it was drawn from.
_OF_SAMPLES = 0.95


def _evaluated(fit: pl.Expr | None) -> pl.Expr:
    """Return which rows bounds are evaluated on."""
    return pl.lit(value=True) if fit is None else ~fit


def compute_bounds(
    frame_or_paths: pl.DataFrame | pl.LazyFrame | Paths | Opened,
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
    engine: str = LOCAL,
    by: str | Sequence[str] | None = None,
    memory: str | int | None = None,
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
    engine
        Where bounds are computed: "local", in this process; "ray", on the Ray cluster that this
        process is connected to or that runs on this machine, and without one on a cluster of its
        cores that ends with the call; "ray://auto" or "ray://host:port", on a cluster that runs.
        Needs the extra `ray` then. Each bound is a task for one core; the result is the same bit
        for bit. Workers read the paths themselves; of a frame they are sent the rows.
    by
        Another name of `model`.
    memory
        How much memory the rows of one key, and what is computed of them, may take, such as "2GB".
        None: half of what is free. Of a key whose Parquet files have more rows, a sample is drawn,
        class by class and with `seed`, and a line on standard error says so.
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
        nothing else. Where a sample stands for more rows than `memory` holds, `rows` is how many
        rows the key has and `sampled_rows` how many were drawn; `confidence` is then 0.95 unless it
        is given (or there is no `fit`), so that `bound_high` and `accuracy_low` hold for all rows.

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

    def of_pairs(
        sources: Sequence[str] | None, targets: Sequence[str] | None, sampled: SampledRows | None
    ) -> pl.Expr:
        options = same.copy()
        # Without a split nothing holds for other rows than those that bounds were fitted to.
        if sampled is not None and fit is not None and options.get("confidence") is None:
            options["confidence"] = _OF_SAMPLES
        return transfer_bounds(
            embedding, label, task, fit=fit, sources=sources, targets=targets, **options
        ).alias("pair")

    bounds = of_pairs(sources, targets, None)
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
        columns=column_roots([tasks.task, bounds]),
        task=tasks.task,
        sources=task_names("sources", sources),
        targets=task_names("targets", targets),
        of_pairs=of_pairs,
        announce=announce,
    )
    failures = Failures(flag("strict", strict))
    where = Where(checked_engine(engine), Budget(memory_of(memory), same.get("seed", 0)))
    otherwise = {"task": door().or_score()}
    keys, left_out = open_keys(
        frame_or_paths, argument, models, tasks.inputs(), failures, otherwise=otherwise
    )
    _refuse_names_of_fields(keys, job)
    require_tasks(keys, tasks.task, sources=job.sources, targets=job.targets)
    shown = flag("progress", progress)
    results = results_of(where, keys, job, failures, what="bounds", progress=shown)
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
        Makes the expression of the bounds of some sources and targets, of all rows or of a sample.
    announce
        Says how long the bounds of a key and its rows take, if that must be said.
    """

    columns: list[str]
    task: pl.Expr
    sources: list[str] | None
    targets: list[str] | None
    of_pairs: Callable[[list[str] | None, list[str] | None, SampledRows | None], pl.Expr]
    announce: Callable[[Key, pl.DataFrame], None]

    def columns_of(self, _: Key) -> list[str]:
        """Return the columns that bounds are computed from."""
        return self.columns

    def of_named_tasks(self, key: Key) -> Key:
        """Return the key with only the rows of the sources and targets, where both are named."""
        return key.of_tasks(self.task, self.sources, self.targets)

    def all_pairs(self, sampled: SampledRows | None) -> pl.Expr:
        """Return the expression of all bounds of a key, or of a sample of its rows."""
        return self.of_pairs(self.sources, self.targets, sampled)

    def parts(self, key: Key) -> list[tuple[str, str]]:
        """Return the pairs of a key, in the order of `all_pairs`."""
        rows = key.rows(self.task.meta.root_names()).select(self.task.unique())
        return self._pairs(_sorted_tasks(rows.collect()))

    def of_part(self, key: Key, part: tuple[str, str]) -> pl.DataFrame:
        """Return the bound of a pair."""
        return self._of_pair(key, key.read(self.columns), *part)

    def of_key(self, key: Key, failures: Failures) -> pl.DataFrame:
        """Return the bounds of a key: all at once or, where that fails, pair by pair."""
        try:
            with key.naming():
                rows = key.read(self.columns)
                _refuse_one_task(key, rows.select(self.task))
                self.announce(key, rows)
                return _unnested(rows.select(self.all_pairs(key.sampled)))
        except FAILURES as error:
            if failures.strict:
                raise
            return self.one_by_one(key, detached(error), failures, {})

    def one_by_one(
        self,
        key: Key,
        error: Exception,
        failures: Failures,
        known: Known[tuple[str, str]],
    ) -> pl.DataFrame:
        """Return the bounds of a key that can be computed, and why the others cannot.

        Computing them otherwise gave `error`. It has a row of its own if it is about no pair.
        """
        try:
            rows, lost = key.rescue(self.columns, self.task)
            tasks = [*_sorted_tasks(rows.select(self.task)), *lost]
        except FAILURES as unreadable:
            pairs = self._pairs([])
            failed = [failures.row([unreadable], source=s, target=t) for s, t in pairs]
            return pl.concat(failed or [failures.row([unreadable], source=None, target=None)])
        before = len(failures.met)
        found = []
        for source, target in self._pairs(list(dict.fromkeys(tasks))):
            names = {"source": source, "target": target}
            if (source, target) in known:
                found.append(known_rows(known, (source, target), failures, **names))
                continue
            try:
                if lost_one := lost.get(source) or lost.get(target):
                    raise lost_one
                found.append(self._of_pair(key, rows, source, target))
            except FAILURES as failure:
                found.append(failures.row([failure], **names))
        if len(failures.met) == before:
            found.append(failures.row([error], source=None, target=None))
        return pl.concat(found, how="diagonal_relaxed")

    def _of_pair(self, key: Key, rows: pl.DataFrame, source: str, target: str) -> pl.DataFrame:
        with key.naming():
            return _unnested(rows.select(self.of_pairs([source], [target], key.sampled)))

    def _pairs(self, tasks: list[str]) -> list[tuple[str, str]]:
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
            schema = key.rows(job.columns).select(job.all_pairs(None)).collect_schema()
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


def _sorted_tasks(column: pl.DataFrame) -> list[str]:
    """Return the tasks as `transfer_bounds` sorts them: integers by number, others as texts."""
    names = column.unique().to_series().drop_nulls()
    in_order = names if names.dtype.is_integer() else names.cast(pl.String)
    return list(in_order.sort().cast(pl.String))


def _unnested(pairs: pl.DataFrame) -> pl.DataFrame:
    return pairs.explode("pair").unnest("pair").with_columns(NO_PROBLEM)
