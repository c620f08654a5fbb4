"""What Hugging Face datasets writes beside its rows: files of a data set, and names of classes."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import polars as pl

from polars_transferability.tables.arrow_table import scan_arrow

# The key of the metadata of a Parquet file, and the files of a data set that was saved to a folder.
_METADATA = "huggingface"
_STATE, _INFO, _SPLITS = "state.json", "dataset_info.json", "dataset_dict.json"


def is_dataset(folder: Path) -> bool:
    """Return whether `save_to_disk` wrote a folder, of one data set or of several splits."""
    is_one = (folder / _STATE).is_file() and (folder / _INFO).is_file()
    return is_one or (folder / _SPLITS).is_file()


def scan_dataset(folder: Path) -> pl.LazyFrame:
    """Return a saved data set; one of several splits has the names of the splits as a column."""
    if not (folder / _SPLITS).is_file():
        files = [file["filename"] for file in _json(folder / _STATE)["_data_files"]]
        return pl.concat([scan_arrow(folder / file) for file in files])
    return pl.concat(
        scan_dataset(folder / name).with_columns(split=pl.lit(name)) for name in _splits(folder)
    )


def classes_of_dataset(folder: Path) -> dict[str, list[str]]:
    """Return, by column, the names of the classes of a saved data set."""
    of_one = folder / _splits(folder)[0] if (folder / _SPLITS).is_file() else folder
    return _classes(_json(of_one / _INFO).get("features") or {})


def _splits(folder: Path) -> list[str]:
    return list(_json(folder / _SPLITS)["splits"])


def classes_of_parquet(
    path: Path | str, options: Mapping[str, str] | None = None
) -> dict[str, list[str]]:
    """Return, by column, the names of the classes that the metadata of a Parquet file has."""
    metadata = pl.read_parquet_metadata(path, storage_options=dict(options or {}) or None)
    text = metadata.get(_METADATA)
    return _classes(json.loads(text)["info"]["features"]) if text else {}


def _classes(features: Mapping[str, Any]) -> dict[str, list[str]]:
    return {
        column: feature["names"]
        for column, feature in features.items()
        if isinstance(feature, dict) and feature.get("_type") == "ClassLabel"
        if len({*feature.get("names", ())}) == len(feature.get("names", ())) > 0
    }


def _json(file: Path) -> dict[str, Any]:
    content: dict[str, Any] = json.loads(file.read_text("utf-8"))
    return content
