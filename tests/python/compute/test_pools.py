"""`combine_pool`: parts of scores, scaled by the models of a pool."""

from __future__ import annotations

import polars as pl
import polars_transferability as pt
import pytest
from polars.testing import assert_frame_equal

PARTS = pl.DataFrame(
    {
        "model": ["a", "b", "c"],
        "etran": [
            {"energy": 3.0, "lda": 0.5},
            {"energy": 1.0, "lda": 0.9},
            {"energy": 2.0, "lda": 0.6},
        ],
        "ncti": [
            {"seli": 10.0, "ncc": 0.2, "variability": -4.0},
            {"seli": 30.0, "ncc": 0.2, "variability": -8.0},
            {"seli": 20.0, "ncc": 0.2, "variability": -5.0},
        ],
        "other": [1, 2, 3],
    }
)


def test_pools_by_hand() -> None:
    found = pt.combine_pool(PARTS, pool=None)
    assert found.columns == [
        *("model", "etran", "etran_energy", "etran_lda"),
        *("ncti", "ncti_seli", "ncti_ncc", "ncti_variability", "other"),
    ]
    # Equal parts add nothing: `ncc` tells no model from another.
    assert found["etran"].to_list() == pytest.approx(
        [0.15, 0.85, 0.15 * 0.5 + 0.85 * 0.25], rel=1e-12
    )
    assert found["ncti"].to_list() == pytest.approx([0 + 1, 1 + 0, 0.5 + 0.75], rel=1e-12)
    assert found["etran_lda"].to_list() == [0.5, 0.9, 0.6]
    assert found["other"].to_list() == [1, 2, 3]


def test_each_pool_is_scaled_by_itself() -> None:
    other = PARTS.with_columns(
        etran=pl.struct(
            energy=pl.col("etran").struct["energy"] * 100 - 7,
            lda=1 - pl.col("etran").struct["lda"],
        )
    )
    both = pl.concat(
        [PARTS.with_columns(target=pl.lit("x")), other.with_columns(target=pl.lit("y"))]
    )
    mixed = both.sample(fraction=1, shuffle=True, seed=1)
    found = pt.combine_pool(mixed)
    assert found["model"].to_list() == mixed["model"].to_list()
    for target, parts in (("x", PARTS), ("y", other)):
        expected = pt.combine_pool(parts, pool=None)
        alone = found.filter(target=target).sort("model").select(expected.columns)
        assert_frame_equal(alone, expected)
    keys = mixed.with_columns(half=pl.col("model") == "a")
    pooled = pt.combine_pool(keys, pool=["target", "half"]).filter("half")
    # A pool of one has nobody to be better than.
    assert pooled["etran"].to_list() == [0.0, 0.0]


def test_models_that_are_equal_get_equal_scores() -> None:
    found = pt.combine_pool(pl.concat([PARTS, PARTS]), pool=None)
    assert found["etran"].head(3).to_list() == found["etran"].tail(3).to_list()
    assert pt.combine_pool(pl.concat([PARTS.head(1)] * 3), pool=None)["ncti"].to_list() == [0.0] * 3


def test_one_of_the_two_is_enough() -> None:
    found = pt.combine_pool(PARTS.drop("ncti"), pool=None)
    expected = pt.combine_pool(PARTS, pool=None).select(found.columns)
    assert_frame_equal(found, expected, check_exact=True)
    assert pt.combine_pool(PARTS.clear(), pool=None).height == 0


def test_what_is_no_pool_is_said() -> None:
    for frame, found in ((None, "NoneType"), (PARTS.lazy(), "LazyFrame; collect it first")):
        with pytest.raises(TypeError, match=f"^frame: expected a DataFrame, found {found}$"):
            pt.combine_pool(frame)
    taken = PARTS.with_columns(etran_lda=1)
    with pytest.raises(
        ValueError, match=r"frame: already has columns \['etran_lda'\], which parts"
    ):
        pt.combine_pool(taken, pool=None)
