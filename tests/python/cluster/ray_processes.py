"""What tests of a Ray cluster know of its processes."""

from __future__ import annotations

import secrets
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

NO_RAY = "Ray is not installed; the extra ray has it"
# A cluster of tests is silent, and its workers do not wait for whatever else runs on the machine.
SETTINGS = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
    "RAY_worker_niceness": "0",
}
# What starts a node of a cluster that ends with this process.
START = [sys.executable, "-m", "ray.scripts.scripts", "start", "--block", "--disable-usage-stats"]
HAS_PROC = Path("/proc/self/cmdline").exists()


def token() -> dict[str, str]:
    """A token of a new cluster, which its processes show each other where Ray asks for one."""
    return {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": secrets.token_hex(32)}


def computing(name: str, *, below: int | None = None) -> Iterator[int]:
    """The processes that compute a unit whose name begins so, below a process if one is given."""
    for folder in Path("/proc").glob("[0-9]*"):
        process = int(folder.name)
        if _title(folder).startswith(b"ray::" + name.encode()):
            with suppress(OSError):  # It has just ended.
                if below is None or below in _ancestors(process):
                    yield process


def a_cluster_runs() -> bool:
    """Whether a cluster runs on this machine, as far as processes can be seen."""
    return any(b"gcs_server" in _title(folder) for folder in Path("/proc").glob("[0-9]*"))


def _title(folder: Path) -> bytes:
    try:
        return (folder / "cmdline").read_bytes()
    except OSError:
        return b""  # It has just ended.


def _ancestors(process: int) -> Iterator[int]:
    while process > 1:
        # The name of the program stands in brackets, and may hold anything.
        fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
        process = int(fields[1])
        yield process
