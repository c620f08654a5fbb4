"""Options that several commands have, and how their values are read.

An option of several values takes them in three ways: `--target a b`, `--target a,b` and `--target a
--target b`.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Annotated

import polars as pl
from cyclopts import Parameter, Token

from polars_transferability.cli.output import usage_error
from polars_transferability.leaderboard.join import MEAN_ELSEWHERE, join_leaderboard
from polars_transferability.leaderboard.read import read_leaderboard
from polars_transferability.leaderboard.source import open_sources, paths_of
from polars_transferability.tables.addresses import is_remote
from polars_transferability.tables.columns import Purpose, TableColumns
from polars_transferability.tables.formats import files_of
from polars_transferability.tables.table import Table, columns_of_each, tables_of


def _integer(_: type, tokens: Sequence[Token]) -> int:
    """Return an integer as it is written; cyclopts would round 1.5 to 2."""
    text = tokens[0].value
    if not re.fullmatch("[+-]?[0-9]+", text):
        msg = f"expected a whole number, found '{text}'"
        raise ValueError(msg)
    return int(text)


Integer = Annotated[int, Parameter(converter=_integer)]
Engine = Annotated[
    str,
    Parameter(
        help="Where results are computed: local, in this process; ray, on the Ray cluster of this "
        "machine, or else on one of its cores that ends with the command; ray://auto or "
        "ray://HOST:PORT, on a cluster that runs. Needs the extra ray: "
        "pip install 'polars-transferability\\[ray]'.",
    ),
]
Several = Annotated[list[str] | None, Parameter(negative="", consume_multiple=True)]


def several(given: Sequence[str] | None, known: Callable[[], Collection[str]]) -> list[str] | None:
    """Return the values that an option was given, of which a text may be several with commas.

    `known` is asked for the names that there are only where a text has a comma: such a name may
    have one itself.

    Examples
    --------
    >>> several(["digits", "cats, dogs", "red, green"], lambda: ["red, green"])
    ['digits', 'cats', 'dogs', 'red, green']
    """
    if given is None:
        return None
    names = known() if any("," in text for text in given) else ()
    return [
        value
        for text in given
        for value in ([text] if text in names else map(str.strip, text.split(",")))
    ]


def names_in(tables: Iterable[Table], column: str) -> set[str]:
    """Return the names in a column, as of tasks or splits, of the tables that have it.

    What cannot be read is told by whoever computes on the tables.
    """
    names: set[str] = set()
    for table in tables:
        with suppress(pl.exceptions.PolarsError):
            if column in table.schema() and not table.schema()[column].is_nested():
                found = table.select([column]).distinct().read()[column]
                names.update(found.drop_nulls().cast(pl.String))
    return names


def tasks_named(
    option: str, given: Sequence[str] | None, tables: Sequence[Table], task: str
) -> list[str] | None:
    """Return the tasks that an option names; exit with 2 if one is a file that was to be read."""

    def known() -> set[str]:
        return names_in(tables, task)

    names = several(given, known)
    paths = [name for name in names or () if Path(name).is_file() or Path(name).is_dir()]
    if paths and (wrong := [path for path in paths if path not in known()]):
        usage_error(
            f"{option}: '{wrong[0]}' is a file or folder, and no task of the tables; "
            f"files come before the options"
        )
    return names


def _if_a_task(files: Sequence[str], task: str) -> str:
    """Return what to say of a name that was given as a file, but is that of a task."""
    there = [file for file in files if Path(file).exists()]
    tasks = names_in(tables_of(there), task) if there else set()
    wrong = [file for file in files if file in tasks]
    return f"; '{wrong[0]}' is a task of the tables: name it with --target" if wrong else ""


# What is done where no table has a column of the usual name.
_ASSUMED: dict[Purpose, str] = {
    "model": "each file is one model, called as the file",
    "task": "all rows are one task",
    "split": "all rows serve to fit on and to evaluate on",
}


@Parameter(name="*")
@dataclass(frozen=True)
class ColumnOptions:
    """Which columns of the tables hold what.

    Attributes
    ----------
    model
        Column that tells models apart, or several. Default: model; without that column each file is
        one model, called as the file.
    fit_split
        Rows with this value of the split column are fitted on, the others evaluated on. Default:
        train.
    no_fit
        Tables have no split: fit and evaluate on all rows.
    task
        Column of task names. Default: task; without that column all rows are one task to score.
    split
        Column of split names. Default: split; without that column as with --no-fit.
    label
        Column of labels.
    embedding
        Column of embeddings.
    """

    model: Annotated[Several, Parameter(name=("--model", "--by"))] = None
    fit_split: str | None = None
    no_fit: Annotated[bool, Parameter(negative="")] = False
    task: str | None = None
    split: str | None = None
    label: str = "label"
    embedding: str = "embedding"

    def open(self, files: Sequence[str]) -> list[Table]:
        """Return the tables in which names are looked up, be they embeddings or not."""
        try:
            return tables_of(files)
        except FileNotFoundError as error:
            msg = f"{error}{_if_a_task(files, self.task or 'task')}"
            raise FileNotFoundError(msg) from error

    def of(self, tables: Sequence[Table], *, needed: Collection[str] = ()) -> TableColumns:
        """Return the columns of these tables that are meant; say what is done without one.

        A column that is not named may be absent, unless it is `needed`.
        """
        there = columns_of_each(tables)
        given: dict[Purpose, object] = {
            "model": self.model,
            "task": self.task,
            "split": self.split or self.fit_split or self.no_fit or None,
        }
        absent = [
            name
            for name in _ASSUMED
            if given[name] is None and name not in needed
            if there and not any(name in columns for columns in there)
        ]
        for name in absent:
            note = f"no column '{name}': {_ASSUMED[name]}; --{name} names another column"
            print(note, file=sys.stderr)
        return TableColumns(
            models=tuple(several(self.model, lambda: set(chain(*there))) or ["model"]),
            embedding=self.embedding,
            label=self.label,
            task=self.task or "task",
            split=None if self.no_fit or "split" in absent else self.split or "split",
            fit_split=self.fit_split or "train",
            absent=tuple(absent),
        )


def require_fit_rows(tables: Iterable[Table], columns: TableColumns) -> None:
    """Raise ValueError, with the splits that there are, if none of them is the one to fit on."""
    if columns.split is None:
        return
    splits = names_in(tables, columns.split)
    if splits and (problem := columns.without_fit_rows(splits)):
        raise ValueError(problem)


@Parameter(name="*")
@dataclass(frozen=True)
class Leaderboard:
    """Accuracies to put beside the results.

    Attributes
    ----------
    leaderboard
        CSV, Parquet, JSON or JSON Lines file of accuracies to put beside the results, with the mean
        accuracy of each model on the other targets; a pattern of files in quotes, an address such
        as hf://... or s3://..., or a folder of raw results of MTEB. Long (a row per model and
        target) or wide (a column per target). What does not match is reported on standard error.
    leaderboard_model
        Its column of model names, where no known name says so.
    leaderboard_target
        Its column of target names, where no known name says so; without this column it is wide.
    leaderboard_accuracy
        Its column of accuracies. Default: accuracy, or the only column of numbers.
    leaderboard_static
        Another of its columns to put beside the results, such as a number of parameters, or
        several.
    leaderboard_metric
        Of several metrics of the leaderboard, the one to take, or several in order of preference.
    leaderboard_higher_is_better, leaderboard_lower_is_better
        Metrics of the leaderboard of which this is not known by their name.
    """

    leaderboard: str | None = None
    leaderboard_model: str = "model"
    leaderboard_target: str = "target"
    leaderboard_accuracy: str | None = None
    leaderboard_static: Several = None
    leaderboard_metric: Several = None
    leaderboard_higher_is_better: Several = None
    leaderboard_lower_is_better: Several = None

    def static(self) -> list[str]:
        """Return the other columns to put beside the results."""
        board = self.leaderboard
        if board is None:
            return []
        return several(self.leaderboard_static, lambda: _columns_of(board)) or []

    def read(self, models: tuple[str, ...]) -> pl.DataFrame | None:
        """Read it, if there is one; to be called first, since results take longer to fail."""
        if self.leaderboard is None:
            return None
        if len(models) > 1:
            usage_error("--leaderboard needs one column of model names, so one --model")
        entries = read_leaderboard(
            self.leaderboard,
            model=self.leaderboard_model,
            target=self.leaderboard_target,
            accuracy=self.leaderboard_accuracy,
            static=self.static(),
            metric=several(self.leaderboard_metric, tuple),
            higher_is_better=several(self.leaderboard_higher_is_better, tuple) or (),
            lower_is_better=several(self.leaderboard_lower_is_better, tuple) or (),
        )
        if models[0] in {*entries.columns, MEAN_ELSEWHERE} - {"model"}:
            msg = f"model: '{models[0]}' is what a column beside the results is called; rename it"
            raise ValueError(msg)
        return entries.rename({"model": models[0]})

    def join(
        self, results: pl.DataFrame, entries: pl.DataFrame | None, models: tuple[str, ...]
    ) -> pl.DataFrame:
        """Put the entries beside the results; say what does not match."""
        if entries is None:
            return results
        joined = join_leaderboard(results, entries, model=models[0], static=self.static())
        print(joined.report(), file=sys.stderr)
        return joined.frame


COLUMNS = ColumnOptions()
NO_LEADERBOARD = Leaderboard()


def _columns_of(leaderboard: str) -> list[str]:
    return [name for table in open_sources(leaderboard) for name in table.schema().names()]


def tables_and(files: Sequence[str], leaderboard: str | None) -> Iterator[Path]:
    """Yield the files that are read; they are looked for only when they are asked for."""
    yield from chain.from_iterable(files_of(Path(table.name)) for table in tables_of(files))
    if leaderboard is not None and not is_remote(leaderboard):
        yield from map(Path, paths_of(leaderboard))
