"""What marks a Parquet file as a result of this package, so that no one takes it for embeddings."""

from __future__ import annotations

from pathlib import Path

import polars as pl

# In the metadata of the Parquet files of a report, whose queries may return any columns.
MARK = {"polars_transferability": "a result of a report"}


# Of the results that have no mark: a kind, and columns that no other table has together.
_COLUMNS = {
    "bounds": {"bound", "source_loss", "label_mismatch", "distribution_mismatch", "target_loss"},
    "scores": {"target", "n", "classes", "labels"},
    "a map of classes": {"target_class", "target_share", "source_class", "source_weight"},
    "names without a match": {"only_in", "missing", "near_model", "near_target"},
    "qualities of rankings": {"score", "trivial", "spearman", "kendall_tau", "regret_at_k"},
    "shares that facts of models explain": {"factor", "measure", "explained", "by_chance"},
    "means by facts of models": {"factor", "level", "models"},
    "how near tasks are": {"source", "target", "share", "asymmetry"},
    "what is in tables": {"rows", "classes", "min_rows_per_class", "width", "label_dtype"},
}


def kind_of_result(rows: pl.LazyFrame) -> str | None:
    """Return what a result of this package holds; None for any other table.

    Examples
    --------
    >>> kind_of_result(pl.LazyFrame(schema=["model", "target", "logme", "n", "classes", "labels"]))
    'scores'
    """
    schema = rows.collect_schema()
    if any(_is_vector(dtype) for dtype in schema.dtypes()):
        return None
    return next((kind for kind, names in _COLUMNS.items() if names <= schema.keys()), None)


def is_marked(file: Path) -> bool:
    """Return whether a Parquet file is part of a report."""
    return MARK.items() <= pl.read_parquet_metadata(file).items()


def _is_vector(dtype: pl.DataType) -> bool:
    return isinstance(dtype, (pl.Array, pl.List)) and dtype.inner.is_numeric()
