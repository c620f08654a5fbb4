"""The mean place of models among several scores, and the column of it beside results."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from polars_transferability._columns import column_name, one_column
from polars_transferability._plugin import column_plugin

# What is combined where it was computed. On real encoders the three together ranked better than
# each of them, and than every other score: a guarantee, a probe and an evidence err differently.
PARTS = ("bound", "knn_accuracy", "logme")
COLUMN = "consensus"
# Digits of a bound that are more than rounding.
_DIGITS = 12


def consensus(score: str | pl.Expr, *more: str | pl.Expr) -> pl.Expr:
    r"""Mean rank of each row among several scores, from 0 to 1; higher is better.

    Of `n` rows (models) and `m` scores, with `r_i` the rank of a row by score `i` from 1 for the
    least to `n` for the largest, in which equal values share the mean of their ranks::

        consensus = 1 / m * sum_i (r_i - 1) / (n - 1)

    It is 1 for the row that is largest in every score, 0 for the one that is least in all, and the
    mean share of the other rows that a row is above. A score that is constant gives every row 0.5,
    and so does a single row. The mean over the rows is always 0.5, so values say who is ahead of
    whom within a group, and nothing across groups.

    Scores that err on different models correct each other: measured on 20 real encoders (see
    docs/measurements.md), bound, kNN and LogME together rank models better than each of them. In
    `O(m n log n)`; the mean of ranks goes back to Borda (1784).

    Parameters
    ----------
    score, *more
        Columns of numbers, higher for models expected to be better. A loss goes in as its negative,
        `-pl.col("bound")`. A row with a null in any of them is left out: it has a null consensus,
        and the others are ranked without it. NaN and infinite values are errors, which name the
        column.

    Returns
    -------
    Expr
        Float64 from 0 to 1, one value for each row: with `over`, among the rows of its group; in
        `group_by(...).agg(...)`, a list of the group's rows.

    Examples
    --------
    >>> import polars as pl
    >>> import polars_transferability as pt
    >>> models = pl.DataFrame(
    ...     {
    ...         "model": ["a", "b", "c"] * 2,
    ...         "target": ["cars"] * 3 + ["pets"] * 3,
    ...         "bound": [1.0, 0.8, 0.5, 1.1, 0.9, None],
    ...         "knn_accuracy": [0.5, 0.7, 0.6, 0.9, 0.9, 0.8],
    ...     }
    ... )
    >>> models.with_columns(
    ...     pt.consensus(-pl.col("bound"), "knn_accuracy").over("target")
    ... ).select("target", "model", "consensus").rows()
    [('cars', 'a', 0.0),
     ('cars', 'b', 0.75),
     ('cars', 'c', 0.75),
     ('pets', 'a', 0.25),
     ('pets', 'b', 0.75),
     ('pets', 'c', None)]
    """
    given = {"score": score, **{f"more[{place}]": other for place, other in enumerate(more)}}
    columns = [one_column(argument, column) for argument, column in given.items()]
    rows = pl.struct([column.alias(str(place)) for place, column in enumerate(columns)])
    return column_plugin("consensus", [rows], {"columns": [column_name(c) for c in columns]})


def with_consensus(
    results: pl.DataFrame, models: Sequence[str], among: Sequence[str] = PARTS
) -> pl.DataFrame:
    """Return results with the consensus of each model among those of its target, as last column.

    It is taken over those of `among` that the results have; with fewer than two of them there is
    nothing to agree, and the results stay as they are. A model with several rows of a target, as
    with several sources, counts with its lowest bound.
    """
    parts = [name for name in among if name in results.columns and results[name].count() > 0]
    if len(parts) < 2:
        return results
    if COLUMN in results.columns:
        msg = f"'{COLUMN}' is what the mean rank is called beside the scores; rename that column"
        raise ValueError(msg)
    keys = ["target", *models]
    best = results.group_by(keys, maintain_order=True).agg(
        _lowest_bound(results).alias(name) if name == "bound" else pl.col(name).max()
        for name in parts
    )
    ranked = [-pl.col(name) if name == "bound" else pl.col(name) for name in parts]
    found = best.select(*keys, consensus(*ranked).over("target").alias(COLUMN))
    return results.join(found, on=keys, how="left", nulls_equal=True, maintain_order="left")


def _lowest_bound(results: pl.DataFrame) -> pl.Expr:
    """Return the lowest bound of a group, or the loss of guessing where that is lower."""
    bound = pl.col("bound").min()
    if "trivial_loss" not in results.columns:
        return bound
    capped = pl.when(bound.is_not_null()).then(
        pl.min_horizontal(bound, pl.col("trivial_loss").min())
    )
    return capped.round_sig_figs(_DIGITS)
