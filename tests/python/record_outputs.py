"""Outputs of everything public, to compare before and after a change that must not alter any.

    python tests/python/record_outputs.py record before.json [--embeddings ../shared/embeddings]
    python tests/python/record_outputs.py compare before.json after.json

`record` computes every expression of the tests' registry, and bounds, scores, distances, moments, a
comparison with a leaderboard, a query and a report of the tables in `data/`; with `--embeddings`
also of the tables in that folder and in its `zoo`. Numbers are kept as hexadecimal, so nothing is
lost. `compare` lists every output that differs, and ends with an error if there is one.
"""

from __future__ import annotations

import argparse
import itertools
import json
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import polars as pl
import polars_transferability as pt
from registry import CONSENSUS, EXPRESSIONS, RANKINGS

ROOT = Path(__file__).resolve().parents[2]
FIT = pl.col("split") == "train"
COSTS: tuple[pt.GroundCost, ...] = ("margin", "head", "euclidean")
TRANSFORMS: tuple[pt.Transform, ...] = ("identity", "features", "all")
# So many models of a zoo are looked at, and so many tasks of each are paired with each other.
ZOO_TASKS, ZOO_MODELS = 3, 4

Outputs = Iterator[tuple[str, Callable[[], Any]]]


def exact(value: Any) -> Any:
    """A value as JSON that loses nothing."""
    if isinstance(value, pl.DataFrame):
        return exact(value.to_dict(as_series=False))
    if isinstance(value, pl.Series):
        return exact(value.to_list())
    if isinstance(value, dict):
        return {str(name): exact(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [exact(item) for item in value]
    if isinstance(value, float):
        return value.hex()
    return value if value is None or isinstance(value, bool | int | str) else repr(value)


def of_registry() -> Outputs:
    """Every expression, in two groups."""
    for row in [*EXPRESSIONS, *RANKINGS, CONSENSUS]:
        yield (
            f"registry/{row.name}",
            lambda row=row: (
                row.rows(2).group_by(row.group, maintain_order=True).agg(row.build().alias("value"))
            ),
        )


def of_table(path: Path, tasks: list[str]) -> Outputs:
    """Bounds, scores, distances and moments of some tasks of one table."""
    name = f"{path.parent.name}/{path.stem}"
    frame = pl.scan_parquet(path).filter(pl.col("task").is_in(tasks))
    chosen: dict[str, Any] = {"by": "model", "sources": tasks[:1], "targets": tasks[1:]}
    for cost, transform in itertools.product(COSTS, TRANSFORMS):
        yield (
            f"{name}/bounds {cost} {transform}",
            lambda cost=cost, transform=transform: pt.compute_bounds(
                frame, ground_cost=cost, transform=transform, **chosen
            ),
        )
    yield f"{name}/bounds all pairs", lambda: pt.compute_bounds(frame)
    yield f"{name}/bounds fixed l2", lambda: pt.compute_bounds(frame, l2=0.1, **chosen)
    yield (
        f"{name}/bounds empirical",
        lambda: pt.compute_bounds(frame, ground_cost="head", lipschitz="empirical", **chosen),
    )
    yield (
        f"{name}/bounds of few rows",
        lambda: pt.compute_bounds(frame, max_rows_per_class=20, seed=3, **chosen),
    )
    yield f"{name}/scores", lambda: pt.compute_scores(frame, scores="all")
    sides = [pl.col("embedding").filter(pl.col("task") == task).head(300) for task in tasks[:2]]
    distances = {
        "wasserstein": pt.wasserstein(*sides),
        "wasserstein p=2": pt.wasserstein(*sides, p=2),
        "wasserstein p=3": pt.wasserstein(*sides, p=3),
        "interval": pt.wasserstein_interval(*sides),
        "sliced": pt.sliced_wasserstein(*sides, projections=50),
        "gaussian": pt.gaussian_wasserstein(*sides),
        "sinkhorn": pt.sinkhorn_divergence(*sides),
    }
    for kind, distance in distances.items():
        yield f"{name}/{kind}", lambda distance=distance: frame.select(distance).collect()
    yield (
        f"{name}/moments",
        lambda: (
            frame.filter(pl.col("task") == tasks[0])
            .select(pt.moments("embedding", "label"))
            .collect()
        ),
    )


def of_data() -> Outputs:
    """The shipped tables, a leaderboard, a query and a report."""
    models = sorted((ROOT / "data").glob("*.parquet"))
    for path in models:
        yield from of_table(path, tasks_of(path))
    leaderboard = ROOT / "data" / "lenet_finetuned.csv"
    paths: list[str | Path] = list(models)
    yield (
        "data/compare",
        lambda: pt.compare(
            pt.join_leaderboard(
                pt.compute_scores(paths, scores=("logme", "knn_accuracy")),
                pt.read_leaderboard(leaderboard),
            ).frame,
            scores=["logme", "knn_accuracy"],
        ),
    )
    query = (
        "SELECT model, task, LOGME(embedding, label) AS logme FROM e "
        "GROUP BY model, task ORDER BY model, task"
    )
    yield "data/sql", lambda: pt.sql(query, e=pl.scan_parquet(paths)).collect()
    yield "data/report", report_tables


def report_tables() -> dict[str, Any]:
    """The tables of the example report."""
    with tempfile.TemporaryDirectory() as folder:
        pt.report(next((ROOT / "examples" / "report").glob("*.toml")), out=folder)
        written = sorted(Path(folder).rglob("*.csv"))
        return {str(path.relative_to(folder)): path.read_text() for path in written}


def tasks_of(path: Path) -> list[str]:
    """The tasks of a table, in order."""
    return sorted(pl.scan_parquet(path).select(pl.col("task").unique()).collect()["task"])


def of_embeddings(folder: Path) -> Outputs:
    """The tables of a folder, and some of its zoo."""
    for path in sorted(folder.glob("*.parquet")):
        yield from of_table(path, tasks_of(path)[:2])
    for path in sorted((folder / "zoo").glob("*.parquet"))[:ZOO_MODELS]:
        yield from of_table(path, tasks_of(path)[:ZOO_TASKS])


def record(out: Path, embeddings: Path | None) -> None:
    """Compute all outputs and write them."""
    outputs = itertools.chain(
        of_registry(), of_data(), of_embeddings(embeddings) if embeddings else ()
    )
    found = {}
    for name, compute in outputs:
        print(name, file=sys.stderr, flush=True)
        try:
            found[name] = exact(compute())
        except (pl.exceptions.PolarsError, ValueError, TypeError) as error:
            found[name] = f"{type(error).__name__}: {error}"
    out.write_text(json.dumps(found, indent=0, sort_keys=True))
    print(f"{len(found)} outputs in {out}")


def compare(before: Path, after: Path) -> None:
    """List the outputs that differ."""
    left, right = (json.loads(path.read_text()) for path in (before, after))
    differing = [name for name in sorted({*left, *right}) if left.get(name) != right.get(name)]
    for name in differing:
        print(f"differs: {name}")
        for side, found in (("before", left), ("after", right)):
            print(f"  {side}: {json.dumps(found.get(name, 'missing'))[:300]}")
    print(f"{len(differing)} of {len({*left, *right})} outputs differ")
    if differing:
        raise SystemExit(1)


def main() -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    recording = commands.add_parser("record")
    recording.add_argument("out", type=Path)
    recording.add_argument("--embeddings", type=Path)
    comparing = commands.add_parser("compare")
    comparing.add_argument("before", type=Path)
    comparing.add_argument("after", type=Path)
    arguments = parser.parse_args()
    if arguments.command == "record":
        record(arguments.out, arguments.embeddings)
    else:
        compare(arguments.before, arguments.after)


if __name__ == "__main__":
    main()
