"""The door that a caller came through, and how it spells what messages tell the caller to change.

The same check serves Python, the command, `report.toml` and SQL; its advice must be in the words of
the one who reads it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field

# What the columns hold that arguments name.
_HOLDS = {
    "by": "models",
    "model": "models",
    "task": "tasks",
    "label": "labels",
    "embedding": "embeddings",
    "probabilities": "probabilities",
    "source_label": "source labels",
    "key": "keys of rows",
}

# How a column is made that tables often do not have as one.
_MADE_BY = {"embedding": " (polars.concat_arr makes one of columns of numbers)"}
# What tables are like that have no column for an argument, where they need none.
_STANDS_FOR = {
    "by": "each file is one model",
    "model": "each file is one model",
    "task": "all rows are one task",
}


@dataclass(frozen=True)
class Door:
    """How callers spell arguments.

    Attributes
    ----------
    column
        What names a column of the embedding tables: `{argument}` stands for the argument, `{name}`
        for the column that is looked for.
    fit
        What says which rows to fit on.
    arguments
        Names of arguments of Python that callers here know by another name.
    unsplit
        What says that the tables have no split.
    stand_in
        What names the column of labels that stand in for those of targets.
    leaderboard
        What names a column of a leaderboard.
    metric
        What chooses one of several metrics of a leaderboard.
    direction
        What says whether more or less of a metric of a leaderboard is better.
    without
        What says, in place of a column, that the tables have none.
    scoring
        What computes scores of one task alone.
    wide
        What may be named in place of the column of targets, where leaderboards are wide.
    fewer_rows
        What makes bounds take less time, at doors where nobody would otherwise know why they wait.
    """

    column: str
    fit: str
    unsplit: str
    stand_in: str
    leaderboard: str
    metric: str
    direction: str
    arguments: Mapping[str, str] = field(default_factory=dict)
    without: str = ""
    scoring: str = ""
    wide: str = ""
    fewer_rows: str = ""

    def missing(self, argument: str, name: str) -> str:
        """Return what to do about a column of the embedding tables that is not there."""
        if argument in ("fit", "split"):
            return (
                f"say which rows to fit on with {self.fit}; "
                f"for tables without a split {self.unsplit}"
            )
        if argument == "target_label":
            return f"name the column of labels for targets with {self.stand_in}"
        spelled = self.column.format(argument=argument, name=name)
        return f"name the column of {_HOLDS[argument]} with {spelled}{_MADE_BY.get(argument, '')}"

    def or_none(self, argument: str) -> str:
        """Return what else to do about such a column, where the argument also takes None."""
        if not self.without:
            return ""
        return f", or {self.without.format(argument=argument)} if {_STANDS_FOR[argument]}"

    def or_score(self) -> str:
        """Return what else to do with rows of one task, since they alone bound nothing."""
        return f", or use {self.scoring}, which needs no other task" if self.scoring else ""

    def reworded(self, message: str) -> str:
        """Return a message of the native side, which speaks of the arguments of Python."""
        for argument, spelled in self.arguments.items():
            message = message.replace(f"`{argument}`", f"`{spelled}`")
        return message


PYTHON = Door(
    column="{argument}=",
    fit="fit=",
    unsplit="pass fit=None",
    stand_in="target_label=",
    leaderboard="{argument}=",
    metric="metric=",
    direction="higher_is_better= or lower_is_better=",
    without="pass {argument}=None",
    scoring="compute_scores",
    wide=", or the columns that are targets with targets=",
)
COMMAND = Door(
    column="--{argument}",
    fit="--split and --fit-split",
    arguments={
        "fit": "--fit-split",
        "sources": "--source",
        "targets": "--target",
        "confidence": "--confidence",
        "memory": "--memory",
    },
    unsplit="give --no-fit",
    stand_in="--target-label",
    leaderboard="--leaderboard-{argument}",
    metric="--leaderboard-metric",
    direction="--leaderboard-higher-is-better or --leaderboard-lower-is-better",
    scoring="transferability score",
    fewer_rows="--max-rows-per-class",
)
REPORT = Door(
    column="{argument} under [columns]",
    fit="split and fit_split under [columns]",
    arguments={"fit": "fit_split"},
    unsplit="write split = false under [columns]",
    stand_in="target_label under [bound]",
    leaderboard="{argument} under [[leaderboards]]",
    metric="metric under [[leaderboards]]",
    direction="higher_is_better or lower_is_better under [[leaderboards]]",
    wide=", or the columns that are targets with targets under [[leaderboards]]",
    fewer_rows="max_rows_per_class under [bound]",
)
SQL = Door(
    column="AS {name}",
    fit="AS split",
    arguments={"fit": "split"},
    unsplit="leave the column split out",
    stand_in="target_label =>",
    leaderboard="AS {argument}",
    metric="a table of the rows of that metric",
    direction="a column AS accuracy of which higher is better, in place of that of metrics",
)

_DOOR = ContextVar("door", default=PYTHON)


def door() -> Door:
    """Return the door that the caller came through.

    Examples
    --------
    >>> door().missing("task", "task")
    'name the column of tasks with task='
    """
    return _DOOR.get()


@contextmanager
def through(entered: Door) -> Iterator[None]:
    """Let messages speak in the words of `entered`; also a decorator.

    Examples
    --------
    >>> with through(COMMAND):
    ...     door().missing("task", "task")
    'name the column of tasks with --task'
    """
    before = _DOOR.set(entered)
    try:
        yield
    finally:
        _DOOR.reset(before)
