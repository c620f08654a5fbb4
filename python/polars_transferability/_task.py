"""A labelled task: which columns hold it, which rows are its own, which are for fitting."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import polars as pl

from polars_transferability._arguments import names_near_keyword
from polars_transferability._columns import column_name, one_column, optional_column
from polars_transferability._restricted import restricted


# Two expressions have no truth value when compared, so neither have two tasks.
@dataclass(frozen=True, eq=False)
class Task:
    """One side of a comparison, as expressions; made by `task`.

    Attributes
    ----------
    embedding
        Array or List of floats, one row per example.
    label
        Class of each row.
    where
        True for the rows of this task; None for all rows.
    fit
        True for the rows to learn from; None for no split.
    """

    embedding: pl.Expr
    label: pl.Expr
    where: pl.Expr | None
    fit: pl.Expr | None


@names_near_keyword
def task(
    embedding: str | pl.Expr = "embedding",
    label: str | pl.Expr = "label",
    *,
    where: str | pl.Expr | None = None,
    fit: str | pl.Expr | None = None,
) -> Task:
    """Describe one labelled task within a frame of embeddings.

    Parameters
    ----------
    embedding
        Column of Array or List of f32 or f64: the same width in every row, neither null nor NaN nor
        infinite.
    label
        Column of integers, strings, categories, enums or booleans.
    where
        Boolean column or expression: the rows of this task. As in `filter`, null means no. Nothing
        else sees the other rows: `pseudo_labels` as `label` are the clusters of the selected ones.
    fit
        Boolean column or expression: rows from which head and transforms are learned; the others
        are the rows on which the bound is evaluated. None: all rows serve for both.

    Returns
    -------
    Task

    Examples
    --------
    >>> import polars as pl
    >>> import polars_transferability as pt
    >>> digits = pt.task(where=pl.col("task") == "digits", fit=pl.col("split") == "train")
    >>> print(digits.where)
    [(col("task")) == ("digits")]
    """
    labels, selected = one_column("label", label), optional_column("where", where)
    return Task(
        embedding=one_column("embedding", embedding),
        label=labels if selected is None else restricted("label", labels, selected),
        where=selected,
        fit=optional_column("fit", fit),
    )


def task_pair(
    source: object,
    target: object,
    *,
    own_label: pl.Expr | None = None,
    target_labels: bool = True,
) -> tuple[list[pl.Expr], dict[str, str]]:
    """Return the inputs of a plugin on two tasks, and the column names for its messages.

    `own_label` are the labels of the target where those of the task stand in for them.

    Tasks that share embedding and label columns go in as one struct: Polars then runs the groups of
    a `group_by` in parallel and copies less than with two inputs. Without `target_labels` the label
    of the target is left out, whether there is such a column or not.
    """
    source, target = checked_task("source", source), checked_task("target", target)
    columns = {
        "source_embedding": column_name(source.embedding),
        "source_label": column_name(source.label),
        "target_embedding": column_name(target.embedding),
        "target_label": column_name(target.label),
    }
    if own_label is not None:
        columns["target_own_label"] = column_name(own_label)
        selections = {**_selection(target), "own_label": own_label}
        return [task_rows(source, _selection(source)), task_rows(target, selections)], columns
    same_label = not target_labels or source.label.meta.eq(target.label)
    shared = same_label and source.embedding.meta.eq(target.embedding)
    if shared:
        selections = {**_selection(source, "source_"), **_selection(target, "target_")}
        return [task_rows(source, selections)], columns
    unlabelled = {"embedding": target.embedding, **_selection(target)}
    return [
        task_rows(source, _selection(source)),
        task_rows(target, _selection(target)) if target_labels else _struct(unlabelled),
    ], columns


def task_rows(rows: Task, selections: Mapping[str, pl.Expr]) -> pl.Expr:
    """Return one struct of embedding, label and `selections`; a literal stretches to all rows."""
    return _struct({"embedding": rows.embedding, "label": rows.label, **selections})


def _struct(fields: Mapping[str, pl.Expr]) -> pl.Expr:
    return pl.struct([column.alias(name) for name, column in fields.items()])


def checked_task(argument: str, value: object) -> Task:
    """Return `value` if it is a task."""
    if isinstance(value, Task):
        return value
    msg = f"{argument}: expected a task made by task(), found {type(value).__name__}"
    raise TypeError(msg)


def _selection(rows: Task, prefix: str = "") -> dict[str, pl.Expr]:
    given = {"where": rows.where, "fit": rows.fit}
    return {prefix + name: column for name, column in given.items() if column is not None}
