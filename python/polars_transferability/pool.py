"""Scores that depend on which other models are in the pool."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from polars_transferability._columns import named_column
from polars_transferability._plugin import column_plugin
from polars_transferability._scores.choice import POOLED


def combine_pool(
    frame: pl.DataFrame, *, pool: str | Sequence[str] | None = "target"
) -> pl.DataFrame:
    """Turn the parts of ETran and NCTI into the published scores, which depend on the pool.

    With every part scaled to between 0 and 1 over the models of a pool (0 for all if they are
    equal), ETran is `0.15 energy + 0.85 lda`, NCTI `seli + ncc + variability`. Higher is better.

    Parameters
    ----------
    frame
        One row per model and pool, with `etran` or `ncti` (or both) as those expressions make them.
        A model whose parts are null stays null and takes no part in the pool.
    pool
        Column or columns whose values tell pools apart: models are compared with each other on the
        same target. None: all rows are one pool.

    Returns
    -------
    DataFrame
        The frame with `etran` and `ncti` as numbers, and their parts as `etran_energy`,
        `etran_lda`, `ncti_seli`, `ncti_ncc` and `ncti_variability` behind them.

    Examples
    --------
    >>> import polars as pl
    >>> import polars_transferability as pt
    >>> models = pl.DataFrame(
    ...     {
    ...         "model": ["a", "b"],
    ...         "etran": [{"energy": 3.0, "lda": 0.5}, {"energy": 1.0, "lda": 0.9}],
    ...     }
    ... )
    >>> pt.combine_pool(models, pool=None).select("model", "etran").rows()
    [('a', 0.15), ('b', 0.85)]
    """
    if not isinstance(frame, pl.DataFrame):
        hint = "; collect it first" if isinstance(frame, pl.LazyFrame) else ""
        msg = f"frame: expected a DataFrame, found {type(frame).__name__}{hint}"
        raise TypeError(msg)
    present = [name for name in POOLED if isinstance(frame.schema.get(name), pl.Struct)]
    if not present:
        listed = " or ".join(f"'{name}'" for name in POOLED)
        msg = f"frame: no column {listed} that holds parts; there are {frame.columns}"
        raise ValueError(msg)
    pools = [] if pool is None else [pool] if isinstance(pool, str) else list(pool)
    if missing := [name for name in pools if name not in frame.columns]:
        msg = f"pool: columns {missing} not found; there are {frame.columns}"
        raise ValueError(msg)
    for name in pools:
        named_column("pool", name)
    added = [f"{name}_{part}" for name in present for part in frame[name].struct.fields]
    if taken := [name for name in added if name in frame.columns]:
        msg = f"frame: already has columns {taken}, which parts are put in; rename or drop them"
        raise ValueError(msg)
    columns: list[pl.Series] = []
    for column in frame.iter_columns():
        if column.name not in present:
            columns.append(column)
            continue
        score = column_plugin(f"{column.name}_of_pool", [pl.col(column.name)], {})
        whole = score.over(pools) if pools else score
        # The parts of a model that has none would be nulls within the pool, which are an error.
        there = column.is_not_null()
        values = frame.filter(there).select(whole.alias(column.name)).to_series()
        places = there.arg_true()
        nulls = pl.Series(column.name, [None], dtype=pl.Float64).new_from_index(0, frame.height)
        columns.append(nulls.scatter(places, values))
        parts = column.struct
        columns += [parts[part].alias(f"{column.name}_{part}") for part in parts.fields]
    return pl.DataFrame(columns)
