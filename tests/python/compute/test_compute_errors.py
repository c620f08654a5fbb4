"""What the computations over whole tables say of arguments that they cannot take."""

from __future__ import annotations

import re
from collections.abc import Callable

import polars as pl
import polars_transferability as pt
import pytest
from bad_rows import NAN
from registry import OLD, embedding_rows


def parts(*energies: float | None) -> pl.DataFrame:
    return pl.DataFrame({"etran": [{"energy": e, "lda": 0.5} for e in (*energies, 1.0)]})


def test_parts_that_are_null_or_nan() -> None:
    for bad in (None, NAN, float("inf")):
        message = '`energy` of column "etran" is null, NaN or infinite in 1 of 2 rows; leave these'
        with pytest.raises(pl.exceptions.ComputeError, match=message):
            pt.combine_pool(parts(bad), pool=None)


# What is wrong -> a call that fails before it sees data, the error and what it says.
BAD_ARGUMENTS: dict[str, tuple[Callable[[], object], type[Exception], str]] = {
    "score twice in a table": (
        lambda: pt.compute_scores(embedding_rows(), scores=["knn", "knn_accuracy"]),
        ValueError,
        "scores: 'knn_accuracy' is named more than once",
    ),
    "score twice in a table, by the other name": (
        lambda: pt.compute_scores(embedding_rows(), which=["knn", "knn_accuracy"]),
        ValueError,
        "which: 'knn_accuracy' is named more than once",
    ),
    "scores by both names": (
        lambda: pt.compute_scores(embedding_rows(), scores=["knn"], which=["knn"]),
        TypeError,
        "scores: is the same argument as which; give one of them",
    ),
    "models by both names": (
        lambda: pt.compute_scores(embedding_rows(), model="model", by="model"),
        TypeError,
        "model: is the same argument as by; give one of them",
    ),
    "models of bounds by both names": (
        lambda: pt.compute_bounds(embedding_rows(), model="task", by="model"),
        TypeError,
        "model: is the same argument as by; give one of them",
    ),
    "no option of a bound": (
        lambda: pt.compute_bounds(embedding_rows(), l3=0.1),
        TypeError,
        "compute_bounds() got an unexpected keyword argument 'l3'; did you mean 'l2'?",
    ),
    "an argument of scores that is nearly one": (
        lambda: pt.compute_scores(embedding_rows(), target=["new"]),
        TypeError,
        "compute_scores() got an unexpected keyword argument 'target'; did you mean 'targets'?",
    ),
    "an argument of a comparison that is nearly one": (
        lambda: pt.compare(embedding_rows(), score=["logme"]),
        TypeError,
        "compare() got an unexpected keyword argument 'score'; did you mean 'scores'?",
    ),
    "an argument of a task that is nearly one": (
        lambda: pt.task(labels="label"),
        TypeError,
        "task() got an unexpected keyword argument 'labels'; did you mean 'label'?",
    ),
    "an argument that is nearly one": (
        lambda: pt.compute_bounds(embedding_rows(), target=["new"]),
        TypeError,
        "compute_bounds() got an unexpected keyword argument 'target'; did you mean 'targets'?",
    ),
    "no other task as a source": (
        lambda: pt.compute_scores(embedding_rows().drop("task"), task=None, scores=["otdd"]),
        ValueError,
        "model = 'net0': no pair of a source and another target",
    ),
    "targets missing": (
        lambda: pt.compute_scores(embedding_rows(), targets=["older"]),
        ValueError,
        "targets: no model has a task 'older'; did you mean 'old'?",
    ),
    "column of models missing": (
        lambda: pt.compute_bounds(embedding_rows().drop("model")),
        pl.exceptions.ColumnNotFoundError,
        "name the column of models with model=, or pass model=None if each file is one model",
    ),
    "column of tasks to score missing": (
        lambda: pt.compute_scores(embedding_rows().drop("task")),
        pl.exceptions.ColumnNotFoundError,
        "name the column of tasks with task=, or pass task=None if all rows are one task",
    ),
    "column of tasks missing": (
        lambda: pt.compute_bounds(embedding_rows().drop("task", "split")),
        pl.exceptions.ColumnNotFoundError,
        "name the column of tasks with task=, or use compute_scores, which needs no other task; "
        "say which rows to fit on with fit=; for tables without a split pass fit=None",
    ),
    "one task to bound": (
        lambda: pt.compute_bounds(embedding_rows().filter(OLD)),
        ValueError,
        "model = 'net0': has rows of one task only, 'old', and a bound is from one task to "
        "another: add rows of a task that the model knows, or use compute_scores, which needs "
        "no other task",
    ),
    "columns of labels and embeddings missing": (
        lambda: pt.compute_scores(embedding_rows().drop("label", "embedding")),
        pl.exceptions.ColumnNotFoundError,
        "name the column of embeddings with embedding= (polars.concat_arr makes one of columns of "
        "numbers); name the column of labels with label=",
    ),
    "an embedding in many columns": (
        lambda: pt.compute_scores(pl.DataFrame({f"f{i}": [0.5] for i in range(64)}), model=None),
        pl.exceptions.ColumnNotFoundError,
        "'f19'] and 44 more; name the column of embeddings with embedding= (polars.concat_arr",
    ),
    "parts missing": (
        lambda: pt.combine_pool(embedding_rows()),
        ValueError,
        "frame: no column 'etran' or 'ncti' that holds parts; there are ['model'",
    ),
    "pool missing": (
        lambda: pt.combine_pool(parts(), pool="target"),
        ValueError,
        "pool: columns ['target'] not found; there are ['etran']",
    ),
    "no keys": (
        lambda: pt.compute_bounds(embedding_rows(), model=[]),
        ValueError,
        "model: expected at least one column",
    ),
    "no keys by the other name": (
        lambda: pt.compute_bounds(embedding_rows(), by=[]),
        ValueError,
        "by: expected at least one column",
    ),
    "no table": (
        lambda: pt.compute_bounds(3),
        TypeError,
        "expected a Polars frame, a path, a glob or a list of paths, found int",
    ),
    "no paths": (
        lambda: pt.compute_bounds([]),
        ValueError,
        "expected at least one path, found an empty list",
    ),
}


@pytest.mark.parametrize("bad", BAD_ARGUMENTS)
def test_bad_arguments(bad: str) -> None:
    call, error, message = BAD_ARGUMENTS[bad]
    with pytest.raises(error, match=re.escape(message)):
        call()
