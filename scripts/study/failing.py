"""Where bound and consensus choose wrongly, and why."""

from __future__ import annotations

from typing import Any

import polars as pl
import where_it_fails as question
from does_it_predict import BETTER
from zoo import Zoo

from study.pictures import Gallery
from study.words import number, signed, table

TITLE = "Where it fails"
SCRIPT = "where_it_fails.py"
_NAMES = {question.BOUND: "the bound", question.CONSENSUS: "the consensus"}
# So many of the largest regrets of a ranker are shown.
_MOST = 4


def section(zoo: Zoo, gallery: Gallery) -> dict[str, Any]:
    """Return what the text of the section is made of."""
    del gallery  # Tables say it all.
    return {
        "question": question,
        "domains": {domain: _of_domain(zoo, domain) for domain in zoo.domains()},
    }


def _of_domain(zoo: Zoo, domain: str) -> dict[str, Any]:
    choices, misjudged = question.choices(zoo, domain), question.misjudged(zoo, domain)
    wrong = choices.filter(pl.col("regret") > 0)
    largest = wrong.group_by("ranker", maintain_order=True).head(_MOST)
    return {
        "error": 100 * zoo.median_error(domain),
        "targets": choices["target"].n_unique(),
        "rankers": [
            {
                "name": name,
                "wrong": wrong.filter(ranker=ranker).rows(named=True),
                "real": wrong.filter(pl.col("regret") > pl.col("noise"), ranker=ranker).height,
                **_most_misjudged(misjudged.filter(ranker=ranker)),
            }
            for ranker, name in _NAMES.items()
        ],
        "table": _table(largest) if largest.height else "",
        "reasons": [
            _reason(row) for row in largest.filter(ranker=question.BOUND).iter_rows(named=True)
        ],
        "models": _table_of_models(misjudged),
    }


def _most_misjudged(models: pl.DataFrame) -> dict[str, Any]:
    # Models of one width have no correlation with it.
    with_width = pl.corr("too_high", "dim", method="spearman").fill_nan(None)
    return {
        "high": models.row(0, named=True),
        "low": models.row(-1, named=True),
        "with_width": models.select(with_width).item(),
    }


def _reason(row: dict[str, Any]) -> dict[str, Any]:
    """Return which term of the bound speaks most for the model that was chosen wrongly."""
    leads = {term: row[term] - row[f"{term}_of_best"] for term in question.TERMS}
    term = min(leads, key=lambda name: leads[name])
    return {
        **row,
        "says": row["state"] == BETTER,
        "term": term.replace("_", " "),
        "lead_of_term": leads[term],
        "lead": row["bound_of_best"] - row["bound"],
        "loss": row["target_loss"] - row["target_loss_of_best"],
    }


def _table(largest: pl.DataFrame) -> str:
    rows = [
        [
            _NAMES[row["ranker"]],
            row["target"],
            row["model"],
            row["model_of_best"],
            number(row["regret"], 1),
            number(row["noise"], 1),
        ]
        for row in largest.iter_rows(named=True)
    ]
    return table(["chosen by", "target", "chosen", "best", "regret, points", "noise"], rows)


def _table_of_models(misjudged: pl.DataFrame) -> str:
    wide = misjudged.pivot("ranker", index=["model", "dim", "accuracy"], values="too_high")
    rows = [
        [
            row["model"],
            str(row["dim"]),
            number(row["accuracy"]),
            *(signed(row[ranker], 1) for ranker in _NAMES),
        ]
        for row in wide.sort(question.BOUND, descending=True).iter_rows(named=True)
    ]
    headings = ["model", "width", "mean accuracy", "places too high by the bound"]
    return table([*headings, "by the consensus"], rows)
