"""Embed a data set in parts, which is the half that the scripts of this folder have in common.

A part is a Parquet file of some thousand rows in `OUT/model=MODEL/task=TASK`. It is written under
another name first, so each part that is there is whole. A run that was stopped goes on with the
parts that are not there yet.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import quote

import numpy as np
import polars as pl
from rich.progress import track

Embed = Callable[[pl.Series], "np.ndarray[Any, Any]"]


def arguments(description: str | None) -> argparse.ArgumentParser:
    """Return the arguments that all scripts have."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("model", help="its name, or its file")
    parser.add_argument("data", help="Parquet file, pattern of files, or address such as hf://...")
    parser.add_argument("--task", required=True, help="what the data set is to be called")
    parser.add_argument("--name", help="what the model is to be called (default: its own name)")
    parser.add_argument("--label", default="label", help="column of labels")
    parser.add_argument("--split", help="column that says which rows to learn from, as 'train'")
    parser.add_argument("--out", default="zoo", type=Path, help="folder of all models and tasks")
    parser.add_argument("--batch", default=64, type=int, help="rows that the model gets at once")
    parser.add_argument("--part", default=4096, type=int, help="rows of a file")
    return parser


def embed_data(embed: Embed, column: str, given: argparse.Namespace) -> Path:
    """Embed a column of the data; return the folder of the parts."""
    columns = {"label": given.label, "input": column}
    if given.split is not None:
        columns["split"] = given.split
    source = pl.scan_parquet(given.data)
    there = source.collect_schema().names()
    if missing := [name for name in columns.values() if name not in there]:
        raise SystemExit(f"{given.data} has no column {missing[0]!r}; there are {there}")
    rows = source.select(**{new: pl.col(old) for new, old in columns.items()})
    is_file = Path(given.model).is_file()
    name = given.name or (Path(given.model).stem if is_file else given.model)
    folder: Path = (
        given.out / f"model={quote(name, safe='')}" / f"task={quote(given.task, safe='')}"
    )
    folder.mkdir(parents=True, exist_ok=True)
    height = rows.select(pl.len()).collect().item()
    made_of = {"embedded": json.dumps([given.model, given.data, columns, height, given.part])}
    for start in track(range(0, height, given.part), description=f"{name}, {given.task}"):
        file = folder / f"part-{start // given.part:05}.parquet"
        if file.exists():
            require_same(file, made_of)
            continue
        part = rows.slice(start, given.part).collect()
        batches = [embed(batch["input"]) for batch in part.iter_slices(given.batch)]
        vectors = np.concatenate(batches).astype("float32")
        unfinished = file.with_name(f".{file.name}.unfinished")
        part.drop("input").with_columns(embedding=vectors).write_parquet(
            unfinished, metadata=made_of
        )
        unfinished.replace(file)
    return folder


def require_same(file: Path, made_of: dict[str, str]) -> None:
    """Exit if a part was made of something else than what is to be embedded now."""
    if not made_of.items() <= pl.read_parquet_metadata(file).items():
        raise SystemExit(f"{file} was made of other data or settings; name another --out")
