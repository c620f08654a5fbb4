"""How sure the ranking is, in a report: its key, its table, its cache and its sentence."""

from __future__ import annotations

import re
import subprocess
from html import unescape
from pathlib import Path
from typing import Any

import planted
import polars as pl
import polars_transferability as pt
import pytest
from commands import COMMAND
from planted import DAMAGED, FAULTS, SOUND
from polars.testing import assert_frame_equal
from polars_transferability._report import _units
from polars_transferability.compute.rank_confidence import advice
from reports import HOSTILE, change, make, problem, section, written

KEYS = ["target", "model"]


@pytest.fixture
def ranked(folder: Path) -> Path:
    """The small report, which is to say how sure its rankings are."""
    change(folder, "scores = []", "scores = []\nrank_confidence = true")
    return folder


def said(made: pt.Report, target: str) -> str:
    """The sentence on how sure the ranking on a target is."""
    page = unescape(made.page.read_text("utf-8"))
    found = re.findall("<p>By kNN: (.*?)</p>", section(page, target))
    assert len(found) == 1
    return found[0]


def test_the_table_is_what_python_computes(ranked: Path) -> None:
    found = make(ranked).tables["rank_confidence"]
    assert_frame_equal(found, pt.rank_confidence(ranked / "models"), check_exact=True)
    for kind in ("parquet", "csv"):
        assert (ranked / "out" / f"rank_confidence.{kind}").is_file()


def test_left_out_or_false_nothing_is_said(ranked: Path) -> None:
    change(ranked, "rank_confidence = true", "rank_confidence = false")
    made = make(ranked)
    assert "rank_confidence" not in made.tables
    assert "By kNN" not in made.page.read_text("utf-8")
    files = written(ranked)
    change(ranked, "rank_confidence = false\n", "")
    again = make(ranked)
    assert (again.computed, written(ranked)) == (0, files)


def test_the_page_says_what_the_command_says(ranked: Path) -> None:
    made = make(ranked)
    sentences = advice(made.tables["rank_confidence"], ["model"])
    assert sentences.keys() == {"new", "old"}
    for target, sentence in sentences.items():
        assert said(made, target) == sentence
    arguments = [COMMAND, "score", ranked / "models", "--scores", "gbc", "--rank-confidence"]
    done = subprocess.run(arguments, capture_output=True, text=True, check=True)
    for target, sentence in sentences.items():
        assert f"{target}: {sentence}" in " ".join(done.stdout.split())


def test_only_targets_whose_files_changed_are_computed_again(ranked: Path) -> None:
    """A target is one unit, because its models share the draws."""
    for file in sorted((ranked / "models").iterdir()):
        for (task,), rows in pl.read_parquet(file).group_by("task"):
            rows.write_parquet(file.with_name(f"{file.stem}-{task}.parquet"))
        file.unlink()
    first = make(ranked)
    # Two bounds of each of three models, a ranking on each of two targets, and the query.
    assert (first.computed, first.reused) == (3 * 2 + 2 + 1, 0)
    files = written(ranked)
    again = make(ranked)
    assert (again.computed, again.reused, written(ranked)) == (0, first.computed, files)
    path = ranked / "models" / "net1-new.parquet"
    pl.read_parquet(path).reverse().write_parquet(path)
    # Both bounds of the model, the ranking on its task, and the query, which may read any table.
    assert make(ranked).computed == 2 + 1 + 1
    path.unlink()
    fewer = make(ranked)
    # Without a task of the model, the others are ranked anew, and the query is answered anew.
    assert fewer.computed == 1 + 1
    of_new = fewer.tables["rank_confidence"].filter(target="new")
    assert sorted(of_new["model"]) == ["net0", "net2"]


def test_asking_for_it_leaves_the_bounds_as_they_are(folder: Path) -> None:
    bounds = make(folder).tables["bounds"]
    change(folder, "scores = []", "scores = []\nrank_confidence = true")
    made = make(folder)
    # Two rankings, and the query, which may read them.
    assert made.computed == 2 + 1
    assert made.tables["bounds"].equals(bounds)


def test_a_query_may_read_it(ranked: Path) -> None:
    query = "SELECT target, SUM(p_best) AS p FROM rank_confidence GROUP BY target ORDER BY target"
    (ranked / "lowest.sql").write_text(query)
    found = make(ranked).tables["queries/lowest"]
    assert found["target"].to_list() == ["new", "old"]
    assert found["p"].to_list() == pytest.approx([1.0, 1.0])


