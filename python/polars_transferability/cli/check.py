"""The command `transferability check`."""

from __future__ import annotations

import sys
from typing import Annotated

from cyclopts import Parameter

from polars_transferability.cli.output import Format, print_bytes, print_table
from polars_transferability.tables.check import TableColumns, check_tables


def check(
    files: Annotated[list[str], Parameter(negative="")],
    /,
    *,
    model: str = "model",
    task: str = "task",
    split: str = "split",
    label: str = "label",
    embedding: str = "embedding",
    fit_split: str = "train",
    no_fit: Annotated[bool, Parameter(negative="")] = False,
    format: Format = "table",  # noqa: A002
) -> None:
    """Validate embedding tables and print what is in them.

    Parameters
    ----------
    files
        Parquet files, globs or folders (hive-partitioned or not) of embeddings.
    model
        Column of model names.
    task
        Column of task names.
    split
        Column of split names.
    label
        Column of labels.
    embedding
        Column of embeddings.
    fit_split
        Value of the split column that marks the rows to fit on.
    no_fit
        Tables have no split.
    format
        What goes to standard output.
    """
    columns = TableColumns(
        model=model,
        task=task,
        split=None if no_fit else split,
        label=label,
        embedding=embedding,
        fit_split=fit_split,
    )
    content, problems = check_tables(files, columns)
    if format != "table":
        print_bytes(content, format)
    elif content.width:
        print_table(content, {name: name.replace("_", "\n") for name in content.columns})
    if not problems:
        print("no problems found", file=sys.stderr)
        return
    for problem in problems:
        print(f"transferability: {problem}", file=sys.stderr)
    sys.exit(1)
