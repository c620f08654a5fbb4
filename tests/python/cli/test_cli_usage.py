"""Input and usage that the command refuses, its help, and what it imports."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import polars as pl
import polars_transferability as pt
import pytest
from bad_rows import NAN, set_first
from commands import assert_one_line, failure, python, results, run
from registry import embedding_rows

# What is wrong -> the frame in the file, further arguments, and what is said of them.
BAD_INPUTS = {
    "unknown source": (
        embedding_rows(),
        ["--source", "x"],
        "--source: no model has a task 'x'; there are new, old",
    ),
    "NaN": (
        embedding_rows().with_columns(
            set_first("embedding", [NAN, 0.0, 0.0], pl.Array(pl.Float64, 3))
        ),
        [],
        '"embedding" of task "old" has 1 NaN',
    ),
    "no split": (
        embedding_rows().drop("split"),
        ["--split", "split"],
        "for tables without a split give --no-fit\n",
    ),
    "no task": (
        embedding_rows().drop("task"),
        [],
        "name the column of tasks with --task, or use transferability score, which needs no "
        "other task\n",
    ),
    "no model": (
        embedding_rows().drop("model"),
        ["--model", "model"],
        "name the column of models with --model\n",
    ),
    "no label": (embedding_rows().drop("label"), [], "name the column of labels with --label\n"),
    "split of numbers": (
        embedding_rows().with_columns(split=1),
        [],
        "no row has split 'train', so there is none to fit on; there are '1': say which rows to "
        "fit on with --split and --fit-split; for tables without a split give --no-fit\n",
    ),
    "split of lists": (
        embedding_rows().with_columns(pl.concat_list("split")),
        [],
        "say which rows to fit on with --split and --fit-split",
    ),
    "key twice": (
        embedding_rows(),
        ["--by", "model", "--by", "model"],
        "transferability: --model: 'model' is named more than once\n",
    ),
    "key of the result": (
        embedding_rows().rename({"model": "bound"}),
        ["--by", "bound"],
        "transferability: --model: 'bound' cannot tell models apart, for the result has a column",
    ),
    "one task": (
        embedding_rows().filter(task="new"),
        ["--source", "new"],
        "or use transferability score, which needs no other task\n",
    ),
    "pattern": (
        embedding_rows(),
        ["--label", "^l.*$"],
        "transferability: --label: Polars reads '^l.*$' as a pattern for several columns, not as",
    ),
    "no rows": (embedding_rows().clear(), [], "no rows in"),
    "l2": (embedding_rows(), ["--l2", "-1"], "--l2: expected a finite number above 0"),
    "seed": (embedding_rows(), ["--seed", "-1"], "--seed: expected an integer from 0"),
    "cap": (embedding_rows(), ["--max-rows-per-class", "0"], "--max-rows-per-class: expected an"),
}


@pytest.mark.parametrize("bad", BAD_INPUTS)
def test_bad_input_is_one_line_and_exit_code_1(bad: str, tmp_path: Path) -> None:
    rows, arguments, expected = BAD_INPUTS[bad]
    rows.write_parquet(tmp_path / "bad.parquet")
    source = [] if "--source" in arguments else ["--source", "old"]
    assert_one_line(failure(1, "bound", tmp_path / "bad.parquet", *source, *arguments), expected)


def test_a_bucket_out_of_reach_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    # Nobody listens there.
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:1")
    for command in ("check", "score"):
        message = failure(1, command, "s3://there-is-no-such-bucket/x.parquet")
        assert_one_line(message, "s3://there-is-no-such-bucket/x.parquet: cannot be read as")


def test_no_file_and_no_parquet_are_one_line_and_exit_code_1(tmp_path: Path) -> None:
    path = tmp_path / "text.parquet"
    assert_one_line(failure(1, "bound", path, "--source", "old"), "no such file: '")
    path.write_text("no table")
    assert_one_line(failure(1, "bound", path, "--source", "old"), "text.parquet")
    table = tmp_path / "table.csv"
    table.write_text("label,x\n0,1.5\n")
    line = f"polars.read_csv('{table}').write_parquet('{table}.parquet')"
    assert_one_line(failure(1, "score", table), line)


@pytest.mark.parametrize(
    "arguments",
    [
        ["bound"],
        ["bound", "--source", "old"],
        ["bound", "--source", "old", "x.parquet"],
        ["bound", "x.parquet", "--source", "old", "--ground-cost", "cosine"],
        ["bound", "x.parquet", "--source", "old", "--l2", "much"],
        ["bound", "x.parquet", "--source", "old", "--no-such-option"],
        ["bound", "x.parquet", "--source", "old", "--seed", "1.5"],
        ["bound", "x.parquet", "--source", "old", "--seed", "1e3"],
        ["bound", "x.parquet", "--source", "old", "--max-rows-per-class", "2.5"],
        ["score", "x.parquet", "--clusters", "2.5"],
        ["score", "x.parquet", "--seed", "nan"],
        ["bound", "x.parquet", "--source", "old", "--out", "x.xlsx"],
        ["bound", "x.parquet", "--source", "old", "--out", "no/such/folder/x.csv"],
        ["check"],
        ["no-such-command"],
    ],
    ids=" ".join,
)
def test_wrong_usage_is_exit_code_2(arguments: list[str]) -> None:
    assert failure(2, *arguments)


def test_files_after_an_option_are_told_from_its_values(table: Path) -> None:
    for arguments in (["score", "--target", "new", table], ["check", "--model", table]):
        message = failure(2, *arguments)
        expected = f"{arguments[1]} takes all values up to the next option, so '{table}' was taken"
        assert f"transferability: {expected}" in message
        assert message.endswith("write the files before the options\n")
    assert "was taken" not in failure(2, "score", "--target", "new")


def test_a_file_among_tasks_and_a_task_among_files(table: Path) -> None:
    for command in ("score", "bound"):
        message = failure(2, command, table, "--target", "new", table)
        assert_one_line(message, f"--target: '{table}' is a file or folder, and no task of the")
    message = failure(1, "score", table, "new")
    assert_one_line(message, "no such file: 'new'; 'new' is a task of the tables: name it with")
    assert_one_line(failure(1, "score", table, "newer"), "no such file: 'newer'\n")


def test_a_task_may_be_called_like_a_file(
    table: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "new").write_text("")
    monkeypatch.chdir(tmp_path)
    options = ["--scores", "gbc", "--format", "csv"]
    found = pl.read_csv(results("score", table, "--target", "new", *options))
    assert found["target"].unique().to_list() == ["new"]


# Ways to give an option two values.
SEVERAL = {
    "after each other": lambda option, a, b: [option, a, b],
    "with a comma": lambda option, a, b: [option, f"{a},{b}"],
    "with a comma and a space": lambda option, a, b: [option, f"{a}, {b}"],
    "with the option again": lambda option, a, b: [option, a, option, b],
}


@pytest.fixture
def tasks(tmp_path: Path) -> Path:
    """A table of four tasks, of which one has a comma in its name, and two columns of models."""
    rows = embedding_rows(classes=2)
    more = rows.with_columns(pl.col("task").replace_strict({"old": "a, b", "new": "newer"}))
    path = tmp_path / "tasks.parquet"
    version = pl.lit(1).alias("version, of it")
    pl.concat([rows, more]).with_columns(version, version=2).write_parquet(path)
    return path


IDENTITY = ["--transform", "identity", "--l2", "1", "--format", "csv"]


@pytest.mark.parametrize("way", SEVERAL)
def test_several_values_are_given_in_three_ways(way: str, tasks: Path) -> None:
    two = SEVERAL[way]
    sources, targets = two("--source", "old", "new"), two("--target", "new", "newer")
    keys = two("--model", "version", "model")
    found = pl.read_csv(results("bound", tasks, *sources, *targets, *keys, *IDENTITY))
    assert found.columns[:4] == ["version", "model", "source", "target"]
    pairs = {("old", "new"), ("old", "newer"), ("new", "newer")}
    assert set(found.select("source", "target").rows()) == pairs
    names = two("--scores", "gbc", "knn")
    found = pl.read_csv(results("score", tasks, *names, *keys, *targets, "--format", "csv"))
    assert found.columns[:2] == ["version", "model"]
    assert set(found["target"]) == {"new", "newer"}
    assert {"gbc", "knn_accuracy"} <= set(found.columns)
    assert "logme" not in found.columns
    checked = pl.read_csv(run("check", tasks, *keys, "--format", "csv").stdout)
    assert checked.columns[:3] == ["file", "version", "model"]


def test_a_name_with_a_comma_is_taken_as_it_is(tasks: Path) -> None:
    options = ["--source", "a, b", "--target", "old,new", "a, b", *IDENTITY]
    found = pl.read_csv(results("bound", tasks, "--by", "version, of it", *options))
    assert found.columns[:3] == ["version, of it", "source", "target"]
    assert found.select("source", "target").rows() == [("a, b", "new"), ("a, b", "old")]
    options = ["--scores", "otdd", "--source", "a, b", "--target", "new", "--format", "csv"]
    found = pl.read_csv(results("score", tasks, *options))
    assert found.select("source", "target").rows() == [("a, b", "new")]
    message = failure(1, "bound", tasks, "--source", "a,b", *IDENTITY)
    assert_one_line(message, "--source: no model has a task 'a'; did you mean 'a, b'?")


def test_without_a_source_every_task_is_one(tasks: Path) -> None:
    found = pl.read_csv(results("bound", tasks, "--target", "new", *IDENTITY))
    expected = pt.compute_bounds(tasks, targets=["new"], transform="identity", l2=1)
    assert found["source"].to_list() == ["a, b", "newer", "old"] == expected["source"].to_list()
    assert found["bound"].to_list() == expected["bound"].to_list()


def test_model_and_by_are_one_option(tasks: Path) -> None:
    for command in ("bound", "score"):
        message = failure(1, command, tasks, "--model", "model", "--by", "model")
        assert_one_line(message, "transferability: --model: 'model' is named more than once")
    options = ["--scores", "gbc", "--format", "csv"]
    by, model = (results("score", tasks, name, "version", *options) for name in ("--by", "--model"))
    assert by == model
    checked = [run("check", tasks, name, "version") for name in ("--by", "--model")]
    assert checked[0].stdout == checked[1].stdout != b""


@pytest.mark.parametrize("arguments", [["--help"], ["bound", "--help"], ["check", "--help"]])
def test_help(arguments: list[str]) -> None:
    assert b"transferability" in results(*arguments)


def test_version() -> None:
    assert results("--version").decode().strip() == pt.__version__
    assert python("-m", "polars_transferability", "--version") == pt.__version__


HEAVY = {"polars", "sqlglot", "rich", "altair", "jinja2", "vl_convert", "cyclopts"}


@pytest.mark.parametrize(
    ("statement", "imported"),
    [
        ("import polars_transferability", set()),
        ("import polars_transferability as p; p.logme, p.sql, p.report, p.QueryError", {"polars"}),
        ("import polars_transferability as p; p.sql('SELECT 1')", {"polars", "sqlglot"}),
        ("import polars_transferability.__main__", set()),
        ("import polars_transferability.cli.main", {"polars", "cyclopts"}),
    ],
)
def test_modules_are_imported_where_they_are_used(statement: str, imported: set[str]) -> None:
    listed = f"import sys; print(*({HEAVY} & sys.modules.keys()))"
    # The parser of options imports what it prints with by itself.
    assert set(python("-c", f"{statement}; {listed}").split()) - {"rich"} == imported


def test_the_package_has_its_public_names() -> None:
    names: dict[str, object] = {}
    exec("from polars_transferability import *", names)
    assert set(pt.__all__) <= names.keys()
    assert set(pt.__all__) <= set(dir(pt))
    assert names["sql"] is pt.sql
    with pytest.raises(AttributeError, match="'polars_transferability' has no attribute 'logmee'"):
        pt.logmee  # noqa: B018


@pytest.mark.parametrize("module", ["polars", "cyclopts"])
def test_an_interrupt_while_modules_are_imported(module: str, tmp_path: Path) -> None:
    interrupt = "import os, signal\nos.kill(os.getpid(), signal.SIGINT)\n"
    (tmp_path / f"{module}.py").write_text(f"{interrupt}import time\ntime.sleep(60)\n")
    path = os.pathsep.join([str(tmp_path), *filter(None, [os.environ.get("PYTHONPATH")])])
    command = [sys.executable, "-m", "polars_transferability", "check", "x.parquet"]
    done = subprocess.run(command, capture_output=True, env={**os.environ, "PYTHONPATH": path})
    assert (done.returncode, done.stdout) == (130, b"")
    assert done.stderr == b"transferability: interrupted\n"
