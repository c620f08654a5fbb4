"""The command `transferability check`."""

from __future__ import annotations

import sys
from typing import Annotated

from cyclopts import Parameter

from polars_transferability._visible import visible
from polars_transferability.cli.options import COLUMNS, ColumnOptions
from polars_transferability.cli.output import Format, Wide, print_bytes
from polars_transferability.cli.terminal_table import TerminalTable, print_table
from polars_transferability.tables.check import AS_IT_IS, check_tables


def check(
    files: Annotated[list[str], Parameter(negative="")],
    /,
    *,
    column_options: ColumnOptions = COLUMNS,
    format: Format = "table",  # noqa: A002
    wide: Wide = False,
) -> None:
    """Validate embedding tables and print what is in them.

    What is wrong with a file goes to standard error, with the line of Polars that changes it where
    there is one.

    Parameters
    ----------
    files
        Tables of embeddings: files, globs, folders (hive-partitioned or not) and addresses such as
        s3://... and hf://...; Parquet, Arrow IPC, NumPy, Delta, Iceberg, Lance, Hugging Face.
    format
        What goes to standard output.
    """
    columns = column_options.of(column_options.open(files))
    content, problems = check_tables(files, columns)
    if format != "table":
        print_bytes(content, format)
    elif content.width:
        names = ["file", *columns.group()]
        print_table(TerminalTable(content.drop("taken"), names=names), wide=wide)
        for file, taken in content.select("file", "taken").unique(maintain_order=True).rows():
            if taken != AS_IT_IS:
                print(visible(f" {file}: {taken}"))
    if not problems:
        print("no problems found", file=sys.stderr)
        return
    for problem in problems:
        print(f"transferability: {problem}", file=sys.stderr)
    sys.exit(1)
