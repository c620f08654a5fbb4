"""Every expression of the package, one row each: what the contract tests run over."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import polars as pl
import polars_transferability as pt

OLD, NEW, TRAIN = (
    pl.col("task") == "old",
    pl.col("task") == "new",
    pl.col("split") == "train",
)

SHARE = pl.Struct({"class": pl.String, "weight": pl.Float64})
BY_CLASS = pl.List(
    pl.Struct(
        {
            "class": pl.String,
            "weight": pl.Float64,
            "source_loss": pl.Float64,
            "label_mismatch": pl.Float64,
            "distribution_mismatch": pl.Float64,
            "sources": pl.List(SHARE),
        }
    )
)
BOUND = {
    "bound": pl.Float64,
    "source_loss": pl.Float64,
    "label_mismatch": pl.Float64,
    "distribution_mismatch": pl.Float64,
    "lipschitz": pl.Float64,
    "target_loss": pl.Float64,
    "target_accuracy": pl.Float64,
    "trivial_loss": pl.Float64,
    "vacuous": pl.Boolean,
    "certified": pl.Boolean,
    "l2": pl.Float64,
    "n_source": pl.UInt32,
    "n_target": pl.UInt32,
    "source_classes": pl.UInt32,
    "target_classes": pl.UInt32,
    "by_class": BY_CLASS,
}
DISTANCES = pl.Struct(
    {
        "distance": pl.Float64,
        "by_class": pl.List(
            pl.Struct({"class": pl.String, "weight": pl.Float64, "distance": pl.Float64})
        ),
    }
)


STATISTICS = ["pearson", "spearman", "kendall_tau", "weighted_tau", "top_k_recall", "regret_at_k"]
QUALITY = {**dict.fromkeys(STATISTICS, pl.Float64), "n": pl.UInt32, "n_null": pl.UInt32}
INTERVALS = {f"{name}_{end}": pl.Float64 for name in STATISTICS for end in ("low", "high")}


def embedding_groups(groups: int) -> pl.DataFrame:
    """A model per group; small ones where there are many."""
    return embedding_rows(models=groups, rows_per_class=6 if groups < 10 else 2)


@dataclass(frozen=True)
class Expression:
    """An expression, the dtype that it must have, and rows to try it on, in groups."""

    name: str
    build: Callable[[], pl.Expr]
    dtype: pl.DataType
    rows: Callable[[int], pl.DataFrame] = embedding_groups
    group: str = "model"


def filtered(task: pl.Expr) -> pt.Task:
    """A task as filtered columns: two of them differ in expression and length, so two structs."""
    return pt.task(pl.col("embedding").filter(task), pl.col("label").filter(task))


EXPRESSIONS = [
    Expression(
        "wasserstein",
        lambda: pt.wasserstein(
            pl.col("embedding").filter(OLD), pl.col("embedding").filter(NEW), p=2
        ),
        pl.Float64(),
    ),
    Expression(
        "class_wasserstein",
        lambda: pt.class_wasserstein(pt.task(where=OLD), pt.task(where=NEW)),
        DISTANCES,
    ),
    Expression(
        "class_wasserstein of two structs",
        lambda: pt.class_wasserstein(filtered(OLD), filtered(NEW)),
        DISTANCES,
    ),
    Expression(
        "transfer_bound",
        lambda: pt.transfer_bound(
            pt.task(where=OLD, fit=TRAIN), pt.task(where=NEW, fit=TRAIN), l2=0.1
        ),
        pl.Struct(BOUND),
    ),
    Expression(
        "transfer_bound of two structs",
        lambda: pt.transfer_bound(filtered(OLD), filtered(NEW), l2=0.1),
        pl.Struct(BOUND),
    ),
    Expression(
        "transfer_bounds",
        lambda: pt.transfer_bounds(
            "embedding", "label", "task", fit=TRAIN, transform="identity", l2=0.1
        ),
        pl.List(pl.Struct({"source": pl.String, "target": pl.String, **BOUND})),
    ),
]


def score_rows(targets: int, *, models: int = 7, seed: int = 0) -> pl.DataFrame:
    """Scores and truths of some models on each target, with ties and nulls on both sides."""
    random = np.random.default_rng(seed)
    size = targets * models
    truth = random.integers(0, 4, size) / 4
    score = np.round(truth + random.normal(size=size), 1)
    return pl.DataFrame(
        {
            "target": np.repeat([f"target{i}" for i in range(targets)], models),
            "model": np.tile([f"net{i}" for i in range(models)], targets),
            "score": score,
            "truth": truth,
        }
    ).with_columns(
        pl.when(pl.lit(random.random(size) > 0.1)).then(pl.col(side)).alias(side)
        for side in ("score", "truth")
    )


def ranking(name: str, build: Callable[[], pl.Expr], dtype: pl.DataType) -> Expression:
    return Expression(name, build, dtype, rows=score_rows, group="target")


RANKINGS = [
    ranking("pearson", lambda: pt.pearson("score", "truth"), pl.Float64()),
    ranking("spearman", lambda: pt.spearman("score", "truth"), pl.Float64()),
    ranking("kendall_tau", lambda: pt.kendall_tau("score", "truth"), pl.Float64()),
    ranking("weighted_tau", lambda: pt.weighted_tau("score", "truth"), pl.Float64()),
    ranking(
        "weighted_tau by score",
        lambda: pt.weighted_tau("score", "truth", rank="none"),
        pl.Float64(),
    ),
    ranking("top_k_recall", lambda: pt.top_k_recall("score", "truth", k=2), pl.Float64()),
    ranking("regret_at_k", lambda: pt.regret_at_k("score", "truth", k=2), pl.Float64()),
    ranking(
        "selection_quality", lambda: pt.selection_quality("score", "truth"), pl.Struct(QUALITY)
    ),
    ranking(
        "selection_quality with intervals",
        lambda: pt.selection_quality("score", "truth", bootstrap=20, seed=3),
        pl.Struct(
            {
                **dict.fromkeys(STATISTICS, pl.Float64),
                **INTERVALS,
                "n": pl.UInt32,
                "n_null": pl.UInt32,
            }
        ),
    ),
]


def embedding_rows(
    *, models: int = 1, rows_per_class: int = 6, classes: int = 3, width: int = 3, seed: int = 0
) -> pl.DataFrame:
    """Tasks "old" and "new" with the same class names; every value is a multiple of 1/8.

    Such values are exact in f16, f32 and f64 alike.
    """
    random = np.random.default_rng(seed)
    keys = [
        (f"net{model}", task, label, ("train", "test")[row % 2])
        for model in range(models)
        for task in ("old", "new")
        for label in range(classes)
        for row in range(rows_per_class + label)
    ]
    shift = {"old": 0.0, "new": 1.5}
    points = [
        np.round(8 * (random.normal(size=width) + 3 * np.eye(classes, width)[label] + shift[task]))
        / 8
        for _, task, label, _ in keys
    ]
    return pl.DataFrame(
        keys, schema=["model", "task", "label", "split"], orient="row"
    ).with_columns(
        embedding=pl.Series([list(point) for point in points], dtype=pl.Array(pl.Float64, width))
    )


def value(frame: pl.DataFrame, expression: pl.Expr) -> object:
    """The expression's one value on the frame, as Python objects."""
    return frame.select(expression.alias("value"))["value"].to_list()[0]
