"""Scores that read no label of the target: formulas, known values, and tables without labels."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import polars as pl
import polars_transferability as pt
import pytest
from formulas import (
    numpy_nuclear_norm,
    numpy_prediction_entropy,
    numpy_s_otdd_powers,
    numpy_tetot,
)
from hypothesis import given
from hypothesis import strategies as st
from random_tasks import arrays, random_task, random_tasks, seeds, table
from registry import NEW, OLD, TRAIN, embedding_rows, source_groups, value

OF_PREDICTIONS = [pt.nuclear_norm, pt.prediction_entropy]


def probabilities(theta: np.ndarray) -> pl.DataFrame:
    return pl.DataFrame({"p": pl.Series(theta.tolist(), dtype=pl.List(pl.Float64))})


@random_tasks
@given(seeds, st.integers(1, 30), st.integers(1, 6))
def test_scores_of_predictions_equal_the_formulas(seed: int, rows: int, sources: int) -> None:
    random = np.random.default_rng(seed)
    theta = random.dirichlet(np.full(sources, 0.3), rows)
    found = probabilities(theta).select(norm=pt.nuclear_norm("p"), h=pt.prediction_entropy("p"))
    expected = (numpy_nuclear_norm(theta), numpy_prediction_entropy(theta))
    assert found.row(0) == pytest.approx(expected, rel=1e-10, abs=1e-12)
    least = 1 / math.sqrt(sources * min(rows, sources))
    assert least - 1e-9 <= found["norm"].item() <= 1 + 1e-9
    assert -math.log(sources) - 1e-9 <= found["h"].item() <= 0


def test_scores_of_predictions_of_known_rows() -> None:
    certain, one, uniform = np.eye(4)[[0, 1, 2, 3] * 3], np.eye(4)[[1] * 12], np.full((12, 4), 0.25)
    norms = [value(probabilities(p), pt.nuclear_norm("p")) for p in (certain, one, uniform)]
    assert norms == pytest.approx([1, 0.5, 0.25], abs=1e-12)
    minus = [value(probabilities(p), pt.prediction_entropy("p")) for p in (certain, one, uniform)]
    assert minus == pytest.approx([0, 0, -math.log(4)], abs=1e-12)


@pytest.mark.parametrize("function", OF_PREDICTIONS)
def test_scores_of_predictions_of_a_large_table(function: object) -> None:
    random = np.random.default_rng(0)
    theta = random.dirichlet(np.full(20, 0.1), 5000).astype(np.float32)
    rows = pl.DataFrame({"p": pl.Series(theta, dtype=pl.Array(pl.Float32, 20))})
    formula = numpy_nuclear_norm if function is pt.nuclear_norm else numpy_prediction_entropy
    theta = theta.astype(np.float64)
    expected = formula(theta / theta.sum(axis=1, keepdims=True))
    assert value(rows, function("p")) == pytest.approx(expected, rel=1e-9)
    shuffled = rows.sample(fraction=1, shuffle=True, seed=1)
    assert value(shuffled, function("p")) == value(rows, function("p"))


@random_tasks
@given(seeds, st.integers(2, 3), st.sampled_from([0.0, 0.5, 3.0]))
def test_tetot_equals_the_formula(seed: int, classes: int, label_weight: float) -> None:
    rows = random_task(seed, (classes, 5, 3))
    other = random_task(seed + 1, (2, 4, 3))
    x, y = arrays(rows)
    both = pl.concat([rows.with_columns(task=0), other.with_columns(task=1)])
    old, new = (pt.task(where=pl.col("task") == task) for task in (0, 1))
    found = value(both, pt.tetot(old, new, label_weight=label_weight, l2=0.05))
    wanted = numpy_tetot(x, y, arrays(other)[0], label_weight=label_weight, l2=0.05)
    assert found == pytest.approx(wanted, rel=1e-5)


@pytest.mark.parametrize("p", [1, 2])
def test_s_otdd_equals_the_formula_over_many_lines(p: float) -> None:
    random = np.random.default_rng(4)
    x, other = random.normal(size=(2, 24, 3)) * 0.8
    other += 0.3
    y, of_other = np.arange(24) % 2, np.arange(24) % 3
    rows = pl.concat(
        [table(x, y).with_columns(task=0), table(other, of_other).with_columns(task=1)]
    )
    old, new = (pt.task(where=pl.col("task") == task) for task in (0, 1))
    lines = 40_000
    ours = [-value(rows, pt.s_otdd(old, new, projections=lines, p=p, seed=seed)) for seed in (0, 1)]
    powers = numpy_s_otdd_powers([(x, y), (other, of_other)], p=p, lines=lines, seed=0)
    error = powers.std() / math.sqrt(lines)
    for found in ours:
        # Ours has as large an error as this one.
        assert abs(found**p - powers.mean()) < 4 * math.sqrt(2) * error
    assert error < 0.02 * powers.mean()
    assert ours[0] != ours[1]


def test_s_otdd_takes_any_numbers_of_classes() -> None:
    rows = embedding_rows(classes=3, rows_per_class=8)
    one = rows.with_columns(label=pl.when(NEW).then(0).otherwise("label"))
    each = rows.with_columns(label=pl.int_range(pl.len()))
    old, new = pt.task(where=OLD), pt.task(where=NEW)
    found = [value(frame, pt.s_otdd(old, new)) for frame in (rows, one, each)]
    assert len(set(found)) == 3
    assert max(found) < 0
    assert value(rows, pt.s_otdd(old, old)) == 0
    assert value(rows, pt.s_otdd(old, new)) == pytest.approx(value(rows, pt.s_otdd(new, old)))


UNREAD = {
    "null": pl.lit(None),
    "one class": pl.lit(7),
    "every row another": pl.int_range(pl.len()),
}


@pytest.mark.parametrize("labels", UNREAD)
def test_tetot_does_not_read_the_labels_of_the_target(labels: str) -> None:
    rows = embedding_rows()
    build = pt.tetot(pt.task(where=OLD, fit=TRAIN), pt.task(where=NEW, fit=TRAIN))
    other = rows.with_columns(label=pl.when(NEW).then(UNREAD[labels]).otherwise("label"))
    assert value(other, build) == value(rows, build)


def test_tetot_needs_no_label_column_of_the_target() -> None:
    rows = embedding_rows()
    expected = value(rows, pt.tetot(pt.task(where=OLD), pt.task(where=NEW)))
    # Columns of their own for each side, and a label that there is not.
    sides = [
        pt.task(pl.col("embedding").filter(OLD), pl.col("label").filter(OLD)),
        pt.task(pl.col("embedding").filter(NEW), "no such column"),
    ]
    assert value(rows, pt.tetot(*sides)) == expected
    with pytest.raises(pl.exceptions.ColumnNotFoundError, match="no such column"):
        rows.select(pt.s_otdd(*sides))


def test_tetot_needs_labels_of_the_source() -> None:
    rows = embedding_rows().with_columns(label=pl.when(NEW).then("label"))
    message = r'label column "label" of the source task is null in \d+ of \d+ rows'
    with pytest.raises(pl.exceptions.ComputeError, match=message):
        rows.select(pt.tetot(pt.task(where=OLD), pt.task(where=NEW)))
    one = embedding_rows().with_columns(label=0)
    with pytest.raises(
        pl.exceptions.ComputeError, match=r"the source labels have 1 class.*TETOT needs at"
    ):
        one.select(pt.tetot(pt.task(where=OLD), pt.task(where=NEW)))


def test_features_beyond_what_moments_hold_are_named() -> None:
    rows = embedding_rows().with_columns(
        embedding=(pl.col("embedding").cast(pl.List(pl.Float64)) * 1e60)
    )
    message = (
        "higher moments of the features are beyond the range of a float, so s-OTDD has no value"
    )
    with pytest.raises(pl.exceptions.ComputeError, match=message):
        rows.select(pt.s_otdd(pt.task(where=OLD), pt.task(where=NEW)))


def test_several_scores_of_predictions_read_no_label() -> None:
    rows = source_groups(1).with_columns(label=pl.lit(None, dtype=pl.String))
    which = ["nuclear_norm", "prediction_entropy"]
    found = value(rows, pt.scores(label="label", probabilities="probabilities", scores=which))
    assert found == {
        "nuclear_norm": value(rows, pt.nuclear_norm("probabilities")),
        "prediction_entropy": value(rows, pt.prediction_entropy("probabilities")),
        "n": rows.height,
        "classes": None,
        "labels": None,
    }
    with pytest.raises(pl.exceptions.ComputeError, match='label column "label" of scores is null'):
        rows.select(
            pt.scores(label="label", probabilities="probabilities", scores=[*which, "leep"])
        )
    with pytest.raises(ValueError, match="probabilities: needed for nuclear_norm, but not given"):
        pt.scores("embedding", "label", scores="nuclear_norm")


def test_tables_without_labels_are_scored(tmp_path: Path) -> None:
    rows = source_groups(2)
    which = ["nuclear_norm", "prediction_entropy"]
    found = pt.compute_scores(rows.drop("label"), scores=which)
    assert found.columns == [
        *("model", "target", *which),
        *("n", "n_evaluated", "classes", "labels", "problems"),
    ]
    side = rows.filter(pl.col("model") == "net1", NEW, TRAIN)
    one = found.filter(model="net1", target="new").row(0, named=True)
    for name in which:
        assert one[name] == value(side, getattr(pt, name)("probabilities"))
    assert (one["n"], one["classes"], one["labels"]) == (side.height, None, None)
    # What reads labels beside them says that there are none.
    with pytest.raises(pl.exceptions.ColumnNotFoundError, match="label"):
        pt.compute_scores(rows.drop("label"), scores=[*which, "leep"])


def test_an_unlabelled_target_is_scored_from_a_source() -> None:
    rows = source_groups(2)
    unlabelled = rows.with_columns(label=pl.when(OLD).then("label"))
    options = {"sources": ["old"], "targets": ["new"]}
    which = ["tetot", "nuclear_norm"]
    found = pt.compute_scores(unlabelled, scores=which, **options)
    assert found.drop("labels", "classes").equals(
        pt.compute_scores(rows, scores=which, **options).drop("labels", "classes")
    )
    side = rows.filter(pl.col("model") == "net0", TRAIN)
    one = found.filter(model="net0").row(0, named=True)
    assert one["tetot"] == value(side, pt.tetot(pt.task(where=OLD), pt.task(where=NEW)))
    both = pt.compute_scores(unlabelled, scores=["tetot", "s_otdd"], **options)
    assert both.filter(model="net0")["tetot"].item() == one["tetot"]
    assert both["s_otdd"].is_null().all()
    assert "label column" in both["problems"].explode()[0]
    with pytest.raises(pl.exceptions.ComputeError, match="label column"):
        pt.compute_scores(unlabelled, scores=["tetot", "s_otdd"], strict=True, **options)
