"""What the bound says of tasks, heads, label maps and options that it cannot take."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import numpy as np
import polars as pl
import polars_transferability as pt
import pytest
from bad_rows import FIRST, LISTS, NAN, set_first
from registry import NEW, OLD, TRAIN, value

FIRST_NEW = NEW & (pl.col("label") == 0) & (pl.col("split") == "train")


def head(**changes: Any) -> pl.DataFrame:
    columns = {"label": [0, 1, 2], "weight": np.eye(3).tolist(), "bias": [0.0, 0.0, 0.0]}
    return pl.DataFrame({**columns, **changes})


def label_map(**changes: Any) -> pl.DataFrame:
    columns = {"source": [0, 1, 2], "target": [0, 1, 2], "weight": [1.0, 1.0, 1.0]}
    return pl.DataFrame({**columns, **changes})


def bound(
    source: dict[str, Any] | None = None, target: dict[str, Any] | None = None, **options: Any
) -> pl.Expr:
    """`transfer_bound` from old to new, with the named arguments of `task` replaced."""
    return pt.transfer_bound(
        pt.task(**{"where": OLD, **(source or {})}),
        pt.task(**{"where": NEW, **(target or {})}),
        **options,
    )


def bounds(**options: Any) -> pl.Expr:
    return pt.transfer_bounds("embedding", "label", "task", **options)


# What is wrong -> an expression on good rows, and what it says.
BAD_REQUESTS: dict[str, tuple[Callable[[], pl.Expr], str]] = {
    "where is no boolean": (
        lambda: bound(source={"where": "label"}),
        r"`where` of the source task has dtype i64, but it must be Boolean",
    ),
    "fit is no boolean": (
        lambda: bound(target={"fit": "split"}),
        r"`fit` of the target task has dtype str, but it must be Boolean",
    ),
    "fit is null": (
        lambda: bound(source={"fit": pl.when(~FIRST).then(TRAIN)}),
        r"`fit` of the source task is null in 1 of 21 rows",
    ),
    "fit is true everywhere": (
        lambda: bound(source={"fit": pl.col("label") >= 0}),
        r"the source task has no rows to evaluate on: its `fit` is true for all 21 rows",
    ),
    "fit is false everywhere": (
        lambda: bound(target={"fit": pl.col("label") < 0}),
        r"the target task has no rows to learn from: its `fit` is false for all 21 rows",
    ),
    "fit lacks a class": (
        lambda: bound(target={"fit": TRAIN & (pl.col("label") != 1)}),
        r'label column "label" of the target task has 1 class\(es\) in its evaluation rows '
        r'that its `fit` rows lack: "1"',
    ),
    "one class only": (
        lambda: bound(source={"where": OLD & (pl.col("label") == 2)}),
        r'label column "label" of the source task has only the class "2"',
    ),
    "where selects nothing": (
        lambda: bound(target={"where": pl.col("task") == "missing"}),
        r"the target task has no rows: its `where` is true for none of the 42 rows",
    ),
    "head lacks a class": (
        lambda: bound(head=head().head(2)),
        r'`head` has no row for class "2" of the source task; it has rows for "0", "1"',
    ),
    "head of another width": (
        lambda: bound(head=head(weight=np.eye(3, 2).tolist())),
        r'`head` has 2 weights for class "0", but embedding column "embedding" of the source '
        r"task has width 3",
    ),
    "head has NaN": (
        lambda: bound(head=head(weight=[[NAN, 0, 0], [0, 1, 0], [0, 0, 1]])),
        r'`head` has a NaN or infinite weight or bias for class "0"',
    ),
    "head is ragged": (
        lambda: bound(head=head(weight=[[1.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]])),
        r'`head` has 1 weights for class "0", but',
    ),
    "head names a class twice": (
        lambda: bound(head=head(label=[0, 1, 1])),
        r'`head` has more than one row for class "1"; give one per source class',
    ),
    "label_map names an unknown source class": (
        lambda: bound(label_map=label_map(source=[0, 1, 7])),
        r'`label_map` names class "7", which the source task does not have; '
        r'it has "0", "1", "2"',
    ),
    "label_map names an unknown target class": (
        lambda: bound(label_map=label_map(target=[0, 1, 7])),
        r'`label_map` names class "7", which the target task does not have',
    ),
    "label_map does not sum to 1": (
        lambda: bound(label_map=label_map(weight=[1.0, 0.75, 1.0])),
        r'the weights that `label_map` gives target class "1" sum to 0.75, but must sum to 1',
    ),
    "label_map lacks a target class": (
        lambda: bound(label_map=label_map().head(2)),
        r'`label_map` has no row for class "2" of the target task',
    ),
    "label_map has a negative weight": (
        lambda: bound(label_map=label_map(weight=[1.0, -1.0, 1.0])),
        r'`label_map` gives source class "1" and target class "1" the weight -1, but weights must '
        r"be finite and not negative",
    ),
    "label_map has NaN": (
        lambda: bound(label_map=label_map(weight=[1.0, NAN, 1.0])),
        r'`label_map` gives source class "1" and target class "1" the weight NaN, but weights must',
    ),
    "label_map has a pair twice": (
        lambda: bound(label_map=label_map(source=[0, 0, 1], target=[0, 0, 1])),
        r'`label_map` has source class "0" and target class "0" more than once',
    ),
    "label_map uses a class without evaluation rows": (
        lambda: bound(source={"fit": TRAIN | (pl.col("label") == 2)}, label_map=label_map()),
        r'class "2" of the source task has a place in the label map but no evaluation rows',
    ),
    "unknown source": (
        lambda: bounds(sources=["nope"]),
        r'`sources` names task "nope", which task column "task" does not have; '
        r'it has "new", "old"',
    ),
    "unknown target": (
        lambda: bounds(targets=["old", "nope"]),
        r'`targets` names task "nope", which task column "task" does not have',
    ),
    "no pair": (
        lambda: bounds(sources=["old"], targets=["old"]),
        r'no pair of a source and another target task; task column "task" has "new", "old"',
    ),
    "null task": (
        lambda: pt.transfer_bounds("embedding", "label", pl.when(~FIRST).then("task").alias("t")),
        r'task column "t" of the input is null in 1 of 42 rows',
    ),
}


@pytest.mark.parametrize("bad", BAD_REQUESTS)
def test_bad_requests(bad: str, rows: pl.DataFrame) -> None:
    build, message = BAD_REQUESTS[bad]
    with pytest.raises(pl.exceptions.ComputeError, match=message):
        value(rows, build())


def test_messages_speak_of_the_callers_column_names(rows: pl.DataFrame) -> None:
    renamed = rows.rename({"embedding": "features", "label": "digit"})
    old, new = (pt.task("features", "digit", where=side) for side in (OLD, NEW))
    for change, message in (
        (set_first("features", None, LISTS), r'"features" of the source task is null in 1 of 21'),
        (set_first("digit", None, pl.Int64), r'"digit" of the source task is null in 1 of 21'),
    ):
        with pytest.raises(pl.exceptions.ComputeError, match=message):
            value(renamed.with_columns(change), pt.transfer_bound(old, new))


def test_message_names_the_side_and_class_of_a_nan(rows: pl.DataFrame) -> None:
    nan = (
        pl.when(FIRST_NEW & FIRST_NEW.is_first_distinct())
        .then(pl.lit([float("nan")] * 3, dtype=LISTS))
        .otherwise(pl.col("embedding").cast(LISTS))
        .alias("embedding")
    )
    message = r'"embedding" of the target task has 3 NaN or infinite .* 1 of 21 rows.*"0": 3'
    with pytest.raises(pl.exceptions.ComputeError, match=message):
        value(rows.with_columns(nan), bound())


def test_message_of_a_pair_names_the_task(rows: pl.DataFrame) -> None:
    message = r'embedding column "embedding" of task "old" is null in 1 of 21 rows'
    with pytest.raises(pl.exceptions.ComputeError, match=message):
        value(rows.with_columns(set_first("embedding", None, LISTS)), bounds())


def test_column_that_is_not_there(rows: pl.DataFrame) -> None:
    with pytest.raises(pl.exceptions.ColumnNotFoundError, match="missing"):
        value(rows, bound(source={"embedding": "missing"}))


# What is wrong -> a call that fails before it sees data, the error and what it says.
BAD_ARGUMENTS: dict[str, tuple[Callable[[], object], type[Exception], str]] = {
    "transform": (
        lambda: bound(transform="none"),
        ValueError,
        "transform: expected one of 'identity', 'features', 'all', found 'none'",
    ),
    "ground_cost": (
        lambda: bounds(ground_cost="cosine"),
        ValueError,
        "ground_cost: expected one of 'margin', 'head', 'euclidean', found 'cosine'",
    ),
    "lipschitz": (
        lambda: bound(ground_cost="head", lipschitz="guessed"),
        ValueError,
        "lipschitz: expected one of 'certified', 'empirical', found 'guessed'",
    ),
    "empirical with margin": (
        lambda: bound(lipschitz="empirical"),
        ValueError,
        "lipschitz: 'empirical' needs ground_cost 'euclidean' or 'head'",
    ),
    "l2 of 0": (lambda: bound(l2=0), ValueError, "l2: expected a finite number above 0"),
    "l2 below 0": (lambda: bound(l2=-1.0), ValueError, "l2: expected a finite number above 0"),
    "l2 is NaN": (lambda: bound(l2=NAN), ValueError, "l2: expected a finite number above 0"),
    "l2 is text": (lambda: bound(l2="1"), TypeError, "l2: expected a finite number above 0"),
    "standardize": (
        lambda: bound(standardize="yes"),
        TypeError,
        "standardize: expected True or False, found 'yes'",
    ),
    "seed below 0": (lambda: bound(seed=-1), ValueError, "seed: expected an integer from 0"),
    "seed too large": (lambda: bound(seed=2**63), ValueError, "seed: expected an integer from 0"),
    "seed is a float": (lambda: bound(seed=1.0), TypeError, "seed: expected an integer, found 1.0"),
    "no rows per class": (
        lambda: bound(max_rows_per_class=0),
        ValueError,
        "max_rows_per_class: expected an integer from 1",
    ),
    "head is no frame": (
        lambda: bound(head=[1]),
        TypeError,
        "head: expected a Polars frame, found list",
    ),
    "head lacks a column": (
        lambda: bound(head=head().drop("bias")),
        ValueError,
        "head: columns ['bias'] not found",
    ),
    "head is empty": (
        lambda: bound(head=head().clear()),
        ValueError,
        "head: the frame has no rows",
    ),
    "head has a null": (
        lambda: bound(head=head(bias=[0.0, None, 0.0])),
        ValueError,
        "head: column 'bias' holds 1 nulls",
    ),
    "head has a null weight": (
        lambda: bound(head=head(weight=[[None, 0, 0], [0, 1, 0], [0, 0, 1]])),
        ValueError,
        "head: column 'weight' holds 1 nulls",
    ),
    "head has no lists": (
        lambda: bound(head=head(weight=[1.0, 2.0, 3.0])),
        TypeError,
        "head: column 'weight' must be an Array or List of numbers, found Float64",
    ),
    "head has float labels": (
        lambda: bound(head=head(label=[0.0, 1.0, 2.0])),
        TypeError,
        "head: column 'label' must be integers, strings, categories, enums or booleans",
    ),
    "label_map lacks a column": (
        lambda: bound(label_map=label_map().drop("source", "weight")),
        ValueError,
        "label_map: columns ['source', 'weight'] not found; there are ['target']",
    ),
    "label_map has text for weights": (
        lambda: bound(label_map=label_map(weight=["1", "1", "1"])),
        TypeError,
        "label_map: column 'weight' must be numbers, found String",
    ),
    "source is no task": (
        lambda: pt.transfer_bound("mnist", pt.task()),
        TypeError,
        "source: expected a task made by task(), found str",
    ),
    "column is no column": (
        lambda: pt.task(embedding=3),
        TypeError,
        "embedding: expected a column name or a Polars expression, found int",
    ),
    "several columns": (
        lambda: pt.task(label=pl.col("a", "b")),
        ValueError,
        "label: expected one column",
    ),
    "no sources": (
        lambda: bounds(sources=[]),
        ValueError,
        "sources: expected at least one task, found none",
    ),
    "targets are no names": (
        lambda: bounds(targets=[1]),
        TypeError,
        "targets: expected names of tasks as strings, found 1",
    ),
    "no such option": (
        lambda: bounds(cost="margin"),
        TypeError,
        "transfer_bounds() got an unexpected keyword argument 'cost'; did you mean 'ground_cost'?",
    ),
}


@pytest.mark.parametrize("bad", BAD_ARGUMENTS)
def test_bad_arguments(bad: str) -> None:
    call, error, message = BAD_ARGUMENTS[bad]
    with pytest.raises(error, match=re.escape(message)):
        call()
