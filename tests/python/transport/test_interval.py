"""Certified intervals: what they say of problems that POT solves, and of those beyond a matrix."""

from __future__ import annotations

from typing import Any

import numpy as np
import ot
import polars as pl
import polars_transferability as pt
import pytest

# So many points a side are not solved exactly unless that is asked for.
MANY = 2100


def cloud(seed: int, size: int, *, mean: float = 0, width: int = 3) -> np.ndarray:
    return mean + np.random.default_rng(seed).normal(size=(size, width))


def interval(x: np.ndarray, y: np.ndarray, **options: Any) -> dict[str, Any]:
    weights = {
        name: pl.lit(pl.Series(options.pop(name)))
        for name in ("x_weight", "y_weight")
        if name in options
    }
    sides = (pl.lit(pl.Series(side)) for side in (x, y))
    found = pl.select(pt.wasserstein_interval(*sides, **weights, **options))
    return found.to_series().struct.unnest().row(0, named=True)


def test_small_problems_are_wasserstein() -> None:
    x, y = cloud(0, 30), cloud(1, 40, mean=1)
    for p in (1, 2, 3):
        found = interval(x, y, p=p)
        exact = pl.select(pt.wasserstein(pl.lit(pl.Series(x)), pl.lit(pl.Series(y)), p=p)).item()
        assert found["distance"] == exact
        assert found["exact"]
        assert found["gap"] < 1e-9
        assert found["lower"] <= exact <= found["upper"]


@pytest.mark.parametrize("p", [1, 2])
@pytest.mark.parametrize("weighted", [False, True])
def test_the_distance_of_pot_is_in_the_interval(p: float, weighted: bool) -> None:
    x, y = cloud(2, MANY), cloud(3, MANY, mean=0.5)
    weights = np.random.default_rng(4).integers(0, 5, size=(2, MANY))
    masses = (
        weights / weights.sum(axis=1, keepdims=True) if weighted else np.full((2, MANY), 1 / MANY)
    )
    cost = np.linalg.norm(x[:, None] - y[None], axis=2) ** p
    exact = ot.emd2(masses[0], masses[1], cost, numItermax=10_000_000) ** (1 / p)
    options = {"x_weight": weights[0], "y_weight": weights[1]} if weighted else {}
    for tolerance in (0.1, 0.02, 0.001):
        found = interval(x, y, p=p, tolerance=tolerance, **options)
        assert not found["exact"]
        assert found["lower"] <= exact * (1 + 1e-9)
        assert exact <= found["upper"] * (1 + 1e-9)
        assert found["lower"] <= found["distance"] <= found["upper"]
        assert found["gap"] == pytest.approx(1 - found["lower"] / found["distance"], abs=1e-12)
        assert found["gap"] <= tolerance


def test_no_tolerance_is_the_optimum_of_many_points() -> None:
    x, y = cloud(5, MANY), cloud(6, MANY, mean=0.5)
    optimum, near = interval(x, y, tolerance=0), interval(x, y)
    assert optimum["exact"]
    assert optimum["gap"] < 1e-9
    assert near["lower"] <= optimum["distance"] <= near["upper"]


def test_repeated_rows_are_at_distance_zero() -> None:
    x = np.repeat(cloud(7, 50), MANY // 50 + 1, axis=0)
    shuffled = np.random.default_rng(8).permutation(x)
    found = interval(x, shuffled)
    assert found == {"distance": 0, "lower": 0, "upper": 0, "gap": 0, "exact": True}


def test_a_shift_is_the_distance() -> None:
    x = cloud(9, MANY)
    found = interval(x, x + np.array([3, 4, 0]), tolerance=0.001)
    assert found["lower"] <= 5 <= found["upper"] * (1 + 1e-12)
    assert found["distance"] == pytest.approx(5, rel=0.001)
