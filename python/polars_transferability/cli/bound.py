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
    Engine,
    Integer,
    Leaderboard,
    Several,
    require_fit_rows,
    tables_and,
    tasks_named,
)
from polars_transferability.cli.output import Format, Strict, Wide, say_problems, writer_of
from polars_transferability.cli.terminal_table import TerminalTable, print_sentences, print_table
from polars_transferability.compute.bounds import compute_bounds
from polars_transferability.compute.engine import LOCAL
from polars_transferability.compute.scores import compute_scores
from polars_transferability.settings import GroundCost, Lipschitz, SourceRows, Transform
from polars_transferability.tables.columns import TableColumns
from polars_transferability.tables.problems import (
    PROBLEMS,
    part_of_a_batch,
    problem_lines,
    with_problems,
)

# The fields that a terminal has room for; --wide, --format json and parquet have all of them.
_SHOWN = {
    "bound": "bound",
    "bound_high": "bound\nhigh",
    "source_loss": "source\nloss",
    "label_mismatch": "label\nmismatch",
    "distribution_mismatch": "distribution\nmismatch",
    "lipschitz": "lipschitz",
    "target_loss": "target\nloss",
    "target_accuracy": "accuracy",
    "accuracy_low": "accuracy\nlow",
    "matched_loss": "matched\nloss",
    "matched_accuracy": "matched\naccuracy",
    "probe_loss": "probe\nloss",
    "probe_accuracy": "probe\naccuracy",
    "gap": "gap",
    "seconds": "seconds",
    "trivial_loss": "trivial\nloss",
    "state": "state",
    "certified": "certified",
    "labels": "labels",
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
    seeds: Integer = 1,
    max_rows_per_class: Integer | None = None,
    max_target_rows_per_class: Integer | None = None,
    source_rows: SourceRows = "held-out",
    target_label: str | None = None,
    target_clusters: Integer | None = None,
    match_labels: Annotated[bool, Parameter(negative="")] = False,
    confidence: float | None = None,
    probe: Annotated[bool, Parameter(negative="")] = False,
    seconds: Annotated[bool, Parameter(negative="")] = False,
    memory: str | None = None,
    column_options: ColumnOptions = COLUMNS,
    board: Leaderboard = NO_LEADERBOARD,
    out: Path | None = None,
    format: Format = "table",  # noqa: A002
    wide: Wide = False,
    strict: Strict = False,
    engine: Engine = LOCAL,
) -> None:
    """Bound the loss on each target task of a head transformed from a source task.

    Below the table stands for each target which model has the lowest bound, and by how much. With
    a leaderboard, and the caller's own labels, kNN and LogME are computed too, and the last column
    is the consensus of the three, the mean of a model's ranks by them.

    Parameters
    ----------
    files
        Tables of embeddings: files, globs, folders (hive-partitioned or not) or addresses. They
        come first.
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
    seeds
        Fit with so many seeds, from --seed on, and take the lowest bound.
    max_rows_per_class
        Take at most that many rows of each class.
    max_target_rows_per_class
        Fit to at most that many rows of each class of the target.
    source_rows
        Which rows of the source the bound is evaluated on: those that are not fitted on (held-out),
        or all, which then also serve to fit on: the bound is lower where source rows are few.
    target_label
        Column of labels that stand in for those of the targets.
    target_clusters
        So many clusters of its rows stand in for the labels of each target, which are not read.
    match_labels
        Add the loss and accuracy of the targets' own labels, matched to those that stand in.
    confidence
        Add what holds for the population with this probability, such as 0.95: bound_high and
        accuracy_low.
    probe
        Add the loss and accuracy of a linear probe fitted to the target's own rows.
    seconds
        Add the wall time of each bound.
    memory
        How much memory the rows of a model, and what is computed of them, may take, such as 2GB; of
        more rows in Parquet files a sample is drawn. Default: half of what is free.
    out
        Also write all fields to this file: .parquet, .csv or .json.
    format
        What goes to standard output. csv leaves the nested field by_class out.
    """
    writer = writer_of(out, format, tables_and(files, board.leaderboard))
    tables = column_options.open(files)
    columns = column_options.of(tables, needed=["task"])
    require_fit_rows(tables, columns)
    entries = board.read(columns.models)
    bounds = compute_bounds(
        files,
        **columns.arguments(),
        sources=tasks_named("--source", source, tables, columns.task),
        targets=tasks_named("--target", target, tables, columns.task),
        progress=sys.stderr.isatty(),
        strict=strict,
        memory=memory,
        engine=engine,
        ground_cost=ground_cost,
        transform=transform,
        lipschitz=lipschitz,
        l2=l2,
        seed=seed,
        seeds=seeds,
        max_rows_per_class=max_rows_per_class,
        max_target_rows_per_class=max_target_rows_per_class,
        source_rows=source_rows,
        target_label=target_label,
        target_clusters=target_clusters,
        match_labels=match_labels,
        confidence=confidence,
        probe=probe,
        seconds=seconds,
    )
    if entries is not None and target_label is None and target_clusters is None:
        bounds = _beside_scores(bounds, files, columns, strict=strict, engine=engine)
    bounds = with_consensus(board.join(bounds, entries, columns.models), columns.models)
    writer(bounds)
    if format == "table":
        there = bounds.drop_nulls("target")
        ranked = there.sort("target", "bound", nulls_last=True, maintain_order=True)
        named = [*columns.models, "source", "target"]
        facts = [name for name in bounds.columns if name not in ("by_class", PROBLEMS)]
        brief = [name for name in _SHOWN if name in facts and _worth_showing(bounds[name])]
        shown = [name for name in facts if name not in named] if wide else [*brief, *board.static()]
        table = TerminalTable(ranked.select(*named, *shown), _SHOWN, named, section="target")
        print_table(table, wide=wide)
        print_sentences([*verdict(there, model=columns.models)["verdict"], *_claims(confidence)])
    say_problems(with_problems(bounds).height, bounds.height, problem_lines(bounds))


def _beside_scores(
    bounds: pl.DataFrame, files: list[str], columns: TableColumns, *, strict: bool, engine: str
) -> pl.DataFrame:
    """Put the scores beside the bounds that a consensus is taken of, and why there are none."""
    keys = [*columns.models, "target"]
    targets = bounds["target"].drop_nulls().unique(maintain_order=True).to_list()
    with part_of_a_batch():
        scores = compute_scores(
            files,
            **columns.arguments(),
            targets=targets,
            scores=_BESIDE,
            strict=strict,
            engine=engine,
        )
    beside = scores.drop_nulls("target").select(*keys, *_BESIDE, also=PROBLEMS)
    reasons = pl.concat_list(PROBLEMS, pl.col("also").fill_null([])).list.unique(
        maintain_order=True
    )
    joined = bounds.join(beside, on=keys, how="left", nulls_equal=True, maintain_order="left")
    return joined.with_columns(reasons.alias(PROBLEMS)).drop("also")


def _claims(confidence: float | None) -> list[str]:
    """Return what the columns of a confidence claim, if there is one."""
    if confidence is None:
        return []
    return [
        f"Each bound high, and each accuracy low, holds for the population with probability "
        f"{confidence:g}. Whoever takes the best of several rows asks for more: with k rows, for "
        "1 - (1 - confidence) / k."
    ]


def _worth_showing(column: pl.Series) -> bool:
    """Leave out what is the same of every bound: no constant, certified, the caller's labels."""
    if column.name == "labels":
        return not (column == "given").all()
    return not (column.is_null().all() or (column.name == "certified" and column.all()))
