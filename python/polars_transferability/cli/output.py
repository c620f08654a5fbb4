"""What a command prints and writes: results, and what is wrong with its usage."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Annotated, Literal, NoReturn

import polars as pl
from cyclopts import Parameter

from polars_transferability._visible import visible
from polars_transferability.files.table_bytes import FILE_FORMATS, FileFormat, table_bytes
from polars_transferability.files.whole_file import (
    OverwritesInputError,
    remove_abandoned,
    require_writable,
    write_whole,
)
from polars_transferability.tables.problems import PROBLEMS

# A summary is for reading; the column has all of them.
_MOST_REASONS = 20

Format = Literal["table", "csv", "json", "parquet"]
Wide = Annotated[
    bool,
    Parameter(
        negative="",
        help="Print every column, however wide the terminal is.",
    ),
]
Strict = Annotated[
    bool,
    Parameter(
        negative="",
        help="Stop at the first file or result that fails. Otherwise what fails is left empty, and "
        "what was wrong is said on standard error at the end and in the column problems.",
    ),
]


def writer_of(
    out: Path | None,
    format: Format,  # noqa: A002
    inputs: Iterable[Path],
) -> Callable[[pl.DataFrame], None]:
    """Return what writes results where they are wanted; complain before anything is computed."""
    kind = None if out is None else _file_format(out, inputs)
    if format == "parquet" and sys.stdout.isatty():
        usage_error("--format parquet writes bytes: send standard output to a file, or use --out")

    def write(rows: pl.DataFrame) -> None:
        if out is not None and kind is not None:
            write_file(rows, kind, out)
        if format != "table":
            print_bytes(rows, format)

    return write


def _file_format(out: Path, inputs: Iterable[Path]) -> FileFormat:
    """Return what kind of file a name asks for, if it can be written and is no input."""
    kind = next((kind for kind in FILE_FORMATS if out.suffix == f".{kind}"), None)
    if kind is None:
        usage_error(
            f"--out {out}: expected a name that ends in .parquet, .csv or .json; "
            "for standard output use --format"
        )
    try:
        require_writable(out, inputs)
    except (OSError, OverwritesInputError) as error:
        usage_error(f"--out {error}")
    return kind


def write_file(rows: pl.DataFrame, kind: FileFormat, out: Path) -> None:
    """Write a result to a file, and say so on standard error."""
    write_whole(out, table_bytes(rows, kind))
    remove_abandoned(out.parent)
    print(f"wrote {out}: {rows.height} rows", file=sys.stderr)


def print_bytes(rows: pl.DataFrame, kind: FileFormat) -> None:
    """Write a result to standard output, as the bytes of a file."""
    sys.stdout.buffer.write(table_bytes(rows, kind))
    sys.stdout.buffer.flush()


def say_problems(incomplete: int, results: int, reasons: Sequence[str]) -> None:
    """Say on standard error how many results lack something, and each reason once."""
    if not incomplete:
        return
    count = f"{incomplete} of {results} results could not be computed in full:"
    print(f"transferability: {count}", file=sys.stderr)
    for reason in reasons[:_MOST_REASONS]:
        print(f"  {visible(reason)}", file=sys.stderr)
    if (more := len(reasons) - _MOST_REASONS) > 0:
        print(f"  and {more} more reasons, in the column '{PROBLEMS}'", file=sys.stderr)


def usage_error(message: str) -> NoReturn:
    """Say what is wrong with how the command was called, and exit with 2."""
    print(f"transferability: {message}", file=sys.stderr)
    sys.exit(2)
