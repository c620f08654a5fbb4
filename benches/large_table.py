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

OURS = """
import sys, time
from pathlib import Path
import polars as pl
import polars_transferability as pt

columns, by, files = sys.argv[2].split(","), sys.argv[3].split(","), int(sys.argv[4])
paths = sorted(Path(sys.argv[1]).glob("*.parquet"))[:files]
forget_peak()
start = time.perf_counter()
found = pt.scan_summaries(paths, by=by).select(*columns).collect()
print(time.perf_counter() - start, beyond(), found.height)
"""
POLARS = """
import sys, time
import polars as pl

forget_peak()
start = time.perf_counter()
embedding = pl.col("embedding").arr.sum().sum()
pl.scan_parquet(sys.argv[1] + "/*.parquet").select(embedding).collect()
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
for path in sorted(Path(sys.argv[1]).glob("*.parquet")):
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
                so_far = of_key[1].get(name, (0, 0.0))
                of_key[1][name] = (so_far[0] + count, so_far[1] + total)
            squares = np.einsum("ij,ij->i", x, x)
            of_key[2] = of_key[2] + x.T @ x
            of_key[3] = of_key[3] + squares @ x
            of_key[4] = of_key[4] + squares @ squares
print(time.perf_counter() - start, beyond(), len(keys))
"""


# The largest relative difference of scores from summaries and from rows in memory.
EQUALITY = """
import sys
import polars as pl
import polars_transferability as pt

columns = ["logme", "h_score", "shrinkage_h_score"]
of_moments = [getattr(pt, name)("moments").alias(name) for name in columns]
of_rows = [getattr(pt, name)("embedding", "label").alias(name) for name in columns]
summaries = pt.scan_summaries(sys.argv[1]).group_by("task").agg(of_moments).sort("task").collect()
rows = pl.read_parquet(sys.argv[1]).group_by("task").agg(of_rows).sort("task")
difference = (summaries[columns] - rows[columns]) / rows[columns]
print(difference.select(pl.max_horizontal(pl.all().abs()).max()).item())
"""
TARGETS = 11
MODELS = 50
ROWS_OF_TARGET = 2_000


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


def make_models(folder: Path, source: Path) -> None:
    """Write small files, one for each model, with rows of all targets in turn."""
    folder.mkdir(parents=True, exist_ok=True)
    rows = pl.read_parquet(source, n_rows=TARGETS * ROWS_OF_TARGET)
    targets = pl.format("target{}", pl.int_range(pl.len()) % TARGETS)
    for number in range(MODELS):
        name = f"model{number:03}"
        table = rows.with_columns(targets.alias("task"), model=pl.lit(name))
        table.sort("task", maintain_order=True).write_parquet(folder / f"{name}.parquet")


def report(what: str, megabytes: float, code: str, *arguments: object, runs: int = 1) -> float:
    """Print the median of some runs; return its seconds."""
    found = [in_child(code, *arguments) for _ in range(runs)]
    seconds = statistics.median(run[0] for run in found)
    peak = max(run[1] for run in found)
    print(
        f"{what:44} {seconds:7.1f} s {megabytes / seconds:7.0f} MB/s  peak {peak:6.0f} MiB"
        f"  {found[0][2]:6.0f} rows",
        flush=True,
    )
    return seconds


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument("--gigabytes", type=int, default=20)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--only-make", action="store_true")
    arguments = parser.parse_args()
    folder, count, runs = arguments.folder, arguments.gigabytes, arguments.runs
    make(folder, count)
    if arguments.only_make:
        return
    os.environ.update(POLARS_MAX_THREADS="2", OPENBLAS_NUM_THREADS="2", OMP_NUM_THREADS="2")
    size = PER_FILE * 256 * 4e-6
    print(f"{count} files, {count * size:.0f} MB of floats; median of {runs} runs, two threads")
    key, moments = "model,task", "n,moments"
    ours = report(
        "scan_summaries, moments", count * size, OURS, folder, moments, key, count, runs=runs
    )
    both = "moments,sample"
    report(
        "scan_summaries, moments and sample",
        count * size,
        OURS,
        folder,
        both,
        key,
        count,
        runs=runs,
    )
    decoding = report("polars, sum of the column", count * size, POLARS, folder, runs=runs)
    usual = report("pyarrow and NumPy, the same moments", count * size, NUMPY, folder)
    print(f"speed of decoding {decoding / ours:.2f}, of pyarrow and NumPy {usual / ours:.2f} times")
    for some in (count // 4, count // 2):
        what = f"moments of {some} files"
        report(what, some * size, OURS, folder, moments, key, some)
    for by in ("model", "model,task,label"):
        what = f"moments of {count // 4} files by {by}"
        report(what, count // 4 * size, OURS, folder, moments, by, count // 4)
    models = folder / "models"
    make_models(models, folder / "net000.parquet")
    small = MODELS * TARGETS * ROWS_OF_TARGET * 256 * 4e-6
    what = f"moments of {MODELS} models x {TARGETS} targets"
    seconds = report(what, small, OURS, models, moments, key, MODELS, runs=runs)
    print(f"1000 models x {TARGETS} targets of as many rows, extrapolated: {seconds * 20:.0f} s")
    (difference,) = in_child(EQUALITY, folder / "net000.parquet")
    print(f"scores of one file from moments and from rows in memory differ by {difference:.0e}")


if __name__ == "__main__":
    main()
