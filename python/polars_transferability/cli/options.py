"""Options that several commands have, and how their values are read."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import polars as pl
from cyclopts import Parameter, Token

from polars_transferability.cli.output import usage_error
from polars_transferability.leaderboard.join import (
    MEAN_ELSEWHERE,
    join_leaderboard,
    read_leaderboard,
)
from polars_transferability.tables.keys import fit_rows
from polars_transferability.tables.table import open_tables


def _integer(_: type, tokens: Sequence[Token]) -> int:
    """Return an integer as it is written; cyclopts would round 1.5 to 2."""
    text = tokens[0].value
    if not re.fullmatch("[+-]?[0-9]+", text):
        msg = f"expected a whole number, found '{text}'"
        raise ValueError(msg)
    return int(text)


Integer = Annotated[int, Parameter(converter=_integer)]


@Parameter(name="*")
@dataclass(frozen=True)
class Columns:
    """Where in the tables is what.

    Attributes
    ----------
    by
        Column that tells models apart; repeat the option for several. Default: model.
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

    by: Annotated[list[str] | None, Parameter(negative="")] = None
    fit_split: str = "train"
    no_fit: Annotated[bool, Parameter(negative="")] = False
    task: str = "task"
    split: str = "split"
    label: str = "label"
    embedding: str = "embedding"

    @property
    def keys(self) -> list[str]:
        """The columns that tell models apart."""
        return self.by or ["model"]

    @property
    def fit(self) -> pl.Expr | None:
        """The rows to fit on."""
        return None if self.no_fit else fit_rows(self.split, self.fit_split)


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
        Another of its columns to put beside the results, such as a number of parameters; repeat
        the option for several.
    """

    leaderboard: Path | None = None
    leaderboard_model: str = "model"
    leaderboard_target: str = "target"
    leaderboard_accuracy: str | None = None
    leaderboard_static: Annotated[list[str] | None, Parameter(negative="")] = None

    @property
    def static(self) -> list[str]:
        """The other columns to put beside the results."""
        return self.leaderboard_static or []

    def read(self, keys: list[str]) -> pl.DataFrame | None:
        """Read it, if there is one; to be called first, since results take longer to fail."""
        if self.leaderboard is None:
            return None
        if len(keys) > 1:
            usage_error("--leaderboard needs one column of model names, so --by only once")
        entries = read_leaderboard(
            self.leaderboard,
            model=self.leaderboard_model,
            target=self.leaderboard_target,
            accuracy=self.leaderboard_accuracy,
            static=self.static,
        )
        if keys[0] in {*entries.columns, MEAN_ELSEWHERE} - {"model"}:
            msg = f"by: '{keys[0]}' is what a column beside the results is called; rename it"
            raise ValueError(msg)
        return entries.rename({"model": keys[0]})

    def join(
        self, results: pl.DataFrame, entries: pl.DataFrame | None, keys: list[str]
    ) -> pl.DataFrame:
        """Put the entries beside the results; say what does not match."""
        if entries is None:
            return results
        joined = join_leaderboard(results, entries, model=keys[0], static=self.static)
        print(joined.report(), file=sys.stderr)
        return joined.frame


COLUMNS = Columns()
NO_LEADERBOARD = Leaderboard()


def tables_and(files: Sequence[str], leaderboard: Path | None) -> Iterator[Path]:
    """Yield the files that are read; they are looked for only when they are asked for."""
    yield from (Path(table.name) for table in open_tables(files))
    if leaderboard is not None:
        yield leaderboard
