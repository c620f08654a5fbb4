"""A report of models of which some cannot be computed."""

from __future__ import annotations

import re
from collections.abc import Callable
from html import unescape
from pathlib import Path
from typing import Any

import planted
import polars as pl
import polars_transferability as pt
import pytest
from planted import DAMAGED, FAULTS, LEFT_OUT, TASKS, UNBOUNDED
from polars.testing import assert_frame_equal
from polars_transferability._report import _inventory, _units
from polars_transferability._report._embedding_file import Look
from reports import change, command, make, problem, written

REPORT = """
files = ["models"]
sources = ["old"]
scores = ["logme", "gbc", "etran"]
[bound]
l2 = 0.1
transform = "identity"
"""
OPTIONS: dict[str, Any] = {"l2": 0.1, "transform": "identity"}


@pytest.fixture
def planted_folder(tmp_path: Path) -> Path:
    (tmp_path / "models").mkdir()
    planted.plant(tmp_path / "models")
    (tmp_path / "report.toml").write_text(REPORT)
    return tmp_path


def test_everything_else_is_as_without_the_bad_ones(planted_folder: Path) -> None:
    made = make(planted_folder)
    models = planted_folder / "models"
    bounds = pt.compute_bounds(models, sources=["old"], **OPTIONS).drop_nulls("model")
    scores = pt.compute_scores(models, scores=["logme", "gbc", "etran"]).drop_nulls("model")
    for found, expected in ((made.tables["bounds"], bounds), (made.tables["scores"], scores)):
        key = [name for name in ("model", "source", "target") if name in found.columns]
        assert_frame_equal(
            found.drop("problems").sort(key),
            expected.drop("problems").sort(key),
            check_exact=True,
            check_column_order=False,
        )
        assert found.columns[-1] == "problems"
        lost = [rows.filter(pl.col("problems").list.len() > 0) for rows in (found, expected)]
        assert_frame_equal(*(rows.select(key) for rows in lost), check_row_order=False)
        assert written(planted_folder).keys() >= {"bounds.csv", "scores.csv"}
    ranking = made.tables["ranking"]
    lowest = bounds.group_by("model", "target").agg(pl.col("bound").min())
    both = ranking.drop_nulls("source").select("model", "target", "bound")
    assert_frame_equal(both, lowest, check_row_order=False)
    assert set(made.tables["class_map"]["model"]) == set(bounds.drop_nulls("bound")["model"])


def test_the_page_and_the_report_say_what_is_missing(planted_folder: Path) -> None:
    made = make(planted_folder)
    problems = made.problems
    parts = [made.tables["bounds"], made.tables["scores"]]
    incomplete = [rows.filter(pl.col("problems").list.len() > 0).height for rows in parts]
    assert problems.incomplete == sum(incomplete) + len(LEFT_OUT)
    assert problems.results == sum(rows.height for rows in parts) + len(LEFT_OUT)
    names = (*FAULTS, *LEFT_OUT, DAMAGED, UNBOUNDED)
    assert all(any(name in reason for reason in problems.reasons) for name in names)
    page = unescape(made.page.read_text("utf-8"))
    assert all(f"<li>{reason}</li>" in page for reason in problems.reasons)
    assert (
        f"{problems.incomplete} of {problems.results} results could not be computed in full" in page
    )
    without_bound = made.tables["ranking"].filter(target="new")["bound"].null_count()
    assert f"{without_bound} models could not be judged." in page
    bounded = made.tables["bounds"]["bound"].count()
    assert f"{bounded} bounds" in page


def test_a_report_without_a_problem_says_none(folder: Path) -> None:
    made = make(folder)
    assert (made.problems.incomplete, made.problems.reasons) == (0, ())
    assert "could not be" not in made.page.read_text()


