"""Bad input: one row each, with what its message must say."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import polars_transferability as pt
import pytest
from registry import (
    EXPRESSIONS,
    NEW,
    OLD,
    RANKINGS,
    TRAIN,
    Expression,
    embedding_rows,
    score_rows,
    source_groups,
    value,
)

FIRST = pl.int_range(pl.len()) == 0
FIRST_NEW = NEW & (pl.col("label") == 0) & (pl.col("split") == "train")
LISTS = pl.List(pl.Float64)
NAN = float("nan")


def set_first(column: str, new: object, dtype: Any = None) -> pl.Expr:
    """`column` with its first row, which is one of "old" and class 0, replaced."""
    cast = pl.col(column) if dtype is None else pl.col(column).cast(dtype)
    return pl.when(FIRST).then(pl.lit(new, dtype=dtype)).otherwise(cast).alias(column)


# What is wrong with a column of vectors of some width -> how the column becomes so, and what every
# expression says after the column's name.
BAD_VECTORS: dict[str, tuple[Callable[[str, int], pl.Expr], str]] = {
    "null": (
        lambda column, width: set_first(column, None, LISTS),
        r"is null in 1 of \d+ rows",
    ),
    "null inside": (
        lambda column, width: set_first(column, [None, *[1.0] * (width - 1)], LISTS),
        r"has 1 null values inside its vectors",
    ),
    "NaN": (
        lambda column, width: set_first(column, [NAN, NAN, *[1.0] * (width - 2)], LISTS),
        r"has 2 NaN or infinite value\(s\) in 1 of \d+ rows",
    ),
    "infinite": (
        lambda column, width: set_first(column, [-float("inf"), *[1.0] * (width - 1)], LISTS),
        r"has 1 NaN or infinite value\(s\) in 1 of \d+ rows",
    ),
    "ragged": (
        lambda column, width: set_first(column, [1.0, 0.0], LISTS),
        r"has rows of 2 different lengths \(2, \d\)",
    ),
    "width 0": (
        lambda column, width: pl.lit([], dtype=LISTS).alias(column),
        r"has vectors without any value",
    ),
    "no list": (
        lambda column, width: pl.col("label").alias(column),
        r"has dtype i64, but it must be Array or List of Float32 or Float64",
    ),
    "integers": (
        lambda column, width: pl.col(column).cast(pl.List(pl.Int32)),
        r"has dtype list\[i32\], but it must be Array or List of Float32 or Float64",
    ),
    "nested": (
        lambda column, width: pl.col(column).reshape((-1, width, 1)),
        r"has dtype array.*, but it must be Array or List of Float",
    ),
    "all null": (
        lambda column, width: pl.lit(None).alias(column),
        r"is null in \d+ of \d+ rows",
    ),
}
OF_VECTORS = [e for e in EXPRESSIONS if e.vectors]


@pytest.mark.parametrize("expression", OF_VECTORS, ids=[e.name for e in OF_VECTORS])
@pytest.mark.parametrize("bad", BAD_VECTORS)
def test_bad_vectors(bad: str, expression: Expression) -> None:
    change, message = BAD_VECTORS[bad]
    rows, column = expression.rows(1), expression.vectors
    changed = rows.with_columns(change(column, rows.schema[column].size))
    with pytest.raises(
        pl.exceptions.ComputeError, match=f'{column} column "{column}" of .* {message}'
    ):
        value(changed, expression.build())


@pytest.mark.parametrize("expression", OF_VECTORS, ids=[e.name for e in OF_VECTORS])
def test_arrays_of_width_0(expression: Expression) -> None:
    """Polars cannot hand such a column over: it is refused by its dtype."""
    rows, column = expression.rows(1), expression.vectors
    empty = pl.Series(column, [[]] * rows.height, dtype=pl.Array(pl.Float32, 0))
    message = f'{column} column "{column}" has dtype array.f32, 0.: its vectors have no values'
    for frame in (rows.with_columns(empty), rows.with_columns(empty).clear()):
        with pytest.raises(pl.exceptions.ComputeError, match=message):
            frame.select(expression.build())
        with pytest.raises(pl.exceptions.ComputeError, match=message):
            frame.lazy().select(expression.build()).collect_schema()


def test_coordinates_whose_squares_vanish_are_named() -> None:
    rows = pl.DataFrame({"vec": [[1.0, 1e-200], [2.0, 3e-200], [0.5, 0.0]], "y": [0, 1, 1]})
    message = (
        'embedding column "vec" of h_score has 3e-200 as the largest absolute value at place 1'
    )
    with pytest.raises(pl.exceptions.ComputeError, match=message):
        rows.select(pt.h_score("vec", "y"))


def test_message_names_the_callers_column_of_width_0() -> None:
    empty = pl.Series([[]] * 2, dtype=pl.Array(pl.Float64, 0))
    rows = pl.DataFrame({"vec": empty, "y": [0, 1]})
    for build in (
        pt.logme("vec", "y"),
        pt.scores("vec", "y"),
        pt.moments("vec", "y"),
        pt.otdd(pt.task("vec", "y"), pt.task("vec", "y")),
        pt.pseudo_labels("vec", 2),
        pt.softmax("vec"),
        pt.argmax_labels("vec"),
    ):
        with pytest.raises(pl.exceptions.ComputeError, match='column "vec" has dtype array'):
            rows.select(build)


OF_TWO_TASKS = [e for e in EXPRESSIONS if e.two_tasks and not e.function.startswith("gaussian")]


@pytest.mark.parametrize("expression", OF_TWO_TASKS, ids=[e.name for e in OF_TWO_TASKS])
def test_tasks_that_differ_in_width(expression: Expression, rows: pl.DataFrame) -> None:
    lists = pl.col("embedding").cast(LISTS)
    narrower = pl.when(OLD).then(lists).otherwise(lists.list.head(2)).alias("embedding")
    message = (
        r'embedding column "embedding" of .* has width \d, '
        r'but embedding column "embedding" of .* has width \d'
    )
    with pytest.raises(pl.exceptions.ComputeError, match=message):
        value(rows.with_columns(narrower), expression.build())


# What is wrong with a score or truth -> how, and what every ranking says.
BAD_SCORES = {
    "NaN": (
        pl.when(FIRST).then(NAN).otherwise(0.5).alias("score"),
        r'score column "score" of \w+ has 1 NaN or infinite value\(s\) in \d+ rows; make them null',
    ),
    "infinite": (
        pl.lit(float("inf")).alias("truth"),
        r'truth column "truth" of \w+ has \d+ NaN or infinite value\(s\) in \d+ rows',
    ),
    "text": (
        pl.lit("good").alias("score"),
        r'score column "score" of \w+ has dtype str, but it must be numeric',
    ),
    "boolean": (
        pl.lit(True).alias("truth"),
        r'truth column "truth" of \w+ has dtype bool, but it must be numeric',
    ),
    "list": (
        pl.lit([1.0]).alias("truth"),
        r'truth column "truth" of \w+ has dtype list\[f64\], but it must be numeric',
    ),
}


@pytest.mark.parametrize("ranking", RANKINGS, ids=[e.name for e in RANKINGS])
@pytest.mark.parametrize("bad", BAD_SCORES)
def test_bad_scores(bad: str, ranking: Any) -> None:
    change, message = BAD_SCORES[bad]
    with pytest.raises(pl.exceptions.ComputeError, match=message):
        value(score_rows(1).with_columns(change), ranking.build())


def test_message_names_the_callers_score() -> None:
    rows = score_rows(1).rename({"score": "logme", "truth": "accuracy"})
    with pytest.raises(pl.exceptions.ComputeError, match='score column "logme" of spearman has'):
        value(rows.with_columns(logme=NAN), pt.spearman("logme", "accuracy"))


BAD_LABELS = {
    "null": (
        set_first("label", None, pl.Int64),
        r'label column "label" of .* is null in 1 of \d+ rows',
    ),
    "all null": (
        pl.lit(None).alias("label"),
        r'label column "label" of .* is null in \d+ of \d+ rows',
    ),
    "float": (
        pl.col("label").cast(pl.Float64),
        r'label column "label" of .* has dtype f64, but it must be an integer, String',
    ),
    "decimal": (
        pl.col("label").cast(pl.Decimal(10, 2)),
        r'label column "label" of .* has dtype decimal\[10,2\], but it must be an integer, String',
    ),
    "list": (
        pl.concat_list("label"),
        r'label column "label" of .* has dtype list\[i64\], but it must be an integer, String',
    ),
}
REAL = ("float", "list")
LABELLED = [e for e in EXPRESSIONS if e.labelled]


@pytest.mark.parametrize("expression", LABELLED, ids=[e.name for e in LABELLED])
@pytest.mark.parametrize("bad", BAD_LABELS)
def test_bad_labels(bad: str, expression: Expression) -> None:
    change, message = BAD_LABELS[bad]
    rows = expression.rows(1).with_columns(change)
    if expression.real_labels and bad in REAL:
        assert isinstance(value(rows, expression.build()), float)
        return
    with pytest.raises(pl.exceptions.ComputeError, match=message):
        value(rows, expression.build())


# These say how far rows are from rows, or sum them up, so one class is as good as several.
OF_ONE_CLASS = ["class_wasserstein", "otdd", "moments", "merge_moments", "gaussian_wasserstein"]
OF_TWO_CLASSES = [e for e in LABELLED if e.function not in OF_ONE_CLASS]


@pytest.mark.parametrize("expression", OF_TWO_CLASSES, ids=[e.name for e in OF_TWO_CLASSES])
def test_one_class(expression: Expression) -> None:
    rows = expression.rows(1).with_columns(label=pl.lit("a"))
    message = (
        r'label column "label" of .* has only the class "a", but .* needs at least two classes'
        r'|of "\w+".*: the labels have 1 class\(es\), but .* needs at least two'
        r"|the source task and the target task: the labels have 1 class.*OT-NCE needs at least two"
    )
    with pytest.raises(pl.exceptions.ComputeError, match=message):
        value(rows, expression.build())


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
        (lambda fit: pt.scores("embedding", "label", which="knn", fit=fit), "scores"),
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
    build = pt.scores(label="label", source_label="source_label", which="nce", fit=fit)
    with pytest.raises(pl.exceptions.ComputeError, match=message.format("scores")):
        value(source_groups(1), build)


def lists(column: str, row: list[float], name: str = "p") -> pl.Expr:
    """`column` as lists with its first row replaced."""
    return set_first(column, row, LISTS).alias(name)


def of_moments(**changes: pl.Expr) -> pl.DataFrame:
    """Moments with some fields replaced."""
    found = embedding_rows().select(pt.moments("embedding", "label")).unnest("moments")
    return found.with_columns(**changes).select(moments=pl.struct(pl.all()))


def narrower() -> pl.Expr:
    return pt.moments(pl.col("embedding").cast(LISTS).list.head(2), "label")


MOMENTS, NO_SCATTER = (
    pt.moments("embedding", "label", per_class=per_class) for per_class in (True, False)
)
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
    "rows without a label": (
        lambda: pt.logme("embedding"),
        r'column "embedding" of logme holds array\[f64, 3\], which needs a `label`; only moments',
    ),
    "moments with a label": (
        lambda: pt.logme(MOMENTS, "label"),
        r'column "moments" of logme holds moments, which have their labels inside; leave `label`',
    ),
    "a score that moments are not enough for": (
        lambda: pt.knn_accuracy(MOMENTS, "label"),
        r'knn_accuracy needs the embeddings themselves, but column "moments" of knn_accuracy holds '
        r"moments; logme, h_score, .* take moments",
    ),
    "scores that moments are not enough for": (
        lambda: pt.scores(MOMENTS, which=["logme", "sfda"]),
        r'sfda needs the embeddings themselves, but column "moments" of scores holds moments',
    ),
    "transrate without a scatter per class": (
        lambda: pt.transrate(NO_SCATTER),
        r'transrate of "moments": the moments were made without a scatter per class.*`per_class`',
    ),
    "gbc without a scatter per class": (
        lambda: pt.gbc(NO_SCATTER),
        r'gbc of "moments": the moments were made without a scatter per class.*`per_class`',
    ),
    "moments of rows": (
        lambda: pt.merge_moments("embedding"),
        r'moments column "embedding" has dtype array.*, but it must be what moments\(\) makes',
    ),
    "Gaussians of different width": (
        lambda: pt.gaussian_wasserstein(MOMENTS, narrower()),
        r'gaussian_wasserstein of "moments" and "moments": the Gaussians have 3 and 2 dimensions',
    ),
    "Gaussians of rows of different width": (
        lambda: pt.gaussian_wasserstein("embedding", pl.lit([1.0]).alias("p")),
        r'gaussian_wasserstein of "embedding" and "p": the Gaussians have 3 and 1 dimensions',
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
    "more clusters than rows": (
        lambda: pt.pseudo_labels("embedding", 100),
        r'embedding column "embedding" of pseudo_labels: there are 42 rows, too few for 100',
    ),
    "more clusters than points": (
        lambda: pt.pseudo_labels(pl.lit([1.0]).alias("p"), 2),
        r'embedding column "p" of pseudo_labels: .*1 .*2 clusters',
    ),
    "null among rows to cluster": (
        lambda: pt.pseudo_labels(pl.when(~FIRST).then("embedding").alias("p"), 2),
        r'embedding column "p" of pseudo_labels is null in 1 of 42 rows',
    ),
    "Sinkhorn stopped short": (
        lambda: pt.sinkhorn_divergence(
            "embedding", pl.lit([[0.0] * 3, [1.0] * 3]).explode().alias("p"), max_iterations=1
        ),
        r'"embedding" of x and .*"p" of y: the Sinkhorn iteration stopped after 1 .* raise the reg',
    ),
    "Sinkhorn out of range": (
        lambda: pt.sinkhorn_divergence(
            *(pl.col("embedding").filter(side) for side in (OLD, NEW)), epsilon=1e-25
        ),
        r"largest cost is .* times the regularisation epsilon of 1e-25.*raise it",
    ),
}


@pytest.mark.parametrize("bad", BAD_SCORE_REQUESTS)
def test_bad_score_requests(bad: str) -> None:
    build, message = BAD_SCORE_REQUESTS[bad]
    with pytest.raises(pl.exceptions.ComputeError, match=message):
        source_groups(1).select(build())


# What is wrong -> a column of moments, and what merging and scoring it say.
BAD_MOMENTS: dict[str, tuple[Callable[[], pl.DataFrame], str]] = {
    "none": (lambda: of_moments().clear(), "has no rows: the input is empty"),
    "null": (
        lambda: pl.concat([of_moments(), of_moments().clear(n=1)]),
        "is null in 1 of 2 rows; leave them out with a filter",
    ),
    "of different width": (
        lambda: pl.concat([embedding_rows().select(m) for m in (MOMENTS, narrower())]),
        "the moments have width 3 and 2; only moments of embeddings of one width merge",
    ),
    "with and without a scatter per class": (
        lambda: pl.concat([embedding_rows().select(m) for m in (MOMENTS, NO_SCATTER)]),
        r"only one side has a scatter per class \(`per_class`\)",
    ),
    "too few means": (
        lambda: of_moments(means=pl.lit([1.0])),
        "has 3 classes, 3 counts and 1 means of width 3, which do not fit together",
    ),
    "too few sums": (
        lambda: of_moments(within=pl.lit([1.0])),
        "the field `within` has 1 entries, but 6 are needed",
    ),
    "class twice": (
        lambda: of_moments(classes=pl.lit(["0", "0", "1"])),
        'the field `classes` has "0" more than once',
    ),
    "count below 0": (
        lambda: of_moments(counts=pl.lit([-1, 2, 3])),
        r"the field `counts` of dtype list\[i64\] does not fit list\[u64\]",
    ),
    "no rows of a class": (
        lambda: of_moments(counts=pl.lit([0, 2, 3])),
        "the field `counts` has entry 0 at 0; leave classes without rows out",
    ),
    "means too large to square": (
        lambda: of_moments(means=pl.col("means") * 0 + 1e308),
        "means and spreads are up to 1e308 in size, but must lie between 1e-75 and 1e75",
    ),
    "sums too large": (
        lambda: of_moments(cubic=pl.col("cubic") * 0 + 1e308),
        "the field `cubic` has entry .* at 0; no sum over rows .* is that large",
    ),
    "products beyond the squares": (
        lambda: of_moments(within=pl.lit([1.0, 2.0, 1.0, 0.0, 0.0, 1.0])),
        "the field `within` has entry 2 at 1; no products of rows add up to more",
    ),
    "classes that do not add up": (
        lambda: of_moments(within=pl.col("within") * 2),
        "the scatters of the classes in `class_within` do not add up to `within`",
    ),
    "too many rows": (
        lambda: of_moments(counts=pl.lit([2**62, 2**62, 2**62])),
        r"the counts add up to more rows than 2\^53",
    ),
    "NaN": (
        lambda: of_moments(means=pl.col("means") * NAN),
        "the field `means` has entry NaN at 0; it must be finite",
    ),
    "null inside": (
        lambda: of_moments(cubic=pl.lit([1.0, None, 2.0])),
        "has nulls inside its lists",
    ),
    "null field": (
        lambda: of_moments(means=pl.lit(None, dtype=LISTS)),
        "the field `means` is null",
    ),
    "negative sum of squares": (
        lambda: of_moments(within=pl.col("within") * -1),
        "the field `within` has entry .* at 0; a sum of squares cannot be negative",
    ),
    "text": (
        lambda: of_moments(within=pl.lit(["a"])),
        r"the field `within` of dtype list\[str\] does not fit list\[f64\]",
    ),
}


@pytest.mark.parametrize("bad", BAD_MOMENTS)
def test_bad_moments(bad: str) -> None:
    make, message = BAD_MOMENTS[bad]
    frame = make()
    for build in (pt.merge_moments, pt.h_score, lambda m: pt.gaussian_wasserstein(m, m)):
        with pytest.raises(
            pl.exceptions.ComputeError, match=f'moments column "moments".*{message}'
        ):
            frame.select(build("moments"))


def test_scatters_of_no_rows_are_named_by_transrate() -> None:
    # A scatter whose products are as large as may be, with signs that no rows give.
    scatter = [1.0, 1.0, 1.0, 1.0, -1.0, 1.0]
    frame = of_moments(within=pl.lit([3 * v for v in scatter]), class_within=pl.lit(3 * scatter))
    message = "the scatters of the moments are those of no rows"
    with pytest.raises(pl.exceptions.ComputeError, match=message):
        frame.select(pt.transrate("moments"))


def test_squares_without_digits_count_as_none() -> None:
    """Features that vary by less than any square of a float are constant, so not defined."""
    nothing = {"within": pl.lit([5e-324] * 6), "class_within": pl.lit(None, dtype=LISTS)}
    frame = of_moments(means=pl.lit([1.0] * 9), **nothing)
    for build in (pt.h_score, pt.shrinkage_h_score):
        with pytest.raises(pl.exceptions.ComputeError, match="the features are constant"):
            frame.select(build("moments"))


def head(**changes: Any) -> pl.DataFrame:
    columns = {"label": [0, 1, 2], "weight": np.eye(3).tolist(), "bias": [0.0, 0.0, 0.0]}
    return pl.DataFrame({**columns, **changes})


def label_map(**changes: Any) -> pl.DataFrame:
    columns = {"source": [0, 1, 2], "target": [0, 1, 2], "weight": [1.0, 1.0, 1.0]}
    return pl.DataFrame({**columns, **changes})


def bound(
    source: dict[str, Any] | None = None, target: dict[str, Any] | None = None, **options: Any
) -> pl.Expr:
    """`transfer_bound` from old to new, with the named arguments of `task` replaced."""
    return pt.transfer_bound(
        pt.task(**{"where": OLD, **(source or {})}),
        pt.task(**{"where": NEW, **(target or {})}),
        **options,
    )


def bounds(**options: Any) -> pl.Expr:
    return pt.transfer_bounds("embedding", "label", "task", **options)


def points(**options: Any) -> pl.Expr:
    return pt.wasserstein("embedding", "embedding", **options)


# What is wrong -> an expression on good rows, and what it says.
BAD_REQUESTS: dict[str, tuple[Callable[[], pl.Expr], str]] = {
    "where is no boolean": (
        lambda: bound(source={"where": "label"}),
        r"`where` of the source task has dtype i64, but it must be Boolean",
    ),
    "fit is no boolean": (
        lambda: bound(target={"fit": "split"}),
        r"`fit` of the target task has dtype str, but it must be Boolean",
    ),
    "fit is null": (
        lambda: bound(source={"fit": pl.when(~FIRST).then(TRAIN)}),
        r"`fit` of the source task is null in 1 of 21 rows",
    ),
    "fit is true everywhere": (
        lambda: bound(source={"fit": pl.col("label") >= 0}),
        r"the source task has no rows to evaluate on: its `fit` is true for all 21 rows",
    ),
    "fit is false everywhere": (
        lambda: bound(target={"fit": pl.col("label") < 0}),
        r"the target task has no rows to learn from: its `fit` is false for all 21 rows",
    ),
    "fit lacks a class": (
        lambda: bound(target={"fit": TRAIN & (pl.col("label") != 1)}),
        r'label column "label" of the target task has 1 class\(es\) in its evaluation rows '
        r'that its `fit` rows lack: "1"',
    ),
    "one class only": (
        lambda: bound(source={"where": OLD & (pl.col("label") == 2)}),
        r'label column "label" of the source task has only the class "2"',
    ),
    "where selects nothing": (
        lambda: bound(target={"where": pl.col("task") == "missing"}),
        r"the target task has no rows: its `where` is true for none of the 42 rows",
    ),
    "head lacks a class": (
        lambda: bound(head=head().head(2)),
        r'`head` has no row for class "2" of the source task; it has rows for "0", "1"',
    ),
    "head of another width": (
        lambda: bound(head=head(weight=np.eye(3, 2).tolist())),
        r'`head` has 2 weights for class "0", but embedding column "embedding" of the source '
        r"task has width 3",
    ),
    "label_map names an unknown source class": (
        lambda: bound(label_map=label_map(source=[0, 1, 7])),
        r'`label_map` names class "7", which the source task does not have; '
        r'it has "0", "1", "2"',
    ),
    "label_map names an unknown target class": (
        lambda: bound(label_map=label_map(target=[0, 1, 7])),
        r'`label_map` names class "7", which the target task does not have',
    ),
    "label_map does not sum to 1": (
        lambda: bound(label_map=label_map(weight=[1.0, 0.75, 1.0])),
        r'the weights that `label_map` gives target class "1" sum to 0.75, but must sum to 1',
    ),
    "label_map lacks a target class": (
        lambda: bound(label_map=label_map().head(2)),
        r'`label_map` has no row for class "2" of the target task',
    ),
    "label_map uses a class without evaluation rows": (
        lambda: bound(source={"fit": TRAIN | (pl.col("label") == 2)}, label_map=label_map()),
        r'class "2" of the source task has a place in the label map but no evaluation rows',
    ),
    "target class that the source lacks": (
        lambda: pt.class_wasserstein(
            pt.task(where=OLD & (pl.col("label") != 1)), pt.task(where=NEW)
        ),
        r'the source task has no rows of class "1", which the target task has; '
        r'its classes are "0", "2"',
    ),
    "unknown source": (
        lambda: bounds(sources=["nope"]),
        r'`sources` names task "nope", which task column "task" does not have; '
        r'it has "new", "old"',
    ),
    "unknown target": (
        lambda: bounds(targets=["old", "nope"]),
        r'`targets` names task "nope", which task column "task" does not have',
    ),
    "no pair": (
        lambda: bounds(sources=["old"], targets=["old"]),
        r'no pair of a source and another target task; task column "task" has "new", "old"',
    ),
    "null task": (
        lambda: pt.transfer_bounds("embedding", "label", pl.when(~FIRST).then("task").alias("t")),
        r'task column "t" of the input is null in 1 of 42 rows',
    ),
    "weights are text": (
        lambda: points(x_weight="split"),
        r"`x_weight` has dtype str, but it must be numeric",
    ),
    "weight is null": (
        lambda: points(y_weight=pl.when(~FIRST).then("label")),
        r"`y_weight` is null in 1 of 42 rows",
    ),
    "weight is negative": (
        lambda: points(y_weight=pl.when(FIRST).then(-1).otherwise("label")),
        r"`y_weight` is negative, NaN or infinite in 1 of 42 rows",
    ),
    "weights are zero": (
        lambda: points(x_weight=pl.col("label") * 0),
        r"`x_weight` is zero in all 42 rows",
    ),
    "distances overflow": (
        lambda: pt.wasserstein(
            pl.lit([1e308, -1e308], dtype=LISTS), pl.lit([-1e308, 1e308], dtype=LISTS)
        ),
        r"the distances between .* are too large for a float; scale the embeddings down",
    ),
}


@pytest.mark.parametrize("bad", BAD_REQUESTS)
def test_bad_requests(bad: str, rows: pl.DataFrame) -> None:
    build, message = BAD_REQUESTS[bad]
    with pytest.raises(pl.exceptions.ComputeError, match=message):
        value(rows, build())


def test_messages_speak_of_the_callers_column_names(rows: pl.DataFrame) -> None:
    renamed = rows.rename({"embedding": "features", "label": "digit"})
    old, new = (pt.task("features", "digit", where=side) for side in (OLD, NEW))
    for change, message in (
        (set_first("features", None, LISTS), r'"features" of the source task is null in 1 of 21'),
        (set_first("digit", None, pl.Int64), r'"digit" of the source task is null in 1 of 21'),
    ):
        with pytest.raises(pl.exceptions.ComputeError, match=message):
            value(renamed.with_columns(change), pt.transfer_bound(old, new))


def test_message_names_the_side_and_class_of_a_nan(rows: pl.DataFrame) -> None:
    nan = (
        pl.when(FIRST_NEW & FIRST_NEW.is_first_distinct())
        .then(pl.lit([float("nan")] * 3, dtype=LISTS))
        .otherwise(pl.col("embedding").cast(LISTS))
        .alias("embedding")
    )
    message = r'"embedding" of the target task has 3 NaN or infinite .* 1 of 21 rows.*"0": 3'
    with pytest.raises(pl.exceptions.ComputeError, match=message):
        value(rows.with_columns(nan), bound())


def test_message_of_a_pair_names_the_task(rows: pl.DataFrame) -> None:
    message = r'embedding column "embedding" of task "old" is null in 1 of 21 rows'
    with pytest.raises(pl.exceptions.ComputeError, match=message):
        value(rows.with_columns(set_first("embedding", None, LISTS)), bounds())


def test_column_that_is_not_there(rows: pl.DataFrame) -> None:
    with pytest.raises(pl.exceptions.ColumnNotFoundError, match="missing"):
        value(rows, bound(source={"embedding": "missing"}))


def scores(**options: Any) -> pl.Expr:
    return pt.scores("embedding", "label", **options)


def parts(*energies: float | None) -> pl.DataFrame:
    return pl.DataFrame({"etran": [{"energy": e, "lda": 0.5} for e in (*energies, 1.0)]})


def test_parts_that_are_null_or_nan() -> None:
    for bad in (None, NAN, float("inf")):
        message = '`energy` of column "etran" is null, NaN or infinite in 1 of 2 rows; leave these'
        with pytest.raises(pl.exceptions.ComputeError, match=message):
            pt.combine_pool(parts(bad), pool=None)


# What is wrong -> a call that fails before it sees data, the error and what it says.
BAD_ARGUMENTS: dict[str, tuple[Callable[[], object], type[Exception], str]] = {
    "transform": (
        lambda: bound(transform="none"),
        ValueError,
        "transform: expected one of 'identity', 'features', 'all', found 'none'",
    ),
    "ground_cost": (
        lambda: bounds(ground_cost="cosine"),
        ValueError,
        "ground_cost: expected one of 'margin', 'head', 'euclidean', found 'cosine'",
    ),
    "lipschitz": (
        lambda: bound(ground_cost="head", lipschitz="guessed"),
        ValueError,
        "lipschitz: expected one of 'certified', 'empirical', found 'guessed'",
    ),
    "empirical with margin": (
        lambda: bound(lipschitz="empirical"),
        ValueError,
        "lipschitz: 'empirical' needs ground_cost 'euclidean' or 'head'",
    ),
    "l2 of 0": (lambda: bound(l2=0), ValueError, "l2: expected a finite number above 0"),
    "l2 below 0": (lambda: bound(l2=-1.0), ValueError, "l2: expected a finite number above 0"),
    "l2 is NaN": (lambda: bound(l2=NAN), ValueError, "l2: expected a finite number above 0"),
    "l2 is text": (lambda: bound(l2="1"), TypeError, "l2: expected a finite number above 0"),
    "standardize": (
        lambda: bound(standardize="yes"),
        TypeError,
        "standardize: expected True or False, found 'yes'",
    ),
    "seed below 0": (lambda: bound(seed=-1), ValueError, "seed: expected an integer from 0"),
    "seed too large": (lambda: bound(seed=2**63), ValueError, "seed: expected an integer from 0"),
    "seed is a float": (lambda: bound(seed=1.0), TypeError, "seed: expected an integer, found 1.0"),
    "no rows per class": (
        lambda: bound(max_rows_per_class=0),
        ValueError,
        "max_rows_per_class: expected an integer from 1",
    ),
    "head is no frame": (
        lambda: bound(head=[1]),
        TypeError,
        "head: expected a Polars frame, found list",
    ),
    "head lacks a column": (
        lambda: bound(head=head().drop("bias")),
        ValueError,
        "head: columns ['bias'] not found",
    ),
    "head is empty": (
        lambda: bound(head=head().clear()),
        ValueError,
        "head: the frame has no rows",
    ),
    "head has a null": (
        lambda: bound(head=head(bias=[0.0, None, 0.0])),
        ValueError,
        "head: column 'bias' holds 1 nulls",
    ),
    "head has NaN": (
        lambda: bound(head=head(weight=[[NAN, 0, 0], [0, 1, 0], [0, 0, 1]])),
        ValueError,
        "head: column 'weight' holds a null, NaN or infinite value",
    ),
    "head is ragged": (
        lambda: bound(head=head(weight=[[1.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]])),
        ValueError,
        "head: rows of 'weight' differ in width: [1, 3]",
    ),
    "head names a class twice": (
        lambda: bound(head=head(label=[0, 1, 1])),
        ValueError,
        "head: column 'label' names a class more than once",
    ),
    "head has no lists": (
        lambda: bound(head=head(weight=[1.0, 2.0, 3.0])),
        TypeError,
        "head: column 'weight' must be an Array or List of numbers, found Float64",
    ),
    "head has float labels": (
        lambda: bound(head=head(label=[0.0, 1.0, 2.0])),
        TypeError,
        "head: column 'label' must be integers, strings, categories, enums or booleans",
    ),
    "label_map lacks a column": (
        lambda: bound(label_map=label_map().drop("source", "weight")),
        ValueError,
        "label_map: columns ['source', 'weight'] not found; there are ['target']",
    ),
    "label_map has a negative weight": (
        lambda: bound(label_map=label_map(weight=[1.0, -1.0, 1.0])),
        ValueError,
        "label_map: column 'weight' holds -1.0; weights are not negative",
    ),
    "label_map has NaN": (
        lambda: bound(label_map=label_map(weight=[1.0, NAN, 1.0])),
        ValueError,
        "label_map: column 'weight' holds a null, NaN or infinite value",
    ),
    "label_map has a pair twice": (
        lambda: bound(label_map=label_map(source=[0, 0, 1], target=[0, 0, 1])),
        ValueError,
        "label_map: a pair of 'source' and 'target' occurs more than once",
    ),
    "label_map has text for weights": (
        lambda: bound(label_map=label_map(weight=["1", "1", "1"])),
        TypeError,
        "label_map: column 'weight' must be numbers, found String",
    ),
    "source is no task": (
        lambda: pt.transfer_bound("mnist", pt.task()),
        TypeError,
        "source: expected a task made by task(), found str",
    ),
    "target is no task": (
        lambda: pt.class_wasserstein(pt.task(), OLD),
        TypeError,
        "target: expected a task made by task(), found Expr",
    ),
    "column is no column": (
        lambda: pt.task(embedding=3),
        TypeError,
        "embedding: expected a column name or a Polars expression, found int",
    ),
    "several columns": (
        lambda: pt.task(label=pl.col("a", "b")),
        ValueError,
        "label: expected one column",
    ),
    "no sources": (
        lambda: bounds(sources=[]),
        ValueError,
        "sources: expected at least one task, found none",
    ),
    "targets are no names": (
        lambda: bounds(targets=[1]),
        TypeError,
        "targets: expected names of tasks as strings, found 1",
    ),
    "p below 1": (lambda: points(p=0.5), ValueError, "p: expected a finite number of at least 1"),
    "p is NaN": (lambda: points(p=NAN), ValueError, "p: expected a finite number of at least 1"),
    "p is infinite": (
        lambda: pt.class_wasserstein(pt.task(), pt.task(), p=float("inf")),
        ValueError,
        "p: expected a finite number of at least 1",
    ),
    "p is text": (lambda: points(p="2"), TypeError, "p: expected a finite number of at least 1"),
    "weight is no column": (
        lambda: points(x_weight=[1.0]),
        TypeError,
        "x_weight: expected a column name or a Polars expression, found list",
    ),
    "rank": (
        lambda: pt.weighted_tau("score", "truth", rank="score"),
        ValueError,
        "rank: expected one of 'both', 'none', found 'score'",
    ),
    "k of 0": (
        lambda: pt.top_k_recall("score", "truth", k=0),
        ValueError,
        "k: expected an integer from 1",
    ),
    "k is a float": (
        lambda: pt.regret_at_k("score", "truth", k=2.0),
        TypeError,
        "k: expected an integer, found 2.0",
    ),
    "bootstrap below 0": (
        lambda: pt.selection_quality("score", "truth", bootstrap=-1),
        ValueError,
        "bootstrap: expected an integer from 0",
    ),
    "confidence in percent": (
        lambda: pt.selection_quality("score", "truth", confidence=95),
        ValueError,
        "confidence: expected a number between 0 and 1, found 95",
    ),
    "confidence is text": (
        lambda: pt.selection_quality("score", "truth", confidence="0.9"),
        TypeError,
        "confidence: expected a number between 0 and 1, found '0.9'",
    ),
    "score is no column": (
        lambda: pt.pearson(0.5, "truth"),
        TypeError,
        "score: expected a column name or a Polars expression, found float",
    ),
    "no such option": (lambda: bounds(cost="margin"), TypeError, "cost"),
    "unknown score": (
        lambda: scores(which="logmee"),
        ValueError,
        "no score is called 'logmee'; did you mean 'logme'?",
    ),
    "unknown score like no other": (
        lambda: scores(which=["logme", "zzz"]),
        ValueError,
        "no score is called 'zzz'; there are logme, h_score",
    ),
    "score is no name": (lambda: scores(which=[3]), ValueError, "no score is called 3; there are"),
    "score of two tasks": (
        lambda: scores(which="ot_nce"),
        ValueError,
        "ot_nce is a score of two tasks; use ot_nce(source, target)",
    ),
    "which is no list": (
        lambda: scores(which=3),
        TypeError,
        "which: expected names of scores, or a mapping from them, found 3",
    ),
    "no scores": (lambda: scores(which=[]), ValueError, "which: expected at least one score"),
    "score twice": (
        lambda: scores(which=["knn", "knn_accuracy"]),
        ValueError,
        "which: 'knn_accuracy' is named more than once",
    ),
    "score twice in a table": (
        lambda: pt.compute_scores(embedding_rows(), which=["knn", "knn_accuracy"]),
        ValueError,
        "which: 'knn_accuracy' is named more than once",
    ),
    "no option of a score": (
        lambda: scores(which={"logme": {"eps": 1}}),
        TypeError,
        "logme: got an unexpected keyword argument 'eps'",
    ),
    "options are no mapping": (
        lambda: scores(which={"logme": None}),
        TypeError,
        "which: expected a mapping of the options of 'logme', found None",
    ),
    "bad option of a score": (
        lambda: scores(which={"knn": {"metric": "l1"}}),
        ValueError,
        "metric: expected one of 'euclidean', 'cosine', found 'l1'",
    ),
    "no embedding": (
        lambda: pt.scores(label="label"),
        ValueError,
        "embedding: needed for knn_accuracy, but not given",
    ),
    "no probabilities": (
        lambda: scores(which="leep"),
        ValueError,
        "probabilities: needed for leep, but not given",
    ),
    "no source label": (
        lambda: scores(which="nce"),
        ValueError,
        "source_label: needed for nce, but not given",
    ),
    "nothing to score": (
        lambda: pt.scores(label="label", which="all"),
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
    "Sinkhorn of a high power": (
        lambda: pt.sinkhorn_divergence("x", "y", p=3),
        ValueError,
        "p: expected a number from 1 to 2, found 3; beyond, it can be negative",
    ),
    "epsilon of 0": (
        lambda: pt.sinkhorn_divergence("x", "y", epsilon=0),
        ValueError,
        "epsilon: expected a finite number above 0, found 0",
    ),
    "no projections": (
        lambda: pt.sliced_wasserstein("x", "y", projections=0),
        ValueError,
        "projections: expected an integer from 1",
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
    "no clusters": (
        lambda: pt.pseudo_labels("embedding", 0),
        ValueError,
        "clusters: expected an integer from 1",
    ),
    "moments are no column": (
        lambda: pt.merge_moments(3),
        TypeError,
        "moments: expected a column name or a Polars expression, found int",
    ),
    "per_class is no flag": (
        lambda: pt.moments("embedding", "label", per_class="yes"),
        TypeError,
        "per_class: expected True or False, found 'yes'",
    ),
    "sources missing": (
        lambda: pt.compute_scores(embedding_rows(), which=["otdd"]),
        ValueError,
        "sources: needed for otdd, but not given",
    ),
    "targets missing": (
        lambda: pt.compute_scores(embedding_rows(), targets=["older"]),
        ValueError,
        "targets: model = 'net0' has no task 'older'; there are ['old', 'new']",
    ),
    "parts missing": (
        lambda: pt.combine_pool(embedding_rows()),
        ValueError,
        "frame: no column 'etran' or 'ncti' that holds parts; there are ['model'",
    ),
    "pool missing": (
        lambda: pt.combine_pool(parts(), pool="target"),
        ValueError,
        "pool: columns ['target'] not found; there are ['etran']",
    ),
    "no keys": (
        lambda: pt.compute_bounds(embedding_rows(), by=[]),
        ValueError,
        "by: expected at least one column",
    ),
    "no table": (
        lambda: pt.compute_bounds(3),
        TypeError,
        "expected a Polars frame, a path, a glob or a list of paths, found int",
    ),
    "no paths": (
        lambda: pt.compute_bounds([]),
        ValueError,
        "expected at least one path, found an empty list",
    ),
}


@pytest.mark.parametrize("bad", BAD_ARGUMENTS)
def test_bad_arguments(bad: str) -> None:
    call, error, message = BAD_ARGUMENTS[bad]
    with pytest.raises(error, match=re.escape(message)):
        call()


# How a column of a dtype that nobody thought of comes to be. Each runs in a process of its own,
# because the failure to fear is that the process ends.
EXOTIC = {
    "Categorical": "names.cast(pl.Categorical)",
    "Enum": "names.cast(pl.Enum(names.unique()))",
    "Decimal": "numbers.cast(pl.Decimal(10, 2))",
    "list of Decimal": "numbers.cast(pl.Decimal(10, 2)).reshape((-1, 1)).arr.to_list()",
    "Int128": "numbers.cast(pl.Int128)",
    "Float16": "numbers.cast(pl.Float16)",
    "Duration": "numbers.cast(pl.Duration)",
    "Datetime": "numbers.cast(pl.Datetime('us', 'UTC'))",
    "Time": "numbers.cast(pl.Time)",
    "Binary": "names.cast(pl.Binary)",
    "Struct": "pl.DataFrame({'a': numbers}).to_struct()",
    "Object": "pl.Series([object() for _ in range(42)], dtype=pl.Object)",
    "extension": "pl.Series(numbers).cast(pl.Float64).ext.to(pl.Extension('odd', pl.Float64))",
    "pyarrow extension": "from_arrow(numbers)",
}
LABELS_TOO = {"Categorical", "Enum", "Int128"}
SCORES_TOO = {"Decimal", "Int128", "Float16"}

REAL_LABELS_TOO = {"list of Decimal", "Float16"}

EXOTIC_COLUMN = """
import sys
sys.path.insert(0, sys.argv[1])
import warnings
import polars as pl, pyarrow as pa
from registry import EXPRESSIONS, RANKINGS, score_rows, source_groups

