"""The scores against independent implementations, reference values, and what must not matter."""

from __future__ import annotations

import json
import math
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import polars_transferability as pt
import pytest
import scipy.optimize
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal
from registry import EXPRESSIONS, OF_EMBEDDINGS, OF_MOMENTS, SCORES, TRAIN, Expression, value
from scipy.special import log_softmax, logsumexp, softmax
from sklearn.covariance import LedoitWolf
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier, NearestNeighbors
from sklearn.preprocessing import StandardScaler

random_tasks = settings(deadline=None, max_examples=25)
seeds = st.integers(0, 2**32)
shapes = st.tuples(st.integers(2, 4), st.integers(4, 9), st.integers(2, 40))


def table(features: Any, labels: Any) -> pl.DataFrame:
    """Features, as lists, with labels."""
    rows = np.asarray(features).tolist()
    return pl.DataFrame({"embedding": pl.Series(rows, dtype=pl.List(pl.Float64)), "label": labels})


def random_task(seed: int, shape: tuple[int, int, int], *, apart: float = 2.0) -> pl.DataFrame:
    """Gaussian classes, of about `size` rows each; multiples of 1/64, which f32 holds exactly."""
    classes, size, width = shape
    random = np.random.default_rng(seed)
    labels = np.concatenate([np.full(size + c, c) for c in range(classes)])
    centres = apart * random.normal(size=(classes, width))
    features = centres[labels] + random.normal(size=(len(labels), width))
    return table(np.round(64 * features) / 64, labels)


