"""The published formulas in NumPy and SciPy, written without a look at the package."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import scipy.optimize
import scipy.special
import scipy.stats
from scipy.spatial.distance import cdist
from sklearn.covariance import LedoitWolf
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler


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


def numpy_nuclear_norm(theta: np.ndarray) -> float:
    n, z = theta.shape
    return float(np.linalg.norm(theta, "nuc") / np.sqrt(n * min(n, z)))


def numpy_prediction_entropy(theta: np.ndarray) -> float:
    return -float(scipy.stats.entropy(theta, axis=1).mean())


def numpy_tetot(
    x: np.ndarray, y: np.ndarray, other: np.ndarray, *, label_weight: float, l2: float
) -> float:
    """The exact optimum by linear programming, with scikit-learn's head."""
    scaler = StandardScaler().fit(x)
    # Two classes are one row of weights in scikit-learn, whose penalty counts half.
    strength = (2 if len(np.unique(y)) == 2 else 1) / (l2 * len(x))
    head = LogisticRegression(C=strength, tol=1e-10, max_iter=10_000)
    head.fit(scaler.transform(x), y)
    of_labels = cdist(np.eye(y.max() + 1)[y], head.predict_proba(scaler.transform(other)))
    cost = cdist(x, other) + label_weight * of_labels
    n, m = cost.shape
    sides = [np.kron(np.eye(n), np.ones(m)), np.kron(np.ones(n), np.eye(m))]
    masses = np.concatenate([np.full(n, 1 / n), np.full(m, 1 / m)])
    plan = scipy.optimize.linprog(cost.ravel(), A_eq=np.vstack(sides), b_eq=masses)
    return -float(plan.fun)


def numpy_s_otdd_powers(
    tasks: list[tuple[np.ndarray, np.ndarray]], *, p: float, lines: int, seed: int
) -> np.ndarray:
    """`W_p^p` of two tasks with as many rows on each of some random lines."""
    random = np.random.default_rng(seed)
    places = []
    width = tasks[0][0].shape[1]
    direction = random.normal(size=(lines, width))
    direction /= np.linalg.norm(direction, axis=1, keepdims=True)
    mixture = random.normal(size=(lines, 6))
    mixture /= np.linalg.norm(mixture, axis=1, keepdims=True)
    orders = np.empty((lines, 5))
    for rate in range(1, 6):
        drawn = random.poisson(rate, 100 * lines)
        orders[:, rate - 1] = drawn[drawn > 0][:lines]
    for x, y in tasks:
        projected = x @ direction.T
        place = mixture[:, 0] * projected
        for c in np.unique(y):
            powers = projected[y == c, :, None] ** orders / scipy.special.factorial(orders)
            place[y == c] += (mixture[:, 1:] * powers.mean(axis=0)).sum(axis=1)
        places.append(np.sort(place, axis=0))
    return (np.abs(places[0] - places[1]) ** p).mean(axis=0)


def most_frequent(labels: list[Any]) -> Any:
    """The most frequent label; of several, that which comes first."""
    return max(labels, key=lambda label: (labels.count(label), -labels.index(label)))


VOTES = {
    "nearest": lambda labels: most_frequent(labels.tolist()),
    "first": lambda labels: most_frequent(sorted(labels.tolist())),
}
