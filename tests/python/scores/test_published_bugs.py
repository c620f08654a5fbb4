"""Bugs of public code that change rankings; ours must not have them."""

from __future__ import annotations

import math

import numpy as np
import polars as pl
import polars_transferability as pt
import pytest
import scipy.optimize
from formulas import numpy_transrate
from random_tasks import arrays, random_task, table
from registry import value
from scipy.special import logsumexp


def test_logme_of_fewer_rows_than_features_does_not_rise_with_noise() -> None:
    """The "fixed point" code leaves out a term, so that features of noise raise the score."""
    rows = random_task(7, (2, 8, 4))
    x, y = arrays(rows)
    noise = np.random.default_rng(7).normal(size=(len(y), 400))
    wide = table(np.c_[x, noise], y)
    assert value(wide, pt.logme("embedding", "label")) < value(rows, pt.logme("embedding", "label"))
    zeros = table(np.c_[x, 0 * noise], y)
    padded, narrow = (value(t, pt.logme("embedding", "label")) for t in (zeros, rows))
    assert padded == pytest.approx(narrow, rel=1e-12)


def test_labels_with_gaps_have_no_empty_classes() -> None:
    """Code that counts classes up to the largest label gives an empty class a huge evidence."""
    rows = random_task(8, (3, 7, 4))
    gaps = rows.with_columns(pl.col("label") * 1000 + 5)
    expression = pt.scores("embedding", "label", scores=["logme", "h_score", "transrate", "gbc"])
    assert value(gaps, expression) == value(rows, expression)
    categories = pl.Enum(["unused", "0", "1", "also unused", "2"])
    named = rows.with_columns(pl.col("label").cast(pl.String).cast(categories))
    assert value(named, expression) == value(rows, expression)


def test_classes_do_not_warm_each_other_up() -> None:
    """transformer-ranker starts each class where the last one stopped."""
    rows = random_task(9, (4, 7, 6))
    reversed_classes = rows.with_columns(3 - pl.col("label"))
    one, other = (value(r, pt.logme("embedding", "label")) for r in (rows, reversed_classes))
    assert one == pytest.approx(other, rel=1e-12)


@pytest.mark.parametrize("dtype", [pl.Float32, pl.Float64], ids=str)
def test_h_score_keeps_its_bound(dtype: pl.DataType) -> None:
    """In single precision sums exceed the bound C - 1, by far where features are far from zero."""
    random = np.random.default_rng(10)
    for width in (5, 60, 300):
        y = np.arange(60) % 6
        rows = table(1000 + random.normal(size=(60, width)), y)
        rows = rows.with_columns(pl.col("embedding").cast(pl.List(dtype)))
        found = value(rows, pt.h_score("embedding", "label"))
        assert 0 <= found <= min(5, width) + 1e-9
        if width >= 60:  # As many features as rows: any labels are told apart.
            assert found == pytest.approx(5, abs=1e-6)
            shrunk = value(rows, pt.shrinkage_h_score("embedding", "label"))
            assert 0 <= shrunk < 4.5


def test_transrate_weighs_classes_by_their_rows() -> None:
    """Unweighted, random labels get more than they should where classes are unbalanced."""
    random = np.random.default_rng(11)
    x, y = random.normal(size=(400, 8)), (random.random(400) < 0.05).astype(int)
    found = value(table(x, y), pt.transrate("embedding", "label", eps=0.01))
    assert found == pytest.approx(numpy_transrate(x, y, 0.01), rel=1e-9)
    centred = x - x.mean(axis=0)
    rates = [
        np.linalg.slogdet(np.eye(8) + z.T @ z / (len(z) * 0.01))[1] / 2
        for z in (centred, centred[y == 0], centred[y == 1])
    ]
    assert found < rates[0] - (rates[1] + rates[2]) / 2


def test_gbc_stays_in_its_range() -> None:
    """Determinants underflow; a lost factor in the exponent makes distant classes overlap."""
    random = np.random.default_rng(12)
    for scale, width in ((1e-30, 64), (1.0, 300), (1e30, 64)):
        for covariance in ("spherical", "diagonal"):
            x, y = scale * random.normal(size=(80, width)), np.arange(80) % 4
            found = value(table(x, y), pt.gbc("embedding", "label", covariance=covariance))
            assert -12 <= found <= 0
    # Two classes that differ in spread alone, in 64 dimensions: next to no overlap.
    spread = np.where(np.arange(400) % 2 == 0, 1.0, 3.0)[:, None] * random.normal(size=(400, 64))
    assert -1e-6 < value(table(spread, np.arange(400) % 2), pt.gbc("embedding", "label")) < 0


