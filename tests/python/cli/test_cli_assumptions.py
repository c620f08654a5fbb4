"""What the command does where tables have no column of models, tasks or splits, and says of it."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import polars_transferability as pt
import pytest
from commands import assert_one_line, failure, results, run
from registry import OLD, embedding_rows

NOTES = {
    "model": "no column 'model': each file is one model, called as the file; "
    "--model names another column\n",
    "task": "no column 'task': all rows are one task; --task names another column\n",
    "split": "no column 'split': all rows serve to fit on and to evaluate on; "
    "--split names another column\n",
}


@pytest.fixture
def rows() -> pl.DataFrame:
    """The rows of one model and one task."""
    return embedding_rows(rows_per_class=8).filter(OLD)


def test_a_table_without_names_is_one_model_and_one_task(
    rows: pl.DataFrame, tmp_path: Path
) -> None:
    path = tmp_path / "resnet.parquet"
    rows.drop("model", "task", "split").write_parquet(path)
    done = run("score", path, "--format", "csv")
    assert (done.returncode, done.stderr.decode()) == (0, "".join(NOTES.values()))
    found = pl.read_csv(done.stdout)
    assert found.select("model", "target").rows() == [("resnet", "all")]
    expected = pt.compute_scores(rows.drop("task"), task=None, fit=None)
    assert found["knn_accuracy"].to_list() == expected["knn_accuracy"].to_list()
    checked = run("check", path, "--format", "csv")
    assert checked.stderr.decode() == "".join(NOTES.values()) + "no problems found\n"
    assert pl.read_csv(checked.stdout).select("model", "rows").rows() == [("resnet", rows.height)]


@pytest.mark.parametrize("column", NOTES)
def test_each_assumption_is_said_by_itself(column: str, rows: pl.DataFrame, tmp_path: Path) -> None:
    path = tmp_path / "net0.parquet"
    rows.drop(column).write_parquet(path)
    done = run("score", path, "--scores", "gbc")
    assert (done.returncode, done.stderr.decode()) == (0, NOTES[column])


def test_a_bound_assumes_no_task(rows: pl.DataFrame, tmp_path: Path) -> None:
    path = tmp_path / "net0.parquet"
    embedding_rows().drop("model", "split").write_parquet(path)
    done = run("bound", path, "--source", "old", "--format", "csv")
    assert (done.returncode, done.stderr.decode()) == (0, NOTES["model"] + NOTES["split"])
    assert pl.read_csv(done.stdout)["model"].to_list() == ["net0"]
    rows.drop("task").write_parquet(path)
    assert_one_line(failure(1, "bound", path), "name the column of tasks with --task")


def test_without_a_split_nothing_is_said_if_the_caller_said_so(
    rows: pl.DataFrame, tmp_path: Path
) -> None:
    path = tmp_path / "net0.parquet"
    rows.drop("split").write_parquet(path)
    assumed = run("score", path, "--format", "csv").stdout
    assert results("score", path, "--no-fit", "--format", "csv") == assumed
    message = failure(1, "score", path, "--fit-split", "train")
    assert_one_line(message, "for tables without a split give --no-fit\n")


def test_what_one_table_lacks_and_another_has_is_an_error(
    rows: pl.DataFrame, tmp_path: Path
) -> None:
    for column in NOTES:
        rows.write_parquet(tmp_path / "a.parquet")
        rows.drop(column).write_parquet(tmp_path / "b.parquet")
        message = failure(1, "score", tmp_path, "--scores", "gbc", "--strict")
        assert_one_line(message, f"b.parquet: column '{column}' not found")
        done = run("score", tmp_path, "--scores", "gbc", "--format", "csv")
        assert (done.returncode, pl.read_csv(done.stdout)["gbc"].count()) == (0, 1)
        assert f"b.parquet: column '{column}' not found" in done.stderr.decode()


def test_files_that_are_called_alike_cannot_name_models(rows: pl.DataFrame, tmp_path: Path) -> None:
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        rows.drop("model").write_parquet(tmp_path / folder / "part.parquet")
    message = failure(1, "score", tmp_path)
    assert message.startswith(NOTES["model"])
    expected = "are called alike, so their names cannot tell models apart; name the column of"
    assert_one_line(message.removeprefix(NOTES["model"]), expected)


def test_left_out_results_are_named_once(rows: pl.DataFrame, tmp_path: Path) -> None:
    rows.write_parquet(tmp_path / "net0.parquet")
    run("score", tmp_path / "net0.parquet", "--out", tmp_path / "scores.parquet")
    done = run("score", tmp_path, "--model", "model,model,", "--scores", "gbc")
    assert done.stderr.decode().count("left out") == 0
    done = run("score", tmp_path, "--scores", "gbc")
    assert done.stderr.decode().count("left out what this package computed") == 1
