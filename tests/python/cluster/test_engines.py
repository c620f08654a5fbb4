"""Which engines there are, and that Ray is imported and started only where it is asked for."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import polars_transferability as pt
import pytest
from commands import COMMAND, failure
from ports import free_port, wait_for
from ray_processes import HAS_PROC, NO_RAY, SETTINGS, START, a_cluster_runs, computing, token
from registry import embedding_rows

NOT_INSTALLED = "needs Ray, which is not installed: pip install 'polars-transferability[ray]'"
KNOWN = "expected 'local', 'ray', 'ray://auto' or 'ray://host:port', found "


@pytest.mark.parametrize("compute", [pt.compute_bounds, pt.compute_scores])
@pytest.mark.parametrize("engine", ["spark", "ray:", "ray://host", "RAY", "", None, 3])
def test_there_is_no_other_engine(compute: Any, engine: Any) -> None:
    with pytest.raises(ValueError, match=re.escape(f"engine: {KNOWN}{engine!r}")):
        compute(embedding_rows(), engine=engine)


def test_every_door_says_so_in_its_words(tmp_path: Path, data: Path) -> None:
    table = data / "lenet-mnist.parquet"
    for command in ("bound", "score"):
        said = failure(1, command, table, "--engine", "spark")
        assert said == f"transferability: --engine: {KNOWN}'spark'\n"
    config = tmp_path / "report.toml"
    config.write_text(f"files = ['{table}']\nengine = 'spark'")
    said = failure(1, "report", config, "--out", tmp_path / "out")
    assert said == f"transferability: {config}: engine: {KNOWN}'spark'\n"
    with pytest.raises(ValueError, match=re.escape(f"{config}: engine: {KNOWN}'spark'")):
        pt.report(config, tmp_path / "out")
    (tmp_path / "query.sql").write_text("SELECT 1")
    said = failure(2, "report", tmp_path / "query.sql", "--engine", "local")
    assert "--engine is for reports" in said


def test_without_ray_the_error_names_the_extra(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Python then finds no module of that name, be it installed or not.
    monkeypatch.setitem(sys.modules, "ray", None)
    for compute in (pt.compute_bounds, pt.compute_scores):
        with pytest.raises(ModuleNotFoundError, match=re.escape(f"engine: 'ray' {NOT_INSTALLED}")):
            compute(embedding_rows(), engine="ray")
    config = tmp_path / "report.toml"
    config.write_text("files = ['*.parquet']")
    with pytest.raises(ModuleNotFoundError, match=re.escape(f"engine: 'ray' {NOT_INSTALLED}")):
        pt.report(config, tmp_path / "out", engine="ray")


@pytest.fixture
def alone() -> Iterator[dict[str, str]]:
    """The environment of a process that does not find the clusters of other tests."""
    # Sockets have short paths; processes that are ending may still write.
    with tempfile.TemporaryDirectory(prefix="ray", ignore_cleanup_errors=True) as folder:
        yield {**os.environ, **SETTINGS, "RAY_TMPDIR": folder}


def run(code: str, variables: Mapping[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", code]
    return subprocess.run(command, capture_output=True, text=True, env=variables, timeout=300)


def python(code: str, variables: Mapping[str, str] | None = None) -> str:
    done = run(code, variables)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


FRAME = """
import sys
import polars as pl, polars_transferability as pt
rows = pl.DataFrame({
    "model": ["net"] * 8, "task": ["digits"] * 4 + ["letters"] * 4,
    "label": ["0", "0", "1", "1", "a", "a", "b", "b"],
    "embedding": [[0.0, 1], [0, 2], [5, 1], [5, 2], [1, 0], [2, 0], [1, 7], [2, 7]],
})
"""


def test_the_local_engine_does_not_import_ray() -> None:
    code = f"{FRAME}pt.compute_bounds(rows, fit=None, engine='local'); print('ray' in sys.modules)"
    assert python(code) == "False\n"


def test_a_cluster_of_its_own_ends_with_the_call_and_is_silent(alone: dict[str, str]) -> None:
    pytest.importorskip("ray", reason=NO_RAY)
    code = f"""{FRAME}
