"""Scores against the public implementations' method in NumPy and scikit-learn, on the same rows.

5000 rows of width 1024 in 100 classes (N-LEEP: 3000 in 30), one thread, in turn; prints ratios
and peak memory. The first run of each side is in a process of its own, for its memory.
"""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import polars as pl
import polars_transferability as pt
from measure import in_child, require_one_thread

# Rows and classes. N-LEEP's mixture takes half a minute of the larger one.
SHAPE, SHAPES, TINY = (5000, 100), {"nleep": (3000, 30)}, (60, 2)
WIDTH, DIRECTIONS, RUNS = 1024, 32, 5


def rows(count: int, classes: int) -> tuple[np.ndarray, np.ndarray]:
    """Features after a ReLU, in f32: some dozens of directions and noise, as networks have."""
    random = np.random.default_rng(0)
    labels = np.arange(count) % classes
    means = random.standard_normal((classes, DIRECTIONS), dtype=np.float32)
    latent = means[labels] + random.standard_normal((count, DIRECTIONS), dtype=np.float32)
    mixed = latent @ random.standard_normal((DIRECTIONS, WIDTH), dtype=np.float32)
    noise = random.standard_normal((count, WIDTH), dtype=np.float32)
    return np.maximum(mixed + noise, 0), labels


def frame(features: np.ndarray, labels: np.ndarray) -> pl.DataFrame:
    column = pl.Series(features, dtype=pl.Array(pl.Float32, WIDTH))
    return pl.DataFrame({"embedding": column, "label": labels})


# The peers: the published definitions as a careful user writes them in NumPy, in f64.


def logme(features: np.ndarray, labels: np.ndarray) -> float:
    """The authors' ICML code: a decomposition, then a fixed point for each class."""
    f = features.astype(np.float64)
    n, d = f.shape
    # Their "truncated SVD", by way of the Gram matrix.
    _, s, vh = np.linalg.svd(f.T @ f)
    s = np.sqrt(s)
    kept = s > 1e-10
    s, u = s[kept], (f @ vh.T)[:, kept] / s[kept]
    sigma = s**2
    total = 0.0
    for c in range(labels.max() + 1):
        y = (labels == c).astype(np.float64)
        x2 = (u.T @ y) ** 2
        rest = (y**2).sum() - x2.sum()
        alpha = beta = t = 1.0
        for _ in range(11):
            gamma = (sigma / (sigma + t)).sum()
            m2 = (sigma * x2 / (t + sigma) ** 2).sum()
            res2 = (x2 / (1 + sigma / t) ** 2).sum() + rest
            # Theirs adds 1e-5 to either denominator, which moves the value in its fifth digit.
            alpha, beta = gamma / m2, (n - gamma) / res2
            before, t = t, alpha / beta
            if abs(t - before) / before <= 1e-2:
                break
        evidence = d / 2 * np.log(alpha) + n / 2 * np.log(beta)
        evidence -= 0.5 * np.log(alpha + beta * sigma).sum()
        evidence -= (beta * res2 + alpha * m2 + n * np.log(2 * np.pi)) / 2
        total += evidence / n
    return float(total / (labels.max() + 1))


def h_score(features: np.ndarray, labels: np.ndarray) -> float:
    f = features.astype(np.float64)
    means = np.zeros_like(f)
    for c in range(labels.max() + 1):
        means[labels == c] = f[labels == c].mean(axis=0)
    covariance, between = np.cov(f, rowvar=False), np.cov(means, rowvar=False)
    return float(np.trace(np.linalg.pinv(covariance, rcond=1e-15) @ between))


def shrinkage_h_score(features: np.ndarray, labels: np.ndarray) -> float:
    from sklearn.covariance import LedoitWolf

    f = features.astype(np.float64)
    fitted = LedoitWolf().fit(f)
    means = np.zeros_like(f)
    for c in range(labels.max() + 1):
        means[labels == c] = f[labels == c].mean(axis=0)
    between = np.cov(means, rowvar=False)
    share = 1 - fitted.shrinkage_
    return float(share * np.trace(np.linalg.pinv(fitted.covariance_) @ between))


def transrate(features: np.ndarray, labels: np.ndarray, eps: float = 1e-4) -> float:
    z = features.astype(np.float64)
    z -= z.mean(axis=0)

    def rate(z: np.ndarray) -> float:
        n, d = z.shape
        return float(0.5 * np.linalg.slogdet(np.eye(d) + z.T @ z / (n * eps))[1])

    within = sum((labels == c).mean() * rate(z[labels == c]) for c in range(labels.max() + 1))
    return rate(z) - float(within)


def knn(features: np.ndarray, labels: np.ndarray, k: int = 5) -> float:
    """Leave-one-out, the row itself left out by its number, as a duplicate may stand first."""
    from sklearn.neighbors import NearestNeighbors

    search = NearestNeighbors(n_neighbors=k, algorithm="brute").fit(features)
    found = search.kneighbors(return_distance=False)
    votes = np.sort(labels[found], axis=1)
    return float(
        np.mean([np.bincount(v).argmax() == y for v, y in zip(votes, labels, strict=True)])
    )


