"""Bounds on a Spark cluster: the rows of each model are one Arrow table, by applyInArrow.

Needs pyspark 4, pyarrow and Java. The executors need this package; each of them holds the rows of
one model at a time. The first argument is the pattern of the files.
"""

from __future__ import annotations

import os
import sys
from typing import Any

import polars as pl
import polars_transferability as pt
import pyarrow as pa
from pyspark.sql import SparkSession
from pyspark.sql.pandas.types import from_arrow_schema

FILES = sys.argv[1] if len(sys.argv) > 1 else "data/*.parquet"
OPTIONS: dict[str, Any] = {"sources": ["mnist"], "targets": ["kmnist"], "max_rows_per_class": 20}
NUMBERS = ["bound", "source_loss", "label_mismatch", "distribution_mismatch"]
RESULT = pa.schema(
    [*((name, pa.string()) for name in ("model", "source", "target"))]
    + [(name, pa.float64()) for name in NUMBERS]
)


def bounds(rows: pa.Table) -> pa.Table:
    """Return the bounds of the rows of a model, or of several."""
    table = pl.DataFrame(rows)
    found = pt.compute_bounds(table, **OPTIONS)
    return found.select(RESULT.names).to_arrow().cast(RESULT)


def main() -> None:
    """Compute the bounds of all models, and compare with those of one call on the files."""
    # Spark runs a task on each core, in the Python that it is told.
    os.environ.update(POLARS_MAX_THREADS="1", PYSPARK_PYTHON=sys.executable)
    spark = (
        SparkSession.builder.master("local[2]")
        .config("spark.executorEnv.POLARS_MAX_THREADS", "1")
        .config("spark.ui.enabled", "false")
        .getOrCreate()
    )
    rows = spark.read.parquet(FILES).select("model", "task", "split", "label", "embedding")
    wanted = rows.where("task IN ('mnist', 'kmnist')")
    computed = wanted.groupBy("model").applyInArrow(bounds, from_arrow_schema(RESULT))
    found = pl.DataFrame(computed.toArrow()).sort("model")
    spark.stop()
    print(found.sort("bound").select("model", "source", "target").rows())
    local = pt.compute_bounds(FILES, **OPTIONS).sort("model").select(RESULT.names)
    print("as on one machine:", found.equals(local))


main()
