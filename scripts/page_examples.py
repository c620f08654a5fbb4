"""The examples of README and docs: what they are, what they print, and what stands there.

Blocks of Python, of the shell (`sh`) and of a terminal (`console`) run in the order of their page,
in a folder of the page's own that has `data` and `examples` of this repository. A block with a
title, as in `sql title="ranking.sql"`, is written to that file instead. An example that cannot run
here begins with a line that says so and why: `# Not run here: ...`. A page whose examples need
packages that not every environment has says so: `<!-- needs: deltalake, lance -->`. Blocks of the
shell in the README are how to install, which the tests have done.

What an example prints stands in one of three places: in the block of text that follows; in a
`console` below its command; or, of Python without a block of text, in comments at the ends of the
lines that print. Numbers with a point may be off by one in the last digit that is shown, and by
`OF_A_FIT` where the example says "bound" or "curve", because the fit of a bound amplifies the
rounding of a machine. A comment `<!-- tolerance 0.01: why -->` before the block of an output says
another tolerance. Everything else has to be the same.
"""

from __future__ import annotations

import contextlib
import importlib.util
import io
import os
import pty
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
DOCS, README = ROOT / "docs", ROOT / "README.md"
NOT_RUN = "# Not run here: "
TERMINAL_WIDTH = 80
OF_A_FIT = 0.05

