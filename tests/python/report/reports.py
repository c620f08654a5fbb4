"""A small report: making it, changing its description, and reading what it wrote."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import polars as pl
import polars_transferability as pt
import pytest
from commands import COMMAND

SETTINGS = """
files = ["models/*.parquet"]
leaderboards = ["accuracy.csv"]
scores = []
[bound]
l2 = 0.1
transform = "identity"
[comparison]
k = 1
bootstrap = 20
[queries]
lowest = "lowest.sql"
"""
QUERY = "SELECT target, MIN(bound) AS bound FROM bounds GROUP BY target ORDER BY target"
TERMS = ["source_loss", "label_mismatch", "distribution_mismatch"]
# What HTML, attributes, SVG, Vega expressions, Markdown, templates and patterns read as theirs.
HOSTILE = [
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "' onmouseover='alert(1)",
    "&lt;b&gt; &amp;amp; &#60;",
    "</style></title></svg>]]><!--",
    "**a** _b_ `c` [d](http://e) # f",
    "{{m/s}} {0} %s $1 \\1 \\n",
    "datum['a'].b[0]\u2028\\'\"",
    'class="a" id="b" url(#c) role="d"',
    "\ue0000\ue001 \N{ARABIC LETTER ALEF}\N{GRINNING FACE}",
    "__proto__",
    "=1+1|2\t3\n4",
]


def make(folder: Path, *, strict: bool = False) -> pt.Report:
    return pt.report(folder / "report.toml", folder / "out", strict=strict)


def change(folder: Path, old: str, new: str) -> None:
    path = folder / "report.toml"
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


def written(folder: Path) -> dict[str, bytes]:
    """Every file of the report, but not the cache and what a killed run had not finished."""
    out = folder / "out"
    files = (path for path in out.rglob("*") if path.is_file() and path.name[0] != ".")
    names = {str(path.relative_to(out)): path for path in files}
    return {name: path.read_bytes() for name, path in names.items() if name[:6] != ".cache"}


def entries(folder: Path) -> list[Path]:
    """The results that are kept."""
    return sorted((folder / "out" / ".cache").glob("*.entry"))


def section(page: str, title: str) -> str:
    """What stands on the page under a title."""
    found = re.search(
        rf'<section aria-labelledby="([\w-]+)">\n<details>\n<summary><h2 id="\1">{re.escape(title)}'
        "</h2>.*?</section>",
        page,
        re.DOTALL,
    )
    assert found is not None
    return found[0]


def problem(folder: Path) -> str:
    with pytest.raises((ValueError, TypeError, OSError, pl.exceptions.PolarsError)) as raised:
        make(folder)
    return str(raised.value)


def command(*arguments: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run([COMMAND, "report", *map(str, arguments)], capture_output=True, text=True)
