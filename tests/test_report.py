"""Batch reports: settings, cache, files and the page."""

from __future__ import annotations

import errno
import json
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import polars as pl
import polars_transferability as pt
import pytest
from browser import browser, find_browser
from polars_transferability._report import _charts, _inventory, _units
from polars_transferability._report._cache import Cache
from polars_transferability.tables.own_results import kind_of_result
from registry import embedding_rows

COMMAND = Path(sys.executable).with_name("transferability")
EXAMPLE = Path(__file__).resolve().parent.parent / "examples" / "report"
TERMS = ["source_loss", "label_mismatch", "distribution_mismatch"]
SETTINGS = """
files = ["models/*.parquet"]
leaderboards = ["accuracy.csv"]
scores = []
[bound]
l2 = 0.1
transform = "identity"
[comparison]
k = 1
bootstrap = 20
[queries]
lowest = "lowest.sql"
"""
QUERY = "SELECT target, MIN(bound) AS bound FROM bounds GROUP BY target ORDER BY target"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Three models of two tasks, a file each, with a leaderboard and a query."""
    (tmp_path / "models").mkdir()
    rows = embedding_rows(models=3)
    names = rows["model"].unique().sort().to_list()
    for name in names:
        rows.filter(model=name).write_parquet(tmp_path / "models" / f"{name}.parquet")
    accuracies = pl.DataFrame({"model": [*names, "other"], "new": [0.5, 0.7, 0.6, 0.9]})
    accuracies.write_csv(tmp_path / "accuracy.csv")
    (tmp_path / "lowest.sql").write_text(QUERY)
    (tmp_path / "report.toml").write_text(SETTINGS)
    return tmp_path


def make(folder: Path) -> pt.Report:
    return pt.report(folder / "report.toml", folder / "out")


def change(folder: Path, old: str, new: str) -> None:
    path = folder / "report.toml"
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


def written(folder: Path) -> dict[str, bytes]:
    """Every file of the report, but not the cache and what a killed run had not finished."""
    out = folder / "out"
    files = (path for path in out.rglob("*") if path.is_file() and path.name[0] != ".")
    names = {str(path.relative_to(out)): path for path in files}
    return {name: path.read_bytes() for name, path in names.items() if name[:6] != ".cache"}


def entries(folder: Path) -> list[Path]:
    """The results that are kept."""
    return sorted((folder / "out" / ".cache").glob("*.entry"))


def test_bounds_are_those_of_compute_bounds(folder: Path) -> None:
    made = make(folder)
    expected = pt.compute_bounds(folder / "models", l2=0.1, transform="identity")
    order = ["target", "bound", "model", "source"]
    assert made.tables["bounds"].equals(expected.sort(order))
    # By model and ordered pair of tasks, and the query.
    assert (made.computed, made.reused) == (3 * 2 + 1, 0)


def test_every_table_is_written_as_parquet_and_csv(folder: Path) -> None:
    made = make(folder)
    names = ["bounds", "class_map", "ranking", "leaderboards", "unmatched", "selection_quality"]
    assert list(made.tables) == [*names, "queries/lowest"]
    files = {f"{name}.{kind}" for name in made.tables for kind in ("parquet", "csv")}
    assert set(written(folder)) == {"index.html", *files}
    for name, rows in made.tables.items():
        assert pl.read_parquet(folder / "out" / f"{name}.parquet").equals(rows)
        flat = rows.select(pl.exclude(pl.List, pl.Struct))
        found = pl.read_csv(folder / "out" / f"{name}.csv", schema=flat.schema)
        assert found.equals(flat)


def test_tables_agree_with_the_bounds(folder: Path) -> None:
    tables = make(folder).tables
    bounds, ranking = tables["bounds"], tables["ranking"]
    lowest = bounds.group_by("model", "target").agg(pl.col("bound").min()).sort("target", "bound")
    assert ranking.select("model", "target", "bound").equals(lowest)
    pairs = ["model", "source", "target"]
    classes = tables["class_map"].unique([*pairs, "target_class"])
    sums = classes.group_by(pairs).agg(pl.col(TERMS).sum())
    both = bounds.join(sums, on=pairs, suffix="_sum")
    assert both.height == bounds.height == 6
    for term in TERMS:
        assert both[f"{term}_sum"].to_list() == pytest.approx(both[term].to_list(), abs=1e-12)
    joined = pt.join_leaderboard(ranking, folder / "accuracy.csv")
    quality = pt.compare(joined, scores=["bound", "target_loss"], k=1, bootstrap=20)
    found = tables["selection_quality"]
    assert found.drop("leaderboard").equals(quality.filter(target="new"))
    assert found["leaderboard"].unique().to_list() == ["accuracy"]
    assert tables["unmatched"].filter(only_in="leaderboard")["model"].to_list() == ["other"]
    expected = bounds.group_by("target").agg(pl.col("bound").min()).sort("target")
    assert tables["queries/lowest"].equals(expected)


def with_scores(folder: Path, scores: str) -> None:
    change(folder, "scores = []", f"scores = {scores}")


def test_scores_are_those_of_compute_scores(folder: Path) -> None:
    names = ["logme", "etran", "ncti", "linear_probe"]
    with_scores(folder, str(names).replace("'", '"'))
    made = make(folder)
    expected = pt.compute_scores(folder / "models", which=names)
    assert made.tables["scores"].equals(expected.sort("target", "model"))
    # Scores of three models on two targets besides.
    assert (made.computed, made.reused) == (7 + 6, 0)
    ranked = made.tables["ranking"]
    beside = ["logme", "etran", "ncti", "linear_probe_accuracy"]
    assert ranked.columns[-4:] == beside
    both = ranked.join(expected, on=["model", "target"], suffix="_of_it")
    assert both.height == 6
    for name in beside:
        assert both[name].equals(both[f"{name}_of_it"], check_names=False)
    assert set(beside) < set(made.tables["selection_quality"]["score"])


def test_scores_of_a_pool_follow_the_other_models(folder: Path) -> None:
    """Nothing of the others is computed again, but their scores change with who is there."""
    with_scores(folder, '["etran"]')
    make(folder)
    (folder / "models" / "net0.parquet").unlink()
    fewer = make(folder)
    expected = pt.compute_scores(folder / "models", which="etran").sort("target", "model")
    assert fewer.tables["scores"].equals(expected)
    assert fewer.computed == 1  # The query.


def test_options_of_scores(folder: Path) -> None:
    change(folder, "scores = []", "")
    change(folder, "[bound]", "[scores.knn]\nk = 1\n[scores.logme]\n[bound]")
    found = make(folder).tables["scores"]
    expected = pt.compute_scores(folder / "models", which={"knn": {"k": 1}, "logme": {}})
    assert found.equals(expected.sort("target", "model"))


def test_all_scores_that_each_table_has_columns_for(folder: Path) -> None:
    path = folder / "models" / "net1.parquet"
    rows = pl.read_parquet(path)
    rows.with_columns(pl.col("embedding").alias("logits")).write_parquet(path)
    with_scores(folder, '"all"')
    found = make(folder).tables["scores"]
    expected = pt.compute_scores(folder / "models", which="all").sort("target", "model")
    assert found.select(expected.columns).equals(expected)
    assert found.filter(pl.col("leep").is_not_null())["model"].unique().to_list() == ["net1"]


def test_a_target_without_a_bound_still_has_scores(folder: Path) -> None:
    with_scores(folder, '["logme"]')
    change(folder, "[bound]", 'sources = ["old"]\n[bound]')
    made = make(folder)
    old = made.tables["ranking"].filter(target="old")
    assert old["bound"].null_count() == old.height == 3
    assert old["logme"].null_count() == 0
    assert "Scores only" in made.page.read_text()


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
            other.setattr(_units, of_version, value)
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
    look = _inventory._look_at

    def write_meanwhile(file: Path) -> object:
        found = look(file)
        path.write_bytes(path.read_bytes())
        return found

    monkeypatch.setattr(_inventory, "_look_at", write_meanwhile)
    assert "was changed while it was read, 3 times in a row" in problem(folder)


def test_a_file_that_changes_while_its_tasks_are_looked_up_is_read_again(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Even where every result is there already, so that no row is read again."""
    first = make(folder)
    path = folder / "models" / "net1.parquet"
    look, looks = _inventory._look_at, []

    def write_once_meanwhile(file: Path) -> object:
        found = look(file)
        looks.append(file)
        if len(looks) == 3:
            path.write_bytes(path.read_bytes())
        return found

    monkeypatch.setattr(_inventory, "_look_at", write_once_meanwhile)
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


