"""Ours against the peer on the same input, in one process, on one thread; prints ratios."""

from __future__ import annotations

import json
import os
import statistics
import sys
import time
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
import ot
import polars as pl
import polars_transferability as pt

ROOT = Path(__file__).parent.parent
RUNS = 5
# Read when the libraries load, so they must be set before this starts.
THREADS = ("POLARS_MAX_THREADS", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS")


def timed(call: Callable[[], object]) -> float:
    start = time.process_time()
    call()
    return time.process_time() - start


def spread(values: list[float], digits: int = 3) -> str:
    return " / ".join(f"{f(values):.{digits}f}" for f in (min, statistics.median, max))


def transport(n: int, m: int) -> None:
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(n, 64)), rng.normal(size=(m, 64))
    a, b = rng.random(n), rng.random(m)
    a, b = a / a.sum(), b / b.sum()
    height = max(n, m)

    def column(values: np.ndarray) -> pl.Series:
        return pl.Series(values, dtype=pl.Array(pl.Float64, 64))

    frames = pl.DataFrame({"x": column(x), "a": a}), pl.DataFrame({"y": column(y), "b": b})
    frame = pl.concat([f.with_row_index("i") for f in frames], how="align").sort("i")
    for weighted in (False, True):
        weights = {"x_weight": "a", "y_weight": "b"} if weighted else {}
        kept = {k: pl.col(v).head(n if k == "x_weight" else m) for k, v in weights.items()}
        ours_call = pt.wasserstein(pl.col("x").head(n), pl.col("y").head(m), **kept)

        def ours(call: pl.Expr = ours_call) -> float:
            return float(frame.select(call).item())

        def peer(weighted: bool = weighted) -> float:
            left = a if weighted else np.full(n, 1 / n)
            right = b if weighted else np.full(m, 1 / m)
            cost = ot.dist(x, y, metric="euclidean")
            with warnings.catch_warnings():
                warnings.simplefilter("error")  # POT only warns when it stops short
                return float(ot.emd2(left, right, cost, numItermax=10**9))

        assert abs(ours() / peer() - 1) < 1e-9, "not the same optimum"
        times = [(timed(ours), timed(peer)) for _ in range(RUNS)]
        ratios = [p / o for o, p in times]
        print(
            f"transport n={n:5} m={m:5} {'weighted' if weighted else 'uniform ':8}  "
            f"ours {spread([t[0] for t in times])} s  POT {spread([t[1] for t in times])} s  "
            f"POT/ours {spread(ratios, 2)}",
            flush=True,
        )
    assert height == frame.height


def bounds() -> None:
    published = {}
    figures = ROOT.parent / "shared" / "reference" / "published_algorithm.json"
    if figures.exists():
        for row in json.loads(figures.read_text()):
            seconds = row["head_cpu_s"] + row["transform_cpu_s"]
            published[row["model"], row["source"], row["target"]] = seconds
    else:
        print("no shared/ beside the checkout: the published algorithm's times are left out")
    train = pl.col("split") == "train"
    for model, source in (("lenet-mnist", "mnist"), ("lenet-kmnist", "kmnist")):
        frame = pl.read_parquet(ROOT / "data" / f"{model}.parquet")
        for target in ("mnist", "fashion-mnist", "kmnist"):
            if target == source:
                continue
            tasks = [pt.task(where=pl.col("task") == t, fit=train) for t in (source, target)]

            call = pt.transfer_bound(*tasks)

            def ours(frame: pl.DataFrame = frame, call: pl.Expr = call) -> pl.DataFrame:
                return frame.select(call)

            ours()
            times = [timed(ours) for _ in range(RUNS)]
            seconds = published.get((model, source, target))
            peer = f"  published {seconds:.0f} s (other machine)" if seconds else ""
            ratio = f"  published/ours {seconds / statistics.median(times):.0f}" if seconds else ""
            print(
                f"transfer_bound {model} {source} -> {target:13} {spread(times)} s{peer}{ratio}",
                flush=True,
            )


if __name__ == "__main__":
    if {os.environ.get(name) for name in THREADS} != {"1"}:
        sys.exit(f"one thread for both sides: set {', '.join(THREADS)} to 1, or use `make bench`")
    print("times and ratios: min / median / max of", RUNS, "runs, processor seconds, one thread")
    for n, m in ((200, 200), (500, 500), (1000, 1000), (1000, 700), (2500, 2500)):
        transport(n, m)
    bounds()
