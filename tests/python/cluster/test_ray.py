"""What a Ray cluster computes is what one machine computes, also where a worker is killed."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Event, Thread
from typing import Any

import numpy as np
import planted
import polars as pl
import polars_transferability as pt
import pyarrow.parquet as pq
import pytest
from planted import DAMAGED, FAULTS
from polars.testing import assert_frame_equal
from polars_transferability._door import COMMAND, through
from polars_transferability.compute._parts import Where, results_of
from polars_transferability.compute.engine import WorkerLostError, workers_of
from polars_transferability.tables.keys import Key
from polars_transferability.tables.memory import memory_of
from polars_transferability.tables.problems import Failures
from polars_transferability.tables.sampled_key import Budget
from polars_transferability.tables.table import FRAME, Table
from ray_processes import HAS_PROC, computing
from registry import OLD, embedding_rows

pytestmark = pytest.mark.usefixtures("nodes")
OPTIONS: dict[str, Any] = {"l2": 0.1, "transform": "identity"}
# Options that add columns, or decide which rows and labels a bound is made of.
ADDED = [
    {},
    {"probe": True, "confidence": 0.9, "seeds": 2},
    {"source_rows": "all", "max_target_rows_per_class": 3, "ground_cost": "euclidean"},
    {"target_clusters": 3, "match_labels": True},
    {"target_label": "other", "match_labels": True, "probe": True},
]
SCORES = ["logme", "knn_accuracy", "etran", "linear_probe"]
ON_RAY = Where("ray", Budget(memory_of("1GB"), seed=0))


@pytest.fixture(scope="module")
def spoilt(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of models of which some cannot be computed, and files that cannot be read."""
    path = tmp_path_factory.mktemp("models")
    planted.plant(path)
    return path


def assert_same(compute: Callable[..., pl.DataFrame], *given: Any, **options: Any) -> pl.DataFrame:
    """A cluster finds the same as this process, to the last bit, and in the same order."""
    expected = compute(*given, **options)
    assert_frame_equal(compute(*given, engine="ray", **options), expected, check_exact=True)
    return expected


@pytest.mark.parametrize("options", ADDED, ids=lambda options: "-".join(options) or "defaults")
def test_bounds_are_the_same_bit_for_bit(options: dict[str, Any]) -> None:
    far = embedding_rows(models=2, seed=1).filter(OLD).with_columns(task=pl.lit("far"))
    rows = pl.concat([embedding_rows(models=2), far])
    rows = rows.with_columns(other=(pl.col("label") + 1) % 3)
    bounds = assert_same(pt.compute_bounds, rows, **options)
    assert bounds.height == 2 * 6
    assert bounds["by_class"].list.len().min() > 0
    named = {"sources": ["old", "far"], "targets": ["new"]}
    assert assert_same(pt.compute_bounds, rows.lazy(), **named, **options).height == 2 * 2


def test_bounds_and_scores_of_files_are_the_same(lenets: Path) -> None:
    bounds = assert_same(pt.compute_bounds, lenets, max_rows_per_class=20)
    assert bounds.height == 3 * 6
    assert_same(pt.compute_scores, lenets, targets=["kmnist", "mnist"], scores="all")
    some = ["otdd", "logme", "leep"]
    assert_same(pt.compute_scores, lenets, sources=["mnist"], scores=some)


