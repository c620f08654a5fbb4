"""Reading leaderboards, joining scores with them, and comparing scores with trivial rankers."""

from __future__ import annotations

import re
from pathlib import Path

import polars as pl
import polars_transferability as pt
import pytest
from polars.testing import assert_frame_equal
from registry import INTERVALS, STATISTICS

ELSEWHERE = "mean_accuracy_elsewhere"


@pytest.fixture
def long() -> pl.DataFrame:
    return pl.DataFrame(
        {
            "model": ["a", "b", "c", "a", "b", "a", "c"],
            "target": ["cars", "cars", "cars", "pets", "pets", "food", "food"],
            "accuracy": [0.5, 0.6, 0.7, 0.9, 0.7, 0.8, 0.6],
        }
    )


@pytest.fixture
def scores() -> pl.DataFrame:
    pairs = [(model, target) for target in ("cars", "pets") for model in "abc"]
    return pl.DataFrame(pairs, schema=["model", "target"], orient="row").with_columns(
        logme=pl.Series([0.1, 0.2, 0.3, 0.6, 0.5, 0.4]),
        bound=pl.Series([3.0, 2.0, 1.0, 1.0, 2.0, 3.0]),
    )


def test_long_and_wide_are_the_same(long: pl.DataFrame) -> None:
    wide = long.pivot("target", index="model", values="accuracy")
    assert_frame_equal(pt.read_leaderboard(long), long)
    assert_frame_equal(pt.read_leaderboard(wide), long, check_row_order=False)
    some = pt.read_leaderboard(wide, targets=["cars", "food"])
    assert_frame_equal(some, long.filter(pl.col("target") != "pets"), check_row_order=False)


def test_frames_and_files_are_the_same(long: pl.DataFrame, tmp_path: Path) -> None:
    csv, parquet = tmp_path / "board.csv", tmp_path / "board.parquet"
    long.write_csv(csv)
    long.write_parquet(parquet)
    for source in (long.lazy(), csv, str(csv), parquet):
        assert_frame_equal(pt.read_leaderboard(source), long)


@pytest.mark.parametrize("dtype", [pl.Categorical, pl.Enum(["a", "b", "c"])], ids=str)
def test_names_of_any_dtype_match(
    dtype: pl.DataType, long: pl.DataFrame, scores: pl.DataFrame
) -> None:
    expected = pt.join_leaderboard(scores, long)
    for found in (
        pt.join_leaderboard(scores.with_columns(pl.col("model").cast(dtype)), long),
        pt.join_leaderboard(scores, long.with_columns(pl.col("model").cast(dtype))),
    ):
        assert_frame_equal(found.frame, expected.frame, check_dtypes=False, categorical_as_str=True)


def test_other_names_and_numbers(long: pl.DataFrame) -> None:
    renamed = long.select(
        pl.col("model").alias("network"),
        pl.col("target").alias("dataset"),
        (pl.col("accuracy") * 100).round().cast(pl.Int32).alias("top1"),
    )
    found = pt.read_leaderboard(renamed, model="network", target="dataset")
    expected = long.with_columns((pl.col("accuracy") * 100).round())
    assert_frame_equal(found, expected)
    beside = renamed.with_columns(top5=99)
    assert_frame_equal(
        pt.read_leaderboard(beside, model="network", target="dataset", accuracy="top1"), expected
    )


def test_index_of_pandas_is_no_target(long: pl.DataFrame, tmp_path: Path) -> None:
    wide = long.pivot("target", index="model", values="accuracy")
    wide.to_pandas().to_csv(tmp_path / "wide.csv")
    assert (tmp_path / "wide.csv").read_text().startswith(",model,")
    found = pt.read_leaderboard(tmp_path / "wide.csv")
    assert_frame_equal(found, long, check_row_order=False)


def test_empty_cells_are_no_entries(long: pl.DataFrame, scores: pl.DataFrame) -> None:
    nulls = pl.DataFrame({"model": ["c"], "target": ["pets"], "accuracy": [None]})
    with_null = pl.concat([long, nulls], how="vertical_relaxed")
    assert_frame_equal(pt.read_leaderboard(with_null), long)
    joined = pt.join_leaderboard(scores, with_null)
    assert joined.unmatched_scores.rows() == [("c", "pets", "pair", None, None)]


