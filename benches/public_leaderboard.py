"""How long it takes to read a leaderboard of thousands of models, and to join and compare with it.

It has 5,000 models, 50 tasks and two metrics of each, all of them random; or it is files that are
named, such as what timm publishes in the folder `results` of its repository.

    python benches/public_leaderboard.py
    python benches/public_leaderboard.py "results/results-*.csv"
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import numpy as np
import polars as pl
import polars_transferability as pt

MODELS, TASKS = 5_000, 50
Result = TypeVar("Result")


def timed(what: str, call: Callable[[], Result]) -> Result:
    """Print how long a call takes, and return its result."""
    start = time.perf_counter()
    result = call()
    print(f"{what}: {time.perf_counter() - start:.1f} s")
    return result


def of_files(pattern: str) -> None:
    """Time reading the files, and joining them with scores that are their own accuracies."""
    entries = timed("read", lambda: pt.read_leaderboard(pattern))
    scores = entries.rename({"accuracy": "logme"})
    joined = timed("join", lambda: pt.join_leaderboard(scores, pattern))
    print(f"{joined.matched} of {entries.height} pairs, {entries['model'].n_unique()} models")


def main() -> None:
    """Time each step."""
    if len(sys.argv) > 1:
        of_files(sys.argv[1])
        return
    random = np.random.default_rng(0)
    tasks = {f"task {i}": random.random(MODELS) for i in range(TASKS)}
    wide = pl.DataFrame({"model_name": [f"org/model-{i}" for i in range(MODELS)], **tasks})
    long = wide.unpivot(index="model_name", variable_name="task_name", value_name="score")
    metrics = (long.with_columns(metric=pl.lit(name)) for name in ("accuracy", "f1"))
    records = pl.concat(metrics)
    scores = long.select(
        model="model_name", target="task_name", logme=pl.col("score") + random.random(long.height)
    )
    elsewhere = scores.with_columns(pl.col("model").str.replace("model-", "Model "))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "records.csv"
        records.write_csv(path)
        timed("wide", lambda: pt.read_leaderboard(wide))
        timed("two metrics", lambda: pt.read_leaderboard(records))
        timed("two metrics, CSV", lambda: pt.read_leaderboard(path))
    joined = timed("join", lambda: pt.join_leaderboard(scores, records))
    timed("join, no name the same", lambda: pt.join_leaderboard(elsewhere, records))
    timed("compare", lambda: pt.compare(joined, scores="logme"))


if __name__ == "__main__":
    main()