def test_two_runs_at_once_do_not_disturb_each_other(folder: Path) -> None:
    make(folder)
    files = written(folder)
    shutil.rmtree(folder / "out")
    arguments = [COMMAND, "report", folder / "report.toml", "--out", folder / "out"]
    runs = [
        subprocess.Popen(arguments, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        for _ in range(2)
    ]
    for run in runs:
        message = run.communicate()[1].decode()
        assert run.returncode == 0, message
    assert written(folder) == files
    assert make(folder).computed == 0


@pytest.mark.parametrize("files", ["**/*.parquet", "."])
def test_what_a_report_wrote_is_not_read_by_the_next(folder: Path, files: str) -> None:
    """Even if it has all columns that embeddings have."""
    change(folder, "models/*.parquet", files)
    (folder / "lowest.sql").write_text("SELECT * FROM embeddings")
    first, before = make(folder), written(folder)
    second = make(folder)
    assert (second.computed, second.reused) == (0, first.computed)
    assert written(folder) == before
    assert second.tables["queries/lowest"].height == 3 * 2 * (6 + 7 + 8)


def test_a_report_does_not_overwrite_what_it_reads(folder: Path) -> None:
    rows = pl.read_parquet(folder / "models" / "net0.parquet")
    rows.write_parquet(folder / "bounds.parquet")
    (folder / "out").symlink_to(folder)
    change(folder, "models/*.parquet", "*.parquet")
    assert "bounds.parquet: is read by this run as '" in problem(folder)
    assert pl.read_parquet(folder / "bounds.parquet").equals(rows)
    (folder / "bounds.parquet").unlink()
    change(folder, "*.parquet", "models/*.parquet")
    (folder / "accuracy.csv").rename(folder / "leaderboards.csv")
    change(folder, "accuracy.csv", "leaderboards.csv")
    assert "leaderboards.csv: is read by this run as '" in problem(folder)


def test_hive_partitions(folder: Path) -> None:
    expected = make(folder).tables["bounds"]
    for path in (folder / "models").iterdir():
        rows = pl.read_parquet(path)
        for (task,), part in rows.group_by("task"):
            place = folder / "hive" / f"model={path.stem}" / f"task={task}"
            place.mkdir(parents=True)
            part.drop("model", "task").write_parquet(place / "part.parquet")
    change(folder, "models/*.parquet", "hive")
    made = make(folder)
    assert made.tables["bounds"].equals(expected)
    # A file with the same content that says something else by its place.
    (folder / "hive" / "model=net1").rename(folder / "hive" / "model=net9")
    assert make(folder).computed == 3


def test_models_may_have_different_tasks_widths_and_types_of_labels(folder: Path) -> None:
    other = embedding_rows(models=1).with_columns(
        pl.lit("wide").alias("model"),
        pl.col("task").replace("new", "third"),
        pl.col("embedding").arr.to_list().list.concat(pl.col("embedding").arr.to_list()),
        pl.format("class {}", "label").alias("label"),
    )
    other.write_parquet(folder / "models" / "wide.parquet")
    (folder / "lowest.sql").write_text("SELECT model, COUNT(*) AS n FROM embeddings GROUP BY model")
    tables = make(folder).tables
    pairs = tables["bounds"].filter(model="wide").select("source", "target").rows()
    assert sorted(pairs) == [("old", "third"), ("third", "old")]
    assert tables["queries/lowest"].height == 4


def problem(folder: Path) -> str:
    with pytest.raises((ValueError, TypeError, OSError, pl.exceptions.PolarsError)) as raised:
        make(folder)
    return str(raised.value)


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("files =", "fils =", "report.toml: fils: unknown key; did you mean 'files'?"),
        (
            'files = ["models/*.parquet"]',
            "",
            "report.toml: files: expected the embedding tables, such as",
        ),
        ('["models/*.parquet"]', "3", "files: expected a text or a list of texts, found 3"),
        (
            "models/*.parquet",
            "s3://a/b.parquet",
            "files: 's3://a/b.parquet' is not on this machine",
        ),
        ("models/*.parquet", "none/*.parquet", "no Parquet file matches"),
        ('["accuracy.csv"]', '["none.csv"]', "leaderboards[1].file: no such file: "),
        (
            '["accuracy.csv"]',
            '["accuracy.csv", "accuracy.csv"]',
            "leaderboards[2].name: 'accuracy' is taken",
        ),
        ('["accuracy.csv"]', "[{}]", "leaderboards[1].file: expected the path of a file"),
        (
            '["accuracy.csv"]',
            '[{file = "accuracy.csv", acuracy = "a"}]',
            "did you mean 'accuracy'?",
        ),
        ("l2 = 0.1", "l2 = -1", "report.toml: bound.l2: expected a finite number above 0"),
        (
            "l2 = 0.1",
            'ground_cost = "cosine"',
            "bound.ground_cost: expected one of 'margin', 'head'",
        ),
        ("l2 = 0.1", 'head = "a.parquet"', "bound.head: unknown key; expected one of 'transform'"),
        (
            "scores = []",
            'scores = ["logmee"]',
            "report.toml: scores: no score is called 'logmee'; did",
        ),
        ("scores = []", "scores = {knn = {k = 0}}", "report.toml: scores: k: expected an integer"),
        ("k = 1", "k = 0", "comparison.k: expected an integer of at least 1, found 0"),
        ("k = 1", "k = true", "comparison.k: expected an integer of at least 1, found True"),
        (
            "k = 1",
            "confidence = 95",
            "comparison.confidence: expected a number between 0 and 1, found 95",
        ),
        ("[bound]", "[bounds]", "report.toml: bounds: unknown key; did you mean 'bound'?"),
        (
            "[bound]",
            'sources = ["olds"]\n[bound]',
            "sources: no model has a task 'olds'; did you mean 'old'?",
        ),
        (
            "[bound]",
            "targets = []\n[bound]",
            "targets: expected at least one task; leave the key out for all",
        ),
        (
            "[bound]",
            'sources = ["old"]\ntargets = ["old"]\n[bound]',
            "no model has both a source and another",
        ),
        ("[bound]", "title = 3\n[bound]", "report.toml: title: expected a text, found 3"),
        ("[bound]", '[columns]\nlabel = "class"\n[bound]', "column 'class' not found; there are"),
        (
            "[bound]",
            "[columns]\nsplit = true\n[bound]",
            "columns.split: expected a text, found True",
        ),
        ("lowest.sql", "none.sql", "queries.lowest: no such file: "),
        ("lowest =", '"../lowest" =', "queries.../lowest: is a file name of the report"),
        ("files =", "files", "report.toml: is not valid TOML: "),
    ],
)
def test_errors_name_the_key_what_was_found_and_what_to_do(
    folder: Path, old: str, new: str, expected: str
) -> None:
    change(folder, old, new)
    assert expected in problem(folder)


