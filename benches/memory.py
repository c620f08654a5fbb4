"""Peak memory beyond the input, as a share of the table: each call in a process of its own.

A call may hold one cost matrix; it is taken off, and printed beside. The code is loaded by the same
call on a tiny table first: what Polars and the interpreter take then is not the call's.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from measure import in_child

# Rows and classes of the source, rows and classes of the target, width.
SHAPES = (
    (200_000, 100, 2_000, 10, 256),
    (60_000, 10, 6_000, 10, 768),
    (20_000, 200, 1_000, 10, 1024),
)
CALLS = ("transfer_bound", "transfer_bound identity", "wasserstein", "linear_probe", "logme")
DTYPES = ("Array", "List")

CHILD = """
import sys
import numpy as np
import polars as pl
import polars_transferability as pt

call, kind = sys.argv[1:3]
n, classes, m, target_classes, width = map(int, sys.argv[3:])
rng = np.random.default_rng(0)


def table(n, classes, m, target_classes, width):
    label = np.concatenate([np.arange(n) % classes, np.arange(m) % target_classes])
    task = np.repeat(["source", "target"], [n, m])
    values = rng.standard_normal((n + m, width), dtype=np.float32)
    values += (label % 50)[:, None] * np.float32(0.02)
    column = pl.Series(values, dtype=pl.Array(pl.Float32, width))
    if kind == "List":
        column = column.arr.to_list()
    frame = pl.DataFrame({"embedding": column, "label": label, "task": task})
    index = pl.int_range(pl.len())
    of_source = pl.col("task") == "source"
    turn = pl.when(of_source).then(index // classes).otherwise(index // target_classes)
    return frame.with_columns(fit=turn % 5 != 0)


tasks = [pt.task(where=pl.col("task") == name, fit="fit") for name in ("source", "target")]
level = "identity" if call.endswith("identity") else "all"
expression = {
    "transfer_bound": lambda: pt.transfer_bound(*tasks, transform=level),
    "wasserstein": lambda: pt.wasserstein("embedding", "other"),
    "linear_probe": lambda: pt.linear_probe("embedding", "label", l2=0.1),
    "logme": lambda: pt.logme("embedding", "label"),
}[call.split()[0]]()


def points(frame, rows):
    # The target's rows, beside the same in another order.
    frame = frame.tail(rows)
    return pl.DataFrame([frame["embedding"], frame["embedding"].reverse().alias("other")])


frame, tiny = table(n, classes, m, target_classes, width), table(30, 2, 30, 2, 3)
if call == "wasserstein":
    frame, tiny = points(frame, m), points(tiny, 30)
tiny.select(expression)
forget_peak()
frame.select(expression)
print(beyond())
"""


def cost_matrix(call: str, shape: tuple[int, int, int, int, int]) -> float:
    """MiB of the largest: of one class's rows on either side, of all rows for a distance.

    A bound is evaluated on the fifth of the rows that is not fitted to, and candidates on a
    quarter of the others, which are as many.
    """
    n, classes, m, target_classes, _ = shape
    if call == "wasserstein":
        return m * m * 8 / 2**20
    if call.startswith("transfer_bound"):
        return (n / classes * 0.2) * (m / target_classes * 0.2) * 8 / 2**20
    return 0.0


def main() -> None:
    print("MiB beyond the input at the peak; share of the table without one cost matrix")
    for shape in SHAPES:
        n, classes, m, target_classes, width = shape
        row = width * 4 / 2**20
        print(
            f"{n + m} x {width} Float32, {(n + m) * row:.0f} MiB, {classes} and {target_classes} "
            f"classes (wasserstein: {m} and {m} of the rows, {2 * m * row:.0f} MiB); "
            f"a width x width matrix in f64: {width * width * 8 / 2**20:.1f} MiB"
        )
        kinds = DTYPES if shape == SHAPES[0] else DTYPES[:1]
        cases = [(call, kind) for call in CALLS for kind in kinds]
        # Two at a time: here nothing is timed.
        with ThreadPoolExecutor(2) as pool:
            jobs = [pool.submit(in_child, CHILD, *case, *shape) for case in cases]
        for (call, kind), job in zip(cases, jobs, strict=True):
            (beyond,) = job.result()
            matrix = cost_matrix(call, shape)
            table = row * (2 * m if call == "wasserstein" else n + m)
            print(
                f"  {call:24} {kind:6} {beyond:7.1f} MiB, of which costs {matrix:5.1f} MiB  "
                f"{(beyond - matrix) / table:7.1%} of the table",
                flush=True,
            )


if __name__ == "__main__":
    main()
