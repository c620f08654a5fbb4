"""The notebook and the recipe of DuckDB run as they are, and say what the package says."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import polars as pl
import polars_transferability as pt
import pytest

ROOT = Path(__file__).resolve().parents[3]
ZOO = ROOT / "data" / "zoo"


def printed(*command: str | Path) -> str:
    # Tables of Polars are not cut.
    wide = {**os.environ, "POLARS_FMT_MAX_COLS": "20", "POLARS_TABLE_WIDTH": "500"}
    done = subprocess.run(
        [sys.executable, *command], capture_output=True, text=True, env=wide, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_scores_of_duckdb_meet_its_leaderboard() -> None:
    pytest.importorskip("duckdb")
    tasks = ["sign-digits", "blood-cells"]
    files = [
        file
        for file in sorted(ZOO.glob("*.parquet"))
        if pl.scan_parquet(file).select(pl.col("task").is_in(tasks).any()).collect().item()
    ]
    scores = pt.compute_scores(files, scores="logme", targets=tasks)
    truth = pl.read_csv(ZOO / "truth.csv").rename({"task": "target"})
    joined = scores.join(truth, on=["model", "target"])
    best = joined.sort("logme", descending=True, nulls_last=True).group_by("target").first()
    found = printed(ROOT / "examples" / "duckdb_recipe.py")
    for row in best.iter_rows(named=True):
        (line,) = (line for line in found.splitlines() if row["target"] in line)
        assert row["model"] in line
        assert str(round(row["probe_acc"], 3)) in line
        assert str(joined.filter(target=row["target"]).height) in line


def test_the_notebook_runs_as_a_script() -> None:
    pytest.importorskip("marimo")
    pytest.importorskip("altair")
    assert printed(ROOT / "examples" / "notebook.py") == ""
