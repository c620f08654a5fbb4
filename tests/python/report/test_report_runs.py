"""Runs beside each other, runs that are killed, and runs that find what earlier ones wrote."""

from __future__ import annotations

import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import polars as pl
import polars_transferability as pt
import pytest
from commands import COMMAND
from polars_transferability.tables.own_results import kind_of_result
from reports import change, command, entries, make, problem, written


def test_two_runs_at_once_do_not_disturb_each_other(folder: Path) -> None:
    make(folder)
    files = written(folder)
    shutil.rmtree(folder / "out")
    arguments = [COMMAND, "report", folder / "report.toml", "--out", folder / "out"]
    runs = [
        subprocess.Popen(arguments, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        for _ in range(2)
    ]
    for run in runs:
        message = run.communicate()[1].decode()
        assert run.returncode == 0, message
    assert written(folder) == files
    assert make(folder).computed == 0


@pytest.mark.parametrize("files", ["**/*.parquet", "."])
def test_what_a_report_wrote_is_not_read_by_the_next(folder: Path, files: str) -> None:
    """Even if it has all columns that embeddings have."""
    change(folder, "models/*.parquet", files)
    (folder / "lowest.sql").write_text("SELECT * FROM embeddings")
    first, before = make(folder), written(folder)
    second = make(folder)
    assert (second.computed, second.reused) == (0, first.computed)
    assert written(folder) == before
    assert second.tables["queries/lowest"].height == 3 * 2 * (6 + 7 + 8)


def test_a_report_does_not_overwrite_what_it_reads(folder: Path) -> None:
    rows = pl.read_parquet(folder / "models" / "net0.parquet")
    rows.write_parquet(folder / "bounds.parquet")
    (folder / "out").symlink_to(folder)
    change(folder, "models/*.parquet", "*.parquet")
    assert "bounds.parquet: is read by this run as '" in problem(folder)
    assert pl.read_parquet(folder / "bounds.parquet").equals(rows)
    (folder / "bounds.parquet").unlink()
    change(folder, "*.parquet", "models/*.parquet")
    (folder / "accuracy.csv").rename(folder / "leaderboards.csv")
    change(folder, "accuracy.csv", "leaderboards.csv")
    assert "leaderboards.csv: is read by this run as '" in problem(folder)


def test_a_report_within_its_own_files_does_not_read_itself(
    folder: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    change(folder, '["models/*.parquet"]', '"."')
    # What this query writes looks like a table of embeddings.
    (folder / "lowest.sql").write_text("SELECT * FROM embeddings")
    first, files = make(folder), written(folder)
    # Every other table is known by its columns, too, should somebody write it anew.
    assert [name for name, rows in first.tables.items() if not kind_of_result(rows.lazy())] == [
        "queries/lowest"
    ]
    again = make(folder)
    assert (again.computed, again.reused) == (0, first.computed)
    assert written(folder) == files
    (line,) = capfd.readouterr().err.splitlines()
    assert line.startswith("left out what this package computed: ")


@pytest.mark.skipif(sys.platform == "win32", reason="no SIGKILL")
def test_killed_at_any_moment_it_leaves_whole_files_and_goes_on(folder: Path) -> None:
    whole = make(folder)
    files = written(folder)
    pause = random.Random(0)
    arguments = [COMMAND, "report", folder / "report.toml", "--out", folder / "out"]
    start = time.perf_counter()
    shutil.rmtree(folder / "out")
    subprocess.run(arguments, check=True, capture_output=True)
    lasts = time.perf_counter() - start
    killed = 0
    for _ in range(5):
        shutil.rmtree(folder / "out")
        for moment in sorted(pause.uniform(0.4, 1.0) * lasts for _ in range(2)):
            process = subprocess.Popen(
                arguments, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
            )
            try:
                process.wait(timeout=moment)
            except subprocess.TimeoutExpired:
                process.send_signal(signal.SIGKILL)
                process.wait()
                killed += 1
            # Whatever has a final name is what an undisturbed run writes.
            found = written(folder) if (folder / "out").is_dir() else {}
            assert found.items() <= files.items()
            kept = len(entries(folder))
        last = make(folder)
        assert (last.computed, last.reused) == (whole.computed - kept, kept)
        assert written(folder) == files
    assert killed > 0


def test_without_the_extra_it_says_what_to_install(folder: Path) -> None:
    code = (
        "import sys; sys.modules['jinja2'] = None\n"
        "import polars_transferability as pt\n"
        f"pt.report({str(folder / 'report.toml')!r}, {str(folder / 'out')!r})"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 1
    assert "jinja2 is not installed: a report needs the extra 'report'" in done.stderr
    assert not (folder / "out").exists()


def test_command(folder: Path) -> None:
    done = command(folder / "report.toml", "--out", folder / "out")
    assert done.returncode == 0
    assert done.stdout == f"{folder / 'out' / 'index.html'}\n"
    assert "computed 7, unchanged since an earlier run 0" in done.stderr
    again = command(folder / "report.toml", "--out", folder / "out")
    assert "computed 0, unchanged since an earlier run 7" in again.stderr


def test_command_errors(folder: Path) -> None:
    done = command(folder / "report.toml")
    assert (done.returncode, done.stdout) == (2, "")
    assert "name it with --out" in done.stderr
    done = command(folder / "report.toml", "--out", folder / "out", "--table", "a=b")
    assert done.returncode == 2
    (folder / "lowest.sql").write_text("SELECT nothing FROM bounds")
    done = command(folder / "report.toml", "--out", folder / "out")
    assert (done.returncode, done.stdout) == (1, "")
    assert "lowest.sql: line 1, column 8" in done.stderr
    assert "Traceback" not in done.stderr


def test_names_are_no_markup_of_the_progress_bar(
    folder: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    for path in (folder / "models").iterdir():
        rows = pl.read_parquet(path)
        rows.with_columns(pl.col("model") + "[/b][red]\x1b[2J").write_parquet(path)
    pt.report(folder / "report.toml", folder / "out", progress=True)
    shown = capfd.readouterr().err
    assert "net2[/b][red]\N{SYMBOL FOR ESCAPE}[2J" in shown
    assert "\x1b[2J" not in shown
