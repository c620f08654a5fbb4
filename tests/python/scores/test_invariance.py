"""What must not change a score: order, names, units and company. What alone may: split and seed."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl
import polars_transferability as pt
import pytest
from hypothesis import given
from polars.testing import assert_frame_equal
from random_tasks import close, random_task, random_tasks, seeds, shapes, table
from registry import OF_EMBEDDINGS, SCORES, Expression, value

# Of several scores, one has a split by the places of rows.
OF_ROWS = [e for e in SCORES if not e.of_moments and not e.several]
each_of_rows = pytest.mark.parametrize("expression", OF_ROWS, ids=[e.name for e in OF_ROWS])
ROUNDING = 1e-6


@each_of_rows
def test_order_of_rows_does_not_matter(expression: Expression) -> None:
    rows = expression.rows(1)
    for seed in range(3):
        shuffled = rows.sample(fraction=1, shuffle=True, seed=seed)
        close(
            value(shuffled, expression.build()),
            value(rows, expression.build()),
            rel=ROUNDING,
            least=1e-9,
        )


# Of classes with as many votes, the first wins.
UNNAMED = [e for e in OF_ROWS if not e.first_class_wins]


@pytest.mark.parametrize("expression", UNNAMED, ids=[e.name for e in UNNAMED])
def test_names_of_classes_do_not_matter(expression: Expression) -> None:
    rows = expression.rows(1)
    renamed = rows.with_columns(pl.col("label").replace_strict({0: "z", 1: "a", 2: "m"}))
    close(
        value(renamed, expression.build()),
        value(rows, expression.build()),
        rel=ROUNDING,
        least=1e-9,
    )


@random_tasks
@given(seeds, shapes)
def test_single_precision_of_exact_values_does_not_matter(
    seed: int, shape: tuple[int, int, int]
) -> None:
    rows = random_task(seed, shape, apart=0.5)
    single = rows.with_columns(pl.col("embedding").cast(pl.List(pl.Float32)))
    names = [score.name for score in OF_EMBEDDINGS if not score.iterated]
    expression = pt.scores("embedding", "label", scores=names)
    assert value(single, expression) == value(rows, expression)


@random_tasks
@given(seeds, shapes)
def test_several_scores_equal_single_ones(seed: int, shape: tuple[int, int, int]) -> None:
    rows = random_task(seed, shape, apart=0.5)
    options: dict[str, dict[str, Any]] = {
        **{score.name: {} for score in OF_EMBEDDINGS if score.own_function},
        "gbc": {"pca": 2},
        "knn_accuracy": {"k": 3},
        "linear_probe": {"l2": 0.3},
    }
    found = value(rows, pt.scores("embedding", "label", scores=options))
    for name, of_score in options.items():
        single = value(rows, getattr(pt, name)("embedding", "label", **of_score))
        close(found[name], single, rel=1e-12, least=1e-13)
    assert (found["n"], found["classes"], found["labels"]) == (rows.height, shape[0], "given")


def test_the_callers_frame_is_left_alone() -> None:
    for expression in SCORES:
        rows = expression.rows(1)
        copy = pl.DataFrame([pl.Series(c.name, c.to_list(), dtype=c.dtype) for c in rows])
        first = value(rows, expression.build())
        assert_frame_equal(rows, copy, check_exact=True)
        # Nor is anything kept from one call to the next.
        assert value(rows, expression.build()) == first


def test_names_of_scores_are_columns() -> None:
    rows = random_task(0, (2, 6, 3))
    found = rows.select(pt.scores("embedding", "label", scores={"knn": {"k": 1}, "pactran": {}}))
    assert found.unnest("scores").columns == [
        *("knn_accuracy", "pactran_gaussian"),
        *("n", "classes", "labels"),
    ]
    assert rows.select(pt.knn_accuracy("embedding", "label")).columns == ["knn_accuracy"]


def test_literals_and_columns_of_other_names() -> None:
    rows = random_task(1, (3, 6, 4))
    x, y = rows["embedding"], rows["label"]
    expected = value(rows, pt.logme("embedding", "label"))
    assert pl.select(pt.logme(pl.lit(x), pl.lit(y))).item() == expected
    renamed = rows.rename({"embedding": "label", "label": "embedding"})
    assert value(renamed, pt.logme("label", "embedding")) == expected
    doubled = pl.concat_list("embedding", "embedding").list.head(4)
    assert value(rows, pt.logme(doubled, pl.col("label").cast(pl.String))) == expected


def test_only_fit_rows_are_scored() -> None:
    rows = random_task(2, (3, 8, 5)).with_columns(fit=pl.int_range(pl.len()) % 3 != 0)
    which = [score.name for score in OF_EMBEDDINGS if not score.evaluated]
    split = pt.scores("embedding", "label", scores=which, fit="fit")
    found = value(rows, split)
    assert found == value(rows.filter("fit"), pt.scores("embedding", "label", scores=which))
    assert found["n"] == rows.filter("fit").height
    # The others may lack a class, or have another: they are not looked at.
    changed = pl.when("fit").then("label").otherwise(7).alias("label")
    assert value(rows.with_columns(changed), split) == found


def test_probe_and_neighbours_are_evaluated_on_the_other_rows() -> None:
    rows = random_task(3, (2, 8, 4)).with_columns(fit=pl.int_range(pl.len()) % 2 == 0)
    swapped = rows.with_columns(
        label=pl.when("fit").then("label").otherwise(1 - pl.col("label")),
    )
    for build in (
        lambda: pt.knn_accuracy("embedding", "label", k=1, fit="fit"),
        lambda: pt.linear_probe("embedding", "label", l2=0.1, fit="fit").struct["accuracy"],
    ):
        assert value(rows, build()) == pytest.approx(1 - value(swapped, build()), abs=1e-12)


def test_strength_of_a_probe_is_chosen_by_the_seed_alone() -> None:
    rows = random_task(4, (3, 9, 6), apart=0.5)
    first, again = (value(rows, pt.linear_probe("embedding", "label", seed=3)) for _ in range(2))
    assert first == again
    given = pt.linear_probe("embedding", "label", l2=first["l2"])
    assert value(rows, given)["loss"] == pytest.approx(first["loss"], rel=1e-4)


def in_units(units: list[float], seed: int = 3) -> pl.DataFrame:
    """An informative feature and three of noise, times their units."""
    random = np.random.default_rng(seed)
    y = random.integers(0, 3, 200)
    x = np.c_[y + 0.5 * random.normal(size=200), random.normal(size=(200, 3))]
    return table(x * units, y)


@pytest.mark.parametrize(
    "units", [[1e-8, 1, 1, 1], [1, 1e8, 1, 1], [1e-12, 1, 1e12, 1e5], [1e60, 1e-60, 1, 1]], ids=str
)
def test_h_score_and_probe_see_no_units(units: list[float]) -> None:
    plain, scaled = in_units([1, 1, 1, 1]), in_units(units)
    half = pl.int_range(pl.len()) % 2 == 0
    probe = pt.linear_probe("embedding", "label", l2=0.01, tolerance=1e-10, fit=half)
    for build in (
        pt.h_score("embedding", "label"),
        pt.h_score(pt.moments("embedding", "label")),
        pt.scores("embedding", "label", scores=["logme", "h_score"]).struct.field("h_score"),
        pt.scores(pt.moments("embedding", "label"), scores=["gbc", "h_score"]).struct.field(
            "h_score"
        ),
        probe.struct.field("loss"),
    ):
        assert value(scaled, build) == pytest.approx(value(plain, build), rel=1e-7)


def test_several_scores_equal_single_ones_in_any_units() -> None:
    rows = in_units([1e-3, 1e9, 1e4, 1])
    which = ("logme", "h_score", "shrinkage_h_score", "transrate", "gbc")
    found = value(rows, pt.scores("embedding", "label", scores=which))
    for name in which:
        single = value(rows, getattr(pt, name)("embedding", "label"))
        assert found[name] == pytest.approx(single, rel=1e-9), name


@pytest.mark.parametrize(
    "build",
    [
        pt.linear_probe("embedding", "label", fit="fit"),
        pt.parc("embedding", "label", max_rows=40),
        pt.nleep("embedding", "label", components=4),
        pt.ot_nce(pt.task(where="fit"), pt.task(where=~pl.col("fit")), max_rows=30),
        pt.otdd(pt.task(where="fit"), pt.task(where=~pl.col("fit")), max_rows=30),
        pt.s_otdd(pt.task(where="fit"), pt.task(where=~pl.col("fit"))),
        pt.tetot(pt.task(where="fit"), pt.task(where=~pl.col("fit")), max_rows=30),
    ],
    ids=["linear_probe", "parc", "nleep", "ot_nce", "otdd", "s_otdd", "tetot"],
)
def test_draws_and_ties_depend_on_no_order_or_name(build: pl.Expr) -> None:
    random = np.random.default_rng(0)
    y = random.integers(0, 3, 150)
    # Few values, so that rows are repeated, within classes and across them.
    x = np.clip(np.round(random.normal(size=(150, 3)) + y[:, None]), -1, 3)
    rows = table(x, y).with_columns(fit=pl.int_range(pl.len()) % 3 > 0)
    expected = value(rows, build)
    for seed in range(4):
        names = dict(zip(range(3), random.permutation(["b", "z", "a"]).tolist(), strict=True))
        other = rows.sample(fraction=1, shuffle=True, seed=seed).with_columns(
            pl.col("label").replace_strict(names)
        )
        assert value(other, build) == expected
