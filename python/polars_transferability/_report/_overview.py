"""The first screen of the page: which model to take for each target, and all bounds at a glance."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import polars as pl

from polars_transferability._consensus import COLUMN as CONSENSUS
from polars_transferability._consensus import consensus
from polars_transferability._report._heat_map import Cell, HeatMap
from polars_transferability._report._results import SAYS_NOTHING, Joined, Results
from polars_transferability._report._verdicts import Sureness, Verdict, main_ranker
from polars_transferability._report._wording import (
    FEWEST_MODELS,
    number,
    number_of,
    percent,
    ranker_name,
    spoken,
)
from polars_transferability.leaderboard.compare import LOSSES

# A page is for reading; the files beside it have everything.
_MOST_MODELS = 40
_MISSING = "\N{EN DASH}"
# What is compared with leaderboards at a glance.
_MEASURE = "weighted_tau"


@dataclass(frozen=True)
class Agreement:
    """How well rankers order the models of a leaderboard, at a glance.

    Attributes
    ----------
    heading
        Of all its columns.
    rankers
        A column each.
    by_target
        Numbers as text, in the order of the rankers.
    means
        Over the targets.
    """

    heading: str
    rankers: tuple[str, ...]
    by_target: Mapping[str, tuple[str, ...]]
    means: tuple[str, ...]


@dataclass(frozen=True)
class Line:
    """What to do about one target.

    Attributes
    ----------
    anchor
        What links to its section lead to.
    take
        The model to take.
    sureness
        How sure it is that it is the best.
    remarks
        What comes next, and what else one must know before one takes the first.
    agreements
        Numbers as text, a group for each leaderboard.
    """

    target: str
    anchor: str
    take: str
    sureness: Sureness
    remarks: tuple[str, ...]
    agreements: tuple[tuple[str, ...], ...]


@dataclass(frozen=True)
class Overview:
    """A line for each target, how well the order agrees with leaderboards, and all bounds."""

    lines: tuple[Line, ...]
    agreements: tuple[Agreement, ...]
    notes: tuple[str, ...]
    bounds: HeatMap


def overview(results: Results, verdicts: Mapping[str, Verdict]) -> Overview:
    """Return the first screen; `verdicts` are those on the targets by the anchors of these."""
    agreements = tuple(
        found for joined in results.joined if (found := _agreement(results, joined)) is not None
    )
    return Overview(
        lines=tuple(
            _line(results, verdict, anchor, agreements) for anchor, verdict in verdicts.items()
        ),
        agreements=agreements,
        notes=tuple(_notes(results, verdicts.values(), agreements)),
        bounds=_bounds(results, verdicts),
    )


def _line(results: Results, verdict: Verdict, anchor: str, agreements: Iterable[Agreement]) -> Line:
    return Line(
        target=verdict.target,
        anchor=anchor,
        take=verdict.take or _MISSING,
        sureness=verdict.sureness,
        remarks=tuple(_remarks(results, verdict)),
        agreements=tuple(
            found.by_target.get(verdict.target, (_MISSING,) * len(found.rankers))
            for found in agreements
        ),
    )


def _remarks(results: Results, verdict: Verdict) -> Iterable[str]:
    """Yield what comes next, what the bound of the first says, and how often it is the first."""
    if verdict.take is None:
        return
    if verdict.next is not None and verdict.next != verdict.sureness.rival:
        place = "as\N{NO-BREAK SPACE}high" if verdict.tied > 1 else "next"
        yield f"{place}:\N{NO-BREAK SPACE}{verdict.next}"
    of_target = results.ranking.filter(target=verdict.target)
    named = pl.col(results.model).cast(pl.String) == verdict.take
    if of_target.filter(named & SAYS_NOTHING).height:
        yield "its bound is no better than guessing"
    if results.rank_confidence is not None:
        draws = results.rank_confidence.filter(named, target=verdict.target)["p_best"].drop_nulls()
        if draws.len():
            yield f"first in {percent(draws[0])} of the draws"


def _agreement(results: Results, joined: Joined) -> Agreement | None:
    """Return how well a leaderboard is foretold; None if it has nothing of what was ranked."""
    asked = [main_ranker(results), "bound", *joined.join.trivial[:1]]
    rankers = [name for name in dict.fromkeys(asked) if name in joined.rankers]
    quality = results.quality.filter(
        pl.col("leaderboard") == joined.name, pl.col("score").is_in(rankers)
    )
    if quality[_MEASURE].count() == 0:
        return None
    counts = quality.select(least=pl.col("n").min(), most=pl.col("n").max()).row(0)
    wide = quality.pivot("score", index="target", values=_MEASURE).select("target", *rankers)
    means = wide.select(pl.col(rankers).mean()).row(0)
    return Agreement(
        heading=f"agreement with {joined.name}, {number_of(*counts)}",
        rankers=tuple(_short_name(joined, name) for name in rankers),
        by_target={target: _numbers(row) for target, *row in wide.iter_rows()},
        means=_numbers(means),
    )


def _short_name(joined: Joined, ranker: str) -> str:
    return "trivial" if ranker in joined.join.trivial else ranker_name(joined, ranker)


def _numbers(values: Iterable[float | None]) -> tuple[str, ...]:
    return tuple(_MISSING if value is None else number(value, 2) for value in values)


def _notes(
    results: Results, verdicts: Iterable[Verdict], agreements: Sequence[Agreement]
) -> Iterable[str]:
    """Yield what one must know to read the lines."""
    rankers = " or ".join(dict.fromkeys(spoken(verdict.ranker) for verdict in verdicts))
    yield f"Models are in the order of the {rankers}."
    if agreements:
        trivial = [
            ranker_name(one, name) for one in results.joined for name in one.join.trivial[:1]
        ]
        named = " or ".join(dict.fromkeys(trivial))
        explained = (
            f"; trivial is a ranking by {named}, which looks at no embedding" if named else ""
        )
        yield (
            "Agreement with a leaderboard is the weighted tau, 1 for the same order of models"
            f"{explained}."
        )
        if (results.quality["n"] < FEWEST_MODELS).all():
            yield "These are too few models to judge by."


def _bounds(results: Results, verdicts: Mapping[str, Verdict]) -> HeatMap:
    """Return the lowest bound of each model on each target, the darker the better its place."""
    named = results.ranking.rename({results.model: "model"})
    ranking = named.with_columns(pl.col("model").cast(pl.String))
    places = pl.concat(_places(ranking, verdict) for verdict in verdicts.values())
    cells = ranking.select("target", "model", "bound", "trivial_loss", nothing=SAYS_NOTHING)
    cells = cells.join(places, on=["target", "model"], maintain_order="left")
    order = cells.group_by("model", maintain_order=True).agg(pl.col("place").mean())
    models = order.sort("place", "model", descending=[True, False], nulls_last=True)["model"]
    found = {(row["model"], row["target"]): row for row in cells.iter_rows(named=True)}
    guessing = dict(cells.drop_nulls("trivial_loss").select("target", "trivial_loss").iter_rows())
    shown = models.head(_MOST_MODELS)
    caption = "Lowest bound of each model on each target, in nats"
    if shown.len() < models.len():
        caption += f"; the {shown.len()} best of {models.len()} models"
    return HeatMap(
        name="bounds-map",
        caption=caption,
        corner="model",
        columns=tuple((verdict.target, anchor) for anchor, verdict in verdicts.items()),
        rows=tuple(
            (
                model,
                tuple(
                    _cell(found.get((model, verdict.target)), verdict)
                    for verdict in verdicts.values()
                ),
            )
            for model in shown
        ),
        foot=(
            "guessing",
            tuple(_text(guessing.get(verdict.target)) for verdict in verdicts.values()),
        ),
        key=tuple(_key(verdicts.values(), cells)),
    )


def _places(ranking: pl.DataFrame, verdict: Verdict) -> pl.DataFrame:
    """Return the place of each model of a target by what ranks it there, from 0 to 1."""
    value = pl.col(verdict.ranker).cast(pl.Float64)
    better = -value if verdict.ranker in LOSSES else value
    place = value if verdict.ranker == CONSENSUS else consensus(better)
    return ranking.filter(target=verdict.target).select("target", "model", place=place)


def _cell(row: Mapping[str, Any] | None, verdict: Verdict) -> Cell:
    if row is None:
        return Cell(_MISSING, None, best=False, says_nothing=False, spoken="not computed")
    place, nothing = row["place"], row["nothing"]
    words = "no place" if place is None else f"place {number(place, 2)}"
    return Cell(
        _text(row["bound"]),
        None if nothing or place is None else round(100 * place),
        best=row["model"] == verdict.take,
        says_nothing=nothing,
        spoken=f"{words}, no better than guessing" if nothing else words,
    )


def _text(value: float | None) -> str:
    return _MISSING if value is None else number(value, 2)


def _key(verdicts: Iterable[Verdict], cells: pl.DataFrame) -> Iterable[str]:
    rankers = " or ".join(dict.fromkeys(spoken(verdict.ranker) for verdict in verdicts))
    yield f"The stronger the colour, the better the place by {rankers}; framed: the one to take."
    if cells["nothing"].any():
        yield "Hatched: the bound is no better than guessing, so it says nothing."
    if cells.filter(~pl.col("nothing"), pl.col("place").is_null()).height:
        yield "White: without a place, because a score could not be computed."
    yield "The last row is the loss of guessing by class frequency."
