"""What facts of models explain: against a one-way analysis of variance and a line fitted apart."""

from __future__ import annotations

import itertools
import random

import numpy as np
import polars as pl
import pytest
from polars_transferability._factors import explained, level_means
from scipy import stats

MODELS = [f"net{place}" for place in range(8)]
TARGETS = ["cars", "pets", "food"]


def results(seed: int = 0) -> pl.DataFrame:
    """A bound for every model and target; targets differ much more than models."""
    draw = np.random.default_rng(seed)
    pairs = list(itertools.product(TARGETS, MODELS))
    return pl.DataFrame(
        {
            "target": [target for target, _ in pairs],
            "model": [model for _, model in pairs],
            "bound": [10.0 * TARGETS.index(target) + draw.normal() for target, _ in pairs],
            "consensus": draw.uniform(size=len(pairs)),
        }
    )


def facts() -> pl.DataFrame:
    return pl.DataFrame(
        {
            "model": MODELS,
            "data": ["a", "a", "a", "b", "b", "c", "c", "c"],
            "size": [1.0, 2.0, 3.0, 5.0, 8.0, 13.0, 21.0, 34.0],
        }
    )


def centred(rows: pl.DataFrame, measure: str) -> np.ndarray:
    """The values, targets times models, without the mean of each target."""
    table = rows.sort("target", "model")[measure].to_numpy().reshape(len(TARGETS), -1)
    return table - table.mean(axis=1, keepdims=True)


@pytest.mark.parametrize("measure", ["bound", "consensus"])
def test_levels_explain_what_an_analysis_of_variance_says(measure: str) -> None:
    """Eta squared follows from the F of `scipy.stats.f_oneway`."""
    rows = results()
    levels = facts()["data"].to_list()
    values = centred(rows, measure)
    groups = [
        values[:, [place for place, other in enumerate(levels) if other == level]].ravel()
        for level in "abc"
    ]
    between, within = len(groups) - 1, values.size - len(groups)
    f = stats.f_oneway(*groups).statistic
    expected = between * f / (between * f + within)
    found = explained(rows, facts().select("model", "data"), [measure]).row(0, named=True)
    assert found["explained"] == pytest.approx(expected, rel=1e-12)
    assert (found["kind"], found["levels"], found["models"], found["targets"]) == (
        "levels",
        3,
        8,
        3,
    )
    assert (found["spearman"], found["reason"]) == (None, None)


def test_numbers_explain_what_lies_on_a_line() -> None:
    rows, size = results(), facts()["size"].to_numpy()
    values = centred(rows, "bound")
    fitted = stats.linregress(np.tile(size, len(TARGETS)), values.ravel())
    rank = stats.spearmanr(size, values.mean(axis=0)).statistic
    found = explained(rows, facts().select("model", "size"), ["bound"]).row(0, named=True)
    assert found["explained"] == pytest.approx(fitted.rvalue**2, rel=1e-12)
    assert found["spearman"] == pytest.approx(rank, rel=1e-12)
    assert (found["kind"], found["levels"]) == ("number", None)


def test_by_chance_is_the_mean_over_all_ways_to_deal_the_values_out() -> None:
    few = MODELS[:5]
    rows = results(3).filter(pl.col("model").is_in(few))
    given = pl.DataFrame({"model": few, "data": list("aabbc"), "size": [1.0, 2.0, 4.0, 8.0, 9.0]})
    found = {row["factor"]: row for row in explained(rows, given, ["bound"]).iter_rows(named=True)}
    for factor in ("data", "size"):
        shares = [
            explained(
                rows,
                pl.DataFrame({"model": few, factor: order}),
                ["bound"],
            )["explained"].item()
            for order in itertools.permutations(given[factor].to_list())
        ]
        assert found[factor]["by_chance"] == pytest.approx(np.mean(shares), rel=1e-9)


def test_what_targets_have_in_common_explains_nothing() -> None:
    """A number added to all values of a target, and another scale of all, change no share."""
    rows = results()
    moved = rows.with_columns(
        bound=3 * pl.col("bound") + pl.col("target").str.len_chars().cast(pl.Float64) * 100
    )
    before, after = (explained(table, facts(), ["bound"]) for table in (rows, moved))
    for column in ("explained", "by_chance", "spearman"):
        for one, other in zip(before[column], after[column], strict=True):
            assert one is other is None or one == pytest.approx(other, abs=1e-9)


