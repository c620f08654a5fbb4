"""`transferability curve`: its table, its formats, its options, and what it says of bad ones."""

from __future__ import annotations

import io
import re
from pathlib import Path

import polars as pl
import polars_transferability as pt
import pytest
from commands import assert_one_line, failure, results, run, run_in_terminal
from planted import damage
from polars_transferability.compute.curve_summary import COUNTS, curve_means, curve_sentence
from registry import embedding_rows
from rich.cells import cell_len

PAIR = ["--source", "old", "--target", "new"]
DRAWS = [*PAIR, "--rows", "1,3", "--repeats", "2"]


@pytest.fixture
def expected(table: Path) -> pl.DataFrame:
    return pt.compute_curve(table, source="old", target="new", rows=[1, 3], repeats=2)


def test_csv(table: Path, expected: pl.DataFrame) -> None:
    found = results("curve", table, *DRAWS, "--format", "csv")
    flat = expected.with_columns(problems=pl.lit(None, pl.String))
    assert pl.read_csv(found, schema=flat.schema).equals(flat)


def test_json(table: Path, expected: pl.DataFrame) -> None:
    found = results("curve", table, *DRAWS, "--format", "json")
    assert pl.read_json(found, schema=expected.schema).equals(expected)


def test_parquet(table: Path, expected: pl.DataFrame) -> None:
    found = results("curve", table, *DRAWS, "--format", "parquet")
    assert pl.read_parquet(io.BytesIO(found)).equals(expected)


def test_files_have_every_draw(table: Path, expected: pl.DataFrame, tmp_path: Path) -> None:
    out = tmp_path / "curve.parquet"
    done = run("curve", table, *DRAWS, "--out", out)
    assert (done.returncode, done.stderr.decode()) == (0, f"wrote {out}: 8 rows\n")
    assert pl.read_parquet(out).equals(expected)


def test_the_table_has_the_means_and_a_sentence_for_each_model(
    table: Path, expected: pl.DataFrame
) -> None:
    text = results("curve", table, *DRAWS).decode()
    means = curve_means(expected, ["model"])
    lines = [line.split() for line in text.splitlines() if re.match(r" net\d +\d ", line)]
    shown = means.drop("source", "target", *COUNTS)
    assert lines == [
        [row["model"], str(row["rows"])]
        + [f"{value:.4f}" for name, value in row.items() if name not in ("model", "rows")]
        for row in shown.iter_rows(named=True)
    ]
    sentences = [curve_sentence(one, ["model"]) for one in means.partition_by("model")]
    assert text.splitlines()[-3:-1] == [f" {sentence}" for sentence in sentences]


def test_a_terminal_of_80_columns_has_room(table: Path, expected: pl.DataFrame) -> None:
    done = run_in_terminal(80, "curve", table, *DRAWS)
    text = done.stdout.decode()
    assert done.returncode == 0
    assert max(map(cell_len, text.splitlines())) <= 80
    numbers = set(re.findall(r"-?\d+\.\d{4}", text))
    means = curve_means(expected, ["model"])
    means = means.drop("model", "source", "target", "rows", *COUNTS)
    assert {f"{value:.4f}" for row in means.iter_rows() for value in row} <= numbers
    wide = run_in_terminal(80, "curve", table, *DRAWS, "--wide").stdout.decode()
    assert max(map(cell_len, wide.splitlines()[:6])) > 80


@pytest.mark.parametrize(
    "rows",
    [
        ["--rows", "3", "1", "3"],
        ["--rows", "3,1,3"],
        ["--rows", "3", "--rows", "1"],
        ["--rows", "3, 1"],
    ],
)
def test_several_numbers_are_given_in_three_ways(rows: list[str], table: Path) -> None:
    found = pl.read_csv(results("curve", table, *PAIR, *rows, "--repeats", "1", "--format", "csv"))
    assert found["rows"].to_list() == [3, 1] * 2


def test_numbers_have_defaults(table: Path) -> None:
    found = pl.read_csv(results("curve", table, *PAIR, "--repeats", "1", "--format", "csv"))
    assert found.filter(model="net0")["rows"].to_list() == [1, 2, 5, 10, 50]
    found = pl.read_csv(results("curve", table, *PAIR, "--rows", "1", "--format", "csv"))
    assert found.filter(model="net0")["repeat"].to_list() == list(range(20))