def test_errors_in_a_query_name_its_file_and_place(folder: Path) -> None:
    (folder / "lowest.sql").write_text("SELECT model, SPEARMANN(bound, l2) FROM bounds")
    message = problem(folder)
    assert "lowest.sql: line 1, column 15: there is no function SPEARMANN" in message


def test_an_empty_leaderboard_match_is_said_and_shown(folder: Path) -> None:
    pl.DataFrame({"model": ["M 1"], "new": [0.5]}).write_csv(folder / "accuracy.csv")
    made = make(folder)
    assert made.tables["selection_quality"].is_empty()
    assert "0 of 6 pairs" in made.page.read_text()


class Elements(HTMLParser):
    """Everything that an HTML file could load, and the order of its headings."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.loads: list[str] = []
        self.levels: list[int] = []
        self.tags: set[str] = set()
        self.ids: list[str] = []
        self.links: list[str] = []
        self.unnamed_pictures = 0
        self.within_named = False
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        values: dict[str, Any] = dict(attrs)
        for name, value in values.items():
            if name in ("src", "srcset", "href", "xlink:href", "data", "poster", "action"):
                (self.links if tag == "a" else self.loads).append(value)
            if name.startswith("on"):
                self.loads.append(f"{name}={value}")
        if re.fullmatch("h[1-6]", tag):
            self.levels.append(int(tag[1]))
        if "id" in values:
            self.ids.append(values["id"])
        if values.get("role") == "img":
            self.within_named = bool(values.get("aria-label"))
        if tag == "svg" and not self.within_named:
            self.unnamed_pictures += 1

    def handle_endtag(self, tag: str) -> None:
        if tag == "svg":
            self.within_named = False


def test_the_page_refers_to_nothing_outside_itself(folder: Path) -> None:
    text = make(folder).page.read_text()
    page = Elements(text)
    assert page.loads == ["data:,"]
    assert page.tags.isdisjoint({"script", "iframe", "img", "object", "embed", "base", "form"})
    assert re.findall(r"url\((?!#)|@import", text) == []
    assert {link[0] for link in page.links} == {"#"}
    assert {link[1:] for link in page.links} <= set(page.ids)
    assert len(set(page.ids)) == len(page.ids)
    for reference in re.findall(r"url\(#([^)]*)\)", text):
        assert reference in page.ids


def test_the_page_can_be_read_aloud(folder: Path) -> None:
    page = Elements(make(folder).page.read_text())
    assert page.levels[0] == 1
    assert page.levels.count(1) == 1
    steps = [b - a for a, b in zip(page.levels, page.levels[1:], strict=False)]
    assert max(steps) == 1
    assert "svg" in page.tags
    assert page.unnamed_pictures == 0


class Parsed(HTMLParser):
    """What an HTML file is made of: elements with the names of their attributes; and its texts.

    Pictures are parsed like all else, but how they write numbers and names is theirs.
    """

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: set[tuple[str, ...]] = set()
        self.texts: list[str] = []
        self.in_picture = False
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.add((tag, *(name for name, _ in attrs)))
        self.in_picture = self.in_picture or tag == "svg"
        if not self.in_picture:
            self.texts += [value or "" for _, value in attrs]

    def handle_endtag(self, tag: str) -> None:
        self.in_picture = self.in_picture and tag != "svg"

    def handle_data(self, data: str) -> None:
        if not self.in_picture:
            self.texts.append(data)


# What HTML, attributes, SVG, Vega expressions, Markdown, Great Tables and patterns read as theirs.
HOSTILE = [
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "' onmouseover='alert(1)",
    "&lt;b&gt; &amp;amp; &#60;",
    "</style></title></svg>]]><!--",
    "**a** _b_ `c` [d](http://e) # f",
    "{{m/s}} {0} %s $1 \\1 \\n",
    "datum['a'].b[0]\u2028\\'\"",
    'class="a" id="b" url(#c) role="d"',
    "\ue0000\ue001 \N{ARABIC LETTER ALEF}\N{GRINNING FACE}",
    "__proto__",
    "=1+1|2\t3\n4",
]


def page_with_names(folder: Path, name: Callable[[str], str]) -> Path:
    """Return the page of a report in which every name of the user's goes through `name`."""
    columns = ["model", "task", "split", "label", "embedding"]
    named = pl.col("model", "task", "label").cast(pl.String)
    rows = pl.concat(pl.read_parquet(path) for path in (folder / "models").iterdir())
    rows = rows.with_columns(named.map_elements(name, return_dtype=pl.String))
    rows.rename({column: name(column) for column in columns}).write_parquet(folder / "all.parquet")
    board = {
        name("network"): [name(f"net{i}") for i in range(3)] + [name("other")],
        name("new"): [0.5, 0.7, 0.6, 0.9],
        name("size"): [1.0, 2.0, 3.0, 4.0],
    }
    pl.DataFrame(board).write_parquet(folder / "accuracy.parquet")
    quoted = name("column").replace('"', '""')
    (folder / "lowest.sql").write_text(f'SELECT target AS "{quoted}", bound FROM bounds')
    text = {
        place: json.dumps(name(place), ensure_ascii=False)
        for place in ("title", "board", "network", "size")
    }
    listed = "\n".join(
        f"{column} = {json.dumps(name(column), ensure_ascii=False)}" for column in columns
    )
    (folder / "report.toml").write_text(f"""
title = {text["title"]}
files = "all.parquet"
scores = ["logme"]
bound = {{ l2 = 0.1, transform = "identity" }}
comparison = {{ k = 1, bootstrap = 20 }}
queries = {{ named = "lowest.sql" }}
[[leaderboards]]
file = "accuracy.parquet"
name = {text["board"]}
model = {text["network"]}
static = [{text["size"]}]
[columns]
{listed}
""")
    return make(folder).page