def test_join_keeps_every_row_of_the_scores(long: pl.DataFrame, scores: pl.DataFrame) -> None:
    twice = pl.concat([scores, scores.reverse()])
    joined = pt.join_leaderboard(twice, long)
    assert_frame_equal(joined.frame.select(twice.columns), twice)
    assert joined.frame.columns == [*twice.columns, "accuracy", ELSEWHERE]
    expected = [0.5, 0.6, 0.7, 0.9, 0.7, None]
    assert joined.frame["accuracy"].to_list() == expected + expected[::-1]
    assert joined.matched == 5
    assert joined.trivial == (ELSEWHERE,)


def test_mean_accuracy_elsewhere_by_hand(long: pl.DataFrame, scores: pl.DataFrame) -> None:
    found = pt.join_leaderboard(scores, long).frame[ELSEWHERE].to_list()
    assert found[:5] == pytest.approx([0.85, 0.7, 0.6, 0.65, 0.6], rel=1e-12)
    # The leaderboard has no entry of c on pets, so nothing stands beside that row.
    assert found[5] is None
    lonely = pt.join_leaderboard(scores, long.filter(pl.col("target") == "cars"))
    assert lonely.frame[ELSEWHERE].is_null().all()


def test_models_alike_elsewhere_tie_to_the_last_bit() -> None:
    elsewhere = [0.1, 0.7, 0.3, 0.6, 0.2]
    names = [f"target{i}" for i in range(5)]
    rows = [
        {"model": f"net{i}", "own": own, **dict(zip(names, elsewhere, strict=True))}
        for i, own in enumerate((0.9, 0.123, 0.4567))
    ]
    rows[1] |= dict(zip(names, elsewhere[::-1], strict=True))
    scores = pl.DataFrame({"model": ["net0", "net1", "net2"], "target": ["own"] * 3})
    found = pt.join_leaderboard(scores, pl.DataFrame(rows)).frame[ELSEWHERE]
    assert found.n_unique() == 1


def test_static_columns_rank_too(long: pl.DataFrame, scores: pl.DataFrame) -> None:
    sizes = {"a": 1, "b": 2, "c": 3}
    static = long.with_columns(
        parameters=pl.col("model").replace_strict(sizes), family=pl.lit("net")
    )
    joined = pt.join_leaderboard(scores, static, static=["parameters", "family"])
    assert joined.frame["parameters"].to_list() == [1, 2, 3, 1, 2, None]
    assert joined.trivial == (ELSEWHERE, "parameters")
    quality = pt.compare(joined, scores="logme", k=1)
    assert quality.filter(pl.col("trivial"))["score"].to_list() == [ELSEWHERE, "parameters"] * 2
    wide = static.pivot("target", index=["model", "parameters", "family"], values="accuracy")
    from_wide = pt.join_leaderboard(scores, wide, static=["parameters", "family"])
    assert_frame_equal(from_wide.frame, joined.frame)


def test_unmatched_names_and_near_misses() -> None:
    scores = pl.DataFrame(
        {
            "model": ["resnet50", "resnet50", "vgg16", "vgg16", "odd"],
            "target": ["cars", "CIFAR-10", "cars", "pets", None],
        }
    )
    leaderboard = pl.DataFrame(
        {
            "model": ["ResNet-50", "vgg16", "vgg16", "alone"],
            "target": ["cars", "cars", "cifar10", "pets"],
            "accuracy": [0.1, 0.2, 0.3, 0.4],
        }
    )
    joined = pt.join_leaderboard(scores, leaderboard)
    assert joined.matched == 1
    assert joined.unmatched_scores.rows() == [
        ("resnet50", "cars", "model", "ResNet-50", None),
        ("resnet50", "CIFAR-10", "model and target", "ResNet-50", "cifar10"),
        ("vgg16", "pets", "pair", None, None),
        ("odd", None, "model and target", None, None),
    ]
    assert joined.unmatched_leaderboard.rows() == [
        ("ResNet-50", "cars", "model", "resnet50", None),
        ("vgg16", "cifar10", "target", None, "CIFAR-10"),
        ("alone", "pets", "model", None, None),
    ]
    assert joined.report().splitlines() == [
        "1 of 5 pairs of model and target are on the leaderboard",
        "models with scores that are not on the leaderboard: "
        "'resnet50' (similar: 'ResNet-50'), 'odd'",
        "targets with scores that are not on the leaderboard: "
        "'CIFAR-10' (similar: 'cifar10'), None",
        "pairs with scores that are not on the leaderboard, though model and target are: "
        "'vgg16' on 'pets'",
        "models on the leaderboard that are without scores: "
        "'ResNet-50' (similar: 'resnet50'), 'alone'",
        "targets on the leaderboard that are without scores: 'cifar10' (similar: 'CIFAR-10')",
    ]


