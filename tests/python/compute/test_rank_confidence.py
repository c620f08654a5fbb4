"""How sure a ranking is: against NumPy and scikit-learn, what must not change it, which rows."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import polars as pl
import polars_transferability as pt
import pytest
from sklearn.neighbors import KNeighborsClassifier

TRAIN = pl.col("split") == "train"
FIGURES = ["p_best", "p_top_k", "rank_low", "rank_high"]


def zoo(*, models: int = 4, targets: int = 2, rows: int = 60, seed: int = 0) -> pl.DataFrame:
    """Models of which each is worse than the one before, on the same rows of three classes."""
    parts = []
    for target in range(targets):
        random = np.random.default_rng([seed, target])
        label = random.integers(0, 3, rows)
        signal = np.eye(3)[label]
        for model in range(models):
            x = signal + (0.35 + 0.1 * model) * random.normal(size=(rows, 3))
            parts.append(
                pl.DataFrame(
                    {
                        "model": f"net{model}",
                        "task": f"task{target}",
                        "split": np.where(np.arange(rows) < rows // 2, "train", "test"),
                        "label": label,
                        "file": [f"image{row}" for row in range(rows)],
                    }
                ).with_columns(embedding=pl.Series(x.tolist(), dtype=pl.List(pl.Float64)))
            )
    return pl.concat(parts)


ROWS = zoo()


def numpy_hits(rows: pl.DataFrame, k: int) -> np.ndarray:
    """Which test rows scikit-learn's neighbours get right, for each model of one target."""
    found = []
    for _, part in sorted(rows.partition_by("model", as_dict=True).items()):
        fit, test = part.filter(split="train"), part.filter(split="test")
        neighbours = KNeighborsClassifier(k).fit(np.array(fit["embedding"].to_list()), fit["label"])
        predicted = neighbours.predict(np.array(test["embedding"].to_list()))
        found.append(predicted == test["label"].to_numpy())
    return np.array(found)


def test_it_is_the_bootstrap_of_numpy() -> None:
    draws = 20_000
    found = pt.rank_confidence(ROWS, k=2, score={"knn_accuracy": {"k": 3}}, resamples=draws)
    for target in ("task0", "task1"):
        ours = found.filter(target=target).sort("model")
        hits = numpy_hits(ROWS.filter(task=target), 3)
        assert ours["knn_accuracy"].to_list() == hits.mean(axis=1).tolist()
        random = np.random.default_rng(1)
        counts = random.multinomial(hits.shape[1], np.full(hits.shape[1], 1 / hits.shape[1]), draws)
        right = counts @ hits.T.astype(int)
        best = right == right.max(axis=1, keepdims=True)
        p_best = (best / best.sum(axis=1, keepdims=True)).mean(axis=0)
        # Five standard errors of the difference of two such means, each at most 1/2 / sqrt(draws).
        assert ours["p_best"].to_numpy() == pytest.approx(p_best, abs=5 * np.sqrt(0.5 / draws))


@pytest.mark.parametrize("fit", [TRAIN, None], ids=["with a split", "without"])
@pytest.mark.parametrize("score", ["knn_accuracy", "linear_probe"])
def test_accuracies_are_those_of_compute_scores(score: str, fit: pl.Expr | None) -> None:
    found = pt.rank_confidence(ROWS, score=score, fit=fit, resamples=10)
    name = "knn_accuracy" if score == "knn_accuracy" else "linear_probe_accuracy"
    expected = pt.compute_scores(ROWS, scores=[score], fit=fit)
    columns = ["target", "model", name, "n_evaluated"]
    assert found.select(columns).sort(columns).equals(expected.select(columns).sort(columns))


def test_probabilities_add_up_and_the_order_is_that_of_accuracies() -> None:
    found = pt.rank_confidence(ROWS, k=3)
    assert found.columns == [
        *("target", "model", "knn_accuracy", *FIGURES, "n_evaluated", "same_rows", "problems")
    ]
    sums = found.group_by("target").agg(pl.col("p_best", "p_top_k").sum())
    assert sums["p_best"].to_list() == pytest.approx([1.0, 1.0])
    assert sums["p_top_k"].to_list() == pytest.approx([3.0, 3.0])
    for _, part in found.group_by("target"):
        assert part["knn_accuracy"].is_sorted(descending=True)
    assert found["same_rows"].all()


