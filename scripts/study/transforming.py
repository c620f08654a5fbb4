"""What each transform of a bound is worth, beside the paper's own cost."""

from __future__ import annotations

from typing import Any

import polars as pl
import transforms as question
from zoo import Zoo

from study.pictures import Gallery
from study.words import number, percent, table

TITLE = "What each transform is worth"
SCRIPT = "transforms.py"
_COSTS = {"margin": "margin", "euclidean": "Euclidean, empirical"}


def section(zoo: Zoo, gallery: Gallery) -> dict[str, Any]:
    """Return what the text of the section is made of."""
    del gallery  # A table says it all.
    return {"domains": {domain: _of_domain(zoo, domain) for domain in zoo.domains()}}


def _of_domain(zoo: Zoo, domain: str) -> dict[str, Any]:
    worth = question.worth(zoo, domain).with_columns(
        better=1 - pl.col("guessing") - pl.col("vacuous")
    )
    rows = {
        (row["transform"], row["ground_cost"], row["source_rows"]): row
        for row in worth.iter_rows(named=True)
    }
    return {
        "table": _table(worth),
        "identity": rows["identity", "margin", "held-out"],
        "features": rows["features", "margin", "held-out"],
        "all": rows["all", "margin", "held-out"],
        "all_rows": rows["all", "margin", "all"],
        "paper": rows["all", "euclidean", "held-out"],
        "violated": worth["below_loss"].sum(),
        "computed": worth["bounds"].sum(),
    }


def _table(worth: pl.DataFrame) -> str:
    headings = [
        *("transform", "cost", "source rows", "mean bound", "share of guessing"),
        *("mean target loss", "no better than guessing", "vacuous", "weighted τ"),
    ]
    rows = [
        [
            row["transform"],
            _COSTS[row["ground_cost"]],
            row["source_rows"],
            number(row["bound"], 3),
            number(row["of_guessing"], 3),
            number(row["target_loss"], 3),
            percent(row["guessing"]),
            percent(row["vacuous"]),
            number(row["weighted_tau"]),
        ]
        for row in worth.iter_rows(named=True)
    ]
    return table(headings, rows)