class Odd(pa.ExtensionType):
    def __init__(self):
        super().__init__(pa.list_(pa.float64(), 3), "odd.vectors")
    def __arrow_ext_serialize__(self):
        return b""
    @classmethod
    def __arrow_ext_deserialize__(cls, storage, serialized):
        return cls()

def from_arrow(numbers):
    pa.register_extension_type(Odd())
    vectors = pa.array([[float(n)] * 3 for n in numbers], pa.list_(pa.float64(), 3))
    with warnings.catch_warnings():  # Polars says that it does not know this extension type.
        warnings.simplefilter("ignore")
        table = pa.table({"a": pa.ExtensionArray.from_storage(Odd(), vectors)})
        return pl.DataFrame(table)["a"]

numbers = pl.int_range(42, eager=True)
names = numbers.cast(pl.String)
ranked = sys.argv[2] == "score"
rows = score_rows(6) if ranked else source_groups(1)
rows = rows.with_columns(eval(sys.argv[3]).alias(sys.argv[2]))
for expression in RANKINGS if ranked else EXPRESSIONS:
    try:
        rows.lazy().select(expression.build()).collect_schema()
        rows.select(expression.build())
        print(expression.name, "ok")
    except pl.exceptions.PolarsError as error:
        print(expression.name, "PolarsError", str(error).partition(chr(10))[0])
