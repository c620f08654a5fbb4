"""Scores against independent implementations of their formulas, on random and on real rows."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import polars as pl
import polars_transferability as pt
import pytest
from formulas import (
    VOTES,
    greatest_evidence,
    numpy_gbc,
    numpy_h_score,
    numpy_leep,
    numpy_logme,
    numpy_nce,
    numpy_transrate,
)
from hypothesis import given, settings
from hypothesis import strategies as st
from random_tasks import arrays, random_task, random_tasks, seeds, shapes, table
from registry import TRAIN, value
from scipy.special import log_softmax, softmax
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier, NearestNeighbors
from sklearn.preprocessing import StandardScaler


@random_tasks
@given(seeds, shapes)
def test_h_scores_equal_the_formulas(seed: int, shape: tuple[int, int, int]) -> None:
    rows = random_task(seed, shape)
    x, y = arrays(rows)
    assert value(rows, pt.h_score("embedding", "label")) == pytest.approx(
        numpy_h_score(x, y), rel=1e-9
    )
    assert value(rows, pt.shrinkage_h_score("embedding", "label")) == pytest.approx(
        numpy_h_score(x, y, shrinkage=True), rel=1e-9
    )


@random_tasks
@given(seeds, shapes, st.sampled_from([1e-4, 0.1, 3.0]))
def test_transrate_equals_the_formula(seed: int, shape: tuple[int, int, int], eps: float) -> None:
    rows = random_task(seed, shape)
    found = value(rows, pt.transrate("embedding", "label", eps=eps))
    assert found == pytest.approx(numpy_transrate(*arrays(rows), eps), rel=1e-9)


@random_tasks
@given(seeds, shapes, st.sampled_from(["spherical", "diagonal"]), st.integers(1, 3))
def test_gbc_equals_the_formula(
    seed: int, shape: tuple[int, int, int], covariance: str, pca: int
) -> None:
    rows = random_task(seed, shape, apart=0.5)
    found = value(rows, pt.gbc("embedding", "label", covariance=covariance, pca=pca))
    assert found == pytest.approx(numpy_gbc(*arrays(rows), covariance, pca), rel=1e-8)


@settings(deadline=None, max_examples=10)
@given(seeds, shapes)
def test_logme_equals_the_published_iteration(seed: int, shape: tuple[int, int, int]) -> None:
    rows = random_task(seed, shape)
    x, y = arrays(rows)
    indicators = [(y == c).astype(float) for c in np.unique(y)]
    for converge, tolerance, steps in ((False, 1e-2, 11), (True, 1e-12, 100_000)):
        if converge and x.shape[1] >= len(x):
            break  # The features fit anything: there is a limit, and no point where it is reached.
        expected = np.mean(
            [numpy_logme(x, target, tolerance=tolerance, steps=steps) for target in indicators]
        )
        found = value(rows, pt.logme("embedding", "label", converge=converge))
        assert found == pytest.approx(expected, rel=1e-8, abs=1e-8)
    if x.shape[1] < len(x):
        greatest = np.mean([greatest_evidence(x, target) for target in indicators])
        assert found <= greatest + 1e-7


@random_tasks
@given(seeds, st.integers(2, 4), st.integers(2, 6))
def test_leep_and_nce_equal_the_formulas(seed: int, classes: int, sources: int) -> None:
    random = np.random.default_rng(seed)
    y = np.arange(30) % classes
    logits = 3 * random.normal(size=(30, sources))
    rows = table(logits, y)
    p, z = softmax(logits, axis=1), logits.argmax(axis=1)
    found = rows.select(
        leep=pt.leep(pt.softmax("embedding"), "label"),
        nce=pt.nce(pt.argmax_labels("embedding"), "label"),
    ).row(0)
    assert found == pytest.approx((numpy_leep(p, y), numpy_nce(z, y)), rel=1e-10)
    one_hot = rows.select(pt.leep(pl.lit(pl.Series(np.eye(sources)[z].tolist())), "label")).item()
    assert one_hot == pytest.approx(found[1], abs=1e-12)


@random_tasks
@given(seeds, shapes, st.integers(1, 5), st.sampled_from(["euclidean", "cosine"]))
def test_neighbours_equal_scikit_learn(
    seed: int, shape: tuple[int, int, int], k: int, metric: str
) -> None:
    rows = random_task(seed, shape, apart=0.5)
    x, y = arrays(rows)
    # Off the grid, no two rows are equally far from a third.
    x += np.random.default_rng(seed).normal(scale=0.01, size=x.shape)
    rows = table(x, y)
    near = NearestNeighbors(metric=metric).fit(x)
    # Without arguments a row is no neighbour of its own.
    found = near.kneighbors(n_neighbors=k)[1]
    for ties, vote in VOTES.items():
        expected = np.mean([vote(y[i]) for i in found] == y)
        ours = pt.knn_accuracy("embedding", "label", k=k, metric=metric, ties=ties)
        assert value(rows, ours) == expected
    half = np.arange(len(y)) % 2 == 0
    near = NearestNeighbors(metric=metric).fit(x[half])
    found = near.kneighbors(x[~half], n_neighbors=min(k, half.sum()))[1]
    classifier = KNeighborsClassifier(min(k, half.sum()), metric=metric).fit(x[half], y[half])
    fit = pl.int_range(pl.len()) % 2 == 0
    split = pt.knn_accuracy("embedding", "label", k=min(k, half.sum()), metric=metric, fit=fit)
    assert value(rows, split) == classifier.score(x[~half], y[~half])


@settings(deadline=None, max_examples=10)
@given(seeds, shapes, st.sampled_from([0.3, 0.03]))
def test_probe_equals_scikit_learn(seed: int, shape: tuple[int, int, int], l2: float) -> None:
    rows = random_task(seed, shape, apart=0.7).with_columns(fit=pl.int_range(pl.len()) % 3 != 0)
    found = value(rows, pt.linear_probe("embedding", "label", fit="fit", l2=l2))
    (x, y), (u, v) = arrays(rows.filter("fit")), arrays(rows.filter(~pl.col("fit")))
    scaler = StandardScaler().fit(x)
    # Of two classes, scikit-learn fits one row of weights, the difference of our two.
    c = (2 if len(np.unique(y)) == 2 else 1) / (l2 * len(x))
    model = LogisticRegression(C=c, tol=1e-10, max_iter=10_000)
    model.fit(scaler.transform(x), y)

    def loss(x: np.ndarray, y: np.ndarray) -> float:
        # Two classes have one decision function, three or more one each.
        margin = model.decision_function(scaler.transform(x))
        logits = np.c_[np.zeros(len(x)), margin] if margin.ndim == 1 else margin
        return float(-log_softmax(logits, axis=1)[np.arange(len(y)), y].mean())

    assert found["loss"] == pytest.approx(loss(u, v), rel=1e-4)
    assert found["train_loss"] == pytest.approx(loss(x, y), rel=1e-4)
    assert found["accuracy"] == pytest.approx(model.score(scaler.transform(u), v), abs=1e-12)
    assert found["l2"] == l2


def test_probe_ends_where_its_gradient_is_within_the_tolerance() -> None:
    rows = random_task(3, (4, 30, 8), apart=0.5)

    def train_loss(**options: float) -> float:
        probe = pt.linear_probe("embedding", "label", l2=0.03, **options)
        return float(value(rows, probe)["train_loss"])

    exact = train_loss(tolerance=1e-12)
    errors = [abs(train_loss(tolerance=t) / exact - 1) for t in (1e-1, 1e-3, 1e-5)]
    assert errors[0] > 10 * errors[1] > 100 * errors[2]
    assert train_loss() == pytest.approx(exact, rel=1e-6)
    with pytest.raises(ValueError, match="tolerance"):
        train_loss(tolerance=0.0)


def digits(data: Path, *, rows_per_class: int) -> pl.DataFrame:
    """Kuzushiji characters seen by the LeNet for digits; of each class the first rows."""
    table = pl.scan_parquet(data / "lenet-mnist.parquet").filter(
        TRAIN, pl.col("task") == "kmnist", pl.int_range(pl.len()).over("task", "label") < 150
    )
    return table.group_by("label", maintain_order=True).head(rows_per_class).collect()


def test_real_rows_have_the_values_of_the_formulas(data: Path) -> None:
    rows = digits(data, rows_per_class=30)
    x, y = arrays(rows)
    logits = np.array(rows["logits"].to_list(), dtype=float)
    found = rows.select(
        pt.scores(
            "embedding",
            "label",
            scores=["h_score", "shrinkage_h_score", "transrate", "gbc", "knn", "leep", "nce"],
            probabilities=pt.softmax("logits"),
            source_label=pt.argmax_labels("logits"),
        )
    ).unnest("scores")
    neighbours = NearestNeighbors().fit(x).kneighbors(n_neighbors=5)[1]
    expected = {
        "h_score": numpy_h_score(x, y),
        "shrinkage_h_score": numpy_h_score(x, y, shrinkage=True),
        "transrate": numpy_transrate(x, y, 1e-4),
        "gbc": numpy_gbc(x, y, "spherical", 64),
        "knn_accuracy": np.mean([VOTES["first"](y[i]) for i in neighbours] == y),
        "leep": numpy_leep(softmax(logits, axis=1), y),
        "nce": numpy_nce(logits.argmax(axis=1), y),
    }
    for name, wanted in expected.items():
        assert found[name].item() == pytest.approx(wanted, rel=1e-6), name
    one = KNeighborsClassifier(n_neighbors=1)
    train = np.arange(len(y)) % 3 != 0
    accuracy = one.fit(x[train], y[train]).score(x[~train], y[~train])
    fit = pl.int_range(pl.len()) % 3 != 0
    assert value(rows, pt.knn_accuracy("embedding", "label", k=1, fit=fit)) == accuracy


@settings(deadline=None, max_examples=10)
@given(seeds, st.integers(12, 25), st.integers(2, 10), st.integers(1, 3))
def test_logme_of_real_targets_equals_the_iteration(
    seed: int, size: int, width: int, targets: int
) -> None:
    random = np.random.default_rng(seed)
    x = random.normal(size=(size, width))
    y = x[:, :1] + random.normal(size=(size, targets))
    expected = np.mean([numpy_logme(x, target, tolerance=1e-12, steps=100_000) for target in y.T])
    rows = table(x, y.tolist())
    for dtype in (pl.List(pl.Float64), pl.Array(pl.Float64, targets)):
        cast = rows.with_columns(pl.col("label").cast(dtype))
        found = value(cast, pt.logme("embedding", "label", converge=True))
        assert found == pytest.approx(expected, rel=1e-8, abs=1e-8)
    if targets == 1:
        flat = rows.with_columns(pl.col("label").explode())
        assert value(flat, pt.logme("embedding", "label", converge=True)) == found


def test_indicators_are_classes() -> None:
    rows = random_task(5, (3, 7, 4))
    one_hot = pl.concat_list((pl.col("label") == c).cast(pl.Int8) for c in range(3))
    expected = value(rows, pt.logme("embedding", "label"))
    for indicators in (
        one_hot,
        one_hot.cast(pl.List(pl.Boolean)),
        one_hot.cast(pl.List(pl.Float32)),
    ):
        assert value(rows, pt.logme("embedding", indicators)) == pytest.approx(expected, rel=1e-12)
    # Several labels a row are no error either.
    several = pl.concat_list(pl.col("label") < 2, pl.col("label") > 0)
    assert math.isfinite(value(rows, pt.logme("embedding", several)))


def test_integers_are_classes_and_floats_are_targets() -> None:
    rows = random_task(6, (3, 7, 4))
    as_targets = value(rows, pt.logme("embedding", pl.col("label").cast(pl.Float64)))
    assert as_targets != value(rows, pt.logme("embedding", "label"))
    for dtype in (pl.Float16, pl.Float32):
        assert value(rows, pt.logme("embedding", pl.col("label").cast(dtype))) == as_targets
