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
    "state": pl.String,
    "certified": pl.Boolean,
    "labels": pl.String,
    "l2": pl.Float64,
    "n_source": pl.UInt32,
    "n_target": pl.UInt32,
    "source_classes": pl.UInt32,
    "target_classes": pl.UInt32,
    "by_class": BY_CLASS,
}
INTERVAL = pl.Struct(
    {
        **dict.fromkeys(("distance", "lower", "upper", "gap"), pl.Float64),
        "exact": pl.Boolean,
    }
)
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
    """An expression, the dtype that it must have, and rows to try it on, in groups.

    The first word of the name is that of the function.
    """

    name: str
    build: Callable[[], pl.Expr]
    dtype: pl.DataType
    rows: Callable[[int], pl.DataFrame] = embedding_groups
    group: str = "model"
    # The column that holds a vector per row, if there is one.
    vectors: str | None = "embedding"
    # Whether it reads the column of labels.
    labelled: bool = True
    # Whether it does not read those of the target.
    unlabelled_target: bool = False
    # Whether it takes real-valued labels, too.
    real_labels: bool = False
    # Whether it reads two tasks, whose widths may differ.
    two_tasks: bool = False
    # Whether it passes all columns in one struct.
    one_struct: bool = True
    # Whether one class is as good as several: it compares rows with rows, or sums them up.
    one_class: bool = False
    # Whether the first of the classes with as many votes wins, so that their names matter.
    first_class_wins: bool = False
    # Whether it computes several scores, some of them with a split by the places of rows.
    several: bool = False
    # Whether it makes or takes moments.
    of_moments: bool = False
    # Whether it compares Gaussians, and speaks of their dimensions instead of widths.
    of_gaussians: bool = False

    @property
    def function(self) -> str:
        return self.name.split()[0]


def filtered(task: pl.Expr) -> pt.Task:
    """A task as filtered columns: two of them differ in expression and length, so two structs."""
    return pt.task(pl.col("embedding").filter(task), pl.col("label").filter(task))


def distance(
    function: Callable[..., pl.Expr],
    dtype: pl.DataType | None = None,
    *,
    of_gaussians: bool = False,
    **options: object,
) -> Expression:
    """A distance between the embeddings of the two tasks."""
    sides = [pl.col("embedding").filter(task) for task in (OLD, NEW)]
    return Expression(
        function.__name__,
        lambda: function(*sides, **options),
        dtype or pl.Float64(),
        labelled=False,
        two_tasks=True,
        one_struct=False,
        of_gaussians=of_gaussians,
    )


BOUNDS = [
    distance(pt.wasserstein, p=2),
    distance(pt.wasserstein_interval, INTERVAL, tolerance=0.1),
    distance(pt.sliced_wasserstein, projections=20, seed=4),
    distance(pt.gaussian_wasserstein, of_gaussians=True),
    distance(pt.sinkhorn_divergence, epsilon=2.0),
    Expression(
        "class_wasserstein",
        lambda: pt.class_wasserstein(pt.task(where=OLD), pt.task(where=NEW)),
        DISTANCES,
        two_tasks=True,
        one_class=True,
    ),
    Expression(
        "class_wasserstein of two structs",
        lambda: pt.class_wasserstein(filtered(OLD), filtered(NEW)),
        DISTANCES,
        one_struct=False,
        two_tasks=True,
        one_class=True,
    ),
    Expression(
        "transfer_bound",
        lambda: pt.transfer_bound(
            pt.task(where=OLD, fit=TRAIN), pt.task(where=NEW, fit=TRAIN), l2=0.1
        ),
        pl.Struct(BOUND),
        two_tasks=True,
    ),
    Expression(
        "transfer_bound of two structs",
        lambda: pt.transfer_bound(filtered(OLD), filtered(NEW), l2=0.1),
        pl.Struct(BOUND),
        one_struct=False,
        two_tasks=True,
    ),
    Expression(
        "transfer_bounds",
        lambda: pt.transfer_bounds(
            "embedding", "label", "task", fit=TRAIN, transform="identity", l2=0.1
        ),
        pl.List(pl.Struct({"source": pl.String, "target": pl.String, **BOUND})),
        two_tasks=True,
    ),
]

PARTS = {
    "linear_probe": ["loss", "accuracy", "train_loss", "l2"],
    "etran": ["energy", "lda"],
    "ncti": ["seli", "ncc", "variability"],
}
FACTS = {"n": pl.UInt32, "classes": pl.UInt32, "labels": pl.String}
MOMENTS = pl.Struct(
    {
        "classes": pl.List(pl.String),
        "counts": pl.List(pl.UInt64),
        "means": pl.List(pl.Float64),
        "within": pl.List(pl.Float64),
        "class_within": pl.List(pl.Float64),
        "cubic": pl.List(pl.Float64),
        "quartic": pl.Float64,
    }
)


