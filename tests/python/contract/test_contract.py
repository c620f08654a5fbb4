"""What every expression owes a Polars user, whatever it computes."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import polars as pl
import polars_transferability as pt
import pytest
from registry import (
    CONSENSUS,
    EXPRESSIONS,
    NEW,
    OLD,
    PER_ROW,
    RANKINGS,
    TRAIN,
    Expression,
    embedding_rows,
    filtered,
    value,
)

ENGINES = ["in-memory", "streaming"]


def each(expressions: list[Expression]) -> pytest.MarkDecorator:
    names = [expression.name for expression in expressions]
    return pytest.mark.parametrize("expression", expressions, ids=names)


every_expression = each(EXPRESSIONS)
every_expression_and_ranking = each([*EXPRESSIONS, *RANKINGS])
each_of_vectors = each([e for e in EXPRESSIONS if e.vectors])
each_of_labels = each([e for e in EXPRESSIONS if e.labelled])
each_engine = pytest.mark.parametrize("engine", ENGINES)


def test_every_function_that_gives_an_expression_has_a_row() -> None:
    functions = {
        name
        for name in pt.__all__
        if getattr(getattr(pt, name), "__annotations__", {}).get("return") == "pl.Expr"
    }
    expressions = [*EXPRESSIONS, *RANKINGS, CONSENSUS]
    assert functions == {*(e.function for e in expressions), *PER_ROW}


def test_names_of_expressions_are_unique() -> None:
    names = [expression.name for expression in [*EXPRESSIONS, *RANKINGS]]
    assert len(names) == len(set(names))


@each_of_vectors
@pytest.mark.parametrize("inner", [pl.Float16, pl.Float32, pl.Float64], ids=str)
@pytest.mark.parametrize("outer", ["array", "list"])
def test_vector_dtypes_agree(expression: Expression, inner: pl.DataType, outer: str) -> None:
    rows = expression.rows(1)
    width = rows.schema[expression.vectors].size
    dtype = pl.Array(inner, width) if outer == "array" else pl.List(inner)
    cast = rows.with_columns(pl.col(expression.vectors).cast(dtype))
    assert value(cast, expression.build()) == value(rows, expression.build())


INTEGERS = [
    *(pl.Int8, pl.Int16, pl.Int32, pl.Int64, pl.Int128),
    *(pl.UInt8, pl.UInt16, pl.UInt32, pl.UInt64),
]
NAMED = [pl.String(), pl.Categorical(), pl.Enum(["2", "1", "0"])]


@each_of_labels
@pytest.mark.parametrize("dtype", [*INTEGERS, *NAMED], ids=str)
def test_label_dtypes_agree(expression: Expression, dtype: pl.DataType) -> None:
    rows = expression.rows(1)
    label = pl.col("label").cast(pl.String) if dtype in NAMED else pl.col("label")
    cast = rows.with_columns(label.cast(dtype))
    assert value(cast, expression.build()) == value(rows, expression.build())


@each_of_labels
def test_boolean_labels_are_two_classes(expression: Expression) -> None:
    two = expression.rows(1).filter(pl.col("label") < 2)
    named = two.with_columns(
        label=pl.when(pl.col("label") == 1).then(pl.lit("true")).otherwise(pl.lit("false"))
    )
    boolean = two.with_columns(pl.col("label").cast(pl.Boolean))
    assert value(boolean, expression.build()) == value(named, expression.build())


def test_classes_are_ordered_by_value_not_by_text() -> None:
    rows = embedding_rows(rows_per_class=2).with_columns(pl.col("label") * 10 - 1)
    bound = value(rows, pt.transfer_bound(pt.task(where=OLD), pt.task(where=NEW), l2=1.0))
    assert [c["class"] for c in bound["by_class"]] == ["-1", "9", "19"]
    text = rows.with_columns(pl.col("label").cast(pl.String))
    bound = value(text, pt.transfer_bound(pt.task(where=OLD), pt.task(where=NEW), l2=1.0))
    assert [c["class"] for c in bound["by_class"]] == ["-1", "19", "9"]


@every_expression
@pytest.mark.parametrize("dtype", [pl.Array(pl.Float32, 3), pl.List(pl.Float64)], ids=str)
def test_slices_and_chunks_do_not_matter(expression: Expression, dtype: pl.DataType) -> None:
    rows = expression.rows(1).with_columns(pl.col("embedding").cast(dtype))
    expected = value(rows, expression.build())
    padded = pl.concat([rows.head(3), rows, rows.tail(5)], rechunk=True)
    assert value(padded.slice(3, rows.height), expression.build()) == expected
    chunks = [padded.slice(3, 7), padded.slice(10, 1), padded.slice(11, rows.height - 8)]
    chunked = pl.concat(chunks, rechunk=False)
    assert chunked.n_chunks() == 3
    assert value(chunked, expression.build()) == expected


@every_expression_and_ranking
@each_engine
def test_contexts_and_engines_agree(expression: Expression, engine: str) -> None:
    rows, group = expression.rows(3), expression.group
    names = rows[group].unique(maintain_order=True)
    expected = {
        name: value(rows.filter(pl.col(group) == name), expression.build()) for name in names
    }
    column = expression.build().alias("value")
    selected = {
        name: rows.lazy()
        .filter(pl.col(group) == name)
        .select(column)
        .collect(engine=engine)["value"]
        .to_list()
        for name in names
    }
    assert selected == {name: [expected[name]] for name in names}

    grouped = rows.lazy().group_by(group).agg(column).collect(engine=engine)
    assert grouped.height == 3
    assert dict(grouped.iter_rows()) == expected

    over = rows.lazy().select(group, column.over(group)).collect(engine=engine)
    assert over.height == rows.height
    assert over["value"].to_list() == [expected[name] for name in rows[group]]


@every_expression_and_ranking
@each_engine
def test_schema_is_what_is_collected(expression: Expression, engine: str) -> None:
    rows, group = expression.rows(1), expression.group
    column = expression.build().alias("value")
    for query in (
        rows.lazy().select(column),
        rows.lazy().group_by(group).agg(column),
        rows.lazy().select(column.over(group)),
    ):
        assert query.collect_schema()["value"] == expression.dtype
        assert query.collect(engine=engine).schema["value"] == expression.dtype


@every_expression_and_ranking
def test_many_groups_equal_one_at_a_time(expression: Expression) -> None:
    rows, group = expression.rows(200), expression.group
    column = expression.build().alias("value")
    grouped = rows.group_by(group, maintain_order=True).agg(column)
    parts = rows.partition_by(group, maintain_order=True)
    assert grouped.height == 200
    assert grouped["value"].to_list() == [value(part, expression.build()) for part in parts]


@every_expression_and_ranking
def test_one_group(expression: Expression) -> None:
    rows = expression.rows(1)
    grouped = rows.group_by(expression.group).agg(expression.build().alias("value"))
    assert grouped["value"].to_list() == [value(rows, expression.build())]


@every_expression
@each_engine
def test_empty_frame_has_a_schema_and_an_error(expression: Expression, engine: str) -> None:
    query = expression.rows(1).clear().lazy().select(expression.build().alias("value"))
    assert query.collect_schema()["value"] == expression.dtype
    with pytest.raises(pl.exceptions.ComputeError, match=r"no rows.*the input is empty"):
        query.collect(engine=engine)


@every_expression_and_ranking
@each_engine
def test_no_groups_give_no_rows(expression: Expression, engine: str) -> None:
    rows = expression.rows(1).clear().lazy()
    query = rows.group_by(expression.group).agg(expression.build().alias("value"))
    assert query.collect_schema()["value"] == expression.dtype
    if engine == "in-memory" and expression.one_struct:
        # Polars calls a plugin with one input on the empty column, as if it were a group.
        with pytest.raises(pl.exceptions.ComputeError, match=r"no rows.*the input is empty"):
            query.collect(engine=engine)
        return
    grouped = query.collect(engine=engine)
    assert grouped.shape == (0, 2)
    assert grouped.schema["value"] == expression.dtype


BAD_VALUES = {
    "null embedding": pl.lit(None),
    "null inside": pl.lit([1.0, None, 2.0]),
    "NaN": pl.lit([1.0, float("nan"), 2.0]),
    "infinite": pl.lit([1.0, float("inf"), 2.0]),
    "other width": pl.lit([1.0]),
}


@pytest.mark.parametrize("bad", BAD_VALUES)
@pytest.mark.parametrize("name", ["transfer_bound", "class_wasserstein"])
def test_rows_that_are_not_selected_may_hold_anything(
    bad: str, name: str, rows: pl.DataFrame
) -> None:
    (expression,) = [e for e in EXPRESSIONS if e.name == name]
    listed = rows.with_columns(pl.col("embedding").cast(pl.List(pl.Float64)))
    other = listed.with_columns(
        task=pl.lit("other"),
        label=pl.lit(None, dtype=pl.Int64),
        embedding=BAD_VALUES[bad].cast(pl.List(pl.Float64)),
    )
    # Every other row is a bad one, so that no run of selected rows is contiguous.
    mixed = pl.concat([listed.with_row_index("i"), other.with_row_index("i")]).sort("i")
    assert value(mixed, expression.build()) == value(rows, expression.build())


def test_tasks_outside_the_pairs_may_hold_anything(rows: pl.DataFrame) -> None:
    expression = pt.transfer_bounds(
        "embedding", "label", "task", sources=["old"], targets=["new"], l2=0.1
    )
    broken = rows.with_columns(
        task=pl.lit("broken"),
        label=pl.lit(None, dtype=pl.Int64),
        embedding=pl.lit(None, dtype=pl.Array(pl.Float64, 3)),
    )
    assert value(pl.concat([broken, rows]), expression) == value(rows, expression)


@pytest.mark.parametrize("where", [pl.lit(None, dtype=pl.Boolean), pl.lit(False)], ids=str)
def test_null_in_where_means_no(where: pl.Expr, rows: pl.DataFrame) -> None:
    first = pl.int_range(pl.len()) == 0
    unselected = pt.task(where=pl.when(first).then(where).otherwise(OLD))
    left_out = pt.task(where=OLD & ~first)
    new = pt.task(where=NEW)
    assert value(rows, pt.class_wasserstein(unselected, new)) == value(
        rows, pt.class_wasserstein(left_out, new)
    )


@pytest.mark.parametrize("fitted", [False, True])
def test_one_struct_and_two_structs_agree(fitted: bool, rows: pl.DataFrame) -> None:
    def one(side: pl.Expr) -> pt.Task:
        return pt.task(where=side, fit=TRAIN if fitted else None)

    def two(side: pl.Expr) -> pt.Task:
        columns = [pl.col(name).filter(side) for name in ("embedding", "label")]
        return pt.task(*columns, fit=TRAIN.filter(side) if fitted else None)

    expected = value(rows, pt.transfer_bound(one(OLD), one(NEW), l2=0.1))
    assert expected["n_source"] != rows.height
    assert value(rows, pt.transfer_bound(two(OLD), two(NEW), l2=0.1)) == expected


def test_tasks_in_different_columns(rows: pl.DataFrame) -> None:
    # By label and place, so that both tasks have the same number of rows.
    sides = [
        rows.filter(side).select(pl.col("label", "embedding").name.suffix(f"_{name}"))
        for side, name in ((OLD, "old"), (NEW, "new"))
    ]
    wide = pl.concat(sides, how="horizontal")
    old, new = (pt.task(f"embedding_{name}", f"label_{name}") for name in ("old", "new"))
    for build in (pt.class_wasserstein, lambda s, t: pt.transfer_bound(s, t, l2=0.1)):
        assert value(wide, build(old, new)) == value(rows, build(filtered(OLD), filtered(NEW)))


def test_scalar_where_and_fit_stretch_to_all_rows(rows: pl.DataFrame) -> None:
    everything = pt.task(where=pl.lit(True))
    assert value(rows, pt.transfer_bound(everything, everything, l2=0.1)) == value(
        rows, pt.transfer_bound(pt.task(), pt.task(), l2=0.1)
    )
    fitted = pt.task(where=OLD, fit=pl.lit(True))
    with pytest.raises(pl.exceptions.ComputeError, match="`fit` is true for all 21 rows"):
        value(rows, pt.transfer_bound(fitted, pt.task(where=NEW)))


THREADS = """
import sys
sys.path.insert(0, sys.argv[1])
import polars as pl, polars_transferability as pt
from registry import NEW, OLD, EXPRESSIONS, RANKINGS, score_rows, source_groups
assert pl.thread_pool_size() == int(sys.argv[2])
rows = source_groups(2)
old, new = pt.task(where=OLD), pt.task(where=NEW)
# repr of a float is exact.
print(rows.group_by("model", maintain_order=True).agg(
    *(expression.build().alias(expression.name) for expression in EXPRESSIONS),
    pt.transfer_bound(old, new, seed=7, max_rows_per_class=5).alias("drawn"),
).to_dicts())
print(score_rows(20).group_by("target", maintain_order=True).agg(
    expression.build().alias(expression.name) for expression in RANKINGS
).to_dicts())
"""


def test_same_seed_gives_the_same_bits_on_any_number_of_threads() -> None:
    outputs = [
        subprocess.run(
            [sys.executable, "-c", THREADS, str(Path(__file__).parents[1]), threads],
            env={**os.environ, "POLARS_MAX_THREADS": threads},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for threads in ("1", "2")
    ]
    assert outputs[0] == outputs[1]
    assert "'bound': " in outputs[0]
    assert "'spearman_low': " in outputs[0]


def test_another_seed_draws_other_rows(rows: pl.DataFrame) -> None:
    old, new = pt.task(where=OLD), pt.task(where=NEW)
    bounds = {
        value(rows, pt.transfer_bound(old, new, max_rows_per_class=2, l2=0.1, seed=seed))["bound"]
        for seed in range(5)
    }
    assert len(bounds) > 1
