"""The command `transferability score`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from polars_transferability._scores.choice import DEFAULT, NAMED_OF_TWO_TASKS, NAMES
from polars_transferability.cli.options import (
    COLUMNS,
    NO_LEADERBOARD,
    Columns,
    Integer,
    Leaderboard,
    tables_and,
)
from polars_transferability.cli.output import Format, print_table, writer_of
from polars_transferability.compute.scores import compute_scores

_SCORES = f"Names with commas between them, or all: {', '.join(NAMES)}."
_SOURCE = (
    f"Task to transfer from, which {' and '.join(NAMED_OF_TWO_TASKS)} need; "
    "repeat the option for several."
)


def score(
    files: Annotated[list[str], Parameter(negative="")],
    /,
    *,
    target: Annotated[list[str] | None, Parameter(negative="", consume_multiple=True)] = None,
    scores: Annotated[str, Parameter(help=_SCORES)] = ",".join(DEFAULT),
    source: Annotated[list[str] | None, Parameter(negative="", help=_SOURCE)] = None,
    clusters: Integer | None = None,
    seed: Integer = 0,
    columns: Columns = COLUMNS,
    board: Leaderboard = NO_LEADERBOARD,
    out: Path | None = None,
    format: Format = "table",  # noqa: A002
) -> None:
    """Compute the published transferability scores of each model on each task.

    Higher is better for every one. With a split, the rows to fit on are scored, and kNN and linear
    probe are evaluated on the others.

    Parameters
    ----------
    files
        Parquet files, globs or folders (hive-partitioned or not) of embeddings. They come first.
    target
        Task to score; several may follow. Default: every task.
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
    entries = board.read(columns.keys)
    which = [name.strip() for name in scores.split(",")]
    found = compute_scores(
        files,
        by=columns.keys,
        task=columns.task,
        embedding=columns.embedding,
        label=columns.label,
        fit=columns.fit,
        sources=source,
        targets=target,
        which="all" if which == ["all"] else which,
        clusters=clusters,
        seed=seed,
        progress=sys.stderr.isatty(),
    )
    found = board.join(found, entries, columns.keys)
    writer(found)
    if format == "table":
        named = [name for name in (*columns.keys, "source", "target") if name in found.columns]
        shown = [
            name for name in found.columns if name not in named and name not in ("n", "classes")
        ]
        if (found["labels"] == "given").all():
            shown.remove("labels")
        ranked = found.sort("target", shown[0], descending=[False, True], maintain_order=True)
        print_table(
            ranked.select(*named, *shown), {name: name.replace("_", "\n") for name in shown}
        )
