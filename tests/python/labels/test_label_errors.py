"""What clustering says of rows and numbers that it cannot take."""

from __future__ import annotations

import re
from collections.abc import Callable

import polars as pl
import polars_transferability as pt
import pytest
from bad_rows import FIRST
from registry import source_groups

# What is wrong -> clusters of good rows, and what is said of them.
BAD_CLUSTERS: dict[str, tuple[Callable[[], pl.Expr], str]] = {
    "more clusters than rows": (
        lambda: pt.pseudo_labels("embedding", 100),
        r'embedding column "embedding" of pseudo_labels: there are 42 rows, too few for 100',
    ),
    "more clusters than points": (
        lambda: pt.pseudo_labels(pl.lit([1.0]).alias("p"), 2),
        r'embedding column "p" of pseudo_labels: .*1 .*2 clusters',
    ),
    "null among rows to cluster": (
        lambda: pt.pseudo_labels(pl.when(~FIRST).then("embedding").alias("p"), 2),
        r'embedding column "p" of pseudo_labels is null in 1 of 42 rows',
    ),
}


@pytest.mark.parametrize("bad", BAD_CLUSTERS)
def test_bad_clusters(bad: str) -> None:
    build, message = BAD_CLUSTERS[bad]
    with pytest.raises(pl.exceptions.ComputeError, match=message):
        source_groups(1).select(build())


# What is wrong -> a call that fails before it sees data, the error and what it says.
BAD_ARGUMENTS: dict[str, tuple[Callable[[], object], type[Exception], str]] = {
    "no clusters": (
        lambda: pt.pseudo_labels("embedding", 0),
        ValueError,
        "clusters: expected an integer from 1",
    ),
}


@pytest.mark.parametrize("bad", BAD_ARGUMENTS)
def test_bad_arguments(bad: str) -> None:
    call, error, message = BAD_ARGUMENTS[bad]
    with pytest.raises(error, match=re.escape(message)):
        call()
