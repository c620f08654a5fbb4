"""`compute_scores`: the numbers of the expressions, for tables of any shape."""

from __future__ import annotations

from importlib.machinery import ModuleSpec
from pathlib import Path

import polars as pl
import polars_transferability as pt
import pytest
from polars.testing import assert_frame_equal
from polars_transferability.tables.keys import _console
from registry import CATALOGUE, NEW, OLD, TRAIN, embedding_rows, source_groups, value

NAMES = ["logme", "h_score", "gbc", "knn"]
COLUMNS = ["logme", "h_score", "gbc", "knn_accuracy"]
FACTS = ["n", "n_evaluated", "classes", "labels"]


@pytest.fixture
def models() -> pl.DataFrame:
    return embedding_rows(models=3, rows_per_class=8)


@pytest.fixture
def scores(models: pl.DataFrame) -> pl.DataFrame:
    return pt.compute_scores(models, scores=NAMES)


def test_equals_the_expression(models: pl.DataFrame, scores: pl.DataFrame) -> None:
    assert dict(scores.schema) == {
        "model": pl.String,
        "target": pl.String,
        **dict.fromkeys(COLUMNS, pl.Float64),
        "n": pl.UInt32,
        "n_evaluated": pl.UInt32,
        "classes": pl.UInt32,
        "labels": pl.String,
        "problems": pl.List(pl.String),
    }
    keys = [(f"net{i}", target) for i in range(3) for target in ("old", "new")]
    assert scores.select("model", "target").rows() == keys
    for (model, task), rows in models.group_by("model", "task"):
        expected = value(rows, pt.scores("embedding", "label", scores=NAMES, fit=TRAIN))
        found = scores.filter(model=model, target=task).select(*COLUMNS, *FACTS)
        held_out = rows.filter(~TRAIN).height
        assert found.to_dicts() == [{**expected, "n_evaluated": held_out}]


def test_lazy_frame(models: pl.DataFrame, scores: pl.DataFrame) -> None:
    assert_frame_equal(pt.compute_scores(models.lazy(), scores=NAMES), scores, check_exact=True)


def test_files_folders_and_globs(
    models: pl.DataFrame, scores: pl.DataFrame, tmp_path: Path
) -> None:
    paths = [tmp_path / f"{i}.parquet" for i in range(3)]
    for path, part in zip(paths, models.partition_by("model", maintain_order=True), strict=True):
        part.write_parquet(path)
    for files in (paths, [str(path) for path in paths], tmp_path, str(tmp_path / "*.parquet")):
        assert_frame_equal(pt.compute_scores(files, scores=NAMES), scores, check_exact=True)


def test_hive_partitions(models: pl.DataFrame, scores: pl.DataFrame, tmp_path: Path) -> None:
    for (model, task), part in models.group_by("model", "task"):
        folder = tmp_path / f"model={model}" / f"task={task}"
        folder.mkdir(parents=True)
        part.drop("model", "task").write_parquet(folder / "part.parquet")
    found = pt.compute_scores(tmp_path, scores=NAMES).sort("model", "target")
    assert_frame_equal(found, scores.sort("model", "target"), check_exact=True)


def test_targets(models: pl.DataFrame, scores: pl.DataFrame) -> None:
    found = pt.compute_scores(models, scores=NAMES, targets=["new"])
    assert_frame_equal(found, scores.filter(target="new"), check_exact=True)
    with pytest.raises(ValueError, match="targets: no model has a task 'newer'; did you"):
        pt.compute_scores(models, targets=["new", "newer"])


def test_tasks_that_are_no_targets_may_hold_anything(
    models: pl.DataFrame, scores: pl.DataFrame
) -> None:
    broken = models.with_columns(
        embedding=pl.when(NEW).then("embedding"), label=pl.when(NEW).then("label")
    )
    found = pt.compute_scores(broken, scores=NAMES, targets=["new"])
    assert_frame_equal(found, scores.filter(target="new"), check_exact=True)