def test_leep_survives_source_classes_without_mass() -> None:
    """0 / 0 for a source class that no row has."""
    y = [0, 0, 1, 1]
    rows = table([[0.5, 0.5, 0.0], [0.75, 0.25, 0.0], [0.25, 0.75, 0.0], [1.0, 0.0, 0.0]], y)
    without = table([[0.5, 0.5], [0.75, 0.25], [0.25, 0.75], [1.0, 0.0]], y)
    found = value(rows, pt.leep("embedding", "label"))
    assert found == pytest.approx(value(without, pt.leep("embedding", "label")), rel=1e-12)
    # Source classes that say nothing leave the entropy of the labels.
    flat = table([[0.25] * 4] * 4, [0, 0, 0, 1])
    entropy = -(0.75 * math.log(0.75) + 0.25 * math.log(0.25))
    assert value(flat, pt.leep("embedding", "label")) == pytest.approx(-entropy, rel=1e-12)


def test_nce_is_between_minus_log_classes_and_zero() -> None:
    rows = pl.DataFrame({"z": [0, 0, 1, 1, 2, 2], "same": [5, 5, 4, 4, 3, 3], "any": [0, 1] * 3})
    assert value(rows, pt.nce("z", "same")) == 0.0
    assert value(rows, pt.nce("z", "any")) == pytest.approx(-math.log(2), rel=1e-12)


def test_duplicates_are_neighbours_of_each_other() -> None:
    """Code that drops the nearest row as the row itself drops one of two duplicates at random."""
    rows = table([[0.0], [0.0], [0.0], [9.0], [9.0]], ["a", "a", "a", "b", "b"])
    assert value(rows, pt.knn_accuracy("embedding", "label", k=1)) == 1.0
    lonely = table([[0.0], [0.0], [9.0], [9.0]], ["a", "b", "a", "b"])
    assert value(lonely, pt.knn_accuracy("embedding", "label", k=1)) == 0.0


def test_a_row_without_variance_is_no_nan_in_parc() -> None:
    rows = random_task(13, (2, 6, 4))
    x, y = arrays(rows)
    x[0] = 3.0  # Constant over the features, as the mean row is not.
    assert -100 <= value(table(x, y), pt.parc("embedding", "label", pca=None)) <= 100
    with pytest.raises(pl.exceptions.ComputeError, match="a row is the same in all coordinates"):
        value(table(np.c_[x[:, 0], x[:, 0]], y), pt.parc("embedding", "label", pca=None))


def test_label_distances_that_are_equal_are_tied_in_parc() -> None:
    """Rounding splits the two distances of labels into more, which are then ranked."""
    rows = random_task(14, (3, 8, 6), apart=3.0)
    x, y = arrays(rows)
    x = x - x.mean(axis=0)
    x = x / x.std(axis=0)
    pairs = np.triu_indices(len(y), 1)
    theirs = 1 - np.corrcoef(x)[pairs]
    labels = (y[:, None] != y[None, :])[pairs].astype(float)
    expected = 100 * scipy.stats.spearmanr(theirs, labels).statistic
    found = value(rows, pt.parc("embedding", "label", pca=None))
    assert found == pytest.approx(expected, rel=1e-9)


def test_etran_tells_anisotropic_classes_apart() -> None:
    """An asymmetric matrix given to a solver for symmetric ones misses the direction."""
    random = np.random.default_rng(15)
    y = np.arange(200) % 2
    x = random.normal(size=(200, 2)) * [100.0, 0.1]
    x[:, 1] += y
    mixed = x @ np.array([[0.8, 0.6], [-0.6, 0.8]])
    assert value(table(mixed, y), pt.etran("embedding", "label"))["lda"] > 0.99


def test_energy_of_etran_is_that_of_the_least_rows() -> None:
    rows = random_task(16, (2, 8, 5))
    x, _ = arrays(rows)
    energies = np.sort(logsumexp(x, axis=1))
    found = value(rows, pt.etran("embedding", "label"))["energy"]
    assert found == pytest.approx(energies[0], rel=1e-12)


def test_nleep_depends_on_its_seed_alone() -> None:
    rows = random_task(17, (3, 9, 5), apart=0.5)
    first, again = (value(rows, pt.nleep("embedding", "label", seed=1)) for _ in range(2))
    assert first == again
    assert first <= 0


def test_sfda_does_not_tie_where_classes_are_far_apart() -> None:
    """Without the logarithm, scores saturate at 1."""
    noise, y = np.random.default_rng(18).normal(size=(100, 3)), np.arange(100) % 2
    near, far = (
        value(table(noise + apart * y[:, None], y), pt.sfda("embedding", "label"))
        for apart in (4.0, 6.0)
    )
    assert near < 10 * far < 0


@pytest.mark.parametrize("prior", ["gaussian", "dirichlet", "gamma"])
def test_pactran_is_a_gain_not_a_loss(prior: str) -> None:
    """Public code mixes losses and gains under one correlation."""
    y = np.arange(40) % 2
    good = np.c_[0.95 - 0.9 * y, 0.05 + 0.9 * y]
    poor = np.c_[0.55 - 0.1 * y, 0.45 + 0.1 * y]
    poor[::4] = poor[::4, ::-1]
    scores = [
        value(table(p, y), pt.pactran("embedding", "label", prior=prior)) for p in (good, poor)
    ]
    assert scores[0] > scores[1]
