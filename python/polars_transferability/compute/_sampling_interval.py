"""How far scores of a sample may be off from those of all rows that it was drawn from.

For a half of the sample, drawn at random, the score differs from that of the whole sample. As
sampling variance is inverse to the number of rows, the variance among halves, which share the rows
of one sample, is the variance of the whole sample's score itself.

Scores that learn from the rows also depend on their number: with fewer, a probe is worse. The mean
of the halves differs from the score of the whole by what half of the rows costs. If that cost falls
as the root of the number of rows, as it does for many learners, the score of arbitrarily many rows
is `1 / (sqrt(2) - 1)` times that difference away on the other side; if it falls faster, nearer. So
the interval reaches from the score to there, and on both sides as far as sampling explains.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import polars as pl
import polars.selectors as cs

# Halves that are drawn: a standard error estimated from eight is good to a quarter of itself.
HALVES = 8
# The quantile of Student's distribution with 7 degrees of freedom for an interval of 95 %.
_QUANTILE = 2.365
# How many times the cost of half of the rows all rows are away.
_AWAY = 1 / (2**0.5 - 1)


def with_intervals(
    scored: pl.DataFrame, of_half: Callable[[int], pl.DataFrame], units: Sequence[str]
) -> pl.DataFrame:
    """Return scores with `_low` and `_high` beside each that is a number.

    An interval is null where all halves have the score of the whole, as those of a sample of one
    row of each class do: they tell nothing then.

    Parameters
    ----------
    scored
        Scores of a sample, with a row for each combination of values of `units`.
    of_half
        The same of half of the sample, by the number of the half.

    Examples
    --------
    >>> scored = pl.DataFrame({"target": ["pets"], "knn_accuracy": [0.8]})
    >>> def of_half(number):
    ...     return scored.with_columns(knn_accuracy=0.79 + 0.02 * (number % 2))
    >>> with_intervals(scored, of_half, ["target"]).select(pl.exclude("target").round(3)).rows()
    [(0.8, 0.775, 0.825)]
    """
    # The strength of a penalty is chosen, not estimated.
    chosen = (name for name in scored.columns if name.endswith("_l2"))
    names = [*scored.select(cs.float() - cs.by_name(*chosen)).columns]
    halves = pl.concat((of_half(number) for number in range(HALVES)), how="diagonal_relaxed")
    # Lists have the order of the halves, and so the same bits on any number of threads.
    of_units = halves.group_by(units, maintain_order=True).agg(names)
    parts = of_units.select(
        *units,
        *(pl.col(name).list.mean().alias(f"{name} of halves") for name in names),
        *(pl.col(name).list.std().alias(f"{name} varies") for name in names),
    )
    joined = scored.join(parts, on=units, how="left", nulls_equal=True, maintain_order="left")
    for name in names:
        score, varies = pl.col(name), pl.col(f"{name} varies")
        far = score + _AWAY * (score - pl.col(f"{name} of halves"))
        low = pl.min_horizontal(score, far) - _QUANTILE * varies
        high = pl.max_horizontal(score, far) + _QUANTILE * varies
        if name.endswith("accuracy"):
            low, high = low.clip(0, 1), high.clip(0, 1)
        tells = (varies > 0) | (far != score)
        joined = joined.with_columns(
            pl.when(tells).then(low).alias(f"{name}_low"),
            pl.when(tells).then(high).alias(f"{name}_high"),
        )
    return joined.select(pl.exclude("^.* (of halves|varies)$"))
