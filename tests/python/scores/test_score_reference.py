"""Scores against reference values that independent code gave on the full embeddings."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import polars as pl
import polars_transferability as pt
import pytest
from registry import TRAIN, value

FOLDER = Path(__file__).resolve().parents[4] / "shared"
REFERENCE = FOLDER / "reference" / "scores.json"
ENTRIES = json.loads(REFERENCE.read_text()) if REFERENCE.is_file() else []
# Without the reference values one test remains, which the fixture `shared` skips.
every_entry = pytest.mark.parametrize(
    "entry",
    ENTRIES or [None],
    ids=[f"{entry['model']} {entry['task']}" for entry in ENTRIES] or ["none"],
)


def rows_of(entry: dict[str, Any], shared: Path) -> pl.DataFrame:
    table = pl.scan_parquet(shared / "embeddings" / f"{entry['model']}.parquet")
    return table.filter(pl.col("task") == entry["task"]).collect()


@every_entry
def test_scores_equal_the_reference(entry: dict[str, Any], shared: Path) -> None:
    rows = rows_of(entry, shared)
    names = {
        "logme": "logme",
        "h_score": "h_score",
        "shrinkage_h_score": "h_score_shrunk",
        "transrate": "transrate_eps1e-4",
        "leep": "leep",
        "nce": "nce",
    }
    which = [name for name, theirs in names.items() if theirs in entry]
    of_logits = {
        "probabilities": pt.softmax("logits"),
        "source_label": pt.argmax_labels("logits"),
    }
    columns = of_logits if "leep" in which else {}
    found = value(rows.filter(TRAIN), pt.scores("embedding", "label", scores=which, **columns))
    assert (found["n"], found["classes"]) == (entry["n_train"], entry["classes"])
    for name in which:
        assert found[name] == pytest.approx(entry[names[name]], rel=1e-6), name
    accuracy = value(rows, pt.knn_accuracy("embedding", "label", k=5, fit=TRAIN))
    assert accuracy == entry["knn5_euclidean_test_accuracy"]


@every_entry
def test_probe_equals_the_reference(entry: dict[str, Any], shared: Path) -> None:
    rows = rows_of(entry, shared)
    # Wide features take long: the strongest penalties only.
    strengths = list(entry["probe"])[: None if entry["dim"] <= 256 else 1]
    for c in strengths:
        l2 = 1 / (float(c) * entry["n_train"])
        found = value(rows, pt.linear_probe("embedding", "label", fit=TRAIN, l2=l2))
        assert found["loss"] == pytest.approx(entry["probe"][c]["test_loss"], rel=1e-4)
        assert found["accuracy"] == pytest.approx(entry["probe"][c]["test_accuracy"], abs=1e-12)
