"""`compute_bounds`: the same numbers as the expression, from frames and files of any shape."""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import Any

import polars as pl
import polars_transferability as pt
import pytest
from polars.testing import assert_frame_equal
from polars_transferability._door import COMMAND, through
from registry import BOUND, NEW, OLD, TRAIN, embedding_rows, value

OPTIONS = {"l2": 0.1, "transform": "identity"}


@pytest.fixture
def models() -> pl.DataFrame:
    return embedding_rows(models=3)


@pytest.fixture
def bounds(models: pl.DataFrame) -> pl.DataFrame:
    return pt.compute_bounds(models, **OPTIONS)


def test_equals_the_expression(models: pl.DataFrame, bounds: pl.DataFrame) -> None:
    assert dict(bounds.schema) == {
        "model": pl.String,
        "source": pl.String,
        "target": pl.String,
        **BOUND,
        "problems": pl.List(pl.String),
    }
    keys = [(f"net{i}", *pair) for i in range(3) for pair in (("new", "old"), ("old", "new"))]
    assert bounds.select("model", "source", "target").rows() == keys
    old, new = pt.task(where=OLD, fit=TRAIN), pt.task(where=NEW, fit=TRAIN)
    for model, rows in models.group_by("model"):
        found = bounds.filter(model=model[0], source="old", target="new")
        expected = value(rows, pt.transfer_bound(old, new, **OPTIONS))
        assert found.select(list(BOUND)).to_dicts() == [expected]


def test_lazy_frame(models: pl.DataFrame, bounds: pl.DataFrame) -> None:
    assert_frame_equal(pt.compute_bounds(models.lazy(), **OPTIONS), bounds, check_exact=True)


def test_sources_and_targets(models: pl.DataFrame, bounds: pl.DataFrame) -> None:
    found = pt.compute_bounds(models, sources=["old"], targets=["new"], **OPTIONS)
    expected = bounds.filter(source="old", target="new")
    assert_frame_equal(found, expected, check_exact=True)


@pytest.mark.parametrize(
    "options",
    [{}, {"probe": True, "confidence": 0.9, "seeds": 2}, {"target_clusters": 3}],
    ids=lambda options: "-".join(options) or "defaults",
)
def test_a_pair_alone_is_as_among_all(options: dict[str, Any]) -> None:
    """So a cluster may compute each pair by itself."""
    far = embedding_rows(seed=1).filter(OLD).with_columns(task=pl.lit("far"))
    rows = pl.concat([embedding_rows(), far])
    together = pt.compute_bounds(rows, **options)
    alone = pl.concat(
        pt.compute_bounds(rows, sources=[source], targets=[target], **options)
        for source, target in together.select("source", "target").iter_rows()
    )
    assert together.height == 6
    assert_frame_equal(alone, together, check_exact=True)


def test_files_folders_and_globs(
    models: pl.DataFrame, bounds: pl.DataFrame, tmp_path: Path
) -> None:
    paths = [tmp_path / f"{i}.parquet" for i in range(3)]
    for path, part in zip(paths, models.partition_by("model", maintain_order=True), strict=True):
        part.write_parquet(path)
    for files in (paths, [str(path) for path in paths], tmp_path, str(tmp_path / "*.parquet")):
        assert_frame_equal(pt.compute_bounds(files, **OPTIONS), bounds, check_exact=True)
    one = pt.compute_bounds(paths[1], **OPTIONS)
    assert_frame_equal(one, bounds.filter(model="net1"), check_exact=True)


def test_one_model_in_several_files(
    models: pl.DataFrame, bounds: pl.DataFrame, tmp_path: Path
) -> None:
    # One file per task, one of them with another integer type of labels.
    models.filter(OLD).write_parquet(tmp_path / "old.parquet")
    models.filter(NEW).with_columns(pl.col("label").cast(pl.UInt8)).write_parquet(
        tmp_path / "new.parquet"
    )
    assert_frame_equal(pt.compute_bounds(tmp_path, **OPTIONS), bounds, check_exact=True)


def test_hive_partitions(models: pl.DataFrame, bounds: pl.DataFrame, tmp_path: Path) -> None:
    for (model, task), part in models.group_by("model", "task"):
        folder = tmp_path / f"model={model}" / f"task={task}"
        folder.mkdir(parents=True)
        part.drop("model", "task").write_parquet(folder / "part.parquet")
    assert_frame_equal(pt.compute_bounds(tmp_path, **OPTIONS), bounds, check_exact=True)


def test_names_of_hive_partitions_are_unquoted(models: pl.DataFrame, tmp_path: Path) -> None:
    folder = tmp_path / "model=a%2Fb c"
    folder.mkdir()
    models.filter(model="net0").drop("model").write_parquet(folder / "0.parquet")
    assert set(pt.compute_bounds(tmp_path, **OPTIONS)["model"]) == {"a/b c"}


