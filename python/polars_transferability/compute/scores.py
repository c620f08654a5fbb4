"""Scores of tables larger than memory: one key at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import polars as pl

from polars_transferability._arguments import flag, given_as, integer, names_near_keyword
from polars_transferability._columns import column_roots, one_column, optional_column
from polars_transferability._door import door
from polars_transferability._scores.catalogue import Inputs
from polars_transferability._scores.choice import (
    DEFAULT,
    NAMED_OF_TWO_TASKS,
    OF_TWO_TASKS,
    POOLED,
    STRUCTS,
    ScoreChoice,
    reading,
    reads_labels,
    score_options,
)
from polars_transferability._scores.several import scores
from polars_transferability._task import Task
from polars_transferability._task import task as task_of
from polars_transferability.bound import task_names
from polars_transferability.compute._parts import Known, Where, known_rows, results_of
from polars_transferability.compute._sampling_interval import with_intervals
from polars_transferability.compute._scores_of_moments import ScoredColumns, scores_of_moments
from polars_transferability.compute.engine import LOCAL, checked_engine
from polars_transferability.labels import argmax_labels, pseudo_labels, softmax
from polars_transferability.pool import combine_pool
from polars_transferability.tables.keys import (
    MODEL,
    TRAIN_ROWS,
    Key,
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
from polars_transferability.tables.sampled_key import Budget, half_of
from polars_transferability.tables.table import Opened, Paths

# Columns that say what was scored.
FACTS = ("n", "n_evaluated", "classes", "labels")
# Columns that say of how many rows a sample was scored.
SAMPLED = ("rows", "sampled_rows")
# Scores that are structs, and their fields.
_FIELDS = {**POOLED, **STRUCTS}
# What the task is called whose rows are all of the table.
ONE_TASK = "all"


@names_near_keyword
def compute_scores(
    frame_or_paths: pl.DataFrame | pl.LazyFrame | Paths | Opened,
    *,
    model: str | Sequence[str] | None = MODEL,
    embedding: str | pl.Expr = "embedding",
    label: str | pl.Expr = "label",
    task: str | pl.Expr | None = "task",
    fit: str | pl.Expr | None = TRAIN_ROWS,
    sources: Sequence[str] | None = None,
    targets: Sequence[str] | None = None,
    scores: ScoreChoice = DEFAULT,
    probabilities: str | pl.Expr | None = None,
    source_label: str | pl.Expr | None = None,
    clusters: int | None = None,
    seed: int = 0,
    progress: bool = False,
    strict: bool = False,
    engine: str = LOCAL,
    by: str | Sequence[str] | None = None,
    which: ScoreChoice | None = None,
    memory: str | int | None = None,
) -> pl.DataFrame:
    """`scores` of every model on every task, in tables that need not fit into memory.

    Only the rows of one key, and of them only the columns needed, are in memory at a time. Ctrl-C
    takes effect between keys. ETran and NCTI are combined over the models of each target.

    Parameters
    ----------
    frame_or_paths
        As in `compute_bounds`.
    model
        As in `compute_bounds`.
    embedding, label
        As in `scores`. No table needs a label where only `nuclear_norm` and `prediction_entropy`
        are named.
    task
        Column of task names. None: all rows are one task, called "all".
    fit
        The rows that are scored; `knn_accuracy` and `linear_probe` are evaluated on the others. By
        default those whose `split` is "train". None: all rows serve for both.
    sources
        Tasks from which to transfer, for `ot_nce`, `otdd`, `s_otdd` and `tetot`: one row per
        source, then. None: every task, where such scores are named.
    targets
        Tasks to score; None for all.
    scores
        As in `scores`, and `ot_nce`, `otdd`, `s_otdd` and `tetot`. "all" leaves out what the tables
        have no columns for: scores of probabilities or source labels are null for such models.
    probabilities
        Source probabilities, for LEEP, PACTran, the nuclear norm and the prediction entropy. None:
        the column `probabilities`, or else the softmax of the column `logits`.
    source_label
        Predicted source class, for NCE. None: the argmax of the probabilities.
    clusters
        Score k-means clusters, so many for each task, in place of labels; `label` is not read.
        The column `labels` says "pseudo" then.
    seed
        Of these clusters, and of a sample.
    progress
        Show a progress bar on standard error.
    strict
        Stop at the first score that cannot be computed, or file that cannot be read. False: go on
        without it, and say why in `problems`.
    engine
        As in `compute_bounds`. A task of a cluster is a model on a target.
    by, which
        Other names of `model` and `scores`.
    memory
        As in `compute_bounds`; the sample is drawn with `seed`.

    Returns
    -------
    DataFrame
        The `model` columns, `source` where there are any, `target`, a column for each score
        (the fields of a linear probe and the parts of ETran and NCTI with its name in front), `n`,
        the number of rows that are scored, `n_evaluated`, the number of those that `knn_accuracy`
        and `linear_probe` are evaluated on, `classes` and `labels`, null where no label is read,
        and `problems`. `problems` lists why scores of the row could not be computed, which are null
        then; it is empty where there are all. A file that cannot be read has a row with nothing
        else. Where a sample stands for more rows than `memory` holds, `rows` is how many rows the
        key has, `sampled_rows` how many were drawn, and each score has an interval `_low` to
        `_high` of about 95 %, from how it varies among eight halves of the sample and differs from
        theirs; null where these tell nothing. LogME, the H-scores, TransRate and GBC of columns as
        they are stored are those of all rows even then, since they need moments only; their
        interval has no width.

    Raises
    ------
    ValueError, TypeError, PolarsError
        If an argument is wrong, a task is named that no model has, a column is in none of the
        tables, or no score at all can be computed.

    Examples
    --------
    >>> import polars as pl
    >>> import polars_transferability as pt
    >>> rows = pl.DataFrame(
    ...     {
    ...         "model": ["net"] * 4 + ["other"] * 4,
    ...         "task": "digits",
    ...         "label": [0, 0, 1, 1] * 2,
    ...         "embedding": [[0.0], [1], [3], [4], [0], [2], [1], [3]],
    ...     }
    ... )
    >>> found = pt.compute_scores(rows, fit=None, scores=["h_score"])
    >>> found.select("model", "target", pl.col("h_score").round(3)).rows()
    [('net', 'digits', 0.9), ('other', 'digits', 0.2)]
    """
    argument, models = given_as("model", model, MODEL, by=by)
    of_choice, choice = given_as("scores", scores, DEFAULT, which=which)
    wanted = score_options(choice, others=NAMED_OF_TWO_TASKS, argument=of_choice)
    of_pairs = {name: wanted.pop(name) for name in list(wanted) if name in NAMED_OF_TWO_TASKS}
    if choice == "all" and sources is None:
        of_pairs = {}
    labelled = bool(of_pairs) or sources is not None or any(map(reads_labels, wanted))
    job = _Job(
        embedding=one_column("embedding", embedding),
        label=_label(embedding, label, clusters, seed) if labelled else None,
        task=pl.lit(ONE_TASK) if task is None else one_column("task", task),
        fit=optional_column("fit", fit),
        probabilities=optional_column("probabilities", probabilities),
        source_label=optional_column("source_label", source_label),
        sources=task_names("sources", sources),
        targets=task_names("targets", targets),
        of_one=wanted,
        of_pairs=of_pairs,
        leave_out=choice == "all",
    )
    failures = Failures(flag("strict", strict))
    budget = Budget(memory_of(memory), integer("seed", seed, least=0))
    where = Where(checked_engine(engine), budget)
    otherwise = {"task": door().or_none("task")}
    keys, left_out = open_keys(
        frame_or_paths, argument, models, job.inputs(), failures, otherwise=otherwise
    )
    keys[0].refuse_columns(job.result_columns())
    require_tasks(keys, job.task, sources=job.sources, targets=job.targets)
    if not job.leave_out:
        job.require_outputs(keys)
    shown = flag("progress", progress)
    results = results_of(where, keys, job, failures, what="scores", progress=shown)
    found = pl.concat([*results, *left_out], how="diagonal_relaxed")
    failures.refuse_all(found, [*job.of_pairs, *job.of_one])
    return _flat(found, list(keys[0].values.columns), [*job.of_pairs, *job.of_one])


def _label(
    embedding: str | pl.Expr, label: str | pl.Expr, clusters: int | None, seed: int
) -> pl.Expr:
    if clusters is None:
        return one_column("label", label)
    return pseudo_labels(embedding, clusters, seed=seed)


@dataclass(frozen=True)
class _Job:
    """What to compute for each key."""

    embedding: pl.Expr
    # None where no score reads labels.
    label: pl.Expr | None
    task: pl.Expr
    fit: pl.Expr | None
    probabilities: pl.Expr | None
    source_label: pl.Expr | None
    sources: list[str] | None
    targets: list[str] | None
    of_one: dict[str, dict[str, Any]]
    of_pairs: dict[str, dict[str, Any]]
    # Leave out the scores that a table has no columns for.
    leave_out: bool

    def inputs(self) -> dict[str, pl.Expr | None]:
        """Return what is computed from columns that every table must have, by argument."""
        names = ("embedding", "label", "task", "fit", "probabilities", "source_label")
        return {name: getattr(self, name) for name in names}

    def result_columns(self) -> list[str]:
        """Return the columns that a result may have besides those of models."""
        parts = [f"{name}_{part}" for name in self.of_one for part in _FIELDS.get(name, ())]
        return ["source", "target", *self.of_pairs, *self.of_one, *parts, *FACTS, PROBLEMS]

    def require_outputs(self, keys: Sequence[Key]) -> None:
        """Raise an error if the tables of no key have columns for one of the scores."""
        lacking = self._outputs(keys[0]).lacking(self.of_one)
        for key in keys[1:]:
            if not lacking:
                break
            of_key = self._outputs(key).lacking(self.of_one)
            lacking = [name for name in lacking if name in of_key]
        if lacking:
            raise _needs_probabilities(keys[0], lacking[0])

    def of_key(self, key: Key, failures: Failures) -> pl.DataFrame:
        """Return the scores of a key: all at once or, where that fails, one by one."""
        try:
            return self._of_sample_or_all(key, failures)
        except FAILURES as error:
            if failures.strict:
                raise
            return self.one_by_one(key, detached(error), failures, {})

    def columns_of(self, key: Key) -> list[str]:
        """Return the columns that the scores of a key are computed from."""
        outputs = self._outputs(key)
        return self._columns(self._expression(self._possible(outputs), outputs))

    def of_named_tasks(self, key: Key) -> Key:
        """Return the key with only the rows of the targets, and of sources, where all are named."""
        of_pairs = bool(self.of_pairs) or self.sources is not None
        return key.of_tasks(self.task, self.targets, *([self.sources] if of_pairs else []))

    def parts(self, key: Key) -> list[str]:
        """Return the targets of a key for which there is a source, if one is needed."""
        tasks = key.tasks(self.task)
        targets = tasks_named(key, "targets", self.targets, tasks)
        if not (self.of_pairs or self.sources is not None):
            # In the order of the rows, as a key at once has them.
            return [task for task in tasks if task in targets]
        sources = tasks_named(key, "sources", self.sources, tasks)
        return [target for target in targets if any(source != target for source in sources)]

    def of_part(self, key: Key, part: str) -> pl.DataFrame:
        """Return the scores of a target."""
        return replace(self, targets=[part])._of_sample_or_all(key, Failures(strict=False))

    def _of_sample_or_all(self, key: Key, failures: Failures) -> pl.DataFrame:
        """Return the scores of a key; those of a sample with what they say of all rows."""
        scored = self._at_once(key, failures)
        if key.sampled is None:
            return scored
        with_ends = self._with_intervals(key, scored, failures)
        return self._with_scores_of_all_rows(key.sampled.whole, with_ends)

    def _with_intervals(self, key: Key, scored: pl.DataFrame, failures: Failures) -> pl.DataFrame:
        columns = self.columns_of(key)

        def of_half(number: int) -> pl.DataFrame:
            return _unnested(self._at_once(half_of(key, columns, number), failures))

        units = [name for name in ("source", "target") if name in scored.columns]
        try:
            intervals = with_intervals(_unnested(scored), of_half, units)
        except FAILURES:
            return scored  # Half of the rows may be too few to be scored at all.
        ends = [name for name in intervals.columns if name.endswith(("_low", "_high"))]
        return pl.concat([scored, intervals.select(ends)], how="horizontal")

    def _with_scores_of_all_rows(self, key: Key, scored: pl.DataFrame) -> pl.DataFrame:
        """Return scores of a sample with those in their place that moments of all rows give."""
        columns = ScoredColumns(self.embedding, self.label, self.task, self.fit)
        of_all = scores_of_moments(key, columns, self.of_one)
        if of_all is None:
            return scored
        names = [name for name in of_all.columns if name in scored.columns and name != "target"]
        ends = [
            (name, name + end)
            for name in names
            for end in ("", "_low", "_high")
            if name + end in scored.columns
        ]
        renamed = of_all.select("target", *(pl.col(name).alias(f"all_{name}") for name in names))
        joined = scored.join(renamed, on="target", how="left", maintain_order="left")
        exact = (pl.coalesce(f"all_{name}", column).alias(column) for name, column in ends)
        return joined.with_columns(exact).drop(f"all_{name}" for name in names)

    def _at_once(self, key: Key, failures: Failures) -> pl.DataFrame:
        outputs = self._outputs(key)
        if (lacking := outputs.lacking(self.of_one)) and not self.leave_out:
            raise _needs_probabilities(key, lacking[0])
        expression = self._expression(self._possible(outputs), outputs)
        with key.naming():
            rows = key.read(self._columns(expression))
        found = rows.select(self.task.unique(maintain_order=True)).to_series()
        if found.has_nulls():
            msg = f"{key}: column '{found.name}' of tasks has nulls; leave them out with a filter"
            raise ValueError(msg)
        tasks = found.cast(pl.String).to_list()
        targets = tasks_named(key, "targets", self.targets, tasks)
        scored = self._of_targets(key, rows, targets, expression, failures)
        if self.of_pairs or self.sources is not None:
            sources = tasks_named(key, "sources", self.sources, tasks)
            pairs = self._of_sources(key, rows, sources, targets)
            scored = pairs.join(scored, on="target", maintain_order="left")
        return scored.with_columns(NO_PROBLEM)

    def _given(self) -> list[pl.Expr]:
        given = (self.task, self.embedding, self.label, self.fit)
        return [column for column in given if column is not None]

    def _outputs(self, key: Key) -> _Outputs:
        """Return what there is of the source model's outputs on the rows of a key."""
        probabilities = self.probabilities
        if probabilities is None:
            present = set.intersection(*(set(table.schema().names()) for table in key.tables))
            if "probabilities" in present:
                probabilities = pl.col("probabilities")
            elif "logits" in present:
                probabilities = softmax("logits")
        source_label = self.source_label
        if source_label is None and probabilities is not None:
            source_label = argmax_labels(probabilities)
        return _Outputs(probabilities, source_label)

    def _possible(self, outputs: _Outputs) -> dict[str, dict[str, Any]]:
        """Return the scores of one table for which there are columns, with their options."""
        lacking = outputs.lacking(self.of_one)
        return {name: options for name, options in self.of_one.items() if name not in lacking}

    def _columns(self, expression: pl.Expr) -> list[str]:
        """Return the columns that scores are computed from."""
        return column_roots([self.task, expression, *self._given()])

    def _expression(self, possible: dict[str, dict[str, Any]], outputs: _Outputs) -> pl.Expr:
        if not possible:
            return pl.struct(n=pl.len().cast(pl.UInt32)).alias("scores")

        def among(names: Iterable[str]) -> bool:
            return not possible.keys().isdisjoint(names)

        return scores(
            self.embedding,
            self.label,
            scores=possible,
            probabilities=outputs.probabilities if among(_of_probabilities()) else None,
            source_label=outputs.source_label if among(reading(Inputs.SOURCE_LABEL)) else None,
            fit=self.fit,
        )

    def _of_targets(
        self,
        key: Key,
        rows: pl.DataFrame,
        targets: list[str],
        expression: pl.Expr,
        failures: Failures,
    ) -> pl.DataFrame:
        task = self.task.cast(pl.String)
        of_targets = rows.lazy().filter(task.is_in(targets))
        groups = of_targets.group_by(task.alias("target"), maintain_order=True)
        try:
            scored = groups.agg(expression).collect(engine="in-memory")
        except pl.exceptions.PolarsError:
            # Which group it was, the message does not say; unless all goes on, one by one.
            for target in targets if failures.strict else ():
                with key.naming(f"target '{target}'"):
                    rows.filter(task == target).select(expression)
            raise
        counts = groups.agg(self._evaluated()).collect(engine="in-memory")
        return scored.unnest("scores").join(counts, on="target", maintain_order="left")

    def _evaluated(self) -> pl.Expr:
        """Return the number of rows that scores which learn are evaluated on."""
        evaluated = pl.len() if self.fit is None else self.fit.not_().sum()
        return evaluated.cast(pl.UInt32).alias("n_evaluated")

    def _of_sources(
        self, key: Key, rows: pl.DataFrame, sources: list[str], targets: list[str]
    ) -> pl.DataFrame:
        pairs = []
        for source, target in ((s, t) for t in targets for s in sources if s != t):
            with key.naming(f"source '{source}', target '{target}'"):
                values = rows.select(self._between(source, target, self.of_pairs))
            names = pl.DataFrame({"source": [source], "target": [target]})
            pairs.append(pl.concat([names, values], how="horizontal"))
        if not pairs:
            raise _no_pair(key)
        return pl.concat(pairs)

    def _between(self, source: str, target: str, names: Iterable[str]) -> list[pl.Expr]:
        """Return the scores of two tasks by their names."""
        sides = [self._side(source), self._side(target)]
        return [OF_TWO_TASKS[name].function(*sides, **self.of_pairs[name]) for name in names]

    def _side(self, name: str) -> Task:
        where = self.task.cast(pl.String) == name
        if self.fit is not None:
            where &= self.fit
        assert self.label is not None
        return task_of(self.embedding, self.label, where=where)

    def one_by_one(
        self, key: Key, error: Exception, failures: Failures, known: Known[str]
    ) -> pl.DataFrame:
        """Return the scores of a key that can be computed, and why the others cannot.

        Computing them otherwise gave `error`. It has a row of its own if it is about no score.
        """
        outputs = self._outputs(key)
        possible = self._possible(outputs)
        try:
            expression = self._expression(possible, outputs)
            rows, lost = key.rescue(self._columns(expression), self.task)
            found = rows.select(self.task.unique(maintain_order=True)).to_series()
        except FAILURES as unreadable:
            unknown: Sequence[str | None] = self.targets or [None]
            return pl.concat(failures.row([unreadable], target=target) for target in unknown)
        tasks = dict.fromkeys([*found.drop_nulls().cast(pl.String), *lost])
        held = _Held(key, outputs, rows, list(tasks), lost)
        before = len(failures.met)
        targets = self.targets or held.tasks
        taken = [known_rows(known, t, failures, target=t) for t in targets if t in known]
        alone = [self._of_target(held, t, failures) for t in targets if t not in known]
        if self.of_pairs or self.sources is not None:
            sources = self.sources or held.tasks
            pairs = [(s, row) for row in alone for s in sources if s != row["target"].item()]
            no_pair = not (pairs or taken)
            alone = [
                _beside(self._of_pair(held, s, row["target"].item(), failures), row)
                for s, row in pairs
            ] + [_beside(failures.row([_no_pair(key)], source=None), r) for r in alone if no_pair]
        scored = sorted([*taken, *alone], key=lambda found: targets.index(found["target"][0]))
        if len(failures.met) == before:
            scored.append(failures.row([error], target=None))
        empty = pl.DataFrame(schema={name: _dtype(name) for name in (*self.of_pairs, *possible)})
        return pl.concat([empty, *scored], how="diagonal_relaxed")

    def _of_target(self, held: _Held, target: str, failures: Failures) -> pl.DataFrame:
        """Return a row of the scores of one table that can be computed."""
        own = held.rows.filter(self.task.cast(pl.String) == target)
        possible = self._possible(held.outputs)

        def compute(names: list[str]) -> pl.DataFrame:
            held.require("targets", target)
            expression = self._expression({n: possible[n] for n in names}, held.outputs)
            with held.key.naming(f"target '{target}'"):
                return own.select(expression, self._evaluated()).unnest("scores")

        values, errors = _as_far_as_possible(compute, list(possible))
        if not self.leave_out:
            lacking = held.outputs.lacking(self.of_one)
            errors += [_needs_probabilities(held.key, name) for name in lacking]
        return pl.concat([failures.row(errors, target=target), values], how="horizontal")

    def _of_pair(self, held: _Held, source: str, target: str, failures: Failures) -> pl.DataFrame:
        """Return a row of the scores of two tasks that can be computed."""

        def compute(names: list[str]) -> pl.DataFrame:
            held.require("sources", source)
            held.require("targets", target)
            with held.key.naming(f"source '{source}', target '{target}'"):
                return held.rows.select(self._between(source, target, names))

        values, errors = _as_far_as_possible(compute, list(self.of_pairs))
        return pl.concat([failures.row(errors, source=source), values], how="horizontal")


