"""The curve over numbers of target rows: each point is a bound, a probe and neighbours."""

from __future__ import annotations

import math

import polars as pl
import polars_transferability as pt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from polars.testing import assert_frame_equal
from polars_transferability.compute.curve_summary import (
    curve_means,
    curve_sentence,
    lowest_loss,
)
from registry import NEW, OLD, TRAIN, embedding_rows


@pytest.fixture
def rows() -> pl.DataFrame:
    return embedding_rows()


def curve(frame: pl.DataFrame, **options: object) -> pl.DataFrame:
    return pt.compute_curve(frame, source="old", target="new", **options)  # type: ignore[arg-type]


def test_a_point_is_a_bound_with_so_many_rows(rows: pl.DataFrame) -> None:
    found = curve(rows, rows=[1, 2], repeats=2, seed=3)
    assert found.select("rows", "repeat").rows() == [(1, 0), (1, 1), (2, 0), (2, 1)]
    source, target = pt.task(where=OLD, fit=TRAIN), pt.task(where=NEW, fit=TRAIN)
    for n, repeat in found.select("rows", "repeat").rows():
        bound = pt.transfer_bound(
            source, target, max_target_rows_per_class=n, seed=3 + repeat, probe=True
        )
        expected = rows.select(bound.alias("b")).unnest("b")
        point = found.filter(rows=n, repeat=repeat)
        names = [name for name in expected.columns if name in point.columns]
        assert "probe_loss" in names
        assert_frame_equal(point.select(names), expected.select(names))


def test_all_rows_are_those_of_the_scores(rows: pl.DataFrame) -> None:
    found = curve(rows, rows=[1000], repeats=1)
    of_target = rows.filter(NEW)
    knn = of_target.select(pt.knn_accuracy("embedding", "label", fit=TRAIN, k=5)).item()
    assert found["knn_accuracy"].item() == knn


LOSSES = st.integers(0, 40).map(lambda tenths: tenths / 10)


@given(LOSSES, LOSSES, LOSSES, LOSSES)
def test_transfer_says_what_is_lowest(
    loss: float, gap: float, probe: float, trivial: float
) -> None:
    """The bound is above the loss that it bounds, so it is named where it is below all others."""
    bound, without_source = loss + gap, min(probe, trivial)
    row = {"bound": bound, "target_loss": loss, "probe_loss": probe, "trivial_loss": trivial}
    found = pl.DataFrame(row).select(lowest_loss()).item()
    assert (found == "bound") == (bound < without_source)
    values = {"bound": loss, "target_loss": loss, "probe": probe, "guessing": trivial}
    assert values[found] == min(values.values())


def test_a_head_that_guesses_is_no_merit_of_the_source() -> None:
    rows = pl.DataFrame({"probe_loss": [7.0, 1.0], "trivial_loss": math.log(10)})
    guessed = rows.with_columns(bound=math.log(10) - 1e-15, target_loss=math.log(10) - 1e-15)
    assert guessed.select(lowest_loss()).to_series().to_list() == ["guessing", "probe"]


def test_the_column_is_what_is_lowest_of_its_row(rows: pl.DataFrame) -> None:
    found = curve(rows, rows=[1, 3], repeats=5)
    assert found["transfer"].to_list() == found.select(lowest_loss()).to_series().to_list()


def test_means_are_over_the_draws_that_could_be_computed(rows: pl.DataFrame) -> None:
    draws = curve(rows, rows=[1, 3], repeats=5)
    lost = pl.when(pl.col("repeat") > 0).then("bound").alias("bound")
    unread = pl.DataFrame({"model": ["unread"]})
    means = curve_means(pl.concat([draws.with_columns(lost), unread], how="diagonal"), ["model"])
    assert means["rows"].to_list() == [1, 3]
    for n, mean, low, high in means.select("rows", "bound", "bound_low", "bound_high").iter_rows():
        of_draws = sorted(draws.filter(pl.col("repeat") > 0, rows=n)["bound"])
        assert mean == pytest.approx(sum(of_draws) / 4)
        # Of four values, 2.5 % is at 0.075 of the step from the lowest to the next.
        assert low == pytest.approx(of_draws[0] + 0.075 * (of_draws[1] - of_draws[0]))
        assert high == pytest.approx(of_draws[3] - 0.075 * (of_draws[3] - of_draws[2]))


