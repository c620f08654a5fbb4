"""Options that several commands have, and how their values are read.

An option of several values takes them in three ways: `--target a b`, `--target a,b` and `--target a
--target b`.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import polars as pl
from cyclopts import Parameter, Token

from polars_transferability.cli.output import usage_error
from polars_transferability.leaderboard.join import MEAN_ELSEWHERE, join_leaderboard
from polars_transferability.leaderboard.read import open_source, read_leaderboard
from polars_transferability.tables.columns import TableColumns
from polars_transferability.tables.table import open_tables


def _integer(_: type, tokens: Sequence[Token]) -> int:
    """Return an integer as it is written; cyclopts would round 1.5 to 2."""
    text = tokens[0].value
    if not re.fullmatch("[+-]?[0-9]+", text):
        msg = f"expected a whole number, found '{text}'"
        raise ValueError(msg)
    return int(text)


Integer = Annotated[int, Parameter(converter=_integer)]
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


def tasks_in(files: Sequence[str], task: str) -> set[str]:
    """Return the names in a column of tasks, of the tables that have it."""
    tables = [table for table in open_tables(files) if task in table.schema()]
    columns = (table.select([task]).distinct().read()[task] for table in tables)
    return {str(name) for column in columns for name in column.drop_nulls().cast(pl.String)}


@Parameter(name="*")
@dataclass(frozen=True)
class ColumnOptions:
    """Which columns of the tables hold what.

    Attributes
    ----------
    model
        Column that tells models apart, or several. Default: model.
    fit_split
        Rows with this value of the split column are fitted on, the others evaluated on.
    no_fit
        Tables have no split: fit and evaluate on all rows.
    task
        Column of task names.
    split
        Column of split names.
    label
        Column of labels.
    embedding
        Column of embeddings.
    """

    model: Annotated[Several, Parameter(name=("--model", "--by"))] = None
    fit_split: str = "train"
    no_fit: Annotated[bool, Parameter(negative="")] = False
    task: str = "task"
    split: str = "split"
    label: str = "label"
    embedding: str = "embedding"

    def of(self, files: Sequence[str]) -> TableColumns:
        """Return the columns of these tables that are meant."""

        def known() -> set[str]:
            return {name for table in open_tables(files) for name in table.schema()}

        return TableColumns(
            models=tuple(several(self.model, known) or ["model"]),
            embedding=self.embedding,
            label=self.label,
            task=self.task,
            split=None if self.no_fit else self.split,
            fit_split=self.fit_split,
        )


@Parameter(name="*")
@dataclass(frozen=True)
class Leaderboard:
    """Accuracies to put beside the results.

    Attributes
    ----------
    leaderboard
        CSV or Parquet file of accuracies to put beside the results, with the mean accuracy of each
        model on the other targets. Long (a row per model and target) or wide (a column per target).
        What does not match is reported on standard error.
    leaderboard_model
        Its column of model names.
    leaderboard_target
        Its column of target names; without this column it is wide.
    leaderboard_accuracy
        Its column of accuracies. Default: accuracy, or the only column of numbers.
    leaderboard_static
        Another of its columns to put beside the results, such as a number of parameters, or
        several.
    """

    leaderboard: Path | None = None
    leaderboard_model: str = "model"
    leaderboard_target: str = "target"
    leaderboard_accuracy: str | None = None
    leaderboard_static: Several = None

    def static(self) -> list[str]:
        """Return the other columns to put beside the results."""
        board = self.leaderboard
        if board is None:
            return []
        return several(self.leaderboard_static, lambda: open_source(board).schema().names()) or []

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


def tables_and(files: Sequence[str], leaderboard: Path | None) -> Iterator[Path]:
    """Yield the files that are read; they are looked for only when they are asked for."""
    yield from (Path(table.name) for table in open_tables(files))
    if leaderboard is not None:
        yield leaderboard