local = pt.compute_bounds(rows, fit=None)
assert pt.compute_bounds(rows, fit=None, engine="ray").equals(local)
import ray
print(ray.is_initialized())
"""
    assert python(code, alone) == "False\n"


@pytest.mark.parametrize(
    ("engine", "why"),
    [
        ("ray://127.0.0.1:1", "Connection refused"),
        ("ray://no-such-host.invalid:10001", ""),
        ("ray://127.0.0.1:99999", ""),
        ("ray://auto", ""),
    ],
)
def test_an_address_at_which_nobody_answers(
    engine: str, why: str, data: Path, alone: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("ray", reason=NO_RAY)
    if engine == "ray://auto" and a_cluster_runs():
        pytest.skip("a cluster runs on this machine, and answers")
    monkeypatch.setenv("RAY_TMPDIR", alone["RAY_TMPDIR"])
    said = failure(1, "score", data / "lenet-mnist.parquet", "--engine", engine)
    assert said.startswith(f"transferability: --engine: no Ray cluster answers at '{engine}': ")
    assert why in said
    assert said.count("\n") == 1


def test_a_cluster_that_serves_no_client_is_asked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    ray = pytest.importorskip("ray", reason=NO_RAY)
    asked = []

    def fails(address: str, **_: object) -> None:
        asked.append(address)
        raise ConnectionAbortedError("Initialization failure from server:\nTraceback\n  it died\n")

    monkeypatch.setattr(ray, "init", fails)
    monkeypatch.setattr(ray, "is_initialized", lambda: False)
    monkeypatch.setattr(time, "sleep", lambda _: None)
    with socket.create_server(("127.0.0.1", 0)) as server:
        engine = f"ray://127.0.0.1:{server.getsockname()[1]}"
        why = "it serves no client, in 4 attempts: it died"
        said = f"engine: no Ray cluster answers at '{engine}': {why}"
        with pytest.raises(ConnectionError, match=re.escape(said)):
            pt.compute_scores(embedding_rows(), scores="gbc", engine=engine)
    assert asked == [engine] * 4


def test_a_client_of_a_cluster_elsewhere(data: Path, alone: dict[str, str]) -> None:
    pytest.importorskip("ray", reason=NO_RAY)
    pytest.importorskip("grpc", reason="gRPC, by which a client of Ray speaks, is not installed")
    variables, port = {**alone, **token()}, free_port()
    head = ["--head", f"--port={free_port()}", f"--ray-client-server-port={port}"]
    quiet = ["--num-cpus=1", "--include-dashboard=false", "--dashboard-agent-listen-port=0"]
    code = f"""
import polars_transferability as pt
options = {{"sources": ["mnist"], "max_rows_per_class": 10}}
local = pt.compute_bounds({str(data / "lenet-mnist.parquet")!r}, **options)
engine = "ray://127.0.0.1:{port}"
remote = pt.compute_bounds({str(data / "lenet-mnist.parquet")!r}, engine=engine, **options)
print(remote.equals(local), local.height)
"""
    command = [*START, *head, *quiet]
    with subprocess.Popen(command, env=variables, stdout=subprocess.DEVNULL) as node:
        try:
            wait_for(port)
            done = run(code, variables)
            if "no Ray cluster answers" in done.stderr:
                without = run(f"import ray; ray.init('ray://127.0.0.1:{port}')", variables)
                assert without.returncode != 0, done.stderr
                pytest.skip("Ray serves no client here, not even one without this package")
            assert (done.returncode, done.stdout, done.stderr) == (0, "True 2\n", "")
        finally:
            node.terminate()


def first_worker(process: subprocess.Popen[bytes]) -> int:
    """The first process of a cluster of `process` that computes a bound."""
    deadline = time.monotonic() + 60
    while (worker := next(computing("model", below=process.pid), None)) is None:
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.01)
    return worker


@pytest.mark.skipif(not HAS_PROC, reason="there is no /proc")
def test_standard_output_has_results_only_where_a_worker_is_killed(
    data: Path, alone: dict[str, str]
) -> None:
    pytest.importorskip("ray", reason=NO_RAY)
    command = ["bound", data / "lenet-mnist.parquet", "--max-rows-per-class", "20", "--seeds", "9"]
    arguments = [COMMAND, *command, "--format", "csv", "--engine"]
    local = subprocess.run([*arguments, "local"], capture_output=True)
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with subprocess.Popen([*arguments, "ray"], env=alone, **pipes) as process:
        os.kill(first_worker(process), signal.SIGKILL)
        out, said = process.communicate(timeout=120)
    assert (process.returncode, out) == (0, local.stdout)
    assert b"A worker died or was killed" in said


@pytest.mark.skipif(not HAS_PROC, reason="there is no /proc")
def test_an_interrupt_ends_the_cluster(data: Path, alone: dict[str, str]) -> None:
    pytest.importorskip("ray", reason=NO_RAY)
    command = [COMMAND, "bound", data / "lenet-mnist.parquet", "--seeds", "50", "--engine", "ray"]
    process = subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=alone,
        start_new_session=True,
    )
    worker = first_worker(process)
    process.send_signal(signal.SIGINT)
    assert (*process.communicate(timeout=60), process.returncode) == (b"", b"", 130)
    deadline = time.monotonic() + 60
    while Path(f"/proc/{worker}").exists():
        assert time.monotonic() < deadline
        time.sleep(0.1)
