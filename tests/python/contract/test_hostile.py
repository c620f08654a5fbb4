"""Every expression on hostile rows: a finite value, or one clear error."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import polars as pl
import polars_transferability as pt
import pytest
from registry import (
    CONSENSUS,
    EXPRESSIONS,
    NEW,
    OLD,
    RANKINGS,
    Expression,
    score_rows,
    source_groups,
)

NAN, INFINITE = float("nan"), float("inf")
WIDTH = 3

# What is done to plain rows `x` of classes `y`.
VECTORS: dict[str, Callable[[np.ndarray, np.ndarray], np.ndarray]] = {
    "NaN": lambda x, y: np.where(np.arange(len(x))[:, None] == 3, NAN, x),
    "infinite": lambda x, y: np.where(np.arange(len(x))[:, None] == 3, -INFINITE, x),
    "nothing but NaN": lambda x, y: np.full_like(x, NAN),
    "one huge value": lambda x, y: np.where(np.arange(x.size).reshape(x.shape) == 7, 1e308, x),
    "huge": lambda x, y: x * 1e307,
    "tiny": lambda x, y: x * 1e-308,
    "subnormal": lambda x, y: np.round(x) * 5e-324,
    "as large as may be": lambda x, y: x / np.abs(x).max() * 1e70,
    "as small as may be": lambda x, y: x / np.abs(x).max() * 1e-70,
    "constant": lambda x, y: np.full_like(x, 0.1),
    "zero": lambda x, y: -0.0 * x,
    "constant within classes": lambda x, y: np.eye(3)[y],
    "repeated rows": lambda x, y: x[np.arange(len(x)) // 4],
    "repeated feature": lambda x, y: x[:, [0, 1, 0]],
    "a constant feature": lambda x, y: x * [1, 0, 1] + [0, 7.25, 0],
    "collinear": lambda x, y: np.outer(x[:, 0], [1, 2, 3]),
    "units far apart": lambda x, y: x * [1e-12, 1, 1e12],
    "a unit beyond squares": lambda x, y: x * [1e-200, 1, 1],
    "offset": lambda x, y: x + 1e8,
    "an offset that leaves no digits": lambda x, y: x + 1e17,
    "an outlier": lambda x, y: x * np.where(np.arange(len(x)) == 5, 1e9, 1)[:, None],
    "binary": lambda x, y: (x > 0) * 1.0,
}

FIRST = pl.int_range(pl.len()) == 0
# What is done to the table.
TABLES: dict[str, Callable[[pl.DataFrame], pl.DataFrame]] = {
    "single precision far from zero": lambda rows: rows.with_columns(
        (pl.col("embedding").list.eval(pl.element() + 1e8)).cast(pl.List(pl.Float32))
    ),
    "ragged": lambda rows: rows.with_columns(
        pl.when(FIRST).then(pl.col("embedding").list.head(2)).otherwise("embedding")
    ),
    "a null vector": lambda rows: rows.with_columns(pl.when(~FIRST).then("embedding")),
    "nulls inside": lambda rows: rows.with_columns(
        pl.col("embedding").list.eval(pl.when(pl.element().rank() > 1).then(pl.element()))
    ),
    "empty vectors": lambda rows: rows.with_columns(pl.col("embedding").list.head(0)),
    "arrays of width 0": lambda rows: rows.with_columns(
        pl.Series("embedding", [[]] * rows.height, dtype=pl.Array(pl.Float64, 0))
    ),
    "null labels": lambda rows: rows.with_columns(pl.when(~FIRST).then("label")),
    "one class": lambda rows: rows.with_columns(label=pl.lit("a")),
    "a class of one row": lambda rows: rows.with_columns(label=FIRST),
    "classes of one row": lambda rows: rows.with_columns(label=pl.int_range(pl.len())),
    "as many features as rows": lambda rows: rows.group_by("task", maintain_order=True).head(3),
    "one row": lambda rows: rows.group_by("task", maintain_order=True).head(1),
    "no rows": lambda rows: rows.clear(),
    "probabilities that are NaN": lambda rows: rows.with_columns(
        pl.lit([NAN] * 4, dtype=pl.List(pl.Float64)).alias("probabilities")
    ),
    "probabilities that are huge": lambda rows: rows.with_columns(
        pl.col("probabilities").arr.to_list().list.eval(pl.element() * 1e308)
    ),
}


def plain_rows() -> pl.DataFrame:
    random = np.random.default_rng(0)
    rows = source_groups(1)
    x = random.normal(size=(rows.height, WIDTH)) + 2 * np.eye(3)[rows["label"].to_numpy()]
    return rows.with_columns(lists(x))


def lists(x: np.ndarray) -> pl.Series:
    return pl.Series("embedding", x.tolist(), dtype=pl.List(pl.Float64))


def hostile_rows() -> dict[str, pl.DataFrame]:
    rows = plain_rows()
    x, y = np.array(rows["embedding"].to_list()), rows["label"].to_numpy()
    of_vectors = {
        name: rows.with_columns(lists(np.asarray(change(x, y), dtype=float)))
        for name, change in VECTORS.items()
    }
    return {**of_vectors, **{name: change(rows) for name, change in TABLES.items()}}


def hostile_scores() -> dict[str, pl.DataFrame]:
    rows = score_rows(1)
    changes: dict[str, pl.Expr | pl.Series] = {
        "NaN": pl.when(FIRST).then(NAN).otherwise("score"),
        "infinite": pl.when(FIRST).then(INFINITE).otherwise("score"),
        "huge": pl.col("score").sign() * 1.7e308,
        "subnormal": pl.col("score").round() * 5e-324,
        "constant": pl.lit(0.1),
        "null": pl.lit(None),
        "large integers": pl.col("score").fill_null(0).round().cast(pl.Int64) + 2**62,
        "text": pl.lit("a"),
    }
    tables = {name: rows.with_columns(change.alias("score")) for name, change in changes.items()}
    swapped = {
        f"{name} truth": table.rename({"score": "truth", "truth": "score"})
        for name, table in tables.items()
    }
    return {**tables, **swapped, "no rows": rows.clear(), "one row": rows.head(1)}


HOSTILE_PLAIN, HOSTILE_ROWS, HOSTILE_SCORES = plain_rows(), hostile_rows(), hostile_scores()
PER_ROW = [
    Expression("argmax_labels", lambda: pt.argmax_labels("probabilities"), pl.String()),
    Expression("argmax_labels of embeddings", lambda: pt.argmax_labels("embedding"), pl.String()),
    Expression("softmax", lambda: pt.softmax("probabilities"), pl.List(pl.Float64)),
    Expression("softmax of embeddings", lambda: pt.softmax("embedding"), pl.List(pl.Float64)),
    Expression("pseudo_labels", lambda: pt.pseudo_labels("embedding", 2), pl.String()),
]
HOSTILE = [
    *((expression, HOSTILE_ROWS) for expression in (*EXPRESSIONS, *PER_ROW)),
    *((ranking, HOSTILE_SCORES) for ranking in (*RANKINGS, CONSENSUS)),
]


def numbers(found: Any) -> Iterator[float]:
    if isinstance(found, dict):
        found = list(found.values())
    if isinstance(found, list):
        for part in found:
            yield from numbers(part)
    elif isinstance(found, float):
        yield found


def outcome(frame: pl.DataFrame, build: Callable[[], pl.Expr]) -> str | None:
    """The message of the error, or None for values that are all finite."""
    try:
        found = frame.select(build().alias("value"))["value"].to_list()
    except (pl.exceptions.ComputeError, ValueError, TypeError) as error:
        return str(error).split("\n")[0].removeprefix("the plugin failed with message: ")
    assert all(math.isfinite(number) for number in numbers(found)), found
    return None


def assert_clear(message: str) -> None:
    """It names columns, a task or an argument, and nothing of the inside."""
    assert not re.search(r"panicked|defect|unwrap|\bNone\b|Some\(", message), message
    assert re.search(r'"\w+"|task|no rows', message), message


@pytest.mark.parametrize(("expression", "tables"), HOSTILE, ids=[e.name for e, _ in HOSTILE])
def test_a_finite_value_or_one_clear_error(
    expression: Expression, tables: dict[str, pl.DataFrame]
) -> None:
    outcomes = {name: outcome(table, expression.build) for name, table in tables.items()}
    for message in outcomes.values():
        if message is not None:
            assert_clear(message)
    # Neither is there nothing that has a value, nor anything that is taken whatever it is.
    assert None in outcomes.values()
    assert set(outcomes.values()) != {None}


OLD_TASK, NEW_TASK = pt.task(where=OLD), pt.task(where=NEW)
SIDES = [pl.col("embedding").filter(task) for task in (OLD, NEW)]
PROBABILITIES = ("probabilities", "label")
ROWS = ("embedding", "label")
PAIR = ("score", "truth")
VALUES = [NAN, INFINITE, -INFINITE, 0, -1, -1.5, 1e308, 1e-308, 5e-324, 2**63, 10**30, 1.5]

# Every option that is a number -> the expression with it.
OPTIONS: dict[str, Callable[[Any], pl.Expr]] = {
    "transrate eps": lambda v: pt.transrate(*ROWS, eps=v),
    "gbc pca": lambda v: pt.gbc(*ROWS, pca=v),
    "nleep components": lambda v: pt.nleep(*ROWS, components=v),
    "nleep energy": lambda v: pt.nleep(*ROWS, components=2, energy=v),
    "nleep seed": lambda v: pt.nleep(*ROWS, components=2, seed=v),
    "knn_accuracy k": lambda v: pt.knn_accuracy(*ROWS, k=v),
    "linear_probe l2": lambda v: pt.linear_probe(*ROWS, l2=v),
    "linear_probe seed": lambda v: pt.linear_probe(*ROWS, seed=v),
    "parc pca": lambda v: pt.parc(*ROWS, pca=v),
    "parc max_rows": lambda v: pt.parc(*ROWS, max_rows=v),
    "parc seed": lambda v: pt.parc(*ROWS, seed=v),
    "pactran strength": lambda v: pt.pactran(*ROWS, strength=v),
    "pactran variance": lambda v: pt.pactran(*ROWS, variance=v),
    "pactran alpha, unused": lambda v: pt.pactran(*ROWS, alpha=v),
    "pactran alpha": lambda v: pt.pactran(*PROBABILITIES, prior="dirichlet", alpha=v),
    "pactran gamma alpha": lambda v: pt.pactran(*PROBABILITIES, prior="gamma", alpha=v),
    "pactran gamma beta": lambda v: pt.pactran(*PROBABILITIES, prior="gamma", beta=v),
    "ot_nce max_rows": lambda v: pt.ot_nce(OLD_TASK, NEW_TASK, max_rows=v),
    "otce wasserstein": lambda v: pt.otce(
        OLD_TASK, NEW_TASK, wasserstein=v, conditional_entropy=-1
    ),
    "otce conditional_entropy": lambda v: pt.otce(
        OLD_TASK, NEW_TASK, wasserstein=-1, conditional_entropy=v
    ),
    "otdd p": lambda v: pt.otdd(OLD_TASK, NEW_TASK, p=v),
    "s_otdd p": lambda v: pt.s_otdd(OLD_TASK, NEW_TASK, p=v),
    "s_otdd seed": lambda v: pt.s_otdd(OLD_TASK, NEW_TASK, seed=v),
    "tetot label_weight": lambda v: pt.tetot(OLD_TASK, NEW_TASK, label_weight=v),
    "tetot l2": lambda v: pt.tetot(OLD_TASK, NEW_TASK, l2=v),
    "tetot max_rows": lambda v: pt.tetot(OLD_TASK, NEW_TASK, max_rows=v),
    "pseudo_labels clusters": lambda v: pt.pseudo_labels("embedding", v),
    "top_k_recall k": lambda v: pt.top_k_recall(*PAIR, k=v),
    "regret_at_k k": lambda v: pt.regret_at_k(*PAIR, k=v),
    "selection_quality k": lambda v: pt.selection_quality(*PAIR, k=v),
    "selection_quality confidence": lambda v: pt.selection_quality(
        *PAIR, bootstrap=5, confidence=v
    ),
    "selection_quality seed": lambda v: pt.selection_quality(*PAIR, bootstrap=5, seed=v),
    "wasserstein p": lambda v: pt.wasserstein(*SIDES, p=v),
    "wasserstein_interval p": lambda v: pt.wasserstein_interval(*SIDES, p=v),
    "wasserstein_interval tolerance": lambda v: pt.wasserstein_interval(*SIDES, tolerance=v),
    "sliced_wasserstein p": lambda v: pt.sliced_wasserstein(*SIDES, p=v),
    "sliced_wasserstein seed": lambda v: pt.sliced_wasserstein(*SIDES, seed=v),
    "sinkhorn_divergence epsilon": lambda v: pt.sinkhorn_divergence(*SIDES, epsilon=v),
    "class_wasserstein p": lambda v: pt.class_wasserstein(OLD_TASK, NEW_TASK, p=v),
    "transfer_bound l2": lambda v: pt.transfer_bound(OLD_TASK, NEW_TASK, l2=v),
    "transfer_bound max_rows_per_class": lambda v: pt.transfer_bound(
        OLD_TASK, NEW_TASK, l2=0.1, max_rows_per_class=v
    ),
}


@pytest.mark.parametrize("option", OPTIONS)
def test_an_option_is_used_or_refused_by_name(option: str) -> None:
    build = OPTIONS[option]
    of_scores = option.split()[0] in {ranking.function for ranking in RANKINGS}
    frame = score_rows(1) if of_scores else HOSTILE_PLAIN
    refused = 0
    for number in VALUES:
        message = outcome(frame, lambda number=number: build(number))
        if message is not None:
            refused += 1
            assert not re.search(r"panicked|defect", message), (number, message)
    # NaN and both infinities at least.
    assert refused >= 3