def test_names_are_text_not_markup(folder: Path) -> None:
    """They make no element and no attribute, and arrive letter by letter, wherever they stand."""
    plain = Parsed(page_with_names(folder, lambda name: f"{name} plain").read_text())
    for hostile in (" ".join(HOSTILE[::2]), " ".join(HOSTILE[1::2])):
        page = page_with_names(folder, lambda name, hostile=hostile: f"{name} {hostile}")
        found = Parsed(page.read_text())
        assert found.elements == plain.elements
        assert found.texts == [with_hostile(text, hostile) for text in plain.texts]


def with_hostile(text: str, hostile: str) -> str:
    # What says which names do not match quotes them as Python does.
    quoted = re.sub("'([a-z0-9]+) plain'", lambda name: repr(f"{name[1]} {hostile}"), text)
    return quoted.replace("plain", hostile)


def texts(picture: str) -> list[str]:
    """The texts of a picture but for numbers, as an XML parser reads them."""
    found = [text.text or "" for text in ElementTree.fromstring(picture).iter("text")]
    return [text for text in found if not re.fullmatch(r"[\d.]+", text)]


def bars(names: list[str]) -> list[str]:
    rows = pl.DataFrame({"name": names, **{term: [1.0] * len(names) for term in TERMS}})
    return [text for text in texts(_charts.term_bars(rows, "name", marks=False)) if text != "nats"]


