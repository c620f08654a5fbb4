"""What is said of tables, names and numbers that are none."""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path

import polars as pl
import polars_transferability as pt
import pytest
from polars.testing import assert_frame_equal
from polars_transferability.tables.check import check_tables
from polars_transferability.tables.columns import TableColumns
from polars_transferability.tables.table import Table
from table_files import HEIGHT, ROWS, write


@pytest.mark.skipif(sys.platform != "linux", reason="other systems take no such name")
def test_a_name_that_is_not_utf8_is_said(tmp_path: Path) -> None:
    write(tmp_path / "a.parquet").rename(tmp_path / os.fsdecode(b"n\xe9.parquet"))
    with pytest.raises(ValueError, match=r"n\\xe9\.parquet: the name is not valid UTF-8, so"):
        pt.compute_scores(tmp_path)


@pytest.mark.parametrize("column", ["model", "embedding"])
def test_damaged_rows_name_the_file(column: str, tmp_path: Path) -> None:
    good = write(tmp_path / "a.parquet", ROWS.filter(model="net0"))
    damaged = write(
        tmp_path / "b.parquet", ROWS.filter(model="net1").select(column, pl.exclude(column))
    )
    pages = bytearray(damaged.read_bytes())
    # The first column's, behind the four bytes that say what file it is.
    pages[4:60] = bytes(value ^ 0x5A for value in pages[4:60])
    damaged.write_bytes(pages)
    message = f"{damaged}: its rows cannot be read: parquet: "
    for compute in (pt.compute_scores, pt.compute_bounds):
        with pytest.raises(pl.exceptions.ComputeError, match=re.escape(message)):
            compute(tmp_path, strict=True)
    content, problems = check_tables(tmp_path, TableColumns())
    assert all(message in problem for problem in problems)
    assert content["file"].unique().to_list() == [str(good)]
    assert len(problems) == 1


def test_a_panic_of_polars_is_an_error_that_names_the_file() -> None:
    # It panics on some damaged files, too, but these change from version to version.
    objects = pl.LazyFrame({"model": [object()] * 2}, schema={"model": pl.Object})
    message = "^a.parquet: its rows cannot be read: "
    with pytest.raises(pl.exceptions.ComputeError, match=message):
        Table("a.parquet", objects).distinct().read()


def test_an_address_of_no_kind_that_is_known_is_named() -> None:
    message = r"^foo://x/y\.parquet: no address of tables begins so; those begin with one of s3://"
    with pytest.raises(ValueError, match=message):
        pt.compute_scores("foo://x/y.parquet")


def test_frames_of_other_libraries_are_named_with_the_way_from_them() -> None:
    message = r"found DataFrame of pandas; polars\.from_pandas makes a frame of Polars of it"
    for call in (pt.compute_scores, pt.compute_bounds, pt.read_leaderboard, pt.verdict):
        with pytest.raises(TypeError, match=message):
            call(ROWS.to_pandas())
    with pytest.raises(TypeError, match=r"found Table of pyarrow; polars\.from_arrow makes"):
        pt.compute_scores(ROWS.to_arrow())


NESTED = {
    "list": lambda column: pl.concat_list(column),
    "struct": lambda column: pl.struct(column).alias(column),
}


@pytest.mark.parametrize("column", ["model", "task"])
@pytest.mark.parametrize("nested", NESTED)
def test_names_that_are_none(nested: str, column: str) -> None:
    rows = ROWS.with_columns(NESTED[nested](column))
    message = rf"frame: column '{column}' is .*, but its values are to be names; cast it"
    for compute in (pt.compute_bounds, pt.compute_scores):
        with pytest.raises(TypeError, match=message):
            compute(rows)


@pytest.mark.parametrize("column", ["model", "task", "label", "embedding", "split"])
def test_objects_are_named(column: str) -> None:
    rows = ROWS.with_columns(pl.Series(column, [object()] * HEIGHT, dtype=pl.Object))
    message = f"frame: column '{column}' is Object, which Polars cannot compute with"
    for compute in (pt.compute_bounds, pt.compute_scores):
        with pytest.raises(TypeError, match=message):
            compute(rows)


def test_a_split_of_another_type_says_what_to_do() -> None:
    for split in (pl.lit(1), pl.concat_list("split")):
        rows = ROWS.with_columns(split=split)
        message = r"frame: which rows to fit on cannot be told from .*; say which .* with fit="
        for compute in (pt.compute_bounds, pt.compute_scores):
            with pytest.raises(pl.exceptions.PolarsError, match=message):
                compute(rows)


