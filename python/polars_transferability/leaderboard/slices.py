"""Parts of the models of a leaderboard, and what of a comparison holds in all of them."""

from __future__ import annotations

import math
import random
from collections.abc import Iterator, Sequence
from typing import TypeAlias

import polars as pl

from polars_transferability._arguments import integer, names_near_keyword, one_of
from polars_transferability.tables.table import FRAME, Table

Slices: TypeAlias = "int | str | Sequence[int | str]"

# The slice of all models.
EVERY = "all"


def slices_of(
    rows: pl.LazyFrame, model: str, slices: Slices, seed: int
) -> Iterator[tuple[str, pl.LazyFrame]]:
    """Yield the name and the rows of each slice, that of all models first."""
    wanted = [slices] if isinstance(slices, (int, str)) else list(slices)
    table = Table(FRAME, rows)
    table.require(dict.fromkeys((one for one in wanted if isinstance(one, str)), ""))
    models = table.select([model]).distinct().read()[model].drop_nulls().sort()
    yield EVERY, rows
    draw = random.Random(seed)
    for slicing in wanted:
        if isinstance(slicing, str):
            parts = _classes(table, model, slicing)
        else:
            parts = _halves(models, integer("slices", slicing, least=1), draw)
        for name, chosen in parts:
            yield name, rows.filter(pl.col(model).is_in(chosen.implode()))


def _halves(models: pl.Series, count: int, draw: random.Random) -> Iterator[tuple[str, pl.Series]]:
    for place in range(1, count + 1):
        chosen = draw.sample(range(models.len()), math.ceil(models.len() / 2))
        yield f"random half {place}", models[chosen]


def _classes(table: Table, model: str, column: str) -> Iterator[tuple[str, pl.Series]]:
    """Yield the models of each text of a column, or of each third of its numbers."""
    values = table.select([*dict.fromkeys([model, column])]).distinct().read().drop_nulls()
    if (twice := values.filter(values[model].is_duplicated())).height:
        msg = f"slices: model {twice[model].min()!r} has several values of '{column}'"
        raise ValueError(msg)
    for name, condition in _conditions(values[column]):
        if (found := values.filter(condition)[model]).len():
            yield name, found


def _conditions(values: pl.Series) -> Iterator[tuple[str, pl.Series]]:
    """Yield the name of each class, and which of the values are in it."""
    if not values.dtype.is_numeric():
        texts = values.cast(pl.String)
        yield from ((f"{values.name} {text}", texts == text) for text in texts.unique().sort())
    elif values.len():
        low, high = (values.quantile(part / 3, "lower") for part in (1, 2))
        assert low is not None
        assert high is not None
        yield f"{values.name} up to {low:g}", values <= low
        yield f"{values.name} above {low:g}, up to {high:g}", (values > low) & (values <= high)
        yield f"{values.name} above {high:g}", values > high


@names_near_keyword
def slice_summary(quality: pl.DataFrame, measure: str = "weighted_tau") -> pl.DataFrame:
    """Summarise over slices how well each score ranks models.

    A score that only tells large models from small ones loses its advantage within models of one
    size, and one that a few models carry loses it in random halves.

    Parameters
    ----------
    quality
        What `compare` with `slices` returns.
    measure
        The measure to summarise, a column of it.

    Returns
    -------
    DataFrame
        A row per group and score: `score`, `trivial`, the measure over `all` models, and over the
        slices its `mean`, `lowest` and `highest`; `slices`, in how many of them it has a value, and
        `ahead`, the share of these in which it is better than every trivial ranker (null where none
        of them has a value).

    Examples
    --------
    >>> import polars as pl
    >>> import polars_transferability as pt
    >>> models = pl.DataFrame(
    ...     {
    ...         "model": list("abcdef"),
    ...         "size": ["small"] * 3 + ["large"] * 3,
    ...         "logme": [0.3, 0.2, 0.1, 0.6, 0.5, 0.4],
    ...         "parameters": [1, 2, 3, 4, 5, 6],
    ...         "accuracy": [0.1, 0.2, 0.3, 0.4, 0.5, 0.6],
    ...     }
    ... )
    >>> quality = pt.compare(models, by=None, trivial=["parameters"], slices="size")
    >>> summary = pt.slice_summary(quality, "spearman").with_columns(pl.col(pl.Float64).round(2))
    >>> summary.select("score", "all", "mean", "slices", "ahead").rows()
    [('logme', 0.54, -1.0, 2, 0.0), ('parameters', 1.0, 1.0, 2, None)]
    """
    if "slice" not in quality.columns:
        msg = "quality: has no column 'slice'; give slices= to compare"
        raise ValueError(msg)
    groups = [name for name in quality.columns[: quality.columns.index("score")] if name != "slice"]
    after = quality.columns[quality.columns.index("trivial") + 1 :]
    value = pl.col(one_of("measure", measure, tuple(after)))
    better = -value if measure.startswith("regret") else value
    best_trivial = better.filter(pl.col("trivial")).max().over(["slice", *groups])
    part = pl.col("slice") != EVERY
    ahead = better > pl.col("best trivial")
    return (
        quality.with_columns(best_trivial.alias("best trivial"))
        .group_by(*groups, "score", "trivial", maintain_order=True)
        .agg(
            value.filter(~part).first().alias("all"),
            value.filter(part).mean().alias("mean"),
            value.filter(part).min().alias("lowest"),
            value.filter(part).max().alias("highest"),
            value.filter(part).count().alias("slices"),
            ahead.filter(part & ~pl.col("trivial")).mean().alias("ahead"),
        )
    )
