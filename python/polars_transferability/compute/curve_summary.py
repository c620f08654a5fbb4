"""What curves say: which loss is lowest, the mean over all draws, and a sentence for each model."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

# Of these a curve has the mean of all draws, of the bound also where most draws are.
_MEANS = (
    *("target_loss", "probe_loss", "trivial_loss"),
    *("target_accuracy", "probe_accuracy", "knn_accuracy"),
)
# How many draws there are, and in how many of them the source helps, and its bound does.
COUNTS = ("draws", "draws_helped", "draws_certain")
# Shares of the draws whose bounds are lower: 95 % are in between.
_LOW, _HIGH = 0.025, 0.975
# A source helps where it does in this share of the draws.
_NEARLY_ALL = 0.95
# A head that guesses may lose less than guessing by rounding alone; this share of it is no gain.
_ROUNDING = 1e-9


def lowest_loss() -> pl.Expr:
    """Return which is lowest: the bound, the loss that it bounds, the probe's, or guessing's.

    Where source rows are of no use, the head that is carried over only guesses; that it loses less
    than a probe of a few rows, which is wrong and sure of it, is then no merit of the source.

    Examples
    --------
    >>> losses = {"bound": [1.0, 1.2], "target_loss": [0.9, 1.1], "probe_loss": [3.0, 3.0]}
    >>> pl.DataFrame({**losses, "trivial_loss": 1.1}).select(lowest_loss()).to_series().to_list()
    ['bound', 'guessing']
    """
    bound, loss, probe = pl.col("bound"), pl.col("target_loss"), pl.col("probe_loss")
    guessing = pl.col("trivial_loss") * (1 - _ROUNDING)
    without_source = pl.min_horizontal(probe, guessing)
    return (
        pl.when(bound.is_null())
        .then(None)
        .when(bound < without_source)
        .then(pl.lit("bound"))
        .when(loss < without_source)
        .then(pl.lit("target_loss"))
        .when(probe < guessing)
        .then(pl.lit("probe"))
        .otherwise(pl.lit("guessing"))
    )


def curve_means(draws: pl.DataFrame, models: Sequence[str]) -> pl.DataFrame:
    """Return a row for each curve and number of rows, with the mean of its draws.

    Parameters
    ----------
    draws
        What `compute_curve` returns, of one or several pairs of tasks.
    models
        Columns that tell models apart.

    Returns
    -------
    DataFrame
        The `models`, `source`, `target`, `rows`, the means of `bound`, losses and accuracies,
        `bound_low` and `bound_high`, between which 95 % of the bounds are, and the number of
        `draws`, of those in which the source helps, and of those in which even its bound does. What
        could not be computed counts nowhere: a mean of nothing is null.

    Examples
    --------
    >>> losses = {name: 0.5 for name in ("target_loss", "probe_loss", "trivial_loss")}
    >>> shares = {name: 0.5 for name in ("target_accuracy", "probe_accuracy", "knn_accuracy")}
    >>> names = {"model": "net", "source": "a", "target": "b", "rows": 1}
    >>> losses["transfer"] = "target_loss"
    >>> draws = pl.DataFrame({**names, "bound": [1.0, 2.0], **losses, **shares})
    >>> means = curve_means(draws, ["model"])
    >>> means.select("rows", "bound", "bound_low", "bound_high").rows()
    [(1, 1.5, 1.025, 1.975)]
    """
    bound = pl.col("bound")
    return (
        draws.drop_nulls("rows")
        .group_by(*models, "source", "target", "rows", maintain_order=True)
        .agg(
            bound.mean(),
            bound.quantile(_LOW, "linear").alias("bound_low"),
            bound.quantile(_HIGH, "linear").alias("bound_high"),
            *(pl.col(name).mean() for name in _MEANS),
            draws=pl.len(),
            draws_helped=pl.col("transfer").is_in(["bound", "target_loss"]).sum(),
            draws_certain=(pl.col("transfer") == "bound").sum(),
        )
    )


def curve_sentence(means: pl.DataFrame, models: Sequence[str]) -> str:
    """Return with how many labels the source helps, from the means of one curve.

    It helps where it does in nearly every draw: the mean may be lower by a single one.

    Examples
    --------
    >>> means = pl.DataFrame(
    ...     {
    ...         "model": "net",
    ...         "source": "a",
    ...         "target": "b",
    ...         "rows": [1, 5, 50],
    ...         "bound": [1.0, 0.9, 0.9],
    ...         "draws": 20,
    ...         "draws_helped": [20, 20, 11],
    ...         "draws_certain": [20, 0, 0],
    ...     }
    ... )
    >>> print(curve_sentence(means, ["model"]))
    net: with 1 and 5 rows a class the head from a loses less than both guessing and a probe of the
    target's own rows, in nearly every draw; with 1 even its bound is lower.
    """
    name = ", ".join(str(value) for value in means.select(models).row(0))
    found = means.drop_nulls("bound")
    if found.is_empty():
        return f"{name}: could not be computed."
    (source,) = means["source"].unique()
    nearly_all = pl.col("draws") * _NEARLY_ALL
    certain = found.filter(pl.col("draws_certain") >= nearly_all)["rows"].to_list()
    helped = found.filter(pl.col("draws_helped") >= nearly_all)["rows"].to_list()
    head, others = f"the head from {source}", "both guessing and a probe of the target's own rows"
    if not helped:
        return f"{name}: at no number of rows does {head} lose less than {others} in most draws."
    rows = "row" if helped == [1] else "rows"
    even = f"; with {_listed(certain)} even its bound is lower" if certain else ""
    always = "in nearly every draw"
    numbers = f"with {_listed(helped)} {rows} a class"
    return f"{name}: {numbers} {head} loses less than {others}, {always}{even}."


def _listed(numbers: Sequence[int]) -> str:
    """Return numbers as words have them.

    Examples
    --------
    >>> _listed([1]), _listed([1, 2, 5])
    ('1', '1, 2 and 5')
    """
    *first, last = map(str, numbers)
    return f"{', '.join(first)} and {last}" if first else last