def nleep(features: np.ndarray, labels: np.ndarray) -> float:
    from sklearn.decomposition import PCA
    from sklearn.mixture import GaussianMixture

    reduced = PCA(n_components=0.8).fit_transform(features.astype(np.float64))
    classes = labels.max() + 1
    mixture = GaussianMixture(5 * classes, random_state=0).fit(reduced)
    theta = mixture.predict_proba(reduced)
    joint = np.array([theta[labels == c].sum(axis=0) for c in range(classes)]) / len(labels)
    conditional = joint / joint.sum(axis=0)
    return float(np.log((conditional[labels] * theta).sum(axis=1)).mean())


EXPRESSIONS: dict[str, Callable[[], pl.Expr]] = {
    "logme": lambda: pt.logme("embedding", "label"),
    "h_score": lambda: pt.h_score("embedding", "label"),
    "shrinkage_h_score": lambda: pt.shrinkage_h_score("embedding", "label"),
    "transrate": lambda: pt.transrate("embedding", "label"),
    "knn_accuracy": lambda: pt.knn_accuracy("embedding", "label"),
    "nleep": lambda: pt.nleep("embedding", "label"),
}
PEERS: dict[str, Callable[[np.ndarray, np.ndarray], float]] = {
    "logme": logme,
    "h_score": h_score,
    "shrinkage_h_score": shrinkage_h_score,
    "transrate": transrate,
    "knn_accuracy": knn,
    "nleep": nleep,
}
# How far apart the values may be; None where the definitions leave room (the start of EM).
AGREE: dict[str, float | None] = {
    **dict.fromkeys(("logme", "h_score", "shrinkage_h_score", "transrate"), 1e-6),
    "knn_accuracy": 1e-3,  # in single precision near-equal distances change places
    "nleep": None,
}


# The first run of a side. A tiny one comes first, so that libraries are not counted as the call's.
CHILD = """
import sys
sys.path.insert(0, sys.argv[3])
import scores

name, side = sys.argv[1:3]
scores.prepared(name, side, tiny=True)()
call = scores.prepared(name, side)
forget_peak()
seconds, value = scores.timed(call)
print(beyond(), seconds, value)
"""


def timed(call: Callable[[], float]) -> tuple[float, float]:
    start = time.process_time()
    value = call()
    return time.process_time() - start, value


def compare(name: str) -> str:
    here = Path(__file__).parent
    ours, peers = (in_child(CHILD, name, side, here) for side in ("ours", "peer"))
    memory = ours[0], peers[0]
    mine, theirs, values = [ours[1]], [peers[1]], (ours[2], peers[2])
    our_call, peer_call = (prepared(name, side) for side in ("ours", "peer"))
    for _ in range(RUNS - 1):
        mine.append(timed(our_call)[0])
        theirs.append(timed(peer_call)[0])
    allowed = AGREE[name]
    if allowed is not None and abs(values[0] - values[1]) > allowed * max(1.0, abs(values[1])):
        sys.exit(f"{name}: {values[0]} is not {values[1]}")
    ratios = sorted(p / o for p, o in zip(theirs, mine, strict=True))
    return (
        f"{name:18} ours {statistics.median(mine):6.3f} s  "
        f"peer {statistics.median(theirs):7.3f} s  "
        f"peer/ours {ratios[0]:5.1f} / {statistics.median(ratios):5.1f} / {ratios[-1]:5.1f}  "
        f"memory {memory[0]:5.0f} and {memory[1]:5.0f} MiB"
    )


def prepared(name: str, side: str, tiny: bool = False) -> Callable[[], float]:
    """The call of one side, holding the rows in no other form than it reads."""
    features, labels = rows(*(TINY if tiny else SHAPES.get(name, SHAPE)))
    if side == "peer":
        return lambda: PEERS[name](features, labels)
    table = frame(features, labels)
    return lambda: float(table.select(EXPRESSIONS[name]()).item())


def together(table: pl.DataFrame) -> str:
    spectral = ["logme", "h_score", "shrinkage_h_score", "transrate", "gbc"]
    several = pt.scores("embedding", "label", scores=spectral)
    singles = [getattr(pt, name)("embedding", "label") for name in spectral]
    ratios = []
    for _ in range(3):
        start = time.process_time()
        table.select(several)
        middle = time.process_time()
        for single in singles:
            table.select(single)
        ratios.append((time.process_time() - middle) / (middle - start))
        last = middle - start
    return (
        f"scores of {', '.join(spectral)}: {last:.3f} s; one by one takes "
        f"{min(ratios):.1f} / {statistics.median(ratios):.1f} / {max(ratios):.1f} times as long"
    )


def alone(table: pl.DataFrame) -> str:
    found = []
    for name in ("gbc", "parc", "sfda", "etran", "ncti"):
        start = time.process_time()
        table.select(getattr(pt, name)("embedding", "label"))
        found.append(f"{name} {time.process_time() - start:.3f} s")
    return "without a peer: " + ", ".join(found)


def main() -> None:
    (count, classes), few = SHAPE, SHAPES["nleep"]
    print(
        f"{count} x {WIDTH}, {classes} classes (nleep: {few[0]} and {few[1]}), f32; median of "
        f"{RUNS} runs, ratios min / median / max, processor seconds, one thread; memory beyond the "
        "rows, ours and the peer's",
        flush=True,
    )
    for name in EXPRESSIONS:
        print(compare(name), flush=True)
    table = frame(*rows(*SHAPE))
    print(together(table))
    print(alone(table))


if __name__ == "__main__":
    require_one_thread()
    main()
