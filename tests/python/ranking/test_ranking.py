"""Rank statistics against scipy, what must not change them, ties, nulls and intervals."""

from __future__ import annotations

from itertools import permutations

import numpy as np
import polars as pl
import polars_transferability as pt
import pytest
import scipy.stats
from hypothesis import given, settings
from hypothesis import strategies as st
from registry import INTERVALS, QUALITY, RANKINGS, STATISTICS, Expression, score_rows, value

random_models = settings(deadline=None, max_examples=50)
seeds, sizes = st.integers(0, 2**32), st.integers(2, 200)
each_ranking = pytest.mark.parametrize("ranking", RANKINGS, ids=[e.name for e in RANKINGS])

CORRELATIONS = {
    "pearson": pt.pearson("score", "truth"),
    "spearman": pt.spearman("score", "truth"),
    "kendall_tau": pt.kendall_tau("score", "truth"),
    "weighted_tau": pt.weighted_tau("score", "truth"),
    "weighted_tau by score": pt.weighted_tau("score", "truth", rank="none"),
}
SCIPY = {
    "pearson": lambda x, y: scipy.stats.pearsonr(x, y).statistic,
    "spearman": lambda x, y: scipy.stats.spearmanr(x, y).statistic,
    "kendall_tau": lambda x, y: scipy.stats.kendalltau(x, y).statistic,
    "weighted_tau": lambda x, y: scipy.stats.weightedtau(x, y).statistic,
    "weighted_tau by score": lambda x, y: scipy.stats.weightedtau(x, y, rank=None).statistic,
}


def models(seed: int, size: int, *, ties: bool = False) -> pl.DataFrame:
    """Scores that know something of the truth; neither side is constant."""
    random = np.random.default_rng(seed)
    truth = random.normal(size=size)
    score = truth + random.normal(size=size)
    if ties:
        score, truth = np.round(score), np.round(truth)
    score[:2] = truth[:2] = [-1, 1]
    return pl.DataFrame({"score": score, "truth": truth})


def correlations(rows: pl.DataFrame) -> dict[str, float]:
    return rows.select(**CORRELATIONS).row(0, named=True)


def statistics(rows: pl.DataFrame, **options: object) -> dict[str, float]:
    found = value(rows, pt.selection_quality("score", "truth", **options))
    assert isinstance(found, dict)
    return found


@random_models
@given(seeds, sizes, st.booleans())
def test_correlations_equal_scipy(seed: int, size: int, ties: bool) -> None:
    rows = models(seed, size, ties=ties)
    x, y = rows["score"].to_numpy(), rows["truth"].to_numpy()
    expected = {name: scipy_value(x, y) for name, scipy_value in SCIPY.items()}
    assert correlations(rows) == pytest.approx(expected, rel=1e-12, abs=1e-12)


@random_models
@given(seeds, st.sampled_from([1e-300, 1e-150, 1e150, 1e300]))
def test_pearson_at_any_scale(seed: int, scale: float) -> None:
    rows = models(seed, 20)
    scaled = rows.with_columns(pl.col("score") * scale)
    expected = correlations(rows)["pearson"]
    assert correlations(scaled)["pearson"] == pytest.approx(expected, rel=1e-12)


@random_models
@given(seeds, sizes, st.booleans())
def test_order_of_rows_changes_no_bit(seed: int, size: int, ties: bool) -> None:
    rows = models(seed, size, ties=ties)
    shuffled = rows.sample(fraction=1, shuffle=True, seed=seed)
    assert statistics(shuffled, bootstrap=5) == statistics(rows, bootstrap=5)


@random_models
@given(seeds, sizes, st.booleans())
def test_only_the_order_of_scores_matters_to_ranks(seed: int, size: int, ties: bool) -> None:
    rows = models(seed, size, ties=ties)
    bent = statistics(rows.with_columns(pl.col("score").exp()))
    expected = statistics(rows)
    assert {**bent, "pearson": 0} == {**expected, "pearson": 0}


