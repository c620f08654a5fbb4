"""What facts of models explain of their results: means by level, and shares of variance."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

_SCHEMA = {
    "factor": pl.String,
    "measure": pl.String,
    "kind": pl.String,
    "levels": pl.UInt32,
    "models": pl.UInt32,
    "targets": pl.UInt32,
    "explained": pl.Float64,
    "by_chance": pl.Float64,
    "spearman": pl.Float64,
    "reason": pl.String,
}
# A variance that is a smaller part than this of the mean square is rounding.
_ROUNDING = 1e-20
# A line goes through any two points.
_FEWEST_ON_A_LINE = 3


def explained(
    results: pl.DataFrame,
    facts: pl.DataFrame,
    measures: Sequence[str],
    *,
    model: str = "model",
) -> pl.DataFrame:
    r"""Return what share of the variance of results within targets each fact of models explains.

    From each value the mean of its target is taken off, so that targets that are hard for all
    models do not count. Of what is left, with `y` a value, `l` a level and `n_l` its values:

        explained = sum_l n_l mean_l(y)^2 / sum y^2

    which is eta squared of a one-way analysis of variance. A column of numbers is explained by a
    line instead, so that there it is the square of Pearson's correlation with the numbers, of which
    the mean of each target is taken off, too.

    More levels explain more, whatever they are. `by_chance` is what a column would explain in the
    mean if its values were dealt out to the models at random: what the models themselves explain,
    times `(levels - 1) / (models - 1)`, or `1 / (models - 1)` of a line. It is exact where each
    model has a value on each target. With as many levels as models, every level is a model, and
    the share says nothing of the column: it is null, and so it is wherever `reason` says why.

    Parameters
    ----------
    results
        One row per model and target, with columns `target`, `model` and the measures.
    facts
        One row per model, with its name in `model`; every other column is a factor. Columns of
        numbers are numbers, all others are levels. A model that has a null in a factor, or no row,
        has no part in that factor's shares.
    measures
        Columns of `results`; rows with a null in one have no part in its shares.
    model
        Column of models, in both frames.

    Returns
    -------
    DataFrame
        One row per factor and measure: `factor`, `measure`, `kind` ("levels" or "number"),
        `levels` (null for numbers), `models`, `targets`, `explained`, `by_chance`, `spearman`, the
        rank correlation of a column of numbers with the models' means over their targets, and
        `reason`.

    Examples
    --------
    >>> import polars as pl
    >>> results = pl.DataFrame(
    ...     {
    ...         "target": ["cars"] * 4 + ["pets"] * 4,
    ...         "model": ["a", "b", "c", "d"] * 2,
    ...         "bound": [1.0, 1.0, 3.0, 3.0, 6.0, 6.0, 8.0, 8.0],
    ...     }
    ... )
    >>> facts = pl.DataFrame({"model": ["a", "b", "c", "d"], "data": ["x", "x", "y", "y"]})
    >>> explained(results, facts, ["bound"]).select("explained", "by_chance").rows()
    [(1.0, 0.3333333333333333)]
    """
    found = [
        _explained(_beside(results, facts, measure, factor, model), factor, measure)
        for factor in facts.columns
        if factor != model
        for measure in measures
    ]
    return pl.DataFrame(found, schema=_SCHEMA)


def level_means(
    results: pl.DataFrame,
    facts: pl.DataFrame,
    measures: Sequence[str],
    *,
    model: str = "model",
) -> pl.DataFrame:
    """Return the means of results over the models of each level of each fact that has levels.

    Parameters
    ----------
    results, facts, measures, model
        As in `explained`.

    Returns
    -------
    DataFrame
        One row per factor and level: `factor`, `level`, `models` (how many have it) and the
        `measures`, means over all values of these models.

    Examples
    --------
    >>> import polars as pl
    >>> results = pl.DataFrame({"target": "cars", "model": ["a", "b"], "bound": [1.0, 3.0]})
    >>> facts = pl.DataFrame({"model": ["a", "b"], "data": ["x", "x"]})
    >>> level_means(results, facts, ["bound"]).rows()
    [('data', 'x', 2, 2.0)]
    """
    key = pl.col(model).cast(pl.String)
    schema = {"factor": pl.String, "level": pl.String, "models": pl.UInt32}
    tables = [pl.DataFrame(schema={**schema, **dict.fromkeys(measures, pl.Float64)})]
    for factor in facts.columns:
        if factor == model or facts.schema[factor].is_numeric():
            continue
        levels = facts.select(model=key, level=pl.col(factor).cast(pl.String)).drop_nulls()
        beside = results.select(key.alias("model"), *measures).join(levels, on="model")
        means = beside.group_by("level").agg(
            pl.col("model").n_unique().cast(pl.UInt32).alias("models"),
            pl.col(measures).cast(pl.Float64).mean(),
        )
        named = means.select(pl.lit(factor).alias("factor"), "level", "models", *measures)
        tables.append(named.sort("level"))
    return pl.concat(tables)


def _beside(
    results: pl.DataFrame, facts: pl.DataFrame, measure: str, factor: str, model: str
) -> pl.DataFrame:
    """Return `target`, `model` and `fact`; `y`, a measure less its mean on the target; and `value`.

    With it is `x` for a fact that is a number, less its mean over the models of the target. What is
    not finite counts as null.
    """
    key, is_number = pl.col(model).cast(pl.String), facts.schema[factor].is_numeric()
    number = pl.col(factor).cast(pl.Float64, strict=False)
    fact = pl.when(number.is_finite()).then(number) if is_number else pl.col(factor).cast(pl.String)
    values = results.select("target", model=key, value=pl.col(measure).cast(pl.Float64))
    both = values.drop_nulls().join(facts.select(model=key, fact=fact).drop_nulls(), on="model")
    # In an order of its own, in which sums have the same bits whatever the order of the results.
    rows = both.sort("target", "model").with_columns(y=_within_target("value"))
    return rows.with_columns(x=_within_target("fact")) if is_number else rows


def _within_target(column: str) -> pl.Expr:
    return pl.col(column) - pl.col(column).mean().over("target")


def _explained(rows: pl.DataFrame, factor: str, measure: str) -> dict[str, object]:
    is_number = rows.schema["fact"].is_numeric()
    models, values = rows["model"].n_unique(), rows["fact"].n_unique()
    reason = _reason(rows, models, values, is_number=is_number)
    known = reason is None
    freedom = 1 if is_number else values - 1
    return {
        "factor": factor,
        "measure": measure,
        "kind": "number" if is_number else "levels",
        "levels": None if is_number else values,
        "models": models,
        "targets": rows["target"].n_unique(),
        "explained": (_by_line(rows) if is_number else _by_groups(rows, "fact")) if known else None,
        "by_chance": _by_groups(rows, "model") * freedom / (models - 1) if known else None,
        "spearman": _spearman(rows) if known and is_number else None,
        "reason": reason,
    }


def _reason(rows: pl.DataFrame, models: int, values: int, *, is_number: bool) -> str | None:
    """Return why nothing can be said of a factor; None if something can."""
    if models == 0:
        return "no model has both"
    if values == 1:
        return f"all models have the same {'value' if is_number else 'level'}"
    if is_number and models < _FEWEST_ON_A_LINE:
        return "two models, which a line always explains"
    if not is_number and values == models:
        return "as many levels as models, so that each level is a model and the share would be its"
    if _is_rounding(rows, "y", "value"):
        return "all models have the same result on each target"
    if is_number and _is_rounding(rows, "x", "fact"):
        return "all models of a target have the same value"
    return None


def _is_rounding(rows: pl.DataFrame, difference: str, value: str) -> bool:
    """Return whether differences are no more than what rounding leaves of equal values."""
    squares = rows.select((pl.col(difference) ** 2).sum(), total=(pl.col(value) ** 2).sum())
    variance, total = squares.row(0)
    return bool(variance <= _ROUNDING * total)


def _by_groups(rows: pl.DataFrame, group: str) -> float:
    """Return the share of the variance between groups: eta squared."""
    between = (
        rows.group_by(group, maintain_order=True)
        .agg(pl.len() * pl.col("y").mean() ** 2)["len"]
        .sum()
    )
    total = rows.select((pl.col("y") ** 2).sum()).item()
    return min(1.0, float(between / total))


def _by_line(rows: pl.DataFrame) -> float:
    """Return the share of the variance on a line: the square of Pearson's correlation."""
    return float(rows.select(pl.corr("x", "y") ** 2).item())


def _spearman(rows: pl.DataFrame) -> float | None:
    """Return the rank correlation with the models' means; None where these are all the same."""
    of_models = rows.group_by("model", maintain_order=True).agg(
        pl.col("fact").first(), pl.col("y").mean()
    )
    found: float | None = of_models.select(
        pl.corr("fact", "y", method="spearman").fill_nan(None)
    ).item()
    return found
