"""What the benchmarks share: how time and memory are measured, and how several runs are printed."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable

# Read when the libraries load, so they must be set before a benchmark starts.
THREADS = ("POLARS_MAX_THREADS", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "RAYON_NUM_THREADS")
# Memory that Polars has freed goes back to the system at once, so that it is not used again unseen.
CHILD = {"_RJEM_MALLOC_CONF": "dirty_decay_ms:0,muzzy_decay_ms:0"}
# For a child process: the calls `forget_peak()` and `beyond()`, in MiB.
PEAK = """
import ctypes
import gc


def status(name):
    with open("/proc/self/status") as lines:
        return next(int(line.split()[1]) / 1024 for line in lines if line.startswith(name))


def forget_peak():
    global before
    gc.collect()
    ctypes.CDLL(None).malloc_trim(0)
    with open("/proc/self/clear_refs", "w") as peak:
        peak.write("5")
    before = status("VmRSS")


def beyond():
    return status("VmHWM") - before
"""


def require_one_thread() -> None:
    if {os.environ.get(name) for name in THREADS} != {"1"}:
        sys.exit(f"one thread for both sides: set {', '.join(THREADS)} to 1, or use `make bench`")


def timed(call: Callable[[], object]) -> float:
    """Processor seconds."""
    start = time.process_time()
    call()
    return time.process_time() - start


def spread(values: list[float], digits: int = 3) -> str:
    """Minimum, median and maximum."""
    return " / ".join(f"{f(values):.{digits}f}" for f in (min, statistics.median, max))


def child_command(code: str, *arguments: object) -> list[str]:
    return [sys.executable, "-c", PEAK + code, *map(str, arguments)]


def in_child(code: str, *arguments: object) -> list[float]:
    """The numbers that some code prints in a process of its own."""
    command = child_command(code, *arguments)
    output = subprocess.run(
        command, check=True, stdout=subprocess.PIPE, text=True, env=os.environ | CHILD
    ).stdout
    return [float(number) for number in output.split()]
