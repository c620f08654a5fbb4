"""The command `transferability bound`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import polars as pl
from cyclopts import Parameter

from polars_transferability._consensus import PARTS, with_consensus
from polars_transferability._verdict import verdict
from polars_transferability.cli.options import (
    COLUMNS,
    NO_LEADERBOARD,
    ColumnOptions,
    Integer,
    Leaderboard,
    Several,
    require_fit_rows,
    tables_and,
    tasks_named,
)
from polars_transferability.cli.output import Format, Wide, writer_of
from polars_transferability.cli.terminal_table import TerminalTable, print_sentences, print_table
from polars_transferability.compute.bounds import compute_bounds
from polars_transferability.compute.scores import compute_scores
from polars_transferability.settings import GroundCost, Lipschitz, Transform
from polars_transferability.tables.columns import TableColumns

# The fields that a terminal has room for; --wide, --format json and parquet have all of them.
_SHOWN = {
    "bound": "bound",
    "source_loss": "source\nloss",
    "label_mismatch": "label\nmismatch",
    "distribution_mismatch": "distribution\nmismatch",
    "lipschitz": "lipschitz",
    "target_loss": "target\nloss",
    "target_accuracy": "accuracy",
    "trivial_loss": "trivial\nloss",
    "vacuous": "vacuous",
    "certified": "certified",
    "accuracy": "leaderboard\naccuracy",
    "mean_accuracy_elsewhere": "mean accuracy\nelsewhere",
    "consensus": "con-\nsensus",
}
# What is computed beside the bounds where they are compared with a leaderboard.
_BESIDE = [name for name in PARTS if name != "bound"]


def bound(
    files: Annotated[list[str], Parameter(negative="")],
    /,
    *,
    source: Several = None,
    target: Several = None,
    ground_cost: GroundCost = "margin",
    transform: Transform = "all",
    lipschitz: Lipschitz = "certified",
    l2: float | None = None,
    seed: Integer = 0,
    max_rows_per_class: Integer | None = None,
    column_options: ColumnOptions = COLUMNS,
    board: Leaderboard = NO_LEADERBOARD,
    out: Path | None = None,
    format: Format = "table",  # noqa: A002
    wide: Wide = False,
) -> None:
    """Bound the loss on each target task of a head transformed from a source task.

    Below the table stands for each target which model has the lowest bound, and by how much. With
    a leaderboard, kNN and LogME are computed too, and the last column is the consensus of the
    three, the mean of a model's ranks by them.

    Parameters
    ----------
    files
        Parquet files, globs or folders (hive-partitioned or not) of embeddings. They come first.
    source
        Task that each model is known to do, or several. Default: every task.
    target
        Task to transfer to, or several. Default: every task.
    ground_cost
        Cost of moving a source row to a target row; margin gives the lowest bound.
    transform
        What is learned: nothing (identity), head and feature map (features), label map too (all).
    lipschitz
        Certified constants, or the paper's empirical ones, which certify nothing.
    l2
        Strength of the L2 penalty; chosen on held-out rows where not given.
    seed
        Seed of every random choice.
    max_rows_per_class
        Take at most that many rows of each class.
    out
        Also write all fields to this file: .parquet, .csv or .json.
    format
        What goes to standard output. csv leaves the nested field by_class out.
    """
    writer = writer_of(out, format, tables_and(files, board.leaderboard))
    columns = column_options.of(files, needed=["task"])
    require_fit_rows(files, columns)
    entries = board.read(columns.models)
    bounds = compute_bounds(
        files,
        **columns.arguments(),
        sources=tasks_named("--source", source, files, columns.task),
        targets=tasks_named("--target", target, files, columns.task),
        progress=sys.stderr.isatty(),
        ground_cost=ground_cost,
        transform=transform,
        lipschitz=lipschitz,
        l2=l2,
        seed=seed,
        max_rows_per_class=max_rows_per_class,
    )
    if entries is not None:
        bounds = with_consensus(
            board.join(_beside_scores(bounds, files, columns), entries, columns.models),
            columns.models,
        )
    writer(bounds)
    if format == "table":
        ranked = bounds.sort("target", "bound", maintain_order=True)
        named = [*columns.models, "source", "target"]
        facts = [name for name in bounds.columns if name != "by_class"]
        brief = [name for name in _SHOWN if name in facts and _worth_showing(bounds[name])]
        shown = [name for name in facts if name not in named] if wide else [*brief, *board.static()]
        table = TerminalTable(ranked.select(*named, *shown), _SHOWN, named, section="target")
        print_table(table, wide=wide)
        print_sentences(verdict(bounds, model=columns.models)["verdict"])


def _beside_scores(bounds: pl.DataFrame, files: list[str], columns: TableColumns) -> pl.DataFrame:
    """Put the scores beside the bounds that a consensus is taken of, of each model and target."""
    targets = bounds["target"].unique(maintain_order=True).to_list()
    scores = compute_scores(files, **columns.arguments(), targets=targets, scores=_BESIDE)
    keys = [*columns.models, "target"]
    beside = scores.select(*keys, *_BESIDE)
    return bounds.join(beside, on=keys, how="left", maintain_order="left")


def _worth_showing(column: pl.Series) -> bool:
    """Leave out `lipschitz` where there is none, and `certified` where every bound is."""
    return not (column.is_null().all() or (column.name == "certified" and column.all()))
