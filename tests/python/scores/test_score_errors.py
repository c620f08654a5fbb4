"""What the scores say of rows, splits and options that they cannot take."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import polars as pl
import polars_transferability as pt
import pytest
from bad_rows import FIRST, LISTS, NAN, lists
from registry import TRAIN, source_groups, value

# What is wrong with `fit` -> the column, and what every score with a split says.
BAD_SPLITS = {
    "text": (pl.col("split"), r"`fit` of {} has dtype str, but it must be Boolean"),
    "null": (pl.when(~FIRST).then(TRAIN), r"`fit` of {} is null in 1 of 42 rows"),
    "all true": (pl.lit(True), r"{} has no rows to evaluate on: its `fit` is true for all 42 rows"),
    "all false": (pl.lit(False), r"{} has no rows to learn from: its `fit` is false for all 42"),
    "lacks a class": (
        TRAIN & (pl.col("label") != 1),
        r'label column "label" of {} has 1 class\(es\) in its evaluation rows that its `fit` rows '
        r'lack: "1"; split each class',
    ),
}


@pytest.mark.parametrize("bad", BAD_SPLITS)
@pytest.mark.parametrize(
    ("build", "name"),
    [
        (lambda fit: pt.knn_accuracy("embedding", "label", fit=fit), "knn_accuracy"),
        (lambda fit: pt.linear_probe("embedding", "label", fit=fit), "linear_probe"),
        (lambda fit: pt.scores("embedding", "label", scores="knn", fit=fit), "scores"),
    ],
    ids=["knn_accuracy", "linear_probe", "scores"],
)
def test_bad_splits(
    bad: str, build: Callable[[pl.Expr], pl.Expr], name: str, rows: pl.DataFrame
) -> None:
    fit, message = BAD_SPLITS[bad]
    with pytest.raises(pl.exceptions.ComputeError, match=message.format(name)):
        value(rows, build(fit))


@pytest.mark.parametrize("bad", sorted(set(BAD_SPLITS) - {"lacks a class"}))
def test_bad_splits_of_labels_alone(bad: str) -> None:
    fit, message = BAD_SPLITS[bad]
    build = pt.scores(label="label", source_label="source_label", scores="nce", fit=fit)
    with pytest.raises(pl.exceptions.ComputeError, match=message.format("scores")):
        value(source_groups(1), build)


PROBABILITIES = {
    "leep": pt.leep,
    "pactran_dirichlet": lambda p, y: pt.pactran(p, y, prior="dirichlet"),
    "pactran_gamma": lambda p, y: pt.pactran(p, y, prior="gamma"),
}


@pytest.mark.parametrize("name", PROBABILITIES)
def test_bad_probabilities(name: str) -> None:
    rows, build = source_groups(1), PROBABILITIES[name]
    of = rf'{name} of "p", "label": '
    for row, message in {
        (
            -0.5,
            1.5,
            0.0,
            0.0,
        ): "a row gives source class 0 the probability -0.5; pass prob.*softmax",
        (0.5, 0.75, 0.0, 0.0): "the probabilities of a row sum to 1.25, not to 1; pass .*softmax",
    }.items():
        with pytest.raises(pl.exceptions.ComputeError, match=of + message):
            value(rows, build(lists("probabilities", list(row)), "label"))


# What is wrong -> a score of good rows, and what it says.
BAD_SCORE_REQUESTS: dict[str, tuple[Callable[[], pl.Expr], str]] = {
    "null source label": (
        lambda: pt.nce(pl.when(~FIRST).then("source_label").alias("z"), "label"),
        r'source_label column "z" of nce is null in 1 of 42 rows; leave them out',
    ),
    "float source label": (
        lambda: pt.nce(pl.col("label").cast(pl.Float32).alias("z"), "label"),
        r'source_label column "z" of nce has dtype f32, but it must be an integer, String',
    ),
    "k too large": (
        lambda: pt.knn_accuracy("embedding", "label", k=42),
        r'knn_accuracy of "embedding", "label": there are 42 rows .* k = 42 needs at least 43',
    ),
    "k too large for the fit rows": (
        lambda: pt.knn_accuracy("embedding", "label", k=30, fit=TRAIN),
        r"there are 22 rows to be neighbours of, but k = 30 needs at least 30",
    ),
    "cosine of zero": (
        lambda: pt.knn_accuracy(lists("embedding", [0.0] * 3), "label", metric="cosine"),
        r'knn_accuracy of "p", "label": a row is zero and has no direction.*Euclidean metric',
    ),
    "more components than rows": (
        lambda: pt.nleep("embedding", "label", components=100),
        r'nleep of "embedding", "label": there are 42 rows, too few for 100 clusters',
    ),
    "constant row": (
        lambda: pt.parc(pl.concat_list(pl.col("label") * 0.5).alias("p"), "label", pca=None),
        r'parc of "p", "label": a row is the same in all coordinates',
    ),
    "constant features": (
        lambda: pt.h_score(pl.lit([0.1, 0.2]).alias("p"), "label"),
        r'h_score of "p", "label": the features are constant',
    ),
    "features that are too large": (
        lambda: pt.logme(lists("embedding", [1e200, 0.0, 0.0]), "label"),
        r'embedding column "p" of logme has 1e200 as its largest absolute value, .*; scale it',
    ),
    "features that are too small": (
        lambda: pt.pactran(pl.lit([1e-200]).alias("p"), "label"),
        r'embedding column "p" of pactran_gaussian has 1e-200 as its largest absolute value',
    ),
    "features that are the label": (
        lambda: pt.logme(
            pl.concat_list((pl.col("label") == c).cast(pl.Float64) for c in range(3)).alias("p"),
            "label",
        ),
        r'logme of "p", "label": the features reproduce target \d exactly',
    ),
    "null target": (
        lambda: pt.logme("embedding", pl.when(~FIRST).then(pl.lit(0.5)).alias("y")),
        r'target column "y" of logme has 1 null values inside its vectors; leave these rows out',
    ),
    "null list of targets": (
        lambda: pt.logme("embedding", pl.when(~FIRST).then(pl.lit([0.5, 1.0])).alias("y")),
        r'target column "y" of logme is null in 1 of 42 rows',
    ),
    "NaN target": (
        lambda: pt.logme("embedding", pl.when(FIRST).then(NAN).otherwise("label").alias("y")),
        r'target column "y" of logme has 1 NaN or infinite value\(s\) in 1 of 42 rows',
    ),
    "ragged targets": (
        lambda: pt.logme("embedding", lists("embedding", [1.0], "y")),
        r'target column "y" of logme has rows of 2 different lengths \(1, 3\)',
    ),
    "targets are text": (
        lambda: pt.logme("embedding", pl.concat_list("split").alias("y")),
        r'target column "y" of logme has dtype list\[str\], but .* Array or List of numbers',
    ),
    "targets of zero": (
        lambda: pt.logme("embedding", pl.lit([1.0, 0.0]).alias("y")),
        r'logme of "embedding", "y": target 1 is 0 in all rows.*leave it out',
    ),
    "no targets": (
        lambda: pt.logme("embedding", pl.lit([], dtype=LISTS).alias("y")),
        r'target column "y" of logme has vectors without any value',
    ),
}


@pytest.mark.parametrize("bad", BAD_SCORE_REQUESTS)
def test_bad_score_requests(bad: str) -> None:
    build, message = BAD_SCORE_REQUESTS[bad]
    with pytest.raises(pl.exceptions.ComputeError, match=message):
        source_groups(1).select(build())


def scores(**options: Any) -> pl.Expr:
    return pt.scores("embedding", "label", **options)


# What is wrong -> a call that fails before it sees data, the error and what it says.
BAD_ARGUMENTS: dict[str, tuple[Callable[[], object], type[Exception], str]] = {
    "unknown score": (
        lambda: scores(scores="logmee"),
        ValueError,
        "no score is called 'logmee'; did you mean 'logme'?",
    ),
    "unknown score like no other": (
        lambda: scores(scores=["logme", "zzz"]),
        ValueError,
        "no score is called 'zzz'; there are logme, h_score",
    ),
    "score is no name": (lambda: scores(scores=[3]), ValueError, "no score is called 3; there are"),
    "score of two tasks": (
        lambda: scores(scores="ot_nce"),
        ValueError,
        "ot_nce is a score of two tasks; use ot_nce(source, target)",
    ),
    "scores are no list": (
        lambda: scores(scores=3),
        TypeError,
        "scores: expected names of scores, or a mapping from them, found 3",
    ),
    "no scores": (lambda: scores(scores=[]), ValueError, "scores: expected at least one score"),
    "no scores by the other name": (
        lambda: scores(which=[]),
        ValueError,
        "which: expected at least one score",
    ),
    "scores by both names": (
        lambda: scores(scores=["logme"], which=["logme"]),
        TypeError,
        "scores: is the same argument as which; give one of them",
    ),
    "an argument that is none": (lambda: scores(wich=["logme"]), TypeError, "scores() got"),
    "score twice": (
        lambda: scores(scores=["knn", "knn_accuracy"]),
        ValueError,
        "scores: 'knn_accuracy' is named more than once",
    ),
    "no option of a score": (
        lambda: scores(scores={"logme": {"eps": 1}}),
        TypeError,
        "logme: got an unexpected keyword argument 'eps'",
    ),
    "an option that is nearly one": (
        lambda: scores(scores={"knn": {"metrik": "cosine"}}),
        TypeError,
        "knn_accuracy: got an unexpected keyword argument 'metrik'; did you mean 'metric'?",
    ),
    "options are no mapping": (
        lambda: scores(scores={"logme": None}),
        TypeError,
        "scores: expected a mapping of the options of 'logme', found None",
    ),
    "bad option of a score": (
        lambda: scores(scores={"knn": {"metric": "l1"}}),
        ValueError,
        "metric: expected one of 'euclidean', 'cosine', found 'l1'",
    ),
    "no embedding": (
        lambda: pt.scores(label="label"),
        ValueError,
        "embedding: needed for knn_accuracy, but not given",
    ),
    "no probabilities": (
        lambda: scores(scores="leep"),
        ValueError,
        "probabilities: needed for leep, but not given",
    ),
    "no source label": (
        lambda: scores(scores="nce"),
        ValueError,
        "source_label: needed for nce, but not given",
    ),
    "nothing to score": (
        lambda: pt.scores(label="label", scores="all"),
        ValueError,
        "probabilities, source_label, embedding: at least one is needed, but none is given",
    ),
    "leep without labels": (
        lambda: pt.leep("probabilities", None),
        TypeError,
        "label: expected a column name or a Polars expression, found NoneType",
    ),
    "leep without probabilities": (
        lambda: pt.leep(None, "label"),
        TypeError,
        "probabilities: expected a column name or a Polars expression, found NoneType",
    ),
    "metric": (
        lambda: pt.knn_accuracy("embedding", "label", metric="manhattan"),
        ValueError,
        "metric: expected one of 'euclidean', 'cosine', found 'manhattan'",
    ),
    "no neighbours": (
        lambda: pt.knn_accuracy("embedding", "label", k=0),
        ValueError,
        "k: expected an integer from 1",
    ),
    "covariance": (
        lambda: pt.gbc("embedding", "label", covariance="full"),
        ValueError,
        "covariance: expected one of 'spherical', 'diagonal', found 'full'",
    ),
    "no axes": (
        lambda: pt.gbc("embedding", "label", pca=0),
        ValueError,
        "pca: expected an integer from 1",
    ),
    "eps of 0": (
        lambda: pt.transrate("embedding", "label", eps=0),
        ValueError,
        "eps: expected a finite number above 0, found 0",
    ),
    "converge is no flag": (
        lambda: pt.logme("embedding", "label", converge=1),
        TypeError,
        "converge: expected True or False, found 1",
    ),
    "energy above 1": (
        lambda: pt.nleep("embedding", "label", energy=1.5),
        ValueError,
        "energy: expected a share of the variance, above 0 and at most 1, found 1.5",
    ),
    "no components": (
        lambda: pt.nleep("embedding", "label", components=0),
        ValueError,
        "components: expected an integer from 1",
    ),
    "two rows for parc": (
        lambda: pt.parc("embedding", "label", max_rows=2),
        ValueError,
        "max_rows: expected an integer from 3",
    ),
    "strength of a probe": (
        lambda: pt.linear_probe("embedding", "label", l2=0),
        ValueError,
        "l2: expected a finite number above 0, found 0",
    ),
    "prior": (
        lambda: pt.pactran("embedding", "label", prior="beta"),
        ValueError,
        "prior: expected one of 'gaussian', 'dirichlet', 'gamma', found 'beta'",
    ),
    "prior of 0": (
        lambda: pt.pactran("embedding", "label", variance=0),
        ValueError,
        "variance: expected a finite number above 0, found 0",
    ),
    "inner": (
        lambda: pt.otdd(pt.task(), pt.task(), inner="sinkhorn"),
        ValueError,
        "inner: expected one of 'exact', 'gaussian', found 'sinkhorn'",
    ),
    "inner of another power": (
        lambda: pt.otdd(pt.task(), pt.task(), inner="gaussian", p=1),
        ValueError,
        "p: inner='gaussian' is defined for p=2, found 1; use inner='exact'",
    ),
    "coefficient is NaN": (
        lambda: pt.otce(pt.task(), pt.task(), wasserstein=NAN, conditional_entropy=-1),
        ValueError,
        "wasserstein: expected a finite number, found nan",
    ),
    "score of no task": (
        lambda: pt.ot_nce("mnist", pt.task()),
        TypeError,
        "source: expected a task made by task(), found str",
    ),
    "PACTran's option of another prior": (
        lambda: pt.pactran("embedding", "label", alpha=-1),
        ValueError,
        "alpha: expected a finite number above 0, found -1",
    ),
    "PACTran's option of another prior, NaN": (
        lambda: pt.pactran("probabilities", "label", prior="gamma", strength=NAN),
        ValueError,
        "strength: expected a finite number above 0, found nan",
    ),
}


@pytest.mark.parametrize("bad", BAD_ARGUMENTS)
def test_bad_arguments(bad: str) -> None:
    call, error, message = BAD_ARGUMENTS[bad]
    with pytest.raises(error, match=re.escape(message)):
        call()
