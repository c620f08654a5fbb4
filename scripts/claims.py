"""What README and docs show in numbers, and the commands that print it.

    .venv/bin/python scripts/claims.py [--quick] [--write] [PAGE ...]

Runs these commands for all pages, or those that are named, and ends with an error if a page shows
something else; with `--write`, puts what they print now into the pages, and draws their pictures
if no page is named. There are three kinds:

* Outputs of a page's examples (`page_examples.py`).
* Tables and blocks of text below a comment that names the command, which prints a table of the same
  columns, or that text:

      <!-- claim: python benches/coverage.py; tolerance 0.02; slow; needs ../shared -->

  "tolerance" is how far numbers with a point may be off (by one in the last digit without it),
  "slow" leaves it out of `--quick`, and "needs" names what has to be there, or else it is skipped.
  `<!-- no claim: REASON -->` says why no command is asked for a table.
* Pages and pictures that a command makes as a whole (`MADE`, `PICTURES`).

A sentence may repeat a number of an output. After `--write`, those that the output no longer has
are listed, and so are outputs of which more than numbers changed: read what stands around them.
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

from page_examples import (
    BLOCK,
    DOCS,
    NUMBER,
    OF_A_FIT,
    README,
    ROOT,
    Shown,
    as_shown,
    differs,
    examples,
    folder_of_examples,
    missing_packages,
    renewed,
    run,
    words,
)

# Pages that a command writes as a whole. They are of bounds, and take minutes.
MADE: Mapping[str, str] = {
    "docs/study.md": "make study",
    "docs/study-all.md": "make study ZOO=../shared/embeddings/zoo OUT=docs/study-all.md",
}
_TAKEN = "python tests/python/take_pictures.py"
# Pictures and the command that draws them; None: drawn by hand, of no data. Pixels depend on the
# browser, so they are not compared.
PICTURES: Mapping[str, str | None] = {
    "docs/demo.png": _TAKEN,
    "docs/report.png": _TAKEN,
    "docs/styled.png": _TAKEN,
    "docs/tutorial-report.png": _TAKEN,
    "docs/tutorial-digits.svg": _TAKEN,
    "docs/explanation/bound-source.svg": None,
    "docs/explanation/bound-moves.svg": None,
    "docs/explanation/bound-sum.svg": None,
}

_MARKER = re.compile(r"<!-- (claim|no claim): ([^>]+?) -->\n+")
_TABLE = re.compile(r"(?:^\|.*\n)+", re.MULTILINE)
_PICTURE = re.compile(r"!\[[^\]]*\]\(([^)]+)\)")
_COMMENT = re.compile(r"<!--.*?-->", re.DOTALL)
# A cell that begins with a number, and what in a sentence may be a number of an output.
_CELL_OF_NUMBERS = re.compile(r"\| *[-+]?\d")
_IN_A_SENTENCE = re.compile(
    r"(?<![\w.:/-])-?(?:\d+\.\d+(?! ?%)|\d+(?:\.\d+)?(?= ?%)|\d{3,})(?![\w.]*\w)"
)


@dataclass(frozen=True)
class Claim:
    """A table or a block of text of a page, and the command that prints it.

    Attributes
    ----------
    why_not
        Why no command is asked for it; there is no command then.
    needs
        What has to be there, as a path from the folder of the repository.
    """

    page: Path
    line: int
    shown: Shown
    command: str | None
    why_not: str = ""
    slow: bool = False
    needs: str | None = None


@dataclass(frozen=True)
class Found:
    """What a command printed for a place of a page, or why there is nothing."""

    page: Path
    line: int
    shown: Shown
    printed: str = ""
    failed: str = ""
    skipped: str = ""

    @property
    def verdict(self) -> str:
        """What is to be said of it."""
        if self.skipped:
            return f"skipped: {self.skipped}"
        if self.failed:
            return f"FAILED: {self.failed}"
        return "DRIFTED" if self.drifted else "ok"

    @property
    def drifted(self) -> bool:
        """Whether the page shows something else."""
        return differs(self.printed, self.shown.text, self.shown.tolerance)


class CommandFailedError(RuntimeError):
    """A command of a claim ended with an error, or printed no such table."""


def pages() -> list[Path]:
    """Return all pages that show numbers."""
    return [README, ROOT / "benches" / "README.md", *sorted(DOCS.rglob("*.md"))]


def claims(page: Path) -> list[Claim]:
    """Return the tables and blocks of a page that have a comment which says where they are from."""
    text = page.read_text("utf-8")
    return [_claim(page, text, marker) for marker in _MARKER.finditer(text)]


def _claim(page: Path, text: str, marker: re.Match[str]) -> Claim:
    line = text.count("\n", 0, marker.start()) + 1
    block = _TABLE.match(text, marker.end()) or BLOCK.match(text, marker.end())
    if block is None:
        msg = f"{page}, line {line}: no table and no block follows this comment"
        raise ValueError(msg)
    place = block.span(3 if block.re is BLOCK else 0)
    shown = Shown(text[slice(*place)], (slice(*place),), None)
    if marker[1] == "no claim":
        return Claim(page, line, shown, command=None, why_not=marker[2])
    command, *options = marker[2].split("; ")
    given = dict(option.partition(" ")[::2] for option in options)
    if unknown := given.keys() - {"tolerance", "slow", "needs"}:
        msg = f"{page}, line {line}: a claim has no option {', '.join(sorted(unknown))}"
        raise ValueError(msg)
    if "tolerance" in given:
        shown = replace(shown, tolerance=float(given["tolerance"]))
    return Claim(page, line, shown, command, slow="slow" in given, needs=given.get("needs"))


def found_of_claim(claim: Claim, *, quick: bool) -> Found:
    """Run the command of a claim, and return what it prints for that place."""
    place = (claim.page, claim.line, claim.shown)
    if claim.command is None:
        return Found(*place, skipped=claim.why_not)
    if claim.slow and quick:
        return Found(*place, skipped=f"slow: {claim.command}")
    if claim.needs and not (ROOT / claim.needs).exists():
        return Found(*place, skipped=f"{claim.needs} is not there: {claim.command}")
    try:
        return Found(*place, printed=block_like(claim.shown.text, said_by(claim.command)))
    except CommandFailedError as error:
        return Found(*place, failed=f"{claim.command}: {error}")


@cache
def said_by(command: str) -> str:
    """Return what a command prints, which runs in the folder of the repository."""
    own = str(Path(sys.executable).parent)
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", command],
        cwd=ROOT,
        env={**os.environ, "PATH": f"{own}{os.pathsep}{os.environ['PATH']}"},
        capture_output=True,
        text=True,
    )
    if done.returncode:
        raise CommandFailedError(done.stderr.strip() or f"exit code {done.returncode}")
    return done.stdout


def block_like(shown: str, printed: str) -> str:
    r"""Return of what is printed the table with the columns of one that is shown, or all.

    Examples
    --------
    >>> block_like("| a |\n|---|\n| 1 |\n", "So:\n| a |\n|---|\n| 2 |\n| 3 |\n")
    '| a |\n|---|\n| 2 |\n| 3 |\n'
    """
    if not _TABLE.fullmatch(shown):
        return as_shown(printed)
    columns = shown.partition("\n")[0]
    for table in _TABLE.findall(printed):
        if table.partition("\n")[0] == columns:
            return str(table)
    msg = f"it prints no table of the columns {columns}"
    raise CommandFailedError(msg)


def found_of_examples(page: Path) -> Iterator[Found]:
    """Run the examples of a page, and return what those print whose output it shows."""
    example, nothing = None, Shown("", (), None)
    if missing := missing_packages(page):
        print(f"{page.relative_to(ROOT)} is not run: it needs {', '.join(missing)}")
        return
    with folder_of_examples():
        try:
            for example, printed in run(page):
                if example.shown is not None:
                    yield Found(page, example.line, example.shown, as_shown(printed))
        except Exception as error:  # An example may fail in any way; the other pages go on.
            after = 1 if example is None else example.line
            yield Found(page, after, nothing, failed=f"an example from here on: {error}")


def found_of_page(page: Path, *, quick: bool) -> list[Found]:
    """Run all that a page shows, in the order of the page."""
    name = page.relative_to(ROOT).as_posix()
    if name in MADE:
        return [_found_of_made(page, MADE[name], quick=quick)]
    found = [*found_of_examples(page), *(found_of_claim(c, quick=quick) for c in claims(page))]
    return sorted(found, key=lambda one: one.line)


def _found_of_made(page: Path, command: str, *, quick: bool) -> Found:
    text = page.read_text("utf-8")
    shown = Shown(text, (slice(0, len(text)),), OF_A_FIT)
    if quick:
        return Found(page, 1, shown, skipped=f"slow: {command}")
    try:
        return Found(page, 1, shown, pages_made_by(command)[page])
    except CommandFailedError as error:
        return Found(page, 1, shown, failed=f"{command}: {error}")


@cache
def pages_made_by(command: str) -> dict[Path, str]:
    """Return the pages that a command writes, which stay as they were."""
    made = [ROOT / name for name, by in MADE.items() if by == command and (ROOT / name).exists()]
    before = {page: page.read_text("utf-8") for page in made}
    try:
        said_by(command)
        return {page: page.read_text("utf-8") for page in made}
    finally:
        for page, text in before.items():
            page.write_text(text, "utf-8")


def write(page: Path, found: Iterable[Found]) -> list[str]:
    """Put what was printed into a page; return what a person has to look at."""
    text = page.read_text("utf-8")
    new = [one for one in found if one.printed and one.printed != one.shown.text]
    if not new:
        return []
    page.write_text(renewed(text, [(one.shown, one.printed) for one in new]), "utf-8")
    unchanged = [one.printed for one in found if one.printed == one.shown.text]
    kept = "\n".join([*unchanged, *(one.printed for one in new)])
    notes, moved = [], 0
    for one in new:
        if words(one.printed) != words(one.shown.text):
            place = f"{page.relative_to(ROOT)}:{one.line + moved}"
            notes.append(f"{place}: more than numbers changed; read what stands around it")
        moved += one.printed.count("\n") - one.shown.text.count("\n")
    gone = "\n".join(one.shown.text for one in new)
    lines = stale(page.read_text("utf-8"), gone, kept)
    return notes + [
        f"{page.relative_to(ROOT)}:{line}: says {number}, which was in an output and is no more"
        for line, number in lines
    ]


def stale(text: str, before: str, now: str) -> list[tuple[int, str]]:
    """Return the numbers in sentences that outputs had before and have no more, with their lines.

    Examples
    --------
    >>> stale("It is 0.97, 12 % above 0.5.", "a 0.9651 b 0.1210", "a 0.9412 b 0.1210")
    [(1, '0.97')]
    """
    return [
        (line, number)
        for line, sentence in enumerate(sentences(text).splitlines(), 1)
        for match in _IN_A_SENTENCE.finditer(sentence)
        if _has(before, number := match[0]) and not _has(now, number)
    ]


def _has(output: str, number: str) -> bool:
    """Say whether an output has a number, which may be rounded, or a share given in per cent."""
    value, digits = float(number), len(number.partition(".")[2])
    half = 0.501 * 10.0**-digits
    numbers = [float(n) for n in re.findall(r"(?<![\w.])-?\d+(?:\.\d+)?(?![\w.]*\w)", output)]
    return any(abs(n - value) <= half or abs(100 * n - value) <= half for n in numbers)


def sentences(text: str) -> str:
    """Return a page without its blocks, tables and comments, with all its lines."""
    for part in (BLOCK, _TABLE, _COMMENT):
        text = part.sub(lambda match: "\n" * match[0].count("\n"), text)
    return text


def unclaimed(page: Path) -> Iterator[str]:
    """Yield what a page shows in numbers or pictures without the command that makes it."""
    text = page.read_text("utf-8")
    name = page.relative_to(ROOT) if page.is_relative_to(ROOT) else page
    if str(name) in MADE:
        return
    claimed = {claim.shown.places[0].start for claim in claims(page)}
    claimed |= {e.shown.places[0].start for e in examples(page) if e.shown}
    blocks = [*BLOCK.finditer(text)]
    for block in blocks:
        numbers = block[1] == "text" and NUMBER.search(block[3])
        if numbers and block.start(3) not in claimed:
            yield f"{name}:{_line(text, block)}: a block of numbers without a claim"
    for table in _TABLE.finditer(text):
        within = any(block.start() < table.start() < block.end() for block in blocks)
        if not within and _CELL_OF_NUMBERS.search(table[0]) and table.start() not in claimed:
            yield f"{name}:{_line(text, table)}: a table of numbers without a claim"
    for picture in _PICTURE.finditer(text):
        file = (page.parent / picture[1]).resolve()
        if not file.is_relative_to(ROOT) or str(file.relative_to(ROOT)) not in PICTURES:
            yield f"{name}:{_line(text, picture)}: a picture without the command that draws it"


def draw_pictures() -> Iterator[str]:
    """Draw all pictures; yield of each command what came of it."""
    for command in dict.fromkeys(filter(None, PICTURES.values())):
        try:
            print(said_by(command), end="", flush=True)
            yield "ok"
        except CommandFailedError as error:
            print(f"{command}: FAILED: {error}", flush=True)
            yield "FAILED"


def _line(text: str, match: re.Match[str]) -> int:
    return text.count("\n", 0, match.start()) + 1


def _place(found: Found) -> str:
    return f"{found.page.relative_to(ROOT)}:{found.line}"


def main() -> None:
    """Compare, or write, what the pages that are named show, or all."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("pages", nargs="*", type=Path, metavar="PAGE", help="all, if none is named")
    parser.add_argument("--quick", action="store_true", help="leave out what takes minutes")
    parser.add_argument("--write", action="store_true", help="put what is printed into the pages")
    options = parser.parse_args()
    chosen = [page.resolve() for page in options.pages] or pages()
    kinds, notes = [], []
    for page in chosen:
        found = found_of_page(page, quick=options.quick)
        for one in found:
            renews = options.write and one.verdict == "DRIFTED"
            verdict = "renewed" if renews else one.verdict
            kinds.append(verdict.partition(":")[0])
            print(f"{_place(one)}: {verdict}", flush=True)
            if verdict == "DRIFTED":
                print(one.printed)
        if options.write:
            notes += write(page, found)
    print(*notes, sep="\n")
    if options.write and not options.quick and not options.pages:
        kinds += draw_pictures()
    print(", ".join(f"{kinds.count(kind)} {kind}" for kind in dict.fromkeys(kinds)))
    if {"FAILED", "DRIFTED"} & {*kinds}:
        sys.exit(1)


if __name__ == "__main__":
    main()
