"""Peak memory beyond the input, as a share of the table: each call in a process of its own."""

from __future__ import annotations

import subprocess
import sys

ROWS, WIDTH, CLASSES, TARGET_ROWS, TARGET_CLASSES = 20_000, 1024, 200, 1000, 10
CALLS = ("transfer_bound", "transfer_bound identity", "wasserstein", "linear_probe", "logme")
DTYPES = ("Array", "List")

CHILD = f"""
import sys
import numpy as np
import polars as pl
import polars_transferability as pt

call, kind = sys.argv[1:]
n, m, d = {ROWS}, {TARGET_ROWS}, {WIDTH}
rng = np.random.default_rng(0)
label = np.concatenate([np.arange(n) % {CLASSES}, np.arange(m) % {TARGET_CLASSES}])
task = np.repeat(["source", "target"], [n, m])
values = rng.standard_normal((n + m, d), dtype=np.float32)
values += (label % 50)[:, None] * 0.02
column = pl.Series(values, dtype=pl.Array(pl.Float32, d))
if kind == "List":
    column = column.arr.to_list()
frame = pl.DataFrame({{"embedding": column, "label": label, "task": task}})
frame = frame.with_columns(fit=pl.int_range(pl.len()) // {CLASSES} % 5 != 0)
del values, column
tasks = [pt.task(where=pl.col("task") == name, fit="fit") for name in ("source", "target")]
level = "identity" if call.endswith("identity") else "all"
near = pl.col("embedding").filter(pl.col("task") == "target")
expression = {{
    "transfer_bound": lambda: pt.transfer_bound(*tasks, transform=level),
    "wasserstein": lambda: pt.wasserstein(near, near.reverse()),
    "linear_probe": lambda: pt.linear_probe("embedding", "label", l2=0.1),
    "logme": lambda: pt.logme("embedding", "label"),
}}[call.split()[0]]()


def status(name):
    with open("/proc/self/status") as lines:
        return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(name))


with open("/proc/self/clear_refs", "w") as peak:
    peak.write("5")  # forget the peak of making the table
before = status("VmRSS")
frame.select(expression)
print((status("VmHWM") - before) / 2**20, (n + m) * d * 4 / 2**20)
"""


def main() -> None:
    print(f"peak beyond the input, {ROWS + TARGET_ROWS} x {WIDTH} Float32, {CLASSES} classes")
    for call in CALLS:
        for kind in DTYPES:
            child = subprocess.run(
                [sys.executable, "-c", CHILD, call, kind],
                check=True,
                capture_output=True,
                text=True,
            )
            beyond, table = map(float, child.stdout.split())
            print(
                f"{call:24} {kind:6} {beyond:7.1f} MiB  {beyond / table:7.1%} of the table",
                flush=True,
            )


if __name__ == "__main__":
    main()
