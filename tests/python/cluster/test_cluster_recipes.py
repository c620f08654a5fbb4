"""The recipes for other engines find what one machine finds."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import polars_transferability as pt
import pytest

RECIPES = Path(__file__).resolve().parents[3] / "examples" / "cluster"
NEEDS = {"duckdb": "duckdb", "daft": "daft", "spark": "pyspark"}
PACKAGE = Path(pt.__file__).parents[1]


@pytest.mark.parametrize("engine", NEEDS)
def test_a_recipe_finds_what_one_machine_finds(engine: str, lenets: Path) -> None:
    for package in (NEEDS[engine], "pyarrow"):
        pytest.importorskip(package, reason=f"the recipe for {engine} needs {package}")
    if engine == "spark" and not shutil.which("java"):
        pytest.skip("Spark needs Java, and there is no command java")
    # Workers of these engines look for the package where this process has it.
    paths = [str(PACKAGE), *filter(None, [os.environ.get("PYTHONPATH")])]
    done = subprocess.run(
        [sys.executable, RECIPES / f"with_{engine}.py", lenets],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(paths)},
    )
    bounds = pt.compute_bounds(lenets, sources=["mnist"], targets=["kmnist"], max_rows_per_class=20)
    ranked = bounds.sort("bound").select("model", "source", "target").rows()
    assert (done.returncode, done.stdout) == (0, f"{ranked}\nas on one machine: True\n"), (
        done.stderr
    )
