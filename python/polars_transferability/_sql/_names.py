"""Names of columns that Polars takes for a pattern of names.

To Polars a name that begins with `^` and ends with `$` is a regular expression, and `*` is every
column, quoted or not. In SQL a quoted name is that name. So such names carry a mark while Polars
reads the query, and lose it in the result.
"""

from __future__ import annotations

import polars as pl
from sqlglot import exp

# The first character of the private use area, which no text uses between systems.
_MARK = "\ue000"
_MARK_ESCAPED = r"\u{e000}"


def is_pattern(name: str) -> bool:
    """Say whether Polars takes a name, marked or not, for a pattern."""
    plain = name.lstrip(_MARK)
    return plain == "*" or (plain.startswith("^") and plain.endswith("$"))


def marked(name: str) -> str:
    """Return the name by which Polars is to know a column.

    A name that has the mark itself gets another one, so that none is mistaken for another.

    Examples
    --------
    >>> [unmarked(marked(name)) for name in ("a", "^.*$", "*", "\ue000*")] == [
    ...     "a",
    ...     "^.*$",
    ...     "*",
    ...     "\ue000*",
    ... ]
    True
    """
    return f"{_MARK}{name}" if is_pattern(name) else name


def unmarked(name: str) -> str:
    """Return the name that a column has to the reader."""
    return name.removeprefix(_MARK) if is_pattern(name) else name


def unmarked_text(text: str) -> str:
    """Return a message without marks; Polars writes them in two ways."""
    return text.replace(_MARK, "").replace(_MARK_ESCAPED, "")


def marked_columns(frame: pl.LazyFrame) -> pl.LazyFrame:
    """Return a table by the names that Polars is to know its columns by."""
    patterns = [name for name in frame.collect_schema().names() if is_pattern(name)]
    return frame.rename({name: marked(name) for name in patterns}) if patterns else frame


def unmarked_columns(frame: pl.LazyFrame) -> pl.LazyFrame:
    """Return a result by the names that its columns have to the reader."""
    patterns = [name for name in frame.collect_schema().names() if is_pattern(name)]
    return frame.rename({name: unmarked(name) for name in patterns}) if patterns else frame


def mark_identifiers(tree: exp.Expr) -> bool:
    """Mark the names of columns in a tree; say whether there were any to mark."""
    found = [name for name in tree.find_all(exp.Identifier) if _names_a_column(name)]
    for name in found:
        name.set("this", marked(name.name))
    return bool(found)


def _names_a_column(name: exp.Identifier) -> bool:
    of_table = isinstance(name.parent, exp.Table) or (
        isinstance(name.parent, exp.TableAlias) and name.arg_key == "this"
    )
    qualifier = isinstance(name.parent, exp.Column) and name.arg_key != "this"
    return is_pattern(name.name) and not of_table and not qualifier
