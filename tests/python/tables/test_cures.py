"""What a check says of a table that it cannot take: the line of Polars that it shows helps."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest
from polars.testing import assert_frame_equal
from polars_transferability.tables.check import check_tables
from polars_transferability.tables.columns import TableColumns
from table_files import HEIGHT, ROWS, write

FIRST = pl.int_range(pl.len()) == 0
FIRST_OF_TEST = (pl.col("split") == "test") & (pl.int_range(pl.len()).over("split") == 0)
NAN = float("nan")
TEXTS = pl.col("embedding").arr.to_list().list.eval(pl.element().cast(pl.String)).list.join(",")
JSON = pl.format("[{}]", TEXTS)


def first(value: object, column: str = "embedding") -> pl.Expr:
    """Another value in the first row."""
    dtype = ROWS.schema[column]
    return pl.when(FIRST).then(pl.lit(value, dtype=dtype)).otherwise(column).alias(column)


def matrices(rows: int) -> pl.Expr:
    """Each vector as the mean of a matrix with the same vector in every row."""
    return pl.concat_list(
        [pl.col("embedding").arr.to_list().implode().over(pl.int_range(pl.len()))] * rows
    )


# What is wrong, and how many rows the line leaves.
BAD: dict[str, tuple[pl.Expr | list[pl.Expr], int]] = {
    "integers": (pl.col("embedding").cast(pl.Array(pl.Int64, 3)), HEIGHT),
    "lists of integers": (pl.col("embedding").cast(pl.List(pl.Int64)), HEIGHT),
    "lists of texts": (pl.col("embedding").cast(pl.List(pl.String)), HEIGHT),
    "decimals": (pl.col("embedding").cast(pl.List(pl.Decimal(9, 3))), HEIGHT),
    "a struct": (
        pl.struct(pl.col("embedding").arr.get(i).alias(str(i)) for i in range(3)).alias(
            "embedding"
        ),
        HEIGHT,
    ),
    "lists of lists": (matrices(2), HEIGHT),
    "matrices": (matrices(2).cast(pl.Array(pl.Float64, (2, 3))), HEIGHT),
    "float labels": (pl.col("label").cast(pl.Float64), HEIGHT),
    "decimal labels": (pl.col("label").cast(pl.Decimal(5, 1)), HEIGHT),
    "binary labels": (pl.col("label").cast(pl.String).cast(pl.Binary), HEIGHT),
    "labels in lists": (pl.concat_list("label"), HEIGHT),
    "float labels in lists": (pl.concat_list(pl.col("label").cast(pl.Float32)), HEIGHT),
    "labels in arrays": (pl.concat_arr("label"), HEIGHT),
    "one-hot labels": (
        pl.concat_arr(pl.col("label").eq(i).cast(pl.UInt8) for i in range(3)).alias("label"),
        HEIGHT,
    ),
    "labels that are no whole numbers": (pl.col("label") * 0.4, HEIGHT),
    "labels of which one is NaN": (
        pl.when(FIRST).then(NAN).otherwise(pl.col("label").cast(pl.Float64)).alias("label"),
        HEIGHT,
    ),
    "floats of integers and labels of floats": (
        [pl.col("embedding").cast(pl.Array(pl.Int64, 3)), pl.col("label").cast(pl.Float64)],
        HEIGHT,
    ),
    "nulls of labels and of embeddings": (
        [pl.when(~FIRST).then("label").alias("label"), first([NAN, 0.0, 0.0])],
        HEIGHT - 1,
    ),
    "JSON of Python": (
        pl.when(FIRST).then(pl.lit("[NaN, -Infinity, 0]")).otherwise(JSON).alias("embedding"),
        HEIGHT - 1,
    ),
    "labels in structs": (pl.struct("label").alias("label"), HEIGHT),
    "dates as labels": (
        (pl.date(2020, 1, 1) + pl.duration(days=pl.col("label"))).alias("label"),
        HEIGHT,
    ),
    "null labels": (pl.when(~FIRST).then("label").alias("label"), HEIGHT - 1),
    "null embeddings": (first(None), HEIGHT - 1),
    "nulls inside": (first([None, 0.0, 0.0]), HEIGHT - 1),
    "NaN": (first([NAN, 0.0, 0.0]), HEIGHT - 1),
    "widths": (
        pl.when(FIRST)
        .then(pl.lit([1.0]))
        .otherwise(pl.col("embedding").arr.to_list())
        .alias("embedding"),
        HEIGHT - 1,
    ),
    "one class in a task": (
        pl.when(model="net0", task="old").then(0).otherwise("label").alias("label"),
        HEIGHT * 3 // 4,
    ),
    "a task without a name": (
        pl.when(task="old").then(None).otherwise("task").alias("task"),
        HEIGHT // 2,
    ),
    "classes that are not learned": (
        pl.when(FIRST_OF_TEST).then(9).otherwise("label").alias("label"),
        HEIGHT - 1,
    ),
    "nothing to evaluate on": (pl.lit("train").alias("split"), HEIGHT),
    "a split in other letters": (
        pl.when(split="train").then(pl.lit(" Train")).otherwise("split").alias("split"),
        HEIGHT,
    ),
    "a split in two spellings": (
        pl.when(
            pl.col("split") == "train",
            pl.int_range(pl.len()).over("model", "task", "split", "label") % 2 == 0,
        )
        .then(pl.lit("TRAIN"))
        .otherwise("split")
        .alias("split"),
        HEIGHT,
    ),
    "vectors of no numbers": (
        pl.when(FIRST).then([]).otherwise(pl.col("embedding").arr.to_list()).alias("embedding"),
        HEIGHT - 1,
    ),
    "tasks of other width": (
        pl.when(task="old")
        .then(pl.col("embedding").arr.to_list().list.head(2))
        .otherwise(pl.col("embedding").arr.to_list())
        .alias("embedding"),
        HEIGHT,
    ),
    "JSON with a null": (
        pl.when(FIRST).then(pl.lit("[null, 0, 0]")).otherwise(JSON).alias("embedding"),
        HEIGHT - 1,
    ),
}


def line_of(problems: list[str]) -> str:
    """The line that the last problem shows, which mends them all."""
    said, _, line = problems[-1].partition("; in Polars")
    assert said
    return line.removeprefix(" for all of it").removeprefix(": ")


@pytest.mark.parametrize("bad", BAD)
def test_the_line_makes_a_table_without_problems(
    bad: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    change, height = BAD[bad]
    monkeypatch.chdir(tmp_path)
    path = write(Path("t.parquet"), ROWS.with_columns(change))
    _, problems = check_tables(path, TableColumns())
    eval(line_of(problems), {"pl": pl})
    content, problems = check_tables("t-new.parquet", TableColumns())
    if bad == "labels of which one is NaN":
        assert all("'label' has 1 null" in problem for problem in problems)
        problems = []
    assert problems == []
    assert content["rows"].sum() == height
    if "lists" in bad or bad == "matrices":
        floats = pl.col("embedding").cast(pl.Array(pl.Float64, 3))
        expected = ROWS.select(floats.cast(pl.Array(pl.Int64, 3)) if "integers" in bad else floats)
        found = pl.read_parquet("t-new.parquet").select(floats)
        assert_frame_equal(found, expected.select(floats))


def test_a_column_for_each_number_becomes_one_of_vectors(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    numbers = [pl.col("embedding").arr.get(i).alias(f"f.{i}") for i in range(3)]
    monkeypatch.chdir(tmp_path)
    path = write(Path("t.parquet"), ROWS.with_columns(numbers).drop("embedding"))
    _, problems = check_tables(path, TableColumns())
    assert "column 'embedding' not found" in problems[0]
    eval(line_of(problems), {"pl": pl})
    assert pl.read_parquet("t-new.parquet")["embedding"].to_list() == ROWS["embedding"].to_list()


def test_a_line_goes_back_to_the_columns_of_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = ROWS.with_columns(first(None)).rename({"embedding": "emb", "label": "y"})
    monkeypatch.chdir(tmp_path)
    _, problems = check_tables(write(Path("t.parquet"), rows), TableColumns())
    eval(line_of(problems), {"pl": pl})
    _, problems = check_tables("t-new.parquet", TableColumns())
    assert problems == []


def test_a_frame_is_changed_where_it_is() -> None:
    _, problems = check_tables(ROWS.with_columns(pl.col("label").cast(pl.Float64)), TableColumns())
    changed = eval(line_of(problems), {"pl": pl, "rows": ROWS})
    assert check_tables(changed, TableColumns())[1] == []


def test_a_line_names_columns_that_are_no_words_of_python(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = ROWS.with_columns(pl.lit("fit").alias("train or test")).drop("split")
    columns = TableColumns(split="train or test", fit_split="fit")
    monkeypatch.chdir(tmp_path)
    _, problems = check_tables(write(Path("t.parquet"), rows), columns)
    eval(line_of(problems), {"pl": pl})
    assert check_tables("t-new.parquet", columns)[1] == []


def test_lines_of_a_folder_make_another_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for (model, task), rows in ROWS.group_by("model", "task", maintain_order=True):
        changed = rows.drop("model", "task").with_columns(pl.col("label").cast(pl.Float64))
        write(Path("zoo") / f"model={model}" / f"task={task}" / "0.parquet", changed)
    _, problems = check_tables("zoo", TableColumns())
    for problem in problems:
        eval(line_of([problem]), {"pl": pl})
    content, problems = check_tables("zoo-new", TableColumns())
    assert problems == []
    assert content["rows"].sum() == HEIGHT
    assert content["model"].n_unique() == 2


def test_of_several_labels_a_row_no_line_takes_one(tmp_path: Path) -> None:
    rows = ROWS.with_columns(pl.concat_list("label", pl.col("label") + 1))
    _, problems = check_tables(write(tmp_path / "t.parquet", rows), TableColumns())
    assert len(problems) == 1
    assert "in Polars" not in problems[0]


def test_one_vector_for_all_rows_is_a_problem(tmp_path: Path) -> None:
    rows = ROWS.with_columns(first([1.0, 2.0, 3.0]).first())
    _, problems = check_tables(write(tmp_path / "t.parquet", rows), TableColumns())
    assert len(problems) == 8
    assert all("'embedding' is the same vector in all rows" in problem for problem in problems)


def test_rows_to_evaluate_on_are_found_in_folders_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    rows = ROWS.filter(model="net0", task="old").with_columns(split=pl.lit("train"))
    write(Path("zoo") / "model=net0" / "task=old" / "t.parquet", rows.drop("model", "task"))
    _, problems = check_tables("zoo", TableColumns())
    eval(line_of(problems), {"pl": pl})
    assert check_tables("zoo-new", TableColumns())[1] == []


def test_no_line_is_shown_for_columns_that_only_folders_have(tmp_path: Path) -> None:
    rows = ROWS.filter(model="net0", task="old").drop("model", "task").with_columns(label=0)
    write(tmp_path / "model=net0" / "task=old" / "t.parquet", rows)
    _, problems = check_tables(tmp_path, TableColumns())
    assert problems
    assert not any("in Polars" in problem for problem in problems)


@pytest.mark.parametrize(
    ("name", "call"),
    [
        ("t.csv", "polars.read_csv('"),
        ("t.tsv", "polars.read_csv('"),
        ("t.jsonl", "polars.read_ndjson('"),
        ("t.json", "polars.read_json('"),
    ],
)
def test_a_text_file_says_how_polars_reads_it(name: str, call: str, tmp_path: Path) -> None:
    rows = ROWS.with_columns(pl.col("embedding").arr.to_list())
    path = tmp_path / name
    if name == "t.jsonl":
        rows.write_ndjson(path)
    elif name == "t.json":
        rows.write_json(path)
    else:
        tab = "\t" if name == "t.tsv" else ","
        ROWS.with_columns(JSON.alias("embedding")).write_csv(path, separator=tab)
    _, problems = check_tables(path, TableColumns())
    line = problems[0].partition("; write it as one, as in ")[2]
    assert line.startswith(call)
    eval(line, {"polars": pl})
    content, problems = check_tables(f"{path}.parquet", TableColumns())
    assert problems == []
    assert content["rows"].sum() == HEIGHT
