"""Tables and lines of text as a notebook shows them: whole, escaped, and from the left."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from html import escape


def facts_html(facts: Mapping[str, str]) -> str:
    """Return facts as a table in HTML, a row for each.

    Examples
    --------
    >>> facts_html({"page": "a<b"})
    '<table style="text-align: left"><tr><th>page</th><td>a&lt;b</td></tr></table>'
    """
    rows = (
        f"<tr><th>{escape(name)}</th><td>{escape(value)}</td></tr>" for name, value in facts.items()
    )
    return f'<table style="text-align: left">{"".join(rows)}</table>'


def lines_html(lines: Iterable[str]) -> str:
    """Return lines of text as paragraphs in HTML.

    Examples
    --------
    >>> lines_html(["a<b"])
    '<p>a&lt;b</p>'
    """
    return "".join(f"<p>{escape(line)}</p>" for line in lines)
