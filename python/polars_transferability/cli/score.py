"""The command `transferability score`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import polars as pl
from cyclopts import Parameter

from polars_transferability._scores.choice import DEFAULT, NAMED_OF_TWO_TASKS, NAMES
from polars_transferability._verdict import ranking_column, verdict
from polars_transferability.cli.options import (
    COLUMNS,
    NO_LEADERBOARD,
    ColumnOptions,
    Integer,
    Leaderboard,
    Several,
    require_fit_rows,
    several,
    tables_and,
    tasks_named,
)
from polars_transferability.cli.output import Format, Wide, writer_of
from polars_transferability.cli.terminal_table import TerminalTable, print_sentences, print_table
from polars_transferability.compute.scores import FACTS, compute_scores

_SCORES = f"Names of scores, or all. Default: {', '.join(DEFAULT)}. There are {', '.join(NAMES)}."
_HEADINGS = {"accuracy": "leaderboard\naccuracy"}
_SOURCE = (
    f"Task to transfer from, or several, for {', '.join(NAMED_OF_TWO_TASKS)}. "
    "Default: every task, where such scores are named."
)


def score(
    files: Annotated[list[str], Parameter(negative="")],
    /,
    *,
    target: Several = None,
    scores: Annotated[Several, Parameter(help=_SCORES)] = None,
    source: Annotated[Several, Parameter(help=_SOURCE)] = None,
    clusters: Integer | None = None,
    seed: Integer = 0,
    column_options: ColumnOptions = COLUMNS,
    board: Leaderboard = NO_LEADERBOARD,
    out: Path | None = None,
    format: Format = "table",  # noqa: A002
    wide: Wide = False,
) -> None:
    """Compute the published transferability scores of each model on each task.

    Higher is better for every one. With a split, the rows to fit on are scored, and kNN and linear
    probe are evaluated on the others. The table is ranked by the accuracy of kNN or linear probe
    where one is computed, else by the first score. Below it stands for each target which model is
    best, and whether its lead is more than the noise of the rows evaluated on.

    Parameters
    ----------
    files
        Parquet files, globs or folders (hive-partitioned or not) of embeddings. They come first.
    target
        Task to score, or several. Default: every task.
    clusters
        Score so many k-means clusters of each task in place of its labels.
    seed
        Seed of these clusters.
    out
        Also write all columns to this file: .parquet, .csv or .json.
    format
        What goes to standard output.
    """
    writer = writer_of(out, format, tables_and(files, board.leaderboard))
    columns = column_options.of(files)
    require_fit_rows(files, columns)
    entries = board.read(columns.models)
    names = several(scores, tuple) or DEFAULT
    found = compute_scores(
        files,
        **columns.arguments(),
        sources=tasks_named("--source", source, files, columns.task),
        targets=tasks_named("--target", target, files, columns.task),
        scores="all" if names == ["all"] else names,
        clusters=clusters,
        seed=seed,
        progress=sys.stderr.isatty(),
    )
    found = board.join(found, entries, columns.models)
    writer(found)
    if format == "table":
        named = [name for name in (*columns.models, "source", "target") if name in found.columns]
        values = [name for name in found.columns if name not in named]
        hidden = set() if wide else _hidden(found)
        shown = [name for name in values if name not in hidden]
        ranked = found.sort(
            *("target", ranking_column(found.drop(columns.models))),
            descending=[False, True],
            nulls_last=True,
            maintain_order=True,
        )
        table = TerminalTable(ranked.select(*named, *shown), _HEADINGS, named, section="target")
        print_table(table, wide=wide)
        print_sentences(verdict(found, model=columns.models)["verdict"])


def _hidden(found: pl.DataFrame) -> set[str]:
    """Return the facts that a terminal has no room for; `labels`, where they are the caller's.

    Scores of two tasks alone come without facts.
    """
    pseudo = "labels" in found.columns and (found["labels"] != "given").any()
    return {name for name in FACTS if name != "labels" or not pseudo}
