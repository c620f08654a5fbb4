"""Scores and trivial rankers against the accuracies of a leaderboard, side by side."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal, TypeAlias, get_args

import polars as pl

from polars_transferability._arguments import names_near_keyword, one_of
from polars_transferability._columns import column_name, one_column
from polars_transferability._consensus import COLUMN as CONSENSUS
from polars_transferability._scores.choice import OF_ONE_TABLE, OF_TWO_TASKS, RANKING_FIELDS
from polars_transferability.leaderboard.join import MEAN_ELSEWHERE, LeaderboardJoin
from polars_transferability.leaderboard.slices import Slices, slices_of
from polars_transferability.ranking import selection_quality
from polars_transferability.tables.keys import key_columns
from polars_transferability.tables.problems import of_units
from polars_transferability.tables.table import FRAME, Table

Measure: TypeAlias = Literal[
    "pearson", "spearman", "kendall_tau", "weighted_tau", "top_k_recall", "regret_at_k"
]
# Measures that fit on a screen: of the whole order, of its top, and of the model one would take.
_FEW: tuple[Measure, ...] = ("spearman", "weighted_tau", "regret_at_k")

# What this package computes of which less is better.
LOSSES = ("bound", "source_loss", "label_mismatch", "distribution_mismatch", "target_loss")


def rankers_in(columns: Mapping[str, pl.DataType]) -> list[str]:
    """Return the columns that rank models: bounds with their terms, scores and their consensus.

    Examples
    --------
    >>> rankers_in({"model": pl.String(), "logme": pl.Float64(), "n": pl.UInt32()})
    ['logme']
    """
    scores = {"target_accuracy", *OF_ONE_TABLE, *OF_TWO_TASKS, *RANKING_FIELDS}
    known = {*LOSSES, *scores, CONSENSUS}
    return [name for name, dtype in columns.items() if name in known and dtype.is_numeric()]


@names_near_keyword
def compare(
    joined: LeaderboardJoin | pl.DataFrame | pl.LazyFrame,
    *,
    scores: str | pl.Expr | Sequence[str | pl.Expr] | None = None,
    by: str | Sequence[str] | None = "target",
    accuracy: str | pl.Expr = "accuracy",
    model: str = "model",
    trivial: Sequence[str] | None = None,
    lower_is_better: Sequence[str] = LOSSES,
    measures: Sequence[Measure] | Literal["all"] | None = None,
    k: int = 3,
    bootstrap: int = 0,
    confidence: float = 0.95,
    seed: int = 0,
    slices: Slices | None = None,
) -> pl.DataFrame:
    """`selection_quality` of scores, and of trivial rankers beside them.

    Published scores often rank no better than a ranking that looks at no embedding, so the trivial
    rankers are always shown.

    Parameters
    ----------
    joined
        What `join_leaderboard` returns, or a frame with one row per model and group.
    scores
        Columns by name, or expressions of which higher is better, such as
        `(pl.col("logme") - pl.col("bound")).alias("both")`. None: every bound, term of a bound and
        score that this package computes.
    by
        Column or columns that tell groups of models apart; None for one group. For bounds from
        several sources: `["source", "target"]`.
    accuracy
        What the scores are to foretell, the `truth` of `selection_quality`; higher is better.
    model
        Column of model names.
    trivial
        Columns that rank models without looking at an embedding; higher is better. None: those of
        `joined`; of a frame, `mean_accuracy_elsewhere` if it has that column.
    lower_is_better
        Names in `scores` and `trivial` that are ranked the other way round. (Expressions are taken
        as they are.)
    measures
        Fields of `selection_quality` to return, with their intervals, or "all". None: all where
        `scores` are named; else `spearman`, `weighted_tau` and `regret_at_k`, so that the frame
        fits on a screen.
    k, bootstrap, confidence, seed
        As in `selection_quality`.
    slices
        Parts of the models to compare within, besides all of them, since a ranking that is the same
        for every target can win by the choice of the models alone (arXiv 2510.06448). A number: so
        many random halves of the models, by `seed`. A column: a slice for each text in it, or for
        each third of the models by its numbers, such as a number of parameters. Or several of
        these. `slice_summary` says what holds in all slices.

    Returns
    -------
    DataFrame
        The `by` columns, `score` (its name), `trivial` (Boolean), the `measures` and `n`, the
        number of models, one row per group and score. With all measures also `n_null`. With
        `slices` such rows for each, and before these columns `slice`, its name ("all" for all
        models).

    Examples
    --------
    >>> import polars as pl
    >>> import polars_transferability as pt
    >>> models = pl.DataFrame(
    ...     {
    ...         "model": ["a", "b", "c"] * 2,
    ...         "target": ["cars"] * 3 + ["pets"] * 3,
    ...         "bound": [1.0, 0.8, 0.5, 1.1, 0.9, 0.7],
    ...         "accuracy": [0.5, 0.6, 0.7, 0.9, 0.7, 0.8],
    ...     }
    ... )
    >>> scores, leaderboard = models.drop("accuracy"), models.drop("bound")
    >>> joined = pt.join_leaderboard(scores, leaderboard)
    >>> pt.compare(joined, k=1).drop("weighted_tau").with_columns(
    ...     pl.col("spearman", "regret_at_k").round(3)
    ... ).rows()
    [('cars', 'bound', False, 1.0, 0.0, 3),
     ('cars', 'mean_accuracy_elsewhere', True, -0.5, 0.2, 3),
     ('pets', 'bound', False, -0.5, 0.1, 3),
     ('pets', 'mean_accuracy_elsewhere', True, -0.5, 0.1, 3)]
    """
    rows = _rows(joined)
    table = Table(FRAME, rows)
    keys = [] if by is None or (isinstance(by, Sequence) and not by) else key_columns("by", by)
    trivial = _names(_trivial_of(joined, table) if trivial is None else trivial)
    if measures is None:
        measures = _FEW if scores is None else "all"
    if scores is None:
        scores = [name for name in rankers_in(table.schema()) if name not in (*trivial, accuracy)]
    given = [scores] if isinstance(scores, (str, pl.Expr)) else list(scores)
    if not given:
        msg = f"scores: expected at least one column; there are {table.schema().names()}"
        raise ValueError(msg)
    wanted = get_args(Measure) if measures == "all" else _measures(measures)
    truth = one_column("accuracy", accuracy)
    lower = _names(lower_is_better)
    rankers = [
        *(_ranker("scores", score, lower) for score in given),
        *(_ranker("trivial", name, lower) for name in trivial),
    ]
    columns = [name for column in (*rankers, truth) for name in column.meta.root_names()]
    table.require(dict.fromkeys([*keys, model, *columns], ""))
    table.require_names([*keys, model])
    _check_one_row_per_model(rows.filter(truth.is_not_null()), keys, model)

    qualities = [
        selection_quality(
            ranker, truth, k=k, bootstrap=bootstrap, confidence=confidence, seed=seed
        ).alias(column_name(ranker))
        for ranker in rankers
    ]
    if slices is None:
        quality = _by_group_and_ranker(rows, keys, qualities, scores=len(given))
    else:
        if "slice" in keys:
            msg = "by: 'slice' is what a column of the result is called; rename the column"
            raise ValueError(msg)
        quality = pl.concat(
            _by_group_and_ranker(part, keys, qualities, scores=len(given)).select(
                pl.lit(name).alias("slice"), pl.all()
            )
            for name, part in slices_of(rows, model, slices, seed)
        )
    left_out = [f"{name}{end}" for name in get_args(Measure) if name not in wanted for end in _ENDS]
    if measures != "all":
        left_out.append("n_null")
    return quality.drop(left_out, strict=False)


def _rows(joined: object) -> pl.LazyFrame:
    frame = joined.frame if isinstance(joined, LeaderboardJoin) else joined
    if not isinstance(frame, (pl.DataFrame, pl.LazyFrame)):
        kind = type(frame).__name__
        msg = f"joined: expected what join_leaderboard returns, or a frame, found {kind}"
        raise TypeError(msg)
    return frame.lazy()


def _trivial_of(joined: object, table: Table) -> Sequence[str]:
    """Return the trivial rankers of what is compared, where the caller names none."""
    if isinstance(joined, LeaderboardJoin):
        return joined.trivial
    return [name for name in (MEAN_ELSEWHERE,) if name in table.schema()]


def _names(given: str | Sequence[str]) -> Sequence[str]:
    return [given] if isinstance(given, str) else given


def _by_group_and_ranker(
    rows: pl.LazyFrame, keys: list[str], qualities: list[pl.Expr], *, scores: int
) -> pl.DataFrame:
    """Return a row for each group and ranker, group by group; the first `scores` are scores."""
    numbered = [quality.alias(f"ranker {place}") for place, quality in enumerate(qualities)]
    _check_keys(keys, rows.select(numbered[0]).collect_schema())
    rows = of_units(rows, keys)
    by_group = rows.group_by(keys, maintain_order=True).agg(numbered) if keys else None
    groups = (rows.select(numbered) if by_group is None else by_group).collect()
    by_ranker = [
        groups.select(
            *keys,
            pl.lit(column_name(quality)).alias("score"),
            pl.lit(place >= scores).alias("trivial"),
            f"ranker {place}",
        ).unnest(f"ranker {place}")
        for place, quality in enumerate(qualities)
    ]
    # From ranker by ranker to group by group.
    order = [
        place * groups.height + group
        for group in range(groups.height)
        for place in range(len(qualities))
    ]
    return pl.concat(by_ranker)[order]


# What is added to the name of a measure, for itself and for its interval.
_ENDS = ("", "_low", "_high")


def _measures(names: object) -> Sequence[str]:
    """Return the names if each is that of a measure."""
    if isinstance(names, str) or not isinstance(names, Sequence):
        msg = f'measures: expected "all" or a list of measures, found {names!r}'
        raise TypeError(msg)
    for name in names:
        one_of("measures", name, get_args(Measure))
    return names


def _check_keys(keys: list[str], quality: pl.Schema) -> None:
    """Raise ValueError if a column of groups is called like one of the result."""
    (fields,) = quality.values()
    assert isinstance(fields, pl.Struct)
    taken = {"score", "trivial", *(field.name for field in fields.fields)}
    if found := [key for key in keys if key in taken]:
        msg = f"by: '{found[0]}' is what a column of the result is called; rename the column"
        raise ValueError(msg)


def _ranker(argument: str, value: str | pl.Expr, lower_is_better: Sequence[str]) -> pl.Expr:
    column = one_column(argument, value)
    if isinstance(value, str) and value in lower_is_better:
        return -column.cast(pl.Float64)  # An unsigned integer has no negative.
    return column


def _check_one_row_per_model(rows: pl.LazyFrame, keys: list[str], model: str) -> None:
    names = rows.select(list(dict.fromkeys([*keys, model]))).collect()
    repeated = names.filter(names.is_duplicated())
    if repeated.height:
        first = repeated.row(0, named=True)
        count = repeated.rows().count(repeated.row(0))
        where = ", ".join(f"{key} = {first[key]!r}" for key in keys)
        msg = (
            f"{model} = {first[model]!r} has {count} rows{' where ' + where if where else ''}, but "
            "a ranking has one row per model: add what tells them apart to by, or choose one of "
            "them (of bounds from several sources, the lowest)"
        )
        raise ValueError(msg)
