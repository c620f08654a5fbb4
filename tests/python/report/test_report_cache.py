"""A report computes what changed, and nothing else, whatever happens to its files."""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import polars_transferability as pt
import pytest
from polars_transferability._report import _cache, _inventory, _units
from polars_transferability._report._cache import Cache
from reports import change, entries, make, problem, written


def test_a_second_run_computes_nothing_and_writes_the_same(folder: Path) -> None:
    first, files = make(folder), written(folder)
    second = make(folder)
    assert (second.computed, second.reused) == (0, first.computed)
    assert written(folder) == files


def test_only_what_changed_is_computed(folder: Path) -> None:
    make(folder)
    table = folder / "models" / "net1.parquet"
    rows = pl.read_parquet(table)
    changed = rows.with_columns(pl.col("embedding").arr.reverse().cast(rows.schema["embedding"]))
    changed.write_parquet(table)
    again = make(folder)
    # Two bounds of the model, and the query, which may read any table.
    assert (again.computed, again.reused) == (3, 4)
    expected = pt.compute_bounds(changed, l2=0.1, transform="identity")
    found = again.tables["bounds"].filter(model="net1")
    assert found.equals(expected.sort(["target", "bound", "model", "source"]))


@pytest.mark.parametrize(
    ("old", "new", "computed"),
    [
        ("l2 = 0.1", "l2 = 0.2", 7),
        # As it was without.
        ("l2 = 0.1", 'l2 = 0.1\nground_cost = "margin"', 0),
        # The query may read selection_quality, which has other intervals.
        ("bootstrap = 20", "bootstrap = 30", 1),
        ("[bound]", 'sources = ["old"]\n[bound]', 1),
        ("scores = []", 'scores = ["logme"]', 6 + 1),
        ('lowest = "lowest.sql"', "", 0),
    ],
)
def test_only_what_depends_on_a_setting_is_computed(
    folder: Path, old: str, new: str, computed: int
) -> None:
    make(folder)
    change(folder, old, new)
    assert make(folder).computed == computed


def test_a_touched_or_copied_file_is_not_new(folder: Path) -> None:
    make(folder)
    for path in (folder / "models").iterdir():
        os.utime(path, (0, 0))
        path.rename(path.with_name(f"renamed-{path.name}"))
    assert make(folder).computed == 0


def flipped(content: bytes) -> bytes:
    middle = len(content) // 2
    return content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :]


@pytest.mark.parametrize(
    "damage",
    [
        lambda content: content[:-50],
        lambda content: b"",
        lambda content: flipped(content),
        lambda content: content[32:],
        lambda content: bytes(len(content)),
    ],
    ids=["cut", "empty", "flipped", "without checksum", "zeros"],
)
def test_a_damaged_result_is_computed_again(
    folder: Path, damage: Callable[[bytes], bytes], capsys: pytest.CaptureFixture[str]
) -> None:
    first, files = make(folder), written(folder)
    damaged = entries(folder)[0]
    damaged.write_bytes(damage(damaged.read_bytes()))
    again = make(folder)
    assert (again.computed, again.reused) == (1, first.computed - 1)
    assert written(folder) == files
    expected = f"{damaged}: is damaged, so its result is computed again\n"
    assert capsys.readouterr().err == expected
    assert make(folder).computed == 0


def test_a_result_under_the_name_of_another_is_computed_again(folder: Path) -> None:
    make(folder)
    files, (one, other, *_) = written(folder), entries(folder)
    one.write_bytes(other.read_bytes())
    assert make(folder).computed == 1
    assert written(folder) == files


@pytest.mark.parametrize(
    "change",
    [
        lambda table: table.clear(),
        lambda table: pl.concat([table, table]),
        lambda table: table.drop("source"),
        lambda table: table.with_columns(pl.lit("third").alias("target")),
    ],
    ids=["no row", "two rows", "no source", "another target"],
)
def test_a_result_without_its_one_row_is_computed_again(
    folder: Path, change: Callable[[pl.DataFrame], pl.DataFrame], monkeypatch: pytest.MonkeyPatch
) -> None:
    """As a version with a fault of its own could have kept it."""
    with monkeypatch.context() as faulty:
        write = Cache.write
        faulty.setattr(
            Cache,
            "write",
            lambda cache, unit, table: write(cache, unit, change(table) if unit.row else table),
        )
        first, files = make(folder), written(folder)
    again = make(folder)
    assert (again.computed, first.computed) == (6, 7)
    assert written(folder) == files


