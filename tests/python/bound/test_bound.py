"""What must hold for every bound, on random problems."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
import polars_transferability as pt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from registry import NEW, OLD, TRAIN, value

COSTS, TRANSFORMS = ("margin", "head", "euclidean"), ("identity", "features", "all")
TERMS = ("source_loss", "label_mismatch", "distribution_mismatch")

random_problems = settings(deadline=None, max_examples=50)


@dataclass(frozen=True)
class Problem:
    """Two tasks of one width; a seed stands for the numbers, so that a failure is short to read."""

    seed: int
    width: int
    classes: dict[str, int]
    scale: float

    def rows(self) -> pl.DataFrame:
        """Rows of both tasks, two to five of each class in each split."""
        random = np.random.default_rng(self.seed)
        parts = []
        for task, classes in self.classes.items():
            centres = self.scale * random.normal(size=(classes, self.width))
            for split in ("train", "test"):
                counts = random.integers(2, 6, size=classes)
                label = np.repeat(np.arange(classes), counts)
                points = centres[label] + random.normal(size=(label.size, self.width))
                parts.append(
                    pl.DataFrame({"label": label, "embedding": points}).select(
                        pl.lit(task).alias("task"), pl.lit(split).alias("split"), pl.all()
                    )
                )
        return pl.concat(parts)

    def head(self) -> tuple[np.ndarray, np.ndarray]:
        """Weights and biases of some head for the source."""
        random = np.random.default_rng(self.seed + 1)
        shape = (self.classes["old"], self.width)
        return random.normal(size=shape), random.normal(size=shape[0])

    def label_map(self) -> pl.DataFrame:
        """Some label map with zeros in it."""
        random = np.random.default_rng(self.seed + 2)
        old, new = self.classes["old"], self.classes["new"]
        weight = random.random((new, old)) * random.integers(0, 2, size=(new, old))
        weight[np.arange(new), random.integers(0, old, size=new)] += 0.5
        weight /= weight.sum(axis=1, keepdims=True)
        target, source = np.nonzero(weight)
        return pl.DataFrame({"source": source, "target": target, "weight": weight[target, source]})


@st.composite
def problems(draw: st.DrawFn, *, same_classes: bool = False) -> Problem:
    old = draw(st.integers(2, 4))
    return Problem(
        seed=draw(st.integers(0, 2**32)),
        width=draw(st.integers(1, 5)),
        classes={"old": old, "new": old if same_classes else draw(st.integers(2, 4))},
        scale=draw(st.sampled_from([0.0, 1.0, 4.0])),
    )


def head_frame(weight: np.ndarray, bias: np.ndarray) -> pl.DataFrame:
    return pl.DataFrame({"label": np.arange(len(bias)), "weight": weight, "bias": bias})


def identity_map(classes: int) -> pl.DataFrame:
    names = np.arange(classes)
    return pl.DataFrame({"source": names, "target": names, "weight": np.ones(classes)})


def bound(rows: pl.DataFrame, *, fit: pl.Expr | None = None, **options: Any) -> dict[str, Any]:
    old, new = pt.task(where=OLD, fit=fit), pt.task(where=NEW, fit=fit)
    found = value(rows, pt.transfer_bound(old, new, **options))
    assert isinstance(found, dict)
    return found


def assert_holds(found: dict[str, Any]) -> None:
    """The inequality, the sums and the ranges that any output must satisfy."""
    assert found["certified"]
    assert found["target_loss"] <= found["bound"] * (1 + 1e-9)
    assert sum(found[term] for term in TERMS) == pytest.approx(found["bound"], rel=1e-12)
    for term in TERMS:
        parts = sum(part[term] for part in found["by_class"])
        assert parts == pytest.approx(found[term], rel=1e-12, abs=1e-15)
        assert found[term] >= 0
    assert sum(part["weight"] for part in found["by_class"]) == pytest.approx(1, rel=1e-12)
    for part in found["by_class"]:
        assert sum(s["weight"] for s in part["sources"]) == pytest.approx(1, rel=1e-12)
    # Rounding makes no bound vacuous: that of the constant head is the trivial loss.
    assert found["vacuous"] == (found["bound"] > found["trivial_loss"] * (1 + 1e-12))
    guessing, near = found["trivial_loss"], 1e-3 * found["trivial_loss"]
    guesses = found["l2"] is None and found["distribution_mismatch"] == 0
    if found["state"] == "no better than guessing":
        assert guesses or abs(found["bound"] - guessing) <= near * (1 + 1e-9)
    else:
        assert found["state"] == (
            "vacuous" if found["bound"] > guessing else "better than guessing"
        )
        assert abs(found["bound"] - guessing) > near * (1 - 1e-9)
    assert 0 <= found["target_accuracy"] <= 1


@random_problems
@given(
    problems(),
    st.sampled_from(COSTS),
    st.sampled_from(TRANSFORMS),
    st.sampled_from([None, 1e-3, 1.0]),
    st.booleans(),
    st.booleans(),
    st.sampled_from([None, 1, 3]),
    st.sampled_from(["all", "held-out"]),
)
def test_no_loss_is_above_its_bound(
    problem: Problem,
    ground_cost: str,
    transform: str,
    l2: float | None,
    standardize: bool,
    split: bool,
    limit: int | None,
    source_rows: str,
) -> None:
    rows = problem.rows()
    found = bound(
        rows,
        fit=TRAIN if split else None,
        ground_cost=ground_cost,
        transform=transform,
        l2=l2,
        standardize=standardize,
        max_rows_per_class=limit,
        seed=problem.seed,
        source_rows=source_rows,
    )
    assert_holds(found)
    assert (found["lipschitz"] is None) == (ground_cost == "margin")
    held_out = rows.filter(~TRAIN) if split else rows
    for task, side in (("old", "source"), ("new", "target")):
        evaluated = rows if side == "source" and source_rows == "all" else held_out
        counts = evaluated.filter(task=task)["label"].value_counts()["count"]
        drawn = counts if limit is None else counts.clip(upper_bound=limit)
        assert found[f"n_{side}"] == drawn.sum()
        assert found[f"{side}_classes"] == problem.classes[task]
    shares = np.array([part["weight"] for part in found["by_class"]])
    assert found["trivial_loss"] == pytest.approx(-(shares * np.log(shares)).sum(), rel=1e-12)


@random_problems
@given(
    problems(), st.sampled_from(COSTS), st.sampled_from(TRANSFORMS), st.booleans(), st.booleans()
)
def test_no_loss_is_above_its_bound_for_given_maps(
    problem: Problem, ground_cost: str, transform: str, fixed_head: bool, split: bool
) -> None:
    label_map = problem.label_map()
    found = bound(
        problem.rows(),
        fit=TRAIN if split else None,
        ground_cost=ground_cost,
        transform=transform,
        head=head_frame(*problem.head()) if fixed_head else None,
        label_map=label_map,
    )
    assert_holds(found)
    # The map is the given one, entry by entry.
    kept = {
        (int(s["class"]), int(part["class"])): s["weight"]
        for part in found["by_class"]
        for s in part["sources"]
    }
    expected = {(s, t): w for s, t, w in label_map.iter_rows()}
    assert kept == pytest.approx(expected, rel=1e-12)


@random_problems
@given(problems(), st.sampled_from(COSTS), st.booleans(), st.booleans())
def test_a_task_is_no_distance_from_itself(
    problem: Problem, ground_cost: str, fixed_head: bool, split: bool
) -> None:
    rows = problem.rows().filter(OLD)
    twice = pl.concat([rows, rows.with_columns(task=pl.lit("new"))])
    found = bound(
        twice,
        fit=TRAIN if split else None,
        transform="identity",
        ground_cost=ground_cost,
        head=head_frame(*problem.head()) if fixed_head else None,
        label_map=identity_map(problem.classes["old"]),
    )
    assert found["label_mismatch"] == 0
    assert found["distribution_mismatch"] == pytest.approx(0, abs=1e-12)
    assert found["bound"] == pytest.approx(found["target_loss"], rel=1e-9)
    assert found["bound"] == pytest.approx(found["source_loss"], rel=1e-9)


@random_problems
@given(problems(), st.sampled_from(COSTS), st.sampled_from(TRANSFORMS), st.booleans())
def test_order_of_rows_and_names_of_classes_do_not_matter(
    problem: Problem, ground_cost: str, transform: str, split: bool
) -> None:
    rows = problem.rows()
    options = {
        "fit": TRAIN if split else None,
        "ground_cost": ground_cost,
        "transform": transform,
        "seed": 3,
        "max_rows_per_class": 4,
    }
    expected = bound(rows, **options)["bound"]
    shuffled = rows.sample(fraction=1, shuffle=True, seed=problem.seed)
    assert bound(shuffled, **options)["bound"] == pytest.approx(expected, rel=1e-12)
    names = np.random.default_rng(problem.seed).permutation(list("abcd"))
    renamed = rows.with_columns(
        pl.col("label").replace_strict(dict(enumerate(names)), return_dtype=pl.String)
    )
    assert bound(renamed, **options)["bound"] == pytest.approx(expected, rel=1e-12)


@random_problems
@given(problems(), st.sampled_from(COSTS), st.sampled_from([None, 0.01, 1.0]))
def test_learning_more_never_bounds_worse_on_the_rows_learned_from(
    problem: Problem, ground_cost: str, l2: float | None
) -> None:
    rows = problem.rows()
    identity, features, everything = (
        bound(rows, ground_cost=ground_cost, transform=transform, l2=l2)["bound"]
        for transform in TRANSFORMS
    )
    assert everything <= features * (1 + 1e-12)
    assert features <= identity * (1 + 1e-12)


@random_problems
@given(problems(), st.booleans())
def test_margin_is_below_head_is_below_euclidean(problem: Problem, split: bool) -> None:
    margin, head, euclidean = (
        bound(
            problem.rows(),
            fit=TRAIN if split else None,
            transform="identity",
            ground_cost=ground_cost,
            head=head_frame(*problem.head()),
            label_map=problem.label_map(),
        )["bound"]
        for ground_cost in COSTS
    )
    assert margin <= head * (1 + 1e-12)
    assert head <= euclidean * (1 + 1e-12)


@random_problems
@given(problems(same_classes=True), st.booleans())
def test_fixed_head_recomputed(problem: Problem, split: bool) -> None:
    rows = problem.rows()
    weight, bias = problem.head()
    found = bound(
        rows,
        fit=TRAIN if split else None,
        transform="identity",
        ground_cost="euclidean",
        head=head_frame(weight, bias),
        label_map=identity_map(len(bias)),
    )
    differences = weight[:, None] - weight[None]
    largest = np.linalg.norm(differences, axis=2).max()
    assert found["lipschitz"] == pytest.approx(largest, rel=1e-9)

    evaluated = rows.filter(~TRAIN) if split else rows
    old, new = pt.task(where=OLD), pt.task(where=NEW)
    distances = value(evaluated, pt.class_wasserstein(old, new))
    mismatch = found["lipschitz"] * distances["distance"]
    assert found["distribution_mismatch"] == pytest.approx(mismatch, rel=1e-9)

    # The head follows the prior: the classes count as often as in the target's rows.
    def shares(rows: pl.DataFrame, task: str) -> np.ndarray:
        counts = np.bincount(rows.filter(task=task)["label"])
        return counts / counts.sum()

    fitted = rows.filter(TRAIN) if split else rows
    bias = bias + np.log(shares(fitted, "new") / shares(fitted, "old"))

    def class_losses(task: str) -> np.ndarray:
        side = evaluated.filter(task=task)
        label = side["label"].to_numpy()
        logits = np.stack(side["embedding"].to_numpy()) @ weight.T + bias
        losses = np.logaddexp.reduce(logits, axis=1) - logits[np.arange(len(label)), label]
        return np.array([losses[label == c].mean() for c in range(len(bias))])

    prior = shares(evaluated, "new")
    assert found["source_loss"] == pytest.approx(prior @ class_losses("old"), rel=1e-9)
    assert found["target_loss"] == pytest.approx(prior @ class_losses("new"), rel=1e-9)
    assert found["label_mismatch"] == 0


@random_problems
@given(problems(), st.sampled_from(["head", "euclidean"]))
def test_empirical_constant_is_lower_and_certifies_nothing(
    problem: Problem, ground_cost: str
) -> None:
    certified, empirical = (
        bound(
            problem.rows(),
            transform="identity",
            ground_cost=ground_cost,
            lipschitz=lipschitz,
            head=head_frame(*problem.head()),
            label_map=problem.label_map(),
        )
        for lipschitz in ("certified", "empirical")
    )
    assert not empirical["certified"]
    assert empirical["lipschitz"] <= certified["lipschitz"] * (1 + 1e-12)
    # Only the constant differs. A map onto one source class makes it 0 for both.
    left = empirical["distribution_mismatch"] * certified["lipschitz"]
    right = certified["distribution_mismatch"] * empirical["lipschitz"]
    assert left == pytest.approx(right, rel=1e-9)


def test_columns_have_default_names() -> None:
    rows = Problem(0, 2, {"old": 2, "new": 2}, 3.0).rows()
    options = {"l2": 0.1, "transform": "identity"}
    named = pt.transfer_bounds("embedding", "label", "task", **options)
    assert value(rows, pt.transfer_bounds(**options)) == value(rows, named)
    by_place = pt.transfer_bounds("task", "task", "label", **options)
    assert by_place.meta.root_names() == ["task", "task", "label"]


def test_given_strength_is_reported() -> None:
    rows = Problem(seed=0, width=3, classes={"old": 3, "new": 3}, scale=4.0).rows()
    assert bound(rows, l2=0.25)["l2"] == 0.25


def test_head_rows_may_stand_in_any_order_and_be_more_than_needed() -> None:
    problem = Problem(seed=0, width=3, classes={"old": 3, "new": 3}, scale=1.0)
    head = head_frame(*problem.head())
    extra = pl.DataFrame({"label": [9], "weight": [[1.0, 2.0, 3.0]], "bias": [7.0]})
    options = {"transform": "identity", "label_map": identity_map(3)}
    expected = bound(problem.rows(), head=head, **options)
    more = pl.concat([extra, head.reverse().with_columns(pl.col("weight").arr.to_list())])
    assert bound(problem.rows(), head=more, **options) == expected
    assert bound(problem.rows(), head=more.lazy(), **options) == expected


def test_tasks_that_transfer_are_told_from_noise() -> None:
    random = np.random.default_rng(0)
    label = np.repeat(np.arange(3), 40)
    apart = 8 * np.eye(3)[label] + random.normal(size=(120, 3))
    rows = pl.concat(
        pl.DataFrame({"task": task, "label": label, "embedding": points})
        for task, points in (
            ("old", apart),
            ("new", -apart),
            ("noise", random.normal(size=(120, 3))),
        )
    ).with_columns(split=pl.Series(["train", "test"] * 180))
    near, far = (
        value(
            rows, pt.transfer_bound(pt.task(where=OLD, fit=TRAIN), pt.task(where=side, fit=TRAIN))
        )
        for side in (NEW, pl.col("task") == "noise")
    )
    assert near["bound"] < 0.5
    assert near["target_accuracy"] == 1
    assert far["bound"] > 1
