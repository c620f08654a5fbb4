"""The command `transferability check`."""

from __future__ import annotations

import sys
from typing import Annotated

from cyclopts import Parameter

from polars_transferability.cli.options import COLUMNS, ColumnOptions
from polars_transferability.cli.output import Format, print_bytes, print_table
from polars_transferability.tables.check import check_tables


def check(
    files: Annotated[list[str], Parameter(negative="")],
    /,
    *,
    column_options: ColumnOptions = COLUMNS,
    format: Format = "table",  # noqa: A002
) -> None:
    """Validate embedding tables and print what is in them.

    Parameters
    ----------
    files
        Parquet files, globs or folders (hive-partitioned or not) of embeddings.
    format
        What goes to standard output.
    """
    content, problems = check_tables(files, column_options.of(files))
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
