"""The settings that every bound function shares, checked before any data is read.

Single values are checked here for type and range, so that a batch refuses them at once and in the
words of its door. Of frames, `head` and `label_map`, columns and dtypes are checked here; whether
their classes and weights fit the tasks is known, and checked, where the tasks are read.
"""

from __future__ import annotations

from typing import Any, Literal, TypedDict, get_args

import polars as pl

from polars_transferability._arguments import flag, integer, number, one_of, open_share
from polars_transferability._columns import is_label_type
from polars_transferability._door import door

Transform = Literal["identity", "features", "all"]
GroundCost = Literal["margin", "head", "euclidean"]
Lipschitz = Literal["certified", "empirical"]
SourceRows = Literal["held-out", "all"]


class BoundOptions(TypedDict, total=False):
    """What `transfer_bound`, `transfer_bounds` and `compute_bounds` have in common."""

    transform: Transform
    ground_cost: GroundCost
    lipschitz: Lipschitz
    l2: float | None
    head: pl.DataFrame | pl.LazyFrame | None
    label_map: pl.DataFrame | pl.LazyFrame | None
    standardize: bool
    max_rows_per_class: int | None
    seed: int
    source_rows: SourceRows
    target_label: str | pl.Expr | None
    target_clusters: int | None
    max_target_rows_per_class: int | None
    confidence: float | None
    probe: bool
    seeds: int
    match_labels: bool
    seconds: bool


def bound_settings(
    *,
    transform: Transform = "all",
    ground_cost: GroundCost = "margin",
    lipschitz: Lipschitz = "certified",
    l2: float | None = None,
    head: pl.DataFrame | pl.LazyFrame | None = None,
    label_map: pl.DataFrame | pl.LazyFrame | None = None,
    standardize: bool = True,
    max_rows_per_class: int | None = None,
    seed: int = 0,
    source_rows: SourceRows = "held-out",
    target_label: str | pl.Expr | None = None,
    target_clusters: int | None = None,
    max_target_rows_per_class: int | None = None,
    confidence: float | None = None,
    probe: bool = False,
    seeds: int = 1,
    match_labels: bool = False,
    seconds: bool = False,
) -> dict[str, Any]:
    """Return the settings of a bound in the form that the native side reads.

    Of `target_label`, a column, only that there is one is a setting.

    Examples
    --------
    >>> bound_settings(ground_cost="cosine")
    Traceback (most recent call last):
    ValueError: ground_cost: expected one of 'margin', 'head', 'euclidean', found 'cosine'
    """
    if lipschitz == "empirical" and ground_cost == "margin":
        msg = (
            "lipschitz: 'empirical' needs ground_cost 'euclidean' or 'head'; "
            "'margin' has no Lipschitz constant"
        )
        raise ValueError(msg)
    if confidence is not None and lipschitz == "empirical":
        msg = "confidence: needs lipschitz 'certified'; nothing holds of an 'empirical' constant"
        raise ValueError(msg)
    if target_label is not None and target_clusters is not None:
        msg = (
            "target_clusters: stand in for the labels of targets, and so does what is named with "
            f"{door().stand_in}; give one of them"
        )
        raise ValueError(msg)
    if flag("match_labels", match_labels) and target_label is None and target_clusters is None:
        msg = (
            "match_labels: needs target_label or target_clusters, whose classes are matched to "
            "those of the labels"
        )
        raise ValueError(msg)
    return {
        "transform": one_of("transform", transform, get_args(Transform)),
        "ground_cost": one_of("ground_cost", ground_cost, get_args(GroundCost)),
        "lipschitz": one_of("lipschitz", lipschitz, get_args(Lipschitz)),
        "l2": None if l2 is None else number("l2", l2, above=0),
        "standardize": flag("standardize", standardize),
        "max_rows_per_class": None
        if max_rows_per_class is None
        else integer("max_rows_per_class", max_rows_per_class, least=1),
        "seed": integer("seed", seed, least=0),
        "source_rows": one_of("source_rows", source_rows, get_args(SourceRows)),
        "target_labels": "given" if target_label is None else "pseudo",
        "target_clusters": None
        if target_clusters is None
        else integer("target_clusters", target_clusters, least=2),
        "max_target_rows_per_class": None
        if max_target_rows_per_class is None
        else integer("max_target_rows_per_class", max_target_rows_per_class, least=1),
        "confidence": None if confidence is None else open_share("confidence", confidence),
        "beside": ["probe"] if flag("probe", probe) else [],
        "seeds": integer("seeds", seeds, least=1),
        "match_labels": match_labels,
        "seconds": flag("seconds", seconds),
        "head": None if head is None else _head(head),
        "label_map": None if label_map is None else _label_map(label_map),
    }


def _head(frame: object) -> dict[str, Any]:
    rows = _frame("head", frame, ("label", "weight", "bias"))
    dtype = rows.schema["weight"]
    if not (isinstance(dtype, (pl.Array, pl.List)) and dtype.inner.is_numeric()):
        msg = f"head: column 'weight' must be an Array or List of numbers, found {dtype}"
        raise TypeError(msg)
    weight = rows["weight"].cast(pl.List(pl.Float64))
    _refuse_nulls("head", weight.explode(empty_as_null=False))
    return {
        "label": _class_names("head", rows["label"]),
        "weight": weight.to_list(),
        "bias": _numbers("head", rows["bias"]).to_list(),
    }


def _label_map(frame: object) -> dict[str, Any]:
    rows = _frame("label_map", frame, ("source", "target", "weight"))
    return {
        "source": _class_names("label_map", rows["source"]),
        "target": _class_names("label_map", rows["target"]),
        "weight": _numbers("label_map", rows["weight"]).to_list(),
    }


def _frame(argument: str, frame: object, columns: tuple[str, ...]) -> pl.DataFrame:
    rows = frame.collect() if isinstance(frame, pl.LazyFrame) else frame
    if not isinstance(rows, pl.DataFrame):
        msg = f"{argument}: expected a Polars frame, found {type(frame).__name__}"
        raise TypeError(msg)
    if missing := [name for name in columns if name not in rows.columns]:
        msg = f"{argument}: columns {missing} not found; there are {rows.columns}"
        raise ValueError(msg)
    rows = rows.select(columns)
    if rows.is_empty():
        msg = f"{argument}: the frame has no rows"
        raise ValueError(msg)
    for column in rows.iter_columns():
        _refuse_nulls(argument, column)
    return rows


def _refuse_nulls(argument: str, column: pl.Series) -> None:
    """Raise ValueError for nulls, which the native side cannot be sent."""
    if column.has_nulls():
        msg = f"{argument}: column '{column.name}' holds {column.null_count()} nulls"
        raise ValueError(msg)


def _class_names(argument: str, labels: pl.Series) -> list[str]:
    if not is_label_type(labels.dtype):
        msg = (
            f"{argument}: column '{labels.name}' must be integers, strings, categories, enums or "
            f"booleans, found {labels.dtype}"
        )
        raise TypeError(msg)
    names: list[str] = labels.cast(pl.String).to_list()
    return names


def _numbers(argument: str, values: pl.Series) -> pl.Series:
    if not values.dtype.is_numeric():
        msg = f"{argument}: column '{values.name}' must be numbers, found {values.dtype}"
        raise TypeError(msg)
    numbers: pl.Series = values.cast(pl.Float64)
    return numbers
