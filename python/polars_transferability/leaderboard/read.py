"""Reading a leaderboard, long or wide, into one row per model and target."""

from __future__ import annotations

import sys
from collections.abc import Sequence

import polars as pl

from polars_transferability._arguments import names_near_keyword
from polars_transferability.leaderboard.metrics import Metrics
from polars_transferability.leaderboard.of_one_metric import of_one_metric
from polars_transferability.leaderboard.shape import Columns, rows_of
from polars_transferability.leaderboard.source import Source, open_sources
from polars_transferability.tables.table import Table, listed

# What tells the entries of a leaderboard apart.
KEY = ["model", "target"]


@names_near_keyword
def read_leaderboard(
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
) -> pl.DataFrame:
    """Read a leaderboard, long or wide, into one row per model and target.

    Columns of published leaderboards (MTEB, the Open LLM Leaderboard, timm, ModelLens,
    TransferGraph) are known by name, so that none has to be named. What was taken for the accuracy
    where there was a choice, what was turned round and what was left out is said on standard error.

    Parameters
    ----------
    leaderboard
        Frame, or path of a CSV, Parquet, JSON (a list of objects) or JSON Lines file; also an
        address that Polars reads, such as hf://... or s3://...; or a folder of raw results of MTEB,
        as its `results` repository has them. A pattern of files, or a list of all these, is one
        leaderboard. Long: columns for model, target and accuracy. Wide: a column
        for the model and one of accuracies per target. A file without targets whose columns are
        metrics, such as timm's `top1` and `top5`, has the accuracies of the target that the file is
        called after (without `results-` before it).
    model
        Column of model names. Where there is no column "model": `fullname`, `model_name`,
        `model_id` or `Model`.
    target
        Column of target names. A leaderboard without it is wide. Where there is no column "target":
        `dataset`, `dataset_name`, `task_name`, `task` or `benchmark`.
    accuracy
        Column of accuracies of a long leaderboard, or whatever else says how good a model is.
        None: "accuracy", the only column of numbers, or one that is known by its name.
    targets
        Columns of a wide leaderboard that are targets. None: all columns of numbers that are named
        neither here nor in `static`, and are not known to be something else, such as a number of
        parameters or a mean. (A column without a name, as pandas writes its index, is none.)
    static
        Columns that say something about a model before any transfer, such as its accuracy on
        ImageNet or its number of parameters; they are kept.
    metric
        Of several metrics, be they rows (a column `metric`) or columns, the one to take; of
        several, the first that a target has. Targets without it are left out. None: of each target
        its only metric, or its main one, such as the accuracy.
    higher_is_better, lower_is_better
        Metrics of which it is not known by their name, or not rightly. Accuracies by metrics of
        which less is better, such as an error rate, are returned with a minus before them.

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
    >>> speech = pl.DataFrame(
    ...     {
    ...         "model_name": ["small", "large"],
    ...         "dataset": ["librispeech", "librispeech"],
    ...         "metric": ["WER", "WER"],
    ...         "value": [4.2, 2.7],
    ...     }
    ... )
    >>> pt.read_leaderboard(speech).rows()
    [('small', 'librispeech', -4.2), ('large', 'librispeech', -2.7)]
    """
    entries, notes = read_entries(
        leaderboard,
        Columns(model, target, accuracy, several(targets), several(static) or ()),
        Metrics(several(metric), several(higher_is_better) or (), several(lower_is_better) or ()),
    )
    for note in notes:
        print(note, file=sys.stderr)
    return entries


def read_entries(
    leaderboard: Source | Sequence[Source], columns: Columns, metrics: Metrics
) -> tuple[pl.DataFrame, list[str]]:
    """Return what `read_leaderboard` returns, and what it says."""
    if taken := [name for name in columns.static if name in (*KEY, "accuracy")]:
        msg = f"static: '{taken[0]}' is what a column of the result is called; rename the column"
        raise ValueError(msg)
    notes: list[str] = []
    tables = open_sources(leaderboard)
    entries = pl.concat(
        [_entries(table, columns, metrics, notes) for table in tables], how="vertical_relaxed"
    )
    _check_entries(listed([table.name for table in tables]), entries)
    return entries, notes


def several(names: str | Sequence[str] | None) -> list[str] | None:
    """Return names, each once; one name is a list of one."""
    return [names] if isinstance(names, str) else None if names is None else [*dict.fromkeys(names)]


def _entries(table: Table, columns: Columns, metrics: Metrics, notes: list[str]) -> pl.DataFrame:
    notes.extend(f"{table.name}: {sentence}" for sentence in table.sentences())
    rows = rows_of(table, columns, metrics, notes).with_columns(pl.col(KEY).cast(pl.String))
    return of_one_metric(table.name, rows.drop_nulls("accuracy"), metrics, notes)


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
