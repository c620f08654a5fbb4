"""What all tests of reports start from."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest
from registry import embedding_rows
from reports import QUERY, SETTINGS


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Three models of two tasks, a file each, with a leaderboard and a query."""
    (tmp_path / "models").mkdir()
    rows = embedding_rows(models=3)
    names = rows["model"].unique().sort().to_list()
    for name in names:
        rows.filter(model=name).write_parquet(tmp_path / "models" / f"{name}.parquet")
    accuracies = pl.DataFrame({"model": [*names, "other"], "new": [0.5, 0.7, 0.6, 0.9]})
    accuracies.write_csv(tmp_path / "accuracy.csv")
    (tmp_path / "lowest.sql").write_text(QUERY)
    (tmp_path / "report.toml").write_text(SETTINGS)
    return tmp_path
