"""How near tasks are to each other: the bounds between them, and an order that puts like to like.

A bound is of a direction: what a source knows may serve a target that could give nothing back.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations

import polars as pl

# Of two tasks between which no bound could be computed: that of guessing.
_UNKNOWN = 1.0


def relatedness(bounds: pl.DataFrame, by: Sequence[str] = ()) -> pl.DataFrame:
    """Return the bound of each source on each target, as mean over the models.

    Bounds on targets with different numbers of classes are in different scales, so `share` has
    them as shares of the loss of guessing by class frequency: 1 says nothing, 0 would be perfect.

    Parameters
    ----------
    bounds
        What `compute_bounds` returns: `source`, `target`, `bound` and `trivial_loss`.
    by
        Columns for whose values there is a matrix each, such as `["model"]`; of none, one matrix
        for all models.

    Returns
    -------
    DataFrame
        The `by` columns; `source`; `target`; `bound` and `trivial_loss`, means in nats; `share`,
        the mean of bounds divided by the loss of guessing; `asymmetry`, what `share` has more than
        that of the way back, null where there is no bound for either way; and `models`, the number
        of bounds in the means. Where it is 0 the means are null.

    Examples
    --------
    >>> import polars as pl
    >>> bounds = pl.DataFrame(
    ...     {
    ...         "model": ["a", "b", "a"],
    ...         "source": ["digits", "digits", "letters"],
    ...         "target": ["letters", "letters", "digits"],
    ...         "bound": [1.0, 2.0, 0.5],
    ...         "trivial_loss": [2.0, 2.0, 1.0],
    ...     }
    ... )
    >>> relatedness(bounds).select("source", "target", "bound", "share", "asymmetry").rows()
    [('digits', 'letters', 1.5, 0.75, 0.25), ('letters', 'digits', 0.5, 0.5, -0.25)]
    """
    keys = [*by, "source", "target"]
    of_guessing = pl.when(pl.col("trivial_loss") > 0).then(pl.col("bound") / pl.col("trivial_loss"))
    known = pl.col("bound").is_not_null()
    means = bounds.group_by(keys).agg(
        pl.col("bound").mean(),
        pl.col("trivial_loss").filter(known).mean(),
        of_guessing.mean().alias("share"),
        pl.col("bound").count().cast(pl.UInt32).alias("models"),
    )
    back = means.select(*by, source="target", target="source", back="share")
    both = means.join(back, on=keys, how="left", nulls_equal=True)
    return both.select(
        *(*keys, "bound", "trivial_loss", "share"),
        (pl.col("share") - pl.col("back")).alias("asymmetry"),
        "models",
    ).sort(keys)


def task_order(related: pl.DataFrame) -> list[str]:
    """Return the tasks in an order in which those that serve each other stand together.

    Tasks are merged by average linkage (Sokal and Michener 1958): again and again the two groups
    whose tasks are nearest in the mean, where two tasks are as far apart as the mean of their
    shares in both directions. Of the four ways to put two groups in a row, that one is taken in
    which the tasks that meet are nearest.

    Parameters
    ----------
    related
        What `relatedness` returns for one matrix.

    Examples
    --------
    >>> import polars as pl
    >>> rows = [("a", "z", 0.1), ("a", "b", 0.9), ("b", "c", 0.2), ("z", "c", 0.8)]
    >>> columns = ["source", "target", "share"]
    >>> task_order(pl.DataFrame(rows, schema=columns, orient="row"))
    ['a', 'z', 'c', 'b']
    """
    apart = _distances(related)
    groups = [[task] for task in sorted({task for pair in apart for task in pair})]
    if not groups:
        return []
    while len(groups) > 1:
        first, second = min(
            combinations(groups, 2), key=lambda pair: _mean_distance(pair[0], pair[1], apart)
        )
        groups.remove(second)
        groups[groups.index(first)] = _in_a_row(first, second, apart)
    (order,) = groups
    return order if order[0] <= order[-1] else order[::-1]


def _distances(related: pl.DataFrame) -> dict[frozenset[str], float]:
    """Return how far apart each two tasks are, and each from itself."""
    shares: dict[frozenset[str], list[float]] = {}
    names: set[str] = set()
    for source, target, share in related.select("source", "target", "share").iter_rows():
        names |= {source, target}
        if share is not None:
            shares.setdefault(frozenset([source, target]), []).append(share)
    apart = {frozenset([name]): 0.0 for name in names}
    for pair in map(frozenset, combinations(names, 2)):
        known = shares.get(pair, [_UNKNOWN])
        apart[pair] = sum(known) / len(known)
    return apart


def _mean_distance(
    first: Sequence[str], second: Sequence[str], apart: dict[frozenset[str], float]
) -> float:
    pairs = [apart[frozenset([one, other])] for one in first for other in second]
    return sum(pairs) / len(pairs)


def _in_a_row(first: list[str], second: list[str], apart: dict[frozenset[str], float]) -> list[str]:
    ways = [(one, other) for one in (first, first[::-1]) for other in (second, second[::-1])]
    left, right = min(ways, key=lambda way: apart[frozenset([way[0][-1], way[1][0]])])
    return [*left, *right]
