"""Moments of a table larger than memory: seconds, megabytes a second and peak memory.

    python benches/large_table.py FOLDER [--gigabytes 20]

makes the table in FOLDER unless it is there (real rows with noise, a file of a gigabyte a model),
and compares `pt.scan_summaries` with what bounds it from below, decoding the column (Polars sums
it), and with the usual way, batches of pyarrow and NumPy. Then time against rows, files and keys,
and whether a part that fits into memory has the same scores there. Each call has a process of its
own and two threads.
"""

from __future__ import annotations

import argparse
import os
import statistics
from pathlib import Path

import numpy as np
import polars as pl
from measure import in_child

ROWS = Path(__file__).parents[1] / "data" / "zoo" / "imagenet-mobilenetv1-0.25.parquet"
PER_FILE = 1_000_000
GROUP = 50_000
NOISE = 0.05
RUNS = 3

OURS = """
import sys, time
import polars as pl
import polars_transferability as pt

columns = sys.argv[2].split(",")
forget_peak()
start = time.perf_counter()
found = pt.scan_summaries(sys.argv[1]).select("model", "task", *columns).collect()
print(time.perf_counter() - start, beyond(), found.height)
"""
POLARS = """
import sys, time
import polars as pl

forget_peak()
start = time.perf_counter()
embedding = pl.col("embedding").arr.sum().sum()
pl.scan_parquet(sys.argv[1] + "/**/*.parquet").select(embedding).collect()
print(time.perf_counter() - start, beyond(), 1)
"""
NUMPY = """
import sys, time
from pathlib import Path
import numpy as np
import pyarrow.parquet as pq

forget_peak()
start = time.perf_counter()
keys = {}
for path in sorted(Path(sys.argv[1]).rglob("*.parquet")):
    columns = ["model", "task", "label", "embedding"]
    for batch in pq.ParquetFile(path).iter_batches(16384, columns=columns):
        vectors = batch.column(3).flatten().to_numpy().reshape(batch.num_rows, -1)
        model, task, label = (batch.column(i).to_numpy(zero_copy_only=False) for i in range(3))
        for key in set(zip(model, task)):
            rows = (model == key[0]) & (task == key[1])
            x = vectors[rows].astype(np.float64)
            if key not in keys:
                # Sums are taken about the mean of the first rows, so that they keep their digits.
                keys[key] = [x.mean(axis=0), {}, 0.0, 0.0, 0.0]
            of_key = keys[key]
            x -= of_key[0]
            classes, codes = np.unique(label[rows], return_inverse=True)
            one_hot = np.zeros((len(classes), len(x)))
            one_hot[codes, np.arange(len(x))] = 1
            for name, count, total in zip(classes, one_hot.sum(axis=1), one_hot @ x):
                before = of_key[1].get(name, (0, 0.0))
                of_key[1][name] = (before[0] + count, before[1] + total)
            squares = np.einsum("ij,ij->i", x, x)
            of_key[2] = of_key[2] + x.T @ x
            of_key[3] = of_key[3] + squares @ x
            of_key[4] = of_key[4] + squares @ squares
print(time.perf_counter() - start, beyond(), len(keys))
"""


def make(folder: Path, gigabytes: float) -> None:
    """Write so many files of a gigabyte of floats as are not there."""
    real = pl.read_parquet(ROWS).sort("task", maintain_order=True)
    points = real["embedding"].to_numpy().astype(np.float32)
    for number in range(round(gigabytes)):
        path = folder / f"net{number:03}.parquet"
        if path.exists():
            continue
        rng = np.random.default_rng(number)
        drawn = np.sort(rng.integers(0, real.height, PER_FILE))
        noise = rng.standard_normal((PER_FILE, points.shape[1]), dtype=np.float32)
        values = points[drawn] + np.float32(NOISE * points.std()) * noise
        rows = real.select("task", "label")[drawn].with_columns(
            pl.lit(path.stem).alias("model"),
            pl.Series("embedding", values, dtype=pl.Array(pl.Float32, points.shape[1])),
        )
        folder.mkdir(parents=True, exist_ok=True)
        rows.write_parquet(folder / "part", row_group_size=GROUP)
        (folder / "part").rename(path)


def report(what: str, megabytes: float, code: str, *arguments: object) -> float:
    """Print the median of some runs; return its seconds."""
    runs = [in_child(code, *arguments) for _ in range(RUNS)]
    seconds = statistics.median(run[0] for run in runs)
    peak = max(run[1] for run in runs)
    print(
        f"{what:44} {seconds:7.1f} s {megabytes / seconds:7.0f} MB/s  peak {peak:6.0f} MiB",
        flush=True,
    )
    return seconds


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument("--gigabytes", type=float, default=20)
    parser.add_argument("--only-make", action="store_true")
    arguments = parser.parse_args()
    make(arguments.folder, arguments.gigabytes)
    if arguments.only_make:
        return
    os.environ.update(POLARS_MAX_THREADS="2", OPENBLAS_NUM_THREADS="2", OMP_NUM_THREADS="2")
    files = sorted(arguments.folder.glob("*.parquet"))[: round(arguments.gigabytes)]
    megabytes = len(files) * PER_FILE * 256 * 4e-6
    print(f"{len(files)} files, {megabytes:.0f} MB of floats; median of {RUNS} runs, two threads")
    ours = report("scan_summaries, moments", megabytes, OURS, arguments.folder, "n,moments")
    with_sample = "moments,sample"
    report("scan_summaries, moments and sample", megabytes, OURS, arguments.folder, with_sample)
    decoding = report("polars, sum of the column", megabytes, POLARS, arguments.folder)
    usual = report("pyarrow and NumPy, the same moments", megabytes, NUMPY, arguments.folder)
    print(f"speed of decoding {decoding / ours:.2f}, of pyarrow and NumPy {usual / ours:.2f} times")


if __name__ == "__main__":
    main()
