"""The scripts that embed a data set: what they write, and that a stopped run goes on."""

from __future__ import annotations

import subprocess
import sys
import time
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from polars_transferability.tables.check import check_tables
from polars_transferability.tables.columns import TableColumns

SCRIPTS = Path(__file__).resolve().parents[3] / "examples" / "embed"
SIDE, WIDTH, HEIGHT = 4, 3, 600
WEIGHTS = np.random.default_rng(0).normal(size=(WIDTH, 1, 2, 2)).astype("float32")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A convolution in an ONNX file, and a data set of images."""
    onnx = pytest.importorskip("onnx")
    pytest.importorskip("onnxruntime")
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


@pytest.mark.parametrize("script", ["text.py", "images.py"])
def test_help_needs_no_library_of_models(script: str) -> None:
    command = [sys.executable, str(SCRIPTS / script), "--help"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert "--task" in done.stdout


def test_a_column_that_is_not_there_leaves_no_folder(folder: Path) -> None:
    done = run(folder, "--label", "species")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("data.parquet has no column 'species'; there are ['pixels', ")
    assert not (folder / "zoo").exists()


def embedded(folder: Path, script: str, model: str, *options: str) -> np.ndarray:
    """What a script writes of the rows of `data.parquet` in parts of three rows."""
    given = [model, "data.parquet", "--name", "net", "--task", "t", "--part", "3", "--batch", "2"]
    done = subprocess.run(
        [sys.executable, str(SCRIPTS / script), *given, *options],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    content, problems = check_tables(folder / "zoo", TableColumns(split=None))
    assert problems == []
    assert content.select("model", "task", "rows").rows() == [("net", "t", 7)]
    return pl.read_parquet(folder / "zoo", hive_partitioning=False)["embedding"].to_numpy()


def test_texts_are_embedded_as_sentence_transformers_does(tmp_path: Path) -> None:
    st = pytest.importorskip("sentence_transformers")
    transformers = pytest.importorskip("transformers")
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *"abcdefgh"]
    (tmp_path / "vocab.txt").write_text("\n".join(words))
    sizes = {"hidden_size": 16, "intermediate_size": 16, "num_attention_heads": 2}
    config = transformers.BertConfig(vocab_size=len(words), num_hidden_layers=1, **sizes)
    transformers.BertModel(config).save_pretrained(tmp_path / "bert")
    tokens = transformers.BertTokenizer(str(tmp_path / "vocab.txt"))
    tokens.save_pretrained(tmp_path / "bert")
    st.SentenceTransformer(str(tmp_path / "bert")).save(str(tmp_path / "net"))
    texts = ["a b", "c", "d e f", "g", "h a", "b c d", "e"]
    rows = pl.DataFrame({"sentence": texts, "label": [0, 1, 0, 1, 0, 1, 0]})
    rows.write_parquet(tmp_path / "data.parquet")
    found = embedded(tmp_path, "text.py", "net", "--text", "sentence")
    model = st.SentenceTransformer(str(tmp_path / "net"), device="cpu")
    assert np.allclose(found, model.encode(texts), atol=1e-5)


def images(folder: Path) -> list[Any]:
    """Seven images; the data set holds them as Hugging Face datasets writes them."""
    image = pytest.importorskip("PIL.Image")
    pixels = np.random.default_rng(0).integers(0, 256, size=(7, 40, 32, 3), dtype="uint8")
    found = [image.fromarray(one) for one in pixels]
    contents = []
    for one in found:
        stream = BytesIO()
        one.save(stream, "png")
        contents.append({"bytes": stream.getvalue(), "path": None})
    rows = pl.DataFrame({"image": contents, "label": [0, 1, 0, 1, 0, 1, 0]})
    rows.write_parquet(folder / "data.parquet")
    return found


def test_images_are_embedded_as_timm_does(tmp_path: Path) -> None:
    torch, timm = pytest.importorskip("torch"), pytest.importorskip("timm")
    inputs = images(tmp_path)
    model = timm.create_model("test_resnet", pretrained=False).eval()
    timm.models.save_for_hf(model, tmp_path / "net")
    found = embedded(tmp_path, "images.py", f"local-dir:{tmp_path / 'net'}")
    config = timm.data.resolve_model_data_config(model)
    prepare = timm.data.create_transform(**config, is_training=False)
    with torch.inference_mode():
        batch = torch.stack([prepare(one) for one in inputs])
        expected = model.forward_head(model.forward_features(batch), pre_logits=True).numpy()
    assert np.allclose(found, expected, atol=1e-4)


def test_images_are_embedded_as_open_clip_does(tmp_path: Path) -> None:
    torch, open_clip = pytest.importorskip("torch"), pytest.importorskip("open_clip")
    inputs = images(tmp_path)
    clip, _, prepare = open_clip.create_model_and_transforms("RN50")
    torch.save(clip.state_dict(), tmp_path / "weights.pt")
    found = embedded(tmp_path, "images.py", f"open_clip:RN50/{tmp_path / 'weights.pt'}")
    with torch.inference_mode():
        batch = torch.stack([prepare(one) for one in inputs])
        expected = clip.eval().encode_image(batch).numpy()
    assert np.allclose(found, expected, atol=1e-4)
