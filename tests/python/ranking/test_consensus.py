"""The mean place among scores: scipy's ranks, contexts and engines, nulls, errors, the column."""

from __future__ import annotations

import re

import numpy as np
import polars as pl
import polars_transferability as pt
import pytest
import scipy.stats
from bad_rows import FIRST, NAN
from hypothesis import given, settings
from hypothesis import strategies as st
from polars_transferability._consensus import with_consensus
from registry import CONSENSUS, score_rows

ENGINES = ["in-memory", "streaming"]


def by_scipy(*scores: list[float | None]) -> list[float | None]:
    """The definition, on the rows that have all scores."""
    values = np.array(scores, dtype=float)
    complete = ~np.isnan(values).any(axis=0)
    found: list[float | None] = [None] * values.shape[1]
    n = complete.sum()
    ranks = [scipy.stats.rankdata(score[complete]) for score in values]
    for place, rank in zip(np.flatnonzero(complete), np.mean(ranks, axis=0), strict=True):
        found[place] = 0.5 if n == 1 else (rank - 1) / (n - 1)
    return found


@settings(deadline=None, max_examples=100)
@given(st.integers(0, 2**32), st.integers(1, 3), st.integers(1, 30))
def test_it_equals_scipy(seed: int, scores: int, rows: int) -> None:
    random = np.random.default_rng(seed)
    values = np.round(random.normal(size=(scores, rows)), 1)
    known = random.random((scores, rows)) > 0.1
    lists = [
        [float(v) if k else None for v, k in zip(*score, strict=True)]
        for score in zip(values, known, strict=True)
    ]
    schema = {f"s{i}": pl.Float64 for i in range(scores)}
    frame = pl.DataFrame(lists, schema=schema)
    found = frame.select(pt.consensus(*schema))["consensus"].to_list()
    expected = by_scipy(*lists)
    assert [f is None for f in found] == [e is None for e in expected]
    complete = [e for e in expected if e is not None]
    assert [f for f in found if f is not None] == pytest.approx(complete, rel=1e-14)


@pytest.mark.parametrize("engine", ENGINES)
def test_contexts_and_engines_agree(engine: str) -> None:
    rows, column = score_rows(5), CONSENSUS.build().alias("value")
    expected = {
        target: part.select(column)["value"].to_list()
        for (target,), part in rows.partition_by("target", as_dict=True).items()
    }
    for query in (
        rows.lazy().select("target", column.over("target")),
        rows.lazy().group_by("target", maintain_order=True).agg(column).explode("value"),
    ):
        assert query.collect_schema()["value"] == CONSENSUS.dtype
        found = query.collect(engine=engine)
        assert found.schema["value"] == CONSENSUS.dtype
        for target, values in expected.items():
            assert found.filter(target=target)["value"].to_list() == values
    one = rows.lazy().filter(pl.col("target") == "target0").select(column)
    assert one.collect(engine=engine)["value"].to_list() == expected["target0"]
    assert rows.lazy().select(CONSENSUS.build()).collect_schema().names() == ["consensus"]


@pytest.mark.parametrize("dtype", [pl.Int8, pl.UInt64, pl.Float32, pl.Decimal(10, 2)], ids=str)
def test_types_of_numbers_do_not_matter(dtype: pl.DataType) -> None:
    frame = pl.DataFrame({"a": [3.0, 1.0, 2.0, 2.0], "b": [1.0, 2.0, 3.0, 4.0]})
    expected = frame.select(pt.consensus("a", "b"))
    assert frame.cast(dtype).select(pt.consensus("a", "b")).equals(expected)


def test_integers_beyond_the_digits_of_floats_differ() -> None:
    frame = pl.DataFrame({"seed": [2**62, 2**62 + 1]})
    assert frame.select(pt.consensus("seed"))["consensus"].to_list() == [0.0, 1.0]


def test_no_rows_and_no_complete_row() -> None:
    rows = score_rows(1)
    assert rows.clear().select(CONSENSUS.build())["consensus"].to_list() == []
    empty = rows.with_columns(score=pl.lit(None)).select(CONSENSUS.build())["consensus"]
    assert empty.dtype == pl.Float64
    assert empty.null_count() == rows.height


