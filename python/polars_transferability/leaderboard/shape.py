"""The shapes that leaderboards come in, each turned into one row per model, target and metric."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from polars_transferability._door import door
from polars_transferability._scores.catalogue import Better
from polars_transferability.leaderboard.known_columns import (
    are_metrics,
    has_main_score,
    is_about_models,
    is_setting,
    is_text_about_models,
    metric_column,
    model_column,
    target_column,
    value_column,
)
from polars_transferability.leaderboard.metrics import Metrics, main_metric, metric_named
from polars_transferability.leaderboard.wording import quoted
from polars_transferability.tables.table import FRAME, Table

# The column that says what metric an accuracy is by; no static column is called so.
METRIC = "metric of the accuracy"
# A number as it is written for people: 1,013.01.
_GROUPED = r"^\d{1,3}(,\d{3})*(\.\d+)?$"
# A name as a link in Markdown, as in exports of MTEB.
_LINK = r"^\[(.+)\]\(.*\)$"


@dataclass(frozen=True)
class Columns:
    """Columns that the caller names."""

    model: str
    target: str
    accuracy: str | None
    targets: Sequence[str] | None
    static: Sequence[str]


def rows_of(table: Table, columns: Columns, metrics: Metrics, notes: list[str]) -> pl.DataFrame:
    """Return `model`, `target`, `METRIC`, `accuracy` and the static columns of a leaderboard.

    The metric is null where nothing says what the accuracies are.
    """
    table, columns = _with_known_names(table, columns)
    columns_too = () if _is_long(table.schema(), columns) else columns.targets or ()
    table.require(
        {
            **dict.fromkeys((*columns.static, *columns_too), ""),
            columns.model: f"name the column of models with {_spelled('model')}",
        }
    )
    table.require_names([columns.model])
    rows = table.read()
    if rows.is_empty():
        msg = f"{table.name}: the leaderboard has no rows, only names of columns"
        raise ValueError(msg)
    read = _long if _is_long(rows.schema, columns) else _wide
    return read(Table(table.name, rows.lazy()), rows, columns, metrics, notes)


def _with_known_names(table: Table, columns: Columns) -> tuple[Table, Columns]:
    """Return the table and its columns of models and targets, where these are known by name."""
    schema = table.schema()
    target = target_column(columns.target, schema)
    model = model_column(columns.model, schema.names())
    values = [dtype for name, dtype in schema.items() if name != target]
    if model not in schema and target != columns.target and len(values) > 1:
        # MTEB's own wide table has a row for each task and a column for each model.
        if all(dtype.is_numeric() for dtype in values):
            long = table.rows.unpivot(index=target, variable_name="model", value_name="accuracy")
            return _with_known_names(Table(table.name, long), columns)
    elif model != columns.model and schema[model] == pl.String:
        names = pl.col(model).str.replace(_LINK, "$1")
        table = Table(table.name, table.rows.with_columns(names))
    static, targets = columns.static, columns.targets
    return table, Columns(model, target, columns.accuracy, targets, static)


def _is_long(schema: Mapping[str, object], columns: Columns) -> bool:
    of_columns = columns.targets is not None and all(name in schema for name in columns.targets)
    return columns.target in schema and not of_columns


def _long(
    table: Table, rows: pl.DataFrame, columns: Columns, metrics: Metrics, notes: list[str]
) -> pl.DataFrame:
    others = {columns.model, columns.target, *columns.static}
    texts = [name for name, dtype in rows.schema.items() if not dtype.is_numeric()]
    metric = metric_column([name for name in texts if name not in others])
    value = columns.accuracy
    if value is None:
        wanted = metrics if metric is None else Metrics()
        value = _value_column(table.name, rows, wanted, others, notes)
    table.require({columns.target: "", value: ""})
    table.require_names([columns.target])
    named = rows.drop_nulls(columns.target)
    if nameless := rows.filter(pl.col(value).is_not_null())[columns.target].null_count():
        notes.append(f"{table.name}: left out {nameless} accuracies without the name of a target")
    if columns.targets is not None:
        text = pl.col(columns.target).cast(pl.String)
        named = named.filter(text.is_in(list(columns.targets)))
    kinds = [columns.model, columns.target, *([metric] if metric else [])]
    of = (
        [_metric_of(value, metrics) or value]
        if metric is None
        else named[metric].drop_nulls().unique().to_list()
    )
    if better := _better(of, metrics):
        named = _of_best_setting(table.name, named, kinds, [value], better, notes)
    kind = (
        pl.lit(_metric_of(value, metrics))
        if metric is None
        else pl.col(metric).fill_null("no metric")
    )
    return _selected(table.name, named, {value: pl.col(columns.target)}, columns, kind)


def _wide(
    table: Table, rows: pl.DataFrame, columns: Columns, metrics: Metrics, notes: list[str]
) -> pl.DataFrame:
    if columns.targets is not None:
        names = list(columns.targets)
    elif _is_of_one_target(table.name, rows, columns, metrics):
        return _of_one_target(table, rows, columns, metrics, notes)
    else:
        if columns.accuracy is not None:
            table.require({columns.target: f"name the column of targets with {_spelled('target')}"})
        names = _target_columns(table.name, rows, columns, notes)
    table.require(dict.fromkeys(names, ""))
    metric = metrics.wanted[0] if metrics.wanted else None
    better = _better([metric] if metric else names, metrics) or Better.HIGHER
    rows = _of_best_setting(table.name, rows, [columns.model], names, better, notes)
    targets = {name: pl.lit(name) for name in names}
    selected = _selected(table.name, rows, targets, columns, pl.lit(metric, dtype=pl.String))
    return selected if metric else _with_directions(table.name, selected, names, metrics, notes)


def _with_directions(
    name: str, selected: pl.DataFrame, targets: list[str], metrics: Metrics, notes: list[str]
) -> pl.DataFrame:
    """Return accuracies in which targets that the caller gives a direction are metrics."""
    if directed := [target for target in targets if target in (*metrics.lower, *metrics.higher)]:
        kinds = dict(zip(directed, directed, strict=True))
        kind = pl.col("target").replace_strict(kinds, default="accuracy")
        return selected.with_columns(kind.alias(METRIC))
    if errors := [target for target in targets if metrics.is_lower_better(target)]:
        as_errors = f"name it with {_spelled('lower_is_better')} if it is an error"
        notes.append(f"{name}: {quoted(errors)} counts as an accuracy; {as_errors}")
    return selected


def _is_of_one_target(name: str, rows: pl.DataFrame, columns: Columns, metrics: Metrics) -> bool:
    """Return whether a file has the accuracies of one target, by one metric or several."""
    if name == FRAME:
        return False
    numbers = _numbers(rows, {columns.model, *columns.static})
    asked = metric_named(metrics.wanted or (), numbers) is not None
    return columns.accuracy is not None or asked or are_metrics(numbers)


def _of_one_target(
    table: Table, rows: pl.DataFrame, columns: Columns, metrics: Metrics, notes: list[str]
) -> pl.DataFrame:
    others = {columns.model, *columns.static}
    value = columns.accuracy
    if value is None:
        _target_columns(table.name, rows, columns, [])
        value = _value_column(table.name, rows, metrics, others, notes)
    table.require({value: ""})
    better = _better([_metric_of(value, metrics) or value], metrics) or Better.HIGHER
    rows = _of_best_setting(table.name, rows, [columns.model], [value], better, notes)
    target = re.sub("^results[-_]", "", Path(table.name).stem)
    kind = pl.lit(_metric_of(value, metrics), dtype=pl.String)
    return _selected(table.name, rows, {value: pl.lit(target)}, columns, kind)


def _better(names: Sequence[str], metrics: Metrics) -> Better | None:
    """Return which values of metrics are better; None where that differs among them."""
    found = {metrics.is_lower_better(name) is True for name in names}
    return None if len(found) > 1 else Better.LOWER if True in found else Better.HIGHER


def _of_best_setting(
    name: str,
    rows: pl.DataFrame,
    keys: list[str],
    values: Sequence[str],
    better: Better,
    notes: list[str],
) -> pl.DataFrame:
    """Return a row of each model: of several ways in which it was run, the best on the whole.

    The first of `keys` is the column of models; what has the same in all of them is repeated.
    """
    model = keys[0]
    settings = [column for column in rows.columns if is_setting(column) and column not in keys]
    told_apart = not rows.select(pl.struct(*keys, *settings).is_duplicated().any()).item()
    repeated = rows.filter(pl.struct(keys).is_duplicated())[model].drop_nulls().n_unique()
    if not (repeated and settings and told_apart):
        return rows
    mean = pl.mean_horizontal(pl.col(values).cast(pl.Float64, strict=False))
    best = rows.sort(mean, descending=better is Better.HIGHER, nulls_last=True, maintain_order=True)
    kept = best.unique(keys, keep="first", maintain_order=True)
    most = rows.group_by(keys).agg(pl.col(settings).n_unique()).select(pl.col(settings).max())
    differ = [column for column in settings if most[column].item() > 1]
    extreme = "lowest" if better is Better.LOWER else "highest"
    notes.append(
        f"{name}: {repeated} models are there in several settings ({', '.join(differ)}); of each "
        f"counts the one with the {extreme} mean"
    )
    return kept


def _selected(
    name: str, rows: pl.DataFrame, values: Mapping[str, pl.Expr], columns: Columns, kind: pl.Expr
) -> pl.DataFrame:
    """Return the rows of each column of accuracies, one below the other."""
    static = [_number_if_grouped(rows[column]) for column in columns.static]
    return pl.concat(
        rows.select(
            pl.col(columns.model).alias("model"),
            target.alias("target"),
            kind.cast(pl.String).alias(METRIC),
            _accuracies(name, rows[value]).alias("accuracy"),
            *static,
        )
        for value, target in values.items()
    )


def _metric_of(value: str, metrics: Metrics) -> str | None:
    """Return the metric that a column of accuracies holds; None if its name does not say."""
    if metrics.wanted:
        return metric_named(metrics.wanted, [value]) or metrics.wanted[0]
    return None if metrics.is_lower_better(value) is None else value


def _spelled(argument: str) -> str:
    return door().leaderboard.format(argument=argument)


def _numbers(rows: pl.DataFrame, others: set[str]) -> list[str]:
    """Return the columns that may hold accuracies."""
    numeric = [c for c, dtype in rows.schema.items() if dtype.is_numeric() and c not in others]
    return [name for name in numeric if name and not is_about_models(name, rows.columns)]


def _value_column(
    name: str, rows: pl.DataFrame, metrics: Metrics, others: set[str], notes: list[str]
) -> str:
    """Return the column of accuracies."""
    numbers = _numbers(rows, others)
    every = [c for c, dtype in rows.schema.items() if dtype.is_numeric() and c not in others and c]
    if metrics.wanted is None and "accuracy" in rows.columns and not has_main_score(numbers):
        return "accuracy"
    if len(every) == 1 or len(numbers) == 1:
        return (every if len(every) == 1 else numbers)[0]
    if metrics.wanted is not None:
        metrics.refuse_unknown(numbers, name)
        return metric_named(metrics.wanted, numbers) or numbers[0]
    found = main_metric(numbers) or value_column(numbers)
    if found is None:
        what = f"several columns of numbers, {numbers}" if numbers else "no column of numbers"
        msg = (
            f"{name}: no column 'accuracy' and {what}; name the accuracies with "
            f"{_spelled('accuracy')}"
        )
        raise ValueError(msg)
    notes.append(f"{name}: the accuracies are column '{found}', of {quoted(numbers)}")
    return found


def _target_columns(name: str, rows: pl.DataFrame, columns: Columns, notes: list[str]) -> list[str]:
    """Return the targets of a wide leaderboard; every other column must be known or be named."""
    others = {columns.model, *columns.static}
    found = _numbers(rows, others)
    left_out = [c for c in rows.columns if c and c not in {*others, *found}]
    text = [c for c in left_out if not rows[c].dtype.is_numeric() and not is_text_about_models(c)]
    # A column of targets has names that come again, or one number beside each.
    if text and (len(found) < 2 or rows[columns.model].is_duplicated().any()):
        msg = (
            f"{name}: no column '{columns.target}', so each column is taken for a target, but "
            f"{text} are not numbers; name the column of targets with "
            f"{_spelled('target')}{door().wide}"
        )
        raise ValueError(msg)
    if name == FRAME and are_metrics(found):
        msg = (
            f"{name}: {found} are metrics, and nothing says of which target: add a column "
            f"'{columns.target}' with its name"
        )
        raise ValueError(msg)
    if not found:
        there = rows.columns
        msg = f"{name}: no column '{columns.target}' and no column of numbers; there are {there}"
        raise ValueError(msg)
    if unexpected := [c for c in left_out if rows[c].dtype.is_numeric() or c in text]:
        notes.append(f"{name}: left out columns that are no targets: {quoted(unexpected)}")
    return found


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


def _number_if_grouped(column: pl.Series) -> pl.Series:
    """Return numbers of a column of text that are written with commas, as timm's 1,013.01."""
    if column.dtype != pl.String or not column.str.contains(",", literal=True).any():
        return column
    if not column.drop_nulls().str.contains(_GROUPED).all():
        return column
    numbers: pl.Series = column.str.replace_all(",", "", literal=True).cast(pl.Float64)
    return numbers
