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
from registry import EXPRESSIONS, NEW, OLD, RANKINGS, TRAIN, embedding_rows, score_rows, value

FIRST = pl.int_range(pl.len()) == 0
FIRST_NEW = NEW & (pl.col("label") == 0) & (pl.col("split") == "train")
LISTS = pl.List(pl.Float64)
NAN = float("nan")


def set_first(column: str, new: object, dtype: Any = None) -> pl.Expr:
    """`column` with its first row, which is one of "old" and class 0, replaced."""
    cast = pl.col(column) if dtype is None else pl.col(column).cast(dtype)
    return pl.when(FIRST).then(pl.lit(new, dtype=dtype)).otherwise(cast).alias(column)


# What is wrong with a column -> how the column becomes so, and what every expression says.
BAD_EMBEDDINGS = {
    "null": (
        set_first("embedding", None, LISTS),
        r'embedding column "embedding" of .* is null in 1 of \d+ rows',
    ),
    "null inside": (
        set_first("embedding", [1.0, None, 2.0], LISTS),
        r'embedding column "embedding" of .* has 1 null values inside its vectors',
    ),
    "NaN": (
        set_first("embedding", [1.0, float("nan"), float("nan")], LISTS),
        r'embedding column "embedding" of .* has 2 NaN or infinite value\(s\) in 1 of \d+ rows',
    ),
    "infinite": (
        set_first("embedding", [1.0, float("-inf"), 0.0], LISTS),
        r'embedding column "embedding" of .* has 1 NaN or infinite value\(s\) in 1 of \d+ rows',
    ),
    "ragged": (
        set_first("embedding", [1.0, 2.0], LISTS),
        r'embedding column "embedding" of .* has rows of 2 different lengths \(2, 3\)',
    ),
    "source and target differ in width": (
        pl.when(OLD)
        .then(pl.col("embedding").cast(LISTS))
        .otherwise(pl.col("embedding").cast(LISTS).list.head(2))
        .alias("embedding"),
        r'embedding column "embedding" of .* has width \d, '
        r'but embedding column "embedding" of .* has width \d',
    ),
    "width 0": (
        pl.lit([], dtype=LISTS).alias("embedding"),
        r'embedding column "embedding" of .* has vectors without any value',
    ),
    "no list": (
        pl.col("label").alias("embedding"),
        r'embedding column "embedding" of .* has dtype i64, but .* must be Array or List',
    ),
    "integers": (
        pl.col("embedding").cast(pl.List(pl.Int32)),
        r'embedding column "embedding" of .* has dtype list\[i32\], but .* Float32 or Float64',
    ),
    "nested": (
        pl.col("embedding").reshape((-1, 3, 1)),
        r'embedding column "embedding" of .* has dtype array.*, but .* Array or List of Float',
    ),
    "all null": (
        pl.lit(None).alias("embedding"),
        r'embedding column "embedding" of .* is null in \d+ of \d+ rows',
    ),
}


@pytest.mark.parametrize("expression", EXPRESSIONS, ids=[e.name for e in EXPRESSIONS])
@pytest.mark.parametrize("bad", BAD_EMBEDDINGS)
def test_bad_embeddings(bad: str, expression: Any, rows: pl.DataFrame) -> None:
    change, message = BAD_EMBEDDINGS[bad]
    with pytest.raises(pl.exceptions.ComputeError, match=message):
        value(rows.with_columns(change), expression.build())


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
    "list": (
        pl.concat_list("label"),
        r'label column "label" of .* has dtype list\[i64\], but it must be an integer, String',
    ),
}
LABELLED = [e for e in EXPRESSIONS if e.name != "wasserstein"]


@pytest.mark.parametrize("expression", LABELLED, ids=[e.name for e in LABELLED])
@pytest.mark.parametrize("bad", BAD_LABELS)
def test_bad_labels(bad: str, expression: Any, rows: pl.DataFrame) -> None:
    change, message = BAD_LABELS[bad]
    with pytest.raises(pl.exceptions.ComputeError, match=message):
        value(rows.with_columns(change), expression.build())


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

EXOTIC_COLUMN = """
import sys
sys.path.insert(0, sys.argv[1])
import warnings
import polars as pl, pyarrow as pa
from registry import EXPRESSIONS, RANKINGS, embedding_rows, score_rows

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
rows = score_rows(6) if ranked else embedding_rows()
rows = rows.with_columns(eval(sys.argv[3]).alias(sys.argv[2]))
for expression in RANKINGS if ranked else EXPRESSIONS:
    try:
        rows.lazy().select(expression.build()).collect_schema()
        rows.select(expression.build())
        print(expression.name, "ok")
    except pl.exceptions.PolarsError as error:
        print(expression.name, "PolarsError", str(error).partition(chr(10))[0])
"""


def exotic(column: str, dtype: str) -> list[str]:
    """What each expression printed with a column of that dtype; fails if the process did."""
    done = subprocess.run(
        [
            *(sys.executable, "-c", EXOTIC_COLUMN),
            *(str(Path(__file__).parent), column, EXOTIC[dtype]),
        ],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert len(lines) == len(RANKINGS if column == "score" else EXPRESSIONS)
    return lines


@pytest.mark.parametrize("dtype", sorted(set(EXOTIC) - {"Object"}))
def test_exotic_embedding_is_an_error_that_can_be_caught(dtype: str) -> None:
    for line in exotic("embedding", dtype):
        assert re.search(r'PolarsError .*"embedding" of .* has dtype .* must be Array or', line)


@pytest.mark.parametrize("dtype", sorted(set(EXOTIC) - LABELS_TOO - {"Object"}))
def test_exotic_label_is_an_error_that_can_be_caught(dtype: str) -> None:
    for line in exotic("label", dtype):
        if not line.startswith("wasserstein "):
            assert re.search(r'PolarsError .*"label" of .* has dtype .* must be an int', line)


@pytest.mark.parametrize("dtype", sorted(set(EXOTIC) - {"Object"}))
def test_exotic_score_is_ranked_or_an_error_that_can_be_caught(dtype: str) -> None:
    message = " ok$" if dtype in SCORES_TOO else r'PolarsError .*"score" of .* must be numeric'
    for line in exotic("score", dtype):
        assert re.search(message, line)


# Polars refuses to put objects into a struct, before any plugin sees them.
def test_objects_are_an_error_of_polars_that_can_be_caught() -> None:
    for line in exotic("embedding", "Object"):
        assert line.endswith("PolarsError nested objects are not allowed")
