"""Raw results of MTEB: a folder for each model, with a JSON file for each task.

So the `results` repository of MTEB has them, and the folder that an evaluation writes: in a model's
folder there is one for each of its revisions, and in that the files of tasks and `model_meta.json`.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import polars as pl

from polars_transferability.leaderboard.wording import quoted
from polars_transferability.tables.table import Table
from polars_transferability.tables.understanding import Taken

_META = "model_meta.json"
# What a description of a model says of it, where it does, as columns that can be asked for.
_FACTS: Mapping[str, pl.DataType] = {
    "n_parameters": pl.Int64(),
    "embed_dim": pl.Int64(),
    "max_tokens": pl.Float64(),
    "release_date": pl.String(),
}
# The split that is reported; where there is none of that name, all splits are.
_SPLIT = "test"


def read_results(folder: Path) -> Table:
    """Return the results below a folder: a row for each model and task, a column for each metric.

    A metric is the mean over the subsets of a task, such as its languages. Of several revisions of
    a model, a task has the result of the newest version of MTEB.
    """
    found: dict[tuple[str, str], dict[str, Any]] = {}
    count = 0
    others: list[str] = []
    for file in sorted(folder.rglob("*.json")):
        if file.name == _META:
            continue
        count += 1
        if (row := _result(file)) is None:
            others.append(file.name)
            continue
        key = row["model"], row["target"]
        if key not in found or _version(row) >= _version(found[key]):
            found[key] = row
    if not found:
        msg = (
            f"{folder}: none of its {count} JSON files is a result of MTEB, which has 'task_name' "
            "and 'scores'; a leaderboard in files of another kind is named by a pattern"
        )
        raise ValueError(msg)
    old = count - len(others) - len(found)
    sentences = {
        f"left out JSON files that are no results of MTEB: {quoted(others)}": len(others),
        f"left out {old} results of the same model and task by other revisions": old,
    }
    rows = [{k: v for k, v in row.items() if k != "mteb_version"} for row in found.values()]
    metrics = dict.fromkeys(name for row in rows for name in row)
    schema = {
        name: _FACTS.get(name, pl.String if name in ("model", "target") else pl.Float64)
        for name in metrics
    }
    taken = tuple(Taken(sentence) for sentence, number in sentences.items() if number)
    return Table(str(folder), pl.LazyFrame(rows, schema=schema), taken)


def _result(file: Path) -> dict[str, Any] | None:
    """Return a result as a row; None for a file that is none."""
    try:
        content = json.loads(file.read_text("utf-8"))
        by_split = content["scores"]
        splits = [by_split[_SPLIT]] if by_split.get(_SPLIT) else list(by_split.values())
        subsets = [subset for split in splits for subset in split]
        row = {**_model(file), "target": content["task_name"], **dict(_means(subsets))}
    except (ValueError, TypeError, LookupError, AttributeError):
        return None
    return {**row, "mteb_version": content.get("mteb_version")} if "main_score" in row else None


def _means(subsets: list[dict[str, Any]]) -> Iterator[tuple[str, float]]:
    """Yield the mean of each number that all subsets have."""
    for name in subsets[0]:
        numbers = [subset[name] for subset in subsets if type(subset.get(name)) in (int, float)]
        if len(numbers) == len(subsets):
            yield name, sum(numbers) / len(numbers)


def _model(file: Path) -> dict[str, Any]:
    """Return the model of a result: by its description, or by its folder (org__name)."""
    described = file.with_name(_META)
    meta = json.loads(described.read_text("utf-8")) if described.is_file() else {}
    above = [folder.name for folder in file.parents[:2]]
    by_folder = next((name for name in above if "__" in name), above[0]).replace("__", "/")
    return {"model": meta.get("name") or by_folder, **{name: meta.get(name) for name in _FACTS}}


def _version(row: Mapping[str, Any]) -> tuple[int, ...]:
    parts = str(row["mteb_version"] or "").split(".")
    return tuple(int(part) if part.isdecimal() else 0 for part in parts)