@pytest.mark.parametrize("name", ["^m.*$", "*"])
def test_patterns_are_no_names(name: str) -> None:
    rows = ROWS.rename({"model": name})
    message = "as a pattern for several columns, not as the name of one; rename the column"
    for call in (
        lambda: pt.compute_bounds(rows, model=name),
        lambda: pt.compute_scores(rows, model=name),
        lambda: pt.compute_scores(ROWS, task=name),
        lambda: pt.logme("embedding", name),
        lambda: pt.combine_pool(PARTS.rename({"target": name}), pool=name),
        lambda: pt.read_leaderboard(BOARD.rename({"model": name}), model=name),
        lambda: pt.read_leaderboard(BOARD.rename({"target": name}), target=name),
        lambda: pt.read_leaderboard(BOARD.rename({"accuracy": name}), accuracy=name),
        lambda: pt.read_leaderboard(BOARD.drop("target").rename({"accuracy": name})),
        lambda: pt.read_leaderboard(BOARD.with_columns(pl.lit(1).alias(name)), static=[name]),
        lambda: pt.compare(BOARD.rename({"target": name}), by=name, scores="accuracy"),
        lambda: pt.compare(BOARD.rename({"model": name}), model=name, scores="accuracy"),
        lambda: pt.compare(BOARD, scores=name),
    ):
        with pytest.raises(ValueError, match=message):
            call()


BOARD = pl.DataFrame({"model": ["a", "b"], "target": ["x", "x"], "accuracy": [0.5, 0.6]})
PARTS = pl.DataFrame({"target": ["x"], "etran": [{"energy": 1.0, "lda": 0.5}]})


def test_columns_that_are_no_parts_may_have_any_name() -> None:
    odd = PARTS.with_columns(pl.lit(1).alias("^t.*$"), pl.lit(2).alias("*"))
    assert pt.combine_pool(odd).select(pl.len()).item() == 1
    assert pt.combine_pool(odd).columns[-2:] == ["^t.*$", "*"]


@pytest.mark.parametrize("name", ["source", "target", "bound", "by_class", "n_source"])
def test_a_key_is_called_like_no_column_of_the_bounds(name: str) -> None:
    rows = ROWS.rename({"model": name})
    for argument in ("model", "by"):
        message = f"{argument}: '{name}' cannot tell models apart, for the result"
        with pytest.raises(ValueError, match=message):
            pt.compute_bounds(rows, **{argument: name})


@pytest.mark.parametrize(
    "name", ["source", "target", "n", "labels", "gbc", "linear_probe_loss", "etran", "etran_lda"]
)
def test_a_key_is_called_like_no_column_of_the_scores(name: str) -> None:
    rows = ROWS.rename({"model": name})
    for argument in ("model", "by"):
        message = f"{argument}: '{name}' cannot tell models apart, for the result"
        with pytest.raises(ValueError, match=message):
            pt.compute_scores(rows, **{argument: name}, scores=["gbc", "linear_probe", "etran"])


@pytest.mark.parametrize("name", ["file", "rows", "width"])
def test_a_model_is_called_like_no_column_of_a_check(name: str) -> None:
    with pytest.raises(ValueError, match=f"column '{name}' has the name of a column that a check"):
        check_tables(ROWS.rename({"model": name}), TableColumns(models=(name,)))


def test_a_column_serves_one_purpose() -> None:
    _, problems = check_tables(ROWS, TableColumns(models=("task",)))
    assert problems == ["column 'task' is named for more than one purpose; name one for each"]


BAD_KEYS = {
    "twice": (["model", "model"], ValueError, "model: 'model' is named more than once"),
    "none": ([], ValueError, "model: expected at least one column"),
    "an expression": (pl.col("model"), TypeError, "model: expected names of columns, found Expr"),
    "a number": (3, TypeError, "model: expected names of columns, found int"),
}


@pytest.mark.parametrize("bad", BAD_KEYS)
def test_bad_keys(bad: str) -> None:
    model, error, message = BAD_KEYS[bad]
    for compute in (pt.compute_bounds, pt.compute_scores):
        with pytest.raises(error, match=message):
            compute(ROWS, model=model)


BAD_NUMBERS = {
    "a fraction": ({"seed": 1.5}, TypeError, "seed: expected an integer, found 1.5"),
    "a negative seed": ({"seed": -1}, ValueError, "seed: expected an integer from 0"),
    "a truth value": ({"seed": True}, TypeError, "seed: expected an integer, found True"),
    "a text": ({"progress": "no"}, TypeError, "progress: expected True or False, found 'no'"),
}


@pytest.mark.parametrize("bad", BAD_NUMBERS)
def test_bad_numbers(bad: str) -> None:
    options, error, message = BAD_NUMBERS[bad]
    for compute in (pt.compute_bounds, pt.compute_scores):
        with pytest.raises(error, match=message):
            compute(ROWS, **options)


def test_a_number_beyond_floats_is_not_finite() -> None:
    with pytest.raises(ValueError, match="l2: expected a finite number above 0"):
        pt.compute_bounds(ROWS, l2=10**400)


def test_tasks_by_name_are_one_or_several_and_count_once() -> None:
    options = {"scores": "otdd", "sources": ["old"]}
    expected = pt.compute_scores(ROWS, **options, targets=["new"])
    for targets in ("new", ["new", "new"]):
        assert_frame_equal(pt.compute_scores(ROWS, **options, targets=targets), expected)


def test_a_lazy_frame_that_fails_is_no_file() -> None:
    message = 'frame: cannot be computed: unable to find column "other"'
    with pytest.raises(pl.exceptions.ColumnNotFoundError, match=message):
        pt.compute_scores(ROWS.lazy().with_columns(pl.col("other")))