def test_models_may_differ_in_width(tmp_path: Path) -> None:
    narrow = embedding_rows(width=3)
    wide = embedding_rows(width=5).with_columns(model=pl.lit("wide"))
    paths = [tmp_path / "narrow.parquet", tmp_path / "wide.parquet"]
    for rows, path in zip((narrow, wide), paths, strict=True):
        rows.write_parquet(path)
    together = pt.compute_bounds(paths, **OPTIONS)
    alone = [pt.compute_bounds(rows, **OPTIONS) for rows in (narrow, wide)]
    assert_frame_equal(together, pl.concat(alone), check_exact=True)
    # In one table as well, as lists.
    lists = pl.concat(r.with_columns(pl.col("embedding").arr.to_list()) for r in (narrow, wide))
    assert_frame_equal(pt.compute_bounds(lists, **OPTIONS), together, check_exact=True)


def test_several_keys_and_other_names(models: pl.DataFrame, bounds: pl.DataFrame) -> None:
    renamed = models.select(
        pl.lit(1).alias("version"),
        pl.col("model").alias("network"),
        pl.col("task").alias("data"),
        pl.col("label").alias("digit"),
        (pl.col("split") == "train").alias("learn"),
        pl.col("embedding").alias("features"),
    )
    found = pt.compute_bounds(
        renamed,
        model=["network", "version"],
        embedding="features",
        label="digit",
        task="data",
        fit="learn",
        **OPTIONS,
    )
    assert found.columns[:4] == ["network", "version", "source", "target"]
    expected = bounds.rename({"model": "network"})
    assert_frame_equal(found.drop("version"), expected, check_exact=True)


def test_the_key_has_two_names(models: pl.DataFrame, bounds: pl.DataFrame) -> None:
    found = pt.compute_bounds(models.rename({"model": "network"}), by="network", **OPTIONS)
    assert_frame_equal(found.rename({"network": "model"}), bounds, check_exact=True)


@pytest.mark.parametrize("function", [pt.compute_bounds, pt.compute_scores, pt.transfer_bounds])
def test_columns_stand_in_one_order_with_their_usual_names(function: Any) -> None:
    parameters = inspect.signature(function).parameters
    columns = {"model": "model", "embedding": "embedding", "label": "label", "task": "task"}
    found = {name: p.default for name, p in parameters.items() if name in columns}
    if function is pt.transfer_bounds:
        del columns["model"]
    assert list(found.items()) == list(columns.items())


def test_null_key_is_a_key(models: pl.DataFrame, bounds: pl.DataFrame) -> None:
    nulled = models.with_columns(pl.col("model").replace("net1", None))
    found = pt.compute_bounds(nulled, **OPTIONS)
    expected = bounds.with_columns(pl.col("model").replace("net1", None))
    assert_frame_equal(found, expected, check_exact=True)


def test_progress_goes_to_standard_error(
    models: pl.DataFrame, bounds: pl.DataFrame, capfd: pytest.CaptureFixture[str]
) -> None:
    assert_frame_equal(pt.compute_bounds(models, progress=True, **OPTIONS), bounds)
    shown = capfd.readouterr()
    assert shown.out == ""
    assert "3/3" in shown.err
    pt.compute_bounds(models, progress=False, **OPTIONS)
    assert capfd.readouterr() == ("", "")


def test_missing_column_is_named(models: pl.DataFrame, tmp_path: Path) -> None:
    path = tmp_path / "lacking.parquet"
    models.drop("label", "task").write_parquet(path)
    message = r"lacking\.parquet: column '(label', 'task|task', 'label)' not found; there are \["
    with pytest.raises(pl.exceptions.ColumnNotFoundError, match=message):
        pt.compute_bounds(path)


def test_missing_split_says_what_to_do(models: pl.DataFrame) -> None:
    unsplit = models.drop("split")
    message = r"column 'split' not found; .*; for tables without a split pass fit=None"
    with pytest.raises(pl.exceptions.ColumnNotFoundError, match=message):
        pt.compute_bounds(unsplit)
    assert pt.compute_bounds(unsplit, fit=None, **OPTIONS).height == 6


def test_error_names_the_key(models: pl.DataFrame) -> None:
    nan = pl.lit([float("nan"), 0.0, 0.0], dtype=pl.Array(pl.Float64, 3))
    broken = models.with_columns(
        pl.when(pl.col("model") == "net2").then(nan).otherwise("embedding").alias("embedding")
    )
    message = r"""^model = 'net2': .*"embedding" of task "new" has 21 NaN"""
    with pytest.raises(pl.exceptions.ComputeError, match=message):
        pt.compute_bounds(broken, strict=True, **OPTIONS)


def test_no_rows(models: pl.DataFrame) -> None:
    with pytest.raises(ValueError, match="no rows in frame"):
        pt.compute_bounds(models.clear())


def test_no_file(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"no such file: '.*nothing\.parquet'"):
        pt.compute_bounds(tmp_path / "nothing.parquet")
    with pytest.raises(FileNotFoundError, match="no table in"):
        pt.compute_bounds(tmp_path)
    with pytest.raises(FileNotFoundError, match="no table matches"):
        pt.compute_bounds(str(tmp_path / "*.parquet"))


def test_work_of_minutes_is_announced_where_a_command_waits(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = embedding_rows()
    monkeypatch.setattr("polars_transferability.compute.bounds._LONG", 0)
    pt.compute_bounds(rows)
    assert capsys.readouterr().err == ""
    with through(COMMAND):
        pt.compute_bounds(rows)
    announced = "model = 'net0': bounds take about 0 CPU minutes; --max-rows-per-class makes them"
    assert announced in capsys.readouterr().err
