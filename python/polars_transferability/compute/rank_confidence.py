"""How sure a ranking of models is, of tables larger than memory: one key at a time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import polars as pl

from polars_transferability._arguments import (
    flag,
    given_as,
    integer,
    names_near_keyword,
    open_share,
)
from polars_transferability._columns import column_roots, one_column, optional_column
from polars_transferability._door import door
from polars_transferability._plugin import column_plugin
from polars_transferability._scores.choice import ScoreChoice, score_options
from polars_transferability._scores.hits import ACCURACIES, hits
from polars_transferability.bound import task_names
from polars_transferability.compute.scores import ONE_TASK, tasks_named
from polars_transferability.tables.keys import (
    MODEL,
    TRAIN_ROWS,
    Key,
    each_key,
    open_keys,
    require_tasks,
)
from polars_transferability.tables.problems import FAILURES, NO_PROBLEM, PROBLEMS, Failures
from polars_transferability.tables.table import Paths


@names_near_keyword
def rank_confidence(
    frame_or_paths: pl.DataFrame | pl.LazyFrame | Paths,
    *,
    model: str | Sequence[str] | None = MODEL,
    embedding: str | pl.Expr = "embedding",
    label: str | pl.Expr = "label",
    task: str | pl.Expr | None = "task",
    fit: str | pl.Expr | None = TRAIN_ROWS,
    targets: Sequence[str] | None = None,
    score: ScoreChoice = "knn_accuracy",
    key: str | pl.Expr | None = None,
    k: int = 3,
    resamples: int = 1000,
    confidence: float = 0.95,
    seed: int = 0,
    progress: bool = False,
    strict: bool = False,
    by: str | Sequence[str] | None = None,
) -> pl.DataFrame:
    """How sure the ranking of models is by an accuracy, given the rows that it was measured on.

    Each model classifies the evaluation rows of each target once. Then as many of these rows are
    drawn with replacement, `resamples` times (Efron 1979), and the models are ranked each time by
    their accuracy on the rows drawn: how often a model is first is how sure it is to be the best
    when other rows of the same kind are looked at.

    Models that classified the same rows share the draws. What is hard for all of them then drops
    out, so that fewer rows tell models apart than where each has rows of its own: `verdict` takes
    them for independent, and calls more leads noise. Only the evaluation rows are drawn again; what
    other rows to learn from would change is not in these figures.

    Parameters
    ----------
    frame_or_paths
        As in `compute_bounds`.
    model
        As in `compute_bounds`.
    embedding, label, task, fit
        As in `compute_scores`. With `fit=None` each row is classified by all others.
    targets
        Tasks to rank the models on; None for all.
    score
        What classifies: "knn_accuracy" or "linear_probe", or a mapping from one of them to its
        options, such as `{"knn_accuracy": {"k": 1}}`.
    key
        Column that says which row is which, such as the name of a file, without nulls and without
        duplicates among the evaluation rows of a target. None: the rows of two models are the same
        if they are as many with the same labels in the same order. Rows that are not the same,
        although they look so, do no harm: what is shared then is chance.
    k
        How many models one would try.
    resamples
        How often the rows are drawn.
    confidence
        Of the interval of the rank, between 0 and 1.
    seed
        Of the draws. The same seed gives the same figures, in any order of rows.
    progress
        Show a progress bar on standard error.
    strict
        Stop at the first model that cannot be evaluated, or file that cannot be read. False: rank
        the others, and say why in `problems`.
    by
        Another name of `model`.

    Returns
    -------
    DataFrame
        One row per target and model, the most accurate first: `target`, the `model` columns, the
        accuracy (`knn_accuracy` or `linear_probe_accuracy`), `p_best`, the share of the resamples
        in which the model is first, `p_top_k`, that in which it is among the first `k`,
        `rank_low` and `rank_high`, the interval of its rank, 1 for the best, `n_evaluated`, the
        rows that it classified, `same_rows`, whether all models of the target did the same, and
        `problems`, why a model could not be evaluated, which has no figures then.
        Models that tie share a resample evenly, and have all their ranks in the interval.

    Raises
    ------
    ValueError, TypeError, PolarsError
        As `compute_scores`; with `strict`, also if a `key` has nulls or duplicates.

    Notes
    -----
    Each target takes `O(resamples * models * rows)` beside the classification. Two models of
    which neither has a `p_best` near 1 are as good as each other, as far as these rows can tell.
    The resamples say what other evaluation rows would, not which model is best in truth: of models
    that are equally good, one may still be first in nearly all.

    Examples
    --------
    >>> import polars as pl
    >>> import polars_transferability as pt
    >>> rows = pl.DataFrame(
    ...     {
    ...         "model": ["net"] * 6 + ["other"] * 6,
    ...         "task": "digits",
    ...         "label": [0, 0, 0, 1, 1, 1] * 2,
    ...         "embedding": [[0.0], [1], [2], [7], [8], [9], [0], [1], [8], [7], [9], [10]],
    ...     }
    ... )
    >>> sure = pt.rank_confidence(rows, fit=None, score={"knn_accuracy": {"k": 1}}, k=1)
    >>> sure.select("model", "knn_accuracy", pl.col("p_best").round(2), "rank_high").rows()
    [('net', 1.0, 0.99, 1), ('other', 0.5, 0.01, 2)]
    """
    argument, models = given_as("model", model, MODEL, by=by)
    name, options = _one_score(score)
    settings = {
        "resamples": integer("resamples", resamples, least=1),
        "k": integer("k", k, least=1),
        "confidence": open_share("confidence", confidence),
        "seed": integer("seed", seed, least=0),
    }
    job = _Job(
        task=pl.lit(ONE_TASK) if task is None else one_column("task", task),
        embedding=one_column("embedding", embedding),
        label=one_column("label", label),
        fit=optional_column("fit", fit),
        key=optional_column("key", key),
        targets=task_names("targets", targets),
        hits=hits(embedding, label, score=name, options=options, fit=fit),
    )
    failures = Failures(flag("strict", strict))
    otherwise = {"task": door().or_none("task")}
    keys, left_out = open_keys(
        frame_or_paths, argument, models, job.inputs(), failures, otherwise=otherwise
    )
    names, accuracy = keys[0].values.columns, ACCURACIES[name]
    facts = ["n_evaluated", "same_rows", PROBLEMS]
    keys[0].refuse_columns(["target", accuracy, *FIGURES, *facts])
    require_tasks(keys, job.task, targets=job.targets)
    with each_key(keys, "rank confidence", progress=flag("progress", progress)) as steps:
        outcomes = pl.concat([job.of_key(key, failures) for key in steps])
    # In an order of their own: it decides which draws models on other rows get.
    known = outcomes.drop_nulls("hits").sort("target", *names, nulls_last=True)
    figures = column_plugin("rank_confidence", [pl.struct("hits", "rows")], settings)
    ranked = known.with_columns(
        (pl.col("hits").list.sum() / pl.col("hits").list.len()).alias(accuracy),
        figures.over("target").alias("figures"),
        n_evaluated=pl.col("hits").list.len(),
        same_rows=pl.col("rows").n_unique().over("target") == 1,
    ).unnest("figures")
    unknown = outcomes.filter(pl.col("hits").is_null())
    found = pl.concat([ranked, unknown, *left_out], how="diagonal_relaxed")
    failures.refuse_all(found, [accuracy])
    return found.select("target", *names, accuracy, *FIGURES, *facts).sort(
        "target", accuracy, descending=[False, True], nulls_last=True, maintain_order=True
    )


def advice(found: pl.DataFrame, models: Sequence[str]) -> dict[str, str]:
    """Return what `rank_confidence` says of each target: which model to use, and how sure.

    A model is as good within the noise if the interval of its rank begins with the first. A target
    on which no model could be evaluated is left out.

    Examples
    --------
    >>> columns = ["target", "model", "p_best", "rank_low"]
    >>> sure = [("pets", "large", 0.7, 1), ("pets", "small", 0.3, 1), ("pets", "old", 0.0, 3)]
    >>> print(advice(pl.DataFrame(sure, schema=columns, orient="row"), ["model"])["pets"])
    use large, first in 70 % of the draws of its evaluation rows; small is as good within the noise.
    """
    name = pl.concat_str(pl.col(models).cast(pl.String), separator=", ")
    known = found.drop_nulls("p_best").select("target", "p_best", "rank_low", name=name)
    groups = known.group_by("target", maintain_order=True)
    return {
        str(target): _advice(group.sort("p_best", descending=True, maintain_order=True))
        for (target,), group in groups
    }


def _advice(models: pl.DataFrame) -> str:
    """Return the sentence about the models of a target, the surest first."""
    best, *others = models.rows(named=True)
    if not others:
        return f"{best['name']} is the only model."
    sure = f"first in {_percent(best['p_best'])} of the draws of its evaluation rows"
    rivals = [other["name"] for other in others if other["rank_low"] == 1]
    shown = ", ".join(rivals[:_MOST_RIVALS])
    more = f" and {len(rivals) - _MOST_RIVALS} more" if len(rivals) > _MOST_RIVALS else ""
    verb = "is" if len(rivals) == 1 else "are"
    also = f"; {shown}{more} {verb} as good within the noise" if rivals else ""
    return f"use {best['name']}, {sure}{also}."


# How many models a sentence names that are as good as the best.
_MOST_RIVALS = 3
# What the resamples say of a model.
FIGURES = ("p_best", "p_top_k", "rank_low", "rank_high")


def _percent(share: float) -> str:
    """Return a share as a percentage, which is whole only where the share is.

    Examples
    --------
    >>> _percent(0.7), _percent(0.998), _percent(1.0)
    ('70 %', 'more than 99 %', '100 %')
    """
    return "more than 99 %" if 0.99 < share < 1 else f"{100 * share:.0f} %"


def _one_score(choice: ScoreChoice) -> tuple[str, dict[str, object]]:
    """Return the score that a choice names, which must be one that classifies, and its options."""
    options = score_options(choice, argument="score")
    if len(options) != 1 or not options.keys() <= ACCURACIES.keys():
        msg = (
            "score: expected one score that classifies rows, "
            f"{' or '.join(ACCURACIES)}, found {', '.join(options)}"
        )
        raise ValueError(msg)
    return next(iter(options.items()))


# What is known of a model on a target, for no model.
_NOTHING = pl.DataFrame(
    schema={
        "target": pl.String,
        "hits": pl.List(pl.Boolean),
        "rows": pl.UInt32,
        PROBLEMS: pl.List(pl.String),
    }
)


@dataclass
class _Job:
    """Which rows each model classifies right; remembers which rows of each target it has seen."""

    task: pl.Expr
    embedding: pl.Expr
    label: pl.Expr
    fit: pl.Expr | None
    key: pl.Expr | None
    targets: list[str] | None
    hits: pl.Expr
    seen: dict[str, list[pl.Series]] = field(default_factory=dict)

    def inputs(self) -> dict[str, pl.Expr | None]:
        """Return what is computed from columns that every table must have, by argument."""
        return {name: getattr(self, name) for name in ("embedding", "label", "task", "fit", "key")}

    def of_key(self, key: Key, failures: Failures) -> pl.DataFrame:
        """Return a row per target: the hits of a model, and the number of their rows."""
        found = [_NOTHING]
        try:
            with key.naming():
                rows = key.read(column_roots(self.inputs().values()))
            tasks = rows.select(self.task.unique(maintain_order=True)).to_series()
            if tasks.has_nulls():
                msg = f"{key}: column '{tasks.name}' of tasks has nulls; leave them out"
                raise ValueError(msg)
        except FAILURES as error:
            unknown: Sequence[str | None] = self.targets or [None]
            found += [failures.row([error], target=target) for target in unknown]
        else:
            there = tasks.cast(pl.String).to_list()
            found += [
                self._of_target(key, rows, target, there, failures)
                for target in self.targets or there
            ]
        return key.values.join(pl.concat(found, how="diagonal_relaxed"), how="cross")

    def _of_target(
        self, key: Key, rows: pl.DataFrame, target: str, tasks: list[str], failures: Failures
    ) -> pl.DataFrame:
        try:
            tasks_named(key, "targets", [target], tasks)
            with key.naming(f"target '{target}'"):
                outcomes = self._outcomes(rows.filter(self.task.cast(pl.String) == target))
            self._check_key(key, target, outcomes["row"])
        except FAILURES as error:
            return failures.row([error], target=target)
        return outcomes.select(
            pl.lit(target).alias("target"),
            pl.col("hit").implode().alias("hits"),
            pl.lit(self._number(target, outcomes["row"]), dtype=pl.UInt32).alias("rows"),
            NO_PROBLEM,
        )

    def _outcomes(self, rows: pl.DataFrame) -> pl.DataFrame:
        """Return which evaluation rows are classified right, and what tells the rows apart."""
        row = self.label if self.key is None else self.key
        outcomes = rows.select(hit=self.hits, row=row.cast(pl.String)).filter(
            pl.col("hit").is_not_null()
        )
        return outcomes if self.key is None else outcomes.sort("row", nulls_last=True)

    def _check_key(self, key: Key, target: str, rows: pl.Series) -> None:
        """Raise ValueError if the key of rows does not tell the rows of a target apart."""
        repeated = rows.filter(rows.is_duplicated())
        if self.key is None or not (rows.has_nulls() or repeated.len()):
            return
        wrong = "nulls" if rows.has_nulls() else f"{repeated[0]!r} twice"
        msg = (
            f"{key}, target '{target}': key has {wrong} among the evaluation rows, so it does not "
            "say which row is which; name another column, or leave key out"
        )
        raise ValueError(msg)

    def _number(self, target: str, rows: pl.Series) -> int:
        """Return a number that models of a target share that classified the same rows."""
        seen = self.seen.setdefault(target, [])
        for number, others in enumerate(seen):
            if rows.equals(others):
                return number
        seen.append(rows)
        return len(seen) - 1
