"""What the benchmarks share: how time and memory are measured, and how several runs are printed."""

from __future__ import annotations

import statistics
import subprocess
import sys
import time
from collections.abc import Callable

# For a child process: the calls `forget_peak()` and `beyond()`, in MiB.
PEAK = """
def status(name):
    with open("/proc/self/status") as lines:
        return next(int(line.split()[1]) / 1024 for line in lines if line.startswith(name))


def forget_peak():
    global before
    with open("/proc/self/clear_refs", "w") as peak:
        peak.write("5")
    before = status("VmRSS")


def beyond():
    return status("VmHWM") - before
"""


def timed(call: Callable[[], object]) -> float:
    """Processor seconds."""
    start = time.process_time()
    call()
    return time.process_time() - start


def spread(values: list[float], digits: int = 3) -> str:
    """Minimum, median and maximum."""
    return " / ".join(f"{f(values):.{digits}f}" for f in (min, statistics.median, max))


def in_child(code: str, *arguments: object) -> list[float]:
    """The numbers that some code prints in a process of its own."""
    command = [sys.executable, "-c", PEAK + code, *map(str, arguments)]
    output = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
    return [float(number) for number in output.split()]
