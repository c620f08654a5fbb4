"""Tables as the pages of docs show them, so that `scripts/claims.py` can compare and renew them."""

from __future__ import annotations

import polars as pl


def print_table(rows: pl.DataFrame, digits: int = 3) -> None:
    """Print a frame as a table in Markdown, floats with so many digits, null as an empty cell.

    A table may have two columns of one name, a frame may not: blanks around names are left out.
    """
    names = [name.strip() for name in rows.columns]
    lines = [names, *([_cell(value, digits) for value in row] for row in rows.iter_rows())]
    header, *body = (
        f"|{'|'.join(f' {cell} ' if cell else ' ' for cell in line)}|" for line in lines
    )
    print("", header, "|" + "---|" * rows.width, *body, "", sep="\n", flush=True)


def _cell(value: object, digits: int) -> str:
    if value is None:
        return ""
    return f"{value:.{digits}f}" if isinstance(value, float) else str(value)
