"""The examples of the pages in docs: what they are, what they print, and what stands there.

Blocks of Python and of the shell run in the order of their page, in a folder of the page's own that
has `data` and `examples` of this repository. A block with a title, as in `sql title="ranking.sql"`,
is written to that file instead. The block of text that follows a block is what that prints. An
example that cannot run here begins with a line that says so and why: `# Not run here: ...`.

The tests run all pages and compare; called as a program, with pages or for all of them, this runs
them and puts what they print where a page shows something else.
"""

from __future__ import annotations

import contextlib
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
DOCS = ROOT / "docs"
NOT_RUN = "# Not run here: "
# The fit of a bound amplifies rounding, so machines may differ by so much.
TOLERANCE = 0.05
TERMINAL_WIDTH = 80

_BLOCK = re.compile(r"^```(\w+)([^\n]*)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
_TITLE = re.compile(r'title="([^"]+)"')
_STYLE = re.compile(r"\x1b\[[\d;]*m")
_NUMBER = re.compile(r"(?<![\w.])-?\d+\.\d+(?!\w|\.\d)")


@dataclass(frozen=True)
class Example:
    """A block of a page.

    Attributes
    ----------
    title
        The file that it is written to, instead of being run.
    shown
        What it prints according to the page: the text of the next block, if there is one, and where
        in the page that text stands.
    not_run
        Why it cannot run here.
    """

    language: str
    code: str
    line: int
    title: str | None
    shown: tuple[str, slice] | None
    not_run: str | None


def pages() -> list[Path]:
    """Return all pages with examples."""
    return sorted(DOCS.rglob("*.md"))


def examples(text: str) -> list[Example]:
    """Return the blocks of a page that are run, written or marked as not run."""
    blocks = list(_BLOCK.finditer(text))
    found = []
    for block, following in zip_longest(blocks, blocks[1:]):
        language, rest, code = block.groups()
        title = _TITLE.search(rest)
        if title is None and language not in ("python", "sh"):
            continue
        shown = None
        if following and following[1] == "text" and _adjoin(text, block, following):
            shown = (following[3], slice(*following.span(3)))
        first = code.partition("\n")[0]
        found.append(
            Example(
                language=language,
                code=code,
                line=text.count("\n", 0, block.start()) + 1,
                title=title and title[1],
                shown=shown,
                not_run=first.removeprefix(NOT_RUN) if first.startswith(NOT_RUN) else None,
            )
        )
    return found


def _adjoin(text: str, block: re.Match[str], following: re.Match[str]) -> bool:
    return not text[block.end() : following.start()].strip()


def prepare(folder: Path) -> None:
    """Put into a folder what examples read."""
    for name in ("data", "examples"):
        (folder / name).symlink_to(ROOT / name)


def run(page: Path) -> Iterator[tuple[Example, str]]:
    """Run the examples of a page in the current folder; yield each with what it printed."""
    names: dict[str, Any] = {"__name__": "__main__"}
    for example in examples(page.read_text("utf-8")):
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
    """Run a block in a terminal, since the command prints tables that fit one."""
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


def differs(printed: str, shown: str) -> bool:
    r"""Say whether a page shows something else than what is printed, beyond rounding.

    Examples
    --------
    >>> differs("bound   1.02\n", "bound 1.00\n"), differs("bound 1.02", "bound 1.2")
    (False, True)
    >>> differs("The bound is 1.02.", "The bound is 1.00."), differs("by 1.0.2", "by 1.0.3")
    (False, True)
    """
    if _words(printed) != _words(shown):
        return True
    pairs = zip(_numbers(printed), _numbers(shown), strict=True)
    return any(abs(a - b) > TOLERANCE * max(1.0, abs(b)) for a, b in pairs)


def _words(text: str) -> list[str]:
    # Columns are as wide as their numbers.
    return re.sub(r"─+", "─", _NUMBER.sub("#", text)).split()


def _numbers(text: str) -> list[float]:
    return [float(number) for number in _NUMBER.findall(text)]


def renew(page: Path) -> bool:
    """Put what its examples print into a page where it shows something else; say whether it did."""
    text = page.read_text("utf-8")
    new = [
        (example.shown[1], as_shown(printed))
        for example, printed in run(page)
        if example.shown is not None and differs(printed, example.shown[0])
    ]
    for place, printed in reversed(new):
        text = text[: place.start] + printed + text[place.stop :]
    page.write_text(text, "utf-8")
    return bool(new)


def main() -> None:
    """Renew the pages that are named, or all."""
    chosen = [Path(name).resolve() for name in sys.argv[1:]] or pages()
    for page in chosen:
        with tempfile.TemporaryDirectory() as name:
            os.chdir(name)
            prepare(Path(name))
            print(f"{page.relative_to(ROOT)}: {'renewed' if renew(page) else 'as it was'}")
            os.chdir(ROOT)


if __name__ == "__main__":
    main()
