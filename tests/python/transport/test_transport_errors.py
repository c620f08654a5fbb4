"""What the distances say of weights, points and options that they cannot take."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import polars as pl
import polars_transferability as pt
import pytest
from bad_rows import FIRST, LISTS, NAN
from registry import NEW, OLD, source_groups, value


def points(**options: Any) -> pl.Expr:
    return pt.wasserstein("embedding", "embedding", **options)


# What is wrong -> an expression on good rows, and what it says.
BAD_REQUESTS: dict[str, tuple[Callable[[], pl.Expr], str]] = {
    "target class that the source lacks": (
        lambda: pt.class_wasserstein(
            pt.task(where=OLD & (pl.col("label") != 1)), pt.task(where=NEW)
        ),
        r'the source task has no rows of class "1", which the target task has; '
        r'its classes are "0", "2"',
    ),
    "weights are text": (
        lambda: points(x_weight="split"),
        r"`x_weight` has dtype str, but it must be numeric",
    ),
    "weight is null": (
        lambda: points(y_weight=pl.when(~FIRST).then("label")),
        r"`y_weight` is null in 1 of 42 rows",
    ),
    "weight is negative": (
        lambda: points(y_weight=pl.when(FIRST).then(-1).otherwise("label")),
        r"`y_weight` is negative, NaN or infinite in 1 of 42 rows",
    ),
    "weights are zero": (
        lambda: points(x_weight=pl.col("label") * 0),
        r"`x_weight` is zero in all 42 rows",
    ),
    "distances of an interval overflow": (
        lambda: pt.wasserstein_interval(
            pl.lit([1e308, -1e308], dtype=LISTS), pl.lit([-1e308, 1e308], dtype=LISTS)
        ),
        r"the distances between .* are too large for a float; scale the embeddings down",
    ),
    "weight of an interval is negative": (
        lambda: pt.wasserstein_interval(
            "embedding", "embedding", y_weight=pl.when(FIRST).then(-1).otherwise("label")
        ),
        r"`y_weight` is negative, NaN or infinite in 1 of 42 rows",
    ),
    "distances overflow": (
        lambda: pt.wasserstein(
            pl.lit([1e308, -1e308], dtype=LISTS), pl.lit([-1e308, 1e308], dtype=LISTS)
        ),
        r"the distances between .* are too large for a float; scale the embeddings down",
    ),
}


@pytest.mark.parametrize("bad", BAD_REQUESTS)
def test_bad_requests(bad: str, rows: pl.DataFrame) -> None:
    build, message = BAD_REQUESTS[bad]
    with pytest.raises(pl.exceptions.ComputeError, match=message):
        value(rows, build())


# What is wrong -> a divergence of good rows, and what it says.
BAD_DIVERGENCES: dict[str, tuple[Callable[[], pl.Expr], str]] = {
    "Sinkhorn stopped short": (
        lambda: pt.sinkhorn_divergence(
            "embedding", pl.lit([[0.0] * 3, [1.0] * 3]).explode().alias("p"), max_iterations=1
        ),
        r'"embedding" of x and .*"p" of y: the Sinkhorn iteration stopped after 1 .* raise the reg',
    ),
    "Sinkhorn out of range": (
        lambda: pt.sinkhorn_divergence(
            *(pl.col("embedding").filter(side) for side in (OLD, NEW)), epsilon=1e-25
        ),
        r"largest cost is .* times the regularisation epsilon of 1e-25.*raise it",
    ),
}


@pytest.mark.parametrize("bad", BAD_DIVERGENCES)
def test_bad_divergences(bad: str) -> None:
    build, message = BAD_DIVERGENCES[bad]
    with pytest.raises(pl.exceptions.ComputeError, match=message):
        source_groups(1).select(build())


# What is wrong -> a call that fails before it sees data, the error and what it says.
BAD_ARGUMENTS: dict[str, tuple[Callable[[], object], type[Exception], str]] = {
    "target is no task": (
        lambda: pt.class_wasserstein(pt.task(), OLD),
        TypeError,
        "target: expected a task made by task(), found Expr",
    ),
    "p below 1": (lambda: points(p=0.5), ValueError, "p: expected a finite number of at least 1"),
    "p is NaN": (lambda: points(p=NAN), ValueError, "p: expected a finite number of at least 1"),
    "p is infinite": (
        lambda: pt.class_wasserstein(pt.task(), pt.task(), p=float("inf")),
        ValueError,
        "p: expected a finite number of at least 1",
    ),
    "tolerance below 0": (
        lambda: pt.wasserstein_interval("x", "y", tolerance=-0.1),
        ValueError,
        "tolerance: expected a finite number of at least 0, found -0.1",
    ),
    "tolerance above 1": (
        lambda: pt.wasserstein_interval("x", "y", tolerance=2),
        ValueError,
        "tolerance: expected a number from 0 to 1, found 2",
    ),
    "p is text": (lambda: points(p="2"), TypeError, "p: expected a finite number of at least 1"),
    "weight is no column": (
        lambda: points(x_weight=[1.0]),
        TypeError,
        "x_weight: expected a column name or a Polars expression, found list",
    ),
    "Sinkhorn of a high power": (
        lambda: pt.sinkhorn_divergence("x", "y", p=3),
        ValueError,
        "p: expected a number from 1 to 2, found 3; beyond, it can be negative",
    ),
    "epsilon of 0": (
        lambda: pt.sinkhorn_divergence("x", "y", epsilon=0),
        ValueError,
        "epsilon: expected a finite number above 0, found 0",
    ),
    "no projections": (
        lambda: pt.sliced_wasserstein("x", "y", projections=0),
        ValueError,
        "projections: expected an integer from 1",
    ),
}


@pytest.mark.parametrize("bad", BAD_ARGUMENTS)
def test_bad_arguments(bad: str) -> None:
    call, error, message = BAD_ARGUMENTS[bad]
    with pytest.raises(error, match=re.escape(message)):
        call()
