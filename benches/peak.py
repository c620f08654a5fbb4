"""How far kernels are from the machine: flops against a matrix product, bytes against a copy.

Only the flops and bytes that the method needs are counted, once, so shares are lower bounds.
"""

from __future__ import annotations

import numpy as np
import polars as pl
import polars_transferability as pt
from measure import spread, timed

RUNS = 5


def table(rows: int, width: int, classes: int) -> pl.DataFrame:
    rng = np.random.default_rng(0)
    values = rng.standard_normal((rows, width), dtype=np.float32)
    column = pl.Series(values, dtype=pl.Array(pl.Float32, width))
    return pl.DataFrame({"x": column, "y": np.arange(rows) % classes})


def report(what: str, work: float, limit: float, unit: str, seconds: list[float]) -> None:
    rates = [work / s / 1e9 for s in seconds]
    shares = [100 * rate / limit for rate in rates]
    print(f"{what:52} {spread(rates, 1)} {unit}  {spread(shares, 0)} % of the limit", flush=True)


def main() -> None:
    a = np.random.default_rng(0).standard_normal((2048, 2048))
    product = max(2 * 2048**3 / timed(lambda: a @ a) / 1e9 for _ in range(RUNS))
    large = np.ones(1 << 26)
    target = np.empty_like(large)
    copy = max(
        2 * large.nbytes / timed(lambda: np.copyto(target, large)) / 1e9 for _ in range(RUNS)
    )
    print(
        f"limits: {product:.1f} GFLOP/s in a product of f64, {copy:.1f} GB/s in a copy; one thread"
    )

    def run(frame: pl.DataFrame, call: pl.Expr) -> list[float]:
        frame.select(call)
        return [timed(lambda: frame.select(call)) for _ in range(RUNS)]

    n, d = 40_000, 512
    frame = table(n, d, 50)
    # Half of the symmetric product.
    seconds = run(frame, pt.moments("x", "y"))
    report(f"moments {n} x {d}: scatter", n * d**2, product, "GFLOP/s", seconds)
    report(
        f"logme {n} x {d}: scatter", n * d**2, product, "GFLOP/s", run(frame, pt.logme("x", "y"))
    )
    rng = np.random.default_rng(1)
    points = [
        pl.lit(pl.Series(rng.standard_normal((2000, 1024)), dtype=pl.Array(pl.Float64, 1024)))
        for _ in range(2)
    ]
    n, d = 2000, 1024
    seconds = run(
        pl.DataFrame(), pt.sinkhorn_divergence(*points, epsilon=1e6, max_iterations=10_000)
    )
    report(
        f"sinkhorn at a large epsilon, three {n} x {n} x {d} costs",
        3 * 2 * n * n * d,
        product,
        "GFLOP/s",
        seconds,
    )
    n, d = 400_000, 64
    frame = table(n, d, 2)
    seconds = run(frame, pt.moments("x", "y"))
    report(f"moments {n} x {d}: the table once", n * d * 4, copy, "GB/s", seconds)


if __name__ == "__main__":
    main()
