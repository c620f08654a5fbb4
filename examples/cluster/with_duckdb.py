"""Bounds of tables that DuckDB reads: Parquet or SQL, to Arrow, to Polars, to an expression.

Needs duckdb and pyarrow. DuckDB reads one model at a time, and of it only the rows and columns of
the query. The first argument is the pattern of the files.
"""

from __future__ import annotations

import sys

import duckdb
import polars as pl
import polars_transferability as pt

FILES = sys.argv[1] if len(sys.argv) > 1 else "data/*.parquet"
MODELS = "SELECT DISTINCT model FROM read_parquet($files) ORDER BY model"
ROWS = """
SELECT task, split, label, embedding
FROM read_parquet($files)
WHERE model = $model AND task IN ('mnist', 'kmnist')
"""
BOUNDS = pt.transfer_bounds(
    fit=pl.col("split") == "train",
    sources=["mnist"],
    targets=["kmnist"],
    max_rows_per_class=20,
)


def bounds_of(model: str) -> pl.DataFrame:
    """Return the bounds of a model."""
    rows: pl.DataFrame = duckdb.sql(ROWS, params={"files": FILES, "model": model}).pl()
    found = rows.select(BOUNDS.alias("bounds")).explode("bounds").unnest("bounds")
    return found.select(pl.lit(model).alias("model"), pl.all())


def main() -> None:
    """Compute the bounds of all models, and compare with those of one call on the files."""
    models = [model for (model,) in duckdb.execute(MODELS, {"files": FILES}).fetchall()]
    found = pl.concat(bounds_of(model) for model in models)
    print(found.sort("bound").select("model", "source", "target").rows())
    local = pt.compute_bounds(
        FILES, sources=["mnist"], targets=["kmnist"], max_rows_per_class=20
    ).sort("model")
    print("as on one machine:", found.equals(local.drop("problems")))


main()