CHANGES: dict[str, Callable[[pl.DataFrame], pl.DataFrame]] = {
    "rows in another order, of all models alike": lambda rows: pl.concat(
        part.sample(fraction=1, shuffle=True, seed=3)
        for part in rows.partition_by("model", "task", maintain_order=True)
    ),
    "models in another order": lambda rows: pl.concat(reversed(rows.partition_by("model"))),
    "other names of classes": lambda rows: rows.with_columns(
        label=pl.col("label").replace_strict({0: "z", 1: "a", 2: "m"}, return_dtype=pl.String)
    ),
}


@pytest.mark.parametrize("change", CHANGES)
def test_what_changes_no_bit(change: str) -> None:
    # Of ties in votes the first class wins, whose names then matter.
    options = {"knn_accuracy": {"ties": "nearest"}}
    expected = pt.rank_confidence(ROWS, score=options)
    found = pt.rank_confidence(CHANGES[change](ROWS), score=options)
    keys = ["target", "model"]
    assert found.sort(keys).equals(expected.sort(keys))


def test_other_seeds_draw_other_rows() -> None:
    first, same, other = (pt.rank_confidence(ROWS, seed=seed) for seed in (0, 0, 1))
    assert first.equals(same)
    assert not first.equals(other)


def shuffled_apart(rows: pl.DataFrame) -> pl.DataFrame:
    """Each model has its rows in an order of its own."""
    return pl.concat(
        part.sample(fraction=1, shuffle=True, seed=seed)
        for seed, part in enumerate(rows.partition_by("model", "task", maintain_order=True))
    )


def test_a_key_says_which_rows_are_the_same() -> None:
    apart = shuffled_apart(ROWS)
    keys = ["target", "model"]
    assert not pt.rank_confidence(apart)["same_rows"].any()
    expected = pt.rank_confidence(ROWS, key="file").sort(keys)
    found = pt.rank_confidence(apart, key="file").sort(keys)
    assert found.equals(expected)
    assert found["same_rows"].all()
    # In the order of the table they are the same rows too.
    assert pt.rank_confidence(ROWS).sort(keys).equals(expected)


def test_shared_rows_tell_more_apart() -> None:
    """A model that is right wherever another is leads for sure, where both saw the same rows."""
    rows = zoo(models=1, targets=1, rows=200)
    worse = rows.with_columns(
        model=pl.lit("worse"),
        embedding=pl.when(pl.int_range(pl.len()) % 40 == 39)
        .then(pl.lit([9.0, 9.0, 9.0]))
        .otherwise("embedding"),
    )
    both = pl.concat([rows, worse])
    together = pt.rank_confidence(both).filter(model="net0")
    alone = pt.rank_confidence(shuffled_apart(both)).filter(model="net0")
    assert together["same_rows"].item()
    assert not alone["same_rows"].item()
    assert together["p_best"].item() > alone["p_best"].item()


def test_files_tasks_and_models_by_other_columns(tmp_path: Path) -> None:
    expected = pt.rank_confidence(ROWS, targets=["task1"])
    assert set(expected["target"]) == {"task1"}
    named = tmp_path / "zoo"
    named.mkdir()
    for (model,), part in ROWS.partition_by("model", as_dict=True).items():
        part.drop("model").write_parquet(named / f"{model}.parquet")
    assert pt.rank_confidence(named, model=None, targets=["task1"]).equals(expected)
    one_task = ROWS.filter(task="task1").drop("task")
    found = pt.rank_confidence(one_task, task=None)
    assert found["target"].unique().to_list() == ["all"]
    assert found.drop("target").equals(expected.drop("target"))
    layers = ROWS.with_columns(layer=pl.col("model").str.tail(1).cast(pl.Int64))
    found = pt.rank_confidence(layers, model=["model", "layer"], targets=["task1"])
    assert found.drop("layer").equals(expected)


