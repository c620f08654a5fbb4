"""One thread against two: wall time in processes that differ only in POLARS_MAX_THREADS.

Each process takes the less of two calls, so that other programs disturb it less."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys

RUNS = 5
CALLS = ("many small groups", "pairs of tasks", "one big group", "one bound")

CHILD = """
import sys
import time
import numpy as np
import polars as pl
import polars_transferability as pt

rng = np.random.default_rng(0)


def table(rows, width, classes):
    label = np.arange(rows) % classes
    values = rng.standard_normal((rows, width), dtype=np.float32) + 0.05 * label[:, None]
    column = pl.Series(values.astype(np.float32), dtype=pl.Array(pl.Float32, width))
    return pl.DataFrame({"embedding": column, "label": label})


if sys.argv[1] == "many small groups":
    frame = table(200 * 60, 32, 5).with_columns(group=pl.int_range(pl.len()) // 60)
    query = frame.lazy().group_by("group").agg(pt.linear_probe("embedding", "label", l2=0.01))
elif sys.argv[1] == "pairs of tasks":
    frame = table(3 * 600, 64, 5).with_columns(task=pl.int_range(pl.len()) // 600)
    query = frame.lazy().select(pt.transfer_bounds("embedding", "label", "task"))
elif sys.argv[1] == "one big group":
    query = table(10_000, 256, 20).lazy().select(pt.linear_probe("embedding", "label", l2=0.01))
else:
    frame = table(4000, 128, 20).with_columns(task=pl.int_range(pl.len()) // 2000)
    tasks = [pt.task(where=pl.col("task") == task) for task in (0, 1)]
    query = frame.lazy().select(pt.transfer_bound(*tasks))
times = []
for _ in range(2):
    start = time.perf_counter()
    query.collect()
    times.append(time.perf_counter() - start)
print(min(times))
"""


def seconds(call: str, threads: int) -> float:
    environment = {**os.environ, "POLARS_MAX_THREADS": str(threads)}
    child = [sys.executable, "-c", CHILD, call]
    output = subprocess.run(child, check=True, capture_output=True, text=True, env=environment)
    return float(output.stdout)


def main() -> None:
    print(
        "least wall seconds on one thread and on two: medians, and the ratio's min / median / max"
    )
    for call in CALLS:
        times = [(seconds(call, 1), seconds(call, 2)) for _ in range(RUNS)]
        one, two = (statistics.median(side) for side in zip(*times, strict=True))
        ratios = [a / b for a, b in times]
        shown = " / ".join(f"{f(ratios):.2f}" for f in (min, statistics.median, max))
        print(f"{call:20} {one:.3f} s  {two:.3f} s  {shown}", flush=True)


if __name__ == "__main__":
    main()
