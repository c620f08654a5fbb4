"""The command `transferability curve`."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from polars_transferability.cli.options import (
    COLUMNS,
    ColumnOptions,
    Integer,
    Several,
    require_fit_rows,
    several,
    tables_and,
    tasks_named,
)
from polars_transferability.cli.output import (
    Format,
    Strict,
    Wide,
    say_problems,
    usage_error,
    writer_of,
)
from polars_transferability.cli.terminal_table import TerminalTable, print_sentences, print_table
from polars_transferability.compute.curve import ROWS, compute_curve
from polars_transferability.compute.curve_summary import COUNTS, curve_means, curve_sentence
from polars_transferability.settings import GroundCost, SourceRows, Transform
from polars_transferability.tables.problems import problem_lines, with_problems

_HEADINGS = {
    "rows": "rows\na class",
    "bound_low": "bound\n2.5 %",
    "bound_high": "bound\n97.5 %",
    "target_loss": "target\nloss",
    "probe_loss": "probe\nloss",
    "trivial_loss": "guessing\nloss",
    "knn_accuracy": "kNN\naccuracy",
}


def curve(
    files: Annotated[list[str], Parameter(negative="")],
    /,
    *,
    source: str,
    target: str,
    rows: Several = None,
    repeats: Integer = 20,
    ground_cost: GroundCost = "margin",
    transform: Transform = "all",
    source_rows: SourceRows = "held-out",
    seed: Integer = 0,
    column_options: ColumnOptions = COLUMNS,
    out: Path | None = None,
    format: Format = "table",  # noqa: A002
    wide: Wide = False,
    strict: Strict = False,
) -> None:
    """Show from how many target labels on a source helps: bound, probe and kNN by their number.

    The table has the mean over all draws, and the range in which 95 % of the bounds are. Files and
    other formats have every draw.

    Parameters
    ----------
    files
        Tables of embeddings: files, globs, folders (hive-partitioned or not) or addresses. They
        come first.
    source
        Task to transfer from.
    target
        Task to transfer to.
    rows
        Numbers of labelled target rows of each class to fit to. Default: 1,2,5,10,50.
    repeats
        So many draws of each number.
    ground_cost
        Cost of moving a source row to a target row; margin gives the lowest bound.
    transform
        What is learned: nothing (identity), head and feature map (features), label map too (all).
    source_rows
        Which rows of the source the bound is evaluated on: those that are not fitted on (held-out),
        or all, which then also serve to fit on: the bound is lower where source rows are few.
    seed
        Seed of the first draw.
    out
        Also write every draw to this file: .parquet, .csv or .json.
    format
        What goes to standard output.
    """
    writer = writer_of(out, format, tables_and(files, None))
    tables = column_options.open(files)
    columns = column_options.of(tables, needed=["task"])
    require_fit_rows(tables, columns)
    for option, name in (("--source", source), ("--target", target)):
        tasks_named(option, [name], tables, columns.task)
    draws = compute_curve(
        files,
        **columns.arguments(),
        source=source,
        target=target,
        rows=_numbers(rows),
        repeats=repeats,
        progress=sys.stderr.isatty(),
        strict=strict,
        ground_cost=ground_cost,
        transform=transform,
        source_rows=source_rows,
        seed=seed,
    )
    writer(draws)
    if format == "table":
        means = curve_means(draws, columns.models)
        named = [*columns.models, "rows"]
        shown = means.drop("source", "target", *COUNTS)
        print_table(TerminalTable(shown, _HEADINGS, named, section=columns.models[0]), wide=wide)
        curves = means.partition_by(*columns.models, maintain_order=True)
        print_sentences(curve_sentence(one, columns.models) for one in curves)
    say_problems(with_problems(draws).height, draws.height, problem_lines(draws))


def _numbers(rows: Sequence[str] | None) -> Sequence[int]:
    texts = several(rows, lambda: ())
    if texts is None:
        return ROWS
    if wrong := [text for text in texts if not text.isdecimal()]:
        usage_error(f"--rows: expected whole numbers, found '{wrong[0]}'")
    return [int(text) for text in texts]
