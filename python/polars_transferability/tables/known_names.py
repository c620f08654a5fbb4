"""Names that columns of embedding tables go by where other programs wrote the tables.

A column that a table lacks is looked for under the names that other programs give it, in this
order; the first that can hold what is looked for stands in for it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import polars as pl

from polars_transferability._columns import is_label_type

EMBEDDINGS = (
    *("embedding", "embeddings", "emb", "vector", "features", "feature", "feature_vector"),
    *("image_embedding", "text_embedding", "sentence_embedding", "X", "x"),
)
LABELS = ("label", "labels", "target", "targets", "class", "category", "y")
_MODELS = ("model", "model_name", "model_id", "encoder")
_TASKS = ("task", "dataset", "dataset_name")
_SPLITS = ("split", "subset")


def is_name_type(dtype: pl.DataType) -> bool:
    """Return whether values of a type can be names of models, tasks or splits."""
    return dtype in (pl.String, pl.Categorical, pl.Enum)


def is_vector(dtype: pl.DataType) -> bool:
    """Return whether values of a type are vectors of numbers, or matrices.

    Examples
    --------
    >>> [is_vector(dtype) for dtype in (pl.List(pl.Int8()), pl.Array(pl.Float32(), (2, 3)))]
    [True, True]
    >>> is_vector(pl.List(pl.Struct([])))
    False
    """
    if not isinstance(dtype, (pl.Array, pl.List)):
        return False
    while isinstance(dtype, (pl.Array, pl.List)):
        dtype = dtype.inner  # type: ignore[assignment]
    return dtype.is_numeric()


_KNOWN: Mapping[str, tuple[tuple[str, ...], Callable[[pl.DataType], bool]]] = {
    "embedding": (EMBEDDINGS, is_vector),
    "label": (LABELS, is_label_type),
    "model": (_MODELS, is_name_type),
    "task": (_TASKS, is_name_type),
    "split": (_SPLITS, is_name_type),
}


def stand_ins(schema: Mapping[str, pl.DataType]) -> dict[str, str]:
    """Return, for columns that a table lacks, those of its columns that stand in for them.

    Examples
    --------
    >>> stand_ins({"uuid": pl.String(), "emb": pl.List(pl.Float32()), "y": pl.Int8()})
    {'embedding': 'emb', 'label': 'y'}
    """
    found = {}
    for column, (names, fits) in _KNOWN.items():
        there = [name for name in names if name in schema and fits(schema[name])]
        if column == "label" and not there:
            # Labels of another type are said to be so, rather than not found.
            there = [name for name in names if name in schema]
        if column not in schema and there:
            found[column] = there[0]
    return found