@pytest.mark.parametrize(
    ("bound", "loss", "expected"),
    [
        (
            [2, 1],
            [1, 0.5],
            "net: with 1 and 5 rows a class the head from old loses less than both ",
        ),
        ([2, 2], [2, 1], "with 5 rows a class the head from old loses less than both guessing and"),
        ([2, 1], [1, 0.5], "own rows, in nearly every draw; with 5 even its bound is lower."),
        ([2, 2], [1, 1.2], "net: with 1 row a class the head from old loses less than both"),
        ([2, 2], [1, 1], "a probe of the target's own rows, in nearly every draw."),
        ([3, 3], [2, 2], "net: at no number of rows does the head from old lose less than both"),
        ([None, None], [None, None], "net: could not be computed."),
    ],
)
def test_a_sentence_says_where_the_source_helps(
    bound: list[float], loss: list[float], expected: str
) -> None:
    values = {"bound": bound, "target_loss": loss}
    draws = pl.DataFrame(values, schema=dict.fromkeys(values, pl.Float64), strict=False)
    draws = draws.with_columns(
        rows=pl.Series([1, 5]),
        model=pl.lit("net"),
        source=pl.lit("old"),
        target=pl.lit("new"),
        probe_loss=1.5,
        trivial_loss=1.2,
        **{name: pl.lit(0.5) for name in ("target_accuracy", "probe_accuracy", "knn_accuracy")},
    ).with_columns(transfer=lowest_loss())
    assert expected in curve_sentence(curve_means(draws, ["model"]), ["model"])


def test_a_source_that_helps_in_half_of_the_draws_does_not_help() -> None:
    means = pl.DataFrame({"rows": [50], "bound": 1.0, "draws": 20, "draws_certain": 0})
    means = means.with_columns(model=pl.lit("net"), source=pl.lit("old"))
    for helped, expected in ((11, "at no number of rows"), (19, "with 50 rows a class")):
        sentence = curve_sentence(means.with_columns(draws_helped=helped), ["model"])
        assert expected in sentence


def test_models_and_threads(rows: pl.DataFrame) -> None:
    both = pl.concat([rows, rows.with_columns(model=pl.lit("other"))])
    found = curve(both, rows=[2], repeats=2)
    one, other = found.partition_by("model")
    assert_frame_equal(one.drop("model"), other.drop("model"))
    assert_frame_equal(found, curve(both.lazy(), rows=[2], repeats=2))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"rows": 5}, TypeError, "rows: expected numbers of rows, such as"),
        ({"rows": []}, ValueError, "rows: expected at least one number of rows"),
        ({"rows": [0]}, ValueError, "rows: expected an integer from 1"),
        ({"repeats": 0}, ValueError, "repeats: expected an integer from 1"),
        ({"probe": True}, TypeError, "unexpected keyword argument 'probe'"),
    ],
)
def test_bad_requests(
    rows: pl.DataFrame, options: dict[str, object], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        curve(rows, **options)


def test_a_task_that_is_not_there(rows: pl.DataFrame) -> None:
    with pytest.raises(ValueError, match="source: no model has a task 'older'; did you mean 'old'"):
        pt.compute_curve(rows, source="older", target="new", rows=[1], repeats=1)


def test_a_task_is_not_its_own_source(rows: pl.DataFrame) -> None:
    with pytest.raises(
        ValueError, match="target: 'old' is the source too; a curve is of two tasks"
    ):
        pt.compute_curve(rows, source="old", target="old")


def test_a_model_that_fails_is_null_with_its_reason(rows: pl.DataFrame) -> None:
    nothing = pl.lit([float("nan")] * 3, dtype=rows.schema["embedding"])
    damaged = rows.with_columns(model=pl.lit("damaged"), embedding=nothing)
    found = curve(pl.concat([rows, damaged]), rows=[1], repeats=2)
    good, bad = found.partition_by("model")
    assert_frame_equal(good, curve(rows, rows=[1], repeats=2))
    assert bad["bound"].is_null().all()
    assert bad["transfer"].is_null().all()
    assert "NaN or infinite" in bad["problems"].explode()[0]
    with pytest.raises(pl.exceptions.ComputeError, match="NaN or infinite"):
        curve(pl.concat([rows, damaged]), rows=[1], repeats=2, strict=True)
