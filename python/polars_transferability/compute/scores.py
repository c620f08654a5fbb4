"""Scores of tables larger than memory: one key at a time."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import polars as pl

from polars_transferability._arguments import flag, given_as, integer, names_near_keyword
from polars_transferability._columns import one_column, optional_column
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
from polars_transferability.labels import argmax_labels, pseudo_labels, softmax
from polars_transferability.pool import combine_pool
from polars_transferability.tables.keys import MODEL, TRAIN_ROWS, Key, each_key, open_keys
from polars_transferability.tables.table import Paths

# Columns that say what was scored.
FACTS = ("n", "n_evaluated", "classes", "labels")
# What the task is called whose rows are all of the table.
ONE_TASK = "all"


@names_near_keyword
def compute_scores(
    frame_or_paths: pl.DataFrame | pl.LazyFrame | Paths,
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
    by: str | Sequence[str] | None = None,
    which: ScoreChoice | None = None,
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
        Of these clusters.
    progress
        Show a progress bar on standard error.
    by, which
        Other names of `model` and `scores`.

    Returns
    -------
    DataFrame
        The `model` columns, `source` where there are any, `target`, a column for each score
        (the fields of a linear probe and the parts of ETran and NCTI with its name in front), `n`,
        the number of rows that are scored, `n_evaluated`, the number of those that `knn_accuracy`
        and `linear_probe` are evaluated on, `classes` and `labels`, null where no label is read.

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
    integer("seed", seed, least=0)  # Without clusters nobody else looks at it.
    otherwise = {"task": door().or_none("task")}
    keys = open_keys(frame_or_paths, argument, models, job.inputs(), otherwise=otherwise)
    with each_key(keys, "scores", progress=flag("progress", progress)) as steps:
        results = [job.of_key(key) for key in steps]
    return _flat(pl.concat(results, how="diagonal_relaxed"), list(keys[0].values.columns))


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

    def of_key(self, key: Key) -> pl.DataFrame:
        present = set.intersection(*(set(table.schema().names()) for table in key.tables))
        probabilities = self._probabilities(present)
        expression = self._scores(key, probabilities)
        columns = _roots([expression, *self._given()])
        with key.naming():
            (of_target,) = key.rows(columns).select(expression).collect_schema().values()
            assert isinstance(of_target, pl.Struct)
            key.refuse_columns(self._result_columns(of_target))
            rows = key.read(columns)
        found = rows.select(self.task.unique(maintain_order=True)).to_series()
        if found.has_nulls():
            msg = f"{key}: column '{found.name}' of tasks has nulls; leave them out with a filter"
            raise ValueError(msg)
        tasks = found.cast(pl.String).to_list()
        targets = _named(key, "targets", self.targets, tasks)
        scored = self._of_targets(key, rows, targets, expression)
        if self.of_pairs or self.sources is not None:
            sources = _named(key, "sources", self.sources, tasks)
            pairs = self._of_sources(key, rows, sources, targets)
            scored = pairs.join(scored, on="target", maintain_order="left")
        return key.values.join(scored, how="cross")

    def _result_columns(self, scores: pl.Struct) -> list[str]:
        """Return the columns that a result with such scores of each target has."""
        parts = [
            f"{score.name}_{part.name}"
            for score in scores.fields
            if isinstance(score.dtype, pl.Struct)
            for part in score.dtype.fields
        ]
        names = [score.name for score in scores.fields]
        return ["source", "target", *self.of_pairs, *names, *parts, *FACTS]

    def _given(self) -> list[pl.Expr]:
        given = (self.task, self.embedding, self.label, self.fit)
        return [column for column in given if column is not None]

    def _probabilities(self, present: set[str]) -> pl.Expr | None:
        if self.probabilities is not None:
            return self.probabilities
        if "probabilities" in present:
            return pl.col("probabilities")
        return softmax("logits") if "logits" in present else None

    def _scores(self, key: Key, probabilities: pl.Expr | None) -> pl.Expr:
        source_label = self.source_label
        if source_label is None and probabilities is not None:
            source_label = argmax_labels(probabilities)
        of_probabilities = [*reading(Inputs.PROBABILITIES), *reading(Inputs.PREDICTIONS)]
        missing = [
            *(name for name in of_probabilities if probabilities is None),
            *(name for name in reading(Inputs.SOURCE_LABEL) if source_label is None),
        ]
        possible = {name: options for name, options in self.of_one.items() if name not in missing}
        if len(possible) < len(self.of_one) and not self.leave_out:
            name = next(name for name in self.of_one if name in missing)
            msg = f"{key}: {name} needs a column 'probabilities' or 'logits', and there is none"
            raise pl.exceptions.ColumnNotFoundError(msg)
        if not possible:
            return pl.struct(n=pl.len().cast(pl.UInt32)).alias("scores")

        def among(names: Iterable[str]) -> bool:
            return not possible.keys().isdisjoint(names)

        return scores(
            self.embedding,
            self.label,
            scores=possible,
            probabilities=probabilities if among(of_probabilities) else None,
            source_label=source_label if among(reading(Inputs.SOURCE_LABEL)) else None,
            fit=self.fit,
        )

    def _of_targets(
        self, key: Key, rows: pl.DataFrame, targets: list[str], expression: pl.Expr
    ) -> pl.DataFrame:
        task = self.task.cast(pl.String)
        of_targets = rows.lazy().filter(task.is_in(targets))
        groups = of_targets.group_by(task.alias("target"), maintain_order=True)
        try:
            scored = groups.agg(expression).collect(engine="in-memory")
        except pl.exceptions.PolarsError:
            # Which group it was, the message does not say.
            for target in targets:
                with key.naming(f"target '{target}'"):
                    rows.filter(task == target).select(expression)
            raise
        evaluated = pl.len() if self.fit is None else self.fit.not_().sum()
        counts = groups.agg(n_evaluated=evaluated.cast(pl.UInt32)).collect(engine="in-memory")
        return scored.unnest("scores").join(counts, on="target", maintain_order="left")

    def _of_sources(
        self, key: Key, rows: pl.DataFrame, sources: list[str], targets: list[str]
    ) -> pl.DataFrame:
        pairs = []
        for source, target in ((s, t) for t in targets for s in sources if s != t):
            sides = [self._side(source), self._side(target)]
            found = [
                OF_TWO_TASKS[name].function(*sides, **options)
                for name, options in self.of_pairs.items()
            ]
            with key.naming(f"source '{source}', target '{target}'"):
                values = rows.select(found)
            names = pl.DataFrame({"source": [source], "target": [target]})
            pairs.append(pl.concat([names, values], how="horizontal"))
        if not pairs:
            msg = f"{key}: no pair of a source and another target"
            raise ValueError(msg)
        return pl.concat(pairs)

    def _side(self, name: str) -> Task:
        where = self.task.cast(pl.String) == name
        if self.fit is not None:
            where &= self.fit
        assert self.label is not None
        return task_of(self.embedding, self.label, where=where)


def _named(key: Key, argument: str, wanted: list[str] | None, tasks: list[str]) -> list[str]:
    if wanted is None:
        return tasks
    if missing := [name for name in wanted if name not in tasks]:
        msg = f"{argument}: {key} has no task {missing[0]!r}; there are {tasks}"
        raise ValueError(msg)
    return wanted


def _roots(expressions: Iterable[pl.Expr | None]) -> list[str]:
    roots = [e.meta.root_names() for e in expressions if e is not None]
    return list(dict.fromkeys(name for names in roots for name in names))


def _flat(found: pl.DataFrame, models: list[str]) -> pl.DataFrame:
    """Combine pooled scores, and give the fields of the others columns of their own."""
    if any(isinstance(found.schema.get(name), pl.Struct) for name in POOLED):
        found = combine_pool(found)
    for name in STRUCTS:
        if name in found.columns:
            found = found.unnest(name, separator="_")
    front = [name for name in (*models, "source", "target") if name in found.columns]
    back = [name for name in FACTS if name in found.columns]
    return found.select(*front, pl.exclude(*front, *back), *back)
