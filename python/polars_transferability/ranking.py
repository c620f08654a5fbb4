"""How well a score ranks models, against a truth such as their accuracy after fine-tuning."""

from __future__ import annotations

from typing import Any, Literal, get_args

import polars as pl

from polars_transferability._arguments import integer, one_of, open_share
from polars_transferability._columns import column_name, one_column
from polars_transferability._plugin import scalar_plugin

Rank = Literal["both", "none"]


def pearson(score: str | pl.Expr, truth: str | pl.Expr) -> pl.Expr:
    """Pearson's correlation of a score with the truth, over models.

    Rows with a null on either side are left out, as in `polars.corr`; NaN and infinite values are
    errors. As `scipy.stats.pearsonr`.

    Parameters
    ----------
    score
        Column of numbers, higher for models expected to be better.
    truth
        Column of numbers, higher for models that are better.

    Returns
    -------
    Expr
        Float64 from -1 to 1; null for fewer than two rows, and where a column is constant.

    Examples
    --------
    >>> import polars as pl
    >>> import polars_transferability as pt
    >>> models = pl.DataFrame({"logme": [0.2, 0.5, 0.4], "accuracy": [0.7, 0.9, None]})
    >>> models.select(pt.pearson("logme", "accuracy").round(6)).item()
    1.0
    """
    return _statistic("pearson", score, truth)


def spearman(score: str | pl.Expr, truth: str | pl.Expr) -> pl.Expr:
    """Spearman's rank correlation of a score with the truth, over models.

    Pearson's correlation of the ranks; equal values share the mean of their ranks. As
    `scipy.stats.spearmanr`.

    Parameters
    ----------
    score, truth
        As in `pearson`, nulls too.

    Returns
    -------
    Expr
        Float64 from -1 to 1; null for fewer than two rows, and where a column is constant.

    Examples
    --------
    >>> import polars as pl
    >>> import polars_transferability as pt
    >>> models = pl.DataFrame({"bound": [1.3, 0.9, 1.1], "accuracy": [0.7, 0.9, 0.8]})
    >>> models.select(pt.spearman(-pl.col("bound"), "accuracy")).item()
    1.0
    """
    return _statistic("spearman", score, truth)


def kendall_tau(score: str | pl.Expr, truth: str | pl.Expr) -> pl.Expr:
    """Kendall's tau-b of a score with the truth, over models.

    Pairs of models that both rank alike, less those that they rank oppositely, corrected for ties.
    As `scipy.stats.kendalltau`, in time `n log n`.

    Parameters
    ----------
    score, truth
        As in `pearson`, nulls too.

    Returns
    -------
    Expr
        Float64 from -1 to 1; null for fewer than two rows, and where a column is constant.

    Examples
    --------
    >>> import polars as pl
    >>> import polars_transferability as pt
    >>> models = pl.DataFrame({"logme": [0.2, 0.5, 0.4, 0.6], "accuracy": [0.7, 0.9, 0.8, 0.6]})
    >>> models.select(pt.kendall_tau("logme", "accuracy")).item()
    0.0
    """
    return _statistic("kendall_tau", score, truth)


def weighted_tau(score: str | pl.Expr, truth: str | pl.Expr, *, rank: Rank = "both") -> pl.Expr:
    """Kendall's tau in which the best models count most.

    Exchanging the models in places `r` and `s` from the top weighs `1 / r + 1 / s`. As
    `scipy.stats.weightedtau`; the literature on transferability uses both of its conventions.

    Parameters
    ----------
    score, truth
        As in `pearson`, nulls too.
    rank
        By what models are in their places. "both": the mean of two values, by score (equal scores
        by truth) and by truth (equal truths by score); scipy's default, `rank=True`. "none": by
        score only; scipy's `rank=None` with the score as its first argument.

    Returns
    -------
    Expr
        Float64 from -1 to 1; null for fewer than two rows, and where a column is constant.

    Examples
    --------
    >>> import polars as pl
    >>> import polars_transferability as pt
    >>> models = pl.DataFrame({"logme": [0.2, 0.5, 0.4, 0.6], "accuracy": [0.7, 0.9, 0.8, 0.6]})
    >>> models.select(pt.weighted_tau("logme", "accuracy").round(4)).item()
    -0.0667
    >>> models.select(pt.weighted_tau("logme", "accuracy", rank="none").round(4)).item()
    -0.3067
    """
    rank = one_of("rank", rank, get_args(Rank))  # type: ignore[assignment]
    return _statistic("weighted_tau", score, truth, rank=rank)


