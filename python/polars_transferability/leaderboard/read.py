"""Reading a leaderboard, long or wide, into one row per model and target."""

from __future__ import annotations

from collections.abc import Sequence
from os import PathLike, fspath
from pathlib import Path
from typing import TypeAlias

import polars as pl

from polars_transferability._arguments import names_near_keyword
from polars_transferability._door import door
from polars_transferability.leaderboard.csv_table import read_csv
from polars_transferability.tables.table import FRAME, Table

Source: TypeAlias = "pl.DataFrame | pl.LazyFrame | str | PathLike[str]"

# What tells the entries of a leaderboard apart.
KEY = ["model", "target"]


@names_near_keyword
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
    if taken := [name for name in static if name in (*KEY, "accuracy")]:
        msg = f"static: '{taken[0]}' is what a column of the result is called; rename the column"
        raise ValueError(msg)
    table = open_source(leaderboard)
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
    entries = long.with_columns(pl.col(KEY).cast(pl.String)).drop_nulls("accuracy")
    _check_entries(table.name, entries)
    return entries


def open_source(source: Source) -> Table:
    """Return the table that a frame, or a path of a CSV or Parquet file, stands for."""
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
        return Table(str(path), read_csv(path).lazy())
    if path.suffix == ".parquet":
        return Table(str(path), pl.scan_parquet(path, glob=False))
    msg = f"{path}: expected a name that ends in .csv or .parquet"
    raise ValueError(msg)


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
    for side in KEY:
        if nulls := entries[side].null_count():
            msg = f"{name}: the name of the {side} is null in {nulls} of {entries.height} entries"
            raise ValueError(msg)
    for bad, what in (
        (~pl.col("accuracy").is_finite(), "is NaN or infinite"),
        (pl.struct(KEY).is_duplicated(), "occurs more than once"),
    ):
        found = entries.filter(bad).select(KEY).unique(maintain_order=True)
        if found.height:
            (model, target), more = found.row(0), found.height - 1
            others = f" (and of {more} others)" if more else ""
            msg = f"{name}: the accuracy of {model!r} on {target!r}{others} {what}"
            raise ValueError(msg)