# Two expressions have no truth value when compared, so neither has what holds them.
@dataclass(frozen=True, eq=False)
class _Outputs:
    """Outputs of the source model on some rows, as expressions; None where there are none."""

    probabilities: pl.Expr | None
    source_label: pl.Expr | None

    def lacking(self, names: Iterable[str]) -> list[str]:
        """Return those of the scores for which outputs are lacking."""
        missing = [
            *(_of_probabilities() if self.probabilities is None else ()),
            *(reading(Inputs.SOURCE_LABEL) if self.source_label is None else ()),
        ]
        return [name for name in names if name in missing]


@dataclass(frozen=True, eq=False)
class _Held:
    """What a key holds, of which scores are computed one by one.

    Attributes
    ----------
    lost
        Tasks of which some rows cannot be read, and why.
    """

    key: Key
    outputs: _Outputs
    rows: pl.DataFrame
    tasks: list[str]
    lost: dict[str, Exception]

    def require(self, argument: str, task: str) -> None:
        """Raise an error if the rows of a task are not there."""
        tasks_named(self.key, argument, [task], self.tasks)
        if task in self.lost:
            raise self.lost[task]


def _of_probabilities() -> list[str]:
    """Return the scores that read probabilities."""
    return [*reading(Inputs.PROBABILITIES), *reading(Inputs.PREDICTIONS)]