@random_models
@given(seeds, sizes, st.booleans())
def test_sign_of_the_score_is_the_sign_of_correlations(seed: int, size: int, ties: bool) -> None:
    rows = models(seed, size, ties=ties)
    found, negative = correlations(rows), correlations(rows.with_columns(-pl.col("score")))
    for name in ("pearson", "spearman", "kendall_tau"):
        assert negative[name] == pytest.approx(-found[name], rel=1e-12, abs=1e-12)


@random_models
@given(seeds, sizes, st.booleans())
def test_truth_ranks_itself_best(seed: int, size: int, ties: bool) -> None:
    rows = models(seed, size, ties=ties).with_columns(score="truth")
    found = statistics(rows)
    assert found["pearson"] == found["spearman"] == found["kendall_tau"] == 1
    assert found["weighted_tau"] == pytest.approx(1, rel=1e-12)
    assert (found["top_k_recall"], found["regret_at_k"]) == (1, 0)


@random_models
@given(seeds, st.integers(1, 6), st.integers(1, 7))
def test_ties_are_the_mean_over_all_orders(seed: int, size: int, k: int) -> None:
    random = np.random.default_rng(seed)
    score, truth = random.integers(0, 3, (2, size))
    recalls, regrets = [], []
    # Every order of the models that the scores allow, the first k of which are chosen.
    for order in permutations(range(size)):
        if np.all(np.diff(score[list(order)]) <= 0):
            chosen = sorted(truth[list(order[:k])], reverse=True)
            best = sorted(truth, reverse=True)[:k]
            common = sum(min(chosen.count(t), best.count(t)) for t in set(best))
            recalls.append(common / len(best))
            regrets.append(best[0] - chosen[0])
    found = statistics(pl.DataFrame({"score": score, "truth": truth}), k=k)
    assert found["top_k_recall"] == pytest.approx(np.mean(recalls), rel=1e-12)
    assert found["regret_at_k"] == pytest.approx(np.mean(regrets), rel=1e-12, abs=1e-12)


def test_ties_by_hand() -> None:
    rows = pl.DataFrame({"score": [2, 1, 1, 0], "truth": [0.5, 0.9, 0.7, 0.9]})
    # The first for certain, and one of the next two: one of the two best, or none.
    found = rows.select(
        recall=pt.top_k_recall("score", "truth", k=2), regret=pt.regret_at_k("score", "truth", k=2)
    )
    assert found.row(0) == pytest.approx((0.25, 0.1), rel=1e-12)
    # Two models are best: choosing either is as good as can be.
    either = rows.filter(pl.col("score") < 2).with_columns(score=pl.col("score") + pl.col("truth"))
    assert either.select(pt.top_k_recall("score", "truth", k=1)).item() == 1
    assert either.select(pt.regret_at_k("score", "truth", k=1)).item() == 0


def test_constant_score_is_a_random_choice() -> None:
    rows = pl.DataFrame({"score": [1] * 4, "truth": [0.6, 0.8, 0.7, 0.9]})
    found = statistics(rows, k=1)
    assert [found[name] for name in STATISTICS[:4]] == [None] * 4
    assert found["top_k_recall"] == 0.25
    assert found["regret_at_k"] == pytest.approx(0.15, rel=1e-12)


def test_k_beyond_the_models_takes_all() -> None:
    found = statistics(pl.DataFrame({"score": [1, 2], "truth": [2, 1]}), k=100)
    assert (found["top_k_recall"], found["regret_at_k"]) == (1, 0)


@pytest.mark.parametrize("constant", ["score", "truth"])
def test_constant_side_has_no_correlation(constant: str) -> None:
    rows = models(0, 5).with_columns(pl.lit(0.1).alias(constant))
    assert set(correlations(rows).values()) == {None}


