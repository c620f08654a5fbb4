"""A batch goes on without what cannot be computed, and says why."""

from __future__ import annotations

import re
import weakref
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import planted
import polars as pl
import polars_transferability as pt
import pytest
from planted import DAMAGED, FAULTS, LEFT_OUT, SOUND, TASKS, UNBOUNDED
from polars.testing import assert_frame_equal
from polars_transferability.files.table_bytes import table_bytes
from polars_transferability.tables.keys import Key
from polars_transferability.tables.problems import problem_lines
from registry import NEW, OLD, TRAIN, embedding_rows, value

OPTIONS: dict[str, Any] = {"l2": 0.1, "transform": "identity"}
SCORES = ["logme", "knn_accuracy", "etran", "linear_probe"]
HAS_PROBLEM = pl.col("problems").list.len() > 0


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("models")
    planted.plant(path)
    return path


@pytest.fixture(scope="module")
def bounds(folder: Path) -> pl.DataFrame:
    return pt.compute_bounds(folder, **OPTIONS)


@pytest.fixture(scope="module")
def scores(folder: Path) -> pl.DataFrame:
    return pt.compute_scores(folder, scores=SCORES)


def assert_reasons(results: pl.DataFrame) -> None:
    """Every fault that was planted is told with its model or file, and nothing else is."""
    lines = problem_lines(results)
    for model, (_, _, text) in FAULTS.items():
        assert any(line.startswith(f"model = '{model}'") and text in line for line in lines)
    for name, text in LEFT_OUT.items():
        assert sum(f"{name}.parquet: {text}" in line for line in lines) == 1
    assert sum(f"model = '{DAMAGED}': " in line for line in lines) == 1
    told = re.compile(r"net\d+")
    models = {name for line in lines for name in told.findall(line)}
    assert models - {UNBOUNDED} == {*FAULTS, *LEFT_OUT, DAMAGED}


def test_every_other_bound_is_as_without_the_bad_ones(bounds: pl.DataFrame) -> None:
    key = ["model", "source", "target"]
    expected = pt.compute_bounds(planted.sound_rows(), **OPTIONS)
    assert_frame_equal(bounds.filter(~HAS_PROBLEM).sort(key), expected.sort(key), check_exact=True)


def test_a_bound_that_cannot_be_computed_is_null_and_says_why(bounds: pl.DataFrame) -> None:
    lost = bounds.filter(HAS_PROBLEM)
    pairs = {
        (model, source, target)
        for model in (*FAULTS, DAMAGED)
        for source in TASKS
        for target in TASKS
        if source != target and not {source, target} <= {*SOUND.get(model, ())}
    }
    named = lost.drop_nulls("model").select("model", "source", "target").rows()
    assert (set(named), len(named)) == (pairs, len(pairs))
    assert lost.filter(pl.col("model").is_null()).height == len(LEFT_OUT)
    fields = lost.drop("model", "source", "target", "problems")
    assert fields.null_count().row(0) == (lost.height,) * fields.width
    assert bounds.columns[-1] == "problems"
    assert_reasons(bounds)


def test_every_other_score_is_as_without_the_bad_ones(scores: pl.DataFrame) -> None:
    rows, key = planted.sound_rows(), ["model", "target"]
    found = scores.sort(key).filter(~HAS_PROBLEM)
    unbounded = (pl.col("model") == UNBOUNDED) & (pl.col("task") == "new")
    alone = pt.compute_scores(rows.filter(~unbounded), scores="logme").sort(key)
    logme = [*key, "logme"]
    assert_frame_equal(found.select(logme), alone.select(logme), check_exact=True)
    # Models of which only LogME is unknown are in the pool of ETran, those that are not there not.
    others = pt.compute_scores(rows, scores=SCORES[1:]).sort(key)
    of_model = (pl.col("model") == UNBOUNDED) & (pl.col("target") == "new")
    assert_frame_equal(found.drop("logme"), others.filter(~of_model), check_exact=True)
    assert_frame_equal(
        scores.filter(of_model).drop("logme", "problems"),
        others.filter(of_model).drop("problems"),
        check_exact=True,
    )


