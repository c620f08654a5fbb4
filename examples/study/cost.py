"""How long everything takes and how much memory, beside a linear probe.

    python examples/study/cost.py [ZOO]

Measured for the widest model of each domain, every method in a process of its own: processor
seconds for one target (a bound: from all sources together; a score of two tasks: from one source),
and the most memory in use, beyond what reading the rows alone takes.
"""

from __future__ import annotations

import resource
import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

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
    "bound (all source rows)": {"source_rows": "all"},
    "bound (transform identity)": {"transform": "identity"},
    "bound (transform features)": {"transform": "features"},
    "bound (head cost)": {"ground_cost": "head"},
    "bound (Euclidean cost)": {"ground_cost": "euclidean"},
    "bound (Euclidean cost, empirical)": {"ground_cost": "euclidean", "lipschitz": "empirical"},
    "bound against 10 clusters": {"target_clusters": 10},
}
READING, CURVE = "reading the rows", "curve of few labels"
PROBE = "linear_probe"


def _scores(file: Path, names: tuple[str, ...], **options: Any) -> object:
    return pt.compute_scores(file, scores=names, strict=True, **options)


def _bounds(file: Path, **options: Any) -> object:
    return pt.compute_bounds(file, strict=True, **options)


def _reading(file: Path) -> object:
    return pl.read_parquet(file)


def methods(tasks: list[str]) -> dict[str, tuple[int, Callable[[Path], object]]]:
    """Return each method with the number of targets that it has."""
    first, second, count = tasks[0], tasks[1], len(tasks)
    pair = {"source": first, "target": second, "rows": ROWS, "repeats": REPEATS}
    return {
        READING: (1, _reading),
        **{name: (count, partial(_scores, names=(name,))) for name in OF_ONE_TASK},
        "all scores of one task": (count, partial(_scores, names=OF_ONE_TASK)),
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
    reading = found.filter(method=READING)["mib"].item()
    beyond = (pl.col("mib") - reading).clip(0)
    return found.filter(pl.col("method") != READING).with_columns(mib=beyond, model=pl.lit(widest))


def _measured(file: Path, tasks: list[str]) -> pl.DataFrame:
    rows = []
    for method in methods(tasks):
        command = [sys.executable, __file__, "--one", method, str(file), *tasks]
        printed = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
        seconds, mib = map(float, printed.split())
        rows.append({"method": method, "seconds": seconds, "mib": mib})
    return pl.DataFrame(rows)


def _one(method: str, file: str, *tasks: str) -> None:
    """Print the processor seconds of a method for a target, and the peak of this process in MiB."""
    targets, call = methods(list(tasks))[method]
    start = time.process_time()
    call(Path(file))
    seconds = (time.process_time() - start) / targets
    print(seconds, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)


def main() -> None:
    if sys.argv[1:2] == ["--one"]:
        _one(*sys.argv[2:])
        return
    zoo = zoo_named()
    for domain in zoo.domains():
        found = costs(zoo, domain)
        probe = found.filter(method=PROBE)["seconds"].item()
        show(f"{domain}: cost", found.with_columns(probes=pl.col("seconds") / probe))


if __name__ == "__main__":
    main()
