"""The bound on embeddings of real images."""

from __future__ import annotations

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


@pytest.mark.parametrize("source_rows", ["all", "held-out"])
@pytest.mark.parametrize(("target", "most"), [("fashion-mnist", 1.20), ("kmnist", 1.55)])
def test_default_bound_is_low(target: str, most: float, source_rows: str, data: Path) -> None:
    pair: dict[str, list[str]] = {"sources": ["mnist"], "targets": [target]}
    bounds = pt.compute_bounds(data / "lenet-mnist.parquet", **pair, source_rows=source_rows)  # type: ignore[arg-type]
    (bound,) = bounds.iter_rows(named=True)
    assert bound["target_loss"] <= bound["bound"] <= most
    source = 3000 if source_rows == "all" else 1000
    assert (bound["n_source"], bound["n_target"]) == (source, 1000)
    assert not bound["vacuous"]


def test_default_bound_is_low_for_usps(shared: Path) -> None:
    bounds = pt.compute_bounds(
        shared / "embeddings" / "lenet-mnist.parquet", sources=["mnist"], targets=["usps"]
    )
    (bound,) = bounds.iter_rows(named=True)
    assert bound["target_loss"] <= bound["bound"] <= 0.65


@pytest.mark.parametrize("seed", range(4))
def test_few_rows_of_features_that_are_mostly_zero_bound_below_guessing(
    seed: int, data: Path
) -> None:
    """Which rows are drawn depends on the seed; some have a feature that is zero but in one."""
    bound = pt.compute_bounds(
        data / "lenet-kmnist.parquet",
        sources=["kmnist"],
        targets=["mnist"],
        max_rows_per_class=30,
        seed=seed,
    )
    assert bound["state"].item() == "better than guessing"
    assert bound["target_loss"].item() < bound["trivial_loss"].item() / 2
