"""Tables at addresses of an object store, which a server that the test starts keeps."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import polars as pl
import polars_transferability as pt
import pytest
import s3_server
from polars.testing import assert_frame_equal
from polars_transferability.tables.check import check_tables
from polars_transferability.tables.columns import TableColumns
from s3_server import BUCKET, Server
from table_files import ROWS, counted, write, write_partitions

LISTS = ROWS.with_columns(pl.col("embedding").arr.to_list())
SCORES = {"scores": ["gbc", "knn_accuracy"]}


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with s3_server.running() as server, pytest.MonkeyPatch.context() as patch:
        for name, value in server.variables().items():
            patch.setenv(name, value)
        yield server


@pytest.fixture(scope="module")
def zoo(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Server:
    """A bucket with the same table in many ways."""
    folder = tmp_path_factory.mktemp("zoo")
    write(folder / "one.parquet")
    ROWS.write_ipc(folder / "one.arrow")
    write(folder / "without-ending")
    write_partitions(folder / "folders")
    write(folder / "folders" / "_started" / "rows.parquet")
    server.upload(folder, "zoo")
    return server


@pytest.mark.parametrize(
    "path",
    [
        *("one.parquet", "one.arrow", "without-ending", "one.par*"),
        *("folders", "folders/", "folders/**/*.parquet", "folders/model=net?/task=*/[0-9].parquet"),
    ],
)
def test_what_an_address_stands_for(zoo: Server, path: str) -> None:
    assert counted(f"{BUCKET}/zoo/{path}") == counted(ROWS)
    found = pt.compute_scores(f"{BUCKET}/zoo/{path}", **SCORES).sort("model", "target")
    assert_frame_equal(found, pt.compute_scores(ROWS, **SCORES).sort("model", "target"))


def test_a_table_of_delta(server: Server, tmp_path: Path) -> None:
    pytest.importorskip("deltalake")
    # Files of the first version are still there.
    LISTS[:20].write_delta(tmp_path / "t")
    LISTS.write_delta(tmp_path / "t", mode="overwrite")
    server.upload(tmp_path / "t", "delta")
    server.upload(tmp_path / "t", "above/deep/delta")
    for path in ("delta", "delta/", "delta/*.parquet", "above", "above/**/*.parquet"):
        assert counted(f"{BUCKET}/{path}") == counted(ROWS)


def test_a_table_of_iceberg(server: Server) -> None:
    pytest.importorskip("pyiceberg")
    pytest.importorskip("sqlalchemy")
    from pyiceberg.catalog.sql import SqlCatalog

    options = {
        "s3.endpoint": server.options["aws_endpoint_url"],
        "s3.region": "us-east-1",
        "s3.access-key-id": "key",
        "s3.secret-access-key": "secret",
    }
    warehouse = f"{BUCKET}/lake"
    catalog = SqlCatalog("c", uri="sqlite:///:memory:", warehouse=warehouse, **options)
    catalog.create_namespace("zoo")
    rows = LISTS.to_arrow()
    table = catalog.create_table("zoo.t", schema=rows.schema)
    table.append(rows[:20])
    table.overwrite(rows)
    catalog.close()
    for path in (f"{BUCKET}/lake/zoo/t", f"{BUCKET}/lake", table.metadata_location):
        assert counted(path) == counted(ROWS)


def test_a_table_of_lance(server: Server, tmp_path: Path) -> None:
    lance = pytest.importorskip("lance")
    lance.write_dataset(ROWS.to_arrow(), tmp_path / "t.lance")
    server.upload(tmp_path / "t.lance", "t.lance")
    assert counted(f"{BUCKET}/t.lance") == counted(ROWS)


def test_models_of_different_width_in_one_folder(server: Server, tmp_path: Path) -> None:
    wide = ROWS.filter(model="net1").with_columns(
        pl.concat_arr("embedding", pl.lit([1.0, 2.0], dtype=pl.Array(pl.Float64, 2)))
    )
    write(tmp_path / "net0.parquet", ROWS.filter(model="net0"))
    write(tmp_path / "net1.parquet", wide)
    server.upload(tmp_path, "widths")
    found = pt.compute_scores(f"{BUCKET}/widths", **SCORES)
    assert_frame_equal(found, pt.compute_scores(tmp_path, **SCORES))


def test_names_of_classes_are_taken(server: Server, tmp_path: Path) -> None:
    datasets = pytest.importorskip("datasets")
    names = datasets.ClassLabel(names=["a", "b", "c"])
    data = datasets.Dataset(ROWS.to_arrow()).cast_column("label", names)
    data.to_parquet(tmp_path / "t.parquet")
    server.upload(tmp_path / "t.parquet", "named/t.parquet")
    content, _ = check_tables(f"{BUCKET}/named/", TableColumns())
    assert content["label_dtype"].unique().to_list() == ["Enum[3]"]


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("none/", r"no table in 's3://bucket/none/'; names that begin with"),
        ("none/*.parquet", r"no table matches 's3://bucket/none/\*\.parquet'"),
        (
            "none.parquet",
            r"^s3://bucket/none\.parquet: cannot be read as a Parquet table: .*\(NoSuchKey\); look",
        ),
        ("none", r"^s3://bucket/none: cannot be read as a Parquet table: .*404"),
        ("t.npz", r"as a NumPy table: such tables are only read from files .*; copy it to one$"),
    ],
)
def test_what_is_not_there(server: Server, path: str, said: str) -> None:
    with pytest.raises((FileNotFoundError, pl.exceptions.ComputeError), match=said) as raised:
        pt.compute_scores(f"{BUCKET}/{path}", **SCORES)
    assert "\n" not in str(raised.value)


def test_a_bucket_that_is_not_there(server: Server) -> None:
    said = r"^s3://other/zoo/: cannot be opened: .*404.*; look at the address, the network"
    with pytest.raises(pl.exceptions.ComputeError, match=said):
        pt.compute_scores("s3://other/zoo/", **SCORES)


def test_damaged_files_are_told_apart_from_the_store(server: Server, tmp_path: Path) -> None:
    content = write(tmp_path / "a.parquet").read_bytes()
    (tmp_path / "b.parquet").write_bytes(content[: len(content) // 2])
    server.upload(tmp_path, "damaged")
    said = r"^s3://bucket/damaged/: cannot be opened: one of its files is no whole Parquet file"
    with pytest.raises(pl.exceptions.ComputeError, match=said) as raised:
        pt.compute_scores(f"{BUCKET}/damaged/", **SCORES)
    assert "credentials" not in str(raised.value)
    found = pt.compute_scores([f"{BUCKET}/damaged/{name}.parquet" for name in "ab"], **SCORES)
    (problem,) = found["problems"].explode().drop_nulls()
    assert problem.startswith("s3://bucket/damaged/b.parquet: cannot be read as a Parquet table: ")
    assert "credentials" not in problem


def test_the_command_takes_addresses(zoo: Server, tmp_path: Path) -> None:
    board = pl.DataFrame(
        {"model": ["net0", "net1"], "target": ["old", "old"], "accuracy": [0.5, 0.6]}
    )
    board.write_csv(tmp_path / "board.csv")
    zoo.upload(tmp_path / "board.csv", "board.csv")

    def out(*arguments: str) -> str:
        command = [sys.executable, "-m", "polars_transferability", *arguments]
        done = subprocess.run(command, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        return done.stdout

    checked = out("check", f"{BUCKET}/zoo/folders")
    assert "model=net0/task=old/0.parquet" in checked
    options = ["--scores", "gbc", "--format", "csv"]
    scores = out("score", f"{BUCKET}/zoo/folders", *options, "--leaderboard", f"{BUCKET}/board.csv")
    write_partitions(tmp_path / "folders")
    local = ["score", str(tmp_path / "folders"), *options]
    assert scores == out(*local, "--leaderboard", str(tmp_path / "board.csv"))


@pytest.mark.parametrize("ending", ["csv", "parquet", "jsonl"])
def test_leaderboards(server: Server, ending: str, tmp_path: Path) -> None:
    board = pl.DataFrame({"model": ["a", "b"], "target": ["t", "t"], "accuracy": [0.5, 0.6]})
    write = {"csv": board.write_csv, "parquet": board.write_parquet, "jsonl": board.write_ndjson}
    write[ending](tmp_path / f"board.{ending}")
    server.upload(tmp_path / f"board.{ending}", f"boards/board.{ending}")
    for name in ("board", "bo*"):
        found = pt.read_leaderboard(f"{BUCKET}/boards/{name}.{ending}")
        assert_frame_equal(found, board)
    said = rf"^s3://bucket/boards/none\.{ending}: cannot be read: .*404.*; look at the address"
    with pytest.raises(pl.exceptions.PolarsError, match=said):
        pt.read_leaderboard(f"{BUCKET}/boards/none.{ending}")


def test_files_of_a_pattern_name_their_targets(server: Server, tmp_path: Path) -> None:
    for target in ("pets", "cars"):
        board = pl.DataFrame({"model": ["a", "b"], "top1": [50.0, 60.0], "top5": [80.0, 90.0]})
        board.write_csv(tmp_path / f"results-{target}.csv")
    server.upload(tmp_path, "timm")
    for pattern in ("results-*.csv", "results-[pc]a?s.csv", "*pets.csv"):
        found = pt.read_leaderboard(f"{BUCKET}/timm/{pattern}")
        assert_frame_equal(found, pt.read_leaderboard(str(tmp_path / pattern)))


def test_a_query_reads_an_address(zoo: Server) -> None:
    query = f"SELECT COUNT(*) AS n FROM read_parquet('{BUCKET}/zoo/one.parquet')"
    assert pt.sql(query, eager=True)["n"].item() == ROWS.height
