"""Make the tables in data/zoo from the full tables of the encoders, which are not shipped.

    .venv/bin/python scripts/shipped_zoo.py [FOLDER]

FOLDER has the full tables, by default `shared/embeddings/zoo` beside the checkout. Left out are the
tasks and models whose licences do not allow that they are shipped, and rows: of each class of a
task so many are drawn, with a fixed seed, the same rows for every model. Values are stored as
Float16, which has the ten bits of mantissa that the values in the full tables have.
"""

from __future__ import annotations

import random
import sys
from pathlib import Path

import polars as pl

ROOT = Path(__file__).resolve().parent.parent
FULL = ROOT.parent / "shared" / "embeddings" / "zoo"
SHIPPED = ROOT / "data" / "zoo"

# How many rows of each class are shipped, at most: to fit on, and to evaluate on.
ROWS_PER_CLASS = {
    "mnist": (23, 15),
    "kmnist": (23, 15),
    "fashion-mnist": (23, 15),
    "omniglot50": (6, 3),
    "sign-digits": (23, 15),
    "blood-cells": (74, 46),
    "banking77": (10, 5),
    "clinc10dom": (50, 25),
}
TASKS = list(ROWS_PER_CLASS)
# The package of the first states no licence; that of the second states none for this network.
MODELS_LEFT_OUT = ("tokenlearn-static-64", "coco-centernet-mobilenetv3")
SEED = 0
KEYS = ["task", "split", "label"]
# Float16 has fewer than ten bits for values below 2^-14, and rounds them to multiples of 2^-24.
LARGEST_ERROR = 2**-25


def main(full: Path, shipped: Path) -> None:
    """Write the tables of the models, and what is known of models, tasks and accuracies."""
    shipped.mkdir(exist_ok=True)
    models = pl.read_csv(full / "models.csv").filter(~pl.col("model").is_in(MODELS_LEFT_OUT))
    tasks = pl.read_csv(full / "tasks.csv").filter(pl.col("task").is_in(TASKS))
    rows = {}
    for (domain,), of_domain in models.group_by("domain", maintain_order=True):
        rows[domain] = write_models(of_domain["model"].to_list(), full, shipped)

    counts = pl.concat(rows.values()).group_by("task", "split").len()
    counts = counts.pivot("split", index="task", values="len")
    tasks.update(counts, on="task").write_csv(shipped / "tasks.csv")
    heights = pl.col("domain").replace_strict({name: keys.height for name, keys in rows.items()})
    models.drop("mb").with_columns(rows=heights).write_csv(shipped / "models.csv")
    truth = pl.read_csv(full / "truth.csv").join(models, on="model", how="semi")
    truth.filter(pl.col("task").is_in(TASKS)).write_csv(shipped / "truth.csv")


def write_models(models: list[str], full: Path, shipped: Path) -> pl.DataFrame:
    """Write the tables of the models of one domain; return the keys of the rows that they have."""
    keys = pl.read_parquet(full / f"{models[0]}.parquet", columns=KEYS)
    chosen = chosen_rows(keys)
    for model in models:
        table = pl.read_parquet(full / f"{model}.parquet")
        if not table.select(KEYS).equals(keys):
            sys.exit(f"{model}.parquet: has other rows than {models[0]}.parquet")
        write(as_float16(table.filter(chosen)), shipped / f"{model}.parquet")
    return keys.filter(chosen)


def chosen_rows(keys: pl.DataFrame) -> pl.Series:
    """Return which rows are shipped: of each class those with the lowest of drawn numbers."""
    # Of Python's generator the sequence of `random` is promised never to change.
    generator = random.Random(SEED)
    draws = pl.Series([generator.random() for _ in range(keys.height)])
    limits = pl.DataFrame(
        [(task, *counts) for task, counts in ROWS_PER_CLASS.items()],
        schema=["task", "train", "test"],
        orient="row",
    ).unpivot(index="task", variable_name="split", value_name="limit")
    drawn = keys.with_columns(draw=draws).join(
        limits, on=["task", "split"], how="left", maintain_order="left"
    )
    rank = pl.col("draw").rank("ordinal").over(KEYS)
    return drawn.select((rank <= pl.col("limit")).fill_null(value=False)).to_series()


def as_float16(table: pl.DataFrame) -> pl.DataFrame:
    """Return the table with values of half the width; leave if that changes one notably."""
    (width,) = table["embedding"].dtype.shape  # type: ignore[attr-defined]
    halved = table.with_columns(pl.col("embedding").cast(pl.Array(pl.Float16, width)))
    before, after = (t["embedding"].explode().cast(pl.Float64) for t in (table, halved))
    error = (before - after).abs().max()
    if error > LARGEST_ERROR:
        sys.exit(f"{table['model'][0]}: a value changes by {error} as Float16")
    return halved


def write(table: pl.DataFrame, path: Path) -> None:
    """Write a table; values whose bytes are split compress to a tenth less."""
    table.write_parquet(
        path,
        compression="zstd",
        compression_level=22,
        use_pyarrow=True,
        pyarrow_options={
            "use_dictionary": ["model", *KEYS],
            "column_encoding": {"embedding.list.element": "BYTE_STREAM_SPLIT"},
        },
    )


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else FULL, SHIPPED)