@dataclass(frozen=True)
class Score:
    """One of the scores that `scores` computes."""

    name: str
    # The column that it reads beside the labels.
    reads: str = "embedding"
    # Whether it reads the labels.
    labelled: bool = True
    # Whether moments are enough for it.
    of_moments: bool = False
    # Whether it learns from the rows of a split and is evaluated on the others.
    evaluated: bool = False
    # Whether it is iterated to a tolerance, so that it is not the same to the last bit.
    iterated: bool = False
    # Whether it has a function of its own name.
    own_function: bool = True


# In the order of the fields of `scores="all"`.
CATALOGUE = [
    Score("logme", of_moments=True),
    Score("h_score", of_moments=True),
    Score("shrinkage_h_score", of_moments=True),
    Score("transrate", of_moments=True),
    Score("gbc", of_moments=True),
    Score("leep", reads="probabilities"),
    Score("nce", reads="source_label"),
    Score("nleep"),
    Score("knn_accuracy", evaluated=True),
    Score("linear_probe", evaluated=True, iterated=True),
    Score("parc"),
    Score("sfda"),
    Score("etran"),
    Score("ncti"),
    Score("pactran_dirichlet", reads="probabilities", own_function=False),
    Score("pactran_gamma", reads="probabilities", own_function=False),
    Score("pactran_gaussian", iterated=True, own_function=False),
    Score("nuclear_norm", reads="probabilities", labelled=False),
    Score("prediction_entropy", reads="probabilities", labelled=False),
]
OF_EMBEDDINGS = [score for score in CATALOGUE if score.reads == "embedding"]
OF_MOMENTS = [getattr(pt, score.name) for score in CATALOGUE if score.of_moments]


def score_dtype(name: str) -> pl.DataType:
    """The dtype of one score."""
    if name in PARTS:
        return pl.Struct(dict.fromkeys(PARTS[name], pl.Float64))
    return pl.Float64()


def source_groups(groups: int) -> pl.DataFrame:
    """`embedding_groups` with predictions of a source model; every value is a multiple of 1/8."""
    rows = embedding_groups(groups)
    random = np.random.default_rng(1)
    eighths = random.multinomial(8, [0.5, 0.25, 0.125, 0.125], rows.height)
    return rows.with_columns(
        probabilities=pl.Series((eighths / 8).tolist(), dtype=pl.Array(pl.Float64, 4)),
        source_label=pl.Series([f"z{most}" for most in eighths.argmax(axis=1)]),
    )


def score(
    function: Callable[..., pl.Expr],
    variant: str = "",
    *,
    first_class_wins: bool = False,
    **options: object,
) -> Expression:
    """A score of embeddings and labels."""
    return Expression(
        f"{function.__name__} {variant}".strip(),
        lambda: function("embedding", "label", **options),
        score_dtype(function.__name__),
        real_labels=function is pt.logme,
        first_class_wins=first_class_wins,
    )


def source_score(build: Callable[[str, str], pl.Expr], name: str, column: str) -> Expression:
    """A score of the predictions of a source model."""
    return Expression(
        name,
        lambda: build(column, "label"),
        pl.Float64(),
        rows=source_groups,
        vectors=column if column == "probabilities" else None,
    )


def prediction_score(function: Callable[..., pl.Expr]) -> Expression:
    """A score of the probabilities of a source model, without labels."""
    return Expression(
        function.__name__,
        lambda: function("probabilities"),
        pl.Float64(),
        rows=source_groups,
        vectors="probabilities",
        labelled=False,
        one_class=True,
    )


def of_moments(function: Callable[..., pl.Expr]) -> Expression:
    """A score of moments."""
    return Expression(
        f"{function.__name__} of moments",
        lambda: function(pt.moments("embedding", "label")),
        pl.Float64(),
        of_moments=True,
    )


def task_score(
    build: Callable[[pt.Task, pt.Task], pl.Expr],
    name: str,
    *,
    one_class: bool = False,
    unlabelled_target: bool = False,
) -> Expression:
    """A score of two tasks."""
    return Expression(
        name,
        lambda: build(pt.task(where=OLD), pt.task(where=NEW)),
        pl.Float64(),
        two_tasks=True,
        one_class=one_class,
        unlabelled_target=unlabelled_target,
    )


def several(name: str, which: object, fields: list[str], **columns: object) -> Expression:
    """`scores`, with these scores as fields."""
    return Expression(
        f"scores {name}".strip(),
        lambda: pt.scores("embedding", "label", scores=which, **columns),
        pl.Struct({**{field: score_dtype(field) for field in fields}, **FACTS}),
        rows=source_groups,
        several=True,
    )


