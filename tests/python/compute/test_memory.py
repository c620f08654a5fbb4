"""Keys of more rows than a budget of memory holds: a sample stands for them, and it is said."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import polars_transferability as pt
import pytest
from polars.testing import assert_frame_equal
from polars_transferability.tables.memory import memory_of
from registry import embedding_rows

SCORES = ("logme", "knn_accuracy", "linear_probe")


def rows_of(
    models: int = 2, per_class: int = 60, classes: int = 3, width: int = 16
) -> pl.DataFrame:
    """Rows of two tasks, of which a third is not to be fitted on."""
    rng = np.random.default_rng(5)
    n = models * 2 * classes * per_class
    index = np.arange(n)
    label = index % classes
    points = rng.normal(size=(n, width)) + 2 * label[:, None] * (np.arange(width) % 3)
    return pl.DataFrame(
        {
            "model": [f"net{i}" for i in index // (n // models)],
            "task": np.where((index // classes) % 2 == 0, "digits", "letters").tolist(),
            "split": np.where((index // (2 * classes)) % 3 == 0, "test", "train").tolist(),
            "label": [f"class{i}" for i in label],
            "embedding": pl.Series(points.astype(np.float32), dtype=pl.Array(pl.Float32, width)),
        }
    )


ROWS = rows_of()
# Of a model, 360 rows of 64 bytes and some for names: their sample is a third of them.
SMALL = "35kB"


@pytest.fixture
def files(tmp_path: Path) -> Path:
    for (model,), rows in ROWS.group_by("model", maintain_order=True):
        rows.write_parquet(tmp_path / f"{model}.parquet", row_group_size=50)
    return tmp_path


@pytest.mark.parametrize("memory", [None, "1GB", 10**9])
def test_below_the_budget_nothing_changes(
    files: Path, memory: str | int | None, capsys: pytest.CaptureFixture[str]
) -> None:
    bounds = pt.compute_bounds(files, memory=memory)
    assert_frame_equal(bounds, pt.compute_bounds(ROWS), check_exact=True)
    found = pt.compute_scores(files, scores=SCORES, memory=memory)
    assert_frame_equal(found, pt.compute_scores(ROWS, scores=SCORES), check_exact=True)
    assert capsys.readouterr().err == ""


def test_bounds_of_a_sample(files: Path, capsys: pytest.CaptureFixture[str]) -> None:
    bounds = pt.compute_bounds(files, memory=SMALL)
    assert bounds.height == 4
    assert bounds["rows"].unique().to_list() == [360]
    assert 0 < bounds["sampled_rows"].max() < 200  # type: ignore[operator]
    assert (bounds["bound_high"] >= bounds["bound"]).all()
    assert bounds["problems"].list.len().sum() == 0
    said = capsys.readouterr().err.splitlines()
    assert [line.startswith(f"model = 'net{i}': 360 rows take") for i, line in enumerate(said)] == [
        True,
        True,
    ]
    assert f"too much for memory {SMALL}" in said[0]


def test_a_bound_of_a_sample_is_that_of_its_rows(files: Path) -> None:
    """A budget decides which rows are used, and nothing else."""
    files = files / "net0.parquet"
    summary = pt.scan_summaries(files, by=["model", "task", "split"], rows_per_class=8).collect()
    drawn = summary.explode("sample").drop("n", "moments", "problems").unnest("sample")
    bounds = pt.compute_bounds(drawn, confidence=0.95)
    for kilobytes in range(20, 60, 2):
        found = pt.compute_bounds(files, memory=f"{kilobytes}kB")
        if found["sampled_rows"].to_list() == [2 * 2 * 3 * 8] * 2:
            assert_frame_equal(found.drop("rows", "sampled_rows"), bounds, check_exact=True)
            return
    pytest.fail("no budget draws eight rows of each class")


def test_scores_of_a_sample(files: Path) -> None:
    of_all = pt.compute_scores(ROWS, scores=SCORES)
    found = pt.compute_scores(files, scores=SCORES, memory=SMALL)
    assert found["rows"].unique().to_list() == [360]
    for name in ("knn_accuracy", "linear_probe_loss"):
        low, high = found[f"{name}_low"], found[f"{name}_high"]
        assert ((low <= found[name]) & (found[name] <= high)).all()
        assert ((low <= of_all[name]) & (of_all[name] <= high)).all()
    assert "linear_probe_l2_low" not in found.columns


def test_only_rows_of_the_tasks_that_are_asked_for_count(
    files: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    options = {"scores": SCORES, "targets": ["digits"]}
    # It holds the rows of one task, and not those of two.
    found = pt.compute_scores(files, memory="60kB", **options)
    assert_frame_equal(found, pt.compute_scores(ROWS, **options), check_exact=True)
    assert capsys.readouterr().err == ""
    pt.compute_scores(files, memory="60kB", scores=SCORES)
    assert "360 rows take" in capsys.readouterr().err
    sampled = pt.compute_scores(files, memory=SMALL, **options)
    drawn = capsys.readouterr().err.splitlines()[0].partition("; ")[2].partition(" ")[0]
    assert sampled["sampled_rows"][0] == int(drawn)
    both = pt.compute_scores(files, memory=SMALL, scores=SCORES)
    assert sampled["rows"].unique().to_list() == [180]
    # Nearly as many of one task as of two, and none of the other.
    assert 0.8 * both["sampled_rows"][0] < sampled["sampled_rows"][0] <= 180
    pair = {"sources": ["digits"], "targets": ["letters"]}
    assert pt.compute_bounds(files, memory=SMALL, **pair)["rows"].unique().to_list() == [360]
    lacking = ROWS.with_columns(task=pl.when(model="net1").then(pl.lit("x")).otherwise("task"))
    lacking.filter(model="net1").write_parquet(files / "net1.parquet")
    expected = pt.compute_scores(lacking, **options)["problems"].to_list()
    assert pt.compute_scores(files, memory=SMALL, **options)["problems"].to_list() == expected


def test_intervals_hold_what_they_promise(files: Path) -> None:
    """Of intervals of about 95 %, at least 85 % hold the value of all rows."""
    names = ["knn_accuracy", "linear_probe_loss"]
    of_all = pt.compute_scores(ROWS, scores=["knn_accuracy", "linear_probe"])
    held = []
    for seed in range(20):
        found = pt.compute_scores(
            files, scores=["knn_accuracy", "linear_probe"], memory="60kB", seed=seed
        )
        for name in names:
            low, high = found.get_column(f"{name}_low"), found.get_column(f"{name}_high")
            held += ((low <= of_all[name]) & (of_all[name] <= high)).drop_nulls().to_list()
    assert len(held) >= 80
    assert sum(held) >= 0.85 * len(held)


def test_one_row_of_each_class_tells_nothing(files: Path) -> None:
    found = pt.compute_scores(files, scores="linear_probe", memory="1kB")
    assert found["linear_probe_accuracy"].null_count() == 0
    assert found["linear_probe_accuracy_low"].is_null().all()


def test_halves_that_cannot_be_scored_leave_the_score(files: Path) -> None:
    found = pt.compute_scores(files, scores="logme", clusters=5, memory=SMALL)
    assert found.height == 4
    assert found["target"].null_count() == 0


def test_scores_of_moments_are_those_of_all_rows(files: Path) -> None:
    names = ["logme", "h_score", "shrinkage_h_score", "transrate", "gbc"]
    found = pt.compute_scores(files, scores=names, memory=SMALL)
    of_all = pt.compute_scores(ROWS, scores=names)
    assert_frame_equal(found.select(names), of_all.select(names), rel_tol=1e-9)
    for name in names:
        assert found[name].equals(found[f"{name}_low"])
        assert found[name].equals(found[f"{name}_high"])


def test_scores_of_computed_columns_are_of_the_sample(files: Path) -> None:
    """What files do not hold as it is scored cannot be added up while they are read."""
    found = pt.compute_scores(
        files, embedding=pl.col("embedding").arr.head(3), scores="logme", memory=SMALL
    )
    assert (found["logme_low"] < found["logme_high"]).all()


def test_the_seed_draws_the_sample(files: Path) -> None:
    zero, again, one = (
        pt.compute_scores(files, scores="nleep", memory=SMALL, seed=seed) for seed in (0, 0, 1)
    )
    assert_frame_equal(zero, again, check_exact=True)
    assert not zero["nleep"].equals(one["nleep"])


def test_nulls_outside_the_rows_used_are_kept(files: Path) -> None:
    """Stand-in labels are null where they are not needed, and a sample keeps them so."""
    stand_in = pl.when(pl.col("task") == "letters").then("label")
    for file in files.glob("*.parquet"):
        rows = pl.read_parquet(file).with_columns(stand_in=stand_in)
        rows.write_parquet(file)
    found = pt.compute_bounds(
        files, sources=["digits"], targets=["letters"], target_label="stand_in", memory=SMALL
    )
    assert found["bound"].null_count() == 0


def test_a_damaged_file_stays_a_null_with_a_reason(files: Path) -> None:
    content = bytearray((files / "net1.parquet").read_bytes())
    content[-400:-100] = bytes(300)
    (files / "net1.parquet").write_bytes(content)
    found = pt.compute_bounds(files, memory=SMALL)
    assert found["bound"].is_null().to_list() == [False, False, True]
    assert "net1.parquet" in found["problems"][2][0]


def test_where_a_limit_does_not_apply_it_is_said(
    files: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    ROWS.rename({"label": "y"}).write_parquet(files / "net0.parquet")
    ROWS.filter(model="net1").write_ipc(files / "net1.arrow")
    for file, why in (
        ("net0.parquet", "'y' is taken for the label"),
        ("net1.arrow", "it is a table of Arrow IPC"),
    ):
        pt.compute_scores(files / file, scores="gbc", memory="1kB")
        assert f"memory does not apply to {files / file}: {why}" in capsys.readouterr().err
        pt.compute_scores(files / file, scores="gbc")
        assert capsys.readouterr().err == ""


def test_frames_are_in_memory_already() -> None:
    frame = embedding_rows(models=1)
    whole = pt.compute_scores(frame, scores="logme", fit=None)
    found = pt.compute_scores(frame, scores="logme", fit=None, memory=1)
    assert_frame_equal(found, whole, check_exact=True)


@pytest.mark.parametrize("given", ["", "2 gallons", "-1GB", "0", 0, -5])
def test_wrong_amounts(given: object) -> None:
    with pytest.raises(ValueError, match="memory: expected an amount such as '2GB', found"):
        memory_of(given)


@pytest.mark.parametrize("given", [True, 1.5, ["2GB"]])
def test_wrong_types(given: object) -> None:
    with pytest.raises(TypeError, match="memory: expected an amount"):
        memory_of(given)


def test_a_report_of_samples(files: Path, tmp_path: Path) -> None:
    config = tmp_path / "report.toml"
    config.write_text('files = "net*.parquet"\nscores = ["knn_accuracy"]\nmemory = "20kB"')
    first = pt.report(config, tmp_path / "out")
    bounds, scores = first.tables["bounds"], first.tables["scores"]
    assert (bounds["sampled_rows"] < bounds["rows"]).all()
    assert (scores["knn_accuracy_low"] <= scores["knn_accuracy_high"]).all()
    assert pt.report(config, tmp_path / "out").computed == 0
    whole = pt.report(config, tmp_path / "out", memory="1GB")
    assert "rows" not in whole.tables["bounds"].columns
    assert_frame_equal(
        whole.tables["bounds"].select("model", "source", "target", "bound"),
        pt.compute_bounds(files).select("model", "source", "target", "bound"),
        check_row_order=False,
        check_exact=True,
    )
    config.write_text('files = "net*.parquet"\nmemory = "much"')
    with pytest.raises(ValueError, match=r"report\.toml: memory: expected an amount"):
        pt.report(config, tmp_path / "out")
