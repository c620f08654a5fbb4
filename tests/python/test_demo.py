"""The demo, on fewer models and tasks than it has: what it prints, and that its hints work."""

from __future__ import annotations

import contextlib
import io
import shlex
from pathlib import Path

import demo
import polars as pl
import pytest
from commands import run

MODELS = ["ocr-ppocrv4-rec", "random-resnet20", "cifar10-resnet8", "minilm-l6", "glove-100-mean"]
TASKS = ["sign-digits", "mnist", "banking77", "clinc10dom"]


@pytest.fixture(scope="module")
def zoo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A few models and tasks of data/zoo."""
    folder = tmp_path_factory.mktemp("zoo")
    for model in MODELS:
        rows = pl.read_parquet(demo.ZOO / f"{model}.parquet").filter(pl.col("task").is_in(TASKS))
        rows.write_parquet(folder / f"{model}.parquet")
    for name, column, kept in (("models", "model", MODELS), ("tasks", "task", TASKS)):
        rows = pl.read_csv(demo.ZOO / f"{name}.csv").filter(pl.col(column).is_in(kept))
        rows.write_csv(folder / f"{name}.csv")
    truth = pl.read_csv(demo.ZOO / "truth.csv").filter(pl.col("task").is_in(TASKS))
    truth.write_csv(folder / "truth.csv")
    return folder


@pytest.fixture(scope="module")
def printed(zoo: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Path]:
    """What the demo prints, and the folder that it writes to."""
    out = tmp_path_factory.mktemp("out") / "new"
    text = io.StringIO()
    with pytest.MonkeyPatch.context() as patch, contextlib.redirect_stdout(text):
        patch.setattr(demo, "ZOO", zoo)
        patch.setattr(demo, "OUT", out)
        demo.main()
    return text.getvalue(), out


def test_it_ranks_every_model_and_fits_on_a_screen(printed: tuple[str, Path]) -> None:
    text, out = printed
    rows = [line.split() for line in text.splitlines() if line.startswith(" ")]
    ranked = [row[0] for row in rows if row and row[0] in MODELS]
    assert sorted(ranked) == sorted(MODELS)
    assert ranked[0] == "ocr-ppocrv4-rec"
    assert max(map(len, text.splitlines())) <= 100
    assert (out / "demo.png").read_bytes().startswith(b"\x89PNG")


def test_each_bound_is_the_sum_of_its_terms(printed: tuple[str, Path]) -> None:
    rows = [line.split() for line in printed[0].splitlines() if line.startswith(" ")]
    for row in rows:
        if row and row[0] in MODELS:
            bound, *terms = map(float, row[4:8])
            assert bound == pytest.approx(sum(terms), abs=0.02)


def test_it_says_what_to_use_for_each_task_and_what_the_truth_says(
    printed: tuple[str, Path], zoo: Path
) -> None:
    sentences = " ".join(printed[0].split())
    truth = pl.read_csv(zoo / "truth.csv").filter(pl.col("model").is_in(MODELS))
    for (task,), models in truth.group_by("task"):
        _, _, advice = sentences.partition(f" {task}: use ")
        used = advice.split(",")[0]
        told = demo.told_by_truth(models.rename({"probe_acc": "accuracy"}), used)
        assert advice.partition("In truth")[2].startswith(told.removeprefix("In truth"))


def test_a_worse_model_is_told_from_the_best() -> None:
    models = pl.DataFrame({"model": ["a", "b"], "accuracy": [0.7, 0.9]})
    assert demo.told_by_truth(models, "a") == "In truth it has 70 %, and b 90 %."
    assert demo.told_by_truth(models, "b") == "In truth it has 90 %, and none has more."


def test_every_ranking_is_compared_with_the_truth(printed: tuple[str, Path]) -> None:
    lines = printed[0].splitlines()
    for of in ("images", "texts"):
        named = [
            line.removeprefix(f" {of} ").strip() for line in lines if line.startswith(f" {of} ")
        ]
        assert len(named) == len(demo.RANKINGS)
        for ranking, line in zip(demo.RANKINGS.values(), named, strict=True):
            assert line.startswith(ranking)


def test_the_commands_that_it_recommends_work(zoo: Path) -> None:
    commands = [line for line in demo.YOUR_TURN.splitlines() if line.startswith("  ")]
    assert len(commands) == 3
    for command in commands:
        own = command.replace("my_tables/", str(zoo)).replace("my-task", "clinc10dom")
        program, *arguments = shlex.split(own)
        done = run(*arguments)
        assert (program, done.returncode) == ("transferability", 0), done.stderr
        assert b"minilm-l6" in done.stdout