def test_options_reach_the_curve(table: Path) -> None:
    options = ["--ground-cost", "head", "--transform", "identity", "--source-rows", "all"]
    draws = [*DRAWS[:-1], "1", "--seed", "4", "--no-fit", "--format", "json"]
    expected = pt.compute_curve(
        table,
        source="old",
        target="new",
        rows=[1, 3],
        repeats=1,
        ground_cost="head",
        transform="identity",
        source_rows="all",
        seed=4,
        fit=None,
    )
    found = results("curve", table, *draws, *options)
    assert pl.read_json(found, schema=expected.schema).equals(expected)


def test_column_names_are_options(table: Path, tmp_path: Path) -> None:
    renamed = tmp_path / "renamed.parquet"
    names = {"model": "m", "task": "t", "split": "s", "label": "l", "embedding": "e"}
    rows = pl.read_parquet(table).rename(names)
    rows.with_columns(pl.col("s").replace("train", "fit")).write_parquet(renamed)
    named = [word for name, new in names.items() for word in (f"--{name}", new)]
    expected = pl.read_csv(results("curve", table, *DRAWS, "--format", "csv"))
    found = results("curve", renamed, *DRAWS, *named, "--fit-split", "fit", "--format", "csv")
    assert pl.read_csv(found).equals(expected.rename({"model": "m"}))


@pytest.mark.parametrize(
    ("code", "options", "expected"),
    [
        (2, ["--rows", "1,x"], "--rows: expected whole numbers, found 'x'"),
        (2, ["--rows", "1.5"], "--rows: expected whole numbers, found '1.5'"),
        (2, ["--rows", "-1"], "--rows: expected whole numbers, found '-1'"),
        (1, ["--rows", "0"], "--rows: expected an integer from 1 to"),
        (1, ["--repeats", "0"], "--repeats: expected an integer from 1 to"),
        (2, ["--out", "curve.txt"], "--out curve.txt: expected a name that ends in .parquet, .csv"),
    ],
)
def test_wrong_numbers_are_one_line(
    code: int, options: list[str], expected: str, table: Path
) -> None:
    assert_one_line(failure(code, "curve", table, *PAIR, *options), expected)


@pytest.mark.parametrize(
    ("source", "target", "expected"),
    [
        ("olds", "new", "--source: no model has a task 'olds'; did you mean 'old'?"),
        ("old", "newer", "--target: no model has a task 'newer'; did you mean 'new'?"),
        ("old", "old", "--target: 'old' is the source too; a curve is of two tasks"),
    ],
)
def test_wrong_tasks_are_one_line(source: str, target: str, expected: str, table: Path) -> None:
    message = failure(1, "curve", table, "--source", source, "--target", target)
    assert_one_line(message, expected)


def test_a_file_is_no_task(table: Path) -> None:
    message = failure(2, "curve", table, "--source", "old", "--target", table)
    assert_one_line(message, f"--target: '{table}' is a file or folder, and no task of the tables")


@pytest.fixture
def damaged(tmp_path: Path) -> Path:
    """A folder of a sound model, one without numbers and one whose rows cannot be read."""
    folder = tmp_path / "models"
    folder.mkdir()
    rows = embedding_rows(models=3)
    nothing = pl.lit([float("nan")] * 3, rows.schema["embedding"])
    rows = rows.with_columns(embedding=pl.when(model="net1").then(nothing).otherwise("embedding"))
    for (name,), part in rows.group_by("model"):
        columns = part.select("embedding", pl.exclude("embedding"))
        columns.write_parquet(folder / f"{name}.parquet")
    damage(folder / "net2.parquet")
    return folder


def test_a_damaged_model_is_null_with_its_reason(damaged: Path) -> None:
    done = run("curve", damaged, *DRAWS)
    assert done.returncode == 0
    text, told = done.stdout.decode(), done.stderr.decode()
    assert told.startswith("transferability: 5 of 9 results could not be computed in full:\n")
    assert "NaN or infinite" in told
    assert "net2.parquet: its rows cannot be read" in told
    assert " net1: could not be computed.\n" in text
    (sound,) = re.findall(r"^ net0: (.*)\n", text, re.MULTILINE)
    assert "lose" in sound
    found = pl.read_csv(run("curve", damaged, *DRAWS, "--format", "csv").stdout)
    assert found.drop_nulls("bound")["model"].unique().to_list() == ["net0"]
    assert found.drop_nulls("problems").height == 5


def test_strict_stops_at_the_first(damaged: Path) -> None:
    assert_one_line(failure(1, "curve", damaged, *DRAWS, "--strict"), "NaN or infinite")


def test_where_nothing_can_be_computed_the_command_fails(damaged: Path) -> None:
    (damaged / "net0.parquet").unlink()
    message = failure(1, "curve", damaged, *DRAWS)
    assert_one_line(message, "; none of the 5 results could be computed\n")