@pytest.mark.parametrize("strict", [False, True])
def test_models_of_one_file_may_have_different_tasks(ranked: Path, strict: bool) -> None:
    """A model without rows of a target is not ranked there, and has not failed either."""
    files = sorted((ranked / "models").iterdir())
    rows = pl.concat(map(pl.read_parquet, files))
    for file in files:
        file.unlink()
    without = (pl.col("model") == "net1") & (pl.col("task") == "new")
    rows.filter(~without).write_parquet(ranked / "models" / "all.parquet")
    made = make(ranked, strict=strict)
    found = made.tables["rank_confidence"]
    pairs = {(target, f"net{i}") for target in ("new", "old") for i in range(3)}
    assert set(found.select(KEYS).iter_rows()) == pairs - {("new", "net1")}
    assert made.problems.incomplete == 0
    expected = pt.rank_confidence(rows.filter(~without, task="new"))
    assert_frame_equal(found.filter(target="new"), expected, check_exact=True)


def test_files_of_a_target_may_have_models_of_another_type(ranked: Path) -> None:
    """Numbers and texts as names of models are texts in every table of the report."""
    path = ranked / "models" / "net1.parquet"
    rows = pl.read_parquet(path).with_columns(task=pl.lit("other"), model=pl.lit(1))
    pl.concat([rows, rows.with_columns(task=pl.lit("another"))]).write_parquet(path)
    found = make(ranked).tables["rank_confidence"]
    assert found.schema["model"] == pl.String
    assert found.filter(target="other")["model"].to_list() == ["1"]


def test_the_column_of_models_may_have_another_name(ranked: Path) -> None:
    for file in (ranked / "models").iterdir():
        pl.read_parquet(file).rename({"model": "net"}).write_parquet(file)
    expected = pt.rank_confidence(ranked / "models", model="net")
    change(ranked, "[bound]", 'columns.model = "net"\n[bound]')
    made = make(ranked)
    assert_frame_equal(made.tables["rank_confidence"], expected, check_exact=True)
    assert said(made, "new") == advice(expected, ["net"])["new"]


def test_names_are_text_in_the_sentence(ranked: Path) -> None:
    hostile = " ".join(HOSTILE)
    for file in (ranked / "models").iterdir():
        pl.read_parquet(file).with_columns(pl.col("model") + hostile).write_parquet(file)
    page = make(ranked).page.read_text("utf-8")
    (sentence, *_) = re.findall("<p>By kNN: .*?</p>", page, re.DOTALL)
    assert "net" in sentence
    assert "<script>" not in sentence
    assert "<img" not in sentence


@pytest.fixture
def planted_folder(tmp_path: Path) -> Path:
    (tmp_path / "models").mkdir()
    planted.plant(tmp_path / "models")
    (tmp_path / "report.toml").write_text(
        'files = ["models"]\nsources = ["old"]\nscores = []\nrank_confidence = true\n'
        'bound.l2 = 0.1\nbound.transform = "identity"\n'
    )
    return tmp_path


def test_a_model_that_cannot_be_ranked_is_null_with_its_reason(planted_folder: Path) -> None:
    made = make(planted_folder)
    found = made.tables["rank_confidence"]
    targets = ["far", "new"]
    expected = pt.rank_confidence(planted_folder / "models", targets=targets).drop_nulls("model")
    assert_frame_equal(
        found.drop("problems").sort(KEYS), expected.drop("problems").sort(KEYS), check_exact=True
    )
    lost = found.filter(pl.col("p_best").is_null())
    assert lost["problems"].list.len().min() == 1
    assert {DAMAGED, "net7"} <= set(lost["model"]) <= {DAMAGED, *FAULTS}
    sound = found.drop_nulls("p_best")
    for name, tasks in SOUND.items():
        assert {*tasks} - {"old"} <= set(sound.filter(model=name)["target"])
    for target in targets:
        models = lost.filter(target=target).height
        assert said(made, target).endswith(f" {models} models could not be judged.")
    assert set(lost["problems"].explode()) <= set(made.problems.reasons)
    # Nothing that failed is kept.
    again = make(planted_folder)
    assert (again.computed, again.problems) == (0, made.problems)