def test_one_score_that_fails_leaves_the_others_of_its_row(scores: pl.DataFrame) -> None:
    row = scores.row(by_predicate=pl.col("model").eq(UNBOUNDED) & pl.col("target").eq("new"))
    one = dict(zip(scores.columns, row, strict=True))
    (reason,) = one["problems"]
    assert f"model = '{UNBOUNDED}', target 'new': " in reason
    assert "so its evidence is unbounded" in reason
    rows = planted.rows_of_all().filter(NEW, model=UNBOUNDED)
    assert one["logme"] is None
    assert one["knn_accuracy"] == value(rows, pt.knn_accuracy("embedding", "label", fit=TRAIN))
    assert (one["n"], one["classes"], one["labels"]) == (rows.filter(TRAIN).height, 3, "given")


def test_scores_that_cannot_be_computed_are_null_and_say_why(scores: pl.DataFrame) -> None:
    lost = scores.filter(HAS_PROBLEM, pl.col("model") != UNBOUNDED)
    expected = {(model, task) for model, (tasks, *_) in FAULTS.items() for task in tasks}
    named = set(lost.drop_nulls("model").select("model", "target").rows())
    assert named == expected | {(DAMAGED, task) for task in TASKS}
    assert lost["logme"].is_null().all()
    assert lost["knn_accuracy"].is_null().all()
    assert_reasons(scores)


def test_without_a_problem_there_is_none() -> None:
    rows = embedding_rows(models=2)
    for found in (pt.compute_bounds(rows, **OPTIONS), pt.compute_scores(rows, scores="gbc")):
        assert found.schema["problems"] == pl.List(pl.String)
        assert set(found["problems"].list.len()) == {0}


@pytest.mark.parametrize("compute", [pt.compute_bounds, pt.compute_scores])
def test_strict_stops_at_the_first(compute: Any, folder: Path) -> None:
    message = r"net3\.parquet: cannot be read as a Parquet table: "
    with pytest.raises(pl.exceptions.ComputeError, match=message):
        compute(folder, strict=True)
    rows = planted.rows_of_all().filter(model="net7")
    spoilt = FAULTS["net7"][1](rows)
    with pytest.raises(pl.exceptions.ComputeError, match=r"(?s)^model = 'net7'.*NaN"):
        compute(pl.concat([embedding_lists(), spoilt]), strict=True)
    with pytest.raises(TypeError, match="strict: expected True or False, found 'yes'"):
        compute(rows, strict="yes")


def embedding_lists() -> pl.DataFrame:
    return embedding_rows().with_columns(pl.col("embedding").arr.to_list())


@pytest.mark.parametrize("compute", [pt.compute_bounds, pt.compute_scores])
def test_if_nothing_can_be_computed_that_is_an_error(compute: Any, tmp_path: Path) -> None:
    spoilt = FAULTS["net7"][1](embedding_rows(models=2))
    rows = 4  # Two pairs, or two targets, of two models.
    message = rf"(?s)^model = 'net0'.*NaN.*; none of the {rows} results could be computed$"
    with pytest.raises(pl.exceptions.ComputeError, match=message):
        compute(spoilt)
    for name in ("a", "b"):
        (tmp_path / f"{name}.parquet").write_bytes(b"PAR1")
    message = r"a\.parquet: cannot be read .*; none of the 2 results could be computed$"
    with pytest.raises(pl.exceptions.ComputeError, match=message):
        compute(tmp_path)


@pytest.mark.parametrize("compute", [pt.compute_bounds, pt.compute_scores])
def test_a_column_that_no_table_has_is_an_error(compute: Any, tmp_path: Path) -> None:
    for i, rows in enumerate(embedding_rows(models=2).partition_by("model")):
        rows.drop("label").write_parquet(tmp_path / f"{i}.parquet")
    message = r"0\.parquet: column 'label' not found; .*name the column of labels with label="
    with pytest.raises(pl.exceptions.ColumnNotFoundError, match=message):
        compute(tmp_path)


