"""Files that are never half-written: under its name stands the old file or the new one, whole.

The content goes to a temporary file in the same folder, and gets the name when every byte of it is
on the disk. A run that is killed leaves at most such a temporary file.
"""

from __future__ import annotations

import errno
import os
import stat
import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO
from uuid import uuid4

# Hidden, so that whoever reads all tables of the folder passes it over.
_TEMPORARY = ".polars-transferability-{}.tmp"
# By then no run is still writing it.
_ABANDONED_AFTER = 24 * 3600.0

_REASONS = {
    errno.EACCES: "no permission to write it",
    errno.EPERM: "no permission to write it",
    errno.EROFS: "the file system can only be read",
    errno.ENOSPC: "the disk is full",
    errno.EDQUOT: "no more of the disk may be used",
    errno.ENAMETOOLONG: "the name is too long",
}


class OverwritesInputError(ValueError):
    """A file was about to be written that the same run reads."""


def require_writable(path: Path, inputs: Iterable[Path] = ()) -> None:
    """Raise an error that says why, if a file cannot be written, or must not be.

    Parameters
    ----------
    path
        The name of the file.
    inputs
        Files that must not be overwritten, under whatever name.
    """
    with _saying_why(path):
        if path.is_dir():
            msg = f"{path}: is a folder; name a file in it"
            raise IsADirectoryError(msg)
        folder = _replaced(path).parent
        if not folder.is_dir():
            msg = f"{path}: there is no folder '{folder}'; make it first"
            raise FileNotFoundError(msg)
        there = path.exists()
        if there and not os.access(path, os.W_OK):
            raise PermissionError(errno.EACCES, "")
        if not (there and _is_stream(path.stat())) and not os.access(folder, os.W_OK | os.X_OK):
            msg = f"{path}: no permission to write in the folder '{folder}'"
            raise PermissionError(msg)
        for file in inputs if there else ():
            if file.exists() and path.samefile(file):
                msg = f"{path}: is read by this run as '{file}'; write to another file"
                raise OverwritesInputError(msg)


def write_whole(path: Path, content: bytes) -> None:
    """Write a file in full, or leave what was there before.

    Of a link, the file that it leads to is replaced. A pipe, a device and the file that a standard
    stream goes to cannot be replaced: they are written to.
    """
    require_writable(path)
    with _saying_why(path):
        if path.exists() and _is_stream(path.stat()):
            with _open_stream(path) as stream:
                stream.write(content)
        else:
            _replace(_replaced(path), content)


def make_folder(path: Path) -> None:
    """Make a folder, and those that it lies in, if they are not there."""
    with _saying_why(path):
        if path.exists() and not path.is_dir():
            msg = f"{path}: is a file; name a folder"
            raise NotADirectoryError(msg)
        path.mkdir(parents=True, exist_ok=True)


def remove_abandoned(folder: Path) -> None:
    """Remove the temporary files that killed runs left in a folder."""
    for path in folder.glob(_TEMPORARY.format("*")):
        # What is gone already, or may not be removed, does no harm.
        with suppress(OSError):
            if path.stat().st_mtime < time.time() - _ABANDONED_AFTER:
                path.unlink()


def _replaced(path: Path) -> Path:
    """Return the file that is replaced, which a link stands for; of others the path as it is."""
    return Path(os.path.realpath(path)) if path.is_symlink() else path


def _replace(path: Path, content: bytes) -> None:
    temporary = path.with_name(_TEMPORARY.format(uuid4().hex))
    try:
        with temporary.open("xb") as file:
            if path.exists():
                _keep_permissions(path, temporary)
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def _keep_permissions(path: Path, temporary: Path) -> None:
    before = path.stat()
    # Only the superuser may give files away; of others, the file becomes that of whoever writes it.
    with suppress(OSError, AttributeError):
        os.chown(temporary, before.st_uid, before.st_gid)
    temporary.chmod(stat.S_IMODE(before.st_mode))


def _is_stream(there: os.stat_result) -> bool:
    return not stat.S_ISREG(there.st_mode) or _standard_stream(there) is not None


def _open_stream(path: Path) -> BinaryIO:
    """Open what stands under the path; a standard stream goes on where it is."""
    number = _standard_stream(path.stat())
    if number is None:
        return path.open("wb")
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    return os.fdopen(os.dup(number), "wb")


def _standard_stream(there: os.stat_result) -> int | None:
    for number in (1, 2):
        # A stream may be closed.
        with suppress(OSError):
            if os.path.samestat(there, os.fstat(number)):
                return number
    return None


@contextmanager
def _saying_why(path: Path) -> Iterator[None]:
    """Turn errors of the operating system into ones whose message is a sentence."""
    try:
        yield
    except OSError as error:
        if error.errno is None:
            raise
        reason = _REASONS.get(error.errno) or (error.strerror or str(error)).lower()
        said = type(error)(f"{path}: cannot be written: {reason}")
        said.errno = error.errno
        raise said from error
