"""The published algorithm of the benchmarks: gradients, descent, and the reference's head."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import polars as pl
import pytest
from threadpoolctl import threadpool_limits

BENCHES = Path(__file__).parents[3] / "benches"


@pytest.fixture
def algorithm(monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    monkeypatch.syspath_prepend(str(BENCHES))
    # Many small products take far longer on threads that wait for each other.
    with threadpool_limits(1):
        yield import_module("published_algorithm")


def random_rows(algorithm: ModuleType, random: np.random.Generator, classes: int) -> Any:
    label = np.arange(30) % classes
    x = random.normal(size=(30, 4)) + 2 * np.eye(classes, 4)[label]
    return algorithm.Rows(x, label, classes)


def assert_gradient(
    objective: Callable[[], tuple[float, dict[str, np.ndarray]]], parameters: dict[str, np.ndarray]
) -> None:
    """Central differences in every coordinate, which are exact to the square of their step."""
    _, gradients = objective()
    assert gradients.keys() == parameters.keys()
    for name, values in parameters.items():
        found = np.zeros_like(values)
        for place in np.ndindex(values.shape):
            kept = values[place]
            sides = []
            for step in (1e-5, -1e-5):
                values[place] = kept + step
                sides.append(objective()[0])
            values[place] = kept
            found[place] = (sides[0] - sides[1]) / 2e-5
        scale = np.abs(gradients[name]).max()
        assert scale > 1e-6, name
        np.testing.assert_allclose(gradients[name], found, atol=1e-7 * max(scale, 1), err_msg=name)


@pytest.mark.parametrize("penalty", [0.0, 3.0])
def test_the_gradient_of_the_head(algorithm: ModuleType, penalty: float) -> None:
    random = np.random.default_rng(0)
    rows = random_rows(algorithm, random, 3)
    head = {"weight": random.normal(size=(4, 3)), "bias": random.normal(size=3)}
    random_label = random.integers(0, 3, 30)
    settings = algorithm.HeadSettings(penalty=penalty)
    assert_gradient(
        lambda: algorithm.head_objective(head, rows, random_label, settings),
        head,
    )


def test_the_gradient_of_the_transforms(algorithm: ModuleType) -> None:
    random = np.random.default_rng(1)
    source, target = random_rows(algorithm, random, 3), random_rows(algorithm, random, 2)
    # With the published weight of labels no difference would show any other term.
    settings = replace(algorithm.TransformSettings(), label=1.5, prior=0.7, inverse=0.3)
    found = algorithm.start(source, target, random)
    found = {
        name: values + 0.3 * random.normal(size=values.shape) for name, values in found.items()
    }
    plan = algorithm.coupling(found, source, target, settings)
    batch = algorithm.Batch(source, target, plan, random.random(3))
    prior = np.array([0.8, 0.2])
    assert_gradient(
        lambda: algorithm.transform_objective(found, batch, prior, settings),
        found,
    )


def test_the_transforms_lower_their_objective(algorithm: ModuleType, data: Path) -> None:
    frame = pl.read_parquet(data / "lenet-mnist.parquet")
    old, new = (algorithm.task_rows(frame, task) for task in ("mnist", "fashion-mnist"))
    random = np.random.default_rng(0)
    head = algorithm.fit_head(old.train, algorithm.HeadSettings(epochs=20), random)
    settings = algorithm.TransformSettings(steps=60, batch=100)
    steps = algorithm.fit_transforms(head, old.train, new.train, settings, random)
    values = [value for value, _ in steps]
    assert len(values) == 60
    assert max(values[-5:]) < 0.9 * min(values[:5])


@pytest.mark.parametrize("seed", range(20))
def test_the_proven_constant_gives_a_bound(algorithm: ModuleType, seed: int) -> None:
    """Of maps that are the identity, so that what the soft penalties ask for holds exactly."""
    random = np.random.default_rng(seed)
    source, target = random_rows(algorithm, random, 3), random_rows(algorithm, random, 3)
    head = {"weight": random.normal(size=(4, 3)), "bias": random.normal(size=3)}
    found = algorithm.start(source, target, random)
    found["labels"] = 40 * np.eye(3)[random.permutation(3)]
    reached = algorithm.evaluate(head, found, source, target)
    assert reached.every_class_has_source_rows
    assert reached.label_mismatch < 1e-12
    assert reached.seen_constant <= reached.proven_constant
    assert reached.target_loss <= reached.proven
    assert reached.value <= reached.proven


def test_a_class_without_source_rows_is_told(algorithm: ModuleType) -> None:
    random = np.random.default_rng(2)
    source, target = random_rows(algorithm, random, 3), random_rows(algorithm, random, 3)
    head = {"weight": random.normal(size=(4, 3)), "bias": random.normal(size=3)}
    found = algorithm.start(source, target, random)
    found["labels"] = 40 * np.eye(3)[[0, 1, 1]]
    assert not algorithm.evaluate(head, found, source, target).every_class_has_source_rows


def test_the_head_is_as_good_as_the_reference_says(algorithm: ModuleType, shared: Path) -> None:
    """The head is what can be fitted in seconds; the benchmark compares the whole value."""
    entries = json.loads((shared / "reference" / "published_algorithm.json").read_text())
    expected = {entry["source"]: entry for entry in entries if entry["target"] == "fashion-mnist"}
    for source, entry in expected.items():
        frame = pl.read_parquet(shared / "embeddings" / f"{entry['model']}.parquet")
        rows = algorithm.task_rows(frame, source)
        head = algorithm.fit_head(rows.train, algorithm.HeadSettings(), np.random.default_rng(0))
        loss = algorithm.class_losses(head, rows.test).mean()
        assert loss == pytest.approx(entry["source_loss"], rel=algorithm.TOLERANCE)
