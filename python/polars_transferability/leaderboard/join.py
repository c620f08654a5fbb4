"""Leaderboards: reading them, joining scores with them, and saying what did not match."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from io import StringIO
from os import PathLike, fspath
from pathlib import Path
from typing import TypeAlias

import polars as pl

from polars_transferability._door import door
from polars_transferability.tables.table import FRAME, Table

Source: TypeAlias = "pl.DataFrame | pl.LazyFrame | str | PathLike[str]"

MEAN_ELSEWHERE = "mean_accuracy_elsewhere"

_KEY = ["model", "target"]
# How alike two names must be, from 0 to 1, for one to be suggested in place of the other.
_NEAR = 0.7
# How many names a line of the report lists.
_LISTED = 10


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
    """

    frame: pl.DataFrame
    matched: int
    unmatched_scores: pl.DataFrame
    unmatched_leaderboard: pl.DataFrame
    trivial: tuple[str, ...]

    def report(self) -> str:
        """Return what matched and what did not, a line for each kind."""
        pairs = self.matched + self.unmatched_scores.height
        lines = [
            f"{self.matched} of {pairs} pairs of model and target are on the leaderboard",
            *_report(self.unmatched_scores, "with scores that are not on the leaderboard"),
            *_report(self.unmatched_leaderboard, "on the leaderboard that are without scores"),
        ]
        return "\n".join(lines)


def read_leaderboard(
    leaderboard: Source,
    *,
    model: str = "model",
    target: str = "target",
    accuracy: str | None = None,
    targets: Sequence[str] | None = None,
    static: Sequence[str] = (),
) -> pl.DataFrame:
    """Read a leaderboard, long or wide, into one row per model and target.

    Parameters
    ----------
    leaderboard
        Frame, or path of a CSV or Parquet file. Long: columns for model, target and accuracy.
        Wide: a column for the model and one of accuracies per target.
    model
        Column of model names.
    target
        Column of target names. A leaderboard without it is wide.
    accuracy
        Column of accuracies of a long leaderboard, or whatever else says how good a model is;
        higher is better. None: "accuracy", or the only column of numbers.
    targets
        Columns of a wide leaderboard that are targets. None: all columns of numbers that are named
        neither here nor in `static`. (A column without a name, as pandas writes its index, is
        none.)
    static
        Columns that say something about a model before any transfer, such as its accuracy on
        ImageNet or its number of parameters; they are kept.

    Returns
    -------
    DataFrame
        `model` and `target` as text, `accuracy` as Float64, and the static columns. Empty cells are
        no entries.

    Examples
    --------
    >>> import polars as pl
    >>> import polars_transferability as pt
    >>> wide = pl.DataFrame({"model": ["small", "large"], "cars": [0.4, 0.6], "pets": [0.7, None]})
    >>> pt.read_leaderboard(wide).rows()
    [('small', 'cars', 0.4), ('large', 'cars', 0.6), ('small', 'pets', 0.7)]
    """
    static = [static] if isinstance(static, str) else list(dict.fromkeys(static))
    targets = [targets] if isinstance(targets, str) else targets
    if taken := [name for name in static if name in (*_KEY, "accuracy")]:
        msg = f"static: '{taken[0]}' is what a column of the result is called; rename the column"
        raise ValueError(msg)
    table = _open(leaderboard)
    table.require(
        {
            **dict.fromkeys((*static, *(targets or ())), ""),
            model: f"name the column of models with {_spelled('model')}",
        }
    )
    table.require_names([model])
    rows = table.read()
    if rows.is_empty():
        msg = f"{table.name}: the leaderboard has no rows, only names of columns"
        raise ValueError(msg)
    is_long = targets is None and target in rows.columns
    if is_long:
        value = accuracy or _only_numbers(table.name, rows, {model, target, *static})
        table.require({target: "", value: ""})
        table.require_names([target])
        columns = {value: pl.col(target)}
    else:
        if accuracy is not None:
            table.require({target: f"name the column of targets with {_spelled('target')}"})
        names = targets or _target_columns(table.name, rows, target, {model, *static})
        table.require(dict.fromkeys(names, ""))
        columns = {name: pl.lit(name) for name in names}
    long = pl.concat(
        rows.select(
            pl.col(model).alias("model"),
            target_name.alias("target"),
            _accuracies(table.name, rows[value]).alias("accuracy"),
            *static,
        )
        for value, target_name in columns.items()
    )
    entries = long.with_columns(pl.col(_KEY).cast(pl.String)).drop_nulls("accuracy")
    _check_entries(table.name, entries)
    return entries