def test_too_few_rows_have_no_correlation() -> None:
    rows = models(0, 5)
    assert set(correlations(rows.head(1)).values()) == {None}
    none = {**dict.fromkeys(STATISTICS), "n": 0, "n_null": 0}
    assert statistics(rows.head(0)) == none
    nulls = rows.with_columns(truth=pl.lit(None))
    assert statistics(nulls) == {**none, "n_null": 5}
    one = statistics(rows.head(1))
    assert one == {**none, "top_k_recall": 1, "regret_at_k": 0, "n": 1}


@each_ranking
def test_rows_with_a_null_are_left_out(ranking: Expression) -> None:
    rows = score_rows(3)
    present = rows.drop_nulls()
    assert 0 < present.height < rows.height
    found, expected = value(rows, ranking.build()), value(present, ranking.build())
    if isinstance(found, dict):
        assert (found["n"], found.pop("n_null")) == (present.height, rows.height - present.height)
        assert expected.pop("n_null") == 0
    assert found == expected


def test_nulls_are_as_in_polars_corr() -> None:
    rows = score_rows(3)
    found = correlations(rows)
    assert found["pearson"] == pytest.approx(rows.select(pl.corr("score", "truth")).item())
    spearman = rows.select(pl.corr("score", "truth", method="spearman")).item()
    assert found["spearman"] == pytest.approx(spearman)


def test_what_is_left_out_may_be_nan() -> None:
    rows = models(0, 5)
    beside = pl.DataFrame({"score": [float("nan"), None], "truth": [None, float("inf")]})
    found = statistics(pl.concat([rows, beside]))
    assert found == {**statistics(rows), "n_null": 2}


NUMBERS = [
    *(pl.Int8, pl.Int16, pl.Int32, pl.Int64, pl.Int128),
    *(pl.UInt8, pl.UInt16, pl.UInt32, pl.UInt64),
    *(pl.Float16, pl.Float32, pl.Float64, pl.Decimal(20, 2)),
]


@each_ranking
@pytest.mark.parametrize("dtype", NUMBERS, ids=str)
def test_dtypes_of_numbers_agree(ranking: Expression, dtype: pl.DataType) -> None:
    rows = score_rows(1).select((pl.col("score", "truth") * 4).round() + 20)
    cast = rows.with_columns(pl.col("score").cast(dtype))
    assert value(cast, ranking.build()) == value(rows, ranking.build())
    cast = rows.with_columns(pl.col("truth").cast(dtype))
    assert value(cast, ranking.build()) == value(rows, ranking.build())


# Where neighbours are one float, or the range ends.
FAR: dict[str, tuple[int, pl.DataType]] = {
    "Int64": (2**53, pl.Int64()),
    "end of Int64": (2**63 - 40, pl.Int64()),
    "start of Int64": (-(2**63) + 40, pl.Int64()),
    "end of UInt64": (2**64 - 40, pl.UInt64()),
    "end of Int128": (2**127 - 40, pl.Int128()),
    "start of Int128": (-(2**127) + 40, pl.Int128()),
    "end of UInt128": (2**128 - 40, pl.UInt128()),
    "Decimal": (10**30, pl.Decimal(38, 0)),
}


@each_ranking
@pytest.mark.parametrize("far", FAR)
@pytest.mark.parametrize("side", ["score", "truth"])
def test_integers_that_no_float_tells_apart_do_not_tie(
    ranking: Expression, far: str, side: str
) -> None:
    base, dtype = FAR[far]
    rows = score_rows(1).with_columns((pl.col("score", "truth") * 4).round().cast(pl.Int64) + 9)
    moved = [None if v is None else base + v for v in rows[side].to_list()]
    text = pl.Series([None if v is None else str(v) for v in moved], dtype=pl.String)
    of_decimals = dtype == pl.Decimal(38, 0)
    column = text.cast(dtype) if of_decimals else pl.Series(moved, dtype=dtype)
    close = pytest.approx(value(rows, ranking.build()), rel=1e-12, nan_ok=True)
    assert value(rows.with_columns(column.alias(side)), ranking.build()) == close


