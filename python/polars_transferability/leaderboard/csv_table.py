"""CSV files of a leaderboard: a table of what was written, or an error that names file and line."""

from __future__ import annotations

import csv
import re
from io import StringIO
from pathlib import Path

import polars as pl


def read_csv(path: Path) -> pl.DataFrame:
    """Return a table of text; an error where Polars would read something else than was written."""
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        msg = f"{path}: line {line} is not UTF-8; save it as CSV UTF-8"
        raise ValueError(msg) from error
    if "\0" in text:
        msg = f"{path}: holds characters NUL, as UTF-16 has them; save it as CSV UTF-8"
        raise ValueError(msg)
    if "\n" not in text:
        text = text.replace("\r", "\n")  # As old Macs end lines.
    _check_fields(path, text)
    try:
        return pl.read_csv(text.encode(), infer_schema_length=None)
    except pl.exceptions.PolarsError as error:
        first_line = str(error).partition("\n")[0]
        msg = f"{path}: cannot be read as CSV: {first_line}"
        raise type(error)(msg) from error


def _check_fields(path: Path, text: str) -> None:
    """Raise ValueError unless each line of a CSV file has as many fields as the header."""
    lines = csv.reader(StringIO(text), strict=True)
    try:
        header = next(filter(None, lines), None)
        if header is None:
            msg = f"{path}: is empty; expected a header and rows"
            raise ValueError(msg)
        if len(header) == 1 and (found := re.search("[;\t]", header[0])):
            msg = (
                f"{path}: the header {header[0]!r} has one field; separate fields by commas, not "
                f"by {found[0]!r}"
            )
            raise ValueError(msg)
        for line in lines:
            if len(line) not in (0, len(header)):
                msg = (
                    f"{path}: line {lines.line_num} has {len(line)} fields, but the header has "
                    f"{len(header)}; a field that holds a comma stands in quotes"
                )
                raise ValueError(msg)
    except csv.Error as error:
        msg = f"{path}: line {lines.line_num}: {error}; a quote that is opened must be closed"
        raise ValueError(msg) from error
