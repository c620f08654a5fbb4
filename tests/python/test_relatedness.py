"""Bounds between tasks: means over models, both directions, and an order of the tasks."""

from __future__ import annotations

import itertools
import random

import numpy as np
import polars as pl
import pytest
from polars_transferability._relatedness import relatedness, task_order
from scipy.cluster.hierarchy import leaves_list, linkage
from scipy.spatial.distance import squareform

TASKS = ["birds", "cars", "digits", "flowers", "letters"]
GUESSING = dict(zip(TASKS, [2.0, 1.0, 2.3, 4.0, 3.2], strict=True))


def bounds(tasks: list[str] = TASKS, models: int = 3, seed: int = 0) -> pl.DataFrame:
    draw = np.random.default_rng(seed)
    pairs = [pair for pair in itertools.product(tasks, tasks) if pair[0] != pair[1]]
    return pl.DataFrame(
        [
            (
                f"net{model}",
                source,
                target,
                GUESSING.get(target, 1.0) * draw.uniform(),
                GUESSING.get(target, 1.0),
            )
            for model in range(models)
            for source, target in pairs
        ],
        schema=["model", "source", "target", "bound", "trivial_loss"],
        orient="row",
    )


def test_means_over_models_are_those_of_the_bounds() -> None:
    rows = bounds()
    found = relatedness(rows)
    assert found.height == len(TASKS) * (len(TASKS) - 1)
    for row in found.iter_rows(named=True):
        own = rows.filter(source=row["source"], target=row["target"])
        assert row["bound"] == pytest.approx(np.mean(own["bound"].to_list()))
        shares = own["bound"] / own["trivial_loss"]
        assert row["share"] == pytest.approx(np.mean(shares.to_list()))
        assert row["trivial_loss"] == pytest.approx(GUESSING[row["target"]])
        assert row["models"] == 3


def test_asymmetry_is_the_difference_of_the_two_directions() -> None:
    found = relatedness(bounds())
    ways = {(row["source"], row["target"]): row for row in found.iter_rows(named=True)}
    for (source, target), row in ways.items():
        back = ways[target, source]
        assert row["asymmetry"] == row["share"] - back["share"] == -back["asymmetry"]


def test_one_matrix_for_each_model_is_that_of_its_bounds() -> None:
    rows = bounds()
    found = relatedness(rows, ["model"])
    for (model,), of_model in found.group_by("model"):
        assert of_model.drop("model").equals(relatedness(rows.filter(model=model)))
    both = found.join(rows, on=["model", "source", "target"], suffix="_of_it")
    assert both.height == rows.height
    assert (both["bound"] == both["bound_of_it"]).all()


def test_bounds_that_are_missing_are_left_out_of_the_means() -> None:
    rows = bounds()
    lost = (pl.col("model") == "net0") & (pl.col("source") == "cars")
    spoilt = rows.with_columns(pl.when(~lost).then(pl.col("bound", "trivial_loss")))
    found = relatedness(spoilt)
    without = relatedness(rows.filter(~lost))
    assert found.equals(without)
    assert found.filter(source="cars")["models"].unique().to_list() == [2]
    nothing = relatedness(rows.with_columns(bound=pl.lit(None, pl.Float64)))
    assert nothing.select("bound", "share", "asymmetry").null_count().row(0) == (20, 20, 20)
    assert nothing["models"].unique().to_list() == [0]


def test_a_target_on_which_guessing_costs_nothing_has_no_share() -> None:
    rows = bounds().with_columns(
        trivial_loss=pl.when(pl.col("target") == "cars").then(0.0).otherwise("trivial_loss")
    )
    found = relatedness(rows).filter(target="cars")
    assert found["share"].null_count() == found.height
    assert found["bound"].null_count() == 0


def halves(related: pl.DataFrame) -> tuple[list[str], np.ndarray]:
    """The tasks and how far apart they are: the mean of both directions, computed apart."""
    tasks = sorted({*related["source"], *related["target"]})
    apart = np.zeros((len(tasks), len(tasks)))
    for source, target, share in related.select("source", "target", "share").iter_rows():
        apart[tasks.index(source), tasks.index(target)] = share
    return tasks, (apart + apart.T) / 2


@pytest.mark.parametrize("seed", range(10))
def test_groups_of_average_linkage_stand_together(seed: int) -> None:
    """Every group that scipy merges is an unbroken part of the order."""
    tasks = [f"task{place:02}" for place in range(12)]
    related = relatedness(bounds(tasks, models=1, seed=seed))
    order = task_order(related)
    names, apart = halves(related)
    assert sorted(order) == names
    merged = linkage(squareform(apart, checks=False), method="average")
    groups = {place: {name} for place, name in enumerate(names)}
    for place, (first, second, *_) in enumerate(merged):
        group = groups[int(first)] | groups[int(second)]
        groups[len(names) + place] = group
        places = [order.index(name) for name in group]
        assert max(places) - min(places) == len(group) - 1
    assert len(leaves_list(merged)) == len(order)


def test_neither_the_order_of_rows_nor_the_direction_matters() -> None:
    related = relatedness(bounds())
    order = task_order(related)
    for seed in range(5):
        assert task_order(related.sample(fraction=1.0, shuffle=True, seed=seed)) == order
    turned = related.rename({"source": "target", "target": "source"})
    assert task_order(turned) == order


def test_tasks_that_meet_are_the_nearest_of_their_groups() -> None:
    line = {"a": 0.0, "b": 1.0, "c": 3.0, "d": 7.0, "e": 15.0}
    names = list(line)
    random.Random(1).shuffle(names)
    rows = [
        (one, other, abs(line[one] - line[other]) / 20)
        for one, other in itertools.permutations(names, 2)
    ]
    related = pl.DataFrame(rows, schema=["source", "target", "share"], orient="row")
    assert task_order(related) == ["a", "b", "c", "d", "e"]


def test_tasks_without_a_bound_between_them_are_ordered_too() -> None:
    """Sources and targets may be different tasks, and there may be none."""
    rows = bounds().filter(pl.col("source").is_in(["birds", "cars"]), pl.col("target") == "digits")
    assert sorted(task_order(relatedness(rows))) == ["birds", "cars", "digits"]
    assert task_order(relatedness(rows.clear())) == []
