"""The tables in data/zoo: small, the same rows for all models, only what may be shipped."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import polars_transferability as pt
import pytest
import shipped_zoo
from polars.testing import assert_frame_equal

ZOO = Path(__file__).resolve().parents[2] / "data" / "zoo"
MODELS = pl.read_csv(ZOO / "models.csv")
TASKS = pl.read_csv(ZOO / "tasks.csv")
TRUTH = pl.read_csv(ZOO / "truth.csv")
KEYS = ["task", "split", "label"]
DOMAINS = pytest.mark.parametrize("domain", ["image", "text"])
LARGEST_DATA = 25_000_000


def keys_of(model: str) -> pl.DataFrame:
    return pl.read_parquet(ZOO / f"{model}.parquet", columns=KEYS)


def test_all_data_are_small_enough(data: Path) -> None:
    assert sum(path.stat().st_size for path in data.rglob("*") if path.is_file()) <= LARGEST_DATA


def test_every_model_that_is_listed_has_a_table_and_the_other_way_round() -> None:
    assert sorted(path.stem for path in ZOO.glob("*.parquet")) == MODELS["model"].sort().to_list()


@DOMAINS
def test_the_models_of_a_domain_have_the_same_rows(domain: str) -> None:
    first, *others = MODELS.filter(domain=domain)["model"]
    keys = keys_of(first)
    for other in others:
        assert keys_of(other).equals(keys), other
    counts = keys.group_by("task", "split").len("rows")
    listed = TASKS.filter(domain=domain).unpivot(
        ["train", "test"], index="task", variable_name="split", value_name="rows"
    )
    assert_frame_equal(counts, listed, check_dtypes=False, check_row_order=False)
    classes = keys.group_by("task", "split").agg(pl.col("label").n_unique())
    expected = TASKS.filter(domain=domain).select("task", label="classes")
    for split in ("train", "test"):
        found = classes.filter(split=split).drop("split")
        assert_frame_equal(found, expected, check_dtypes=False, check_row_order=False)


@pytest.mark.parametrize("model", MODELS["model"])
def test_a_table_is_as_its_model_is_described(model: str) -> None:
    table = pl.read_parquet(ZOO / f"{model}.parquet")
    described = MODELS.row(by_predicate=pl.col("model") == model, named=True)
    assert table["model"].unique().to_list() == [model]
    assert table.schema["embedding"] == pl.Array(pl.Float16, described["dim"])
    assert table.height == described["rows"]
    assert table["embedding"].explode().is_finite().all()


@DOMAINS
def test_the_truth_has_every_model_on_every_task_of_its_domain(domain: str) -> None:
    models, tasks = (table.filter(domain=domain) for table in (MODELS, TASKS))
    pairs = models.select("model").join(tasks.select("task"), how="cross")
    found = TRUTH.join(models, on="model", how="semi").select("model", "task", "probe_acc")
    assert_frame_equal(found.drop("probe_acc"), pairs, check_row_order=False)
    assert found["probe_acc"].is_between(0, 1).all()


def test_nothing_is_shipped_whose_licence_does_not_allow_it() -> None:
    """Every licence is one that allows it, or the work is that of the project."""
    allowed = "^(MIT|Apache-2.0|BSD-2-Clause|CC BY(-SA)? [34].0|ours)"
    assert MODELS.filter(~pl.col("licence").str.contains(allowed)).is_empty()
    assert TASKS.filter(~pl.col("licence").str.contains(allowed)).is_empty()
    left_out = {"tokenlearn-static-64", "coco-centernet-mobilenetv3", "cifar10", "coil20", "usps"}
    left_out |= {"trec6", "sst2", "subj", "cr", "agnews", "tweet-emotion", "snips", "sms-spam"}
    named = {*MODELS["model"], *TASKS["task"], *TRUTH["model"], *TRUTH["task"]}
    tables = pl.concat(keys_of(model).select("task") for model in MODELS["model"])
    assert not left_out & {*named, *tables["task"]}


def test_the_credits_name_every_model_and_task(data: Path) -> None:
    text = (data / "README.md").read_text("utf-8")
    assert [name for name in (*MODELS["model"], *TASKS["task"]) if f"`{name}`" not in text] == []


def test_it_is_what_its_script_makes_of_the_full_tables(shared: Path, tmp_path: Path) -> None:
    shipped_zoo.main(shared / "embeddings" / "zoo", tmp_path)
    made = sorted(path.name for path in tmp_path.iterdir())
    assert made == sorted(path.name for path in ZOO.iterdir())
    for name in made:
        read = pl.read_csv if name.endswith(".csv") else pl.read_parquet
        assert_frame_equal(read(tmp_path / name), read(ZOO / name))


def test_the_first_by_knn_is_the_best_in_truth_and_the_best_elsewhere_is_not() -> None:
    """What the README says of the zoo."""
    truth = TRUTH.select("model", target="task", accuracy="probe_acc")
    scores = pt.compute_scores(ZOO, scores=["knn_accuracy"])
    quality = pt.compare(pt.join_leaderboard(scores, truth), k=1)
    lost = quality.join(TASKS.select("domain", target="task"), on="target")
    assert lost.filter(score="knn_accuracy")["regret_at_k"].to_list() == [0] * TASKS.height
    elsewhere = lost.filter(score="mean_accuracy_elsewhere", domain="image")["regret_at_k"].mean()
    assert elsewhere == pytest.approx(0.13, abs=0.005)
