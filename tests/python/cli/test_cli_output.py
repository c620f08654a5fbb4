"""Files that the command writes, and does not overwrite."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import polars_transferability as pt
import pytest
from commands import assert_one_line, failure, run


@pytest.mark.parametrize("suffix", ["parquet", "csv", "json"])
def test_out_writes_all_fields(suffix: str, table: Path, tmp_path: Path) -> None:
    out = tmp_path / f"bounds.{suffix}"
    options = ["--source", "old", "--target", "new"]
    done = run("bound", table, *options, "--out", out, "--format", "json")
    assert done.returncode == 0
    assert done.stderr.decode() == f"wrote {out}: 2 rows\n"
    expected = pt.compute_bounds(table, sources=["old"], targets=["new"])
    assert pl.read_json(done.stdout, schema=expected.schema).equals(expected)
    if suffix == "csv":
        expected = expected.drop("by_class").with_columns(problems=pl.lit(None, pl.String))
        found = pl.read_csv(out, schema=expected.schema)
    elif suffix == "json":
        found = pl.read_json(out, schema=expected.schema)
    else:
        found = pl.read_parquet(out)
    assert found.equals(expected)


@pytest.mark.parametrize("command", ["bound", "score"])
def test_out_does_not_overwrite_what_is_read(command: str, table: Path, tmp_path: Path) -> None:
    before = table.read_bytes()
    board, link = tmp_path / "board.csv", tmp_path / "link.parquet"
    board.write_text("model,target,accuracy\nnet0,new,0.5\n")
    link.symlink_to(table)
    options = ["--source", "old", "--leaderboard", board]
    for files, out in ((table, table), (table, link), (tmp_path / "t*", table), (table, board)):
        message = failure(2, command, files, *options, "--out", out)
        assert_one_line(message, f"--out {out}: is read by this run as '")
    assert table.read_bytes() == before
    assert board.read_text().endswith("0.5\n")


def test_out_that_cannot_be_written_leaves_what_was_there(table: Path, tmp_path: Path) -> None:
    options = ["--source", "old", "--target", "new", "--format", "csv"]
    assert_one_line(
        failure(2, "bound", table, *options, "--out", tmp_path / "no" / "x.csv"), "make"
    )
    folder = tmp_path / "folder.csv"
    folder.mkdir()
    assert_one_line(failure(2, "bound", table, *options, "--out", folder), "name a file in it")
    assert_one_line(failure(2, "bound", table, *options, "--out", "/dev/stdout"), "use --format")
    full = tmp_path / "full.csv"
    if Path("/dev/full").exists():
        full.symlink_to("/dev/full")
        assert_one_line(failure(1, "bound", table, *options, "--out", full), "the disk is full")


def test_a_result_of_a_query_does_not_overwrite_what_the_query_reads(
    table: Path, tmp_path: Path
) -> None:
    before = table.read_bytes()
    query = tmp_path / "table.sql"
    for text, options in (
        (f"SELECT COUNT(*) AS n FROM read_parquet('{table}')", []),
        (f"SELECT COUNT(*) AS n FROM read_parquet('{tmp_path}/t*.parquet')", []),
        ("SELECT COUNT(*) AS n FROM t", ["--table", f"t={table}"]),
        ("SELECT COUNT(*) AS n FROM t", ["--table", f"t={tmp_path}"]),
    ):
        query.write_text(text)
        message = failure(2, "report", query, *options, "--out", tmp_path)
        assert_one_line(message, "table.parquet: is read by this run")
    assert table.read_bytes() == before
    elsewhere = tmp_path / "out"
    assert run("report", query, *options, "--out", elsewhere).returncode == 0
    assert pl.read_parquet(elsewhere / "table.parquet").item() == pl.read_parquet(table).height
    assert_one_line(failure(2, "report", query, *options, "--out", table), "name a folder")


def test_own_results_are_left_out_and_said(table: Path, tmp_path: Path) -> None:
    options = ["--scores", "gbc", "--format", "csv"]
    out = tmp_path / "scores.parquet"
    first = run("score", tmp_path, *options, "--out", out)
    second = run("score", tmp_path, *options)
    assert second.stdout == first.stdout
    assert second.stderr.decode() == f"left out what this package computed: {out}\n"
    message = failure(1, "score", out, *options)
    assert_one_line(message, "scores.parquet: holds scores that this package computed, not embed")
