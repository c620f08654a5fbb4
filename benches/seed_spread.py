"""How much a bound varies with the seed, which draws the folds and the batches of a fit.

For every encoder of the zoo, some sources and all targets of its domain: the bounds of five seeds.
Printed are, with `source_rows="held-out"` and with "all", the means of the bound and of its
standard deviation over the seeds, that deviation's median and the value that nine of ten pairs are
below, and processor seconds on one thread for each bound. Runs for some ten minutes.
"""

from __future__ import annotations

import os

os.environ["POLARS_MAX_THREADS"] = "1"

import time
from pathlib import Path

import polars as pl
import polars_transferability as pt
from markdown_table import print_table
from zoo import domains

SOURCES = {"image": ["fashion-mnist", "omniglot50", "cifar10"], "text": ["banking77", "agnews"]}
SEEDS = range(5)


def spread(files: list[Path], sources: list[str], source_rows: str) -> dict[str, str]:
    """What the bounds of all seeds are in the mean, and how far apart."""
    start = time.process_time()
    of_seeds = [
        pt.compute_bounds(
            files,
            sources=sources,
            source_rows=source_rows,  # type: ignore[arg-type]
            seed=seed,
        ).drop("by_class")
        for seed in SEEDS
    ]
    seconds = time.process_time() - start
    bounds = pl.concat(of_seeds)
    deviations = bounds.group_by("model", "source", "target").agg(pl.col("bound").std())["bound"]
    print(f"{source_rows}: {seconds / bounds.height:.3f} processor seconds a bound", flush=True)
    return {
        "pairs of a model": str(deviations.len()),
        "mean bound": f"{bounds['bound'].mean():.3f}",
        "mean deviation over seeds": f"{deviations.mean():.3f}",
        "median deviation": f"{deviations.median():.3f}",
        "nine of ten are below": f"{deviations.quantile(0.9):.3f}",
    }


def main() -> None:
    columns = {}
    for domain, files in domains():
        for source_rows in ("held-out", "all"):
            columns[f"{domain}s, {source_rows}"] = spread(files, SOURCES[domain], source_rows)
    names = list(next(iter(columns.values())))
    print_table(
        pl.DataFrame({"": names, **{c: [*values.values()] for c, values in columns.items()}})
    )


if __name__ == "__main__":
    main()