def arrays(rows: pl.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    return np.array(rows["embedding"].to_list(), dtype=float), rows["label"].to_numpy()


def numbers(found: object) -> Iterator[float]:
    """All floats in a value, in order."""
    if isinstance(found, float):
        yield found
    elif isinstance(found, dict):
        for part in found.values():
            yield from numbers(part)
    elif isinstance(found, list):
        for part in found:
            yield from numbers(part)


def close(found: object, expected: object, *, rel: float, least: float = 0.0) -> None:
    """All numbers agree, and everything else is equal."""
    left, right = list(numbers(found)), list(numbers(expected))
    assert left == pytest.approx(right, rel=rel, abs=least)
    assert len(left) > 0


# Independent implementations of the formulas.


def numpy_h_score(x: np.ndarray, y: np.ndarray, *, shrinkage: bool = False) -> float:
    x = x - x.mean(axis=0)
    means = np.array([x[y == c].mean(axis=0) for c in y])
    between = means.T @ means / len(x)
    if not shrinkage:
        return float(np.trace(np.linalg.pinv(x.T @ x / len(x), rcond=1e-10) @ between))
    fitted = LedoitWolf(assume_centered=True).fit(x)
    # As in the authors' code, between classes the sum is divided by one row less.
    between = between * len(x) / (len(x) - 1)
    return float((1 - fitted.shrinkage_) * np.trace(np.linalg.pinv(fitted.covariance_) @ between))


def numpy_transrate(x: np.ndarray, y: np.ndarray, eps: float) -> float:
    x = x - x.mean(axis=0)

    def rate(z: np.ndarray) -> float:
        return np.linalg.slogdet(np.eye(z.shape[1]) + z.T @ z / (len(z) * eps))[1] / 2

    return rate(x) - sum((y == c).mean() * rate(x[y == c]) for c in np.unique(y))


def numpy_gbc(x: np.ndarray, y: np.ndarray, covariance: str, pca: int) -> float:
    x = x - x.mean(axis=0)
    x = x @ np.linalg.svd(x, full_matrices=False)[2][:pca].T
    groups = [x[y == c] for c in np.unique(y)]
    means = [g.mean(axis=0) for g in groups]
    spreads = [g.var(axis=0) for g in groups]
    if covariance == "spherical":
        spreads = [np.full_like(s, s.mean()) for s in spreads]
    total = 0.0
    for i in range(len(groups)):
        for j in range(len(groups)):
            both = (spreads[i] + spreads[j]) / 2
            apart = ((means[i] - means[j]) ** 2 / both).sum() / 8
            volume = (np.log(both) - (np.log(spreads[i]) + np.log(spreads[j])) / 2).sum() / 2
            total -= np.exp(-apart - volume) if i != j else 0.0
    return total


def log_evidence(x: np.ndarray, target: np.ndarray, log_strengths: np.ndarray) -> float:
    """Of Bayesian linear regression, a row, as the density of the targets."""
    a, b = np.exp(log_strengths)
    covariance = np.eye(len(x)) / b + x @ x.T / a
    quadratic = target @ np.linalg.solve(covariance, target)
    log_det = np.linalg.slogdet(covariance)[1]
    return -(log_det + quadratic + len(x) * math.log(2 * math.pi)) / 2 / len(x)


def greatest_evidence(x: np.ndarray, target: np.ndarray) -> float:
    starts = [np.zeros(2), np.array([3.0, 1.0]), np.array([-3.0, 1.0])]
    return max(
        -scipy.optimize.minimize(
            lambda v: -log_evidence(x, target, v),
            start,
            method="Nelder-Mead",
            options={"xatol": 1e-9, "fatol": 1e-14, "maxiter": 10_000},
        ).fun
        for start in starts
    )


def numpy_logme(x: np.ndarray, target: np.ndarray, *, tolerance: float, steps: int) -> float:
    """The fixed point of the authors' ICML code, which may be a maximum that others are above."""
    n, d = x.shape
    u, root, _ = np.linalg.svd(x, full_matrices=True)
    s, z = np.zeros(n), u.T @ target
    s[: len(root)] = root**2
    ratio = 1.0
    for _ in range(steps):
        gamma = (s / (s + ratio)).sum()
        weight = (s * (z / (s + ratio)) ** 2).sum()
        residual = ((ratio * z / (s + ratio)) ** 2).sum()
        # n - gamma, without cancellation.
        a, b = gamma / weight, (ratio / (s + ratio)).sum() / residual
        log_det = np.log(a + b * s).sum() + (d - n) * np.log(a)
        terms = d * np.log(a) + n * np.log(b / (2 * np.pi)) - log_det - b * residual - a * weight
        before, ratio = ratio, a / b
        if abs(ratio - before) <= tolerance * before or ratio > 1e14:
            break
    return float(terms / 2 / n)


def numpy_leep(theta: np.ndarray, y: np.ndarray) -> float:
    joint = np.array([theta[y == c].sum(axis=0) for c in np.unique(y)]) / len(y)
    given = joint / joint.sum(axis=0)
    expected = (theta * given[np.searchsorted(np.unique(y), y)]).sum(axis=1)
    return float(np.log(expected).mean())


def numpy_nce(z: np.ndarray, y: np.ndarray) -> float:
    total = 0.0
    for source in np.unique(z):
        _, counts = np.unique(y[z == source], return_counts=True)
        total += (counts * np.log(counts / counts.sum())).sum()
    return total / len(y)


def most_frequent(labels: list[Any]) -> Any:
    """The most frequent label; of several, that which comes first."""
    return max(labels, key=lambda label: (labels.count(label), -labels.index(label)))


VOTES = {
    "nearest": lambda labels: most_frequent(labels.tolist()),
    "first": lambda labels: most_frequent(sorted(labels.tolist())),
}


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
            which=["h_score", "shrinkage_h_score", "transrate", "gbc", "knn", "leep", "nce"],
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


# Reference values.

FOLDER = Path(__file__).resolve().parent.parent.parent / "shared"
REFERENCE = FOLDER / "reference" / "scores.json"
ENTRIES = json.loads(REFERENCE.read_text()) if REFERENCE.is_file() else []
# Without the reference values one test remains, which the fixture `shared` skips.
every_entry = pytest.mark.parametrize(
    "entry",
    ENTRIES or [None],
    ids=[f"{entry['model']} {entry['task']}" for entry in ENTRIES] or ["none"],
)


def rows_of(entry: dict[str, Any], shared: Path) -> pl.DataFrame:
    table = pl.scan_parquet(shared / "embeddings" / f"{entry['model']}.parquet")
    return table.filter(pl.col("task") == entry["task"]).collect()


@every_entry
def test_scores_equal_the_reference(entry: dict[str, Any], shared: Path) -> None:
    rows = rows_of(entry, shared)
    names = {
        "logme": "logme",
        "h_score": "h_score",
        "shrinkage_h_score": "h_score_shrunk",
        "transrate": "transrate_eps1e-4",
        "leep": "leep",
        "nce": "nce",
    }
    which = [name for name, theirs in names.items() if theirs in entry]
    of_logits = {
        "probabilities": pt.softmax("logits"),
        "source_label": pt.argmax_labels("logits"),
    }
    columns = of_logits if "leep" in which else {}
    found = value(rows.filter(TRAIN), pt.scores("embedding", "label", which=which, **columns))
    assert (found["n"], found["classes"]) == (entry["n_train"], entry["classes"])
    for name in which:
        assert found[name] == pytest.approx(entry[names[name]], rel=1e-6), name
    accuracy = value(rows, pt.knn_accuracy("embedding", "label", k=5, fit=TRAIN))
    assert accuracy == entry["knn5_euclidean_test_accuracy"]


@every_entry
def test_probe_equals_the_reference(entry: dict[str, Any], shared: Path) -> None:
    rows = rows_of(entry, shared)
    # Wide features take long: the strongest penalties only.
    strengths = list(entry["probe"])[: None if entry["dim"] <= 256 else 1]
    for c in strengths:
        l2 = 1 / (float(c) * entry["n_train"])
        found = value(rows, pt.linear_probe("embedding", "label", fit=TRAIN, l2=l2))
        assert found["loss"] == pytest.approx(entry["probe"][c]["test_loss"], rel=1e-4)
        assert found["accuracy"] == pytest.approx(entry["probe"][c]["test_accuracy"], abs=1e-12)


# What must not matter.

# Of several scores, one has a split by the places of rows.
OF_ROWS = [e for e in SCORES if "moments" not in e.name and e.function != "scores"]
each_of_rows = pytest.mark.parametrize("expression", OF_ROWS, ids=[e.name for e in OF_ROWS])
ROUNDING = 1e-6


@each_of_rows
def test_order_of_rows_does_not_matter(expression: Expression) -> None:
    rows = expression.rows(1)
    for seed in range(3):
        shuffled = rows.sample(fraction=1, shuffle=True, seed=seed)
        close(
            value(shuffled, expression.build()),
            value(rows, expression.build()),
            rel=ROUNDING,
            least=1e-9,
        )


# Of classes with as many votes, the first wins.
UNNAMED = [e for e in OF_ROWS if e.name not in ("knn_accuracy", "knn_accuracy cosine")]


@pytest.mark.parametrize("expression", UNNAMED, ids=[e.name for e in UNNAMED])
def test_names_of_classes_do_not_matter(expression: Expression) -> None:
    rows = expression.rows(1)
    renamed = rows.with_columns(pl.col("label").replace_strict({0: "z", 1: "a", 2: "m"}))
    close(
        value(renamed, expression.build()),
        value(rows, expression.build()),
        rel=ROUNDING,
        least=1e-9,
    )


@random_tasks
@given(seeds, shapes)
def test_single_precision_of_exact_values_does_not_matter(
    seed: int, shape: tuple[int, int, int]
) -> None:
    rows = random_task(seed, shape, apart=0.5)
    single = rows.with_columns(pl.col("embedding").cast(pl.List(pl.Float32)))
    which = [name for name in OF_EMBEDDINGS if name not in ("linear_probe", "pactran_gaussian")]
    expression = pt.scores("embedding", "label", which={name: {} for name in which})
    assert value(single, expression) == value(rows, expression)


@random_tasks
@given(seeds, shapes)
def test_several_scores_equal_single_ones(seed: int, shape: tuple[int, int, int]) -> None:
    rows = random_task(seed, shape, apart=0.5)
    options: dict[str, dict[str, Any]] = {
        **{name: {} for name in OF_EMBEDDINGS if name != "pactran_gaussian"},
        "gbc": {"pca": 2},
        "knn_accuracy": {"k": 3},
        "linear_probe": {"l2": 0.3},
    }
    found = value(rows, pt.scores("embedding", "label", which=options))
    for name, of_score in options.items():
        single = value(rows, getattr(pt, name)("embedding", "label", **of_score))
        close(found[name], single, rel=1e-12, least=1e-13)
    assert (found["n"], found["classes"], found["labels"]) == (rows.height, shape[0], "given")


def test_the_callers_frame_is_left_alone() -> None:
    for expression in SCORES:
        rows = expression.rows(1)
        copy = pl.DataFrame([pl.Series(c.name, c.to_list(), dtype=c.dtype) for c in rows])
        first = value(rows, expression.build())
        assert_frame_equal(rows, copy, check_exact=True)
        # Nor is anything kept from one call to the next.
        assert value(rows, expression.build()) == first


def test_names_of_scores_are_columns() -> None:
    rows = random_task(0, (2, 6, 3))
    found = rows.select(pt.scores("embedding", "label", which={"knn": {"k": 1}, "pactran": {}}))
    assert found.unnest("scores").columns == [
        *("knn_accuracy", "pactran_gaussian"),
        *("n", "classes", "labels"),
    ]
    assert rows.select(pt.knn_accuracy("embedding", "label")).columns == ["knn_accuracy"]


def test_literals_and_columns_of_other_names() -> None:
    rows = random_task(1, (3, 6, 4))
    x, y = rows["embedding"], rows["label"]
    expected = value(rows, pt.logme("embedding", "label"))
    assert pl.select(pt.logme(pl.lit(x), pl.lit(y))).item() == expected
    renamed = rows.rename({"embedding": "label", "label": "embedding"})
    assert value(renamed, pt.logme("label", "embedding")) == expected
    doubled = pl.concat_list("embedding", "embedding").list.head(4)
    assert value(rows, pt.logme(doubled, pl.col("label").cast(pl.String))) == expected


# A split.


def test_only_fit_rows_are_scored() -> None:
    rows = random_task(2, (3, 8, 5)).with_columns(fit=pl.int_range(pl.len()) % 3 != 0)
    learned = ["knn_accuracy", "linear_probe"]
    which = [name for name in OF_EMBEDDINGS if name not in learned]
    split = pt.scores("embedding", "label", which=which, fit="fit")
    found = value(rows, split)
    assert found == value(rows.filter("fit"), pt.scores("embedding", "label", which=which))
    assert found["n"] == rows.filter("fit").height
    # The others may lack a class, or have another: they are not looked at.
    changed = pl.when("fit").then("label").otherwise(7).alias("label")
    assert value(rows.with_columns(changed), split) == found


def test_probe_and_neighbours_are_evaluated_on_the_other_rows() -> None:
    rows = random_task(3, (2, 8, 4)).with_columns(fit=pl.int_range(pl.len()) % 2 == 0)
    swapped = rows.with_columns(
        label=pl.when("fit").then("label").otherwise(1 - pl.col("label")),
    )
    for build in (
        lambda: pt.knn_accuracy("embedding", "label", k=1, fit="fit"),
        lambda: pt.linear_probe("embedding", "label", l2=0.1, fit="fit").struct["accuracy"],
    ):
        assert value(rows, build()) == pytest.approx(1 - value(swapped, build()), abs=1e-12)


def test_strength_of_a_probe_is_chosen_by_the_seed_alone() -> None:
    rows = random_task(4, (3, 9, 6), apart=0.5)
    first, again = (value(rows, pt.linear_probe("embedding", "label", seed=3)) for _ in range(2))
    assert first == again
    given = pt.linear_probe("embedding", "label", l2=first["l2"])
    assert value(rows, given)["loss"] == pytest.approx(first["loss"], rel=1e-4)


# Real-valued targets.


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


# Features in other units.


def in_units(units: list[float], seed: int = 3) -> pl.DataFrame:
    """An informative feature and three of noise, times their units."""
    random = np.random.default_rng(seed)
    y = random.integers(0, 3, 200)
    x = np.c_[y + 0.5 * random.normal(size=200), random.normal(size=(200, 3))]
    return table(x * units, y)


@pytest.mark.parametrize(
    "units", [[1e-8, 1, 1, 1], [1, 1e8, 1, 1], [1e-12, 1, 1e12, 1e5], [1e60, 1e-60, 1, 1]], ids=str
)
def test_h_score_and_probe_see_no_units(units: list[float]) -> None:
    plain, scaled = in_units([1, 1, 1, 1]), in_units(units)
    half = pl.int_range(pl.len()) % 2 == 0
    probe = pt.linear_probe("embedding", "label", l2=0.01, tolerance=1e-10, fit=half)
    for build in (
        pt.h_score("embedding", "label"),
        pt.h_score(pt.moments("embedding", "label")),
        pt.scores("embedding", "label", which=["logme", "h_score"]).struct.field("h_score"),
        pt.scores(pt.moments("embedding", "label"), which=["gbc", "h_score"]).struct.field(
            "h_score"
        ),
        probe.struct.field("loss"),
    ):
        assert value(scaled, build) == pytest.approx(value(plain, build), rel=1e-7)


def test_several_scores_equal_single_ones_in_any_units() -> None:
    rows = in_units([1e-3, 1e9, 1e4, 1])
    which = ("logme", "h_score", "shrinkage_h_score", "transrate", "gbc")
    found = value(rows, pt.scores("embedding", "label", which=which))
    for name in which:
        single = value(rows, getattr(pt, name)("embedding", "label"))
        assert found[name] == pytest.approx(single, rel=1e-9), name


# Draws by a seed.


@pytest.mark.parametrize(
    "build",
    [
        pt.linear_probe("embedding", "label", fit="fit"),
        pt.parc("embedding", "label", max_rows=40),
        pt.nleep("embedding", "label", components=4),
        pt.ot_nce(pt.task(where="fit"), pt.task(where=~pl.col("fit")), max_rows=30),
        pt.otdd(pt.task(where="fit"), pt.task(where=~pl.col("fit")), max_rows=30),
    ],
    ids=["linear_probe", "parc", "nleep", "ot_nce", "otdd"],
)
def test_draws_and_ties_depend_on_no_order_or_name(build: pl.Expr) -> None:
    random = np.random.default_rng(0)
    y = random.integers(0, 3, 150)
    # Few values, so that rows are repeated, within classes and across them.
    x = np.clip(np.round(random.normal(size=(150, 3)) + y[:, None]), -1, 3)
    rows = table(x, y).with_columns(fit=pl.int_range(pl.len()) % 3 > 0)
    expected = value(rows, build)
    for seed in range(4):
        names = dict(zip(range(3), random.permutation(["b", "z", "a"]).tolist(), strict=True))
        other = rows.sample(fraction=1, shuffle=True, seed=seed).with_columns(
            pl.col("label").replace_strict(names)
        )
        assert value(other, build) == expected


# Bugs of public code that change rankings; ours must not have them.


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
    expression = pt.scores("embedding", "label", which=["logme", "h_score", "transrate", "gbc"])
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


# No NaN where none went in.


def degenerate() -> dict[str, pl.DataFrame]:
    random = np.random.default_rng(0)
    y = np.array([0, 0, 0, 0, 1, 1, 1, 1] * 3)
    noise = random.normal(size=(24, 3))
    features = {
        "constant": np.full((24, 3), 2.5),
        "constant that binary fractions round": np.full((24, 3), 0.1),
        "zero": np.zeros((24, 3)),
        "one constant feature": np.c_[noise[:, 0], np.full(24, 0.3)],
        "one feature": noise[:, :1],
        "no spread within classes": np.c_[0.1 * y, 0.3 * y, 0.7 - y],
        "one-hot": np.eye(2)[y],
        "more features than rows": random.normal(size=(24, 60)),
        "each row twice": np.repeat(noise[:12], 2, axis=0),
        "the same rows in each class": np.tile(noise[:4], (6, 1)),
        "the label is a feature": np.c_[y, noise],
        "collinear": np.outer(noise[:, 0], [1, 2, 3]),
        "far from zero": noise + 1e12,
        "so far that rounding is all": 1e-3 * noise + 1e15,
        "other scales": noise * [1e-12, 1, 1e12],
        "one row far away": np.r_[noise[:-1], [[1e60, 0, 0]]],
        **{f"of size {size:g}": size * noise for size in (1e-300, 1e-30, 1e10, 1e60, 1e300)},
        "subnormal": 1e-320 * noise,
    }
    labels: dict[str, tuple[np.ndarray, Any]] = {
        **{name: (x, y) for name, x in features.items()},
        "one row per class": (noise, np.arange(24)),
        "one row per class, one feature": (noise[:, :1], np.arange(24)),
        "a class of one row": (noise, [5, *y[1:]]),
        "two rows": (np.eye(2), [0, 1]),
        "two equal rows": (np.ones((2, 2)), [0, 1]),
        "one row": (np.ones((1, 2)), [0]),
        "four rows": (noise[:4], [0, 0, 1, 1]),
    }
    return {name: degenerate_table(x, y) for name, (x, y) in labels.items()}


def degenerate_table(x: Any, y: Any) -> pl.DataFrame:
    rows = table(x, y)
    place = pl.int_range(pl.len())
    return rows.with_columns(
        task=pl.when(place % 2 == 0).then(pl.lit("old")).otherwise(pl.lit("new")),
        split=pl.when(place % 4 < 2).then(pl.lit("train")).otherwise(pl.lit("test")),
        probabilities=pt.softmax("embedding"),
        source_label=pl.lit("z"),
    )


DEGENERATE = degenerate()


@pytest.mark.parametrize("name", DEGENERATE)
def test_a_finite_value_or_an_error(name: str) -> None:
    rows = DEGENERATE[name]
    for expression in EXPRESSIONS:
        try:
            found = value(rows, expression.build())
        except pl.exceptions.ComputeError as error:
            message = str(error).removeprefix("the plugin failed with message: ")
            assert "defect" not in message, (expression.name, message)
            assert "NaN" not in message, (expression.name, message)
            continue
        assert all(math.isfinite(number) for number in numbers(found)), (expression.name, found)


def test_constant_features_are_worth_nothing() -> None:
    """Where features that say nothing have a value, it is the worst, or that of chance."""
    rows = DEGENERATE["constant"]
    assert value(rows, pt.transrate("embedding", "label")) == pytest.approx(0, abs=1e-12)
    assert value(rows, pt.ot_nce(pt.task(), pt.task())) <= 0
    probe = value(rows, pt.linear_probe("embedding", "label", l2=0.1))
    assert probe["loss"] == pytest.approx(math.log(2), rel=1e-6)


@pytest.mark.parametrize("function", OF_MOMENTS, ids=[f.__name__ for f in OF_MOMENTS])
def test_moments_of_degenerate_rows_agree_with_the_rows(function: Any) -> None:
    """Either both have a value, which is the same, or neither has one."""
    exact = ["constant", "zero", "one feature", "one-hot", "collinear", "a class of one row"]
    for name in [*exact, "more features than rows", "each row twice", "two rows", "four rows"]:
        rows = DEGENERATE[name]
        outcomes: list[float | str] = []
        for build in (
            function("embedding", "label"),
            function(pt.moments("embedding", "label")),
        ):
            with warnings.catch_warnings():
                try:
                    outcomes.append(float(value(rows, build)))
                except pl.exceptions.ComputeError as error:
                    outcomes.append(str(error).split("\n")[0].split(": ")[-1])
        of_rows, of_moments = outcomes
        if isinstance(of_rows, float):
            assert of_moments == pytest.approx(of_rows, rel=1e-9, abs=1e-9), name
        else:
            assert of_moments == of_rows, name