def test_where_no_model_of_a_target_can_be_ranked_the_page_counts_them(ranked: Path) -> None:
    for file in (ranked / "models").iterdir():
        rows = pl.read_parquet(file)
        unlabelled = rows.filter(task="new").with_columns(
            task=pl.lit("unlabelled"), label=pl.lit(None, rows.schema["label"])
        )
        pl.concat([rows, unlabelled]).write_parquet(file)
    made = make(ranked)
    found = made.tables["rank_confidence"]
    for target, lost in (("new", 0), ("old", 0), ("unlabelled", 3)):
        assert found.filter(target=target)["p_best"].null_count() == lost
    assert said(made, "unlabelled") == "3 models could not be judged."


def test_targets_without_a_section_are_not_ranked(ranked: Path) -> None:
    """Where there is neither a bound nor a score of a target, nothing else is said of it."""
    change(ranked, "[bound]", 'sources = ["old"]\n[bound]')
    assert make(ranked).tables["rank_confidence"]["target"].unique().to_list() == ["new"]
    change(ranked, "scores = []", 'scores = ["gbc"]')
    made = make(ranked)
    for target, sentence in advice(made.tables["rank_confidence"], ["model"]).items():
        assert said(made, target) == sentence
    assert set(made.tables["rank_confidence"]["target"]) == {"new", "old"}


def test_strict_stops_at_the_first(ranked: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The failure is one of the ranking alone, so that no bound stops the report before it."""
    real = _units.rank_confidence

    def failing(*arguments: Any, **options: Any) -> pl.DataFrame:
        found = real(*arguments, **options)
        failed = pl.col("model") == "net1"
        return found.with_columns(
            pl.when(~failed).then("p_best").alias("p_best"),
            pl.when(failed).then(pl.lit(["out of luck"])).otherwise("problems").alias("problems"),
        )

    monkeypatch.setattr(_units, "rank_confidence", failing)
    made = make(ranked)
    assert (made.problems.incomplete, made.problems.reasons) == (2, ("out of luck",))
    change(ranked, "rank_confidence = true", "rank_confidence = true\nstrict = true")
    assert problem(ranked) == "out of luck"
    monkeypatch.undo()
    # Two rankings that failed, and the query, which may read them.
    assert make(ranked).computed == 2 + 1


def test_where_no_model_can_be_ranked_the_report_fails(
    ranked: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def failing(*_: object, **__: object) -> pl.DataFrame:
        msg = "out of luck"
        raise ValueError(msg)

    monkeypatch.setattr(_units, "rank_confidence", failing)
    assert problem(ranked) == "out of luck; none of the 2 results could be computed"


def test_it_is_true_or_false(ranked: Path) -> None:
    change(ranked, "rank_confidence = true", "rank_confidence = 1")
    expected = "report.toml: rank_confidence: expected true or false, found 1"
    assert expected in problem(ranked)
    change(ranked, "rank_confidence = 1", "rank_confidense = true")
    assert "rank_confidense: unknown key; did you mean 'rank_confidence'?" in problem(ranked)


def test_a_file_that_is_replaced_meanwhile_and_restored_is_read_again(
    ranked: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The ranking is of the file that is there in the end, in this run and the next."""
    path = ranked / "models" / "net1.parquet"
    content, rows = path.read_bytes(), pl.read_parquet(path)
    other = rows.with_columns(pl.col("embedding").reverse())
    expected = pt.rank_confidence(ranked / "models")
    real, found = _units.rank_confidence, []

    def meanwhile(*arguments: Any, **options: Any) -> pl.DataFrame:
        if found:
            return real(*arguments, **options)
        other.write_parquet(path)
        found.append(real(*arguments, **options))
        path.write_bytes(content)
        return found[0]

    monkeypatch.setattr(_units, "rank_confidence", meanwhile)
    made = make(ranked)
    assert_frame_equal(made.tables["rank_confidence"], expected, check_exact=True)
    assert not found[0].equals(expected.filter(target="new"))
    assert f"{path}: was changed while it was read" in capsys.readouterr().err
    monkeypatch.undo()
    again = make(ranked)
    assert (again.computed, again.tables["rank_confidence"].equals(expected)) == (0, True)