BAD: dict[str, tuple[Callable[[], object], type[Exception], str]] = {
    "a score that classifies nothing": (
        lambda: pt.rank_confidence(ROWS, score="logme"),
        ValueError,
        "score: expected one score that classifies rows, knn_accuracy or linear_probe, found logme",
    ),
    "two scores": (
        lambda: pt.rank_confidence(ROWS, score=["knn", "linear_probe"]),
        ValueError,
        "score: expected one score that classifies rows",
    ),
    "no resamples": (
        lambda: pt.rank_confidence(ROWS, resamples=0),
        ValueError,
        "resamples: expected an integer from 1",
    ),
    "no models to try": (
        lambda: pt.rank_confidence(ROWS, k=0),
        ValueError,
        "k: expected an integer from 1",
    ),
    "confidence in percent": (
        lambda: pt.rank_confidence(ROWS, confidence=95),
        ValueError,
        "confidence: expected a number between 0 and 1, found 95",
    ),
    "an unknown target": (
        lambda: pt.rank_confidence(ROWS, targets=["task9"]),
        ValueError,
        "targets: no model has a task 'task9'; did you mean 'task",
    ),
    "a key that is the same twice": (
        lambda: pt.rank_confidence(ROWS, key="label", strict=True),
        ValueError,
        "model = 'net0', target 'task0': key has '",
    ),
    "a key with nulls": (
        lambda: pt.rank_confidence(ROWS.with_columns(file=pl.lit(None)), key="file"),
        ValueError,
        "key has nulls among the evaluation rows, so it does not say which row is which",
    ),
    "no such key": (
        lambda: pt.rank_confidence(ROWS, key="path"),
        pl.exceptions.ColumnNotFoundError,
        "'path'",
    ),
    "a model column that is called like a result": (
        lambda: pt.rank_confidence(ROWS.rename({"model": "p_best"}), model="p_best"),
        ValueError,
        "'p_best' cannot tell models apart, for the result has a column of that name",
    ),
    "a class that nothing is learned of": (
        lambda: pt.rank_confidence(
            ROWS.with_columns(label=pl.when(TRAIN).then(0).otherwise("label"))
        ),
        pl.exceptions.ComputeError,
        "model = 'net0', target 'task0'",
    ),
}


@pytest.mark.parametrize("bad", BAD)
def test_what_is_refused(bad: str) -> None:
    call, error, message = BAD[bad]
    with pytest.raises(error, match=re.escape(message)):
        call()


def test_what_cannot_be_evaluated_is_left_out_with_a_reason(tmp_path: Path) -> None:
    """A model that is broken on one target, and a file that is none."""
    gone = (pl.col("model") == "net1") & (pl.col("task") == "task0")
    broken = gone & (pl.int_range(pl.len()) % 5 == 0)
    rows = ROWS.with_columns(
        embedding=pl.when(broken).then(pl.lit([float("nan")] * 3)).otherwise("embedding")
    )
    for (model,), part in rows.partition_by("model", as_dict=True).items():
        part.write_parquet(tmp_path / f"{model}.parquet")
    (tmp_path / "none.parquet").write_text("nothing")
    found = pt.rank_confidence(tmp_path)
    lost = found.filter(pl.col("problems").list.len() > 0)
    assert lost.select("target", "model").rows() == [("task0", "net1"), (None, None)]
    assert "NaN" in lost["problems"][0][0]
    assert "none.parquet" in lost["problems"][1][0]
    assert lost.select("knn_accuracy", *FIGURES, "n_evaluated").null_count().row(0) == (2,) * 6
    there = found.filter(pl.col("problems").list.len() == 0)
    assert there.equals(pt.rank_confidence(ROWS.filter(~gone)))
    with pytest.raises(pl.exceptions.PolarsError):
        pt.rank_confidence(tmp_path, strict=True)


def test_a_target_that_a_model_lacks_is_a_problem_of_that_model() -> None:
    rows = ROWS.filter((pl.col("model") != "net2") | (pl.col("task") != "task1"))
    found = pt.rank_confidence(rows, targets=["task1"])
    (problem,) = found.filter(model="net2")["problems"].item()
    assert problem == "targets: model = 'net2' has no task 'task1'; there are ['task0']"
    assert found["p_best"].null_count() == 1
