"""Running the command as a shell does."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

COMMAND = Path(sys.executable).with_name("transferability")
QUICK = ["--source", "mnist", "--target", "kmnist", "--max-rows-per-class", "5"]
KEYS = ["model", "source", "target"]


def run(*arguments: object) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run([COMMAND, *map(str, arguments)], capture_output=True)


def run_in_terminal(width: int, *arguments: object) -> subprocess.CompletedProcess[bytes]:
    """Run the command with a terminal of that width as its standard output."""
    pty = pytest.importorskip("pty", reason="there are no terminals to open")
    ours, its = pty.openpty()
    with subprocess.Popen(
        [COMMAND, *map(str, arguments)],
        stdout=its,
        stderr=subprocess.PIPE,
        env={**os.environ, "COLUMNS": str(width)},
    ) as process:
        os.close(its)
        printed = b"".join(iter(lambda: _read(ours), b""))
        _, said = process.communicate()
    os.close(ours)
    return subprocess.CompletedProcess(
        process.args, process.returncode, printed.replace(b"\r\n", b"\n"), said
    )


def _read(terminal: int) -> bytes:
    try:
        return os.read(terminal, 65536)
    except OSError:  # Linux says so where nobody can write to it any more.
        return b""


def results(*arguments: object) -> bytes:
    """Standard output of a command that must succeed without a word on standard error."""
    done = run(*arguments)
    assert (done.returncode, done.stderr) == (0, b"")
    return done.stdout


def failure(code: int, *arguments: object) -> str:
    """The message of a command that must fail with that code and print no result."""
    done = run(*arguments)
    assert (done.returncode, done.stdout) == (code, b"")
    message = done.stderr.decode()
    assert "Traceback" not in message
    return message


def python(*arguments: str) -> str:
    """What another Python prints."""
    done = subprocess.run([sys.executable, *arguments], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout.strip()


def assert_one_line(message: str, expected: str) -> None:
    assert message.startswith("transferability: ")
    assert message.count("\n") == 1
    assert expected in message
    # No plan of the query behind it.
    assert "This error occurred" not in message
