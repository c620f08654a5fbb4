"""Comparing within slices of the models: what does not change, and what a static ranking loses."""

from __future__ import annotations

import re

import polars as pl
import polars_transferability as pt
import pytest
from polars.testing import assert_frame_equal

COUNT = 12


@pytest.fixture
def models() -> pl.DataFrame:
    """Models of three sizes, which are all that a static ranking knows; logme knows the rest."""
    sizes = [1 + place // 4 for place in range(COUNT)]
    within = [0.03 * (place % 4) for place in range(COUNT)]
    one = pl.DataFrame(
        {
            "model": [f"m{place}" for place in range(COUNT)],
            "parameters": sizes,
            "family": ["conv" if place % 2 else "vit" for place in range(COUNT)],
            "everyone": ["yes"] * COUNT,
            "accuracy": [0.2 * size + more for size, more in zip(sizes, within, strict=True)],
            "logme": within,
        }
    )
    two = one.with_columns(pl.col("accuracy") ** 2)
    return pl.concat([one.with_columns(target=pl.lit("a")), two.with_columns(target=pl.lit("b"))])


def sliced(models: pl.DataFrame, slices: object, **options: object) -> pl.DataFrame:
    return pt.compare(models, trivial=["parameters"], slices=slices, **options)


def test_all_models_are_the_comparison_of_today(models: pl.DataFrame) -> None:
    expected = pt.compare(models, trivial=["parameters"], bootstrap=20)
    found = sliced(models, [3, "everyone"], bootstrap=20)
    assert found.columns == ["slice", *expected.columns]
    for name in ("all", "everyone yes"):
        assert_frame_equal(found.filter(slice=name).drop("slice"), expected, check_exact=True)


def test_a_slice_is_the_comparison_of_its_models(models: pl.DataFrame) -> None:
    found = sliced(models, "family")
    assert found["slice"].unique(maintain_order=True).to_list() == [
        *("all", "family conv", "family vit")
    ]
    for family in ("conv", "vit"):
        alone = pt.compare(models.filter(family=family), trivial=["parameters"])
        assert_frame_equal(found.filter(slice=f"family {family}").drop("slice"), alone)


def test_the_same_seed_gives_the_same_slices(models: pl.DataFrame) -> None:
    first = sliced(models, 5, seed=3)
    assert_frame_equal(sliced(models, 5, seed=3), first)
    by = ["slice", "target", "score"]
    assert_frame_equal(sliced(models.reverse(), 5, seed=3).sort(by), first.sort(by))
    assert not sliced(models, 5, seed=4).equals(first)
    more = sliced(models, 8, seed=3)
    assert_frame_equal(more.filter(pl.col("slice").is_in(first["slice"].implode())), first)
    halves = first.filter(pl.col("slice") != "all")
    assert halves["n"].unique().to_list() == [COUNT // 2]
    assert halves["slice"].n_unique() == 5


def test_numbers_divide_the_models_by_size(models: pl.DataFrame) -> None:
    found = sliced(models, "parameters")
    names = ["parameters up to 1", "parameters above 1, up to 2", "parameters above 2"]
    assert found["slice"].unique(maintain_order=True).to_list() == ["all", *names]
    assert found.filter(pl.col("slice") != "all")["n"].unique().to_list() == [4]


def test_a_static_ranking_loses_within_a_size(models: pl.DataFrame) -> None:
    summary = pt.slice_summary(sliced(models, "parameters"), "spearman")
    assert summary.columns == [
        *("target", "score", "trivial", "all", "mean", "lowest", "highest", "slices", "ahead")
    ]
    for target in ("a", "b"):
        own = summary.filter(target=target)
        logme, static = own.filter(score="logme"), own.filter(score="parameters")
        assert static["all"].item() > logme["all"].item()
        assert logme["mean"].item() == pytest.approx(1)
        assert static["slices"].item() == 0
        assert static["mean"].item() is None
        assert logme["ahead"].item() is None


def test_the_summary_is_of_the_slices(models: pl.DataFrame) -> None:
    quality = sliced(models, [4, "family"])
    for measure, sign in (("weighted_tau", 1), ("regret_at_k", -1)):
        for row in pt.slice_summary(quality, measure).iter_rows(named=True):
            of = quality.filter(target=row["target"], score=row["score"])
            parts = of.filter(pl.col("slice") != "all")
            assert row["all"] == of.filter(slice="all")[measure].item()
            assert row["mean"] == pytest.approx(parts[measure].mean())
            assert row["lowest"] <= row["mean"] <= row["highest"]
            assert row["slices"] == 6
            rival = quality.filter(pl.col("slice") != "all", target=row["target"], trivial=True)
            ahead = (sign * (parts[measure] - rival[measure]) > 0).mean()
            assert row["ahead"] == (None if row["trivial"] else pytest.approx(ahead))


def test_bad_slices(models: pl.DataFrame) -> None:
    bad = {
        "slices: expected an integer from 1": lambda: sliced(models, 0),
        "slices: expected an integer, found 0.5": lambda: sliced(models, [0.5]),
        "column 'size' not found": lambda: sliced(models, "size"),
        "slices: model 'm0' has several values of 'target'": lambda: sliced(models, "target"),
        "quality: has no column 'slice'; give slices= to compare": lambda: pt.slice_summary(models),
        "by: 'slice' is what a column of the result is called": lambda: sliced(
            models.rename({"target": "slice"}), 2, by="slice"
        ),
        "measure: expected one of 'spearman'": lambda: pt.slice_summary(sliced(models, 1), "rho"),
    }
    for message, call in bad.items():
        with pytest.raises((ValueError, TypeError, pl.exceptions.ColumnNotFoundError)) as raised:
            call()
        assert re.search(re.escape(message), str(raised.value))