def test_a_model_may_lack_a_task_that_another_has() -> None:
    rows = embedding_rows(models=3)
    lacking = rows.filter(~(pl.col("model") == "net1") | OLD)
    found = pt.compute_bounds(lacking, sources=["new"], targets=["old"], **OPTIONS)
    expected = pt.compute_bounds(rows, sources=["new"], targets=["old"], **OPTIONS)
    there = pl.col("model") != "net1"
    assert_frame_equal(found.filter(there), expected.filter(there), check_exact=True)
    (one,) = found.filter(~there).to_dicts()
    assert (one["source"], one["target"], one["bound"]) == ("new", "old", None)
    assert one["problems"][0].startswith("model = 'net1': ")
    found = pt.compute_scores(lacking, targets=["old", "new"], scores="gbc")
    assert found.filter(model="net1")["gbc"].is_null().to_list() == [False, True]
    # A score of two tasks is lost without the source, but those of the target are not.
    found = pt.compute_scores(lacking, sources=["new"], targets=["old"], scores=["gbc", "otdd"])
    (one,) = found.filter(~there).to_dicts()
    assert (one["source"], one["otdd"], len(one["problems"])) == ("new", None, 1)
    assert one["gbc"] is not None
    assert found.filter(there)["otdd"].null_count() == 0


@pytest.mark.parametrize("compute", [pt.compute_bounds, pt.compute_scores])
@pytest.mark.parametrize("side", ["sources", "targets"])
def test_a_task_that_no_model_has_is_an_error(side: str, compute: Any) -> None:
    message = f"{side}: no model has a task 'newest'; did you mean 'new'?"
    with pytest.raises(ValueError, match=re.escape(message)):
        compute(embedding_rows(models=2), **{side: ["newest"]})


def test_only_the_tasks_of_a_damaged_file_are_lost(tmp_path: Path) -> None:
    rows = embedding_rows().select("embedding", pl.exclude("embedding"))
    rows = pl.concat([rows, rows.filter(OLD).with_columns(task=pl.lit("far"))])
    for (task,), part in rows.group_by("task"):
        part.write_parquet(tmp_path / f"{task}.parquet")
    planted.damage(tmp_path / "far.parquet")
    bounds = pt.compute_bounds(tmp_path, **OPTIONS)
    expected = pt.compute_bounds(rows.filter(pl.col("task") != "far"), **OPTIONS)
    assert_frame_equal(bounds.drop_nulls("bound"), expected, check_exact=True)
    lost = bounds.filter(pl.col("bound").is_null())
    assert set(lost.select("source", "target").rows()) == {
        *(("far", "new"), ("far", "old"), ("new", "far"), ("old", "far"))
    }
    assert all("far.parquet: its rows cannot be read" in p for (p,) in lost["problems"])
    scores = pt.compute_scores(tmp_path, scores="gbc")
    assert scores.filter(pl.col("gbc").is_null())["target"].to_list() == ["far"]


def test_a_damaged_file_in_folders_named_after_columns_is_left_out(tmp_path: Path) -> None:
    for (model,), rows in embedding_rows(models=2).group_by("model"):
        folder = tmp_path / f"model={model}"
        folder.mkdir()
        rows.select("model", pl.exclude("model")).write_parquet(folder / "0.parquet")
    planted.damage(tmp_path / "model=net1" / "0.parquet")
    found = pt.compute_scores(tmp_path, scores="gbc")
    assert found["model"].to_list() == ["net0", "net0", None]
    assert "model=net1/0.parquet: its rows cannot be read" in found["problems"][2][0]


def test_a_fault_that_spoils_no_unit_has_a_row_of_its_own() -> None:
    rows = embedding_rows()
    unnamed = rows.head(1).with_columns(task=pl.lit(None, pl.String))
    for found, expected in (
        (
            pt.compute_bounds(pl.concat([rows, unnamed]), **OPTIONS),
            pt.compute_bounds(rows, **OPTIONS),
        ),
        (
            pt.compute_scores(pl.concat([rows, unnamed]), scores="gbc"),
            pt.compute_scores(rows, scores="gbc"),
        ),
    ):
        assert_frame_equal(found.head(2), expected, check_exact=True)
        (one,) = found.tail(-2).to_dicts()
        assert (one["model"], one["target"]) == ("net0", None)
        assert "null" in one["problems"][0]


