"""How far scores of a sample may be off from those of all rows that it was drawn from.

For a half of the sample, drawn at random, the score differs from that of the whole sample. As
sampling variance is inverse to the number of rows, the variance of that difference is the variance
of the whole sample's score itself, so the root mean square of some such differences is an estimate
of its standard error. Scores that depend on the number of rows differ more than that: their
interval is too wide, not too narrow.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import polars as pl
import polars.selectors as cs

# Halves that are drawn: a standard error estimated from eight is good to a quarter of itself.
HALVES = 8
# The quantile of Student's distribution with 8 degrees of freedom for an interval of 95 %.
_QUANTILE = 2.306


def with_intervals(
    scored: pl.DataFrame, of_half: Callable[[int], pl.DataFrame], units: Sequence[str]
) -> pl.DataFrame:
    """Return scores with `_low` and `_high` beside each that is a number.

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
    [(0.8, 0.777, 0.823)]
    """
    # The strength of a penalty is chosen, not estimated.
    chosen = (name for name in scored.columns if name.endswith("_l2"))
    names = [*scored.select(cs.float() - cs.by_name(*chosen)).columns]
    halves = pl.concat((of_half(number) for number in range(HALVES)), how="diagonal_relaxed")
    of_whole = scored.select(*units, pl.col(names).name.suffix("_whole"))
    squares = [(pl.col(name) - pl.col(f"{name}_whole")).pow(2).mean().sqrt() for name in names]
    errors = (
        halves.join(of_whole, on=units, nulls_equal=True)
        .group_by(units)
        .agg(error.name.suffix("_error") for error in squares)
    )
    joined = scored.join(errors, on=units, how="left", nulls_equal=True, maintain_order="left")
    for name in names:
        half_width = _QUANTILE * pl.col(f"{name}_error")
        low, high = pl.col(name) - half_width, pl.col(name) + half_width
        if name.endswith("accuracy"):
            low, high = low.clip(0, 1), high.clip(0, 1)
        joined = joined.with_columns(low.alias(f"{name}_low"), high.alias(f"{name}_high"))
    return joined.drop(f"{name}_error" for name in names)
