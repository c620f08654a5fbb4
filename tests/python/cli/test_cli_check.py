"""`transferability check`."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest
from bad_rows import FIRST, NAN, set_first
from commands import assert_one_line, failure, run
from registry import embedding_rows


def test_check_says_what_is_there(data: Path) -> None:
    done = run("check", data / "lenet-mnist.parquet", "--format", "csv")
    assert (done.returncode, done.stderr) == (0, b"no problems found\n")
    content = pl.read_csv(done.stdout)
    rows = content.select("model", "task", "split", "rows", "classes", "width", "nan").rows()
    assert rows == [
        ("lenet-mnist", task, split, count, 10, 200, 0)
        for task in ("mnist", "fashion-mnist", "kmnist")
        for split, count in (("train", 2000), ("test", 1000))
    ]


def test_check_prints_a_table(lenets: Path) -> None:
    done = run("check", lenets)
    assert (done.returncode, done.stderr) == (0, b"no problems found\n")
    assert done.stdout.decode().count("Array[Float32]") == 18


TRAIN, OLD = pl.col("split") == "train", pl.col("task") == "old"


VECTOR = pl.Array(pl.Float64, 3)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            set_first("embedding", [NAN, 0.0, 0.0], VECTOR),
            "'embedding' has 1 row with NaN or infinite values",
        ),
        (set_first("embedding", None, VECTOR), "'embedding' has 1 null"),
        (pl.when(~FIRST).then("label").alias("label"), "'label' has 1 null"),
        (pl.col("label").cast(pl.Float64), "'label' is Float64; expected integers, strings"),
        (pl.col("embedding").cast(pl.List(pl.Int8)), "'embedding' is List(Int8); expected an"),
        (
            pl.when(FIRST)
            .then(pl.lit([1.0]))
            .otherwise(pl.col("embedding").arr.to_list())
            .alias("embedding"),
            "'embedding' has rows of different width: [1, 3]",
        ),
        (
            pl.when(OLD & TRAIN).then(0).otherwise("label").alias("label"),
            "task = 'old': classes ['1', '2'] occur only outside split = 'train'",
        ),
        (
            pl.lit("test").alias("split"),
            "no row has split 'train', so there is none to fit on; there are 'test'",
        ),
        (pl.lit("train").alias("split"), "none are left to evaluate on"),
    ],
)
def test_check_finds(change: pl.Expr, message: str, tmp_path: Path) -> None:
    path = tmp_path / "bad.parquet"
    embedding_rows().with_columns(change).write_parquet(path)
    done = run("check", path)
    assert done.returncode == 1
    lines = done.stderr.decode().splitlines()
    assert all(line.startswith("transferability: ") for line in lines)
    assert any(message in line for line in lines)


def test_check_finds_missing_columns_and_no_table(table: Path, tmp_path: Path) -> None:
    lacking = tmp_path / "lacking.parquet"
    pl.read_parquet(table).drop("split", "label").write_parquet(lacking)
    message = failure(1, "check", lacking, "--split", "split")
    assert "lacking.parquet: column 'split', 'label' not found" in message
    assert message.count("\n") == 1
    text = tmp_path / "text.parquet"
    text.write_text("no table")
    message = failure(1, "check", text)
    assert "text.parquet: cannot be read as a Parquet table" in message
    assert message.count("\n") == 1


def test_check_says_what_to_do_in_words_of_the_shell(tmp_path: Path) -> None:
    path = tmp_path / "lacking.parquet"
    for column, cure in {
        "split": "for tables without a split give --no-fit",
        "task": "name the column of tasks with --task",
        "model": "name the column of models with --model",
    }.items():
        embedding_rows().drop(column).write_parquet(path)
        assert_one_line(failure(1, "check", path, f"--{column}", column), f"{cure}\n")