def test_names_in_pictures_are_text_and_short() -> None:
    expected = [name.replace("\t", "\u2409").replace("\n", "\u2424") for name in HOSTILE]
    assert bars(HOSTILE) == expected
    points = pl.DataFrame({"name": [1], "value": [0.5], "accuracy": [0.5]})
    for name, shown in zip(HOSTILE, expected, strict=True):
        drawn = _charts.scatter(points, name, higher_is_better=True)
        assert sorted(texts(drawn)) == sorted(["accuracy", shown])
        weights = {"source_class": [name], "target_class": [name], "source_weight": [1.0]}
        drawn = _charts.class_weights(pl.DataFrame(weights))
        assert all(shown.startswith(text.rstrip("\u2026")) for text in texts(drawn))
        assert len(texts(drawn)) == 2
    long = ["a" * 100_000, "a" * 50_000, "a" * 60, "a" * 61]
    cut = "a" * 59 + "\u2026"
    assert bars(long) == [cut, f"{cut} (2)", "a" * 60, f"{cut} (3)"]
    assert bars(["a\nb", "a\u2424b"]) == ["a\u2424b", "a\u2424b (2)"]


# What draws pictures aborts the process at text that XML cannot hold, as most of these are.
UNPRINTABLE = [*map(chr, range(0x20)), "\x7f", "\x85", "\ufffe", "\uffff", "\ufdd0", "\U0010ffff"]


