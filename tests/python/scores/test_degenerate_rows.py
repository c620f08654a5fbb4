"""No NaN where none went in: degenerate rows give a finite value or an error."""

from __future__ import annotations

import math
import warnings
from typing import Any

import numpy as np
import polars as pl
import polars_transferability as pt
import pytest
from random_tasks import numbers, table
from registry import EXPRESSIONS, OF_MOMENTS, value


def degenerate() -> dict[str, pl.DataFrame]:
    random = np.random.default_rng(0)
    y = np.array([0, 0, 0, 0, 1, 1, 1, 1] * 3)
    noise = random.normal(size=(24, 3))
    features = {
        "constant": np.full((24, 3), 2.5),
        "constant that binary fractions round": np.full((24, 3), 0.1),
        "zero": np.zeros((24, 3)),
        "one constant feature": np.c_[noise[:, 0], np.full(24, 0.3)],
        "one feature": noise[:, :1],
        "no spread within classes": np.c_[0.1 * y, 0.3 * y, 0.7 - y],
        "one-hot": np.eye(2)[y],
        "more features than rows": random.normal(size=(24, 60)),
        "each row twice": np.repeat(noise[:12], 2, axis=0),
        "the same rows in each class": np.tile(noise[:4], (6, 1)),
        "the label is a feature": np.c_[y, noise],
        "collinear": np.outer(noise[:, 0], [1, 2, 3]),
        "far from zero": noise + 1e12,
        "so far that rounding is all": 1e-3 * noise + 1e15,
        "other scales": noise * [1e-12, 1, 1e12],
        "one row far away": np.r_[noise[:-1], [[1e60, 0, 0]]],
        **{f"of size {size:g}": size * noise for size in (1e-300, 1e-30, 1e10, 1e60, 1e300)},
        "subnormal": 1e-320 * noise,
    }
    labels: dict[str, tuple[np.ndarray, Any]] = {
        **{name: (x, y) for name, x in features.items()},
        "one row per class": (noise, np.arange(24)),
        "one row per class, one feature": (noise[:, :1], np.arange(24)),
        "a class of one row": (noise, [5, *y[1:]]),
        "two rows": (np.eye(2), [0, 1]),
        "two equal rows": (np.ones((2, 2)), [0, 1]),
        "one row": (np.ones((1, 2)), [0]),
        "four rows": (noise[:4], [0, 0, 1, 1]),
    }
    return {name: degenerate_table(x, y) for name, (x, y) in labels.items()}


def degenerate_table(x: Any, y: Any) -> pl.DataFrame:
    rows = table(x, y)
    place = pl.int_range(pl.len())
    return rows.with_columns(
        task=pl.when(place % 2 == 0).then(pl.lit("old")).otherwise(pl.lit("new")),
        split=pl.when(place % 4 < 2).then(pl.lit("train")).otherwise(pl.lit("test")),
        probabilities=pt.softmax("embedding"),
        source_label=pl.lit("z"),
    )


DEGENERATE = degenerate()


@pytest.mark.parametrize("name", DEGENERATE)
def test_a_finite_value_or_an_error(name: str) -> None:
    rows = DEGENERATE[name]
    for expression in EXPRESSIONS:
        try:
            found = value(rows, expression.build())
        except pl.exceptions.ComputeError as error:
            message = str(error).removeprefix("the plugin failed with message: ")
            assert "defect" not in message, (expression.name, message)
            assert "NaN" not in message, (expression.name, message)
            continue
        assert all(math.isfinite(number) for number in numbers(found)), (expression.name, found)


def test_constant_features_are_worth_nothing() -> None:
    """Where features that say nothing have a value, it is the worst, or that of chance."""
    rows = DEGENERATE["constant"]
    assert value(rows, pt.transrate("embedding", "label")) == pytest.approx(0, abs=1e-12)
    assert value(rows, pt.ot_nce(pt.task(), pt.task())) <= 0
    probe = value(rows, pt.linear_probe("embedding", "label", l2=0.1))
    assert probe["loss"] == pytest.approx(math.log(2), rel=1e-6)


@pytest.mark.parametrize("function", OF_MOMENTS, ids=[f.__name__ for f in OF_MOMENTS])
def test_moments_of_degenerate_rows_agree_with_the_rows(function: Any) -> None:
    """Either both have a value, which is the same, or neither has one."""
    exact = ["constant", "zero", "one feature", "one-hot", "collinear", "a class of one row"]
    for name in [*exact, "more features than rows", "each row twice", "two rows", "four rows"]:
        rows = DEGENERATE[name]
        outcomes: list[float | str] = []
        for build in (
            function("embedding", "label"),
            function(pt.moments("embedding", "label")),
        ):
            with warnings.catch_warnings():
                try:
                    outcomes.append(float(value(rows, build)))
                except pl.exceptions.ComputeError as error:
                    outcomes.append(str(error).split("\n")[0].split(": ")[-1])
        of_rows, of_moments = outcomes
        if isinstance(of_rows, float):
            assert of_moments == pytest.approx(of_rows, rel=1e-9, abs=1e-9), name
        else:
            assert of_moments == of_rows, name
