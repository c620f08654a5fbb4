"""The scripts that embed a data set: what they write, and that a stopped run goes on."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from polars_transferability.tables.check import check_tables
from polars_transferability.tables.columns import TableColumns

onnx = pytest.importorskip("onnx")
onnxruntime = pytest.importorskip("onnxruntime")

SCRIPTS = Path(__file__).resolve().parents[3] / "examples" / "embed"
SIDE, WIDTH, HEIGHT = 4, 3, 600
WEIGHTS = np.random.default_rng(0).normal(size=(WIDTH, 1, 2, 2)).astype("float32")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A convolution in an ONNX file, and a data set of images."""
    helper, kind = onnx.helper, onnx.TensorProto.FLOAT
    graph = helper.make_graph(
        [helper.make_node("Conv", ["image", "weights"], ["features"], strides=[2, 2])],
        "convolution",
        [helper.make_tensor_value_info("image", kind, ["batch", 1, SIDE, SIDE])],
        [helper.make_tensor_value_info("features", kind, ["batch", WIDTH, 2, 2])],
        [onnx.numpy_helper.from_array(WEIGHTS, "weights")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    onnx.save(model, tmp_path / "tiny.onnx")
    pixels = np.random.default_rng(1).normal(size=(HEIGHT, SIDE * SIDE)).astype("float32")
    labels = np.arange(HEIGHT) % 3
    splits = np.where(np.arange(HEIGHT) % 5 > 0, "train", "test")
    rows = pl.DataFrame({"pixels": pixels, "label": labels, "split": splits})
    rows.write_parquet(tmp_path / "data.parquet")
    return tmp_path


def command(folder: Path, *options: str) -> list[str]:
    script, given = SCRIPTS / "onnx_runtime.py", ["tiny.onnx", "data.parquet"]
    named = ["--input", "pixels", "--split", "split", "--task", "a/b", "--batch", "7"]
    return [sys.executable, str(script), *given, *named, *options]


def run(folder: Path, *options: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command(folder, *options), cwd=folder, capture_output=True, text=True, check=False
    )


def expected() -> np.ndarray:
    """The mean of the convolution over its four places, written out."""
    pixels = np.random.default_rng(1).normal(size=(HEIGHT, SIDE * SIDE)).astype("float32")
    patches = pixels.reshape(HEIGHT, 2, 2, 2, 2).transpose(0, 1, 3, 2, 4)
    return np.einsum("nabij,cij->nc", patches, WEIGHTS[:, 0]) / 4


def test_a_data_set_becomes_a_table(folder: Path) -> None:
    done = run(folder, "--part", "250")
    assert (done.returncode, done.stderr) == (0, "")
    parts = sorted((folder / "zoo" / "model=tiny" / "task=a%2Fb").iterdir())
    assert [part.name for part in parts] == [f"part-0000{i}.parquet" for i in range(3)]
    rows = pl.concat(pl.read_parquet(part, hive_partitioning=False) for part in parts)
    assert np.allclose(rows["embedding"].to_numpy(), expected(), atol=1e-5)
    assert rows["label"].to_list() == [i % 3 for i in range(HEIGHT)]
    content, problems = check_tables(folder / "zoo", TableColumns())
    assert problems == []
    found = content.select("model", "task", "split", "rows").sort("split").rows()
    assert found == [("tiny", "a/b", "test", HEIGHT // 5), ("tiny", "a/b", "train", 480)]


def test_a_run_that_was_killed_goes_on_where_it_was(folder: Path) -> None:
    out = folder / "zoo" / "model=tiny" / "task=a%2Fb"
    with subprocess.Popen(
        command(folder, "--part", "2"), cwd=folder, stdout=subprocess.DEVNULL
    ) as running:
        while running.poll() is None and len([*out.glob("part-*")]) < 3:
            time.sleep(0.001)
        running.kill()
    before = {part: part.stat().st_mtime_ns for part in out.glob("part-*")}
    assert 3 <= len(before) < HEIGHT // 2
    done = run(folder, "--part", "2")
    assert done.returncode == 0
    assert {part: part.stat().st_mtime_ns for part in before} == before
    rows = pl.concat(
        pl.read_parquet(part, hive_partitioning=False) for part in sorted(out.glob("part-*"))
    )
    assert np.allclose(rows["embedding"].to_numpy(), expected(), atol=1e-5)
    assert not [*out.glob(".*")]


def test_parts_of_other_data_are_not_mixed(folder: Path) -> None:
    assert run(folder, "--part", "250").returncode == 0
    done = run(folder, "--part", "200")
    assert done.returncode == 1
    assert "part-00000.parquet was made of other data or settings; name another" in done.stderr


@pytest.mark.parametrize(
    ("script", "package"), [("text.py", "sentence_transformers"), ("images.py", "timm")]
)
def test_the_other_scripts_say_how_they_are_called(script: str, package: str) -> None:
    pytest.importorskip(package)
    done = subprocess.run(
        [sys.executable, str(SCRIPTS / script), "--help"], capture_output=True, check=False
    )
    assert done.returncode == 0