def test_several_keys_and_other_names(models: pl.DataFrame, scores: pl.DataFrame) -> None:
    renamed = models.select(
        pl.col("model").alias("network"),
        pl.lit(1).alias("version"),
        pl.col("task").alias("data"),
        pl.col("label").alias("digit"),
        (pl.col("split") == "train").alias("learn"),
        pl.col("embedding").alias("features"),
    )
    found = pt.compute_scores(
        renamed,
        model=["network", "version"],
        embedding="features",
        label="digit",
        task="data",
        fit="learn",
        scores=NAMES,
    )
    assert found.columns[:3] == ["network", "version", "target"]
    same = found.drop("version").rename({"network": "model"})
    assert_frame_equal(same, scores, check_exact=True)


def test_arguments_have_two_names(models: pl.DataFrame, scores: pl.DataFrame) -> None:
    renamed = models.rename({"model": "network"})
    found = pt.compute_scores(renamed, by="network", which=NAMES)
    assert_frame_equal(found.rename({"network": "model"}), scores, check_exact=True)


def test_without_a_split(models: pl.DataFrame) -> None:
    found = pt.compute_scores(models.drop("split"), scores=NAMES, fit=None)
    for (model, task), rows in models.group_by("model", "task"):
        expected = value(rows, pt.scores("embedding", "label", scores=NAMES))
        one = found.filter(model=model, target=task).select(*COLUMNS, *FACTS)
        assert one.to_dicts() == [{**expected, "n_evaluated": rows.height}]


def test_all_rows_are_one_task(models: pl.DataFrame, scores: pl.DataFrame) -> None:
    old = models.filter(OLD).drop("task")
    found = pt.compute_scores(old, task=None, scores=NAMES)
    expected = scores.filter(target="old").with_columns(target=pl.lit("all"))
    assert_frame_equal(found, expected, check_exact=True)
    assert_frame_equal(pt.compute_scores(old, task=None, targets=["all"], scores=NAMES), found)
    with pytest.raises(ValueError, match="no model has a task 'old'; there are all"):
        pt.compute_scores(old, task=None, targets=["old"])


def test_each_file_is_one_model(models: pl.DataFrame, scores: pl.DataFrame, tmp_path: Path) -> None:
    for (model,), part in models.group_by("model", maintain_order=True):
        part.drop("model").write_parquet(tmp_path / f"{model}.parquet")
    found = pt.compute_scores(tmp_path, model=None, scores=NAMES)
    assert_frame_equal(found, scores, check_exact=True)
    bounds = pt.compute_bounds(tmp_path, model=None, sources=["old"], transform="identity", l2=1)
    expected = pt.compute_bounds(models, sources=["old"], transform="identity", l2=1)
    assert_frame_equal(bounds, expected, check_exact=True)


def test_options_of_scores(models: pl.DataFrame) -> None:
    which = {"knn": {"k": 1, "metric": "cosine"}, "linear_probe": {"l2": 0.1}}
    found = pt.compute_scores(models, scores=which)
    parts = [f"linear_probe_{part}" for part in ("loss", "accuracy", "train_loss", "l2")]
    assert found.columns == ["model", "target", "knn_accuracy", *parts, *FACTS, "problems"]
    rows = models.filter(OLD, model="net1")
    expected = value(rows, pt.scores("embedding", "label", scores=which, fit=TRAIN))
    (one,) = found.filter(model="net1", target="old").to_dicts()
    assert one["knn_accuracy"] == expected["knn_accuracy"]
    assert [one[part] for part in parts] == list(expected["linear_probe"].values())
    assert found["linear_probe_l2"].unique().to_list() == [0.1]


