"""Files that are written whole or not at all, wherever their name leads."""

from __future__ import annotations

import errno
import os
import stat
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from polars_transferability.files.whole_file import (
    OverwritesInputError,
    make_folder,
    remove_abandoned,
    require_writable,
    write_whole,
)

posix = pytest.mark.skipif(sys.platform == "win32", reason="no links, pipes or modes of POSIX")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    (tmp_path / "table.csv").write_bytes(b"before")
    return tmp_path / "table.csv"


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_it_takes_the_place_of_what_was_there(path: Path) -> None:
    write_whole(path, b"after")
    write_whole(path.with_name("new.csv"), b"new")
    found = {file.name: file.read_bytes() for file in path.parent.iterdir()}
    assert found == {"table.csv": b"after", "new.csv": b"new"}


@posix
def test_permissions_are_those_that_a_plain_open_gives(path: Path) -> None:
    plain = path.with_name("plain.csv")
    plain.write_bytes(b"")
    write_whole(path.with_name("new.csv"), b"new")
    assert mode(path.with_name("new.csv")) == mode(plain)
    path.chmod(0o640)
    write_whole(path, b"after")
    assert mode(path) == 0o640


@pytest.mark.parametrize(
    ("number", "reason"),
    [
        (errno.ENOSPC, "the disk is full"),
        (errno.EROFS, "the file system can only be read"),
        (errno.EIO, "input/output error"),
    ],
)
def test_a_failure_leaves_the_old_file_and_says_why(
    path: Path, monkeypatch: pytest.MonkeyPatch, number: int, reason: str
) -> None:
    def fail(_: int) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(OSError, match="cannot be written") as raised:
        write_whole(path, b"after")
    assert str(raised.value) == f"{path}: cannot be written: {reason}"
    assert raised.value.errno == number
    assert [file.read_bytes() for file in path.parent.iterdir()] == [b"before"]


def test_an_interrupted_run_leaves_the_old_file(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(_: int) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "fsync", interrupt)
    with pytest.raises(KeyboardInterrupt):
        write_whole(path, b"after")
    assert [file.read_bytes() for file in path.parent.iterdir()] == [b"before"]


def test_where_nothing_can_be_written_it_says_so(path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"there is no folder '.*nowhere'; make it first"):
        write_whole(path.parent / "nowhere" / "table.csv", b"")
    with pytest.raises(IsADirectoryError, match="is a folder; name a file in it"):
        write_whole(path.parent, b"")
    with pytest.raises(FileNotFoundError, match="there is no folder"):
        write_whole(path / "table.csv", b"")
    with pytest.raises(NotADirectoryError, match="is a file; name a folder"):
        make_folder(path)
    with pytest.raises(OSError, match="the name is too long"):
        make_folder(path.parent / ("a" * 300))


@posix
def test_without_permission_it_says_so(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # The superuser may do everything, so that no mode of a file would show it.
    monkeypatch.setattr(os, "access", lambda place, _: Path(place) != path)
    with pytest.raises(PermissionError, match=r"table\.csv: cannot be written: no permission"):
        write_whole(path, b"")
    monkeypatch.setattr(os, "access", lambda place, _: Path(place) != path.parent)
    with pytest.raises(PermissionError, match="no permission to write in the folder"):
        write_whole(path, b"")
    assert path.read_bytes() == b"before"


@posix
def test_a_link_stays_one(path: Path) -> None:
    there, elsewhere = path.with_name("link.csv"), path.with_name("new.csv")
    there.symlink_to(path.name)
    write_whole(there, b"after")
    assert (there.is_symlink(), path.read_bytes()) == (True, b"after")
    dangling = path.with_name("dangling.csv")
    dangling.symlink_to(elsewhere)
    write_whole(dangling, b"new")
    assert (dangling.is_symlink(), elsewhere.read_bytes()) == (True, b"new")


@posix
def test_an_input_is_not_overwritten_under_any_name(path: Path) -> None:
    soft, hard = path.with_name("soft.csv"), path.with_name("hard.csv")
    soft.symlink_to(path)
    os.link(path, hard)
    for name in (path, soft, hard, path.parent / ".." / path.parent.name / path.name):
        with pytest.raises(OverwritesInputError, match=r"is read by this run as '.*table\.csv'"):
            require_writable(name, [path.with_name("other.csv"), path])
    require_writable(path.with_name("new.csv"), [path])


@posix
def test_a_pipe_is_written_to(path: Path) -> None:
    pipe = path.with_name("pipe.csv")
    os.mkfifo(pipe)
    read: list[bytes] = []
    reader = threading.Thread(target=lambda: read.append(pipe.read_bytes()))
    reader.start()
    write_whole(pipe, b"after")
    reader.join(timeout=30)
    assert read == [b"after"]
    assert stat.S_ISFIFO(pipe.stat().st_mode)


@posix
@pytest.mark.parametrize("name", ["/dev/stdout", "log"])
def test_what_standard_output_goes_to_is_written_to(path: Path, name: str) -> None:
    log = path.with_name("log")
    log.write_bytes(b"first\n")
    out = name if name != "log" else str(log)
    code = (
        "from pathlib import Path\n"
        "from polars_transferability.files.whole_file import write_whole\n"
        "print('second')\n"
        f"write_whole(Path({out!r}), b'third\\n')\n"
        "print('fourth')"
    )
    with log.open("ab") as stdout:
        subprocess.run([sys.executable, "-c", code], stdout=stdout, check=True)
    assert log.read_bytes() == b"first\nsecond\nthird\nfourth\n"


@posix
def test_a_full_device_says_so() -> None:
    full = Path("/dev/full")
    if not full.exists():
        pytest.skip("no /dev/full on this system")
    with pytest.raises(OSError, match="/dev/full: cannot be written: the disk is full"):
        write_whole(full, b"after")


def test_what_killed_runs_left_is_removed_when_it_is_old(path: Path) -> None:
    code = (
        "import os\n"
        "from pathlib import Path\n"
        "from polars_transferability.files.whole_file import write_whole\n"
        "os.fsync = lambda _: os._exit(1)\n"
        f"write_whole(Path({str(path)!r}), b'after')"
    )
    done = subprocess.run([sys.executable, "-c", code], check=False)
    assert (done.returncode, path.read_bytes()) == (1, b"before")
    (left,) = set(path.parent.iterdir()) - {path}
    assert left.name.startswith(".")
    remove_abandoned(path.parent)
    assert left.exists()
    os.utime(left, (0, 0))
    remove_abandoned(path.parent)
    assert list(path.parent.iterdir()) == [path]
