"""Scores beside the accuracies of a leaderboard, and beside trivial rankers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import polars as pl

from polars_transferability._arguments import names_near_keyword
from polars_transferability.files.text_html import lines_html
from polars_transferability.leaderboard.metrics import Metrics
from polars_transferability.leaderboard.read import KEY, read_entries, several
from polars_transferability.leaderboard.shape import Columns
from polars_transferability.leaderboard.source import Source, open_source
from polars_transferability.leaderboard.unmatched import lines_of, unmatched_pairs
from polars_transferability.tables.problems import of_units

MEAN_ELSEWHERE = "mean_accuracy_elsewhere"


@dataclass(frozen=True, eq=False)
class LeaderboardJoin:
    """Scores beside the accuracies of a leaderboard; made by `join_leaderboard`.

    Attributes
    ----------
    frame
        The rows of the scores in their order, with `accuracy`, `mean_accuracy_elsewhere` and the
        static columns: null where the leaderboard has no entry.
    matched
        Number of pairs of model and target that have scores and an accuracy.
    unmatched_scores
        Pairs that have scores but no accuracy, as text: `model`, `target`, `missing` (what the
        leaderboard lacks: "model", "target", "model and target" or, where it has both but not
        together, "pair"), and `near_model`, `near_target`: the most similar name among those that
        only the leaderboard has, null where none is similar.
    unmatched_leaderboard
        The same for entries of the leaderboard without scores.
    trivial
        Columns of `frame` that rank models without looking at an embedding.
    notes
        Which metrics of the leaderboard were taken or turned round, and what was left out of it.
    """

    frame: pl.DataFrame
    matched: int
    unmatched_scores: pl.DataFrame
    unmatched_leaderboard: pl.DataFrame
    trivial: tuple[str, ...]
    notes: tuple[str, ...] = ()

    def report(self) -> str:
        """Return what matched and what did not, a line for each kind."""
        pairs = self.matched + self.unmatched_scores.height
        lines = [
            f"{self.matched} of {pairs} pairs of model and target are on the leaderboard",
            *lines_of(self.unmatched_scores, "with scores that are not on the leaderboard"),
            *lines_of(self.unmatched_leaderboard, "on the leaderboard that are without scores"),
            *self.notes,
        ]
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        """Return the report, and the frame as a table, which Polars escapes."""
        return lines_html(self.report().splitlines()) + self.frame._repr_html_()


@names_near_keyword
def join_leaderboard(
    scores: Source,
    leaderboard: Source | Sequence[Source],
    *,
    model: str = "model",
    target: str = "target",
    accuracy: str | None = None,
    targets: Sequence[str] | None = None,
    static: Sequence[str] = (),
    metric: str | Sequence[str] | None = None,
    higher_is_better: Sequence[str] = (),
    lower_is_better: Sequence[str] = (),
) -> LeaderboardJoin:
    """Put the accuracies of a leaderboard, and trivial rankers, beside scores.

    Names match if they are the same text. What has no match on either side is not lost but stands
    in the result, with the most similar name of the other side.

    Parameters
    ----------
    scores
        Frame, such as `compute_bounds` returns, or path of a file, as of a leaderboard. Any number
        of rows per model and target.
    leaderboard, accuracy, targets, static, metric, higher_is_better, lower_is_better
        As in `read_leaderboard`; where the names of columns differ from those of the scores, let
        `read_leaderboard` read it first.
    model, target
        Columns of model and target names, of both.

    Returns
    -------
    LeaderboardJoin
        The joined `frame`, what is unmatched on either side, and a `report()` in words. The column
        `mean_accuracy_elsewhere` is the mean accuracy of the same model on the other targets of the
        leaderboard, null if there are none: a ranking that any score should beat.

    Examples
    --------
    >>> import polars as pl
    >>> import polars_transferability as pt
    >>> scores = pl.DataFrame(
    ...     {"model": ["resnet50", "vgg16"], "target": ["cars", "cars"], "logme": [0.9, 0.4]}
    ... )
    >>> leaderboard = pl.DataFrame(
    ...     {
    ...         "model": ["ResNet-50", "vgg16", "vgg16"],
    ...         "target": ["cars", "cars", "pets"],
    ...         "accuracy": [0.8, 0.5, 0.7],
    ...     }
    ... )
    >>> joined = pt.join_leaderboard(scores, leaderboard)
    >>> joined.frame.rows()
    [('resnet50', 'cars', 0.9, None, None), ('vgg16', 'cars', 0.4, 0.5, 0.7)]
    >>> print(joined.report())
    1 of 2 pairs of model and target are on the leaderboard
    models with scores that are not on the leaderboard: 'resnet50' (similar: 'ResNet-50')
    models on the leaderboard that are without scores: 'ResNet-50' (similar: 'resnet50')
    targets on the leaderboard that are without scores: 'pets'
    """
    static = several(static) or []
    entries, notes = read_entries(
        leaderboard,
        Columns(model, target, accuracy, several(targets), static),
        Metrics(several(metric), several(higher_is_better) or (), several(lower_is_better) or ()),
    )
    table = open_source(scores)
    table.require({model: "", target: ""})
    table.require_names([model, target])
    rows = table.read()
    added = ["accuracy", MEAN_ELSEWHERE, *static]
    if taken := [name for name in added if name in rows.columns]:
        msg = f"{table.name}: already has columns {taken}, which the join adds; rename or drop them"
        raise ValueError(msg)

    key = [
        pl.col(model).cast(pl.String).alias("model"),
        pl.col(target).cast(pl.String).alias("target"),
    ]
    names = rows.select(key)
    beside = names.join(
        _with_mean_elsewhere(entries), on=KEY, how="left", maintain_order="left"
    ).select(added)
    scored = of_units(rows.lazy(), [target]).select(key).unique(maintain_order=True).collect()
    listed = entries.select(KEY)
    static_rankers = (name for name in static if entries.schema[name].is_numeric())
    return LeaderboardJoin(
        frame=rows.hstack(beside),
        matched=scored.join(listed, on=KEY, how="semi").height,
        unmatched_scores=unmatched_pairs(scored, listed),
        unmatched_leaderboard=unmatched_pairs(listed, scored),
        trivial=(MEAN_ELSEWHERE, *static_rankers),
        notes=tuple(notes),
    )


def _with_mean_elsewhere(entries: pl.DataFrame) -> pl.DataFrame:
    """Add the mean accuracy of the same model on the other targets.

    Means are taken of the others themselves, in ascending order, not from the total less one's own:
    models with the same accuracies elsewhere must tie to the last bit.
    """
    others = entries.select("model", other="target", elsewhere="accuracy").sort("elsewhere")
    means = (
        entries.select(KEY)
        .join(others, on="model", maintain_order="left_right")
        .filter(pl.col("target") != pl.col("other"))
        .group_by(KEY)
        .agg(pl.col("elsewhere").mean().alias(MEAN_ELSEWHERE))
    )
    return entries.join(means, on=KEY, how="left", maintain_order="left")