def test_scores_of_two_tasks(models: pl.DataFrame) -> None:
    found = pt.compute_scores(
        models,
        sources=["old"],
        targets=["new"],
        scores={"otdd": {"p": 1}, "ot_nce": {}, "logme": {}},
    )
    columns = ["model", "source", "target", "otdd", "ot_nce", "logme", *FACTS, "problems"]
    assert found.columns == columns
    assert found.select("source", "target").unique().rows() == [("old", "new")]
    old, new = (pt.task(where=side & TRAIN) for side in (OLD, NEW))
    for (model,), rows in models.group_by("model"):
        (one,) = found.filter(model=model).to_dicts()
        assert one["otdd"] == value(rows, pt.otdd(old, new, p=1))
        assert one["ot_nce"] == value(rows, pt.ot_nce(old, new))
        assert one["logme"] == value(rows.filter(NEW & TRAIN), pt.logme("embedding", "label"))
    every = pt.compute_scores(models, sources=["old", "new"], scores="ot_nce")
    assert every.filter(model="net0").select("source", "target").rows() == [
        ("new", "old"),
        ("old", "new"),
    ]
    with pytest.raises(ValueError, match="sources: no model has a task 'older'"):
        pt.compute_scores(models, sources=["older"], scores="ot_nce")
    with pytest.raises(ValueError, match="no pair of a source and another target"):
        pt.compute_scores(models, sources=["old"], targets=["old"], scores="ot_nce")


def test_clusters_in_place_of_labels(models: pl.DataFrame) -> None:
    found = pt.compute_scores(
        models.drop("label"), clusters=3, seed=4, scores=["h_score", "transrate"]
    )
    assert set(found["labels"]) == {"pseudo"}
    assert set(found["classes"]) == {3}
    rows = models.filter(OLD, model="net2")
    label = pt.pseudo_labels("embedding", 3, seed=4)
    expected = rows.with_columns(label=label).filter(TRAIN)
    (one,) = found.filter(model="net2", target="old").to_dicts()
    wanted = value(expected, pt.h_score("embedding", "label"))
    assert one["h_score"] == pytest.approx(wanted, rel=1e-12)


def test_probabilities_and_source_labels() -> None:
    rows = source_groups(2)
    which = ["leep", "nce", "pactran_gamma"]
    found = pt.compute_scores(rows, scores=which)
    best = pt.argmax_labels("probabilities")
    side = rows.filter(OLD & TRAIN, model="net0")
    (one,) = found.filter(model="net0", target="old").to_dicts()
    assert one["leep"] == value(side, pt.leep("probabilities", "label"))
    assert one["nce"] == value(side, pt.nce(best, "label"))
    assert one["pactran_gamma"] == value(side, pt.pactran("probabilities", "label", prior="gamma"))
    given = pt.compute_scores(rows, scores=which, source_label="source_label")
    assert_frame_equal(given, found, check_exact=True)
    logits = rows.with_columns(
        logits=pl.col("probabilities")
        .cast(pl.List(pl.Float64))
        .list.eval((pl.element() + 1e-9).log())
    ).drop("probabilities")
    found_of_logits = pt.compute_scores(logits, scores=which)
    assert_frame_equal(found_of_logits, found, rel_tol=1e-6)
    named = rows.rename({"probabilities": "p"})
    assert_frame_equal(
        pt.compute_scores(named, scores=which, probabilities="p"), found, check_exact=True
    )


def test_all_scores_leave_out_what_there_are_no_columns_for(tmp_path: Path) -> None:
    rows = source_groups(2)
    with_probabilities, without = rows.partition_by("model")
    with_probabilities.write_parquet(tmp_path / "0.parquet")
    without.drop("probabilities", "source_label").write_parquet(tmp_path / "1.parquet")
    fit = pl.int_range(pl.len()) % 4 != 0
    found = pt.compute_scores(tmp_path, scores="all", fit=fit)
    of_predictions = [score.name for score in CATALOGUE if score.reads != "embedding"]
    assert {"leep", "nce", "nuclear_norm"} < set(of_predictions)
    for name in of_predictions:
        assert found[name].is_null().to_list() == [False, False, True, True]
    assert {"otdd", "tetot"}.isdisjoint(found.columns)
    others = found.drop(of_predictions)
    assert sum(others.null_count().row(0)) == 0
    message = "model = 'net1': leep needs a column 'probabilities' or 'logits', and there is none"
    with pytest.raises(pl.exceptions.ColumnNotFoundError, match=message):
        pt.compute_scores(tmp_path, scores=["logme", "leep"], strict=True)


