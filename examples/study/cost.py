"""How long everything takes and how much memory, beside a linear probe.

    python examples/study/cost.py [ZOO]

Measured for the widest model of each domain, on Linux: processor seconds for one target (a bound:
from all sources together; a score of two tasks: from one source), and the most memory in use, the
model's rows among it, beyond what the process has before.
"""

from __future__ import annotations

import os
import platform
import re
import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import peak
import polars as pl
import polars_transferability as pt
from few_labels import REPEATS, ROWS
from zoo import Zoo, kept, show, zoo_named

OF_ONE_TASK = (
    *("linear_probe", "knn_accuracy", "logme", "h_score", "shrinkage_h_score", "transrate"),
    *("gbc", "parc", "sfda", "etran", "ncti", "nleep", "pactran_gaussian"),
)
OF_TWO_TASKS = ("ot_nce", "otdd", "s_otdd", "tetot")
BOUNDS: dict[str, dict[str, Any]] = {
    "bound": {},
    "bound (all rows)": {"source_rows": "all"},
    "bound (transform identity)": {"transform": "identity"},
    "bound (transform features)": {"transform": "features"},
    "bound (head cost)": {"ground_cost": "head"},
    "bound (Euclidean cost)": {"ground_cost": "euclidean"},
    "bound (Euclidean cost, empirical)": {"ground_cost": "euclidean", "lipschitz": "empirical"},
    "bound against 10 clusters": {"target_clusters": 10},
}
CURVE = "curve of few labels"
PROBE, TOGETHER = "linear_probe", "all scores of one task"


def _scores(file: Path, names: tuple[str, ...], **options: Any) -> object:
    return pt.compute_scores(file, scores=names, strict=True, **options)


def _bounds(file: Path, **options: Any) -> object:
    return pt.compute_bounds(file, strict=True, **options)


def methods(tasks: list[str]) -> dict[str, tuple[int, Callable[[Path], object]]]:
    """Return each method with the number of targets that it has."""
    first, second, count = tasks[0], tasks[1], len(tasks)
    pair: dict[str, Any] = {"source": first, "target": second, "rows": ROWS, "repeats": REPEATS}
    return {
        **{name: (count, partial(_scores, names=(name,))) for name in OF_ONE_TASK},
        TOGETHER: (count, partial(_scores, names=OF_ONE_TASK)),
        **{
            name: (count - 1, partial(_scores, names=(name,), sources=[first]))
            for name in OF_TWO_TASKS
        },
        **{name: (count, partial(_bounds, **options)) for name, options in BOUNDS.items()},
        CURVE: (1, partial(pt.compute_curve, **pair)),
    }


def costs(zoo: Zoo, domain: str) -> pl.DataFrame:
    """Return what each method costs for the widest model: `seconds` and `mib`."""
    widest = zoo.models(domain).sort("dim", "model", descending=[True, False])["model"][0]
    file, tasks = zoo.folder / f"{widest}.parquet", zoo.tasks(domain)["task"].to_list()
    found = kept("cost", [file], tasks, lambda: _measured(file, tasks))
    return found.with_columns(model=pl.lit(widest))


def _measured(file: Path, tasks: list[str]) -> pl.DataFrame:
    """Return what every method costs, measured in a process of its own."""
    command = [sys.executable, __file__, "--measure", str(file), *tasks]
    environment = os.environ | peak.ENVIRONMENT
    printed = subprocess.run(command, check=True, stdout=subprocess.PIPE, env=environment).stdout
    return pl.read_csv(printed).with_columns(machine=pl.lit(_machine()))


def _measure(file: Path, tasks: list[str]) -> pl.DataFrame:
    """Call every method, one after the other, and return what it took."""
    # What is loaded with the first call of all belongs to no method.
    pt.compute_scores(file, scores=[PROBE])
    rows = []
    for method, (targets, call) in methods(tasks).items():
        peak.forget_peak()
        start = time.process_time()
        call(file)
        seconds = (time.process_time() - start) / targets
        rows.append({"method": method, "seconds": seconds, "mib": peak.beyond()})
    return pl.DataFrame(rows)


def _machine() -> str:
    """Return what times depend on."""
    cpuinfo = Path("/proc/cpuinfo")
    names = re.findall(r"model name\s*: (.*)", cpuinfo.read_text()) if cpuinfo.exists() else []
    processor = names[0] if names else platform.processor() or "an unknown processor"
    return f"{processor}, {os.cpu_count()} cores, Polars {pl.__version__}"


def main() -> None:
    """Print the tables of the zoo that the command line names."""
    if sys.argv[1:2] == ["--measure"]:
        file, *tasks = sys.argv[2:]
        print(_measure(Path(file), tasks).write_csv(), end="")
        return
    zoo = zoo_named()
    for domain in zoo.domains():
        found = costs(zoo, domain)
        probe = found.filter(method=PROBE)["seconds"].item()
        show(f"{domain}: cost", found.with_columns(probes=pl.col("seconds") / probe))


if __name__ == "__main__":
    main()
