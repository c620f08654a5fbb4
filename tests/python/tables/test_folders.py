"""Which files a path stands for: folders, globs, links, partitions, and results beside inputs."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import polars as pl
import polars_transferability as pt
import pytest
from table_files import HEIGHT, ROWS, counted, write, write_partitions


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


@pytest.fixture
def beside(tmp_path: Path) -> Path:
    write(tmp_path / "a.parquet")
    pt.compute_bounds(ROWS, sources=["old"], l2=0.1, transform="identity").write_parquet(
        tmp_path / "bounds.parquet"
    )
    pt.compute_scores(ROWS, scores="gbc").write_parquet(tmp_path / "scores.parquet")
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
