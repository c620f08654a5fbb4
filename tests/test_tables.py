"""Embedding tables in files: what a path stands for, and one reading of them at every door."""

from __future__ import annotations

import os
import re
import shutil
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import polars as pl
import polars_transferability as pt
import pytest
from polars.testing import assert_frame_equal
from polars_transferability.tables.check import TableColumns, check_tables
from polars_transferability.tables.table import Table
from registry import embedding_rows

ROWS = embedding_rows(models=2)
HEIGHT = ROWS.height
Paths = str | Path | Sequence[str | Path]


def counted(paths: Paths) -> list[int]:
    """The number of rows that each door finds: a check, the scores and a query."""
    content, problems = check_tables(paths, TableColumns())
    assert problems == []
    scores = pt.compute_scores(paths, which="gbc", fit=None)
    query = pt.sql("SELECT COUNT(*) AS n FROM t", t=paths, eager=True)
    return [content["rows"].sum(), scores["n"].sum(), query["n"].item()]


def write(path: Path, rows: pl.DataFrame = ROWS) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    rows.write_parquet(path)
    return path


def write_partitions(folder: Path) -> Path:
    for (model, task), rows in ROWS.group_by("model", "task", maintain_order=True):
        write(folder / f"model={model}" / f"task={task}" / "0.parquet", rows.drop("model", "task"))
    return folder


@pytest.mark.parametrize("path", ["", "*.parquet", "**/*.parquet", "**", "x.parquet"])
def test_a_folder_that_is_called_like_a_file_counts_once(path: str, tmp_path: Path) -> None:
    write(tmp_path / "x.parquet" / "part-0.parquet", ROWS[:50])
    write(tmp_path / "x.parquet" / "part-1.parquet", ROWS[50:])
    (tmp_path / "x.parquet" / "_SUCCESS").touch()
    assert counted(tmp_path / path) == [HEIGHT] * 3


@pytest.mark.parametrize("path", ["", "*.parquet", "**/*.parquet"])
def test_hidden_files_are_passed_over(path: str, tmp_path: Path) -> None:
    table = write(tmp_path / "a.parquet")
    for name in (
        "._a.parquet",
        "_b.parquet",
        ".ipynb_checkpoints/a.parquet",
        "_temporary/0.parquet",
    ):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        shutil.copy(table, tmp_path / name)
    (tmp_path / ".a.parquet.unfinished").write_bytes(b"half")
    assert counted(tmp_path / path) == [HEIGHT] * 3


@pytest.mark.parametrize("path", ["_x/.a.parquet", "_x", "_x/.*.parquet", "_*/.a.parquet"])
def test_a_hidden_name_that_is_spelled_out_is_read(path: str, tmp_path: Path) -> None:
    write(tmp_path / "_x" / ("b.parquet" if path == "_x" else ".a.parquet"))
    assert counted(tmp_path / path) == [HEIGHT] * 3


def test_only_hidden_files_are_no_file(tmp_path: Path) -> None:
    write(tmp_path / "_a.parquet")
    for path in (tmp_path, tmp_path / "*.parquet"):
        with pytest.raises(FileNotFoundError, match=r"names that begin with \. or _ are passed"):
            pt.compute_scores(path)


def test_one_file_by_several_paths_counts_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    table = write(tmp_path / "folder" / "a.parquet")
    (tmp_path / "soft.parquet").symlink_to(table)
    os.link(table, tmp_path / "hard.parquet")
    (tmp_path / "linked").symlink_to(table.parent)
    monkeypatch.chdir(tmp_path)
    around = tmp_path / "folder" / ".." / "folder" / "a.parquet"
    several: list[str | Path] = [table, "folder/a.parquet", "./folder/a.parquet", around]
    assert counted(several) == [HEIGHT] * 3
    assert counted(["soft.parquet", "hard.parquet", table]) == [HEIGHT] * 3
    assert counted([tmp_path, "**/*.parquet", "folder", "linked"]) == [HEIGHT] * 3