def test_truths_too_far_apart_have_no_regret() -> None:
    rows = pl.DataFrame({"score": [0.0, 1.0], "truth": [1.7e308, -1.7e308]})
    assert value(rows, pt.kendall_tau("score", "truth")) == -1.0
    for build in (
        pt.regret_at_k("score", "truth", k=1),
        pt.selection_quality("score", "truth", bootstrap=5),
    ):
        with pytest.raises(pl.exceptions.ComputeError, match="beyond the range of a float"):
            rows.select(build)


@each_ranking
def test_slices_and_chunks_do_not_matter(ranking: Expression) -> None:
    rows = score_rows(2)
    chunked = pl.concat([rows.head(5), rows.slice(5)], rechunk=False)
    assert chunked.n_chunks() == 2
    assert value(chunked, ranking.build()) == value(rows, ranking.build())


def test_expressions_and_literals_are_columns() -> None:
    rows = models(3, 9)
    found = rows.select(
        negative=pt.spearman(-pl.col("score"), "truth"),
        constant=pt.spearman(pl.lit(1), "truth"),
        filtered=pt.spearman(
            pl.col("score").filter(pl.col("truth") > -1),
            pl.col("truth").filter(pl.col("truth") > -1),
        ),
    ).row(0)
    expected = correlations(rows)["spearman"]
    above = correlations(rows.filter(pl.col("truth") > -1))["spearman"]
    assert found == (pytest.approx(-expected), None, above)


def test_columns_are_named_after_the_expression() -> None:
    names = ["pearson", "spearman", "kendall_tau", "weighted_tau", "top_k_recall", "regret_at_k"]
    built = [ranking.build() for ranking in RANKINGS if " " not in ranking.name]
    assert models(0, 3).select(built).columns == [*names, "selection_quality"]


def test_selection_quality_is_each_statistic() -> None:
    rows = models(5, 30, ties=True)
    options = {"top_k_recall": {"k": 4}, "regret_at_k": {"k": 4}}
    expected = {
        name: rows.select(getattr(pt, name)("score", "truth", **options.get(name, {}))).item()
        for name in STATISTICS
    }
    assert statistics(rows, k=4) == {**expected, "n": 30, "n_null": 0}
    assert list(statistics(rows)) == list(QUALITY)


def test_intervals_are_close_to_those_of_scipy() -> None:
    rows = models(1, 60)
    found = statistics(rows, bootstrap=2000, confidence=0.9)
    sides = (rows["score"].to_numpy(), rows["truth"].to_numpy())
    for name in ("pearson", "spearman", "kendall_tau", "weighted_tau"):
        scipys = scipy.stats.bootstrap(
            sides,
            SCIPY[name],
            paired=True,
            vectorized=False,
            n_resamples=2000,
            confidence_level=0.9,
            method="percentile",
            rng=np.random.default_rng(0),
        ).confidence_interval
        ours = (found[f"{name}_low"], found[f"{name}_high"])
        assert ours == pytest.approx((scipys.low, scipys.high), abs=0.02)


def test_intervals_stand_beside_the_same_values() -> None:
    rows = models(2, 15)
    plain, found = statistics(rows), statistics(rows, bootstrap=100)
    assert {name: found[name] for name in plain} == plain
    assert list(found) == [*STATISTICS, *INTERVALS, "n", "n_null"]
    for name in STATISTICS:
        assert found[f"{name}_low"] < found[f"{name}_high"]
    assert statistics(rows, bootstrap=100) == found
    assert statistics(rows, bootstrap=100, seed=1) != found


def test_resamples_without_a_value_do_not_count() -> None:
    # Of four resamples of two models, two are one model twice; the others rank them rightly.
    found = statistics(pl.DataFrame({"score": [1, 2], "truth": [1, 2]}), bootstrap=50)
    assert (found["kendall_tau_low"], found["kendall_tau_high"]) == (1, 1)
    constant = statistics(pl.DataFrame({"score": [1, 1], "truth": [1, 2]}), bootstrap=50)
    assert (constant["kendall_tau_low"], constant["kendall_tau_high"]) == (None, None)
    assert constant["regret_at_k_low"] == 0