@pytest.mark.parametrize("place", ["model", "task", "label"])
def test_no_character_in_a_name_ends_the_process(folder: Path, place: str) -> None:
    (folder / "accuracy.csv").unlink()
    change(folder, 'leaderboards = ["accuracy.csv"]', "")
    every = "".join(UNPRINTABLE)
    for path in (folder / "models").iterdir():
        rows = pl.read_parquet(path)
        rows.with_columns(pl.format("{} {}", place, pl.lit(every)).alias(place)).write_parquet(path)
    done = command(folder / "report.toml", "--out", folder / "out")
    assert (done.returncode, "panic" in done.stderr) == (0, False)
    text = (folder / "out" / "index.html").read_text()
    assert not {*text} & {*UNPRINTABLE} - {"\t", "\n"}
    assert "".join(chr(0x2400 + code) for code in range(9)) in text
    assert "\N{SYMBOL FOR DELETE}\N{REPLACEMENT CHARACTER}" in text
    # The tables have the names as they are.
    found = pl.read_parquet(folder / "out" / "class_map.parquet")
    column = {"model": "model", "task": "target", "label": "target_class"}[place]
    assert found[column].str.ends_with(every).all()


@pytest.mark.parametrize(
    "value", [float("nan"), float("inf"), -float("inf"), 1e308, 5e-324, -1e308, 0.0]
)
def test_no_number_in_a_picture_ends_the_process(value: float) -> None:
    terms = {term: [value, 1.0] for term in TERMS}
    rows = pl.DataFrame({"name": ["a", "b"], **terms, "trivial_loss": value, "target_loss": value})
    points = pl.DataFrame({"name": [1, 2], "value": [value, 1.0], "accuracy": [0.5, value]})
    weights = pl.DataFrame({"source_class": ["a"], "target_class": ["b"], "source_weight": [value]})
    for frame in (rows, rows.head(1)):
        assert _charts.term_bars(frame, "name", marks=True).startswith("<svg")
    for frame in (points, points.head(1), points.clear()):
        assert _charts.scatter(frame, "score", higher_is_better=True).startswith("<svg")
    assert _charts.class_weights(weights).startswith("<svg")


def test_many_models_can_be_drawn() -> None:
    points = pl.DataFrame({"name": range(6000), "value": range(6000), "accuracy": range(6000)})
    drawn = _charts.scatter(points.cast(pl.Float64), "score", higher_is_better=True)
    assert drawn.count("<text") > 6000


