"""The transferability bound, as expressions."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, cast

import polars as pl

from polars_transferability._arguments import names_near_keyword, refuse_unknown
from polars_transferability._columns import column_name, one_column, optional_column
from polars_transferability._plugin import scalar_plugin
from polars_transferability._task import Task, checked_task, task_pair, task_rows
from polars_transferability._task import task as labelled_rows
from polars_transferability.settings import (
    BoundOptions,
    GroundCost,
    Lipschitz,
    SourceRows,
    Transform,
    bound_settings,
)

if TYPE_CHECKING:
    from typing_extensions import Unpack  # in typing from Python 3.11 on


@names_near_keyword
def transfer_bound(
    source: Task,
    target: Task,
    *,
    transform: Transform = "all",
    ground_cost: GroundCost = "margin",
    lipschitz: Lipschitz = "certified",
    l2: float | None = None,
    head: pl.DataFrame | pl.LazyFrame | None = None,
    label_map: pl.DataFrame | pl.LazyFrame | None = None,
    standardize: bool = True,
    max_rows_per_class: int | None = None,
    seed: int = 0,
    source_rows: SourceRows = "held-out",
    target_label: str | pl.Expr | None = None,
    target_clusters: int | None = None,
    max_target_rows_per_class: int | None = None,
    confidence: float | None = None,
    probe: bool = False,
    seeds: int = 1,
    match_labels: bool = False,
    seconds: bool = False,
) -> pl.Expr:
    """Upper bound on the target's cross-entropy under a head transformed from the source's.

    Whatever was fitted, `target_loss <= bound` holds on the evaluation rows, where::

        bound = source_loss + label_mismatch + distribution_mismatch

    Parameters
    ----------
    source, target
        The two tasks, made by `task`; embeddings of one model.
    transform
        What is learned: "identity" (label map assigned, features as they are), "features" (head and
        feature map learned as well), "all" (label map learned too).
    ground_cost
        Cost of moving a source row to a target row: "margin" (the lowest), "head" or "euclidean"
        (the paper's).
    lipschitz
        "certified", or "empirical": the paper's constant, the largest gradient seen, which
        certifies nothing; only with "euclidean" and "head".
    l2
        Strength of the head's L2 penalty, above 0; None chooses it by the bound on fit rows that
        are held out.
    head
        Fixed source head: a frame with one row per source class and columns `label`, `weight` (List
        or Array of the embedding's width) and `bias`. Its weights stay as they are; its biases
        follow the class prior, by the log of the target's share over the source's, and classes that
        stand for no target class leave the softmax. None fits one.
    label_map
        Fixed map of classes: a frame with columns `source`, `target` and `weight`; the weights of
        each target class sum to 1. None assigns source classes to target classes by the means of
        their rows, and tries others with `transform="all"`, which is "features" if a map is given.
    standardize
        Scale features of source and target separately, on the fit rows. With a fixed `head` no
        scaling is applied that the head does not know of.
    max_rows_per_class
        At most that many rows of each class, drawn with `seed`; None takes all.
    seed
        Seed of every random choice, 0 to 2^63 - 1.
    source_rows
        "held-out": the head is learned from the source's fit rows, and the bound is evaluated on
        its others. "all": every source row serves for both, whatever its `fit` says. The theorem
        asks for no rows of the source that the head has not seen, since it speaks of the target
        rows. The bound is then lower where source rows are few, and models are ranked better by it,
        but it takes a third longer, and `source_loss` is no estimate of the loss on new source
        rows.
    target_label
        Column of labels that stand in for the target's own, such as the most probable class of
        another model. The source keeps its labels. The bound is then one of the loss against those
        labels; it says "pseudo" in `labels`, and `certified` is false.
    target_clusters
        So many k-means clusters of the target's fit rows stand in for its labels, which are not
        read and may be null; a row to evaluate on is of the nearest cluster. `labels` and
        `certified` are as with `target_label`. At least 2.
    max_target_rows_per_class
        At most that many fit rows of each class of the target, drawn with `seed`; all its other
        rows are evaluated on. None takes all.
    confidence
        How sure claims about the target's population are to be, between 0 and 1, such as 0.95; adds
        `bound_high` and `accuracy_low`. The target needs a `fit`, and its rows to evaluate on must
        be independent draws from that population. None makes no such claim.
    probe
        Add `probe_loss`, `probe_accuracy` and `gap`: what a linear probe of the target gives that
        is fitted to the same target rows, without any source.
    seeds
        Fit with so many seeds, from `seed` on, and return the lowest bound. With `confidence`,
        which then makes up for the choice.
    match_labels
        Add `matched_loss` and `matched_accuracy`, of the target's own labels where others stand in
        for them. Their classes are matched one to one, so that as many fit rows as possible agree.
    seconds
        Add `seconds`, the wall time of the bound. What is kept of a source counts for the first of
        its targets, and bounds of several pairs are computed beside each other.

    Returns
    -------
    Expr
        Struct of `bound`, `source_loss`, `label_mismatch`, `distribution_mismatch`, `lipschitz`
        (null for "margin"), `target_loss`, `target_accuracy`, `trivial_loss` (of always predicting
        the target's class shares), `vacuous` (bound above trivial_loss), `state` ("better than
        guessing", "no better than guessing" where the two are equal to a thousandth or the constant
        head was best, "vacuous" where the bound is above by more), `certified` (the cost is proven,
        and the labels are the caller's), `labels` ("given" or "pseudo": those of either task stand
        in for labels), `l2`, `n_source`, `n_target`, `source_classes`, `target_classes` and
        `by_class`, whose terms sum to the totals. Losses are in nats.

        With `confidence`, `bound_high`: the mean loss over the target's population is not above it,
        but with probability `1 - confidence`; and `accuracy_low`, which its accuracy is not below,
        but with the same probability. Both are of the bound's head mixed with the class shares of
        the fit rows, which have the weight `1 / n` for `n` evaluation rows. Where the lowest of `k`
        bounds on the same rows is chosen, such as among sources, give each the confidence
        `1 - (1 - confidence) / k`.

        With `match_labels`, `matched_loss` and `matched_accuracy`; null where the labels have more
        classes than those that stand in for them.

        With `probe`, `probe_loss`, `probe_accuracy` and `gap`, which is `(bound - probe_loss) /
        (trivial_loss - probe_loss)`: 0 where the bound is as low as the probe's loss, 1 where it
        says no more than guessing, and null where the probe is no better than guessing.

    Notes
    -----
    Where several source classes stand for one target class, `source_loss` is the loss of what they
    give it together, so that the head may confuse them for free; `label_mismatch` of a class is the
    paper's conditional entropy, but never more than all that its source rows lose. For label maps
    that give each target class one source class both are the paper's.

    References
    ----------
    Mehra, Zhang and Hamm, "Understanding the Transferability of Representations via
    Task-Relatedness", arXiv 2307.00823. `confidence`: Waudby-Smith and Ramdas, "Estimating means of
    bounded random variables by betting", arXiv 2010.09686; Clopper and Pearson, Biometrika 1934.

    Examples
    --------
    >>> import polars as pl
    >>> import polars_transferability as pt
    >>> rows = pl.DataFrame(
    ...     {
    ...         "task": ["digits"] * 4 + ["letters"] * 4,
    ...         "label": ["0", "0", "1", "1", "a", "a", "b", "b"],
    ...         "embedding": [[0.0, 1], [0, 2], [5, 1], [5, 2], [1, 0], [2, 0], [1, 7], [2, 7]],
    ...     }
    ... )
    >>> digits = pt.task(where=pl.col("task") == "digits")
    >>> letters = pt.task(where=pl.col("task") == "letters")
    >>> bound = rows.select(pt.transfer_bound(digits, letters).alias("b")).unnest("b")
    >>> bound.select(pl.col("target_loss") <= pl.col("bound")).item()
    True
    >>> bound.select("n_source", "n_target", "certified").row(0)
    (4, 4, True)
    """
    settings = bound_settings(
        transform=transform,
        ground_cost=ground_cost,
        lipschitz=lipschitz,
        l2=l2,
        head=head,
        label_map=label_map,
        standardize=standardize,
        max_rows_per_class=max_rows_per_class,
        seed=seed,
        source_rows=source_rows,
        target_label=target_label,
        target_clusters=target_clusters,
        max_target_rows_per_class=max_target_rows_per_class,
        confidence=confidence,
        probe=probe,
        seeds=seeds,
        match_labels=match_labels,
        seconds=seconds,
    )
    target = checked_task("target", target)
    own_label = None
    if target_label is not None:
        own_label = target.label
        target = replace(target, label=one_column("target_label", target_label))
    inputs, columns = task_pair(source, target, own_label=own_label)
    return scalar_plugin("transfer_bound", inputs, {**settings, "columns": columns})


def transfer_bounds(
    embedding: str | pl.Expr = "embedding",
    label: str | pl.Expr = "label",
    task: str | pl.Expr = "task",
    *,
    fit: str | pl.Expr | None = None,
    sources: Sequence[str] | None = None,
    targets: Sequence[str] | None = None,
    **same: Unpack[BoundOptions],
) -> pl.Expr:
    """`transfer_bound` of every pair of a source and a target task within a column of tasks.

    Parameters
    ----------
    embedding, label
        As in `task`.
    task
        Column that names each row's task.
    fit
        As in `task`.
    sources, targets
        Tasks that serve as source, as target; None for all.
    **same
        `transform`, `ground_cost`, `lipschitz`, `l2`, `head`, `label_map`, `standardize`,
        `max_rows_per_class`, `seed`, `source_rows`, `target_label`, `target_clusters`,
        `max_target_rows_per_class`, `confidence`, `probe`, `seeds`, `match_labels` and `seconds`,
        as in `transfer_bound`.

    Returns
    -------
    Expr
        List of Struct, one per pair: `source`, `target`, then the fields of `transfer_bound`.

    Examples
    --------
    >>> import polars as pl
    >>> import polars_transferability as pt
    >>> rows = pl.DataFrame(
    ...     {
    ...         "task": ["digits"] * 4 + ["letters"] * 4,
    ...         "label": ["0", "0", "1", "1", "a", "a", "b", "b"],
    ...         "embedding": [[0.0, 1], [0, 2], [5, 1], [5, 2], [1, 0], [2, 0], [1, 7], [2, 7]],
    ...     }
    ... )
    >>> bounds = rows.select(
    ...     pt.transfer_bounds(sources=["digits"]).alias("b")
    ... )
    >>> pairs = bounds.explode("b").unnest("b")
    >>> pairs.filter(pl.col("source") != pl.col("target")).select("source", "target").rows()
    [('digits', 'letters')]
    """
    refuse_unknown(transfer_bounds, same, BoundOptions.__annotations__)
    tasks = task_columns(embedding, label, task, fit, same.get("target_label"))
    pairs = {
        "sources": task_names("sources", sources),
        "targets": task_names("targets", targets),
    }
    return tasks.bounds({**bound_settings(**same), **pairs})


@dataclass(frozen=True, eq=False)
class TaskColumn:
    """The columns of several tasks, of which one names the task of each row.

    Attributes
    ----------
    embedding, label, fit
        As in `Task`.
    task
        Name of each row's task.
    target_label
        Labels that stand in for those of the targets, or None.
    """

    embedding: pl.Expr
    label: pl.Expr
    task: pl.Expr
    fit: pl.Expr | None
    target_label: pl.Expr | None

    def inputs(self) -> dict[str, pl.Expr | None]:
        """Return what tables must have columns for, by argument."""
        return {name: getattr(self, name) for name in self.__annotations__}

    def bounds(self, settings: dict[str, Any]) -> pl.Expr:
        """Return the bounds of pairs of these tasks with settings as the native side reads them."""
        optional = {"fit": self.fit, "target_label": self.target_label}
        given = {name: column for name, column in optional.items() if column is not None}
        columns = {
            "embedding": self.embedding,
            "label": self.label,
            "task": self.task,
            "target_label": self.target_label,
        }
        names = {name: column_name(c) for name, c in columns.items() if c is not None}
        rows = task_rows(labelled_rows(self.embedding, self.label), {"task": self.task, **given})
        return scalar_plugin("transfer_bounds", [rows], {**settings, "columns": names})


def task_columns(
    embedding: object, label: object, task: object, fit: object, target_label: object
) -> TaskColumn:
    """Return columns of several tasks, each a name or an expression, checked."""
    return TaskColumn(
        embedding=one_column("embedding", embedding),
        label=one_column("label", label),
        task=one_column("task", task),
        fit=optional_column("fit", fit),
        target_label=optional_column("target_label", target_label),
    )


def task_names(argument: str, names: object) -> list[str] | None:
    """Return the names of tasks, each once, as a list; one string is one name.

    Examples
    --------
    >>> task_names("sources", "mnist")
    ['mnist']
    """
    if names is None:
        return None
    single = isinstance(names, str) or not isinstance(names, Iterable)
    listed: list[Any] = [names] if single else list(cast("Iterable[Any]", names))
    if wrong := [name for name in listed if not isinstance(name, str)]:
        msg = f"{argument}: expected names of tasks as strings, found {wrong[0]!r}"
        raise TypeError(msg)
    if not listed:
        msg = f"{argument}: expected at least one task, found none; None stands for all"
        raise ValueError(msg)
    return list(dict.fromkeys(listed))
