"""The most memory that this process had in use since a moment, on Linux.

The memory of Polars goes back to the system at once only where the process was started with
`ENVIRONMENT`; otherwise it is used again unseen.
"""

import ctypes
import gc
from pathlib import Path

before = 0.0
ENVIRONMENT = {"_RJEM_MALLOC_CONF": "dirty_decay_ms:0,muzzy_decay_ms:0"}


def status(name: str) -> float:
    """Return a size that the system has of this process, in MiB."""
    with Path("/proc/self/status").open() as lines:
        return next(int(line.split()[1]) / 1024 for line in lines if line.startswith(name))


def forget_peak() -> None:
    """Begin to measure."""
    global before
    gc.collect()
    ctypes.CDLL(None).malloc_trim(0)
    Path("/proc/self/clear_refs").write_text("5")
    before = status("VmRSS")


def beyond() -> float:
    """Return the most memory in use since `forget_peak`, beyond what was in use then, in MiB."""
    return status("VmHWM") - before
