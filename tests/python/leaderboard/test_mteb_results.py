"""Folders of raw results of MTEB, in the layout of its repository of results."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import polars as pl
import polars_transferability as pt
import pytest
from commands import run
from registry import embedding_rows

MODELS = {"org/small": 0.5, "org/large": 0.7}
TASKS = ("Banking77Classification", "EmotionClassification")


def subset(accuracy: float, name: str = "default") -> dict[str, Any]:
    """What MTEB 1 and 2 write of one subset of a task, shortened."""
    return {
        **{"accuracy": accuracy, "f1": accuracy - 0.1, "main_score": accuracy},
        **{"hf_subset": name, "languages": ["eng-Latn"]},
        "scores_per_experiment": [{"accuracy": accuracy, "f1": accuracy - 0.1}],
    }


def write(
    folder: Path, task: str, splits: Mapping[str, list[dict[str, Any]]], version: str = "1.12.75"
) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    content = {
        **{"dataset_revision": "0fd18e25", "evaluation_time": 16.3, "kg_co2_emissions": None},
        **{"mteb_version": version, "scores": splits, "task_name": task},
    }
    (folder / f"{task}.json").write_text(json.dumps(content))


@pytest.fixture
def results(tmp_path: Path) -> Path:
    for model, accuracy in MODELS.items():
        folder = tmp_path / "results" / model.replace("/", "__") / "8b3219a9"
        for task in TASKS:
            write(folder, task, {"test": [subset(accuracy)]})
        meta = {"name": model, "revision": "8b3219a9", "n_parameters": 1000, "embed_dim": 384}
        (folder / "model_meta.json").write_text(json.dumps(meta))
    return tmp_path / "results"


EXPECTED = sorted((model, task, accuracy) for model, accuracy in MODELS.items() for task in TASKS)


def test_a_folder_of_results_is_a_leaderboard(results: Path) -> None:
    assert sorted(pt.read_leaderboard(results).rows()) == EXPECTED
    # A pattern of folders too, and the folder of one model.
    assert sorted(pt.read_leaderboard(f"{results}/org__*").rows()) == EXPECTED
    of_one = pt.read_leaderboard(results / "org__small")
    assert of_one.rows() == [("org/small", task, 0.5) for task in TASKS]


def test_another_metric_and_facts_can_be_asked_for(results: Path) -> None:
    found = pt.read_leaderboard(results, metric="f1", static=["n_parameters", "embed_dim"])
    expected = [(m, t, pytest.approx(a - 0.1), 1000, 384) for m, t, a in EXPECTED]
    assert sorted(found.rows()) == expected


def test_a_model_without_a_description_is_called_as_its_folder(results: Path) -> None:
    for meta in results.rglob("model_meta.json"):
        meta.unlink()
    assert sorted(pt.read_leaderboard(results).rows()) == EXPECTED


def test_subsets_are_averaged_and_the_test_split_comes_first(results: Path) -> None:
    folder = results / "org__small" / "8b3219a9"
    languages = [subset(0.2, "en"), subset(0.6, "de")]
    write(folder, TASKS[0], {"validation": [subset(0.9)], "test": languages})
    write(folder, TASKS[1], {"dev": [subset(0.1)], "validation": [subset(0.2)]})
    found = pt.read_leaderboard(results / "org__small")
    accuracies = dict(found.select("target", "accuracy").rows())
    assert accuracies == pytest.approx({TASKS[0]: 0.4, TASKS[1]: 0.15})


def test_the_newest_of_several_revisions_counts(
    results: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    for revision, version, accuracy in (("0old", "1.9.0", 0.1), ("9old", "1.2.0", 0.3)):
        write(results / "org__small" / revision, TASKS[0], {"test": [subset(accuracy)]}, version)
    assert sorted(pt.read_leaderboard(results).rows()) == EXPECTED
    said = capfd.readouterr().err
    assert "left out 2 results of the same model and task by other revisions" in said


def test_other_files_are_left_out_and_a_folder_without_results_is_an_error(
    results: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    (results / "paths.json").write_text('{"a": 1}')
    (results / "broken.json").write_text("{")
    assert sorted(pt.read_leaderboard(results).rows()) == EXPECTED
    said = "left out JSON files that are no results of MTEB: 'broken.json', 'paths.json'"
    assert said in capfd.readouterr().err
    (tmp_path / "none").mkdir()
    with pytest.raises(ValueError, match="none of its 0 JSON files is a result of MTEB"):
        pt.read_leaderboard(tmp_path / "none")


def test_the_command_and_a_report_take_the_folder(results: Path, tmp_path: Path) -> None:
    rows = embedding_rows(models=2)
    models = {"net0": "org/small", "net1": "org/large"}
    tasks = dict(zip(("old", "new"), TASKS, strict=True))
    named = rows.with_columns(
        pl.col("model").replace_strict(models), pl.col("task").replace_strict(tasks)
    )
    named.write_parquet(tmp_path / "t.parquet")
    done = run(
        *("score", tmp_path / "t.parquet", "--scores", "gbc", "--leaderboard", results),
        *("--format", "json"),
    )
    assert done.returncode == 0
    found = {(row["model"], row["target"]): row["accuracy"] for row in json.loads(done.stdout)}
    assert found == {(model, task): accuracy for model, task, accuracy in EXPECTED}
    (tmp_path / "report.toml").write_text(
        'files = "t.parquet"\nscores = ["gbc"]\nleaderboards = ["results"]\nbound.transform = '
        '"identity"\nbound.l2 = 0.1\n'
    )
    report = pt.report(tmp_path / "report.toml", tmp_path / "out")
    beside = report.tables["leaderboards"]
    assert beside["accuracy"].unique().sort().to_list() == [0.5, 0.7]
