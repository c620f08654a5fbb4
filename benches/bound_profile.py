"""Where the time of `transfer_bound` goes: by level, and by function where `perf` is at hand."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).parent.parent
CASES = ("LeNet", "MobileNet", "1000 classes")
LEVELS = ("identity", "features", "all")
# Parts by what a function's name contains, the first that fits.
PARTS = {
    "head fit": r"logistic|curvature|softmax|lbfgs",
    "assignment": r"assignment",
    "network simplex": r"network_simplex|pricing|lowest_difference|cost_rows",
    "joint descent": r"joint_descent",
    "margin costs": r"ground_cost|distance_rows",
    "products and decompositions": r"gemm|faer|matmul|private_gemm|nano_gemm|pulp",
    "reading rows": r"basis|affine_rows|table|row_order|memmove|memcpy|embedding",
}

CHILD = """
import sys
import time
import numpy as np
import polars as pl
import polars_transferability as pt

case, level, data, shared = sys.argv[1:]
names, train = ("source", "target"), pl.col("split") == "train"
if case == "LeNet":
    names = ("mnist", "fashion-mnist")
    frame = pl.read_parquet(data + "/lenet-mnist.parquet")
elif case == "MobileNet":
    names = ("tiny-imagenet-a", "cifar10")
    frame = pl.read_parquet(shared + "/embeddings/mobilenet_v2_1.0_224.parquet")
else:
    rng = np.random.default_rng(0)
    label = np.concatenate([np.arange(50_000) % 1000, np.arange(2000) % 10])
    means = rng.standard_normal((1000, 2048), dtype=np.float32)
    values = 2 * rng.standard_normal((52_000, 2048), dtype=np.float32)
    values += 0.3 * means[label]
    column = pl.Series(values, dtype=pl.Array(pl.Float32, 2048))
    frame = pl.DataFrame({"embedding": column, "label": label})
    del values, column
    row = pl.int_range(pl.len())
    task = pl.when(row < 50_000).then(pl.lit("source")).otherwise(pl.lit("target"))
    split = pl.when((row // 1000) % 5 > 0).then(pl.lit("train")).otherwise(pl.lit("test"))
    split = pl.when(row < 50_000).then(split).otherwise(
        pl.when((row // 10) % 2 > 0).then(pl.lit("train")).otherwise(pl.lit("test"))
    )
    frame = frame.with_columns(task=task, split=split)
tasks = [pt.task(where=pl.col("task") == name, fit=train) for name in names]
runs = 1 if case == "1000 classes" else 3
call = pt.transfer_bound(*tasks, transform=level)
start = time.process_time()
for _ in range(runs):
    frame.select(call)
print((time.process_time() - start) / runs)
"""


def command(case: str, level: str) -> list[str]:
    places = [str(ROOT / "data"), str(ROOT.parent / "shared")]
    return [sys.executable, "-c", CHILD, case, level, *places]


def seconds(case: str, level: str) -> float:
    output = subprocess.run(command(case, level), check=True, stdout=subprocess.PIPE, text=True)
    return float(output.stdout)


def shares(case: str) -> str:
    """Of the samples inside the extension."""
    with tempfile.TemporaryDirectory() as folder:
        data = f"{folder}/perf.data"
        record = ["perf", "record", "--quiet", "--output", data, *command(case, "all")]
        subprocess.run(record, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        report = [
            "perf",
            "report",
            "--input",
            data,
            "--stdio",
            "--no-children",
            "--sort=dso,symbol",
        ]
        lines = subprocess.run(report, check=True, capture_output=True, text=True).stdout
    parts: Counter[str] = Counter()
    for line in lines.splitlines():
        found = re.match(r"\s*([\d.]+)%\s+(\S+)\s+\[.\] (.*)", line)
        if found is None or "_internal" not in found[2]:
            continue
        fits = (part for part, pattern in PARTS.items() if re.search(pattern, found[3]))
        parts[next(fits, "other")] += float(found[1])
    total = sum(parts.values())
    return ", ".join(f"{part} {share / total:.0%}" for part, share in parts.most_common())


def main() -> None:
    print("processor seconds by level, one thread")
    for case in CASES:
        if case == "MobileNet" and not (ROOT.parent / "shared").exists():
            print("no shared/ beside the checkout: MobileNet is left out")
            continue
        times = (f"{level} {seconds(case, level):.3f} s" for level in LEVELS)
        print(f"{case:14} {'  '.join(times)}", flush=True)
        if shutil.which("perf") is None:
            print(f"{'':14} perf is not installed: no shares")
        else:
            print(f"{'':14} {shares(case)}", flush=True)


if __name__ == "__main__":
    main()