def test_report_of_a_full_match_is_one_line(long: pl.DataFrame) -> None:
    joined = pt.join_leaderboard(long.select("model", "target"), long)
    assert joined.report() == "7 of 7 pairs of model and target are on the leaderboard"
    assert joined.unmatched_scores.is_empty()
    assert joined.unmatched_leaderboard.schema == joined.unmatched_scores.schema


def test_report_lists_only_some_of_many(long: pl.DataFrame) -> None:
    many = pl.DataFrame({"model": [f"{i:03}" for i in range(50)], "target": ["cars"] * 50})
    line = pt.join_leaderboard(many, long).report().splitlines()[1]
    assert line.count("'") == 20
    assert line.endswith("'009' and 40 more")


def test_compare_ranks_every_score_and_the_trivial_one(
    long: pl.DataFrame, scores: pl.DataFrame
) -> None:
    joined = pt.join_leaderboard(scores, long)
    both = (pl.col("logme") - pl.col("bound")).alias("both")
    quality = pt.compare(joined, scores=["logme", "bound", both], k=1)
    keys = [("cars", False), ("cars", True), ("pets", False), ("pets", True)]
    assert quality.select("target", "trivial").unique(maintain_order=True).rows() == keys
    assert quality["score"].to_list() == ["logme", "bound", "both", ELSEWHERE] * 2
    cars = quality.filter(pl.col("target") == "cars")
    # The bound is a loss, so less of it is better.
    assert cars["spearman"].to_list() == pytest.approx([1, 1, 1, -1])
    assert cars["regret_at_k"].to_list() == pytest.approx([0, 0, 0, 0.2])
    assert quality["n"].to_list() == [3] * 4 + [2] * 4
    assert quality["n_null"].to_list() == [0] * 4 + [1] * 4

    expected = joined.frame.group_by("target", maintain_order=True).agg(
        pt.selection_quality(-pl.col("bound"), "accuracy", k=1)
    )
    found = quality.filter(pl.col("score") == "bound").drop("score", "trivial")
    assert_frame_equal(found, expected.unnest("selection_quality"), check_exact=True)


def test_compare_takes_frames_and_any_groups(long: pl.DataFrame, scores: pl.DataFrame) -> None:
    joined = pt.join_leaderboard(scores, long)
    expected = pt.compare(joined, scores="logme")
    for frame in (joined.frame, joined.frame.lazy()):
        assert_frame_equal(pt.compare(frame, scores="logme"), expected)
    plain = pt.compare(joined.frame.drop(ELSEWHERE), scores=["logme"], trivial=[])
    assert plain["trivial"].to_list() == [False, False]
    cars = joined.frame.filter(pl.col("target") == "cars")
    one = pt.compare(cars, scores=["logme"], by=None)
    assert_frame_equal(one, expected.filter(pl.col("target") == "cars").drop("target"))
    two = pt.compare(cars.with_columns(source=pl.lit("s")), scores="logme", by=["source", "target"])
    assert_frame_equal(two.drop("source"), expected.filter(pl.col("target") == "cars"))
    renamed = joined.frame.rename({"accuracy": "top1"})
    assert_frame_equal(pt.compare(renamed, scores="logme", accuracy="top1"), expected)


