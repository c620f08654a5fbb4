"""The transferability bound, as expressions."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, cast

import polars as pl

from polars_transferability._arguments import names_near_keyword, refuse_unknown
from polars_transferability._columns import column_name, one_column, optional_column
from polars_transferability._plugin import scalar_plugin
from polars_transferability._task import Task, task_pair, task_rows
from polars_transferability._task import task as labelled_rows
from polars_transferability.settings import (
    BoundOptions,
    GroundCost,
    Lipschitz,
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

    Returns
    -------
    Expr
        Struct of `bound`, `source_loss`, `label_mismatch`, `distribution_mismatch`, `lipschitz`
        (null for "margin"), `target_loss`, `target_accuracy`, `trivial_loss` (of always predicting
        the target's class shares), `vacuous` (bound above trivial_loss), `certified`, `l2`,
        `n_source`, `n_target`, `source_classes`, `target_classes` and `by_class`, whose terms sum
        to the totals. Losses are in nats.

    References
    ----------
    Mehra, Zhang and Hamm, "Understanding the Transferability of Representations via
    Task-Relatedness", arXiv 2307.00823.

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
    )
    inputs, columns = task_pair(source, target)
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
        `max_rows_per_class` and `seed`, as in `transfer_bound`.

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
    settings = bound_settings(**same)
    rows = labelled_rows(embedding, label)
    names = one_column("task", task)
    selections = {"task": names}
    if (fitted := optional_column("fit", fit)) is not None:
        selections["fit"] = fitted
    kwargs = {
        **settings,
        "sources": task_names("sources", sources),
        "targets": task_names("targets", targets),
        "columns": {
            "embedding": column_name(rows.embedding),
            "label": column_name(rows.label),
            "task": column_name(names),
        },
    }
    return scalar_plugin("transfer_bounds", [task_rows(rows, selections)], kwargs)


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
