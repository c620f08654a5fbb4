"""Files of a model that are one table, and what a check finds in them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import polars as pl
import polars_transferability as pt
import pytest
from polars.testing import assert_frame_equal
from polars_transferability.tables.check import check_tables
from polars_transferability.tables.columns import TableColumns
from table_files import HEIGHT, ROWS, write


def shards(folder: Path, change: Callable[[int, pl.DataFrame], pl.DataFrame]) -> Path:
    """A file for each class, as data sets come that are written class by class."""
    for place, rows in enumerate(ROWS.partition_by("label", maintain_order=True)):
        write(folder / f"{place}.parquet", change(place, rows))
    return folder


def as_text(*columns: str) -> pl.Expr:
    return pl.col(*columns).cast(pl.String)


def enum(column: str, place: int, rows: pl.DataFrame) -> pl.Expr:
    """Categories of which each file has some of its own."""
    own = [*rows[column].cast(pl.String).unique(maintain_order=True), f"only in {place}"]
    return as_text(column).cast(pl.Enum(own))


SHARDS: dict[str, Callable[[int, pl.DataFrame], pl.DataFrame]] = {
    "classes": lambda _, rows: rows,
    "enums": lambda place, rows: rows.with_columns(
        enum(column, place, rows) for column in ("model", "task", "split", "label")
    ),
    "categories and enums": lambda place, rows: rows.with_columns(
        enum("label", place, rows) if place else as_text("label").cast(pl.Categorical)
    ),
    "text and numbers": lambda place, rows: rows.with_columns(
        as_text("label") if place else pl.col("label")
    ),
    "integers": lambda place, rows: rows.with_columns(
        pl.col("label").cast(pl.UInt64 if place else pl.Int8)
    ),
    "precisions": lambda place, rows: rows.with_columns(
        pl.col("embedding").cast(pl.Array(pl.Float32, 3)).cast(pl.List(pl.Float64))
        if place
        else pl.col("embedding").cast(pl.Array(pl.Float32, 3))
    ),
}


@pytest.mark.parametrize("name", SHARDS)
def test_shards_are_one_table(name: str, tmp_path: Path) -> None:
    folder = shards(tmp_path, SHARDS[name])
    content, problems = check_tables(folder, TableColumns())
    assert problems == []
    assert content["rows"].sum() == HEIGHT
    assert content["classes"].unique().to_list() == [3]
    rows = ROWS
    if name == "precisions":
        rows = rows.with_columns(pl.col("embedding").cast(pl.Array(pl.Float32, 3)))
    elif name != "integers":
        rows = rows.with_columns(as_text("label"))
    options = {"sources": ["old"], "targets": ["new"], "l2": 0.1, "transform": "identity"}
    found = pt.compute_bounds(folder, **options)
    assert_frame_equal(found, pt.compute_bounds(rows, **options), rel_tol=1e-9)


def test_shards_that_make_no_table_are_named(tmp_path: Path) -> None:
    shards(
        tmp_path,
        lambda place, rows: rows.with_columns(embedding=pl.lit(True)) if place else rows,
    )
    message = r"column 'embedding' is Array\(Float64.* in .*0\.parquet and Boolean in .*1\.parquet"
    with pytest.raises(pl.exceptions.SchemaError, match=message):
        pt.compute_scores(tmp_path)


def test_check_names_the_file_of_a_fault(tmp_path: Path) -> None:
    nan = pl.lit([float("nan"), 0.0, 0.0], dtype=pl.Array(pl.Float64, 3))
    shards(tmp_path, lambda place, rows: rows.with_columns(embedding=nan) if place == 1 else rows)
    _, problems = check_tables(tmp_path, TableColumns())
    assert len(problems) == 8
    assert all(problem.startswith(f"{tmp_path / '1.parquet'}, model = ") for problem in problems)


def test_check_finds_copies(tmp_path: Path) -> None:
    table = write(tmp_path / "a.parquet")
    write(tmp_path / "b.parquet", ROWS.reverse())
    _, problems = check_tables(tmp_path, TableColumns())
    message = f"{tmp_path / 'b.parquet'} holds the same rows as {table}, so they count twice"
    assert len(problems) == 8
    assert all(message in problem for problem in problems)


DTYPES = {
    "embedding": [
        *(pl.List(inner) for inner in (pl.Float16, pl.Float32, pl.Int8, pl.Decimal(9, 3))),
        *(pl.Array(inner, 3) for inner in (pl.Float16, pl.Float32, pl.Float64, pl.Int64)),
        pl.Array(pl.Decimal(9, 3), 3),
        pl.Array(pl.Boolean, 3),
        pl.Array(pl.String, 3),
    ],
    "label": [
        *(pl.Int8, pl.UInt64, pl.Int128, pl.String, pl.Categorical, pl.Enum(["0", "1", "2"])),
        *(pl.Float64, pl.Float16, pl.Decimal(5, 1), pl.Date, pl.Duration, pl.Time, pl.Binary),
    ],
}


@pytest.mark.parametrize(
    ("column", "dtype"), [(column, dtype) for column, of in DTYPES.items() for dtype in of], ids=str
)
def test_check_takes_what_a_bound_takes(column: str, dtype: pl.DataType) -> None:
    text = dtype in (pl.Categorical, pl.Enum, pl.Binary)
    changed = as_text(column) if text else pl.col(column)
    rows = ROWS.with_columns(changed.cast(dtype))
    _, problems = check_tables(rows, TableColumns())
    try:
        pt.compute_bounds(rows, sources=["old"], targets=["new"], l2=0.1, transform="identity")
    except pl.exceptions.PolarsError:
        (problem,) = problems
        assert problem.startswith(f"frame: '{column}' is ")
    else:
        assert problems == []
