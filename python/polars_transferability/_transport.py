"""Exact optimal transport between embedding columns."""

from __future__ import annotations

import math

import polars as pl

from polars_transferability._columns import column_name, one_column, optional_column
from polars_transferability._plugin import scalar_plugin
from polars_transferability._task import Task, task_pair


def wasserstein(
    x: str | pl.Expr,
    y: str | pl.Expr,
    *,
    p: float = 1,
    x_weight: str | pl.Expr | None = None,
    y_weight: str | pl.Expr | None = None,
) -> pl.Expr:
    """Exact Wasserstein distance between two columns of points.

    With `w` and `v` the weights, scaled to sum to one, it is the minimum over all couplings `P` of
    `w` and `v` of `(sum_ij P_ij |x_i - y_j|^p)^(1/p)`, with the Euclidean norm. The
    optimum is exact (network simplex), not regularised and never stopped short.

    Parameters
    ----------
    x, y
        Columns of Array or List of floats, of one width; their lengths may differ.
    p
        Exponent, finite and at least 1.
    x_weight, y_weight
        Masses of the points, not negative; None for uniform.

    Returns
    -------
    Expr
        Float64, one value.

    Examples
    --------
    >>> import polars as pl
    >>> import polars_transferability as pt
    >>> points = pl.DataFrame({"x": [[0.0, 0.0], [1.0, 0.0]], "y": [[1.0, 2.0], [0.0, 2.0]]})
    >>> points.select(pt.wasserstein("x", "y").alias("distance")).item()
    2.0
    """
    sides = [_points("x", x, x_weight), _points("y", y, y_weight)]
    names = {"x": column_name(one_column("x", x)), "y": column_name(one_column("y", y))}
    return scalar_plugin("wasserstein", sides, {"p": _exponent(p), "columns": names})


def class_wasserstein(source: Task, target: Task, *, p: float = 1) -> pl.Expr:
    """Exact Wasserstein distance between same-named classes of two tasks.

    Parameters
    ----------
    source, target
        The two tasks, made by `task`. Every class of the target must occur in the source.
    p
        Exponent, finite and at least 1.

    Returns
    -------
    Expr
        Struct of `distance`, the average over target classes weighted by their share of rows, and
        `by_class`: List[Struct{`class`, `weight`, `distance`}].

    Examples
    --------
    >>> import polars as pl
    >>> import polars_transferability as pt
    >>> rows = pl.DataFrame(
    ...     {
    ...         "task": ["old"] * 4 + ["new"] * 4,
    ...         "label": ["a", "a", "b", "b"] * 2,
    ...         "embedding": [[0.0], [1.0], [5.0], [6.0], [2.0], [3.0], [5.0], [6.0]],
    ...     }
    ... )
    >>> old, new = (pt.task(where=pl.col("task") == name) for name in ("old", "new"))
    >>> distance = rows.select(pt.class_wasserstein(old, new).alias("w")).unnest("w")
    >>> distance["distance"].item()
    1.0
    >>> [(c["class"], c["distance"]) for c in distance["by_class"].item()]
    [('a', 2.0), ('b', 0.0)]
    """
    inputs, columns = task_pair(source, target)
    return scalar_plugin("class_wasserstein", inputs, {"p": _exponent(p), "columns": columns})


def _points(argument: str, points: object, weight: object) -> pl.Expr:
    fields = {"embedding": one_column(argument, points)}
    mass = optional_column(f"{argument}_weight", weight)
    if mass is not None:
        fields["weight"] = mass
    return pl.struct([column.alias(name) for name, column in fields.items()])


def _exponent(p: object) -> float:
    if isinstance(p, bool) or not isinstance(p, (int, float)):
        msg = f"p: expected a number of at least 1, found {type(p).__name__}"
        raise TypeError(msg)
    if not (math.isfinite(p) and p >= 1):
        msg = f"p: expected a finite number of at least 1, found {p}"
        raise ValueError(msg)
    return float(p)