def test_another_version_computes_everything_again(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = make(folder)
    for of_version, value in (("_code", lambda: "other"), ("version", lambda _: "0.0.1")):
        with monkeypatch.context() as other:
            other.setattr(_cache, of_version, value)
            assert make(folder).computed == first.computed
            assert make(folder).computed == 0


def test_what_an_older_version_kept_is_removed(folder: Path) -> None:
    (folder / "out" / ".cache").mkdir(parents=True)
    old = folder / "out" / ".cache" / f"{'0' * 64}.parquet"
    other = folder / "out" / ".cache" / "notes.parquet"
    for path in (old, other):
        pl.DataFrame({"bound": []}).write_parquet(path)
    make(folder)
    assert (old.exists(), other.exists()) == (False, True)


def test_where_nothing_can_be_kept_the_report_is_made_all_the_same(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    first, files = make(folder), written(folder)
    shutil.rmtree(folder / "out" / ".cache")
    (folder / "out" / ".cache").write_text("no folder")
    again = make(folder)
    assert (again.computed, again.reused) == (first.computed, 0)
    assert written(folder) == files
    said = capsys.readouterr().err.splitlines()
    assert len(said) == 2
    assert "so what it keeps is computed again" in said[0]
    assert "the next run computes again what this one cannot keep" in said[1]


def test_a_full_disk_is_one_line_and_leaves_the_last_report(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make(folder)
    files = written(folder)
    change(folder, "l2 = 0.1", "l2 = 0.2")

    def fail(_: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", fail)
    assert problem(folder).endswith("bounds.parquet: cannot be written: the disk is full")
    assert written(folder) == files
    assert [path.name for path in (folder / "out").rglob(".*")] == [".cache"]


def test_a_file_that_is_replaced_during_a_run_and_restored_is_read_again(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The results are those of the file that is there in the end, in this run and the next."""
    path = folder / "models" / "net1.parquet"
    rows = pl.read_parquet(path)
    content, times = path.read_bytes(), path.stat()
    other = rows.with_columns(pl.col("embedding").arr.reverse().cast(rows.schema["embedding"]))
    expected = pt.compute_bounds(folder / "models", l2=0.1, transform="identity")
    compute, seen = _units.compute_bounds, []

    def meanwhile(frame: pl.LazyFrame, **options: Any) -> pl.DataFrame:
        seen.append(options["sources"])
        if len(seen) > 4:
            return compute(frame, **options)
        other.write_parquet(path)
        found = compute(frame, **options)
        path.write_bytes(content)
        os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))
        return found

    monkeypatch.setattr(_units, "compute_bounds", meanwhile)
    order = ["target", "bound", "model", "source"]
    assert make(folder).tables["bounds"].equals(expected.sort(order))
    assert f"{path}: was changed while it was read" in capsys.readouterr().err
    monkeypatch.undo()
    again = make(folder)
    assert (again.computed, again.reused) == (0, 7)
    assert again.tables["bounds"].equals(expected.sort(order))


def test_a_file_that_never_rests_is_an_error(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = folder / "models" / "net1.parquet"
    look = _inventory.look_at

    def write_meanwhile(file: Path) -> object:
        found = look(file)
        path.write_bytes(path.read_bytes())
        return found

    monkeypatch.setattr(_inventory, "look_at", write_meanwhile)
    assert "was changed while it was read, 3 times in a row" in problem(folder)


def test_a_file_that_changes_while_its_tasks_are_looked_up_is_read_again(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Even where every result is there already, so that no row is read again."""
    first = make(folder)
    path = folder / "models" / "net1.parquet"
    look, looks = _inventory.look_at, []

    def write_once_meanwhile(file: Path) -> object:
        found = look(file)
        looks.append(file)
        if len(looks) == 3:
            path.write_bytes(path.read_bytes())
        return found

    monkeypatch.setattr(_inventory, "look_at", write_once_meanwhile)
    again = make(folder)
    assert (again.computed, again.reused) == (0, first.computed)
    assert f"{path}: was changed while it was read" in capsys.readouterr().err


def test_a_query_that_reads_files_itself_is_computed_each_time(folder: Path) -> None:
    table = folder / "other.parquet"
    pl.DataFrame({"n": [1]}).write_parquet(table)
    (folder / "lowest.sql").write_text(f"SELECT n FROM read_parquet('{table}')")
    assert make(folder).tables["queries/lowest"].item() == 1
    pl.DataFrame({"n": [2]}).write_parquet(table)
    again = make(folder)
    assert again.tables["queries/lowest"].item() == 2
    assert again.computed == 1


def test_the_cache_holds_only_what_the_last_run_used(folder: Path) -> None:
    first = make(folder)
    change(folder, "l2 = 0.1", "l2 = 0.2")
    make(folder)
    assert len(entries(folder)) == first.computed


def rows_of(folder: Path) -> pl.DataFrame:
    """The rows of the small report, whose files are removed."""
    rows = pl.concat(pl.read_parquet(file) for file in sorted((folder / "models").iterdir()))
    shutil.rmtree(folder / "models")
    return rows


def test_labels_beside_a_matrix_are_part_of_its_table(folder: Path) -> None:
    for (model, task), own in rows_of(folder).group_by("model", "task"):
        place = folder / "models" / f"model={model}" / f"task={task}"
        place.mkdir(parents=True)
        np.save(place / "embeddings.npy", own["embedding"].to_numpy())
        np.save(place / "labels.npy", own["label"].to_numpy())
    change(folder, 'files = ["models/*.parquet"]', 'files = ["models"]\ncolumns.split = false')
    first = make(folder)
    assert (first.tables["bounds"].height, make(folder).computed) == (6, 0)
    labels = folder / "models" / "model=net1" / "task=new" / "labels.npy"
    np.save(labels, np.roll(np.load(labels), 1))
    # Two bounds of the model, and the query, which may read any table.
    assert make(folder).computed == 3


def test_a_new_version_of_a_delta_table_is_computed(folder: Path) -> None:
    pytest.importorskip("deltalake")
    rows = rows_of(folder).with_columns(pl.col("embedding").arr.to_list())
    rows.write_delta(folder / "zoo")
    change(folder, "models/*.parquet", "zoo")
    first = make(folder)
    assert make(folder).computed == 0
    rows.filter(model="net0").write_delta(folder / "zoo", mode="overwrite")
    second = make(folder)
    assert second.tables["bounds"].height == 2
    expected = first.tables["bounds"].filter(model="net0")["bound"].to_list()
    assert second.tables["bounds"]["bound"].to_list() == expected
