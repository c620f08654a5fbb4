"""The section of the page on how near tasks are to each other."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import polars as pl

from polars_transferability._relatedness import relatedness, task_order
from polars_transferability._report._heat_map import Cell, HeatMap
from polars_transferability._report._results import Results
from polars_transferability._report._wording import number, percent

_MISSING = "\N{EN DASH}"
# A mean this near to the loss of guessing says no more than a single bound in that state.
_NOTHING = 0.999
# A direction is framed that is easier than the way back by more than this share of guessing.
_EASIER = 0.1
# How many pairs are named in words.
_MOST_NAMED = 3


@dataclass(frozen=True)
class RelatednessSection:
    """Matrices of bounds from each source to each target.

    Attributes
    ----------
    gist
        The pair that are nearest, in words.
    one_way
        The pairs of which one direction is much easier than the other.
    mean
        Over all models.
    by_model
        Of each model, where that is asked for.
    """

    gist: str
    one_way: tuple[str, ...]
    mean: HeatMap
    by_model: tuple[HeatMap, ...]


def relatedness_section(results: Results) -> RelatednessSection | None:
    """Return the section, or None where it is not asked for."""
    mean = results.related
    if mean is None:
        return None
    order = task_order(mean)
    by_model: tuple[HeatMap, ...] = ()
    if results.matrices == "each model":
        of_each = relatedness(results.bounds, [results.model])
        groups = of_each.group_by(results.model, maintain_order=True)
        least = _least(of_each)
        by_model = tuple(
            _matrix(rows, order, least, f"related{place}", f"Bounds of {model}")
            for place, ((model,), rows) in enumerate(groups)
        )
    return RelatednessSection(
        gist=_gist(mean),
        one_way=tuple(_one_way(mean)),
        mean=_matrix(mean, order, _least(mean), "related", "Mean over the models"),
        by_model=by_model,
    )


def _least(related: pl.DataFrame) -> float | None:
    least: float | None = related.select(pl.col("share").min()).item()
    return least


def _gist(mean: pl.DataFrame) -> str:
    nearest = mean.drop_nulls("share").sort("share", "source", "target")
    if nearest.is_empty():
        return ""
    source, target, share = nearest.select("source", "target", "share").row(0)
    return f"nearest: from {source} to {target}, {percent(share)} of the loss of guessing"


def _one_way(mean: pl.DataFrame) -> list[str]:
    """Return the pairs that differ most by direction, the easier direction first."""
    easier = mean.filter(pl.col("asymmetry") < 0).sort("asymmetry", "source", "target")
    return [
        f"From {source} to {target} the mean bound is {percent(share)} of the loss of guessing, "
        f"back {percent(share - asymmetry)}."
        for source, target, share, asymmetry in easier.select(
            "source", "target", "share", "asymmetry"
        )
        .head(_MOST_NAMED)
        .iter_rows()
    ]


def _matrix(
    rows: pl.DataFrame, order: list[str], least: float | None, name: str, caption: str
) -> HeatMap:
    """Return a matrix in which a share of `least` is the darkest."""
    found = {(row["source"], row["target"]): row for row in rows.iter_rows(named=True)}
    sources = [task for task in order if task in set(rows["source"])]
    targets = [task for task in order if task in set(rows["target"])]
    known = rows.drop_nulls("trivial_loss")
    guessing = dict(known.select("target", "trivial_loss").iter_rows())
    return HeatMap(
        name=name,
        caption=f"{caption}, in nats; rows are sources, columns targets",
        corner="from, to",
        columns=tuple((target, "") for target in targets),
        rows=tuple(
            (source, tuple(_cell(found.get((source, target)), least) for target in targets))
            for source in sources
        ),
        foot=(
            "guessing",
            tuple(
                number(guessing[target], 2) if target in guessing else _MISSING
                for target in targets
            ),
        ),
        key=(
            "The stronger the colour, the less a bound is of the loss of guessing, which is the "
            "last row; hatched: no better than that. Framed: easier than the way back, by more "
            f"than {percent(_EASIER)} of the loss of guessing.",
        ),
    )


def _cell(row: Mapping[str, Any] | None, least: float | None) -> Cell:
    if row is None or row["share"] is None or least is None:
        return Cell(_MISSING, None, best=False, says_nothing=False, spoken="no bound")
    share, asymmetry = row["share"], row["asymmetry"]
    nothing = share >= _NOTHING
    return Cell(
        number(row["bound"], 2),
        None if nothing else round(100 * (1 - share) / (1 - least)),
        best=not nothing and asymmetry is not None and asymmetry < -_EASIER,
        says_nothing=nothing,
        spoken=f"{percent(share)} of the loss of guessing",
    )
