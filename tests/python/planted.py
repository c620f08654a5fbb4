"""Twenty models of three tasks, a file each, of which some have one thing wrong."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import polars as pl
from registry import NEW, OLD, embedding_rows

LISTS = pl.List(pl.Float64)
TASKS = ("far", "new", "old")
FIRST = pl.int_range(pl.len()).over("task") == 0
# A feature is the first class, which a head then fits exactly.
LABEL = (pl.col("label") == 0).cast(pl.Float64)

# Of each model with a fault in its rows: the tasks that it spoils, the fault, and what is said.
FAULTS: dict[str, tuple[tuple[str, ...], Callable[[pl.DataFrame], pl.DataFrame], str]] = {
    "net5": (
        ("new",),
        lambda rows: rows.with_columns(label=pl.when(NEW).then(0).otherwise("label")),
        'has only the class "0"',
    ),
    "net7": (
        TASKS,
        lambda rows: rows.with_columns(embedding=pl.lit([float("nan")] * 3, LISTS)),
        "NaN or infinite value(s)",
    ),
    "net11": (
        ("far",),
        lambda rows: rows.with_columns(
            embedding=pl.when(FIRST & (pl.col("task") == "far"))
            .then(pl.lit([1.0, 2.0], LISTS))
            .otherwise("embedding")
        ),
        "has rows of 2 different lengths (2, 3)",
    ),
    "net15": (
        ("old",),
        lambda rows: rows.with_columns(label=pl.when(~(FIRST & OLD)).then("label")),
        "is null in 1 of ",
    ),
}
# Files that are left out, and what is said of them.
TRUNCATED, LACKING = "net3", "net4"
LEFT_OUT = {TRUNCATED: "cannot be read as a Parquet table", LACKING: "column 'split' not found"}
# Its rows cannot be read, though its model and tasks can.
DAMAGED = "net17"
# LogME's evidence is unbounded on its task "new", and nothing else is wrong.
UNBOUNDED = "net9"
# What is not spoilt: by model, its tasks.
SOUND = {
    f"net{i}": [task for task in TASKS if task not in FAULTS.get(f"net{i}", ((),))[0]]
    for i in range(20)
    if f"net{i}" not in (*LEFT_OUT, DAMAGED)
}


def rows_of_all() -> pl.DataFrame:
    """The rows without a fault but that of `UNBOUNDED`, with embeddings as lists."""
    far = embedding_rows(models=20, seed=1).filter(OLD).with_columns(task=pl.lit("far"))
    rows = pl.concat([embedding_rows(models=20), far])
    is_label = (pl.col("model") == UNBOUNDED) & NEW
    return rows.with_columns(pl.col("embedding").arr.to_list()).with_columns(
        embedding=pl.when(is_label)
        .then(pl.concat_list(LABEL, pl.col("embedding").list.tail(2)))
        .otherwise("embedding")
    )


def sound_rows() -> pl.DataFrame:
    """The rows that are left where no fault is."""
    sound = pl.any_horizontal(
        (pl.col("model") == model) & pl.col("task").is_in(tasks) for model, tasks in SOUND.items()
    )
    return rows_of_all().filter(sound)


def plant(folder: Path) -> None:
    """Write all models into a folder, with their faults."""
    for (model,), rows in rows_of_all().group_by("model"):
        fault = FAULTS.get(str(model))
        planted = fault[1](rows) if fault else rows
        planted = planted.drop("split") if model == LACKING else planted
        # The first column of a file is the one that is damaged.
        planted.select("embedding", pl.exclude("embedding")).write_parquet(
            folder / f"{model}.parquet"
        )
    damage(folder / f"{DAMAGED}.parquet")
    truncated = folder / f"{TRUNCATED}.parquet"
    content = truncated.read_bytes()
    truncated.write_bytes(content[: len(content) // 2])


def damage(file: Path) -> None:
    """Spoil the first column, behind the four bytes that say what file it is."""
    pages = bytearray(file.read_bytes())
    pages[4:60] = bytes(value ^ 0x5A for value in pages[4:60])
    file.write_bytes(pages)