@pytest.mark.parametrize("compute", [pt.compute_bounds, pt.compute_scores])
def test_a_model_that_failed_does_not_stay_in_memory(
    compute: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An error keeps all that its traceback can reach."""
    read, rows_read = Key.read, []

    def reading(key: Key, columns: Sequence[str]) -> pl.DataFrame:
        assert all(rows() is None for rows in rows_read)
        rows = read(key, columns)
        rows_read.append(weakref.ref(rows))
        return rows

    monkeypatch.setattr(Key, "read", reading)
    spoilt = FAULTS["net7"][1](embedding_rows(models=3))
    compute(pl.concat([spoilt, embedding_lists().with_columns(model=pl.lit("last"))]))
    assert len(rows_read) == 4


def test_a_file_is_named_where_each_is_a_model(tmp_path: Path) -> None:
    embedding_rows().drop("model").write_parquet(tmp_path / "good.parquet")
    (tmp_path / "bad.parquet").write_bytes(b"PAR1")
    found = pt.compute_scores(tmp_path, model=None, scores="gbc")
    assert found["model"].to_list() == ["good", "good", "bad"]


def test_probabilities_may_be_missing_in_one_model(tmp_path: Path) -> None:
    for i, rows in enumerate(embedding_rows(models=2).partition_by("model")):
        logits = [] if i else [pl.col("embedding").alias("logits")]
        rows.with_columns(logits).write_parquet(tmp_path / f"{i}.parquet")
    found = pt.compute_scores(tmp_path, scores=["leep", "nce", "gbc"])
    assert found.columns[2:5] == ["leep", "nce", "gbc"]
    assert found["leep"].is_null().to_list() == [False, False, True, True]
    assert found["gbc"].null_count() == 0
    message = "model = 'net1': nce needs a column 'probabilities' or 'logits', and there is none"
    assert message in found["problems"][-1]


def test_models_without_parts_take_no_part_in_a_pool() -> None:
    parts = [{"energy": 3.0, "lda": 0.5}, None, {"energy": 1.0, "lda": 0.9}]
    models = pl.DataFrame({"target": ["a"] * 3, "etran": parts})
    found = pt.combine_pool(models)
    expected = pt.combine_pool(models.drop_nulls())
    assert found["etran"].to_list() == [expected["etran"][0], None, expected["etran"][1]]
    assert found["etran_lda"].to_list() == [0.5, None, 0.9]


def test_verdicts_say_how_many_models_could_not_be_judged(
    bounds: pl.DataFrame, scores: pl.DataFrame
) -> None:
    for found, column in ((bounds, "bound"), (scores, "knn_accuracy")):
        verdict = pt.verdict(found)
        assert sorted(verdict["target"]) == sorted(TASKS)
        known = found.drop_nulls(column)
        assert_frame_equal(
            verdict.drop("verdict", "not_judged"),
            pt.verdict(known).drop("verdict", "not_judged"),
        )
        for target, count, text in verdict.select("target", "not_judged", "verdict").iter_rows():
            named = found.drop_nulls("model").filter(target=target)
            judged = named.drop_nulls(column)
            assert count == named["model"].n_unique() - judged["model"].n_unique() > 1
            assert f" {count} models could not be judged." in text


def test_a_target_without_any_value_has_no_best_model() -> None:
    found = pl.DataFrame(
        {"model": ["a", "b", "a"], "target": ["x", "x", "y"], "gbc": [None, None, 1.0]}
    )
    first, second = pt.verdict(found).to_dicts()
    assert (first["outcome"], first["best"], first["not_judged"]) == ("no model", None, 2)
    assert first["verdict"] == "x: no model has a gbc. 2 models could not be judged."
    assert (second["outcome"], second["best"], second["not_judged"]) == ("only one model", "a", 0)


def test_what_could_not_be_computed_is_not_compared(bounds: pl.DataFrame, tmp_path: Path) -> None:
    board = pl.DataFrame(
        [(f"net{i}", task, i / 20) for i in range(20) for task in TASKS],
        schema=["model", "target", "accuracy"],
        orient="row",
    )
    old = bounds.filter(pl.col("source").eq("old") | pl.col("source").is_null())
    joined = pt.join_leaderboard(old, board)
    assert joined.unmatched_scores.is_empty()
    (tmp_path / "old.csv").write_bytes(table_bytes(old, "csv"))
    assert pt.join_leaderboard(tmp_path / "old.csv", board).report() == joined.report()
    assert set(joined.unmatched_leaderboard["model"]) >= set(LEFT_OUT)
    found = pt.compare(joined, scores="bound")
    known = pt.compare(pt.join_leaderboard(old.drop_nulls("bound"), board), scores="bound")
    assert set(found["target"]) == {"far", "new"}
    same = ["target", "score", "spearman", "weighted_tau", "n"]
    ours = pl.col("score") == "bound"
    assert_frame_equal(
        found.filter(ours).select(same), known.filter(ours).select(same), check_row_order=False
    )