def test_compare_turns_only_what_is_named(long: pl.DataFrame, scores: pl.DataFrame) -> None:
    frame = pt.join_leaderboard(scores, long).frame
    as_is = pt.compare(frame, scores=["bound"], lower_is_better=[])
    expression = pt.compare(frame, scores=[pl.col("bound")])
    assert_frame_equal(expression, as_is)
    turned = pt.compare(frame, scores=["logme"], lower_is_better=["logme"])
    assert turned["spearman"][0] == -pt.compare(frame, scores=["logme"])["spearman"][0]
    unsigned = frame.with_columns(pl.col("bound").cast(pl.UInt8))
    assert_frame_equal(pt.compare(unsigned, scores="bound"), pt.compare(frame, scores="bound"))


def test_compare_with_intervals(long: pl.DataFrame, scores: pl.DataFrame) -> None:
    joined = pt.join_leaderboard(scores, long)
    quality = pt.compare(joined, scores="logme", bootstrap=50, confidence=0.8, seed=4)
    assert quality.columns[3:] == [*STATISTICS, *INTERVALS, "n", "n_null"]


def test_a_target_may_be_called_model() -> None:
    wide = pl.DataFrame({"network": ["a"], "model": [0.5], "target of all": [0.6]})
    found = pt.read_leaderboard(wide, model="network").rows()
    assert found == [("a", "model", 0.5), ("a", "target of all", 0.6)]


def test_one_name_is_a_list_of_one(long: pl.DataFrame) -> None:
    rows = long.with_columns(size=pl.lit(1))
    expected = pt.read_leaderboard(rows, static=["size"])
    assert_frame_equal(pt.read_leaderboard(rows, static="size"), expected)
    wide = pl.DataFrame({"model": ["a"], "cars": [0.5], "year": [2020]})
    assert pt.read_leaderboard(wide, targets="cars").rows() == [("a", "cars", 0.5)]


def of_the_lenets(data: Path) -> pt.LeaderboardJoin:
    scores = pt.compute_scores(data / "*.parquet", scores=["logme", "linear_probe", "etran", "knn"])
    return pt.join_leaderboard(scores, data / "lenet_finetuned.csv")


def test_compare_needs_no_scores(data: Path) -> None:
    joined = of_the_lenets(data)
    quality = pt.compare(joined)
    known = ["logme", "linear_probe_accuracy", "etran", "knn_accuracy"]
    found = quality.filter(target="mnist")
    assert set(found.filter(~pl.col("trivial"))["score"]) == set(known)
    columns = ["target", "score", "trivial", "spearman", "weighted_tau", "regret_at_k", "n"]
    assert quality.columns == columns
    named = pt.compare(joined, scores=known).select(columns)
    by = ["target", "score"]
    assert_frame_equal(quality.sort(by), named.sort(by))
    bounds = joined.frame.select("model", "target", "accuracy", bound=-pl.col("logme"), n=1, l2=2)
    turned = pt.compare(bounds)
    assert turned["score"].unique().to_list() == ["bound"]
    expected = quality.filter(score="logme")["spearman"].to_list()
    assert turned["spearman"].to_list() == expected


def test_measures_are_chosen(data: Path) -> None:
    joined = of_the_lenets(data)
    full = pt.compare(joined, measures="all")
    assert full.columns[3:] == [*STATISTICS, "n", "n_null"]
    few = pt.compare(joined, measures=["kendall_tau"], bootstrap=20)
    assert few.columns[3:] == ["kendall_tau", "kendall_tau_low", "kendall_tau_high", "n"]
    assert few["kendall_tau"].to_list() == full["kendall_tau"].to_list()


@pytest.mark.parametrize("width", [80, 120])
def test_a_comparison_fits_on_the_screen(width: int, data: Path) -> None:
    quality = pt.compare(of_the_lenets(data))
    with pl.Config(tbl_width_chars=width, tbl_rows=-1):
        text = str(quality)
    assert max(map(len, text.splitlines())) <= width
    rows = [re.split("[│┆]", line)[1:-1] for line in text.splitlines() if line.startswith("│")]
    shown = [row for row in rows if row[-1].strip() == "3"]
    assert len(shown) == quality.height
    for row, expected in zip(shown, quality.rows(), strict=True):
        numbers = [float(cell) for cell in row[3:6]]
        assert numbers == pytest.approx(expected[3:6], abs=1e-6)
