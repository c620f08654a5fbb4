"""`scan_summaries`: moments and samples of files in one pass, whatever their layout."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import polars_transferability as pt
import pyarrow.parquet as pq
import pytest
import s3_server
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal
from s3_server import BUCKET

KEYS = ["model", "task"]


def table(models: int = 2, rows: int = 400, width: int = 7, seed: int = 0) -> pl.DataFrame:
    """Rows of several models and two tasks of three classes, in mixed order."""
    rng = np.random.default_rng(seed)
    n = models * rows
    label = rng.integers(0, 3, n)
    points = (rng.normal(size=(n, width)) + label[:, None]).astype(np.float32)
    return pl.DataFrame(
        {
            "model": [f"net{i}" for i in rng.integers(0, models, n)],
            "task": rng.choice(["digits", "letters"], n).tolist(),
            "label": label,
            "embedding": pl.Series(points, dtype=pl.Array(pl.Float32, width)),
        }
    )


def write(folder: Path, rows: pl.DataFrame, files: int = 1, group: int = 100) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    size = -(-rows.height // files)
    for part in range(files):
        name = folder / f"part{part}.parquet"
        rows.slice(part * size, size).write_parquet(name, row_group_size=group)
    return folder


def summaries(paths: Any, **options: Any) -> pl.DataFrame:
    return pt.scan_summaries(paths, **options).collect()


def scores(frame: pl.DataFrame, *columns: str) -> pl.DataFrame:
    """Scores of embeddings, or of moments, by key."""
    names = ("logme", "h_score", "shrinkage_h_score", "transrate", "gbc")
    wanted = [getattr(pt, name)(*columns) for name in names]
    return frame.group_by(KEYS).agg(wanted).sort(KEYS)


@pytest.mark.parametrize("dtype", [pl.Float32, pl.Float64])
@pytest.mark.parametrize(("files", "group"), [(1, 10_000), (1, 37), (5, 16)])
def test_scores_are_those_of_the_rows(
    tmp_path: Path, files: int, group: int, dtype: type[pl.DataType]
) -> None:
    rows = table().with_columns(pl.col("embedding").cast(pl.List(dtype)))
    found = summaries(write(tmp_path, rows, files, group), per_class=True)
    counts = rows.group_by(KEYS).agg(n=pl.len().cast(pl.UInt64))
    assert_frame_equal(found.select(*KEYS, "n"), counts, check_row_order=False)
    of_rows, of_moments = scores(rows, "embedding", "label"), scores(found, "moments")
    assert_frame_equal(of_moments, of_rows, rel_tol=1e-9, abs_tol=1e-9)


@settings(max_examples=20, deadline=None)
@given(files=st.integers(1, 6), group=st.integers(1, 90), seed=st.integers(0, 2**31))
def test_order_of_paths_changes_no_bit(
    tmp_path_factory: pytest.TempPathFactory, files: int, group: int, seed: int
) -> None:
    folder = write(tmp_path_factory.mktemp("rows"), table(rows=60, seed=seed), files, group)
    paths = sorted(folder.glob("*.parquet"))
    shuffled = [paths[i] for i in np.random.default_rng(seed).permutation(len(paths))]
    one, other = summaries(paths, seed=seed), summaries(shuffled, seed=seed)
    assert_frame_equal(one.sort(KEYS), other.sort(KEYS), check_exact=True)


def test_threads_change_no_bit(tmp_path: Path) -> None:
    folder = write(tmp_path / "rows", table(), files=3, group=23)
    script = (
        "import sys, polars_transferability as pt\n"
        "pt.scan_summaries(sys.argv[1], rows_per_class=5).collect().write_parquet(sys.argv[2])"
    )
    found = []
    for threads in ("1", "3"):
        out = tmp_path / f"{threads}.parquet"
        environment = {**os.environ, "POLARS_MAX_THREADS": threads}
        command = [sys.executable, "-c", script, str(folder), str(out)]
        subprocess.run(command, env=environment, check=True)
        found.append(pl.read_parquet(out))
    assert_frame_equal(*found, check_exact=True)


@pytest.mark.parametrize("files", [1, 4])
def test_a_sample_is_rows_of_the_table(tmp_path: Path, files: int) -> None:
    rows = table()
    found = summaries(write(tmp_path, rows, files, 33), rows_per_class=6)
    sampled = found.explode("sample").select(*KEYS, "sample").unnest("sample")
    sizes = sampled.group_by(*KEYS, "label").len()
    assert sizes["len"].unique().to_list() == [6]
    same = rows.with_columns(pl.col("embedding").arr.to_list())
    assert sampled.join(same, on=[*KEYS, "label", "embedding"], how="semi").height == sampled.height
    assert sampled.n_unique() == sampled.height


def test_a_large_sample_is_all_rows_in_their_order(tmp_path: Path) -> None:
    rows = table(models=1)
    found = summaries(write(tmp_path, rows, 3, 50), rows_per_class=10_000, by="model")
    sampled = found.select(pl.col("sample").explode()).unnest("sample")
    same = rows.select("label", pl.col("embedding").arr.to_list())
    assert_frame_equal(sampled, same, check_exact=True)


def test_seeds_draw_other_rows(tmp_path: Path) -> None:
    folder = write(tmp_path, table())
    zero, one, again = (summaries(folder, rows_per_class=3, seed=seed) for seed in (0, 1, 0))
    assert_frame_equal(zero, again, check_exact=True)
    assert not zero["sample"].equals(one["sample"])


def test_hive_folders_and_types_of_names(tmp_path: Path) -> None:
    rows = table().with_columns(
        pl.col("label").cast(pl.Int16), seen=pl.col("label") == 0, task=pl.col("task")
    )
    for (model,), part in rows.group_by("model"):
        write(tmp_path / f"model={model}", part.drop("model"))
    found = summaries(tmp_path, by=["model", "seen"])
    assert found.schema["seen"] == pl.Boolean
    counts = rows.group_by("model", "seen").agg(n=pl.len().cast(pl.UInt64))
    assert_frame_equal(found.select("model", "seen", "n"), counts, check_row_order=False)
    assert found["sample"].explode().struct.field("label").dtype == pl.Int16


@pytest.mark.parametrize("dtype", [pl.Enum(["a", "b", "c"]), pl.Categorical(), pl.UInt8()])
def test_labels_of_every_type(tmp_path: Path, dtype: pl.DataType) -> None:
    rows = table()
    names = pl.col("label").replace_strict({0: "a", 1: "b", 2: "c"}, return_dtype=pl.String)
    labels = pl.col("label").cast(dtype) if dtype.is_integer() else names.cast(dtype)
    rows = rows.with_columns(label=labels)
    found = summaries(write(tmp_path, rows))
    assert found["sample"].explode().struct.field("label").dtype == dtype
    assert_frame_equal(
        found.group_by(KEYS).agg(pt.logme("moments")).sort(KEYS),
        rows.group_by(KEYS).agg(pt.logme("embedding", "label")).sort(KEYS),
        rel_tol=1e-9,
    )


def test_half_floats(tmp_path: Path) -> None:
    rows = table().with_columns(pl.col("embedding").cast(pl.Array(pl.Float16, 7)))
    found = summaries(write(tmp_path, rows))
    of_rows = rows.group_by(KEYS).agg(pt.h_score("embedding", "label")).sort(KEYS)
    of_moments = found.group_by(KEYS).agg(pt.h_score("moments")).sort(KEYS)
    assert_frame_equal(of_moments, of_rows, rel_tol=1e-9)


def damage(path: Path) -> None:
    """Overwrite the beginning of the embeddings of the first row group."""
    content = bytearray(path.read_bytes())
    start = pq.ParquetFile(path).metadata.row_group(0).column(3).data_page_offset
    content[start : start + 100] = b"\xff" * 100
    path.write_bytes(content)


def test_a_checksum_is_checked(tmp_path: Path) -> None:
    """One bit of the values, which no decoder would miss, is missed by the sum of the page."""
    path = tmp_path / "rows.parquet"
    options = {"compression": "none", "write_page_checksum": True}
    pq.write_table(table().to_arrow(), path, **options)
    assert summaries(path)["n"].sum() == table().height
    content = bytearray(path.read_bytes())
    content[pq.ParquetFile(path).metadata.row_group(0).column(3).data_page_offset + 5000] ^= 1
    path.write_bytes(content)
    with pytest.raises(pl.exceptions.ComputeError, match="row group 0: cannot be read"):
        summaries(path)


def test_a_damaged_row_group_is_named(tmp_path: Path) -> None:
    rows = table(models=1).with_columns(model=pl.lit("net0"))
    write(tmp_path / "a", rows, group=rows.height)
    write(tmp_path / "b", rows.with_columns(model=pl.lit("net1")), group=rows.height)
    damage(tmp_path / "b" / "part0.parquet")
    where = r"b/part0\.parquet, row group 0: cannot be read"
    with pytest.raises(pl.exceptions.ComputeError, match=where):
        summaries(tmp_path)
    found = summaries(tmp_path, strict=False).sort(KEYS)
    assert found["n"].is_null().to_list() == [False, False, True, True]
    assert [len(problems) for problems in found["problems"]] == [0, 0, 1, 1]
    assert "row group 0" in found["problems"][2][0]
    # What a query does not need is not read, so what is wrong there does no harm.
    assert pt.scan_summaries(tmp_path).filter(model="net0").collect().height == 2
    assert pt.scan_summaries(tmp_path).select("n").collect()["n"].sum() == 2 * rows.height


@pytest.mark.parametrize("content", [b"", b"some text", b"PAR1 and no more"])
def test_a_file_that_is_none_has_a_row(tmp_path: Path, content: bytes) -> None:
    write(tmp_path, table(models=1))
    (tmp_path / "other.parquet").write_bytes(content)
    found = summaries(tmp_path, strict=False)
    assert found["n"].is_null().to_list() == [True, False, False]
    assert "other.parquet" in found["problems"][0][0]
    with pytest.raises(pl.exceptions.ComputeError, match=r"other\.parquet"):
        summaries(tmp_path)


def test_a_truncated_file_is_named(tmp_path: Path) -> None:
    rows = table(models=1)
    write(tmp_path, rows, files=2)
    last = tmp_path / "part1.parquet"
    reader = pt.scan_summaries(tmp_path)
    last.write_bytes(last.read_bytes()[:-100])
    with pytest.raises(pl.exceptions.ComputeError, match=r"part1\.parquet: is no Parquet file"):
        reader.collect()


FAULTS = [
    (pl.when(pl.int_range(pl.len()) != 77).then("embedding"), "'embedding' is null in row 77"),
    (pl.col("embedding") * float("nan"), "'embedding' has a null, NaN or infinite value in row 0"),
]


@pytest.mark.parametrize(("fault", "found"), FAULTS)
def test_bad_rows_are_named(tmp_path: Path, fault: pl.Expr, found: str) -> None:
    write(tmp_path, table().with_columns(embedding=fault), group=1000)
    with pytest.raises(pl.exceptions.ComputeError, match=f"row group 0: column {found}"):
        summaries(tmp_path)


def test_other_width_is_named(tmp_path: Path) -> None:
    write(tmp_path / "a", table(models=1, width=7))
    write(tmp_path / "b", table(models=1, width=5))
    with pytest.raises(pl.exceptions.ComputeError, match="only moments of embeddings of one width"):
        summaries(tmp_path)


def test_null_names_are_refused(tmp_path: Path) -> None:
    for column in ("task", "label"):
        rows = table().with_columns(pl.when(pl.int_range(pl.len()) != 5).then(column).alias(column))
        write(tmp_path / column, rows, group=1000)
        with pytest.raises(pl.exceptions.ComputeError, match=f"'{column}' is null in row 5"):
            summaries(tmp_path / column)


def test_wrong_arguments(tmp_path: Path) -> None:
    folder = write(tmp_path, table())
    with pytest.raises(pl.exceptions.ColumnNotFoundError, match="column 'layer' not found"):
        pt.scan_summaries(folder, by="layer")
    with pytest.raises(TypeError, match="'embedding' is Array"):
        pt.scan_summaries(folder, label="embedding")
    with pytest.raises(TypeError, match="'label' is Int64, but must be a List or Array"):
        pt.scan_summaries(folder, embedding="label")
    with pytest.raises(TypeError, match="found a frame"):
        pt.scan_summaries(table().lazy())  # type: ignore[arg-type]
    with pytest.raises(FileNotFoundError):
        pt.scan_summaries(tmp_path / "none.parquet")
    with pytest.raises(ValueError, match="rows_per_class"):
        pt.scan_summaries(folder, rows_per_class=-1)


def test_queries(tmp_path: Path) -> None:
    """Conditions on keys and others, projections and heads give what they give of a frame."""
    lazy = pt.scan_summaries(write(tmp_path, table(models=3), 3, 40), rows_per_class=2)
    whole = lazy.collect()
    many = pl.col("n") > whole["n"].median()
    for query in (
        lambda frame: frame.filter(many, pl.col("model") != "net1"),
        lambda frame: frame.filter(many | (pl.col("model") == "net1")).select("n"),
        lambda frame: frame.filter(pl.col("task").is_in(["digits"])).select("moments", "task"),
        lambda frame: frame.head(2),
        lambda frame: frame.select(pl.len()),
    ):
        found = query(lazy).collect()
        assert_frame_equal(found, query(whole), check_exact=True)
        assert found.height > 0


def test_object_store(tmp_path: Path) -> None:
    """Files of an S3-compatible server: named, by a pattern, and as a folder with partitions."""
    rows = table(models=2, rows=300)
    for (model,), part in rows.group_by("model", maintain_order=True):
        write(tmp_path / f"model={model}", part.drop("model"), group=20)
    local = summaries(tmp_path).sort(KEYS)
    with s3_server.running() as server:
        options = server.options
        server.upload(tmp_path, "zoo")
        for path in ("zoo/", "zoo", "zoo/*/part?.parquet"):
            found = summaries(f"{BUCKET}/{path}", storage_options=options).sort(KEYS)
            assert_frame_equal(found, local, check_exact=True)
        one = summaries(f"{BUCKET}/zoo/model=net1/part0.parquet", storage_options=options)
        assert one["model"].unique().to_list() == ["net1"]
        with pytest.raises(FileNotFoundError, match="no table in 's3://bucket/none/'"):
            summaries(f"{BUCKET}/none/", storage_options=options)
        with pytest.raises(pl.exceptions.ComputeError, match=r"none\.parquet"):
            summaries(f"{BUCKET}/none.parquet", storage_options=options)
