"""The engine `ray` beside one process: seconds, what a task costs, a timeline, a killed worker.

One process has one thread here, and so has each worker. Needs the extra `ray`, and /proc for the
worker to kill. Start-up of the cluster and of its workers is not part of the seconds.
"""

from __future__ import annotations

import logging
import os
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from pathlib import Path
from threading import Thread
from typing import Any

import polars as pl
import polars_transferability as pt
import ray
from measure import require_one_thread
from polars_transferability.compute.engine import workers_of

FILES = Path(__file__).parents[1] / "data" / "*.parquet"
OPTIONS: dict[str, Any] = {"max_rows_per_class": 100}
EMPTY_UNITS = 500
# Ray is silent, and its workers wait for other programs no more than one process does.
ENVIRONMENT = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
    "RAY_worker_niceness": "0",
}
# Characters of a timeline, and seconds after which Ray has written down all tasks.
WIDTH, WRITTEN = 60, 3


@contextmanager
def cluster(workers: int) -> Iterator[None]:
    """A cluster of so many workers, all of which have imported the package."""
    quiet = {"include_dashboard": False, "log_to_driver": False, "logging_level": logging.ERROR}
    ray.init(num_cpus=workers, **quiet)
    with workers_of("ray") as started:
        assert started is not None
        list(started.map(time.sleep, [2] * workers, name=str))
        yield
    ray.shutdown()


def bounds(engine: str) -> tuple[float, pl.DataFrame]:
    """Seconds of all bounds, and the bounds."""
    begun = time.perf_counter()
    found = pt.compute_bounds(FILES, engine=engine, **OPTIONS)
    return time.perf_counter() - begun, found


def seconds_of_a_unit() -> float:
    """What a unit costs that computes nothing."""
    with workers_of("ray") as started:
        assert started is not None
        begun = time.perf_counter()
        list(started.map(abs, range(EMPTY_UNITS), name=str))
        return (time.perf_counter() - begun) / EMPTY_UNITS


def timeline() -> Iterator[str]:
    """When each bound began and ended, on which worker, by Ray's own record."""
    time.sleep(WRITTEN)
    events = [event for event in ray.timeline() if event["cat"].startswith("task::model")]
    events.sort(key=lambda event: event["ts"])
    begun = events[0]["ts"]
    total = max(event["ts"] + event["dur"] for event in events) - begun
    workers = list(dict.fromkeys(event["tid"] for event in events))
    for event in events:
        start, end = event["ts"] - begun, event["ts"] + event["dur"] - begun
        first, last = int(start / total * WIDTH), int(end / total * WIDTH)
        bar = " " * first + "=" * max(1, last - first)
        name = event["cat"].removeprefix("task::")
        worker = workers.index(event["tid"]) + 1
        yield f"{start / 1e6:6.2f} {end / 1e6:6.2f} s  worker {worker}  |{bar:{WIDTH}}| {name}"


@contextmanager
def killing_one_worker() -> Iterator[list[str]]:
    """Kill the first process that computes a bound, in the middle of it; yield what it was."""
    killed: list[str] = []

    def kill() -> None:
        while not killed:
            for process in Path("/proc").glob("[0-9]*/cmdline"):
                try:
                    title = process.read_text()
                except OSError:
                    continue
                if title.startswith("ray::model"):
                    time.sleep(0.1)
                    os.kill(int(process.parent.name), signal.SIGKILL)
                    killed.append(title.rstrip("\0").removeprefix("ray::"))
                    break

    killer = Thread(target=kill)
    killer.start()
    yield killed
    killer.join()


def main() -> None:
    require_one_thread()
    os.environ |= ENVIRONMENT
    seconds, expected = bounds("local")
    print(f"{expected.height} bounds of three models, wall seconds")
    print(f"one process  {seconds:6.2f} s")
    for workers in (1, 2):
        with cluster(workers):
            of_unit = seconds_of_a_unit()
            seconds, found = bounds("ray")
            same = "the same bits" if found.equals(expected) else "OTHER BITS"
            print(
                f"ray, {workers} of {workers} workers  {seconds:6.2f} s, {same}; "
                f"{1000 * of_unit:.1f} ms for a task that computes nothing"
            )
            lines = list(timeline())
    print("timeline of the last run: start, end, worker, bound")
    print(*lines, sep="\n")
    # Ray says on standard output that a worker died.
    with cluster(2), killing_one_worker() as killed, redirect_stdout(sys.stderr):
        seconds, found = bounds("ray")
    same = "the same bits" if found.equals(expected) else "OTHER BITS"
    print(f"with the worker killed that computed {killed[0]}: {seconds:.2f} s, {same}")


if __name__ == "__main__":
    main()
