"""Tables in every format, written by the libraries that people write them with."""

from __future__ import annotations

import json
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
import polars as pl
import polars_transferability as pt
import pytest
from polars.testing import assert_frame_equal
from polars_transferability.tables.check import check_tables
from polars_transferability.tables.columns import TableColumns
from polars_transferability.tables.table import open_tables
from table_files import HEIGHT, ROWS, Paths, counted, write

OPTIONS = {"scores": ["gbc", "knn_accuracy"]}
LISTS = ROWS.with_columns(pl.col("embedding").arr.to_list())


def ipc_file(folder: Path) -> Path:
    ROWS.write_ipc(folder / "t.arrow")
    return folder / "t.arrow"


def ipc_stream(folder: Path) -> Path:
    ROWS.write_ipc_stream(folder / "t.arrow")
    return folder / "t.arrow"


def feather(folder: Path) -> Path:
    pyarrow_feather = pytest.importorskip("pyarrow.feather")
    pyarrow_feather.write_feather(ROWS.to_arrow(), folder / "t.feather")
    return folder / "t.feather"


def archive(folder: Path) -> Path:
    arrays = {name: ROWS[name].to_numpy() for name in ("label", "embedding")}
    names = {name: ROWS[name].to_numpy().astype(str) for name in ("model", "task", "split")}
    np.savez(folder / "t.npz", **arrays, **names, class_names=np.array(["a", "b", "c"]))
    return folder / "t.npz"


def delta_of_arrays(folder: Path) -> Path:
    deltalake = pytest.importorskip("deltalake")
    deltalake.write_deltalake(folder / "t", ROWS.to_arrow())
    return folder / "t"


def delta_of_lists(folder: Path) -> Path:
    pytest.importorskip("deltalake")
    half = HEIGHT // 2
    # The first version is another one, and its files are still there.
    LISTS.reverse().write_delta(folder / "t")
    LISTS[:half].write_delta(folder / "t", mode="overwrite")
    LISTS[half:].write_delta(folder / "t", mode="append")
    return folder / "t"


