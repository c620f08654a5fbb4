"""The bound and the distances on embeddings of real images."""

from __future__ import annotations

import json
from pathlib import Path

import polars as pl
import polars_transferability as pt
import pytest
from registry import TRAIN

COSTS, TRANSFORMS = ("margin", "head", "euclidean"), ("identity", "features", "all")
LOWER = ["source_loss", "label_mismatch", "distribution_mismatch"]


@pytest.mark.parametrize("fit", [None, TRAIN], ids=["fitted", "held out"])
@pytest.mark.parametrize("transform", TRANSFORMS)
@pytest.mark.parametrize("ground_cost", COSTS)
@pytest.mark.parametrize("model", ["lenet-mnist", "lenet-kmnist"])
def test_no_loss_is_above_its_bound(
    model: str, ground_cost: str, transform: str, fit: pl.Expr | None, data: Path
) -> None:
    bounds = pt.compute_bounds(
        data / f"{model}.parquet",
        fit=fit,
        sources=[model.removeprefix("lenet-")],
        ground_cost=ground_cost,
        transform=transform,
        max_rows_per_class=20,
    )
    assert bounds.height == 2
    assert bounds["certified"].all()
    violated = bounds.filter(pl.col("target_loss") > pl.col("bound") * (1 + 1e-9))
    assert violated.is_empty()
    error = (pl.sum_horizontal(LOWER) / pl.col("bound") - 1).abs()
    assert bounds.select(error.max()).item() < 1e-12


@pytest.mark.parametrize("fit", [None, TRAIN], ids=["fitted", "held out"])
@pytest.mark.parametrize("transform", TRANSFORMS)
@pytest.mark.parametrize("ground_cost", COSTS)
def test_no_loss_is_above_its_bound_under_the_networks_own_task(
    ground_cost: str, transform: str, fit: pl.Expr | None, data: Path
) -> None:
    """A weak penalty leaves no candidate near the constant head, whose bound is easy."""
    bounds = pt.compute_bounds(
        data / "lenet-mnist.parquet",
        fit=fit,
        sources=["mnist"],
        targets=["kmnist"],
        ground_cost=ground_cost,
        transform=transform,
        l2=1e-3,
        max_rows_per_class=20,
    )
    assert bounds["target_loss"].item() <= bounds["bound"].item() * (1 + 1e-9)


def test_fitted_bounds_improve_with_what_is_learned(data: Path) -> None:
    identity, features, everything = (
        pt.compute_bounds(
            data / "lenet-mnist.parquet",
            fit=None,
            sources=["mnist"],
            targets=["fashion-mnist"],
            transform=transform,
            max_rows_per_class=20,
        )["bound"].item()
        for transform in TRANSFORMS
    )
    assert everything <= features * (1 + 1e-12)
    assert features < identity


@pytest.mark.parametrize(("target", "most"), [("fashion-mnist", 1.20), ("kmnist", 1.55)])
def test_default_bound_is_low(target: str, most: float, data: Path) -> None:
    bounds = pt.compute_bounds(data / "lenet-mnist.parquet", sources=["mnist"], targets=[target])
    (bound,) = bounds.iter_rows(named=True)
    assert bound["target_loss"] <= bound["bound"] <= most
    assert (bound["n_source"], bound["n_target"]) == (1000, 1000)
    assert not bound["vacuous"]


def test_default_bound_is_low_for_usps(shared: Path) -> None:
    bounds = pt.compute_bounds(
        shared / "embeddings" / "lenet-mnist.parquet", sources=["mnist"], targets=["usps"]
    )
    (bound,) = bounds.iter_rows(named=True)
    assert bound["target_loss"] <= bound["bound"] <= 0.65


@pytest.fixture(scope="module")
def test_rows(shared: Path) -> pl.DataFrame:
    table = pl.scan_parquet(shared / "embeddings" / "lenet-mnist.parquet")
    return table.filter(pl.col("split") == "test").select("task", "label", "embedding").collect()


@pytest.fixture(scope="module")
def reference(shared: Path) -> list[dict[str, float]]:
    values = json.loads((shared / "reference" / "class_wasserstein.json").read_text())["values"]
    assert len(values) == 20
    return values


def test_wasserstein_equals_the_reference(
    test_rows: pl.DataFrame, reference: list[dict[str, float]]
) -> None:
    row_number = pl.int_range(1, pl.len() + 1)
    for expected in reference:
        x, y = (
            test_rows.filter(task=expected[side], label=expected["label"])
            for side in ("source", "target")
        )
        assert (x.height, y.height) == (expected["n"], expected["m"])
        source, target = pl.lit(x["embedding"]), pl.lit(y["embedding"])
        weight = pl.lit(x.select(row_number).to_series())
        found = pl.select(
            uniform=pt.wasserstein(source, target),
            weighted=pt.wasserstein(source, target, x_weight=weight),
            squared=pt.wasserstein(source, target, p=2) ** 2,
        ).row(0)
        assert found == pytest.approx(
            (
                expected["w1_uniform"],
                expected["w1_source_weight_proportional_to_row_number_from_1"],
                expected["w2_squared_uniform"],
            ),
            rel=1e-9,
        )


def test_class_wasserstein_equals_the_reference(
    test_rows: pl.DataFrame, reference: list[dict[str, float]]
) -> None:
    mnist = pt.task(where=pl.col("task") == "mnist")
    for name in ("usps", "fashion-mnist"):
        target = pt.task(where=pl.col("task") == name)
        found = test_rows.select(
            pt.class_wasserstein(mnist, target).struct.field("by_class").alias("one"),
            pt.class_wasserstein(mnist, target, p=2).struct.field("by_class").alias("two"),
        )
        ours = zip(found["one"].item(), found["two"].item(), strict=True)
        rows = [values for values in reference if values["target"] == name]
        for (one, two), expected in zip(ours, rows, strict=True):
            assert one["class"] == str(expected["label"])
            assert one["weight"] == pytest.approx(expected["m"] / 1000, rel=1e-12)
            assert one["distance"] == pytest.approx(expected["w1_uniform"], rel=1e-9)
            assert two["distance"] ** 2 == pytest.approx(expected["w2_squared_uniform"], rel=1e-9)
