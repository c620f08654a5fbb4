"""Tables in files, and how many rows are found in them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import polars as pl
import polars_transferability as pt
from polars_transferability.tables.check import check_tables
from polars_transferability.tables.columns import TableColumns
from registry import embedding_rows

ROWS = embedding_rows(models=2)
HEIGHT = ROWS.height
Paths = str | Path | Sequence[str | Path]


def counted(paths: Paths) -> list[int]:
    """The number of rows that each door finds: a check, the scores and a query."""
    content, problems = check_tables(paths, TableColumns())
    assert problems == []
    scores = pt.compute_scores(paths, scores="gbc", fit=None)
    query = pt.sql("SELECT COUNT(*) AS n FROM t", t=paths, eager=True)
    return [content["rows"].sum(), scores["n"].sum(), query["n"].item()]


def write(path: Path, rows: pl.DataFrame = ROWS) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    rows.write_parquet(path)
    return path


def write_partitions(folder: Path) -> Path:
    for (model, task), rows in ROWS.group_by("model", "task", maintain_order=True):
        write(folder / f"model={model}" / f"task={task}" / "0.parquet", rows.drop("model", "task"))
    return folder
