"""The command on files of SQL."""

from __future__ import annotations

import subprocess
from pathlib import Path

import polars as pl
import pytest
from commands import COMMAND
from polars.testing import assert_frame_equal
from sql_tables import ISSUE, LEADERBOARD, TABLES, rows


def run(*arguments: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run([COMMAND, *map(str, arguments)], capture_output=True, text=True)


def test_command(tmp_path: Path) -> None:
    TABLES["embeddings"].write_parquet(tmp_path / "e.parquet")
    LEADERBOARD.write_csv(tmp_path / "l.csv")
    (tmp_path / "ranking.sql").write_text(ISSUE)
    tables = [f"--table=embeddings={tmp_path}/*.parquet", f"--table=leaderboard={tmp_path}/l.csv"]
    query = tmp_path / "ranking.sql"
    expected = rows(ISSUE)
    out = tmp_path / "a" / "b"
    done = run("report", query, *tables, "--out", out, "--format", "csv")
    assert done.returncode == 0
    assert done.stderr.splitlines() == [
        f"wrote {out / name}: 3 rows" for name in ("ranking.parquet", "ranking.csv")
    ]
    assert done.stdout == (out / "ranking.csv").read_text()
    found = pl.read_parquet(out / "ranking.parquet")
    assert found.write_csv() == done.stdout
    assert_frame_equal(found, expected, rel_tol=1e-10)
    assert sorted(path.name for path in out.iterdir()) == ["ranking.csv", "ranking.parquet"]
    table = run("report", query, *tables)
    assert (table.returncode, table.stderr) == (0, "")
    assert [line.split()[0] for line in table.stdout.splitlines() if line.startswith(" net")] == (
        expected["model"].to_list()
    )


def test_several_tables_are_named_in_three_ways(tmp_path: Path) -> None:
    query = tmp_path / "q.sql"
    query.write_text("SELECT a.x, b.x AS y FROM a JOIN b ON a.x = b.x")
    one, two = tmp_path / "1, old.csv", tmp_path / "2.csv"
    for file in (one, two):
        file.write_text("x\n5\n")
    for tables in (
        ["--table", f"a={one}", f"b={two}"],
        ["--table", f"a={one},b={two}"],
        ["--table", f"a={one}", "--table", f"b={two}"],
    ):
        done = run("report", query, *tables, "--format", "csv")
        assert (done.returncode, done.stdout, done.stderr) == (0, "x,y\n5,5\n", "")


def test_command_errors(tmp_path: Path) -> None:
    query = tmp_path / "bad.sql"
    query.write_text("SELECT PERSON(a, a)\nFROM t\n")
    (tmp_path / "t.csv").write_text("a\n1\n2\n")
    done = run("report", query, "--table", f"t={tmp_path / 't.csv'}")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == (
        f"transferability: {query}: line 1, column 8: there is no function PERSON; did you mean "
        "PEARSON?\n  |\n1 | SELECT PERSON(a, a)\n  |        ^^^^^^\n"
    )
    missing = run("report", tmp_path / "none.sql")
    assert (missing.returncode, missing.stderr.count("\n")) == (1, 1)
    other = run("report", tmp_path / "report.txt")
    assert other.returncode == 2
    assert "expected a file that ends in .toml or .sql" in other.stderr
    nameless = run("report", query, "--table", "t.csv")
    assert nameless.returncode == 2
    assert "expected NAME=PATH" in nameless.stderr


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("SELECT 1\n AS é".encode("latin-1"), "line 2, column 5: byte 0xe9 is not UTF-8; save it"),
        ("SELECT 1".encode("utf-16"), "is UTF-16; save it as UTF-8"),
        (b"SELECT\0 1", "line 1, column 7: is a zero byte, so this is no text"),
        (b"\x89PNG\r\n\x1a\n", "line 1, column 1: byte 0x89 is not UTF-8"),
        (b"", "the query is empty"),
        (b"-- nothing", "the query is empty"),
    ],
)
def test_files_that_are_no_query(content: bytes, message: str, tmp_path: Path) -> None:
    query = tmp_path / "q.sql"
    query.write_bytes(content)
    done = run("report", query)
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (1, "", 1)
    assert done.stderr.startswith(f"transferability: {query}: {message}")


def test_a_byte_order_mark_is_no_part_of_the_query(tmp_path: Path) -> None:
    query = tmp_path / "q.sql"
    query.write_bytes("\ufeffSELECT 1 AS one".encode())
    done = run("report", query, "--format", "csv")
    assert (done.returncode, done.stdout) == (0, "one\n1\n")


def test_what_the_command_cannot_follow_is_an_error(tmp_path: Path) -> None:
    query = tmp_path / "q.sql"
    for text, message in (
        (f"SELECT {'(' * 500}1{')' * 500}", "the query is nested too deeply here"),
        ("DROP TABLE t", "DROP is no query"),
    ):
        query.write_text(text)
        done = run("report", query)
        assert (done.returncode, done.stdout) == (1, "")
        assert message in done.stderr.splitlines()[0]
        assert "Traceback" not in done.stderr
