"""Which model for which task, of embeddings and a leaderboard that are tables of DuckDB.

    python examples/duckdb_recipe.py [ZOO]

A query gives the embeddings as a frame of Polars, the scores go back as a table, and SQL of DuckDB
joins them with the leaderboard. Without ZOO, a folder of embeddings with `truth.csv` beside them,
it is `data/zoo`. Needs duckdb, polars-transferability and pyarrow.
"""

from __future__ import annotations

import sys
from pathlib import Path

import duckdb
import polars as pl
import polars_transferability as pt

ZOO = Path(__file__).resolve().parent.parent / "data" / "zoo"
TASKS = ("sign-digits", "blood-cells")

BEST = """
    SELECT
        target AS task,
        arg_max(scores.model, logme) AS best_by_logme,
        round(arg_max(probe_acc, logme), 3) AS its_accuracy,
        arg_max(scores.model, probe_acc) AS best,
        round(max(probe_acc), 3) AS best_accuracy,
        count(*) AS models
    FROM scores JOIN leaderboard ON scores.model = leaderboard.model AND target = task
    GROUP BY target
    ORDER BY target
"""


def filled(zoo: Path) -> duckdb.DuckDBPyConnection:
    """Return a database with the tables `embeddings` and `leaderboard`; yours has its own."""
    # DuckDB does not read the half floats of the zoo.
    floats = pl.col("embedding").cast(pl.List(pl.Float32))
    files = sorted(zoo.glob("*.parquet"))
    tables = {
        "embeddings": pl.concat(pl.read_parquet(file).with_columns(floats) for file in files),
        "leaderboard": pl.read_csv(zoo / "truth.csv").select("model", "task", "probe_acc"),
    }
    database = duckdb.connect()
    for name, rows in tables.items():
        database.register("rows", rows.to_arrow())
        database.execute(f"CREATE TABLE {name} AS SELECT * FROM rows")
    return database


def models_with(database: duckdb.DuckDBPyConnection, tasks: tuple[str, ...]) -> list[str]:
    """Return the models that have rows of some tasks."""
    query = "SELECT DISTINCT model FROM embeddings WHERE task IN $tasks ORDER BY model"
    return [model for (model,) in database.execute(query, {"tasks": tasks}).fetchall()]


def scores_of(
    database: duckdb.DuckDBPyConnection, model: str, tasks: tuple[str, ...]
) -> pl.DataFrame:
    """Return the scores of one model; only its rows are in memory."""
    query = """
        SELECT model, task, split, label, embedding
        FROM embeddings WHERE model = $model AND task IN $tasks
    """
    rows = database.sql(query, params={"model": model, "tasks": tasks}).pl()
    return pt.compute_scores(rows, scores=["logme", "knn_accuracy"])


def main() -> None:
    """Score the models, and print the best one of each task."""
    database = filled(Path(sys.argv[1]) if len(sys.argv) > 1 else ZOO)
    parts = [scores_of(database, model, TASKS) for model in models_with(database, TASKS)]
    scores = pl.concat(parts).drop("problems")
    database.register("scores", scores.to_arrow())
    with pl.Config(tbl_hide_dataframe_shape=True, tbl_hide_column_data_types=True):
        print(database.sql(BEST).pl())


if __name__ == "__main__":
    main()
