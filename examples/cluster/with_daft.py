"""Bounds on Daft: the rows of each model are one group of map_groups.

Needs daft and pyarrow. Here Daft uses the cores of one machine; on a cluster it runs on Ray, whose
workers need this package. The first argument is the pattern of the files.
"""

from __future__ import annotations

import sys
from typing import Any

import daft
import polars as pl
import polars_transferability as pt
from daft import DataType, Series

FILES = sys.argv[1] if len(sys.argv) > 1 else "data/*.parquet"
OPTIONS: dict[str, Any] = {"sources": ["mnist"], "targets": ["kmnist"], "max_rows_per_class": 20}
BOUNDS = pt.transfer_bounds(fit=pl.col("split") == "train", **OPTIONS)
NUMBERS = ["bound", "source_loss", "label_mismatch", "distribution_mismatch"]
RESULT = DataType.struct(
    {
        **dict.fromkeys(["source", "target"], DataType.string()),
        **dict.fromkeys(NUMBERS, DataType.float64()),
    }
)


@daft.func.batch(return_dtype=RESULT)
def bounds(task: Series, split: Series, label: Series, embedding: Series) -> list[Any]:
    """Return the bounds of the rows of a model."""
    columns = {"task": task, "split": split, "label": label, "embedding": embedding}
    rows = pl.DataFrame({name: pl.Series(column.to_arrow()) for name, column in columns.items()})
    found = rows.select(BOUNDS.alias("bounds")).explode("bounds").unnest("bounds")
    return found.select("source", "target", *NUMBERS).to_dicts()


def main() -> None:
    """Compute the bounds of all models, and compare with those of one call on the files."""
    rows = daft.read_parquet(FILES)
    wanted = rows.where(rows["task"].is_in(["mnist", "kmnist"]))
    columns = [wanted[name] for name in ("task", "split", "label", "embedding")]
    computed = wanted.groupby("model").map_groups(bounds(*columns).alias("bounds"))
    found = pl.DataFrame(computed.to_arrow()).unnest("bounds").sort("model")
    print(found.sort("bound").select("model", "source", "target").rows())
    local = pt.compute_bounds(FILES, **OPTIONS).sort("model").select(found.columns)
    print("as on one machine:", found.equals(local))


main()
