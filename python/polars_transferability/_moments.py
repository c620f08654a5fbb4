"""Moments that merge: what many scores need, without the rows."""

from __future__ import annotations

import polars as pl

from polars_transferability._arguments import flag
from polars_transferability._columns import column_name, one_column
from polars_transferability._plugin import scalar_plugin


def moments(embedding: str | pl.Expr, label: str | pl.Expr, *, per_class: bool = True) -> pl.Expr:
    """Count, mean and second moments of each class, as a value that merges.

    Made for each file or row group, stored in Parquet, merged in any order and scored later:
    `logme`, `h_score`, `shrinkage_h_score`, `transrate`, `gbc` and `gaussian_wasserstein` accept
    such a column in place of embeddings and label, with the same result. Sums are centred where
    they are made. Means are floats: of features whose mean is 10^k times their spread, k of 16
    digits are lost, so about ten are left at 1e6 (sums of squares about zero would lose 2 k).
    `O(N D^2)`.

    Parameters
    ----------
    embedding, label
        Columns of embeddings and class labels.
    per_class
        Keep every class's own scatter, `C D (D + 1) / 2` numbers, which `transrate` and `gbc` need.
        Without it, one scatter of `D (D + 1) / 2` numbers is kept.

    Returns
    -------
    Expr
        Struct of `classes` (String), `counts`, `means` (`C D` numbers, class after class), `within`
        (scatter about the class means, the rows of its lower triangle), `class_within` (the same
        for each class; null without `per_class`), `cubic` and `quartic` (for the shrinkage).

    Examples
    --------
    >>> import polars as pl
    >>> import polars_transferability as pt
    >>> rows = pl.DataFrame(
    ...     {
    ...         "file": [1, 1, 1, 2, 2, 2],
    ...         "x": [[0.0], [1.0], [5.0], [0.5], [4.0], [4.5]],
    ...         "label": ["a", "a", "b", "a", "b", "b"],
    ...     }
    ... )
    >>> files = rows.group_by("file").agg(pt.moments("x", "label"))
    >>> merged = files.select(pt.merge_moments("moments"))
    >>> score = merged.select(pt.h_score("merge_moments")).item()
    >>> abs(score - rows.select(pt.h_score("x", "label")).item()) < 1e-12
    True
    """
    columns = {"embedding": one_column("embedding", embedding), "label": one_column("label", label)}
    names = {name: column_name(column) for name, column in columns.items()}
    rows = pl.struct([column.alias(name) for name, column in columns.items()])
    return scalar_plugin("moments", [rows], {"per_class": flag("per_class", per_class), **names})


def merge_moments(moments: str | pl.Expr) -> pl.Expr:
    """Moments of all rows together, from those of parts. Classes are matched by name.

    A score of a column of several moments merges them too. `O(C D^2)` for each part.

    Parameters
    ----------
    moments
        Column of moments, as `moments` makes them: all with a scatter per class, or all without.

    Returns
    -------
    Expr
        Struct as of `moments`, one value.

    Examples
    --------
    >>> import polars as pl
    >>> import polars_transferability as pt
    >>> rows = pl.DataFrame({"x": [[0.0], [1.0], [3.0], [4.0]], "label": [0, 0, 1, 1]})
    >>> halves = pl.concat(
    ...     [half.select(pt.moments("x", "label")) for half in (rows.head(2), rows.tail(2))]
    ... )
    >>> halves.select(pt.merge_moments("moments").struct.field("counts"))["counts"].to_list()
    [[2, 2]]
    """
    column = one_column("moments", moments)
    inputs = [pl.struct(column.alias("embedding"))]
    return scalar_plugin("merge_moments", inputs, {"moments": column_name(column)})