BAD_SCORES = {
    "NaN": (
        pl.when(FIRST).then(NAN).otherwise(0.5).alias("score"),
        r'score column "score" of consensus has 1 NaN or infinite value\(s\) in \d+ rows; make',
    ),
    "infinite": (
        pl.lit(float("inf")).alias("truth"),
        r'score column "truth" of consensus has \d+ NaN',
    ),
    "text": (
        pl.lit("good").alias("truth"),
        r'score column "truth" of consensus has dtype str, but it must be numeric',
    ),
}


@pytest.mark.parametrize("bad", BAD_SCORES)
def test_bad_scores(bad: str) -> None:
    change, message = BAD_SCORES[bad]
    with pytest.raises(pl.exceptions.ComputeError, match=message):
        score_rows(1).with_columns(change).select(CONSENSUS.build())


def test_bad_arguments() -> None:
    for build, message in (
        (lambda: pt.consensus("a", 3), "more[0]: expected a column name or a Polars expression"),
        (lambda: pt.consensus(pl.all()), "score: expected one column"),
    ):
        with pytest.raises((TypeError, ValueError), match=re.escape(message)):
            build()


RESULTS = pl.DataFrame(
    {
        "model": ["a", "a", "b", "c"],
        "source": ["x", "y", "x", "x"],
        "target": "t",
        "bound": [2.0, 0.5, 1.0, 3.0],
        "logme": [0.1, 0.1, 0.3, 0.2],
        "h_score": [9.0, 9.0, 1.0, 1.0],
    }
)


def test_the_column_takes_the_lowest_bound_of_each_model() -> None:
    found = with_consensus(RESULTS, ["model"])
    assert found.columns == [*RESULTS.columns, "consensus"]
    # By the bound a is first, b second; by LogME b is first, c second.
    assert found["consensus"].to_list() == [0.5, 0.5, 0.75, 0.25]
    assert found.drop("consensus").equals(RESULTS)


def test_the_column_is_of_each_target_and_of_models_by_several_columns() -> None:
    other = RESULTS.with_columns(target=pl.lit("u"), bound=-pl.col("bound"))
    both = with_consensus(pl.concat([RESULTS, other]), ["model"])
    assert both.head(4).equals(with_consensus(RESULTS, ["model"]))
    assert both.tail(4).equals(with_consensus(other, ["model"]))
    apart = with_consensus(RESULTS, ["model", "source"])
    assert apart["consensus"].to_list() == [1.5 / 6, 3.5 / 6, 5 / 6, 2 / 6]


def test_there_is_no_column_where_one_score_is_all_there_is() -> None:
    assert with_consensus(RESULTS.drop("logme"), ["model"]).equals(RESULTS.drop("logme"))
    unknown = RESULTS.with_columns(logme=pl.lit(None, dtype=pl.Float64))
    assert with_consensus(unknown, ["model"]).equals(unknown)


def test_a_model_without_a_part_has_none() -> None:
    missing = RESULTS.with_columns(
        logme=pl.when(pl.col("model") != "c").then("logme"),
    )
    assert with_consensus(missing, ["model"])["consensus"].to_list() == [0.5, 0.5, 0.5, None]


def test_bounds_that_are_no_better_than_guessing_are_equal() -> None:
    guessing = pl.DataFrame(
        {
            "target": "t",
            "model": ["good", "rounded", "above", "guess"],
            "bound": [0.5, 0.7 - 1e-15, 0.71, 0.7],
            "trivial_loss": [0.7, 0.7, 0.7, 0.7 + 1e-15],
            "logme": [4.0, 3.0, 2.0, 1.0],
        }
    )
    found = with_consensus(guessing, ["model"])["consensus"].to_list()
    third = 1 / 3
    by_bound, by_logme = [1, third, third, third], [1, 2 * third, third, 0]
    expected = [(a + b) / 2 for a, b in zip(by_bound, by_logme, strict=True)]
    assert found == pytest.approx(expected)
