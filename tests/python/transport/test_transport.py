"""Exact distances against independent implementations, and the axioms of a metric."""

from __future__ import annotations

import numpy as np
import ot
import polars as pl
import polars_transferability as pt
import pytest
import scipy.stats
from hypothesis import given, settings
from hypothesis import strategies as st
from registry import NEW, OLD, embedding_rows, value

random_clouds = settings(deadline=None, max_examples=50)
seeds, sizes, widths = st.integers(0, 2**32), st.integers(1, 25), st.integers(1, 6)
powers = st.sampled_from([1, 1.5, 2, 3])


def cloud(seed: int, size: int, width: int, *, ties: bool = False) -> np.ndarray:
    points = 3 * np.random.default_rng(seed).normal(size=(size, width))
    return np.round(points) if ties else points


def masses(seed: int, size: int) -> np.ndarray:
    """Masses of which about every fourth is zero, but not all."""
    random = np.random.default_rng(seed)
    weight = random.random(size) * (random.random(size) > 0.25)
    weight[0] += 0.1
    return weight


def distance(
    x: np.ndarray,
    y: np.ndarray,
    p: float = 1,
    x_weight: np.ndarray | None = None,
    y_weight: np.ndarray | None = None,
) -> float:
    def column(values: np.ndarray | None) -> pl.Expr | None:
        return None if values is None else pl.lit(pl.Series(values))

    expression = pt.wasserstein(
        column(x), column(y), p=p, x_weight=column(x_weight), y_weight=column(y_weight)
    )
    return pl.select(expression.alias("distance")).item()


@random_clouds
@given(seeds, sizes, sizes, widths, powers, st.booleans(), st.booleans())
def test_equals_pot(
    seed: int, n: int, m: int, width: int, p: float, weighted: bool, ties: bool
) -> None:
    x, y = cloud(seed, n, width, ties=ties), cloud(seed + 1, m, width, ties=ties)
    v, w = (masses(seed, n), masses(seed + 1, m)) if weighted else (None, None)
    cost = np.linalg.norm(x[:, None] - y[None], axis=2) ** p
    expected = ot.emd2(
        np.full(n, 1 / n) if v is None else v / v.sum(),
        np.full(m, 1 / m) if w is None else w / w.sum(),
        cost,
        numItermax=1_000_000,
    ) ** (1 / p)
    assert distance(x, y, p, v, w) == pytest.approx(expected, rel=1e-9, abs=1e-12)


@random_clouds
@given(seeds, sizes, sizes, st.booleans())
def test_equals_scipy_on_a_line(seed: int, n: int, m: int, weighted: bool) -> None:
    x, y = cloud(seed, n, 1), cloud(seed + 1, m, 1)
    v, w = (masses(seed, n), masses(seed + 1, m)) if weighted else (None, None)
    expected = scipy.stats.wasserstein_distance(x[:, 0], y[:, 0], v, w)
    assert distance(x, y, 1, v, w) == pytest.approx(expected, rel=1e-9, abs=1e-12)


@random_clouds
@given(seeds, sizes, sizes, widths, powers)
def test_symmetric(seed: int, n: int, m: int, width: int, p: float) -> None:
    x, y = cloud(seed, n, width), cloud(seed + 1, m, width)
    assert distance(x, y, p) == pytest.approx(distance(y, x, p), rel=1e-9)


@random_clouds
@given(seeds, sizes, sizes, sizes, widths, powers)
def test_triangle_inequality(seed: int, n: int, m: int, k: int, width: int, p: float) -> None:
    x, y, z = cloud(seed, n, width), cloud(seed + 1, m, width), cloud(seed + 2, k, width)
    assert distance(x, z, p) <= (distance(x, y, p) + distance(y, z, p)) * (1 + 1e-9)


@random_clouds
@given(seeds, sizes, widths, powers)
def test_equal_clouds_are_no_distance_apart(seed: int, n: int, width: int, p: float) -> None:
    x = cloud(seed, n, width)
    shuffled = np.random.default_rng(seed).permutation(x)
    assert distance(x, shuffled, p) == 0
    # Each point twice is the same distribution, but for the rounding of masses, of which the
    # distance is the p-th root.
    assert distance(x, np.repeat(x, 2, axis=0), p) ** p == pytest.approx(0, abs=1e-12)


@random_clouds
@given(seeds, sizes, sizes, widths, powers, st.sampled_from([1e-150, 1e-6, 1e6, 1e150]))
def test_scales_with_the_points(
    seed: int, n: int, m: int, width: int, p: float, scale: float
) -> None:
    x, y = cloud(seed, n, width), cloud(seed + 1, m, width)
    assert distance(scale * x, scale * y, p) == pytest.approx(scale * distance(x, y, p), rel=1e-9)


@random_clouds
@given(seeds, sizes, sizes, widths)
def test_weights_count_points(seed: int, n: int, m: int, width: int) -> None:
    x, y = cloud(seed, n, width), cloud(seed + 1, m, width)
    counts = np.random.default_rng(seed).integers(1, 4, size=n)
    repeated = distance(np.repeat(x, counts, axis=0), y)
    assert distance(x, y, x_weight=counts) == pytest.approx(repeated, rel=1e-9)
    assert distance(x, y, x_weight=1e9 * counts) == pytest.approx(repeated, rel=1e-9)


def test_translation_by_hand() -> None:
    x = cloud(0, 10, 2)
    for p in (1, 2, 5):
        assert distance(x, x + np.array([3, 4]), p) == pytest.approx(5, rel=1e-12)


def test_one_point_to_two() -> None:
    one, two = np.array([[0.0, 0.0]]), np.array([[3.0, 4.0], [0.0, 1.0]])
    assert distance(one, two) == pytest.approx(3, rel=1e-12)
    assert distance(one, two, 2) == pytest.approx(13**0.5, rel=1e-12)
    assert distance(one, two, y_weight=np.array([1.0, 3.0])) == pytest.approx(2, rel=1e-12)


@pytest.mark.parametrize("p", [1, 2])
def test_class_wasserstein_is_wasserstein_by_class(p: float) -> None:
    rows = embedding_rows(rows_per_class=9)
    found = value(rows, pt.class_wasserstein(pt.task(where=OLD), pt.task(where=NEW), p=p))
    labels = rows.filter(NEW)["label"]
    assert [part["class"] for part in found["by_class"]] == ["0", "1", "2"]
    for part in found["by_class"]:
        own = rows.filter(pl.col("label") == int(part["class"]))
        x, y = (np.stack(own.filter(side)["embedding"].to_numpy()) for side in (OLD, NEW))
        assert part["distance"] == pytest.approx(distance(x, y, p), rel=1e-12)
        assert part["weight"] == pytest.approx(y.shape[0] / labels.len(), rel=1e-12)
    average = sum(part["weight"] * part["distance"] for part in found["by_class"])
    assert found["distance"] == pytest.approx(average, rel=1e-12)


def test_class_wasserstein_takes_the_rows_to_learn_from() -> None:
    rows = embedding_rows()
    train = pl.col("split") == "train"
    split = [pt.task(where=side, fit=train) for side in (OLD, NEW)]
    learned = [pt.task(where=side & train) for side in (OLD, NEW)]
    found = value(rows, pt.class_wasserstein(*split))
    assert found == value(rows, pt.class_wasserstein(*learned))
    assert found != value(rows, pt.class_wasserstein(pt.task(where=OLD), pt.task(where=NEW)))
