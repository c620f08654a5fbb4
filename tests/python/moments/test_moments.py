"""Moments of parts, merged, are moments of all rows: the same scores."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import polars_transferability as pt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from registry import MOMENTS, NEW, OLD, TRAIN, embedding_rows, value

random_splits = settings(deadline=None, max_examples=25)
seeds = st.integers(0, 2**32)
FIVE = ["logme", "h_score", "shrinkage_h_score", "transrate", "gbc"]


def task(seed: int, *, classes: int = 3, width: int = 4, offset: float = 0.0) -> pl.DataFrame:
    random = np.random.default_rng(seed)
    labels = np.concatenate([np.full(7 + c, c) for c in range(classes)])
    features = (
        offset
        + random.normal(size=(len(labels), width))
        + labels[:, None] * [1.0, *[0.0] * (width - 1)]
    )
    return pl.DataFrame({"embedding": features.tolist(), "label": labels}).sample(
        fraction=1, shuffle=True, seed=seed
    )


def five(**columns: str) -> pl.Expr:
    return pt.scores(*columns.values(), scores=FIVE).alias("scores")


def of_rows(rows: pl.DataFrame) -> dict[str, float]:
    return value(rows, pt.scores("embedding", "label", scores=FIVE))


def of_moments(moments: pl.DataFrame) -> dict[str, float]:
    return value(moments, pt.scores("moments", scores=FIVE))


def assert_same(found: dict[str, object], expected: dict[str, object]) -> None:
    assert found.keys() == expected.keys()
    assert found["labels"] == expected["labels"]
    names = [*FIVE, "n", "classes"]
    assert [found[n] for n in names] == pytest.approx([expected[n] for n in names], rel=1e-9)


@random_splits
@given(seeds, st.integers(1, 6), st.integers(1, 40), st.sampled_from([0.0, 1e3]))
def test_any_parts_merge(seed: int, parts: int, width: int, offset: float) -> None:
    rows = task(seed, width=width, offset=offset)
    part = np.random.default_rng(seed).integers(0, parts, rows.height)
    moments = (
        rows.with_columns(part=part)
        .group_by("part", maintain_order=True)
        .agg(pt.moments("embedding", "label"))
    )
    assert_same(of_moments(moments), of_rows(rows))
    merged = moments.select(pt.merge_moments("moments").alias("moments"))
    assert merged.schema["moments"] == MOMENTS
    assert_same(of_moments(merged), of_rows(rows))
    for name in FIVE:
        single = value(merged, getattr(pt, name)("moments"))
        assert single == pytest.approx(of_rows(rows)[name], rel=1e-9)


def test_order_and_grouping_of_parts_do_not_matter() -> None:
    rows = task(1)
    parts = [rows.slice(i, 4).select(pt.moments("embedding", "label")) for i in range(0, 24, 4)]
    for order in ([0, 1, 2, 3, 4, 5], [5, 3, 1, 0, 2, 4]):
        halves = [
            pl.concat(parts[i] for i in some).select(pt.merge_moments("moments").alias("moments"))
            for some in (order[:2], order[2:])
        ]
        assert_same(of_moments(pl.concat(halves)), of_rows(rows))


def test_a_class_may_be_in_one_part_only() -> None:
    rows = task(2).sort("label")
    parts = [part.select(pt.moments("embedding", "label")) for part in rows.partition_by("label")]
    assert_same(of_moments(pl.concat(parts)), of_rows(rows))


@pytest.mark.parametrize("engine", ["in-memory", "streaming"])
def test_files_of_moments(engine: str, tmp_path: Path) -> None:
    rows = pl.concat(
        task(seed).with_columns(model=pl.lit(model)) for seed, model in enumerate(("a", "b"))
    ).with_row_index()
    for file in range(3):
        part = rows.lazy().filter(pl.col("index") % 3 == file).group_by("model")
        part.agg(pt.moments("embedding", "label")).sink_parquet(
            tmp_path / f"{file}.parquet", engine=engine
        )
    stored = pl.scan_parquet(tmp_path)
    assert stored.collect_schema()["moments"] == MOMENTS
    found = stored.group_by("model").agg(five(moments="moments")).collect(engine=engine)
    for model, scores in found.iter_rows():
        assert_same(scores, of_rows(rows.filter(model=model)))


def test_fixed_size_lists_and_other_integers_are_read() -> None:
    rows = task(3, width=2)
    moments = rows.select(pt.moments("embedding", "label"))
    changed = moments.unnest("moments").with_columns(
        pl.col("counts").cast(pl.List(pl.Int32)),
        pl.col("means").list.to_array(6),
        pl.col("class_within").list.to_array(9),
    )
    assert_same(of_moments(changed.select(moments=pl.struct(pl.all()))), of_rows(rows))


def test_fields() -> None:
    rows = task(4, classes=2, width=2)
    found = value(rows, pt.moments("embedding", "label"))
    x, y = np.array(rows["embedding"].to_list()), rows["label"].to_numpy()
    assert found["classes"] == ["0", "1"]
    assert found["counts"] == [7, 8]
    means = np.array([x[y == c].mean(axis=0) for c in (0, 1)])
    assert found["means"] == pytest.approx(means.ravel(), rel=1e-12)
    scatters = [(x[y == c] - means[c]).T @ (x[y == c] - means[c]) for c in (0, 1)]
    lower = np.tril_indices(2)
    assert found["within"] == pytest.approx(sum(scatters)[lower], rel=1e-12)
    assert found["class_within"] == pytest.approx(np.ravel([s[lower] for s in scatters]), rel=1e-12)
    without = value(rows, pt.moments("embedding", "label", per_class=False))
    assert without["class_within"] is None
    assert without["within"] == pytest.approx(found["within"], rel=1e-12)
    kept = ["classes", "counts", "means", "cubic", "quartic"]
    assert [without[name] for name in kept] == [found[name] for name in kept]


def test_scores_that_need_no_scatter_per_class() -> None:
    rows = task(5)
    moments = pt.moments("embedding", "label", per_class=False)
    for name in ("logme", "h_score", "shrinkage_h_score"):
        function = getattr(pt, name)
        expected = value(rows, function("embedding", "label"))
        assert value(rows, function(moments)) == pytest.approx(expected, rel=1e-9)


@random_splits
@given(seeds, st.integers(1, 8))
def test_gaussian_wasserstein_of_moments(seed: int, width: int) -> None:
    old, new = task(seed, width=width), task(seed + 1, width=width)
    moments = [rows.select(pt.moments("embedding", "label"))["moments"] for rows in (old, new)]
    points = pl.lit(old["embedding"]), pl.lit(new["embedding"])
    expected = pl.select(pt.gaussian_wasserstein(*points)).item()
    sides = [pl.lit(side) for side in moments]
    for x, y in ((sides[0], sides[1]), (sides[0], points[1]), (points[0], sides[1])):
        found = pl.select(pt.gaussian_wasserstein(x, y)).item()
        assert found == pytest.approx(expected, rel=1e-9)


def test_moments_of_half_precision_and_of_groups() -> None:
    rows = embedding_rows(models=2)
    single = rows.with_columns(pl.col("embedding").cast(pl.Array(pl.Float32, 3)))
    grouped = single.group_by("model", maintain_order=True).agg(
        pt.moments("embedding", "label"), pt.moments("embedding", "label").alias("again")
    )
    for model, part in zip(("net0", "net1"), grouped["moments"].to_list(), strict=True):
        assert part == value(rows.filter(model=model), pt.moments("embedding", "label"))
    assert grouped["moments"].to_list() == grouped["again"].to_list()


def test_moments_know_pseudo_labels() -> None:
    rows = embedding_rows()
    moments = rows.select(pt.moments("embedding", pt.pseudo_labels("embedding", 3)))
    assert value(moments, pt.scores("moments", scores="logme"))["labels"] == "pseudo"
    given_labels = rows.select(pt.moments("embedding", "label"))
    assert value(given_labels, pt.scores("moments", scores="logme"))["labels"] == "given"


def test_tasks_and_splits_are_filters() -> None:
    rows = embedding_rows()
    for side in (OLD, NEW, TRAIN):
        moments = pt.moments(pl.col("embedding").filter(side), pl.col("label").filter(side))
        expected = value(rows.filter(side), pt.h_score("embedding", "label"))
        assert value(rows, pt.h_score(moments)) == pytest.approx(expected, rel=1e-9)


def test_moments_of_too_many_features_name_how_many_fit() -> None:
    rows = pl.DataFrame(
        {
            "wide": pl.Series(np.eye(4, 12_000), dtype=pl.Array(pl.Float64, 12_000)),
            "label": [0, 0, 1, 1],
        }
    )
    wide = 'embedding column "wide" of moments: moments of 12000 features take'
    with pytest.raises(pl.exceptions.ComputeError, match=f"{wide} 2 GB, .* at most 11585"):
        rows.select(pt.moments("wide", "label", per_class=False))
    with pytest.raises(pl.exceptions.ComputeError, match=f"{wide} 5 GB, .* without `per_class`"):
        rows.select(pt.moments("wide", "label"))