def test_links_to_folders_are_followed_but_not_round_in_circles(tmp_path: Path) -> None:
    write(tmp_path / "elsewhere" / "a.parquet")
    root = tmp_path / "root"
    root.mkdir()
    (root / "linked").symlink_to(tmp_path / "elsewhere")
    (root / "self").symlink_to(root)
    assert counted(root) == [HEIGHT] * 3


@pytest.mark.parametrize(
    "path",
    [
        *("", "*", "model=*", "model=*/task=*", "model=*/task=*/*.parquet", "**/*.parquet"),
        *("*/task=old/../task=*/0.parquet",),
    ],
)
def test_names_of_folders_become_columns(path: str, tmp_path: Path) -> None:
    root = write_partitions(tmp_path / "zoo.parquet")
    assert counted(str(root / path)) == [HEIGHT] * 3


def test_names_of_folders_become_columns_of_named_files(tmp_path: Path) -> None:
    root = write_partitions(tmp_path)
    # As a shell hands over a pattern.
    assert counted(sorted(root.rglob("*.parquet"))) == [HEIGHT] * 3
    assert counted([root / "model=net0", root / "model=net1", root]) == [HEIGHT] * 3


def test_a_file_linked_into_two_partitions_counts_in_each(tmp_path: Path) -> None:
    rows = ROWS.filter(model="net0").drop("model")
    table = write(tmp_path / "model=a" / "0.parquet", rows)
    (tmp_path / "model=b").mkdir()
    (tmp_path / "model=b" / "0.parquet").symlink_to(table)
    assert counted(tmp_path) == [2 * rows.height] * 3


