"""Which rows a score that is an accuracy classifies right."""

from __future__ import annotations

from typing import Any

import polars as pl

from polars_transferability._plugin import column_plugin
from polars_transferability._scores.choice import score_settings
from polars_transferability._scores.one_table import score_input

# The scores that classify rows, and what their share of right ones is called among results.
ACCURACIES = {"knn_accuracy": "knn_accuracy", "linear_probe": "linear_probe_accuracy"}


def hits(
    embedding: str | pl.Expr,
    label: str | pl.Expr,
    *,
    score: str,
    options: dict[str, Any],
    fit: str | pl.Expr | None,
) -> pl.Expr:
    """Return whether each row is classified right, null for rows that are only learned from.

    The share of right ones is the score itself, or the accuracy of the linear probe.
    """
    inputs, columns = score_input(embedding=embedding, label=label, fit=fit)
    settings = score_settings(score, **options)
    return column_plugin("hits", inputs, {"score": settings, "columns": columns})
