"""Distances of real images against reference values."""

from __future__ import annotations

import json
from pathlib import Path

import polars as pl
import polars_transferability as pt
import pytest


@pytest.fixture(scope="module")
def test_rows(shared: Path) -> pl.DataFrame:
    table = pl.scan_parquet(shared / "embeddings" / "lenet-mnist.parquet")
    return table.filter(pl.col("split") == "test").select("task", "label", "embedding").collect()


@pytest.fixture(scope="module")
def reference(shared: Path) -> list[dict[str, float]]:
    values = json.loads((shared / "reference" / "class_wasserstein.json").read_text())["values"]
    assert len(values) == 20
    return values


def test_wasserstein_equals_the_reference(
    test_rows: pl.DataFrame, reference: list[dict[str, float]]
) -> None:
    row_number = pl.int_range(1, pl.len() + 1)
    for expected in reference:
        x, y = (
            test_rows.filter(task=expected[side], label=expected["label"])
            for side in ("source", "target")
        )
        assert (x.height, y.height) == (expected["n"], expected["m"])
        source, target = pl.lit(x["embedding"]), pl.lit(y["embedding"])
        weight = pl.lit(x.select(row_number).to_series())
        found = pl.select(
            uniform=pt.wasserstein(source, target),
            weighted=pt.wasserstein(source, target, x_weight=weight),
            squared=pt.wasserstein(source, target, p=2) ** 2,
        ).row(0)
        assert found == pytest.approx(
            (
                expected["w1_uniform"],
                expected["w1_source_weight_proportional_to_row_number_from_1"],
                expected["w2_squared_uniform"],
            ),
            rel=1e-9,
        )


def test_class_wasserstein_equals_the_reference(
    test_rows: pl.DataFrame, reference: list[dict[str, float]]
) -> None:
    mnist = pt.task(where=pl.col("task") == "mnist")
    for name in ("usps", "fashion-mnist"):
        target = pt.task(where=pl.col("task") == name)
        found = test_rows.select(
            pt.class_wasserstein(mnist, target).struct.field("by_class").alias("one"),
            pt.class_wasserstein(mnist, target, p=2).struct.field("by_class").alias("two"),
        )
        ours = zip(found["one"].item(), found["two"].item(), strict=True)
        rows = [values for values in reference if values["target"] == name]
        for (one, two), expected in zip(ours, rows, strict=True):
            assert one["class"] == str(expected["label"])
            assert one["weight"] == pytest.approx(expected["m"] / 1000, rel=1e-12)
            assert one["distance"] == pytest.approx(expected["w1_uniform"], rel=1e-9)
            assert two["distance"] ** 2 == pytest.approx(expected["w2_squared_uniform"], rel=1e-9)