def test_names_are_no_markup_of_the_progress_bar(
    folder: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    for path in (folder / "models").iterdir():
        rows = pl.read_parquet(path)
        rows.with_columns(pl.col("model") + "[/b][red]\x1b[2J").write_parquet(path)
    pt.report(folder / "report.toml", folder / "out", progress=True)
    shown = capfd.readouterr().err
    assert "net2[/b][red]\N{SYMBOL FOR ESCAPE}[2J" in shown
    assert "\x1b[2J" not in shown


def test_the_page_in_a_browser(folder: Path, tmp_path: Path) -> None:
    """It asks for nothing but itself, complains of nothing and fits any screen, light or dark."""
    path = find_browser()
    if path is None:
        pytest.skip("no Chromium on this machine to open the page with")
    made = make(folder)
    with browser(path, tmp_path / "profile") as page:
        page.open(made.page)
        backgrounds = set()
        for width in (1280, 375):
            for scheme in ("light", "dark"):
                page.show(width=width, height=900, scheme=scheme)
                wide = page.evaluate("document.documentElement.scrollWidth")
                assert wide <= width
                backgrounds.add(page.evaluate("getComputedStyle(document.body).backgroundColor"))
                assert len(page.picture()) > 10_000
        assert len(backgrounds) == 2
        assert page.evaluate("document.title") == "Transferability report"
        assert page.evaluate("document.querySelectorAll('svg').length") > 0
        assert page.requests == [made.page.resolve().as_uri()]
        hostile = page_with_names(folder, lambda name: name + " ".join(HOSTILE))
        page.open(hostile)
        assert page.evaluate("document.querySelectorAll('script, img').length") == 0
        assert page.requests[1:] == [hostile.resolve().as_uri()]
        assert page.complaints == []


def test_a_query_may_have_any_result(folder: Path) -> None:
    query = """
        SELECT model, CASE WHEN model = 'net0' THEN NULL ELSE bound > 1 END AS high,
               bound / 1000000000 AS tiny, NULL AS nothing, DATE '2020-01-02' AS day, by_class
        FROM bounds ORDER BY model
    """
    (folder / "lowest.sql").write_text(query)
    text = make(folder).page.read_text()
    assert "nested columns only in the Parquet file" in text
    assert "2020-01-02" in text
    shown = text[text.index('id="queries"') :]
    (bound, *_) = make(folder).tables["queries/lowest"]["tiny"]
    assert f"{bound:.12f}"[:-1] in shown
    (folder / "lowest.sql").write_text("SELECT model, bound FROM bounds WHERE bound < 0")
    made = make(folder)
    assert made.tables["queries/lowest"].shape == (0, 2)
    assert "lowest: 0 rows" in made.page.read_text()


def test_without_the_extra_it_says_what_to_install(folder: Path) -> None:
    code = (
        "import sys; sys.modules['great_tables'] = None\n"
        "import polars_transferability as pt\n"
        f"pt.report({str(folder / 'report.toml')!r}, {str(folder / 'out')!r})"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 1
    assert "great_tables is not installed: a report needs the extra 'report'" in done.stderr
    assert not (folder / "out").exists()


def command(*arguments: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run([COMMAND, "report", *map(str, arguments)], capture_output=True, text=True)


def test_command(folder: Path) -> None:
    done = command(folder / "report.toml", "--out", folder / "out")
    assert done.returncode == 0
    assert done.stdout == f"{folder / 'out' / 'index.html'}\n"
    assert "computed 7, unchanged since an earlier run 0" in done.stderr
    again = command(folder / "report.toml", "--out", folder / "out")
    assert "computed 0, unchanged since an earlier run 7" in again.stderr


def test_command_errors(folder: Path) -> None:
    done = command(folder / "report.toml")
    assert (done.returncode, done.stdout) == (2, "")
    assert "name it with --out" in done.stderr
    done = command(folder / "report.toml", "--out", folder / "out", "--table", "a=b")
    assert done.returncode == 2
    (folder / "lowest.sql").write_text("SELECT nothing FROM bounds")
    done = command(folder / "report.toml", "--out", folder / "out")
    assert (done.returncode, done.stdout) == (1, "")
    assert "lowest.sql: line 1, column 8" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.skipif(sys.platform == "win32", reason="no SIGKILL")
def test_killed_at_any_moment_it_leaves_whole_files_and_goes_on(folder: Path) -> None:
    whole = make(folder)
    files = written(folder)
    pause = random.Random(0)
    arguments = [COMMAND, "report", folder / "report.toml", "--out", folder / "out"]
    start = time.perf_counter()
    shutil.rmtree(folder / "out")
    subprocess.run(arguments, check=True, capture_output=True)
    lasts = time.perf_counter() - start
    killed = 0
    for _ in range(5):
        shutil.rmtree(folder / "out")
        for moment in sorted(pause.uniform(0.4, 1.0) * lasts for _ in range(2)):
            process = subprocess.Popen(
                arguments, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
            )
            try:
                process.wait(timeout=moment)
            except subprocess.TimeoutExpired:
                process.send_signal(signal.SIGKILL)
                process.wait()
                killed += 1
            # Whatever has a final name is what an undisturbed run writes.
            found = written(folder) if (folder / "out").is_dir() else {}
            assert found.items() <= files.items()
            kept = len(entries(folder))
        last = make(folder)
        assert (last.computed, last.reused) == (whole.computed - kept, kept)
        assert written(folder) == files
    assert killed > 0


def test_example(tmp_path: Path, data: Path) -> None:
    """The folder can be copied, and what it says of the defaults holds."""
    repository = tmp_path / "copy"
    shutil.copytree(EXAMPLE, repository / "examples" / "report")
    (repository / "data").symlink_to(data)
    config = repository / "examples" / "report" / "report.toml"
    made = pt.report(config, tmp_path / "out")
    assert made.tables["bounds"].height == 3 * 2 * 2
    assert {name for name in made.tables if name[:8] == "queries/"} == {
        f"queries/{path.stem}" for path in EXAMPLE.glob("*.sql")
    }
    for name, rows in made.tables.items():
        assert rows.height > 0, name
    text = made.page.read_text()
    assert len(text) < 500_000
    assert "Which LeNet transfers to which task?" in text
    again = pt.report(config, tmp_path / "out")
    assert (again.computed, again.reused) == (0, made.computed)


def test_a_report_within_its_own_files_does_not_read_itself(
    folder: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    change(folder, '["models/*.parquet"]', '"."')
    # What this query writes looks like a table of embeddings.
    (folder / "lowest.sql").write_text("SELECT * FROM embeddings")
    first, files = make(folder), written(folder)
    # Every other table is known by its columns, too, should somebody write it anew.
    assert [name for name, rows in first.tables.items() if not kind_of_result(rows.lazy())] == [
        "queries/lowest"
    ]
    again = make(folder)
    assert (again.computed, again.reused) == (0, first.computed)
    assert written(folder) == files
    (line,) = capfd.readouterr().err.splitlines()
    assert line.startswith("left out what this package computed: ")


@pytest.mark.parametrize(
    ("column", "cure"),
    [
        ("split", "for tables without a split write split = false under [columns]"),
        ("task", "name the column of tasks with task under [columns]"),
        ("model", "name the column of models with model under [columns]"),
    ],
)
def test_a_missing_column_is_named_in_words_of_the_file(
    column: str, cure: str, folder: Path
) -> None:
    path = folder / "models" / "net1.parquet"
    pl.read_parquet(path).drop(column).write_parquet(path)
    message = re.escape(f"net1.parquet: column '{column}' not found; ") + ".*" + re.escape(cure)
    with pytest.raises(pl.exceptions.ColumnNotFoundError, match=message):
        make(folder)


def test_a_leaderboard_is_spoken_of_in_words_of_the_file(folder: Path) -> None:
    (folder / "accuracy.csv").write_text("network,target,accuracy\nnet0,new,0.5\n")
    message = re.escape("name the column of models with model under [[leaderboards]]")
    with pytest.raises(pl.exceptions.ColumnNotFoundError, match=message):
        make(folder)


def test_damaged_rows_name_the_file(folder: Path) -> None:
    path = folder / "models" / "net1.parquet"
    pl.read_parquet(path).select("embedding", pl.exclude("embedding")).write_parquet(path)
    pages = bytearray(path.read_bytes())
    pages[4:60] = bytes(value ^ 0x5A for value in pages[4:60])
    path.write_bytes(pages)
    with pytest.raises(pl.exceptions.ComputeError, match=r"net1\.parquet: its rows cannot be read"):
        make(folder)


DEEP = {
    "lists": f"files = {'[' * 3000}{']' * 3000}",
    "tables": f"files = {'{a = ' * 3000}1{'}' * 3000}",
    "keys": f"files = ['x']\ntitle.{'a.' * 3000}a = 1",
    "keys of scores": f"files = ['x']\n[scores.logme]\n{'a.' * 3000}a = 1",
    "leaderboards": f"files = ['x']\nleaderboards.{'a.' * 3000}a = 1",
}


@pytest.mark.parametrize("kind", DEEP)
def test_deep_descriptions_are_one_line(kind: str, tmp_path: Path) -> None:
    config = tmp_path / "report.toml"
    config.write_text(DEEP[kind])
    with pytest.raises(ValueError, match=r"^.*report\.toml: [^\n]*$"):
        pt.report(config, tmp_path / "out")
    done = command(config, "--out", tmp_path / "out")
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (1, "", 1)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("title = 'café'".encode("latin-1"), "line 1, column 13: byte 0xe9 is not UTF-8; save it"),
        ("title = 'a'".encode("utf-16"), "is UTF-16; save it as UTF-8"),
        (b"title = 'a\0b'", "line 1, column 11: is a zero byte"),
        ("\ufefffiles = 3".encode(), "files: expected a text or a list of texts, found 3"),
    ],
)
def test_descriptions_that_are_not_utf_8(content: bytes, message: str, tmp_path: Path) -> None:
    config = tmp_path / "report.toml"
    config.write_bytes(content)
    with pytest.raises(ValueError, match=message):
        pt.report(config, tmp_path / "out")
