"""What the command does with a folder of models of which some cannot be computed."""

from __future__ import annotations

from pathlib import Path

import planted
import polars as pl
import polars_transferability as pt
import pytest
from commands import assert_one_line, failure, run
from planted import DAMAGED, FAULTS, LEFT_OUT, TASKS, UNBOUNDED
from polars.testing import assert_frame_equal

SCORES = ["logme", "knn_accuracy"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("models")
    planted.plant(path)
    return path


def assert_summary(stderr: str, found: pl.DataFrame) -> None:
    """A count, and then each reason once."""
    first, *reasons = stderr.splitlines()
    incomplete = found.filter(pl.col("problems").is_not_null()).height
    assert (
        first
        == f"transferability: {incomplete} of {found.height} results could not be computed in full:"
    )
    assert len(set(reasons)) == len(reasons) >= len(FAULTS) + len(LEFT_OUT) + 1
    assert all(reason.startswith("  ") for reason in reasons)
    for name in (*FAULTS, *LEFT_OUT, DAMAGED):
        assert name in stderr


def test_scores_are_computed_without_the_bad_ones(folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "scores.csv"
    done = run("score", folder, "--scores", *SCORES, "--out", out)
    assert done.returncode == 0
    told = done.stderr.decode()
    wrote, _, summary = told.partition("\n")
    found = pl.read_csv(out)
    assert wrote == f"wrote {out}: {found.height} rows"
    assert_summary(summary, found)
    assert f"model = '{UNBOUNDED}', target 'new'" in summary
    assert "for tables without a split give --no-fit" in summary
    expected = pt.compute_scores(folder, scores=SCORES)
    same = ["model", "target", *SCORES]
    assert_frame_equal(found.select(same), expected.select(same), check_exact=True)
    # The table has each target that there is, and no row for what has none.
    sections = done.stdout.decode()
    assert sections.count("could not be judged.") == len(TASKS)
    assert "null" not in sections
    assert "None" not in sections


def test_bounds_are_computed_without_the_bad_ones(folder: Path, tmp_path: Path) -> None:
    board = tmp_path / "board.csv"
    board.write_text("model,target,accuracy\nnet1,new,0.5\nnet2,new,0.25\n")
    options = ["--source", "old", "--target", "new", "--transform", "identity", "--l2", "1"]
    done = run("bound", folder, *options, "--leaderboard", board)
    assert done.returncode == 0
    told = done.stderr.decode()
    assert told.startswith("2 of 18 pairs of model and target are on the leaderboard\n")
    # Of 20 models two are left out, and four have a fault in one of the two tasks. One has a bound,
    # but not the LogME that is computed beside it for the consensus.
    assert "transferability: 7 of 20 results could not be computed in full:\n" in told
    *_, first, last = (line for line in done.stdout.decode().splitlines() if line[:4] == " net")
    assert first.split()[3:] == last.split()[3:] == ["-"] * len(last.split()[3:])
    assert "4 models could not be judged." in done.stdout.decode()


def test_strict_stops_at_the_first(folder: Path) -> None:
    for command in ("score", "bound"):
        message = failure(1, command, folder, "--strict")
        assert_one_line(message, "net3.parquet: cannot be read as a Parquet table: ")


def test_where_nothing_can_be_computed_the_command_fails(folder: Path) -> None:
    bad = [folder / f"{name}.parquet" for name in ("net7", *LEFT_OUT)]
    for command, rows in (("score", 5), ("bound", 8)):
        message = failure(1, command, *bad)
        assert_one_line(message, f"; none of the {rows} results could be computed\n")
