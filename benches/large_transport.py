"""Transport of many points: the certified interval, and the optimum where it takes minutes at most.

Gaussian points of 64 coordinates whose means are 0.3 apart in each, float32, equally many on both
sides. Each line is a process of its own on all threads. Memory is that beyond the input.
"""

from __future__ import annotations

from measure import in_child

WIDTH = 64
# Rows of a side, and the tolerances that are asked for; zero is the optimum.
PROBLEMS = (
    (10_000, (0.02, 0)),
    (20_000, (0.02, 0)),
    (50_000, (0.02,)),
    (100_000, (0.02,)),
)

CHILD = """
import sys
import time
import numpy as np
import polars as pl
import polars_transferability as pt

n, width, tolerance = int(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3])
rng = np.random.default_rng(0)


def points(n, mean):
    values = rng.standard_normal((n, width), dtype=np.float32)
    values += np.float32(mean)
    return pl.Series(values, dtype=pl.Array(pl.Float32, width))


interval = pt.wasserstein_interval("x", "y", tolerance=tolerance)
frame = pl.DataFrame({"x": points(n, 0), "y": points(n, 0.3)})
frame.head(20).select(interval)
forget_peak()
start, cpu = time.perf_counter(), time.process_time()
found = frame.select(interval).to_series()
seconds, cpu = time.perf_counter() - start, time.process_time() - cpu
row = found.struct.unnest().row(0, named=True)
print(seconds, cpu, beyond(), row["lower"], row["upper"], row["gap"])
"""


def main() -> None:
    for n, tolerances in PROBLEMS:
        for tolerance in tolerances:
            seconds, cpu, memory, lower, upper, gap = in_child(CHILD, n, WIDTH, tolerance)
            print(
                f"interval n={n:7} tolerance {tolerance:4}  {seconds:6.1f} s, "
                f"processor {cpu:6.1f} s  {memory:4.0f} MiB  "
                f"lower {lower:.4f}  upper {upper:.4f}  gap {gap:.4g}",
                flush=True,
            )


if __name__ == "__main__":
    main()