def test_all_scores_of_two_tasks(models: pl.DataFrame) -> None:
    found = pt.compute_scores(models, scores="all", fit=None, sources=["old"], targets=["new"])
    assert {"otdd", "ot_nce", "s_otdd", "tetot"} < set(found.columns)
    assert {"etran", "etran_lda", "ncti", "ncti_seli"} < set(found.columns)
    assert found.height == 3


def test_pooled_scores_are_combined_over_the_models_of_a_target(models: pl.DataFrame) -> None:
    found = pt.compute_scores(models, scores=["etran", "ncti"])
    for target in ("old", "new"):
        of_target = found.filter(target=target)
        parts = (
            models.filter(TRAIN, task=target)
            .group_by("model", maintain_order=True)
            .agg(pt.etran("embedding", "label"), pt.ncti("embedding", "label"))
        )
        expected = pt.combine_pool(parts, pool=None)
        assert_frame_equal(of_target.select(expected.columns), expected, check_exact=True)


def test_progress_goes_to_standard_error(
    models: pl.DataFrame, capfd: pytest.CaptureFixture[str]
) -> None:
    pt.compute_scores(models, scores="h_score")
    assert capfd.readouterr() == ("", "")
    pt.compute_scores(models, scores="h_score", progress=True)
    out, err = capfd.readouterr()
    assert out == ""
    assert "3/3" in err


@pytest.mark.parametrize("widgets", [True, False])
def test_progress_in_jupyter_needs_no_widgets(
    widgets: bool,
    models: pl.DataFrame,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    # What rich takes for Jupyter.
    shell = type("ZMQInteractiveShell", (), {})
    monkeypatch.setattr("builtins.get_ipython", shell, raising=False)
    found = ModuleSpec("ipywidgets", None) if widgets else None
    monkeypatch.setattr("polars_transferability.tables.keys.find_spec", lambda _: found)
    console = _console()
    assert console.is_jupyter is widgets
    if not widgets:
        pt.compute_scores(models, scores="h_score", progress=True)
        assert "\r" in capfd.readouterr().err


def test_errors_name_the_model_and_the_target(models: pl.DataFrame) -> None:
    here = (pl.col("model") == "net1") & NEW & (pl.int_range(pl.len()).over("model", "task") == 0)
    broken = models.with_columns(label=pl.when(~here).then("label"))
    message = r"model = 'net1', target 'new': .*label column \"label\" of scores is null in 1 of"
    with pytest.raises(pl.exceptions.ComputeError, match=message):
        pt.compute_scores(broken, scores="h_score", strict=True)
    message = r"model = 'net1', source 'old', target 'new': .*\"label\" of the target task is null"
    with pytest.raises(pl.exceptions.ComputeError, match=message):
        pt.compute_scores(broken, scores="otdd", sources=["old"], targets=["new"], strict=True)


def test_missing_columns_are_named(models: pl.DataFrame, tmp_path: Path) -> None:
    with pytest.raises(pl.exceptions.ColumnNotFoundError, match="label"):
        pt.compute_scores(models.drop("label"))
    with pytest.raises(pl.exceptions.ColumnNotFoundError, match=r"split.*pass fit=None"):
        pt.compute_scores(models.drop("split"))
    models.drop("embedding").write_parquet(tmp_path / "a.parquet")
    with pytest.raises(pl.exceptions.ColumnNotFoundError, match=r"a\.parquet.*embedding"):
        pt.compute_scores(tmp_path)


def test_null_tasks(models: pl.DataFrame) -> None:
    broken = models.with_columns(task=pl.when(OLD).then("task"))
    with pytest.raises(ValueError, match="model = 'net0': column 'task' of tasks has nulls"):
        pt.compute_scores(broken, strict=True)