"""


def exotic(column: str, dtype: str) -> dict[str, str]:
    """What each expression said of a column of that dtype; fails if the process did."""
    done = subprocess.run(
        [
            *(sys.executable, "-c", EXOTIC_COLUMN),
            *(str(Path(__file__).parent), column, EXOTIC[dtype]),
        ],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    names = [expression.name for expression in (RANKINGS if column == "score" else EXPRESSIONS)]
    lines = done.stdout.splitlines()
    return {name: line.removeprefix(name).strip() for name, line in zip(names, lines, strict=True)}


@pytest.mark.parametrize("dtype", sorted(set(EXOTIC) - {"Object"}))
def test_exotic_embedding_is_an_error_that_can_be_caught(dtype: str) -> None:
    said = exotic("embedding", dtype)
    for expression in EXPRESSIONS:
        if expression.vectors == "embedding":
            message = r'PolarsError .*"embedding" of .* has dtype .* must be Array or'
            assert re.search(message, said[expression.name])


@pytest.mark.parametrize("dtype", sorted(set(EXOTIC) - LABELS_TOO - {"Object"}))
def test_exotic_label_is_an_error_that_can_be_caught(dtype: str) -> None:
    said = exotic("label", dtype)
    for expression in LABELLED:
        if expression.real_labels and dtype in REAL_LABELS_TOO:
            message = "^ok$"
        else:
            message = (
                r'PolarsError .*"label" of .* has dtype .* must be (an int|Array or List of num)'
            )
        assert re.search(message, said[expression.name]), said[expression.name]


@pytest.mark.parametrize("dtype", sorted(set(EXOTIC) - {"Object"}))
def test_exotic_score_is_ranked_or_an_error_that_can_be_caught(dtype: str) -> None:
    message = "^ok$" if dtype in SCORES_TOO else r'PolarsError .*"score" of .* must be numeric'
    for said in exotic("score", dtype).values():
        assert re.search(message, said)


# Polars refuses to put objects into a struct, before any plugin sees them.
def test_objects_are_an_error_of_polars_that_can_be_caught() -> None:
    said = exotic("embedding", "Object")
    for expression in EXPRESSIONS:
        if expression.vectors == "embedding":
            assert said[expression.name] == "PolarsError nested objects are not allowed"
