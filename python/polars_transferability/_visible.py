"""Names and other texts of users, fit for pages, pictures and terminals."""

from __future__ import annotations

# XML forbids most control characters, so what draws pictures cannot take them; pages and terminals
# drop them or obey them. Characters that Unicode sets aside as none at all fare the same.
_CONTROLS = [code for code in range(0x20) if chr(code) not in "\t\n"]
_NOT_CHARACTERS = [
    *range(0x80, 0xA0),
    *range(0xD800, 0xE000),
    *range(0xFDD0, 0xFDF0),
    *(plane + last for plane in range(0, 0x110000, 0x10000) for last in (0xFFFE, 0xFFFF)),
]
_SIGNS = {
    **{code: chr(0x2400 + code) for code in _CONTROLS},
    0x7F: "\N{SYMBOL FOR DELETE}",
    **dict.fromkeys(_NOT_CHARACTERS, "\N{REPLACEMENT CHARACTER}"),
}


def visible(text: str) -> str:
    r"""Return a text with a sign in place of each character that cannot be shown.

    A control character becomes the picture of its name, but tabs and ends of lines stay; what
    Unicode knows no character for becomes the replacement character.

    Examples
    --------
    >>> visible("net\x1b[31m\uffff, second\nline")
    'net␛[31m�, second\nline'
    """
    return text.translate(_SIGNS)