BLOCK = re.compile(r"^```(\w+)([^\n]*)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
NUMBER = re.compile(r"(?<![\w.])-?\d+\.\d+(?!\w|\.\d)")
_TITLE = re.compile(r'title="([^"]+)"')
_STYLE = re.compile(r"\x1b\[[\d;]*m")
_FITTED = re.compile(r"bound|curve")
_NEEDED = re.compile(r"<!-- needs: ([\w, ]+) -->")
_TOLERANCE = re.compile(r"<!-- tolerance ([\d.]+)[^>]*-->\s*$")
_COMMENT = re.compile(r"<!--[^>]*-->")
# A command of a terminal, which may go on in further lines, and what it prints.
_COMMAND = re.compile(r"^\$ ((?:.*\\\n)*.*\n)((?:(?!\$ ).*\n)*?)\n*(?=\$ |\Z)", re.MULTILINE)
# What a line of Python prints, as a comment behind it.
_PRINTED = re.compile(r"print\(.*\)  # (.*\n)")


@dataclass(frozen=True)
class Shown:
    """What an example prints according to its page.

    Attributes
    ----------
    places
        Where in the page it stands: in one place, or each line in its own.
    tolerance
        How far numbers may be off; None: by one in the last digit that is shown.
    """

    text: str
    places: tuple[slice, ...]
    tolerance: float | None


@dataclass(frozen=True)
class Example:
    """A block of a page, or a command of one.

    Attributes
    ----------
    title
        The file that it is written to, instead of being run.
    not_run
        Why it cannot run here.
    """

    language: str
    code: str
    line: int
    title: str | None
    shown: Shown | None
    not_run: str | None


def pages() -> list[Path]:
    """Return all pages with examples."""
    return [README, *sorted(DOCS.rglob("*.md"))]


def examples(page: Path) -> list[Example]:
    """Return the examples of a page that are run, written or marked as not run."""
    text = page.read_text("utf-8")
    languages = ("python", "console") if page == README else ("python", "console", "sh")
    blocks = list(BLOCK.finditer(text))
    found = []
    for block, following in zip_longest(blocks, blocks[1:]):
        title = _TITLE.search(block[2])
        if title is None and block[1] not in languages:
            continue
        first = block[3].partition("\n")[0]
        commands = _COMMAND.finditer(text, *block.span(3)) if block[1] == "console" else [None]
        found += [
            Example(
                language=block[1],
                code=command[1] if command else block[3],
                line=text.count("\n", 0, (command or block).start()) + 1,
                title=title and title[1],
                shown=_shown(text, block, following, command),
                not_run=first.removeprefix(NOT_RUN) if first.startswith(NOT_RUN) else None,
            )
            for command in commands
        ]
    return found


def _shown(
    text: str,
    block: re.Match[str],
    following: re.Match[str] | None,
    command: re.Match[str] | None,
) -> Shown | None:
    """Return what a block prints, or a command of it, according to its page."""
    places, holder = [], block
    if command:
        places = [command.span(2)]
    elif following and following[1] == "text" and _adjoin(text, block, following):
        places, holder = [following.span(3)], following
    elif block[1] == "python":
        places = [line.span(1) for line in _PRINTED.finditer(text, *block.span(3))]
    if not places:
        return None
    said = _TOLERANCE.search(text, 0, holder.start())
    fitted = _FITTED.search(command[1] if command else block[3])
    return Shown(
        text="".join(text[start:end] for start, end in places),
        places=tuple(slice(start, end) for start, end in places),
        tolerance=float(said[1]) if said else OF_A_FIT if fitted else None,
    )


def _adjoin(text: str, block: re.Match[str], following: re.Match[str]) -> bool:
    return not _COMMENT.sub("", text[block.end() : following.start()]).strip()


def missing_packages(page: Path) -> list[str]:
    """Return the packages that the examples of a page need, as it says, and that are missing."""
    said = _NEEDED.search(page.read_text("utf-8"))
    names = said[1].split(", ") if said else []
    return [name for name in names if importlib.util.find_spec(name) is None]


def prepare(folder: Path) -> None:
    """Put into a folder what examples read."""
    for name in ("data", "examples"):
        (folder / name).symlink_to(ROOT / name)


def run(page: Path) -> Iterator[tuple[Example, str]]:
    """Run the examples of a page in the current folder; yield each with what it printed."""
    names: dict[str, Any] = {"__name__": "__main__"}
    for example in examples(page):
        if example.not_run is not None:
            continue
        if example.title is not None:
            Path(example.title).write_text(example.code, "utf-8")
        elif example.language == "python":
            # Errors then name the line of the page.
            code = "\n" * example.line + example.code
            printed = io.StringIO()
            with contextlib.redirect_stdout(printed):
                exec(compile(code, str(page), "exec"), names)
            yield example, printed.getvalue()
        else:
            yield example, _in_shell(page, example)


def _in_shell(page: Path, example: Example) -> str:
    """Run commands in a terminal, since the command prints tables that fit one."""
    own = str(Path(sys.executable).parent)
    variables = {
        **os.environ,
        "PATH": f"{own}{os.pathsep}{os.environ['PATH']}",
        "COLUMNS": str(TERMINAL_WIDTH),
        "TERM": "xterm",
    }
    ours, its = pty.openpty()
    with tempfile.TemporaryFile("w+") as said:
        command = ["bash", "-euo", "pipefail", "-c", example.code]
        with subprocess.Popen(command, env=variables, stdout=its, stderr=said) as shell:
            os.close(its)
            printed = b"".join(iter(lambda: _read(ours), b""))
        os.close(ours)
        if shell.returncode:
            said.seek(0)
            msg = f"{page}, line {example.line}: exit code {shell.returncode}: {said.read()}"
            raise RuntimeError(msg)
    return _STYLE.sub("", printed.decode()).replace("\r\n", "\n")


def _read(terminal: int) -> bytes:
    try:
        return os.read(terminal, 65536)
    except OSError:  # Linux says so where nobody can write to it any more.
        return b""


def as_shown(printed: str) -> str:
    """Return what is printed as a page shows it: without blanks at ends of lines, or at its end."""
    lines = [line.rstrip() for line in printed.splitlines()]
    return "\n".join(lines).strip("\n") + "\n"


def differs(printed: str, shown: str, tolerance: float | None = None) -> bool:
    r"""Say whether a page shows something else than what is printed, beyond the tolerance.

    Examples
    --------
    >>> differs("bound   1.02\n", "bound 1.00\n"), differs("bound   1.01\n", "bound 1.00\n")
    (True, False)
    >>> differs("bound 1.02", "bound 1.00", 0.05), differs("bound 1.02", "bound 1.2", 0.05)
    (False, True)
    >>> differs("It is 3 of 1.02.", "It is 2 of 1.02."), differs("by 1.0.2", "by 1.0.3", 0.05)
    (True, True)
    """
    if words(printed) != words(shown):
        return True
    pairs = zip(NUMBER.findall(printed), NUMBER.findall(shown), strict=True)
    return any(abs(float(a) - float(b)) > _allowed(b, tolerance) for a, b in pairs)


def _allowed(shown: str, tolerance: float | None) -> float:
    """Return how far a number may be off: one in the last digit, or a share above one."""
    if tolerance is None:
        return 1.001 * 10.0 ** -len(shown.partition(".")[2])
    return tolerance * max(1.0, abs(float(shown)))


def words(text: str) -> list[str]:
    """Return what is no number, whichever the widths of columns, which are as wide as numbers."""
    return re.sub(r"─+", "─", NUMBER.sub("#", text)).split()


def renewed(text: str, outputs: list[tuple[Shown, str]]) -> str:
    r"""Return a page with other outputs, given in the order of the page.

    Examples
    --------
    >>> lines = Shown("1\n2\n", (slice(0, 2), slice(5, 7)), None)
    >>> renewed("1\n---2\n", [(lines, "3\n4\n")])
    '3\n---4\n'
    """
    for shown, printed in reversed(outputs):
        parts = [printed]
        if len(shown.places) > 1:
            parts = printed.splitlines(keepends=True)
        for place, part in reversed([*zip(shown.places, parts, strict=True)]):
            text = text[: place.start] + part + text[place.stop :]
    return text


@contextlib.contextmanager
def folder_of_examples() -> Iterator[None]:
    """Be in a folder of one's own that has what examples read."""
    before = Path.cwd()
    with tempfile.TemporaryDirectory() as name:
        prepare(Path(name))
        os.chdir(name)
        try:
            yield
        finally:
            os.chdir(before)