def test_relative_paths_are_those_of_the_caller(
    data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(data)
    assert_same(pt.compute_scores, "lenet-mnist.parquet", targets=["mnist"], scores="gbc")


def test_what_cannot_be_computed_is_told_in_the_same_words(spoilt: Path) -> None:
    bounds = assert_same(pt.compute_bounds, spoilt, **OPTIONS)
    assert bounds.filter(model=DAMAGED)["bound"].null_count() > 0
    assert_same(pt.compute_bounds, spoilt, sources=["old", "far"], targets=["new"], **OPTIONS)
    scores = assert_same(pt.compute_scores, spoilt, scores=SCORES)
    assert set(FAULTS) < set(scores.filter(pl.col("problems").list.len() > 0)["model"])
    # Of two tasks; one of the models lacks a task.
    lacking = planted.rows_of_all().filter(~(pl.col("model").eq("net1") & OLD))
    few = lacking.filter(pl.col("model").is_in(["net1", "net2", "net9"]))
    some = ["logme", "otdd"]
    assert_same(pt.compute_scores, few, sources=["old"], scores=some)
    assert_same(pt.compute_scores, few, targets=["old", "new"], scores=some)


def test_a_fault_that_spoils_no_part_has_a_row_of_its_own() -> None:
    rows = embedding_rows()
    unnamed = pl.concat([rows, rows.head(1).with_columns(task=pl.lit(None, pl.String))])
    assert assert_same(pt.compute_bounds, unnamed, **OPTIONS)["target"].null_count() == 1
    assert assert_same(pt.compute_scores, unnamed, scores="gbc")["target"].null_count() == 1


@pytest.mark.parametrize("compute", [pt.compute_bounds, pt.compute_scores])
def test_errors_are_the_same(compute: Any, spoilt: Path) -> None:
    rows = planted.rows_of_all()
    calls: list[tuple[Any, dict[str, Any]]] = [
        (FAULTS["net7"][1](rows.filter(model="net7")), {}),
        (spoilt / f"{DAMAGED}.parquet", {}),
        (spoilt / f"{DAMAGED}.parquet", {"strict": True}),
        (FAULTS["net11"][1](rows.filter(model="net11")), {"strict": True}),
        (rows, {"targets": ["newest"]}),
    ]
    for given, options in calls:
        with through(COMMAND):
            with pytest.raises((pl.exceptions.PolarsError, ValueError)) as local:
                compute(given, **options)
            with pytest.raises(type(local.value)) as remote:
                compute(given, engine="ray", **options)
        assert str(remote.value) == str(local.value)
        assert type(remote.value) is type(local.value)


def test_both_nodes_work_with_one_thread_each(nodes: list[str], tmp_path: Path) -> None:
    def meet(_: int) -> tuple[str, int, int]:
        import ray

        node = ray.get_runtime_context().get_node_id()
        (tmp_path / node).touch()
        deadline = time.monotonic() + 60
        while len(list(tmp_path.iterdir())) < 2 and time.monotonic() < deadline:
            time.sleep(0.05)
        return node, os.getpid(), pl.thread_pool_size()

    with workers_of("ray") as cluster:
        assert cluster is not None
        found = list(cluster.map(meet, range(2), name=str))
    assert sorted(node for node, _, _ in found) == nodes
    assert [threads for _, _, threads in found] == [1, 1]
    assert os.getpid() not in {process for _, process, _ in found}


def test_results_are_in_order_and_few_units_wait(tmp_path: Path) -> None:
    asked = []

    def units() -> Iterator[int]:
        for unit in range(60):
            asked.append(unit)
            yield unit

    with workers_of("ray") as cluster:
        assert cluster is not None
        results = cluster.map(lambda unit: unit * unit, units(), name=str)
        assert next(results) == 0
        assert len(asked) == 16
        assert list(results) == [unit * unit for unit in range(1, 60)]


def test_what_a_group_shares_is_read_once_by_a_worker(tmp_path: Path) -> None:
    class Shared:
        def __setstate__(self, state: dict[str, Any]) -> None:
            (tmp_path / f"{os.getpid()}-{time.monotonic_ns()}").touch()

        def __getstate__(self) -> dict[str, Any]:
            return {"some": "thing"}

    with workers_of("ray") as cluster:
        assert cluster is not None
        groups = [(Shared(), list(range(10))), (Shared(), []), (Shared(), [1, 2])]
        found = cluster.map_groups(lambda _, unit: -unit, groups, name=lambda _, unit: str(unit))
        results = [results for _, results in found]
    assert results == [[(i, -i) for i in range(10)], [], [(1, -1), (2, -2)]]
    # Two workers, two groups with units.
    assert len(list(tmp_path.iterdir())) <= 4


@contextmanager
def killing_one_worker_that_computes(name: str) -> Iterator[list[int]]:
    """Kill the first process that computes a unit of such a name; yield the processes killed."""
    killed: list[int] = []
    over = Event()

    def watch() -> None:
        while not killed and not over.is_set():
            if process := next(computing(name), None):
                os.kill(process, signal.SIGKILL)
                killed.append(process)
            time.sleep(0.005)

    watcher = Thread(target=watch)
    watcher.start()
    try:
        yield killed
    finally:
        over.set()
        watcher.join()


@pytest.mark.skipif(not HAS_PROC, reason="there is no /proc")
def test_a_worker_that_is_killed_in_the_middle_changes_nothing(lenets: Path) -> None:
    options: dict[str, Any] = {"max_rows_per_class": 40}
    expected = pt.compute_bounds(lenets, **options)
    with killing_one_worker_that_computes("model = 'lenet-mnist'") as killed:
        found = pt.compute_bounds(lenets, engine="ray", **options)
    assert len(killed) == 1
    assert not Path(f"/proc/{killed[0]}").exists()
    assert_frame_equal(found, expected, check_exact=True)


@pytest.fixture(scope="module")
def row_groups(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three files of 45 small row groups each, of which two keys are in all and one in the last."""
    folder = tmp_path_factory.mktemp("groups")
    rng = np.random.default_rng(3)
    for number in range(3):
        rows = pl.DataFrame(
            {
                "model": rng.choice(["a", "b"], 900).tolist() if number < 2 else ["c"] * 900,
                "task": ["digits"] * 900,
                "label": rng.integers(0, 3, 900),
                "embedding": pl.Series(rng.normal(size=(900, 5)), dtype=pl.Array(pl.Float64, 5)),
            }
        )
        rows.write_parquet(folder / f"{number}.parquet", row_group_size=20)
    return folder


@pytest.mark.parametrize("options", [{}, {"per_class": True, "rows_per_class": 7, "seed": 4}])
def test_summaries_are_the_same_bit_for_bit(row_groups: Path, options: dict[str, Any]) -> None:
    one, many = (pt.scan_summaries(row_groups, engine=e, **options) for e in ("local", "ray"))
    keys = ["model", "task"]
    assert_frame_equal(many.collect().sort(keys), one.collect().sort(keys), check_exact=True)
    query = [
        many.filter(model="b").select("model", "n"),
        one.filter(model="b").select("model", "n"),
    ]
    assert_frame_equal(*(lazy.collect() for lazy in query), check_exact=True)


@pytest.mark.skipif(not HAS_PROC, reason="there is no /proc")
def test_a_killed_worker_changes_no_summary(row_groups: Path) -> None:
    expected = pt.scan_summaries(row_groups).collect().sort("model")
    with killing_one_worker_that_computes(str(row_groups)) as killed:
        found = pt.scan_summaries(row_groups, engine="ray").collect().sort("model")
    assert len(killed) == 1
    assert_frame_equal(found, expected, check_exact=True)


def test_a_damaged_row_group_is_said_by_a_cluster(row_groups: Path, tmp_path: Path) -> None:
    for file in row_groups.glob("*.parquet"):
        content = bytearray(file.read_bytes())
        if file.stem == "1":
            group = pq.ParquetFile(file).metadata.row_group(11)
            start = group.column(3).data_page_offset
            content[start : start + 60] = b"\xff" * 60
        (tmp_path / file.name).write_bytes(content)
    said = [
        pt.scan_summaries(tmp_path, strict=False, engine=engine).collect().sort("model")
        for engine in ("local", "ray")
    ]
    assert said[0]["n"].null_count() == 2
    assert_frame_equal(*said, check_exact=True)
    with pytest.raises(pl.exceptions.ComputeError, match=r"1\.parquet, row group 11: cannot be"):
        pt.scan_summaries(tmp_path, engine="ray").collect()


def test_a_unit_that_kills_each_worker_leaves_the_others(tmp_path: Path) -> None:
    def deadly(unit: int) -> int:
        if unit == 1:
            (tmp_path / f"{time.monotonic_ns()}").touch()
            os.kill(os.getpid(), signal.SIGKILL)
        return unit

    with workers_of("ray") as cluster:
        assert cluster is not None
        first, lost, last = cluster.map(deadly, range(3), name=str)
    assert (first, last) == (0, 2)
    assert isinstance(lost, WorkerLostError)
    assert str(lost).startswith("no worker could compute it, in up to 4 attempts: ")
    assert "\n" not in str(lost)
    assert len(list(tmp_path.iterdir())) == 4


class Deadly:
    """A job of which one part, or the rest of a key with a bad part, kills its worker."""

    def __init__(self, deadly: str, bad: str = "") -> None:
        self.deadly, self.bad = deadly, bad

    def columns_of(self, key: Key) -> list[str]:
        return []

    def parts(self, key: Key) -> list[str]:
        return ["a", "b", "c"]

    def of_part(self, key: Key, part: str) -> pl.DataFrame:
        if part == self.deadly:
            os.kill(os.getpid(), signal.SIGKILL)
        if part == self.bad:
            raise ValueError(part)
        return pl.DataFrame({"target": [part], "value": [part.upper()]})

    def of_key(self, key: Key, failures: Failures) -> pl.DataFrame:
        os.kill(os.getpid(), signal.SIGKILL)
        raise AssertionError

    def one_by_one(
        self, key: Key, error: Exception, failures: Failures, known: dict[str, Any]
    ) -> pl.DataFrame:
        if self.deadly == "the rest":
            os.kill(os.getpid(), signal.SIGKILL)
        rows = [
            failures.row([found], target=part) if isinstance(found, Exception) else found
            for part, found in known.items()
        ]
        return pl.concat(rows, how="diagonal_relaxed")


@pytest.mark.parametrize(("deadly", "bad"), [("b", ""), ("the rest", "b")])
def test_parts_that_are_lost_leave_the_others(deadly: str, bad: str) -> None:
    import ray.cloudpickle

    # A worker cannot import this file.
    ray.cloudpickle.register_pickle_by_value(sys.modules[__name__])
    key = Key(pl.DataFrame({"model": ["net"]}), [Table(FRAME, pl.LazyFrame({"model": ["net"]}))])
    failures = Failures(strict=False)
    options: dict[str, Any] = {"what": "parts", "progress": False}
    try:
        (found,) = results_of(ON_RAY, [key], Deadly(deadly, bad), failures, **options)
        if deadly == "b":
            with pytest.raises(WorkerLostError, match="model = 'net': no worker could compute it"):
                results_of(ON_RAY, [key], Deadly(deadly, bad), Failures(strict=True), **options)
    finally:
        ray.cloudpickle.unregister_pickle_by_value(sys.modules[__name__])
    lost = found.filter(pl.col("value").is_null())
    assert set(found.drop_nulls("value").select("target", "value").rows()) == {
        ("a", "A"),
        ("c", "C"),
    }
    assert lost["model"].to_list() == ["net"]
    assert lost["target"].to_list() == ["b" if deadly == "b" else None]
    (reason,) = lost["problems"].item()
    assert reason.startswith("model = 'net': no worker could compute it, in up to 4 attempts: ")
    assert [str(error) for error in failures.met] == [reason]


def test_samples_are_the_same(lenets: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """Workers draw what this process would; it says which rows stand for all."""
    options: dict[str, Any] = {"sources": ["kmnist"], "targets": ["mnist"], "memory": "2MB"}
    bounds = assert_same(pt.compute_bounds, lenets, **options)
    assert (bounds["sampled_rows"] < bounds["rows"]).all()
    said = capfd.readouterr().err.splitlines()
    assert len(said) == 2 * bounds.height
    assert said[: bounds.height] == said[bounds.height :]
    scores = {"targets": ["mnist"], "scores": ["knn_accuracy", "gbc"], "memory": "2MB"}
    assert "gbc_low" in assert_same(pt.compute_scores, lenets, **scores).columns


def test_progress_is_shown(lenets: Path, capfd: pytest.CaptureFixture[str]) -> None:
    pt.compute_scores(lenets, targets=["mnist"], scores="gbc", engine="ray", progress=True)
    said = capfd.readouterr()
    assert said.out == ""
    assert "3/3" in said.err
    assert "INFO" not in said.err


def test_the_connection_of_the_caller_stays(lenets: Path) -> None:
    import ray

    pt.compute_scores(lenets, targets=["mnist"], scores="gbc", engine="ray://auto")
    assert ray.is_initialized()
    message = "engine: this process is connected to a Ray cluster already, so 'ray' is the engine"
    with pytest.raises(ValueError, match=message):
        pt.compute_scores(lenets, scores="gbc", engine="ray://127.0.0.1:10001")