def join_leaderboard(
    scores: Source,
    leaderboard: Source,
    *,
    model: str = "model",
    target: str = "target",
    accuracy: str | None = None,
    targets: Sequence[str] | None = None,
    static: Sequence[str] = (),
) -> LeaderboardJoin:
    """Put the accuracies of a leaderboard, and trivial rankers, beside scores.

    Names match if they are the same text. What has no match on either side is not lost but stands
    in the result, with the most similar name of the other side.

    Parameters
    ----------
    scores
        Frame, such as `compute_bounds` returns, or path of a CSV or Parquet file. Any number of
        rows per model and target.
    leaderboard, accuracy, targets, static
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
    entries = read_leaderboard(
        leaderboard,
        model=model,
        target=target,
        accuracy=accuracy,
        targets=targets,
        static=static,
    )
    static = [static] if isinstance(static, str) else static
    table = _open(scores)
    table.require({model: "", target: ""})
    table.require_names([model, target])
    rows = table.read()
    added = ["accuracy", MEAN_ELSEWHERE, *static]
    if taken := [name for name in added if name in rows.columns]:
        msg = f"{table.name}: already has columns {taken}, which the join adds; rename or drop them"
        raise ValueError(msg)

    names = rows.select(
        pl.col(model).cast(pl.String).alias("model"), pl.col(target).cast(pl.String).alias("target")
    )
    beside = names.join(
        _with_mean_elsewhere(entries), on=_KEY, how="left", maintain_order="left"
    ).select(added)
    scored, listed = names.unique(maintain_order=True), entries.select(_KEY)
    static_rankers = (name for name in static if entries.schema[name].is_numeric())
    return LeaderboardJoin(
        frame=rows.hstack(beside),
        matched=scored.join(listed, on=_KEY, how="semi").height,
        unmatched_scores=_unmatched(scored, listed),
        unmatched_leaderboard=_unmatched(listed, scored),
        trivial=(MEAN_ELSEWHERE, *static_rankers),
    )


def _open(source: Source) -> Table:
    if isinstance(source, (pl.DataFrame, pl.LazyFrame)):
        return Table(FRAME, source.lazy())
    if not isinstance(source, (str, PathLike)):
        msg = f"expected a Polars frame or a path, found {type(source).__name__}"
        raise TypeError(msg)
    path = Path(fspath(source))
    if not path.is_file():
        msg = f"no such file: '{path}'"
        raise FileNotFoundError(msg)
    if path.suffix == ".csv":
        return Table(str(path), _read_csv(path).lazy())
    if path.suffix == ".parquet":
        return Table(str(path), pl.scan_parquet(path, glob=False))
    msg = f"{path}: expected a name that ends in .csv or .parquet"
    raise ValueError(msg)


def _read_csv(path: Path) -> pl.DataFrame:
    """Return a table of text; an error where Polars would read something else than was written."""
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        msg = f"{path}: line {line} is not UTF-8; save it as CSV UTF-8"
        raise ValueError(msg) from error
    if "\0" in text:
        msg = f"{path}: holds characters NUL, as UTF-16 has them; save it as CSV UTF-8"
        raise ValueError(msg)
    if "\n" not in text:
        text = text.replace("\r", "\n")  # As old Macs end lines.
    _check_fields(path, text)
    try:
        return pl.read_csv(text.encode(), infer_schema_length=None)
    except pl.exceptions.PolarsError as error:
        first_line = str(error).partition("\n")[0]
        msg = f"{path}: cannot be read as CSV: {first_line}"
        raise type(error)(msg) from error


def _check_fields(path: Path, text: str) -> None:
    """Raise ValueError unless each line of a CSV file has as many fields as the header."""
    lines = csv.reader(StringIO(text), strict=True)
    try:
        header = next(filter(None, lines), None)
        if header is None:
            msg = f"{path}: is empty; expected a header and rows"
            raise ValueError(msg)
        if len(header) == 1 and (found := re.search("[;\t]", header[0])):
            msg = (
                f"{path}: the header {header[0]!r} has one field; separate fields by commas, not "
                f"by {found[0]!r}"
            )
            raise ValueError(msg)
        for line in lines:
            if len(line) not in (0, len(header)):
                msg = (
                    f"{path}: line {lines.line_num} has {len(line)} fields, but the header has "
                    f"{len(header)}; a field that holds a comma stands in quotes"
                )
                raise ValueError(msg)
    except csv.Error as error:
        msg = f"{path}: line {lines.line_num}: {error}; a quote that is opened must be closed"
        raise ValueError(msg) from error


def _spelled(argument: str) -> str:
    return door().leaderboard.format(argument=argument)


def _only_numbers(name: str, rows: pl.DataFrame, others: set[str]) -> str:
    if "accuracy" in rows.columns:
        return "accuracy"
    numeric = [c for c, dtype in rows.schema.items() if dtype.is_numeric() and c not in others]
    named = [column for column in numeric if column]
    if len(named) != 1:
        found = f"several columns of numbers, {named}" if named else "no column of numbers"
        msg = (
            f"{name}: no column 'accuracy' and {found}; name the accuracies with "
            f"{_spelled('accuracy')}"
        )
        raise ValueError(msg)
    return named[0]


def _target_columns(name: str, rows: pl.DataFrame, target: str, others: set[str]) -> list[str]:
    """Return the targets of a wide leaderboard; every column must be one, or be named."""
    left = {c: dtype for c, dtype in rows.schema.items() if c and c not in others}
    if text := [column for column, dtype in left.items() if not dtype.is_numeric()]:
        msg = (
            f"{name}: no column '{target}', so each column is taken for a target, but {text} are "
            f"not numbers; name the column of targets with {_spelled('target')}{door().wide}"
        )
        raise ValueError(msg)
    if not left:
        msg = f"{name}: no column '{target}' and no column of numbers; there are {rows.columns}"
        raise ValueError(msg)
    return list(left)


def _accuracies(name: str, column: pl.Series) -> pl.Series:
    if not (column.dtype.is_numeric() or column.dtype == pl.Null):
        bad = column.drop_nulls()
        if column.dtype == pl.String:
            bad = bad.filter(bad.cast(pl.Float64, strict=False).is_null())
        first = f" ({bad[0]!r}, for one)" if bad.len() else ""
        msg = (
            f"{name}: column '{column.name}' must be numbers, found {column.dtype}{first}; write "
            "numbers with a point, and nothing where there is none"
        )
        raise TypeError(msg)
    accuracies: pl.Series = column.cast(pl.Float64)
    return accuracies


def _check_entries(name: str, entries: pl.DataFrame) -> None:
    if entries.is_empty():
        msg = f"{name}: the leaderboard has no accuracies"
        raise ValueError(msg)
    for side in _KEY:
        if nulls := entries[side].null_count():
            msg = f"{name}: the name of the {side} is null in {nulls} of {entries.height} entries"
            raise ValueError(msg)
    for bad, what in (
        (~pl.col("accuracy").is_finite(), "is NaN or infinite"),
        (pl.struct(_KEY).is_duplicated(), "occurs more than once"),
    ):
        found = entries.filter(bad).select(_KEY).unique(maintain_order=True)
        if found.height:
            (model, target), more = found.row(0), found.height - 1
            others = f" (and of {more} others)" if more else ""
            msg = f"{name}: the accuracy of {model!r} on {target!r}{others} {what}"
            raise ValueError(msg)


def _with_mean_elsewhere(entries: pl.DataFrame) -> pl.DataFrame:
    """Add the mean accuracy of the same model on the other targets.

    Means are taken of the others themselves, in ascending order, not from the total less one's own:
    models with the same accuracies elsewhere must tie to the last bit.
    """
    others = entries.select("model", other="target", elsewhere="accuracy")
    means = (
        entries.select(_KEY)
        .join(others, on="model")
        .filter(pl.col("target") != pl.col("other"))
        .sort("elsewhere")
        .group_by(_KEY)
        .agg(pl.col("elsewhere").mean().alias(MEAN_ELSEWHERE))
    )
    return entries.join(means, on=_KEY, how="left", maintain_order="left")


def _unmatched(pairs: pl.DataFrame, others: pl.DataFrame) -> pl.DataFrame:
    """Return the pairs that are not among the others, with what is missing and what is similar."""
    lacks = [~pl.col(side).is_in(others[side].implode()).fill_null(value=False) for side in _KEY]
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
        for side in _KEY
    }
    unmatched = pairs.join(others, on=_KEY, how="anti", maintain_order="left")
    return unmatched.with_columns(missing.alias("missing"), **near)


def _similar(names: pl.Series, others: pl.Series) -> dict[str, str]:
    """Return for names that only one side has the most similar that only the other has."""
    own, other = set(names.drop_nulls()), set(others.drop_nulls())
    # Case and punctuation differ most often, so they do not count.
    candidates = {_letters(name): name for name in sorted(other - own, reverse=True)}
    found = {
        name: get_close_matches(_letters(name), candidates, n=1, cutoff=_NEAR)
        for name in own - other
    }
    return {name: candidates[match[0]] for name, match in found.items() if match}


def _letters(name: str) -> str:
    return re.sub(r"[\W_]", "", name.casefold())


def _report(unmatched: pl.DataFrame, where: str) -> Iterator[str]:
    for side in _KEY:
        lacking = unmatched.filter(pl.col("missing").str.contains(side))
        names = lacking.select(side, f"near_{side}").unique(maintain_order=True).rows()
        if names:
            yield f"{side}s {where}: {_listed(_suggested(*name) for name in names)}"
    pairs = unmatched.filter(pl.col("missing") == "pair").select(_KEY).rows()
    if pairs:
        listed = _listed(f"{model!r} on {target!r}" for model, target in pairs)
        yield f"pairs {where}, though model and target are: {listed}"


def _suggested(name: str | None, near: str | None) -> str:
    return repr(name) if near is None else f"{name!r} (similar: {near!r})"


def _listed(items: Iterable[str]) -> str:
    items = list(items)
    more = len(items) - _LISTED
    return ", ".join(items[:_LISTED]) + (f" and {more} more" if more > 0 else "")
