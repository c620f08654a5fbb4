"""Every benchmark, one after the other, each in a process of its own; writes `benches/results.md`.

With `--quoted`, only prints the lines of these results that `docs/measurements.md` quotes, for
`scripts/claims.py` to put there, so that no figure is typed by hand.
"""

from __future__ import annotations

import os
import platform
import re
import subprocess
import sys
import time
from datetime import datetime, timezone
from importlib.metadata import version
from pathlib import Path

from measure import THREADS

HERE = Path(__file__).parent
RESULTS = HERE / "results.md"
BENCHMARKS = (
    *("peers", "published_algorithm", "scores", "head", "memory", "threads"),
    *("growth", "large_transport", "bound_profile", "kernels", "ray_engine"),
)
RUST = ("kernels",)
# The benchmark of threads chooses how many it has; large problems take all that there are.
ALL_THREADS = ("threads", "large_transport")
ONE_THREAD = dict.fromkeys(THREADS, "1")
PEERS = ("polars", "numpy", "scipy", "scikit-learn", "POT")
# Lines of the results that the measurements quote.
QUOTED = re.compile(
    r"transport n= *(1000|2500|5000) m= *\1 |interval n=|transfer_bound lenet-mnist|  published |"
    r"(logme|h_score|shrinkage_h_score|transrate|knn_accuracy|nleep) +ours"
)


def machine() -> str:
    """What the figures depend on."""
    model = "unknown processor"
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        names = re.findall(r"model name\s*: (.*)", cpuinfo.read_text())
        model = names[0] if names else model
    packages = ", ".join(f"{name} {version(name)}" for name in PEERS)
    return f"{model}, {os.cpu_count()} cores, Python {platform.python_version()}, {packages}"


def run(name: str) -> str:
    environment = os.environ if name in ALL_THREADS else os.environ | ONE_THREAD
    command = [sys.executable, str(HERE / f"{name}.py")]
    if name in RUST:
        command = ["cargo", "bench", "--quiet", "--bench", name]
    lines = []
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        for line in process.stdout:
            print(line, end="", flush=True)
            lines.append(line.rstrip())
    if process.returncode != 0:
        sys.exit(f"{name} failed")
    return "\n".join(lines)


def quoted() -> str:
    lines = RESULTS.read_text().splitlines()
    return "\n".join(line for line in lines if QUOTED.match(line))


def main() -> None:
    if sys.argv[1:] == ["--quoted"]:
        print(quoted())
        return
    # Not part of the time that is reported.
    subprocess.run(["cargo", "bench", "--quiet", "--no-run"], check=True)
    started = time.perf_counter()
    outputs, seconds = {}, {}
    for name in BENCHMARKS:
        print(f"== {name}", flush=True)
        begun = time.perf_counter()
        outputs[name] = run(name)
        seconds[name] = time.perf_counter() - begun
    minutes = (time.perf_counter() - started) / 60
    today = datetime.now(timezone.utc).date()
    parts = [
        "# Results",
        f"Written by `make bench` on {today}, in {minutes:.1f} minutes. {machine()}.",
        *(
            f"## {name}, {seconds[name]:.0f} s\n\n```text\n{output}\n```"
            for name, output in outputs.items()
        ),
    ]
    RESULTS.write_text("\n\n".join(parts) + "\n")
    print(f"wrote {RESULTS}, {minutes:.1f} minutes")


if __name__ == "__main__":
    main()
