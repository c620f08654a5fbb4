"""Ours against the peer on the same input, in one process, on one thread; prints ratios."""

from __future__ import annotations

import time
import warnings
from pathlib import Path

import numpy as np
import ot
import polars as pl
import polars_transferability as pt
from measure import require_one_thread, spread

ROOT = Path(__file__).parent.parent
RUNS = 5
SIZES = (
    *((200, 200), (200, 150), (500, 500), (500, 350), (1000, 1000), (1000, 700)),
    *((2500, 2500), (2500, 1500), (5000, 5000), (5000, 3000)),
)


def transport(n: int, m: int) -> None:
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(n, 64)), rng.normal(size=(m, 64))
    weights = rng.random(n), rng.random(m)
    for name, masses in (("uniform", (None, None)), ("weighted", weights)):
        against_pot(f"transport n={n:5} m={m:5} {name:8}", x, y, masses)


def real_transport() -> None:
    """The rows of one class on either side, as in the class-conditional distance."""
    frame = pl.read_parquet(ROOT / "data" / "lenet-mnist.parquet")
    frame = frame.filter(pl.col("split") == "train")
    for source, target, label in (("mnist", "kmnist", 3), ("fashion-mnist", "mnist", 1)):
        sides = [
            frame.filter(pl.col("task") == task, pl.col("label") == label)["embedding"].to_numpy()
            for task in (source, target)
        ]
        x, y = (side.astype(np.float64) for side in sides)
        against_pot(f"transport {source}, {target}, {len(x)} x {len(y)}", x, y, (None, None))
    both = [frame.filter(pl.col("task") == t)["embedding"].to_numpy() for t in ("mnist", "kmnist")]
    x, y = (side.astype(np.float64) for side in both)
    against_pot(f"transport mnist, kmnist, {len(x)} x {len(y)}", x, y, (None, None))


Masses = tuple[np.ndarray | None, np.ndarray | None]


def against_pot(what: str, x: np.ndarray, y: np.ndarray, masses: Masses) -> None:
    def column(values: np.ndarray) -> pl.Expr:
        return pl.lit(pl.Series(values, dtype=pl.Array(pl.Float64, values.shape[1])))

    names = ("x_weight", "y_weight")
    given = {k: pl.lit(pl.Series(v)) for k, v in zip(names, masses, strict=True) if v is not None}
    call = pt.wasserstein(column(x), column(y), **given)
    left, right = (
        np.full(len(side), 1 / len(side)) if mass is None else mass / mass.sum()
        for side, mass in ((x, masses[0]), (y, masses[1]))
    )

    # A small problem takes milliseconds, so a run is several of them.
    repeats = max(1, round(3e7 / (x.size * len(y))))

    def ours() -> float:
        return float(pl.select(call).item())

    def peer() -> tuple[float, float]:
        """The optimum, and the seconds of `emd2` alone."""
        cost = ot.dist(x, y, metric="euclidean")
        start = time.process_time()
        with warnings.catch_warnings():
            warnings.simplefilter("error")  # POT only warns when it stops short
            value = float(ot.emd2(left, right, cost, numItermax=10**9))
        return value, time.process_time() - start

    # The first call of a small problem, which takes microseconds, also loads code and fills caches.
    if x.size * len(y) < 1e8:
        ours(), peer()
    mine, theirs, alone = [], [], []
    for _ in range(RUNS):
        start = time.process_time()
        for _ in range(repeats):
            found = ours()
        mine.append((time.process_time() - start) / repeats)
        start = time.process_time()
        seconds = 0.0
        for _ in range(repeats):
            optimum, of_this = peer()
            seconds += of_this
        theirs.append((time.process_time() - start) / repeats)
        alone.append(seconds / repeats)
        assert abs(found / optimum - 1) < 1e-9, "not the same optimum"
    print(
        f"{what}  ours {spread(mine)} s  POT {spread(theirs)} s  "
        f"POT/ours {spread([p / o for o, p in zip(mine, theirs, strict=True)], 1)}  "
        f"emd2 alone/ours {spread([p / o for o, p in zip(mine, alone, strict=True)], 1)}",
        flush=True,
    )


def main() -> None:
    require_one_thread()
    print("times and ratios: min / median / max of", RUNS, "runs, processor seconds, one thread;")
    print("ours computes the costs too, POT's time is that of ot.dist and ot.emd2")
    for n, m in SIZES:
        transport(n, m)
    real_transport()


if __name__ == "__main__":
    main()