SCORES = [
    score(pt.logme),
    score(pt.logme, "to the end", converge=True),
    score(pt.h_score),
    score(pt.shrinkage_h_score),
    score(pt.transrate, eps=0.1),
    score(pt.gbc),
    score(pt.gbc, "diagonal", covariance="diagonal", pca=2),
    score(pt.nleep, components=2),
    score(pt.nleep, "diagonal", components=3, energy=1.0, covariance="diagonal", seed=5),
    score(pt.knn_accuracy, first_class_wins=True),
    score(pt.knn_accuracy, "cosine", first_class_wins=True, k=1, metric="cosine"),
    score(pt.knn_accuracy, "by the nearest", ties="nearest"),
    score(pt.knn_accuracy, "with a split", fit=TRAIN, k=1),
    score(pt.linear_probe, l2=0.1),
    score(pt.linear_probe, "that chooses, with a split", fit=TRAIN),
    score(pt.parc),
    score(pt.parc, "of the features as they are", pca=None, max_rows=10, seed=2),
    score(pt.sfda),
    score(pt.etran),
    score(pt.ncti),
    score(pt.pactran),
    source_score(
        lambda p, y: pt.pactran(p, y, prior="dirichlet"), "pactran dirichlet", "probabilities"
    ),
    source_score(lambda p, y: pt.pactran(p, y, prior="gamma"), "pactran gamma", "probabilities"),
    source_score(pt.leep, "leep", "probabilities"),
    source_score(pt.nce, "nce", "source_label"),
    prediction_score(pt.nuclear_norm),
    prediction_score(pt.prediction_entropy),
    several("", ["logme", "h_score", "knn"], ["logme", "h_score", "knn_accuracy"]),
    several(
        "all with a split",
        "all",
        [score.name for score in CATALOGUE],
        probabilities="probabilities",
        source_label="source_label",
        fit=pl.int_range(pl.len()) % 5 != 0,
    ),
    task_score(lambda s, t: pt.ot_nce(s, t), "ot_nce"),
    task_score(
        lambda s, t: pt.otce(s, t, wasserstein=-0.5, conditional_entropy=-2.0, intercept=1.0),
        "otce",
    ),
    task_score(lambda s, t: pt.otdd(s, t), "otdd", one_class=True),
    task_score(
        lambda s, t: pt.otdd(s, t, inner="gaussian", max_rows=8, seed=1),
        "otdd gaussian",
        one_class=True,
    ),
    task_score(lambda s, t: pt.s_otdd(s, t, projections=40, seed=2), "s_otdd", one_class=True),
    task_score(lambda s, t: pt.tetot(s, t, l2=0.1), "tetot", unlabelled_target=True),
    task_score(
        lambda s, t: pt.tetot(s, t, label_weight=3, max_rows=9),
        "tetot that chooses, of fewer rows",
        unlabelled_target=True,
    ),
    Expression(
        "moments",
        lambda: pt.moments("embedding", "label"),
        MOMENTS,
        one_class=True,
        of_moments=True,
    ),
    Expression(
        "moments without a scatter per class",
        lambda: pt.moments("embedding", "label", per_class=False),
        MOMENTS,
        one_class=True,
        of_moments=True,
    ),
    Expression(
        "merge_moments",
        lambda: pt.merge_moments(pt.moments("embedding", "label")),
        MOMENTS,
        one_class=True,
        of_moments=True,
    ),
    *(of_moments(function) for function in OF_MOMENTS),
    Expression(
        "scores of moments",
        lambda: pt.scores(pt.moments("embedding", "label"), scores=["logme", "gbc"]),
        pl.Struct({"logme": pl.Float64, "gbc": pl.Float64, **FACTS}),
        several=True,
        of_moments=True,
    ),
    Expression(
        "gaussian_wasserstein of moments",
        lambda: pt.gaussian_wasserstein(
            *(
                pt.moments(pl.col("embedding").filter(t), pl.col("label").filter(t))
                for t in (OLD, NEW)
            )
        ),
        pl.Float64(),
        two_tasks=True,
        one_class=True,
        of_moments=True,
        of_gaussians=True,
    ),
]
EXPRESSIONS = [*BOUNDS, *SCORES]
# They return a value for each row, and have tests of their own.
PER_ROW = ["argmax_labels", "pseudo_labels", "softmax"]


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
    return Expression(name, build, dtype, rows=score_rows, group="target", one_struct=False)


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
# It returns a value for each row, and has tests of its own.
CONSENSUS = ranking("consensus", lambda: pt.consensus("score", "truth"), pl.Float64())


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