def _beside(of_pair: pl.DataFrame, of_target: pl.DataFrame) -> pl.DataFrame:
    """Return a row of both, with the reasons of both."""
    reasons = of_pair[PROBLEMS].list.concat(of_target[PROBLEMS]).list.unique(maintain_order=True)
    both = pl.concat([of_pair, of_target.drop(PROBLEMS)], how="horizontal")
    return both.with_columns(reasons)


def _as_far_as_possible(
    compute: Callable[[list[str]], pl.DataFrame], names: list[str]
) -> tuple[pl.DataFrame, list[Exception]]:
    """Return a row of what can be computed of names, and why the others cannot.

    They are computed together, so that they share what they can; each alone only if that fails.

    Examples
    --------
    >>> def compute(names: list[str]) -> pl.DataFrame:
    ...     return pl.DataFrame({name: [1 / len(name)] for name in names if name.index("a") >= 0})
    >>> row, errors = _as_far_as_possible(compute, ["a", "bc", "da"])
    >>> row.rows(named=True), errors
    ([{'a': 1.0, 'da': 0.5}], [ValueError('substring not found')])
    """
    try:
        return compute(names), []
    except FAILURES as together:
        if not names:
            return pl.DataFrame(), [together]
    columns: dict[str, pl.Series] = {}
    errors: list[Exception] = []
    for name in names:
        try:
            columns |= compute([name]).to_dict()
        except FAILURES as error:
            errors.append(error)
    return pl.DataFrame(columns), errors


