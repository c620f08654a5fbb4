"""Where the time of `transfer_bound` goes: by level, and by part where `perf` is at hand."""

from __future__ import annotations

import re
import shutil
import subprocess
import tempfile
from collections import Counter
from pathlib import Path

from measure import child_command, in_child, require_one_thread

ROOT = Path(__file__).parent.parent
SHARED = ROOT.parent / "shared" / "embeddings"
CASES = {
    "LeNet": (str(ROOT / "data" / "lenet-mnist.parquet"), "mnist", "fashion-mnist"),
    "MobileNet": (
        str(SHARED / "mobilenet_v2_1.0_224.parquet"),
        "tiny-imagenet-a",
        "cifar10",
    ),
    "1000 classes": ("synthetic", "source", "target"),
}
LEVELS = ("identity", "all")
# A sample belongs to the first part that one of its callers names.
PARTS = {
    "head fit": "head::logistic",
    "assignment": "transport::exact::assignment",
    "joint descent, rest": "joint_descent",
    "network simplex": "network_simplex",
    "losses and other costs": "bound::certificate|transport::",
    "decompositions": "symmetric_eigen|Basis::fit",
    "covariances and scatter": (
        "rows::(moments|class_scatter)|linalg::gram|discriminant|label_map|separated_map"
    ),
    "reading rows": "plugin::(embedding|task|inputs)|canonical|row_order|affine_rows",
}
OURS = "polars_transferability"
# Hand-written kernels without the tables that a stack is read by.
PRODUCT = "gemm_"
# Solvers that multiply no matrices, and who does around them.
AROUND = {"assignment": "joint descent, rest", "network simplex": "losses and other costs"}

CHILD = """
import sys
import time
import numpy as np
import polars as pl
import polars_transferability as pt

path, source, target, *levels = sys.argv[1:]


def random(rows, width, classes, other_rows, other_classes):
    rng = np.random.default_rng(0)
    label = np.concatenate([np.arange(rows) % classes, np.arange(other_rows) % other_classes])
    means = 0.3 * rng.standard_normal((classes, width), dtype=np.float32)
    values = rng.standard_normal((rows + other_rows, width), dtype=np.float32)
    values *= 2
    for row, of in zip(values, label):
        row += means[of]
    row = pl.int_range(pl.len())
    turn = pl.when(row < rows).then(row // classes).otherwise((row - rows) // other_classes)
    return pl.DataFrame(
        {"embedding": pl.Series(values, dtype=pl.Array(pl.Float32, width)), "label": label}
    ).with_columns(
        task=pl.when(row < rows).then(pl.lit("source")).otherwise(pl.lit("target")),
        split=pl.when(turn % 5 > 0).then(pl.lit("train")).otherwise(pl.lit("test")),
    )


tiny = random(20, 3, 2, 20, 2)
if path == "synthetic":
    frame = random(50_000, 2048, 1000, 2000, 10)
else:
    frame = pl.read_parquet(path)


def bound(level, *names):
    tasks = [pt.task(where=pl.col("task") == n, fit=pl.col("split") == "train") for n in names]
    return pt.transfer_bound(*tasks, transform=level)


tiny.select(bound("all", "source", "target"))
runs = 1 if path == "synthetic" else 2
for level in levels:
    forget_peak()
    start = time.process_time()
    for _ in range(runs):
        frame.select(bound(level, source, target))
    print((time.process_time() - start) / runs, beyond())
"""


def by_level(case: str) -> str:
    found = in_child(CHILD, *CASES[case], *LEVELS)
    return "  ".join(
        f"{level} {seconds:.3f} s, {memory:.0f} MiB"
        for level, seconds, memory in zip(LEVELS, found[::2], found[1::2], strict=True)
    )


def stacks(case: str) -> list[str]:
    """Functions and their callers, one text a sample, in the order of time."""
    with tempfile.TemporaryDirectory() as folder:
        data = f"{folder}/perf.data"
        record = ["perf", "record", "--quiet", "--output", data, "--freq=499"]
        record += ["--event=cpu-clock:u", "--call-graph=dwarf,16384"]
        command = [*record, *child_command(CHILD, *CASES[case], "all")]
        subprocess.run(command, check=True, capture_output=True)
        script = ["perf", "script", "--input", data, "--fields=ip,sym", "--no-inline"]
        output = subprocess.run(script, check=True, capture_output=True, text=True).stdout
    return output.split("\n\n")


def shares(samples: list[str]) -> str:
    """Of the samples in the extension.

    One in a matrix product shows no caller. It counts for the part of the last sample before it
    that shows one, or for what is around that: on one thread parts follow each other in time.
    """
    parts: Counter[str] = Counter()
    products, part = 0, "other"
    for sample in samples:
        if OURS in sample:
            fits = (name for name, pattern in PARTS.items() if re.search(pattern, sample))
            part = next(fits, "other")
        elif PRODUCT in sample:
            products += 1
            part = AROUND.get(part, part)
        else:
            continue
        parts[part] += 1
    total = sum(parts.values())
    if total == products:
        return "the module has no symbols: no shares"
    shown = ", ".join(f"{part} {count / total:.0%}" for part, count in parts.most_common())
    return f"{shown}; of all this, matrix products {products / total:.0%}"


def main() -> None:
    require_one_thread()
    print("by level: processor seconds on one thread, and memory beyond the input; shares of `all`")
    for case, (path, *_) in CASES.items():
        if path != "synthetic" and not Path(path).exists():
            print(f"no {Path(path).name} beside the checkout: {case} is left out")
            continue
        print(f"{case:14} {by_level(case)}", flush=True)
        if shutil.which("perf") is None:
            print(f"{'':14} perf is not installed: no shares")
        else:
            print(f"{'':14} {shares(stacks(case))}", flush=True)


if __name__ == "__main__":
    main()