def test_neither_the_order_of_rows_nor_their_names_change_a_bit() -> None:
    rows, shuffled = results(), results().sample(fraction=1.0, shuffle=True, seed=4)
    expected = explained(rows, facts(), ["bound", "consensus"])
    assert explained(shuffled, facts().reverse(), ["bound", "consensus"]).equals(expected)
    named = explained(
        rows.rename({"model": "net"}), facts().rename({"model": "net"}), ["bound"], model="net"
    )
    assert named.equals(expected.filter(measure="bound"))


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        ([f"own {place}" for place in range(8)], "as many levels as models"),
        (["same"] * 8, "all models have the same level"),
        ([2.0] * 8, "all models have the same value"),
        ([None] * 8, "no model has both"),
        ([float("nan"), float("inf")] * 4, "no model has both"),
        ([1.0, 2.0] + [None] * 6, "two models, which a line always explains"),
        (["a", "b"] + [None] * 6, "as many levels as models"),
    ],
)
def test_where_a_share_would_say_nothing_it_is_null_with_the_reason(
    values: list[object], reason: str
) -> None:
    given = pl.DataFrame({"model": MODELS, "fact": values}, strict=False)
    (found,) = explained(results(), given, ["bound"]).iter_rows(named=True)
    assert reason in found["reason"]
    assert (found["explained"], found["by_chance"], found["spearman"]) == (None, None, None)


def test_models_that_do_not_differ_leave_nothing_to_explain() -> None:
    flat = results().with_columns(bound=pl.col("target").str.len_chars() / 3)
    found = explained(flat, facts(), ["bound"])
    assert found["explained"].null_count() == found.height == 2
    assert set(found["reason"]) == {"all models have the same result on each target"}


def test_models_without_a_row_or_a_value_have_no_part() -> None:
    rows = results().with_columns(
        bound=pl.when(pl.col("model") != "net1").then(pl.col("bound")),
    )
    fewer = facts().filter(pl.col("model") != "net2")
    left = explained(rows, fewer, ["bound"])
    kept = ~pl.col("model").is_in(["net1", "net2"])
    assert left.equals(explained(rows.filter(kept), facts().filter(kept), ["bound"]))
    assert left["models"].to_list() == [6, 6]


def test_numbers_that_differ_between_targets_only_explain_nothing_within() -> None:
    rows = pl.DataFrame(
        {"target": ["cars", "cars", "pets", "pets"], "model": list("abcd"), "bound": [1.0, 2, 3, 5]}
    )
    given = pl.DataFrame({"model": list("abcd"), "size": [1.0, 1.0, 2.0, 2.0]})
    (found,) = explained(rows, given, ["bound"]).iter_rows(named=True)
    assert (found["explained"], found["reason"]) == (
        None,
        "all models of a target have the same value",
    )


def test_models_that_are_equal_in_the_mean_have_no_rank_correlation() -> None:
    """They differ on each target, but no model is ahead of another."""
    turns = {"cars": [1.0, 2.0, 3.0], "pets": [3.0, 2.0, 1.0]}
    rows = pl.concat(
        pl.DataFrame({"target": target, "model": list("abc"), "bound": values})
        for target, values in turns.items()
    )
    given = pl.DataFrame({"model": list("abc"), "size": [1.0, 2.0, 4.0]})
    (found,) = explained(rows, given, ["bound"]).iter_rows(named=True)
    assert (found["explained"], found["by_chance"]) == (pytest.approx(0), pytest.approx(0))
    assert found["spearman"] is None


def test_shares_are_shares() -> None:
    for seed in range(20):
        levels = [random.Random(seed).choice("abc") for _ in MODELS]
        given = facts().with_columns(data=pl.Series(levels))
        found = explained(results(seed), given, ["bound", "consensus"]).drop_nulls("explained")
        assert found.select(
            pl.all_horizontal(pl.col("explained", "by_chance").is_between(0, 1)).all()
        ).item()


def test_means_of_levels_are_those_of_their_models() -> None:
    rows = results()
    found = level_means(rows, facts(), ["bound", "consensus"])
    assert found["factor"].to_list() == ["data"] * 3
    assert found.select("level", "models").rows() == [("a", 3), ("b", 2), ("c", 3)]
    table = {row["model"]: row for row in facts().iter_rows(named=True)}
    for level, bound, consensus in found.select("level", "bound", "consensus").iter_rows():
        of_level = [
            row for row in rows.iter_rows(named=True) if table[row["model"]]["data"] == level
        ]
        assert bound == pytest.approx(np.mean([row["bound"] for row in of_level]))
        assert consensus == pytest.approx(np.mean([row["consensus"] for row in of_level]))
