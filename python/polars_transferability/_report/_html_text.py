"""Texts of users as HTML: everything that a page shows of them goes through here, once."""

from __future__ import annotations

from html import escape

from polars_transferability._visible import visible


def html_text(text: str) -> str:
    """Return a text as HTML shows it, between tags or as the value of an attribute.

    Examples
    --------
    >>> html_text('<b> & "c"')
    '&lt;b&gt; &amp; &quot;c&quot;'
    """
    return escape(visible(text))