def test_a_file_may_repeat_what_its_folder_says_but_not_contradict_it(tmp_path: Path) -> None:
    folder = tmp_path / "model=net0"
    write(folder / "0.parquet", ROWS.filter(model="net0"))
    assert counted(tmp_path) == [HEIGHT // 2] * 3
    folder.rename(tmp_path / "model=other")
    message = "column 'model' holds 'net0', but its folder is called 'model=other'; rename"
    with pytest.raises(ValueError, match=message):
        pt.compute_scores(tmp_path)


# Results of this package beside its inputs.


@pytest.fixture
def beside(tmp_path: Path) -> Path:
    write(tmp_path / "a.parquet")
    pt.compute_bounds(ROWS, sources=["old"], l2=0.1, transform="identity").write_parquet(
        tmp_path / "bounds.parquet"
    )
    pt.compute_scores(ROWS, which="gbc").write_parquet(tmp_path / "scores.parquet")
    return tmp_path


@pytest.mark.parametrize("path", ["", "*.parquet"])
def test_results_among_tables_are_left_out_and_said(
    path: str, beside: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert counted(beside / path) == [HEIGHT] * 3
    lines = capfd.readouterr().err.splitlines()
    names = f"{beside / 'bounds.parquet'}, {beside / 'scores.parquet'}"
    assert set(lines) == {f"left out what this package computed: {names}"}


def test_results_that_are_named_are_no_embeddings(beside: Path) -> None:
    for name in ("bounds", "scores"):
        path = beside / f"{name}.parquet"
        message = rf"{name}\.parquet: holds {name} that this package computed, not embeddings"
        with pytest.raises(ValueError, match=message):
            pt.compute_scores([beside / "a.parquet", path])
        # A query may read them.
        found = pt.sql("SELECT COUNT(*) AS n FROM t", t=path, eager=True)["n"].item()
        assert found == pl.read_parquet(path).height


def test_a_folder_of_results_alone_is_no_table_of_embeddings(beside: Path) -> None:
    (beside / "a.parquet").unlink()
    with pytest.raises(ValueError, match="holds bounds that this package computed"):
        pt.compute_bounds(beside)


# One reading of all files of a model.


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
        lambda place, rows: rows.with_columns(embedding=pl.lit("text")) if place else rows,
    )
    message = r"column 'embedding' is Array\(Float64.* in .*0\.parquet and String in .*1\.parquet"
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
        *(dtype(inner) for dtype in (pl.List,) for inner in (pl.Float16, pl.Float32, pl.Int8)),
        *(pl.Array(inner, 3) for inner in (pl.Float16, pl.Float32, pl.Float64, pl.Int64)),
        pl.Array(pl.Boolean, 3),
        pl.Array(pl.String, 3),
    ],
    "label": [
        *(pl.Int8, pl.UInt64, pl.Int128, pl.String, pl.Categorical, pl.Enum(["0", "1", "2"])),
        *(pl.Float64, pl.Float16, pl.Decimal(5, 1), pl.Date, pl.Duration, pl.Binary),
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


# What a message says.


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
            compute(tmp_path)
    content, problems = check_tables(tmp_path, TableColumns())
    assert all(message in problem for problem in problems)
    assert content["file"].unique().to_list() == [str(good)]
    assert len(problems) == (1 if column == "model" else 4)


def test_a_panic_of_polars_is_an_error_that_names_the_file() -> None:
    # It panics on some damaged files, too, but these change from version to version.
    objects = pl.LazyFrame({"model": [object()] * 2}, schema={"model": pl.Object})
    message = "^a.parquet: its rows cannot be read: "
    with pytest.raises(pl.exceptions.ComputeError, match=message):
        Table("a.parquet", objects).distinct().read()


def test_a_bucket_out_of_reach_is_named() -> None:
    message = r"^foo://x/y\.parquet: cannot be read as a Parquet table: .*; look at the address"
    with pytest.raises(pl.exceptions.ComputeError, match=message):
        pt.compute_scores("foo://x/y.parquet")


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
        lambda: pt.compute_bounds(rows, by=name),
        lambda: pt.compute_scores(rows, by=name),
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
    with pytest.raises(ValueError, match=f"by: '{name}' cannot tell models apart, for the result"):
        pt.compute_bounds(ROWS.rename({"model": name}), by=name)


@pytest.mark.parametrize(
    "name", ["source", "target", "n", "labels", "gbc", "linear_probe_loss", "etran", "etran_lda"]
)
def test_a_key_is_called_like_no_column_of_the_scores(name: str) -> None:
    which = ["gbc", "linear_probe", "etran"]
    with pytest.raises(ValueError, match=f"by: '{name}' cannot tell models apart, for the result"):
        pt.compute_scores(ROWS.rename({"model": name}), by=name, which=which)


@pytest.mark.parametrize("name", ["file", "rows", "width"])
def test_a_model_is_called_like_no_column_of_a_check(name: str) -> None:
    with pytest.raises(ValueError, match=f"column '{name}' has the name of a column that a check"):
        check_tables(ROWS.rename({"model": name}), TableColumns(model=name))


def test_a_column_serves_one_purpose() -> None:
    _, problems = check_tables(ROWS, TableColumns(model="task"))
    assert problems == ["column 'task' is named for more than one purpose; name one for each"]


BAD_KEYS = {
    "twice": (["model", "model"], ValueError, "by: 'model' is named more than once"),
    "none": ([], ValueError, "by: expected at least one column"),
    "an expression": (pl.col("model"), TypeError, "by: expected names of columns, found Expr"),
    "a number": (3, TypeError, "by: expected names of columns, found int"),
}


@pytest.mark.parametrize("bad", BAD_KEYS)
def test_bad_keys(bad: str) -> None:
    by, error, message = BAD_KEYS[bad]
    for compute in (pt.compute_bounds, pt.compute_scores):
        with pytest.raises(error, match=message):
            compute(ROWS, by=by)


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
    options = {"which": "otdd", "sources": ["old"]}
    expected = pt.compute_scores(ROWS, **options, targets=["new"])
    for targets in ("new", ["new", "new"]):
        assert_frame_equal(pt.compute_scores(ROWS, **options, targets=targets), expected)


def test_a_lazy_frame_that_fails_is_no_file() -> None:
    message = 'frame: cannot be computed: unable to find column "other"'
    with pytest.raises(pl.exceptions.ColumnNotFoundError, match=message):
        pt.compute_scores(ROWS.lazy().with_columns(pl.col("other")))
