"""Labels for rows that have none, and probabilities from logits."""

from __future__ import annotations

import polars as pl

from polars_transferability._arguments import integer
from polars_transferability._columns import column_name, one_column
from polars_transferability._plugin import column_plugin
from polars_transferability._restricted import restrictable


def pseudo_labels(embedding: str | pl.Expr, clusters: int, *, seed: int = 0) -> pl.Expr:
    """Label each row by its k-means cluster, where there are no labels.

    For any score and for the bound, as their `label`. Results say so: class names start with
    `pseudo:`, and `scores` and `compute_scores` have "pseudo" in `labels`. What is then measured is
    how well the features fall into clusters, not whether these are the classes of a task.

    Parameters
    ----------
    embedding
        Column of embeddings.
    clusters
        Number of clusters; as many rows must differ.
    seed
        Of the start (k-means++). The same seed gives the same clusters in any order of the rows.

    Returns
    -------
    Expr
        String, one value for each row: "pseudo:0", "pseudo:1", ...

    Examples
    --------
    >>> import polars as pl
    >>> import polars_transferability as pt
    >>> rows = pl.DataFrame({"x": [[0.0], [0.1], [9.0], [9.1]]})
    >>> rows.select(pt.pseudo_labels("x", 2).n_unique()).item()
    2
    >>> rows.select(pt.h_score("x", pt.pseudo_labels("x", 2)).round(3)).item()
    1.0
    """
    column = one_column("embedding", embedding)
    kwargs = {
        "clusters": integer("clusters", clusters, least=1),
        "seed": integer("seed", seed, least=0),
        "embedding": column_name(column),
    }

    def of_rows(where: pl.Expr | None) -> pl.Expr:
        fields = {"embedding": column} if where is None else {"embedding": column, "where": where}
        rows = pl.struct([field.alias(name) for name, field in fields.items()])
        return column_plugin("pseudo_labels", [rows], kwargs)

    return restrictable(of_rows)


def argmax_labels(probabilities: str | pl.Expr) -> pl.Expr:
    """Label each row by its most probable class, where there are no labels.

    As for `pseudo_labels`, class names start with `pseudo:`, and results say so. Of equal values
    the first one counts.

    Parameters
    ----------
    probabilities
        Column of Array or List of numbers, or logits, as many in each row. Minus infinity rules a
        class out; NaN, plus infinity and nulls inside a row are errors.

    Returns
    -------
    Expr
        String, one value for each row, null where the row is null.

    Examples
    --------
    >>> import polars as pl
    >>> import polars_transferability as pt
    >>> rows = pl.DataFrame({"p": [[0.9, 0.1], [0.2, 0.8]]})
    >>> rows.select(pt.argmax_labels("p"))["argmax_labels"].to_list()
    ['pseudo:0', 'pseudo:1']
    """
    return _of_logits("argmax_labels", one_column("probabilities", probabilities))


def softmax(logits: str | pl.Expr) -> pl.Expr:
    """Probabilities from logits: `exp(l_z) / sum_z exp(l_z)` for each row.

    Parameters
    ----------
    logits
        Column of Array or List of numbers, as many in each row. Minus infinity rules a class out;
        NaN, plus infinity and nulls inside a row are errors.

    Returns
    -------
    Expr
        List of Float64, one for each row, null where the row is null.

    Examples
    --------
    >>> import polars as pl
    >>> import polars_transferability as pt
    >>> rows = pl.DataFrame({"logits": [[1000.0, 1000.0]]})
    >>> rows.select(pt.softmax("logits"))["softmax"].to_list()
    [[0.5, 0.5]]
    """
    return _of_logits("softmax", one_column("logits", logits))


def _of_logits(name: str, column: pl.Expr) -> pl.Expr:
    rows = [pl.struct(column.alias("logits"))]
    return column_plugin(name, rows, {"logits": column_name(column)})