def _needs_probabilities(key: Key, score: str) -> Exception:
    msg = f"{key}: {score} needs a column 'probabilities' or 'logits', and there is none"
    return pl.exceptions.ColumnNotFoundError(msg)


def _no_pair(key: Key) -> Exception:
    return ValueError(f"{key}: no pair of a source and another target")


def _dtype(score: str) -> pl.DataType:
    """Return the type of a score: a number, or a struct of numbers."""
    fields = _FIELDS.get(score)
    return pl.Struct(dict.fromkeys(fields, pl.Float64)) if fields else pl.Float64()


def tasks_named(key: Key, argument: str, wanted: list[str] | None, tasks: list[str]) -> list[str]:
    """Return the tasks that an argument names, or all that a key has rows of."""
    if wanted is None:
        return tasks
    if missing := [name for name in wanted if name not in tasks]:
        spelled = door().arguments.get(argument, argument)
        msg = f"{spelled}: {key} has no task {missing[0]!r}; there are {tasks}"
        raise ValueError(msg)
    return wanted


def _unnested(scored: pl.DataFrame) -> pl.DataFrame:
    """Return scores with a column for each field of those that are structs."""
    structs = [name for name in STRUCTS if name in scored.columns]
    return scored.unnest(structs, separator="_") if structs else scored


def _flat(found: pl.DataFrame, models: list[str], wanted: list[str]) -> pl.DataFrame:
    """Combine pooled scores, and give the fields of the others columns of their own.

    Scores stand in the order in which they are wanted, whatever the first key has.
    """
    front = [name for name in (*models, "source", "target") if name in found.columns]
    ends = [name for name in found.columns if name.endswith(("_low", "_high"))]
    back = [name for name in (*ends, *FACTS, *SAMPLED, PROBLEMS) if name in found.columns]
    found = found.select(*front, *(name for name in wanted if name in found.columns), *back)
    if any(isinstance(found.schema.get(name), pl.Struct) for name in POOLED):
        found = combine_pool(found)
    return _unnested(found)
