"""The tables that queries are tried on, and what they are asked."""

from __future__ import annotations

import polars as pl
import polars_transferability as pt
from registry import embedding_rows

MODEL = pl.col("model")
TRAIN = pl.col("split") == "train"
OLD, NEW = (pt.task(where=pl.col("task") == name) for name in ("old", "new"))
LEADERBOARD = pl.DataFrame(
    {
        "model": ["net0", "net1", "net2", "net9"],
        "target": ["new"] * 4,
        "accuracy": [0.5, 0.7, 0.6, 0.9],
    }
)
TABLES = {"embeddings": embedding_rows(models=3), "leaderboard": LEADERBOARD}
STRUCTS = TABLES["embeddings"].select(pl.struct("model", "task").alias("s"), "label")
TABLES["structs"] = STRUCTS
BY_MODEL = TABLES["embeddings"].group_by("model", maintain_order=True)
OF_NEW = TABLES["embeddings"].filter(task="new").group_by("model", maintain_order=True)
BOUND = "TRANSFER_BOUND(embedding, label, task, 'old', 'new', l2 => 0.1)"


def rows(query: str) -> pl.DataFrame:
    return pt.sql(query, eager=True, **TABLES)


def bounds(**options: object) -> pl.DataFrame:
    """One row per model: the struct of the bound from old to new."""
    bound = pt.transfer_bound(OLD, NEW, **{"l2": 0.1, **options}).alias("b")
    return BY_MODEL.agg(bound)


ISSUE = """
    SELECT e.model,
           LOGME(e.embedding, e.label) FILTER (WHERE e.task = 'new') AS logme,
           TRANSFER_BOUND(e.embedding, e.label, e.task, 'old', 'new').bound AS bound,
           l.accuracy
    FROM embeddings e JOIN leaderboard l ON l.model = e.model AND l.target = 'new'
    WHERE e.split = 'train' GROUP BY e.model, l.accuracy ORDER BY bound
"""
PEARSON = "SELECT PEARSON(label, label) AS p FROM embeddings"
