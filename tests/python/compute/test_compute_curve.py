"""The curve over numbers of target rows: each point is a bound, a probe and neighbours."""

from __future__ import annotations

import polars as pl
import polars_transferability as pt
import pytest
from polars.testing import assert_frame_equal
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


def test_transfer_says_what_is_lowest(rows: pl.DataFrame) -> None:
    found = curve(rows, rows=[1, 3], repeats=5)
    for point in found.iter_rows(named=True):
        lowest = min(("probe", "target_loss", "bound"), key=lambda name: _value(point, name))
        # The bound is above the loss that it bounds, so it is named where it is below the probe's.
        if point["bound"] < point["probe_loss"]:
            assert point["transfer"] == "bound"
        else:
            assert point["transfer"] == lowest


def _value(point: dict[str, float], name: str) -> float:
    return point["probe_loss" if name == "probe" else name]


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
