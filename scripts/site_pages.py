"""Build the documentation site from docs, the papers at the root and the package itself.

Pages link to each other as files of the repository do, so that they can be read there too. Here
they are copied beside the pages of the reference, links are turned to where the copies are, and
links to files that the site does not have become plain text. Then zensical builds the site, with
`zensical.toml`. Anything that is amiss is an error: a warning of the builder, a page that the
navigation leaves out, a file that a page links to and that is not there.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from reference_pages import write_reference

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

ROOT = Path(__file__).resolve().parent.parent
DOCS = ROOT / "docs"
SOURCE, SITE = ROOT / "out" / "docs-source", ROOT / "out" / "docs"
# Pages that stand elsewhere in the repository.
PAPERS = {
    "DESIGN.md": "project/design.md",
    "CONTRIBUTING.md": "project/contributing.md",
    "CHANGELOG.md": "project/changelog.md",
    "data/README.md": "project/data.md",
    "benches/results.md": "project/speed.md",
    "tests/README.md": "project/tests.md",
}

_LINK = re.compile(r"(?<!!)\[([^\]]*)\]\(([^)\s#]+)(#[^)\s]*)?\)")


def main() -> None:
    """Build the site; exit with what is amiss."""
    shutil.rmtree(SOURCE, ignore_errors=True)
    collect(SOURCE)
    problems = [*unlisted(SOURCE), *build()]
    if problems:
        sys.exit("\n".join(problems))
    print(f"{len(list(SITE.rglob('*.html')))} pages: {SITE / 'index.html'}")


def collect(folder: Path) -> None:
    """Put all pages, and what they show, into one folder that is not there yet."""
    shutil.copytree(DOCS, folder, ignore=shutil.ignore_patterns("*.toml"))
    write_reference(folder / "reference")
    own = {page: page.relative_to(DOCS).as_posix() for page in DOCS.rglob("*.md")}
    papers = {ROOT / paper: place for paper, place in PAPERS.items()}
    for page, place in {**own, **papers}.items():
        path = folder / place
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(_with_links(page, place), "utf-8")


def _with_links(page: Path, place: str) -> str:
    """Return the text of a page, with links turned to the copies of what they lead to."""

    def turned(link: re.Match[str]) -> str:
        text, target, anchor = link.groups()
        if "://" in target:
            return link[0]
        there = place_of((page.parent / target).resolve())
        if there is None:
            return text
        return f"[{text}]({os.path.relpath(there, Path(place).parent)}{anchor or ''})"

    return _LINK.sub(turned, page.read_text("utf-8"))


def place_of(file: Path) -> str | None:
    """Return where in the site a file of the repository is; None if it is not."""
    if file.is_relative_to(DOCS):
        return file.relative_to(DOCS).as_posix()
    return PAPERS.get(file.relative_to(ROOT).as_posix())


def unlisted(folder: Path) -> Iterator[str]:
    """Yield the pages that the navigation leaves out."""
    config = tomllib.loads((ROOT / "zensical.toml").read_text("utf-8"))
    listed = set(_listed(config["project"]["nav"]))
    for page in sorted(folder.rglob("*.md")):
        name = page.relative_to(folder).as_posix()
        if name not in listed:
            yield f"zensical.toml: nav leaves out {name}"


def _listed(entry: Any) -> Iterator[str]:
    if isinstance(entry, str):
        yield entry
    else:
        for part in entry.values() if isinstance(entry, dict) else entry:
            yield from _listed(part)


def build() -> Iterator[str]:
    """Build the site; yield what the builder complains of."""
    shutil.rmtree(SITE, ignore_errors=True)
    command = [sys.executable, "-m", "zensical", "build", "--strict", "--clean"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    said = re.sub(r"\x1b\[[0-9;]*m", "", done.stdout + done.stderr)
    # Strictness is about links; what is wrong with a docstring is only said.
    if done.returncode or re.search(r"warning|griffe", said, re.IGNORECASE):
        yield said


if __name__ == "__main__":
    main()