def iceberg(folder: Path) -> Path:
    pytest.importorskip("pyiceberg")
    pytest.importorskip("sqlalchemy")
    from pyiceberg.catalog.sql import SqlCatalog

    catalog = SqlCatalog("c", uri="sqlite:///:memory:", warehouse=folder.as_uri())
    catalog.create_namespace("zoo")
    rows = LISTS.to_arrow()
    table = catalog.create_table("zoo.t", schema=rows.schema)
    for part in (rows[: HEIGHT // 2], rows[HEIGHT // 2 :]):
        table.append(part)
    catalog.close()
    return folder / "zoo" / "t"


def lance(folder: Path) -> Path:
    written = pytest.importorskip("lance")
    written.write_dataset(ROWS.to_arrow(), folder / "t.lance")
    return folder / "t.lance"


def data_set(folder: Path) -> Path:
    datasets = pytest.importorskip("datasets")
    datasets.Dataset(ROWS.to_arrow()).save_to_disk(folder / "t")
    return folder / "t"


def data_set_of_splits(folder: Path) -> Path:
    datasets = pytest.importorskip("datasets")
    splits = {
        name: datasets.Dataset(ROWS.filter(split=name).drop("split").to_arrow())
        for name in ROWS["split"].unique(maintain_order=True)
    }
    datasets.DatasetDict(splits).save_to_disk(folder / "t")
    return folder / "t"


def pandas_file(folder: Path) -> Path:
    ROWS.to_pandas().to_parquet(folder / "t.parquet")
    return folder / "t.parquet"


def duckdb_file(folder: Path) -> Path:
    duckdb = pytest.importorskip("duckdb")
    rows = ROWS.to_arrow()  # noqa: F841
    with duckdb.connect() as database:
        database.sql(f"COPY (SELECT * FROM rows) TO '{folder / 't.parquet'}'")
    return folder / "t.parquet"


WRITERS: dict[str, Callable[[Path], Path]] = {
    writer.__name__: writer
    for writer in (
        *(ipc_file, ipc_stream, feather, archive, delta_of_arrays, delta_of_lists, iceberg),
        *(lance, data_set, data_set_of_splits, pandas_file, duckdb_file),
    )
}


@pytest.fixture(params=WRITERS)
def table(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    with warnings.catch_warnings():
        # What the libraries say while they write is theirs.
        warnings.simplefilter("ignore")
        return WRITERS[request.param](tmp_path)


def test_a_table_in_each_format_is_the_same(table: Path) -> None:
    expected = pt.compute_scores(ROWS, **OPTIONS)
    found = pt.compute_scores(table, **OPTIONS)
    assert_frame_equal(found, expected, rel_tol=1e-6, check_row_order=False)
    # The folder above holds this table and no other.
    assert counted(table) == counted(table.parent) == [HEIGHT] * 3


def test_every_door_takes_a_table_in_each_format(table: Path, tmp_path: Path) -> None:
    bounds = {"sources": ["old"], "l2": 0.1, "transform": "identity"}
    expected = pt.compute_bounds(ROWS, **bounds)["bound"].sort()
    assert pt.compute_bounds(table, **bounds)["bound"].sort().to_list() == pytest.approx(
        expected.to_list(), rel=1e-4
    )
    content, problems = check_tables(table, TableColumns())
    assert problems == []
    assert content["format"].n_unique() == 1
    found = pt.sql("SELECT label, COUNT(*) AS n FROM t GROUP BY label", t=table, eager=True)
    assert sorted(found["n"]) == sorted(ROWS["label"].value_counts()["count"])


def test_a_pattern_finds_a_table_in_a_folder_once(table: Path) -> None:
    if not table.is_dir():
        pytest.skip("it is a file")
    for pattern in ("*", "**", "**/*.*"):
        if any(table.glob(pattern)):
            assert counted(str(table / pattern)) == counted(ROWS)


def test_a_model_without_a_column_is_called_as_its_table(table: Path) -> None:
    found = pt.compute_scores(table, model=None, task=None, scores="gbc")
    assert found["model"].to_list() == ["t"]


def test_a_matrix_has_its_labels_beside_it(tmp_path: Path) -> None:
    rows = ROWS.filter(model="net0", task="old")
    for name in ("net-embeddings", "other"):
        np.save(tmp_path / f"{name}.npy", rows["embedding"].to_numpy())
    for name in ("net-labels", "other_labels"):
        np.save(tmp_path / f"{name}.npy", rows["label"].to_numpy())
    (expected,) = pt.compute_scores(rows, fit=None, scores="gbc")["gbc"]
    found = pt.compute_scores(tmp_path, model=None, task=None, fit=None, scores="gbc")
    assert found.select("model", "gbc").rows() == [
        ("net-embeddings", pytest.approx(expected)),
        ("other", pytest.approx(expected)),
    ]


def test_a_matrix_without_labels_says_how_they_are_called(tmp_path: Path) -> None:
    np.save(tmp_path / "net.npy", np.eye(3))
    message = r"cannot be read as a NumPy table: no labels lie beside it, .*'net-labels\.npy'"
    with pytest.raises(pl.exceptions.ComputeError, match=message):
        pt.compute_scores(tmp_path / "net.npy")


def test_an_archive_without_a_matrix_says_what_there_is(tmp_path: Path) -> None:
    np.savez(tmp_path / "t.npz", weights=np.eye(3), label=np.arange(3))
    message = r"none of its arrays is a matrix called embedding, .*there are 'weights' \(3, 3\)"
    with pytest.raises(pl.exceptions.ComputeError, match=message):
        pt.compute_scores(tmp_path / "t.npz")


def test_arrays_of_python_objects_are_not_unpickled(tmp_path: Path) -> None:
    np.savez(tmp_path / "t.npz", embedding=np.eye(3), label=np.array([{}, 1, "a"], dtype=object))
    message = r"'label' is an array of Python objects, .*as in array\.astype\(str\)"
    with pytest.raises(pl.exceptions.ComputeError, match=message):
        pt.compute_scores(tmp_path / "t.npz")


def test_labels_of_another_length_are_named(tmp_path: Path) -> None:
    np.savez(tmp_path / "t.npz", embedding=np.eye(3), label=np.arange(2), target=np.arange(4))
    message = "'label' has 2 entries, 'target' has 4 entries, but the matrix has 3 rows"
    with pytest.raises(pl.exceptions.ComputeError, match=message):
        pt.compute_scores(tmp_path / "t.npz")
    arrays = {"embedding": np.eye(3), "category": np.arange(2), "y": np.arange(3)}
    np.savez(tmp_path / "t.npz", **arrays, model="net", task="t")
    content, problems = check_tables(tmp_path / "t.npz", TableColumns(split=None))
    assert (content["rows"].to_list(), problems) == ([3], [])


def test_a_table_that_cannot_be_opened_is_left_out_of_a_batch(tmp_path: Path) -> None:
    write(tmp_path / "a.parquet", ROWS.filter(model="net0"))
    (tmp_path / "b.arrow").write_bytes(b"ARROW1 and no more")
    found = pt.compute_scores(tmp_path, scores="gbc")
    problems = found["problems"].explode().drop_nulls()
    assert len(problems) == 1
    assert "b.arrow: cannot be read as an Arrow IPC table: " in problems[0]
    assert found["model"].drop_nulls().unique().to_list() == ["net0"]


@pytest.mark.parametrize("extra", ["delta", "iceberg", "lance"])
def test_a_missing_package_is_named(
    extra: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = {"delta": "deltalake", "iceberg": "pyiceberg", "lance": "lance"}[extra]
    monkeypatch.setitem(__import__("sys").modules, package, None)
    within = {"delta": "_delta_log", "iceberg": "metadata", "lance": "_versions"}[extra]
    (tmp_path / "t" / within).mkdir(parents=True)
    (tmp_path / "t" / within / "00000-a.metadata.json").write_text("{}")
    message = f"the extra '{extra}'"
    with pytest.raises(pl.exceptions.ComputeError, match=message):
        pt.compute_scores(tmp_path / "t")


def test_addresses_take_formats_too(tmp_path: Path) -> None:
    expected = pt.compute_scores(ROWS, **OPTIONS)
    ROWS.write_parquet(tmp_path / "a.parquet")
    ROWS.write_ipc(tmp_path / "a.arrow")
    for name in ("a.parquet", "a.arrow"):
        found = pt.compute_scores((tmp_path / name).as_uri(), **OPTIONS)
        assert_frame_equal(found, expected)


def test_an_iceberg_folder_of_two_newest_versions_asks_for_one(tmp_path: Path) -> None:
    (tmp_path / "t" / "metadata").mkdir(parents=True)
    for name in ("00001-a", "00002-b", "00002-c"):
        (tmp_path / "t" / "metadata" / f"{name}.metadata.json").write_text("{}")
    message = r"one of 00002-b\.metadata\.json, 00002-c\.metadata\.json; name the file"
    with pytest.raises(pl.exceptions.ComputeError, match=message):
        pt.compute_scores(tmp_path / "t")


def schema_of(path: Paths) -> pl.Schema:
    (table,) = open_tables(path)
    return table.schema()


def embedded(folder: Path, rows: pl.DataFrame) -> list[list[float]]:
    (table,) = open_tables(write(folder / "t.parquet", rows))
    return table.rows.select("embedding").collect()["embedding"].to_list()


@pytest.mark.parametrize(
    "column",
    [
        pl.Series([[1.0, 2.0], [3.0, 4.0]], dtype=pl.List(pl.Float16)),
        pl.Series([[1.0, 2.0], [3.0, 4.0]], dtype=pl.Array(pl.Float32, 2)),
        pl.Series([[[1.0, 2.0]], [[3.0, 4.0]]], dtype=pl.Array(pl.Float32, (1, 2))),
        pl.Series([[[1.0], [2.0]], [[3.0], [4.0]]], dtype=pl.Array(pl.Float64, (2, 1))),
        pl.Series([[{"element": 1.0}, {"element": 2.0}], [{"element": 3.0}, {"element": 4.0}]]),
        pl.Series(["[1.0, 2.0]", " [3, 4e0]\n"]),
        pl.Series([b"[1, 2]", b"[3, 4]"]),
    ],
    ids=lambda column: str(column.dtype),
)
@pytest.mark.parametrize("name", ["embedding", "emb", "image_embedding"])
def test_embeddings_are_vectors_however_they_are_written(
    name: str, column: pl.Series, tmp_path: Path
) -> None:
    assert embedded(tmp_path, pl.DataFrame({name: column})) == [[1.0, 2.0], [3.0, 4.0]]


def test_a_null_stays_one_in_every_way_of_writing(tmp_path: Path) -> None:
    for column in (
        pl.Series([None, "[3, 4]"]),
        pl.Series([None, [[3.0, 4.0]]], dtype=pl.Array(pl.Float32, (1, 2))),
    ):
        assert embedded(tmp_path, pl.DataFrame({"embedding": column})) == [None, [3.0, 4.0]]


@pytest.mark.parametrize("bad", ["[0.1,", "[0.1 0.2]", "", "3", '{"a": 1}', '["a"]', "[[1]]"])
def test_a_text_that_is_no_vector_is_shown(bad: str, tmp_path: Path) -> None:
    rows = ROWS.select("model", "task", "split", "label").with_columns(
        embedding=pl.when(pl.int_range(pl.len()) == 5).then(pl.lit(bad)).otherwise(pl.lit("[1]"))
    )
    path = write(tmp_path / "t.parquet", rows)
    message = rf"{path}: its rows cannot be read: 'embedding' has "
    with pytest.raises(pl.exceptions.ComputeError, match=message) as caught:
        pt.compute_scores(path, strict=True)
    assert f"{bad!r} in row " in str(caught.value)


def test_texts_called_like_embeddings_are_left_alone(tmp_path: Path) -> None:
    rows = pl.DataFrame({"features": ["four doors", "two doors"], "target": ["a", "b"]})
    assert schema_of(write(tmp_path / "t.parquet", rows)) == rows.schema


def test_columns_of_other_names_stand_in(tmp_path: Path) -> None:
    names = {"embedding": "emb", "label": "y", "task": "dataset", "model": "encoder"}
    path = write(tmp_path / "t.parquet", ROWS.rename(names).with_columns(uuid=pl.lit("x")))
    expected = pt.compute_scores(ROWS, **OPTIONS)
    assert_frame_equal(pt.compute_scores(path, **OPTIONS), expected)
    # They still go by the names that they have.
    assert_frame_equal(pt.compute_scores(path, embedding="emb", label="y", **OPTIONS), expected)
    content, problems = check_tables(path, TableColumns())
    assert problems == []
    assert content["taken"].unique().to_list() == [
        "'emb' is taken for the embedding; 'y' is taken for the label; 'encoder' is taken for the "
        "model; 'dataset' is taken for the task"
    ]


def test_a_column_of_the_usual_name_comes_first(tmp_path: Path) -> None:
    rows = ROWS.with_columns(emb=pl.lit([0.0]), y=pl.lit(0), dataset=pl.lit("none"))
    (table,) = open_tables(write(tmp_path / "t.parquet", rows))
    assert (table.taken, table.schema()) == ((), rows.schema)


def with_classes(path: Path, rows: pl.DataFrame, names: list[str]) -> Path:
    """As Hugging Face datasets writes it, tested below."""
    features = {"label": {"names": names, "_type": "ClassLabel"}}
    described = {"huggingface": json.dumps({"info": {"features": features}})}
    rows.write_parquet(path, metadata=described)
    return path


def test_numbers_of_classes_are_taken_as_their_names(tmp_path: Path) -> None:
    path = with_classes(tmp_path / "t.parquet", ROWS, ["cat", "dog", "eel"])
    bounds = {"sources": ["old"], "l2": 0.1, "transform": "identity"}
    found, expected = pt.compute_bounds(path, **bounds), pt.compute_bounds(ROWS, **bounds)
    assert found["bound"].to_list() == pytest.approx(expected["bound"].to_list(), rel=1e-9)
    classes = found["by_class"].explode().struct.field("class")
    assert classes.unique().sort().to_list() == ["cat", "dog", "eel"]
    assert schema_of(path)["label"] == pl.Enum(["cat", "dog", "eel"])


def test_a_number_below_zero_is_no_class_and_one_too_large_is_an_error(tmp_path: Path) -> None:
    rows = pl.DataFrame({"label": [-1, 0, 1], "embedding": [[0.0]] * 3})
    (table,) = open_tables(with_classes(tmp_path / "t.parquet", rows, ["cat", "dog"]))
    assert table.read()["label"].to_list() == [None, "cat", "dog"]
    (table,) = open_tables(with_classes(tmp_path / "t.parquet", rows, ["cat"]))
    with pytest.raises(pl.exceptions.PolarsError, match=r"t\.parquet: its rows cannot be read: "):
        table.read()


def test_datasets_writes_names_of_classes_and_matrices(tmp_path: Path) -> None:
    datasets = pytest.importorskip("datasets")
    features = datasets.Features(
        {
            "label": datasets.ClassLabel(names=["cat", "dog"]),
            "embedding": datasets.Array2D((1, 3), "float32"),
            "list": datasets.Sequence(datasets.Value("float32")),
        }
    )
    columns = {"label": [0, 1], "embedding": [[[1, 2, 3]], [[4, 5, 6]]], "list": [[1], [2]]}
    rows = datasets.Dataset.from_dict(columns, features=features)
    rows.to_parquet(tmp_path / "t.parquet")
    rows.save_to_disk(tmp_path / "t")
    for path in (tmp_path / "t.parquet", tmp_path / "t"):
        (table,) = open_tables(path)
        found = table.rows.select("label", "embedding", "list").collect()
        assert found.rows() == [("cat", [1, 2, 3], [1]), ("dog", [4, 5, 6], [2])]
