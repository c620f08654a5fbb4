"""Names that only one of two tables has: what is missing, what is similar, and that in words."""

from __future__ import annotations

from collections.abc import Iterator

import polars as pl

from polars_transferability._arguments import letters, nearest
from polars_transferability.leaderboard.read import KEY
from polars_transferability.leaderboard.wording import listed

# How many pairs of names are compared letter by letter, which takes seconds.
_COMPARED = 100_000


def unmatched_pairs(pairs: pl.DataFrame, others: pl.DataFrame) -> pl.DataFrame:
    """Return the pairs that are not among the others, with what is missing and what is similar."""
    lacks = [~pl.col(side).is_in(others[side].implode()).fill_null(value=False) for side in KEY]
    missing = (
        pl.when(lacks[0] & lacks[1])
        .then(pl.lit("model and target"))
        .when(lacks[0])
        .then(pl.lit("model"))
        .when(lacks[1])
        .then(pl.lit("target"))
        .otherwise(pl.lit("pair"))
    )
    near = {
        f"near_{side}": pl.col(side).replace_strict(
            _similar(pairs[side], others[side]), default=None, return_dtype=pl.String
        )
        for side in KEY
    }
    unmatched = pairs.join(others, on=KEY, how="anti", maintain_order="left")
    return unmatched.with_columns(missing.alias("missing"), **near)


def _similar(names: pl.Series, others: pl.Series) -> dict[str, str]:
    """Return for names that only one side has the most similar that only the other has.

    Of so many names that comparing all would take minutes, only those are similar that differ in
    case and punctuation alone.
    """
    own, other = set(names.drop_nulls()), set(others.drop_nulls())
    candidates, lonely = sorted(other - own), own - other
    stems = {letters(_stem(name)): name for name in reversed(candidates)}
    found = {name: stems.get(letters(_stem(name))) for name in lonely}
    if len(candidates) * len(lonely) > _COMPARED:
        spelled = {letters(name): name for name in reversed(candidates)}
        found = {name: spelled.get(letters(name)) or near for name, near in found.items()}
    else:
        found = {name: near or nearest(name, candidates) for name, near in found.items()}
    return {name: near for name, near in found.items() if near is not None}


def _stem(name: str) -> str:
    """Return a name without its organisation in front, and without what timm adds behind a dot."""
    return name.rpartition("/")[2].partition(".")[0]


def lines_of(unmatched: pl.DataFrame, where: str) -> Iterator[str]:
    """Yield a line for each kind of name that has no match; `where` says which table has it."""
    for side in KEY:
        lacking = unmatched.filter(pl.col("missing").str.contains(side))
        names = lacking.select(side, f"near_{side}").unique(maintain_order=True).rows()
        if names:
            yield f"{side}s {where}: {listed(_suggested(*name) for name in names)}"
    pairs = unmatched.filter(pl.col("missing") == "pair").select(KEY).rows()
    if pairs:
        named = listed(f"{model!r} on {target!r}" for model, target in pairs)
        yield f"pairs {where}, though model and target are: {named}"


def _suggested(name: str | None, near: str | None) -> str:
    return repr(name) if near is None else f"{name!r} (similar: {near!r})"
