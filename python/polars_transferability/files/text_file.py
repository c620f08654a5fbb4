"""The text of a file: queries, and what describes a report."""

from __future__ import annotations

from codecs import BOM_UTF8, BOM_UTF16_BE, BOM_UTF16_LE
from pathlib import Path


def read_text(path: Path) -> str:
    r"""Return the text of a file, which must be UTF-8; a byte order mark is dropped.

    Examples
    --------
    >>> from pathlib import Path
    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as folder:
    ...     path = Path(folder) / "latin.sql"
    ...     _ = path.write_bytes("SELECT 1 AS\n café".encode("latin-1"))
    ...     read_text(path)
    Traceback (most recent call last):
    ValueError: ...latin.sql: line 2, column 5: byte 0xe9 is not UTF-8; save it as UTF-8
    """
    content = path.read_bytes()
    if content.startswith((BOM_UTF16_LE, BOM_UTF16_BE)):
        msg = f"{path}: is UTF-16; save it as UTF-8"
        raise ValueError(msg)
    content = content.removeprefix(BOM_UTF8)
    try:
        text = content.decode()
        place = content.find(b"\0")
        problem = "is a zero byte, so this is no text"
    except UnicodeDecodeError as error:
        text, place = "", error.start
        problem = f"byte 0x{content[place]:02x} is not UTF-8; save it as UTF-8"
    if place < 0:
        return text
    before = content[:place].decode()
    line, column = before.count("\n") + 1, len(before) - before.rfind("\n")
    msg = f"{path}: line {line}, column {column}: {problem}"
    raise ValueError(msg)
