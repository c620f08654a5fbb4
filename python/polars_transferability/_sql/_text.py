"""The text of a query, and errors that point into it."""

from __future__ import annotations

from dataclasses import dataclass

from sqlglot import exp

from polars_transferability._sql._errors import QueryError
from polars_transferability._sql._names import unmarked_text

# How much of a long line is shown before and after the place of an error.
_BEFORE = 80
_AFTER = 160


@dataclass(frozen=True)
class Text:
    r"""The text of a query, into which errors point.

    Examples
    --------
    >>> print(Text("SELECT a\nFROM tabel").error("there is no table 'tabel'", 14, 18))
    line 2, column 6: there is no table 'tabel'
      |
    2 | FROM tabel
      |      ^^^^^
    """

    query: str

    def error(self, reason: str, start: int, end: int) -> QueryError:
        """Return an error that points at the characters from `start` to `end`, that one too."""
        reason = unmarked_text(reason)
        line, column = self.place(start)
        begin = start - column + 1
        stop = self.query.find("\n", start)
        whole = self.query[begin : None if stop < 0 else stop].rstrip()
        left, right = max(0, column - 1 - _BEFORE), column - 1 + _AFTER
        before = "" if left == 0 else "..."
        shown = f"{before}{whole[left:right]}{'...' if right < len(whole) else ''}"
        place = column - 1 - left + len(before)
        indent = "".join("\t" if c == "\t" else " " for c in shown[:place])
        caret = "^" * max(1, min(end - start + 1, len(shown) - place))
        margin = " " * len(str(line))
        excerpt = f"\n{margin} |\n{line} | {shown}\n{margin} | {indent}{caret}"
        return QueryError(reason, line, column, excerpt)

    def error_at(self, reason: str, node: exp.Expr | None) -> QueryError:
        """Return an error that points at a node of the syntax tree, if there is one."""
        span = None if node is None else span_of(node)
        return QueryError(unmarked_text(reason)) if span is None else self.error(reason, *span)

    def place(self, offset: int) -> tuple[int, int]:
        """Return line and column of a character, counted from 1."""
        return self.query.count("\n", 0, offset) + 1, offset - self.query.rfind("\n", 0, offset)

    def offset(self, line: int, column: int) -> int:
        """Return the character at a line and a column."""
        lines = self.query.splitlines(keepends=True)
        return sum(len(text) for text in lines[: line - 1]) + column - 1


def span_of(node: exp.Expr) -> tuple[int, int] | None:
    """Return first and last character of what is known of a node: names, numbers and texts.

    A call is known by its name: where its arguments end, the tree does not say.
    """
    if isinstance(node, exp.Func) and "start" in node.meta:
        return node.meta["start"], node.meta["end"]
    spans = [part.meta for part in node.walk() if "start" in part.meta]
    if not spans:
        return None
    return min(span["start"] for span in spans), max(span["end"] for span in spans)