def top_k_recall(score: str | pl.Expr, truth: str | pl.Expr, *, k: int) -> pl.Expr:
    """Share of the truly best k models that are among the k with the highest scores.

    Equal scores are broken by chance and the expected value is returned (exactly, not by
    sampling), so a constant score is worth a random choice. Equal truths are equally good: either
    may stand for the other, and a score that ranks as the truth does has recall 1.

    Parameters
    ----------
    score, truth
        As in `pearson`, nulls too.
    k
        How many models are chosen; where there are fewer, all of them are.

    Returns
    -------
    Expr
        Float64 from 0 to 1; null for no rows.

    Examples
    --------
    >>> import polars as pl
    >>> import polars_transferability as pt
    >>> models = pl.DataFrame({"logme": [0.2, 0.5, 0.4, 0.6], "accuracy": [0.7, 0.9, 0.8, 0.6]})
    >>> models.select(pt.top_k_recall("logme", "accuracy", k=2)).item()
    0.5
    >>> models.select(pt.top_k_recall(pl.lit(0), "accuracy", k=1)).item()
    0.25
    """
    return _statistic("top_k_recall", score, truth, k=integer("k", k, least=1))


def regret_at_k(score: str | pl.Expr, truth: str | pl.Expr, *, k: int) -> pl.Expr:
    """Best truth of all models less the best among the k with the highest scores.

    What is forgone by fine-tuning only these k: a difference in the units of the truth (points of
    accuracy), not divided by the best truth. Equal scores are broken by chance and the expected
    value is returned, as in `top_k_recall`.

    Parameters
    ----------
    score, truth
        As in `pearson`, nulls too.
    k
        How many models are chosen; where there are fewer, all of them are.

    Returns
    -------
    Expr
        Float64, not negative, lower is better; null for no rows.

    Examples
    --------
    >>> import polars as pl
    >>> import polars_transferability as pt
    >>> models = pl.DataFrame({"logme": [0.2, 0.5, 0.4, 0.6], "accuracy": [70, 90, 80, 60]})
    >>> models.select(pt.regret_at_k("logme", "accuracy", k=1)).item()
    30.0
    >>> models.select(pt.regret_at_k("logme", "accuracy", k=2)).item()
    0.0
    """
    return _statistic("regret_at_k", score, truth, k=integer("k", k, least=1))


def selection_quality(
    score: str | pl.Expr,
    truth: str | pl.Expr,
    *,
    k: int = 3,
    bootstrap: int = 0,
    confidence: float = 0.95,
    seed: int = 0,
) -> pl.Expr:
    """Every statistic of a score against the truth, over models.

    Parameters
    ----------
    score, truth
        As in `pearson`, nulls too.
    k
        How many models `top_k_recall` and `regret_at_k` choose.
    bootstrap
        Number of resamples for intervals, say 1000; 0 for no intervals.
    confidence
        Of the intervals, between 0 and 1.
    seed
        Of the resamples. The same seed gives the same intervals, in any order of rows.

    Returns
    -------
    Expr
        Struct of `pearson`, `spearman`, `kendall_tau`, `weighted_tau` (rank "both"),
        `top_k_recall` and `regret_at_k` (Float64), with `bootstrap` also `<name>_low` and
        `<name>_high` of each, then `n`, the number of rows that count, and `n_null`, the number
        left out for a null (UInt32).

    Notes
    -----
    An interval has the percentiles of the statistic over resamples of the models, drawn with
    replacement; it speaks of which models were at hand, not of noise in their accuracies. A
    resample that leaves a statistic undefined (all models drawn are equal) does not count for it.
    With few models such intervals are too short: look at `n`.

    Examples
    --------
    >>> import polars as pl
    >>> import polars_transferability as pt
    >>> models = pl.DataFrame(
    ...     {
    ...         "target": ["pets"] * 4 + ["cars"] * 3,
    ...         "logme": [0.2, 0.5, 0.4, 0.6, 0.1, 0.2, 0.3],
    ...         "accuracy": [0.7, 0.9, 0.8, 0.6, 0.4, 0.5, None],
    ...     }
    ... )
    >>> quality = models.group_by("target", maintain_order=True).agg(
    ...     pt.selection_quality("logme", "accuracy", k=2)
    ... )
    >>> quality.unnest("selection_quality").select(
    ...     "target", pl.col("spearman").round(3), "top_k_recall", "regret_at_k", "n", "n_null"
    ... ).rows()
    [('pets', -0.2, 0.5, 0.0, 4, 0), ('cars', 1.0, 1.0, 0.0, 2, 1)]
    """
    return _statistic(
        "selection_quality",
        score,
        truth,
        k=integer("k", k, least=1),
        bootstrap=integer("bootstrap", bootstrap, least=0),
        confidence=open_share("confidence", confidence),
        seed=integer("seed", seed, least=0),
    )


def _statistic(name: str, score: object, truth: object, **options: Any) -> pl.Expr:
    # One struct, not two inputs: Polars then runs the groups of a `group_by` in parallel.
    sides = {"score": one_column("score", score), "truth": one_column("truth", truth)}
    names = {side: column_name(column) for side, column in sides.items()}
    rows = pl.struct([column.alias(side) for side, column in sides.items()])
    return scalar_plugin(name, [rows], {"columns": names, **options})
