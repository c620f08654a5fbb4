"""What is raised for a query that cannot be carried out."""

from __future__ import annotations

from html import escape

import polars as pl


class QueryError(pl.exceptions.SQLInterfaceError):
    """What is wrong with a query, and where.

    Attributes
    ----------
    reason
        What is wrong.
    line, column
        Where, counted from 1; None where no place is known.
    """

    def __init__(
        self, reason: str, line: int | None = None, column: int | None = None, excerpt: str = ""
    ) -> None:
        place = "" if line is None else f"line {line}, column {column}: "
        super().__init__(f"{place}{reason}{excerpt}")
        self.reason = reason
        self.line = line
        self.column = column

    def _repr_html_(self) -> str:
        """Return the message with the excerpt as it stands, the place below it marked."""
        return f"<pre>{escape(str(self))}</pre>"