def test_the_command_counts_and_strict_stops(planted_folder: Path) -> None:
    arguments = [planted_folder / "report.toml", "--out", planted_folder / "out"]
    done = command(*arguments)
    assert (done.returncode, done.stdout) == (0, f"{planted_folder / 'out' / 'index.html'}\n")
    counts = re.search(r"computed (\d+), unchanged since an earlier run 0\n", done.stderr)
    assert counts is not None
    assert re.search(
        r"transferability: \d+ of \d+ results could not be computed in full:\n  \S", done.stderr
    )
    again = command(*arguments)
    assert f"computed 0, unchanged since an earlier run {counts[1]}\n" in again.stderr
    summary = done.stderr.partition("transferability: ")[2]
    assert again.stderr.partition("transferability: ")[2] == summary
    strict = command(*arguments, "--strict")
    assert (strict.returncode, strict.stdout) == (1, "")
    assert re.fullmatch("transferability: .*net3.parquet: cannot be read .*\n", strict.stderr)
    change(planted_folder, "[bound]", "strict = true\n[bound]")
    assert "net3.parquet: cannot be read as a Parquet table" in problem(planted_folder)
    change(planted_folder, "strict = true", "strict = 1")
    assert "report.toml: strict: expected true or false, found 1" in problem(planted_folder)


def failing(compute: Callable[..., pl.DataFrame], model: str) -> Callable[..., pl.DataFrame]:
    """`compute`, which fails for a model."""

    def computed(rows: pl.DataFrame, **options: Any) -> pl.DataFrame:
        if model in rows["model"]:
            msg = f"out of luck with {model}"
            raise pl.exceptions.ComputeError(msg)
        return compute(rows, **options)

    return computed


def test_only_what_failed_is_tried_again(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    change(folder, "scores = []", 'scores = ["gbc"]')
    whole = make(folder)
    files = written(folder)
    (folder / "out").rename(folder / "kept")
    with monkeypatch.context() as unlucky:
        unlucky.setattr(_units, "compute_bounds", failing(_units.compute_bounds, "net1"))
        unlucky.setattr(_units, "compute_scores", failing(_units.compute_scores, "net2"))
        first = make(folder)
        # Two pairs of one model, the scores of two targets of another; the query is computed.
        assert (first.computed, first.reused) == (whole.computed - 4, 0)
        assert first.problems.incomplete == 4
        assert first.problems.reasons == ("out of luck with net1", "out of luck with net2")
        second = make(folder)
        assert (second.computed, second.reused) == (0, first.computed)
        assert second.problems == first.problems
    third = make(folder)
    # The query is over all bounds, so it is computed again.
    assert (third.computed, third.reused) == (4 + 1, whole.computed - 5)
    assert third.problems.incomplete == 0
    assert written(folder) == files


def test_where_no_bound_can_be_computed_the_report_fails(folder: Path) -> None:
    for file in (folder / "models").glob("*"):
        spoilt = pl.lit([float("nan")] * 3, pl.Array(pl.Float64, 3))
        pl.read_parquet(file).with_columns(embedding=spoilt).write_parquet(file)
    message = problem(folder)
    assert message.startswith("model = 'net0': ")
    assert message.endswith("; none of the 6 results could be computed")


def test_where_no_file_can_be_read_the_report_fails(folder: Path) -> None:
    for file in (folder / "models").glob("*"):
        file.write_bytes(b"PAR1")
    message = problem(folder)
    assert "net0.parquet: cannot be read as a Parquet table" in message
    assert message.endswith("; none of the 3 results could be computed")


def test_a_file_that_may_not_be_read_is_left_out(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    look = _inventory.look_at

    def look_at(file: Path) -> Look:
        if file.name == "net1.parquet":
            raise PermissionError(13, "Permission denied", str(file))
        return look(file)

    monkeypatch.setattr(_inventory, "look_at", look_at)
    made = make(folder)
    (reason,) = made.problems.reasons
    assert reason.endswith("net1.parquet: cannot be read: Permission denied")
    assert set(made.tables["bounds"]["model"]) == {"net0", "net2"}


def test_every_target_is_there_although_a_fault_spoils_some(planted_folder: Path) -> None:
    made = make(planted_folder)
    assert set(made.tables["ranking"]["target"]) == set(TASKS)
