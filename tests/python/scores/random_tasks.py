"""Random tasks, and when two scores of them are close."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import settings
from hypothesis import strategies as st

random_tasks = settings(deadline=None, max_examples=25)
seeds = st.integers(0, 2**32)
shapes = st.tuples(st.integers(2, 4), st.integers(4, 9), st.integers(2, 40))


def table(features: Any, labels: Any) -> pl.DataFrame:
    """Features, as lists, with labels."""
    rows = np.asarray(features).tolist()
    return pl.DataFrame({"embedding": pl.Series(rows, dtype=pl.List(pl.Float64)), "label": labels})


def random_task(seed: int, shape: tuple[int, int, int], *, apart: float = 2.0) -> pl.DataFrame:
    """Gaussian classes, of about `size` rows each; multiples of 1/64, which f32 holds exactly."""
    classes, size, width = shape
    random = np.random.default_rng(seed)
    labels = np.concatenate([np.full(size + c, c) for c in range(classes)])
    centres = apart * random.normal(size=(classes, width))
    features = centres[labels] + random.normal(size=(len(labels), width))
    return table(np.round(64 * features) / 64, labels)


def arrays(rows: pl.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    return np.array(rows["embedding"].to_list(), dtype=float), rows["label"].to_numpy()


def numbers(found: object) -> Iterator[float]:
    """All floats in a value, in order."""
    if isinstance(found, float):
        yield found
    elif isinstance(found, dict):
        for part in found.values():
            yield from numbers(part)
    elif isinstance(found, list):
        for part in found:
            yield from numbers(part)


def close(found: object, expected: object, *, rel: float, least: float = 0.0) -> None:
    """All numbers agree, and everything else is equal."""
    left, right = list(numbers(found)), list(numbers(expected))
    assert left == pytest.approx(right, rel=rel, abs=least)
    assert len(left) > 0
