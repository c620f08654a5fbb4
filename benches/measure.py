"""What the benchmarks share: how time and memory are measured, and how several runs are printed."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

sys.path.append(str(Path(__file__).parents[1] / "examples" / "study"))

import peak

# Read when the libraries load, so they must be set before a benchmark starts.
THREADS = ("POLARS_MAX_THREADS", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "RAYON_NUM_THREADS")
# For a child process: the calls `forget_peak()` and `beyond()`, in MiB.
PEAK = Path(peak.__file__).read_text("utf-8")


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
        command, check=True, stdout=subprocess.PIPE, text=True, env=os.environ | peak.ENVIRONMENT
    ).stdout
    return [float(number) for number in output.split()]
