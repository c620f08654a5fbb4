"""What every expression says of columns that it cannot take."""

from __future__ import annotations

from collections.abc import Callable

import polars as pl
import polars_transferability as pt
import pytest
from bad_rows import LISTS, NAN, set_first
from registry import EXPRESSIONS, OLD, Expression, value

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


OF_TWO_TASKS = [e for e in EXPRESSIONS if e.two_tasks and not e.of_gaussians]


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


OF_TWO_CLASSES = [e for e in LABELLED if not e.one_class]


@pytest.mark.parametrize("expression", OF_TWO_CLASSES, ids=[e.name for e in OF_TWO_CLASSES])
def test_one_class(expression: Expression) -> None:
    rows = expression.rows(1).with_columns(label=pl.lit("a"))
    message = (
        r'label column "label" of .* has only the class "a", but .* needs at least two classes'
        r'|of "\w+".*: the labels have 1 class\(es\), but .* needs at least two'
        r"|the source task and the target task: the labels have 1 class.*OT-NCE needs at least two"
        r"|the target task: the source labels have 1 class.*TETOT needs at least two"
    )
    with pytest.raises(pl.exceptions.ComputeError, match=message):
        value(rows, expression.build())
