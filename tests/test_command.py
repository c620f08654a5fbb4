"""The command `transferability`, as a shell sees it."""

from __future__ import annotations

import io
import os
import subprocess
import sys
from pathlib import Path

import polars as pl
import polars_transferability as pt
import pytest
from registry import embedding_rows

COMMAND = Path(sys.executable).with_name("transferability")
QUICK = ["--source", "mnist", "--target", "kmnist", "--max-rows-per-class", "5"]
KEYS = ["model", "source", "target"]


def run(*arguments: object) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run([COMMAND, *map(str, arguments)], capture_output=True)


def results(*arguments: object) -> bytes:
    """Standard output of a command that must succeed without a word on standard error."""
    done = run(*arguments)
    assert (done.returncode, done.stderr) == (0, b"")
    return done.stdout


def failure(code: int, *arguments: object) -> str:
    """The message of a command that must fail with that code and print no result."""
    done = run(*arguments)
    assert (done.returncode, done.stdout) == (code, b"")
    message = done.stderr.decode()
    assert "Traceback" not in message
    return message


@pytest.fixture(scope="module")
def expected() -> pl.DataFrame:
    path = Path(__file__).resolve().parent.parent / "data" / "lenet-mnist.parquet"
    return pt.compute_bounds(path, sources=["mnist"], targets=["kmnist"], max_rows_per_class=5)


@pytest.fixture
def table(tmp_path: Path) -> Path:
    path = tmp_path / "table.parquet"
    embedding_rows(models=2).write_parquet(path)
    return path


def test_csv(data: Path, expected: pl.DataFrame) -> None:
    found = results("bound", data / "lenet-mnist.parquet", *QUICK, "--format", "csv")
    flat = expected.drop("by_class")
    assert pl.read_csv(found, schema=flat.schema).equals(flat)


def test_json(data: Path, expected: pl.DataFrame) -> None:
    found = results("bound", data / "lenet-mnist.parquet", *QUICK, "--format", "json")
    assert pl.read_json(found, schema=expected.schema).equals(expected)


def test_parquet(data: Path, expected: pl.DataFrame) -> None:
    found = results("bound", data / "lenet-mnist.parquet", *QUICK, "--format", "parquet")
    assert pl.read_parquet(io.BytesIO(found)).equals(expected)


def test_table_has_a_row_per_bound_and_cuts_nothing_short(
    data: Path, expected: pl.DataFrame
) -> None:
    text = results("bound", data / "*.parquet", "--source", "mnist", *QUICK[2:]).decode()
    found = [line.split() for line in text.splitlines() if line.strip().startswith("lenet")]
    models = {"lenet-mnist", "lenet-kmnist", "lenet-usps"}
    assert {tuple(words[:3]) for words in found} == {(m, "mnist", "kmnist") for m in models}
    (row,) = [words for words in found if words[0] == "lenet-mnist"]
    shown = ["bound", "source_loss", "label_mismatch", "distribution_mismatch", "target_loss"]
    assert row[3:8] == [f"{expected[name].item():.4f}" for name in shown]
    ranked = [float(words[3]) for words in found]
    assert ranked == sorted(ranked)


def test_options_reach_the_bound(data: Path) -> None:
    path = data / "lenet-mnist.parquet"
    options = ["--ground-cost", "head", "--transform", "identity", "--lipschitz", "empirical"]
    found = results(
        *("bound", path, *QUICK, *options),
        *("--l2", "0.5", "--seed", "3", "--no-fit", "--format", "json"),
    )
    expected = pt.compute_bounds(
        path,
        sources=["mnist"],
        targets=["kmnist"],
        max_rows_per_class=5,
        ground_cost="head",
        transform="identity",
        lipschitz="empirical",
        l2=0.5,
        seed=3,
        fit=None,
    )
    assert pl.read_json(found, schema=expected.schema).equals(expected)


def test_column_names_are_options(table: Path, tmp_path: Path) -> None:
    renamed = tmp_path / "renamed.parquet"
    names = {"model": "m", "task": "t", "split": "s", "label": "l", "embedding": "e"}
    rows = pl.read_parquet(table).rename(names)
    rows.with_columns(pl.col("s").replace("train", "fit")).write_parquet(renamed)
    named = [word for name, new in names.items() if name != "model" for word in (f"--{name}", new)]
    options = ["--source", "old", "--target", "new", "--format", "csv"]
    by = ["--by", "m", "--fit-split", "fit"]
    expected = pl.read_csv(results("bound", table, *options)).rename({"model": "m"})
    found = pl.read_csv(results("bound", renamed, *by, *named, *options))
    assert found.equals(expected)
    checked = run("check", renamed, "--model", "m", *by[2:], *named, "--format", "csv")
    assert checked.returncode == 0
    assert pl.read_csv(checked.stdout)["rows"].sum() == rows.height


@pytest.mark.parametrize("suffix", ["parquet", "csv", "json"])
def test_out_writes_all_fields(suffix: str, table: Path, tmp_path: Path) -> None:
    out = tmp_path / f"bounds.{suffix}"
    options = ["--source", "old", "--target", "new"]
    done = run("bound", table, *options, "--out", out, "--format", "json")
    assert done.returncode == 0
    assert done.stderr.decode() == f"wrote {out}: 2 rows\n"
    expected = pt.compute_bounds(table, sources=["old"], targets=["new"])
    assert pl.read_json(done.stdout, schema=expected.schema).equals(expected)
    if suffix == "csv":
        expected = expected.drop("by_class")
        found = pl.read_csv(out, schema=expected.schema)
    elif suffix == "json":
        found = pl.read_json(out, schema=expected.schema)
    else:
        found = pl.read_parquet(out)
    assert found.equals(expected)


@pytest.mark.parametrize("command", ["bound", "score"])
def test_out_does_not_overwrite_what_is_read(command: str, table: Path, tmp_path: Path) -> None:
    before = table.read_bytes()
    board, link = tmp_path / "board.csv", tmp_path / "link.parquet"
    board.write_text("model,target,accuracy\nnet0,new,0.5\n")
    link.symlink_to(table)
    options = ["--source", "old", "--leaderboard", board]
    for files, out in ((table, table), (table, link), (tmp_path / "t*", table), (table, board)):
        message = failure(2, command, files, *options, "--out", out)
        assert_one_line(message, f"--out {out}: is read by this run as '")
    assert table.read_bytes() == before
    assert board.read_text().endswith("0.5\n")


def test_out_that_cannot_be_written_leaves_what_was_there(table: Path, tmp_path: Path) -> None:
    options = ["--source", "old", "--target", "new", "--format", "csv"]
    assert_one_line(
        failure(2, "bound", table, *options, "--out", tmp_path / "no" / "x.csv"), "make"
    )
    folder = tmp_path / "folder.csv"
    folder.mkdir()
    assert_one_line(failure(2, "bound", table, *options, "--out", folder), "name a file in it")
    assert_one_line(failure(2, "bound", table, *options, "--out", "/dev/stdout"), "use --format")
    full = tmp_path / "full.csv"
    if Path("/dev/full").exists():
        full.symlink_to("/dev/full")
        assert_one_line(failure(1, "bound", table, *options, "--out", full), "the disk is full")


def test_a_result_of_a_query_does_not_overwrite_what_the_query_reads(
    table: Path, tmp_path: Path
) -> None:
    before = table.read_bytes()
    query = tmp_path / "table.sql"
    for text, options in (
        (f"SELECT COUNT(*) AS n FROM read_parquet('{table}')", []),
        (f"SELECT COUNT(*) AS n FROM read_parquet('{tmp_path}/t*.parquet')", []),
        ("SELECT COUNT(*) AS n FROM t", ["--table", f"t={table}"]),
        ("SELECT COUNT(*) AS n FROM t", ["--table", f"t={tmp_path}"]),
    ):
        query.write_text(text)
        message = failure(2, "report", query, *options, "--out", tmp_path)
        assert_one_line(message, "table.parquet: is read by this run")
    assert table.read_bytes() == before
    elsewhere = tmp_path / "out"
    assert run("report", query, *options, "--out", elsewhere).returncode == 0
    assert pl.read_parquet(elsewhere / "table.parquet").item() == pl.read_parquet(table).height
    assert_one_line(failure(2, "report", query, *options, "--out", table), "name a folder")


def test_names_do_not_command_the_terminal(table: Path) -> None:
    rows = pl.read_parquet(table)
    rows.with_columns(pl.col("model") + "\x1b[2J\x07").write_parquet(table)
    text = results("score", table, "--scores", "gbc").decode()
    assert "net0\N{SYMBOL FOR ESCAPE}[2J\N{SYMBOL FOR BELL}" in text
    assert "\x1b" not in text


LEADERBOARD = """model,target,finetuned
lenet-mnist,kmnist,0.9
lenet-mnist,mnist,0.7
LeNet-USPS,kmnist,0.8
"""


def test_leaderboard_stands_beside_the_bounds(
    data: Path, expected: pl.DataFrame, tmp_path: Path
) -> None:
    board = tmp_path / "board.csv"
    board.write_text(LEADERBOARD)
    files = [data / "lenet-mnist.parquet", data / "lenet-usps.parquet"]
    done = run("bound", *files, *QUICK, "--leaderboard", board, "--format", "csv")
    assert done.returncode == 0
    assert done.stderr.decode().splitlines() == [
        "1 of 2 pairs of model and target are on the leaderboard",
        "models with scores that are not on the leaderboard: 'lenet-usps' (similar: 'LeNet-USPS')",
        "models on the leaderboard that are without scores: 'LeNet-USPS' (similar: 'lenet-usps')",
        "targets on the leaderboard that are without scores: 'mnist'",
    ]
    found = pl.read_csv(done.stdout)
    assert found["bound"][0] == expected["bound"].item()
    beside = ["model", "accuracy", "mean_accuracy_elsewhere"]
    assert found.select(beside).rows() == [("lenet-mnist", 0.9, 0.7), ("lenet-usps", None, None)]
    text = run("bound", *files, *QUICK, "--leaderboard", board).stdout.decode()
    assert "leaderboard" in text
    (row,) = [line.split() for line in text.splitlines() if line.startswith(" lenet-mnist")]
    assert row[-2:] == ["0.9000", "0.7000"]


def test_leaderboard_with_other_names(table: Path, tmp_path: Path) -> None:
    board, renamed = tmp_path / "board.parquet", tmp_path / "renamed.parquet"
    pl.read_parquet(table).rename({"model": "network"}).write_parquet(renamed)
    rows = {"net": ["net0", "net1"], "data": ["new"] * 2, "top1": [0.5, 0.6], "top5": [0.9, 0.9]}
    pl.DataFrame(rows).write_parquet(board)
    options = ["--source", "old", "--by", "network", "--leaderboard", board, "--format", "csv"]
    names = ["--leaderboard-model", "net", "--leaderboard-target", "data"]
    names += ["--leaderboard-accuracy", "top1", "--leaderboard-static", "top5"]
    done = run("bound", renamed, *options, *names)
    assert done.stderr == b"2 of 2 pairs of model and target are on the leaderboard\n"
    found = pl.read_csv(done.stdout).select("network", "accuracy", "top5")
    assert found.rows() == [("net0", 0.5, 0.9), ("net1", 0.6, 0.9)]
    assert b" 0.9000" in run("bound", renamed, *options[:-2], *names).stdout


def test_bad_leaderboard_is_one_line_before_any_bound(table: Path, tmp_path: Path) -> None:
    board = tmp_path / "board.csv"
    options = [table, "--source", "old", "--leaderboard", board]
    assert_one_line(failure(1, "bound", *options), "no such file: '")
    board.write_text("model,dataset,top1\nnet0,new,0.5\n")
    assert_one_line(
        failure(1, "bound", *options), "name the column of targets with --leaderboard-target\n"
    )
    assert "--by only once" in failure(2, "bound", *options, "--by", "model", "--by", "task")


def test_several_targets_and_all_targets(data: Path) -> None:
    options = ["--source", "mnist", "--max-rows-per-class", "2", "--transform", "identity"]
    options += ["--format", "csv"]
    path = data / "lenet-mnist.parquet"
    several = results("bound", path, *options, "--target", "kmnist", "fashion-mnist")
    assert set(pl.read_csv(several)["target"]) == {"kmnist", "fashion-mnist"}
    assert results("bound", path, *options) == several


def test_score(data: Path, tmp_path: Path) -> None:
    out = tmp_path / "scores.json"
    options = ["--scores", "knn, logme", "--target", "kmnist", "mnist", "--format", "csv"]
    done = run("score", data / "lenet-mnist.parquet", *options, "--out", out)
    assert (done.returncode, done.stderr) == (0, f"wrote {out}: 2 rows\n".encode())
    expected = pt.compute_scores(
        data / "lenet-mnist.parquet", targets=["kmnist", "mnist"], which=["knn_accuracy", "logme"]
    )
    assert expected.columns[:4] == ["model", "target", "knn_accuracy", "logme"]
    assert pl.read_csv(done.stdout, schema=expected.schema).equals(expected)
    assert pl.read_json(out, schema=expected.schema).equals(expected)


def test_score_prints_a_table_ranked_by_the_first_score(data: Path) -> None:
    lines = results("score", data, "--target", "kmnist", "--scores", "knn").decode().splitlines()
    assert [line.split()[0] for line in lines if line.startswith(" lenet")] == [
        *("lenet-kmnist", "lenet-usps", "lenet-mnist")
    ]


def test_score_needs_sources_for_scores_of_two_tasks(table: Path) -> None:
    assert_one_line(failure(1, "score", table, "--scores", "otdd"), "sources: needed for otdd")
    found = results("score", table, "--scores", "otdd", "--source", "old", "--format", "csv")
    assert pl.read_csv(found).select("source", "target").unique().rows() == [("old", "new")]


def test_score_of_unknown_name_is_one_line(table: Path) -> None:
    message = failure(1, "score", table, "--scores", "logmee")
    assert_one_line(message, "no score is called 'logmee'; did you mean 'logme'?")


def test_score_beside_a_leaderboard(table: Path, tmp_path: Path) -> None:
    board = tmp_path / "board.csv"
    board.write_text("model,target,accuracy\nnet0,new,0.5\nnet1,new,0.25\n")
    options = ["--scores", "gbc", "--target", "new", "--leaderboard", board, "--format", "csv"]
    done = run("score", table, *options)
    assert done.stderr == b"2 of 2 pairs of model and target are on the leaderboard\n"
    assert pl.read_csv(done.stdout)["accuracy"].to_list() == [0.5, 0.25]


def test_score_of_clusters_says_so(table: Path) -> None:
    found = results("score", table, "--scores", "gbc", "--clusters", "2", "--format", "csv")
    assert set(pl.read_csv(found)["labels"]) == {"pseudo"}
    assert b"labels" in results("score", table, "--scores", "gbc", "--clusters", "2")


def test_check_says_what_is_there(data: Path) -> None:
    done = run("check", data / "lenet-mnist.parquet", "--format", "csv")
    assert (done.returncode, done.stderr) == (0, b"no problems found\n")
    content = pl.read_csv(done.stdout)
    rows = content.select("model", "task", "split", "rows", "classes", "width", "nan").rows()
    assert rows == [
        ("lenet-mnist", task, split, count, 10, 200, 0)
        for task in ("mnist", "fashion-mnist", "kmnist")
        for split, count in (("train", 2000), ("test", 1000))
    ]


def test_check_prints_a_table(data: Path) -> None:
    done = run("check", data)
    assert (done.returncode, done.stderr) == (0, b"no problems found\n")
    assert done.stdout.decode().count("Array[Float32]") == 18


NAN = pl.lit([float("nan"), 0.0, 0.0], dtype=pl.Array(pl.Float64, 3))
NULL = pl.lit(None, dtype=pl.Array(pl.Float64, 3))
FIRST = pl.int_range(pl.len()) == 0
TRAIN, OLD = pl.col("split") == "train", pl.col("task") == "old"


def first(replacement: pl.Expr) -> pl.Expr:
    return pl.when(FIRST).then(replacement).otherwise("embedding").alias("embedding")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (first(NAN), "'embedding' has 1 row with NaN or infinite values"),
        (first(NULL), "'embedding' has 1 null"),
        (pl.when(~FIRST).then("label").alias("label"), "'label' has 1 null"),
        (pl.col("label").cast(pl.Float64), "'label' is Float64; expected integers, strings"),
        (pl.col("embedding").cast(pl.List(pl.Int8)), "'embedding' is List(Int8); expected an"),
        (
            pl.when(FIRST)
            .then(pl.lit([1.0]))
            .otherwise(pl.col("embedding").arr.to_list())
            .alias("embedding"),
            "'embedding' has rows of different width: [1, 3]",
        ),
        (
            pl.when(OLD & TRAIN).then(0).otherwise("label").alias("label"),
            "task = 'old': classes ['1', '2'] occur only outside split = 'train'",
        ),
        (pl.lit("test").alias("split"), "no rows with split = 'train' to fit on"),
        (pl.lit("train").alias("split"), "none are left to evaluate on"),
    ],
)
def test_check_finds(change: pl.Expr, message: str, tmp_path: Path) -> None:
    path = tmp_path / "bad.parquet"
    embedding_rows().with_columns(change).write_parquet(path)
    done = run("check", path)
    assert done.returncode == 1
    lines = done.stderr.decode().splitlines()
    assert all(line.startswith("transferability: ") for line in lines)
    assert any(message in line for line in lines)


def test_check_finds_missing_columns_and_no_table(table: Path, tmp_path: Path) -> None:
    lacking = tmp_path / "lacking.parquet"
    pl.read_parquet(table).drop("split", "label").write_parquet(lacking)
    message = failure(1, "check", lacking)
    assert "lacking.parquet: column 'split', 'label' not found" in message
    assert message.count("\n") == 1
    text = tmp_path / "text.parquet"
    text.write_text("no table")
    message = failure(1, "check", text)
    assert "text.parquet: cannot be read as a Parquet table" in message
    assert message.count("\n") == 1


# What is wrong -> the frame in the file, further arguments, and what is said of them.
BAD_INPUTS = {
    "unknown source": (embedding_rows(), ["--source", "x"], '`sources` names task "x"'),
    "NaN": (embedding_rows().with_columns(first(NAN)), [], '"embedding" of task "old" has 1 NaN'),
    "no split": (
        embedding_rows().drop("split"),
        [],
        "for tables without a split give --no-fit\n",
    ),
    "no task": (embedding_rows().drop("task"), [], "name the column of tasks with --task\n"),
    "no model": (embedding_rows().drop("model"), [], "name the column of models with --by\n"),
    "no label": (embedding_rows().drop("label"), [], "name the column of labels with --label\n"),
    "split of numbers": (
        embedding_rows().with_columns(split=1),
        [],
        'task "new" has no rows to learn from: its `--fit-split` is false for all 21 rows\n',
    ),
    "split of lists": (
        embedding_rows().with_columns(pl.concat_list("split")),
        [],
        "say which rows to fit on with --split and --fit-split",
    ),
    "key twice": (
        embedding_rows(),
        ["--by", "model", "--by", "model"],
        "by: 'model' is named more than once\n",
    ),
    "key of the result": (
        embedding_rows().rename({"model": "bound"}),
        ["--by", "bound"],
        "by: 'bound' cannot tell models apart, for the result has a column of that name; rename",
    ),
    "pattern": (
        embedding_rows(),
        ["--label", "^l.*$"],
        "label: Polars reads '^l.*$' as a pattern for several columns, not as the name of one",
    ),
    "no rows": (embedding_rows().clear(), [], "no rows in"),
    "l2": (embedding_rows(), ["--l2", "-1"], "l2: expected a finite number above 0"),
    "seed": (embedding_rows(), ["--seed", "-1"], "seed: expected an integer from 0"),
}


@pytest.mark.parametrize("bad", BAD_INPUTS)
def test_bad_input_is_one_line_and_exit_code_1(bad: str, tmp_path: Path) -> None:
    rows, arguments, expected = BAD_INPUTS[bad]
    rows.write_parquet(tmp_path / "bad.parquet")
    source = [] if "--source" in arguments else ["--source", "old"]
    assert_one_line(failure(1, "bound", tmp_path / "bad.parquet", *source, *arguments), expected)


def test_check_says_what_to_do_in_words_of_the_shell(tmp_path: Path) -> None:
    path = tmp_path / "lacking.parquet"
    for column, cure in {
        "split": "for tables without a split give --no-fit",
        "task": "name the column of tasks with --task",
        "model": "name the column of models with --model",
    }.items():
        embedding_rows().drop(column).write_parquet(path)
        assert_one_line(failure(1, "check", path), f"{cure}\n")


@pytest.mark.parametrize("name", ["target", "accuracy", "size", "mean_accuracy_elsewhere"])
def test_key_is_called_like_no_column_of_the_leaderboard(name: str, tmp_path: Path) -> None:
    path, board = tmp_path / "renamed.parquet", tmp_path / "board.csv"
    embedding_rows().rename({"model": name}).write_parquet(path)
    board.write_text("model,target,accuracy,size\nnet0,new,0.5,1\n")
    options = ["--by", name, "--leaderboard", board, "--leaderboard-static", "size"]
    message = failure(1, "bound", path, "--source", "old", *options)
    assert_one_line(message, f"by: '{name}' is what a column beside the results is called")


def test_split_of_numbers_is_named_as_text(table: Path, tmp_path: Path) -> None:
    numbered = tmp_path / "numbered.parquet"
    split = (pl.col("split") == "train").cast(pl.Int8)
    pl.read_parquet(table).with_columns(split.alias("split")).write_parquet(numbered)
    options = ["--scores", "gbc", "--format", "csv"]
    expected = results("score", table, *options)
    assert results("score", numbered, *options, "--fit-split", "1") == expected
    assert run("check", numbered, "--fit-split", "1").returncode == 0


def test_a_bucket_out_of_reach_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    # Nobody listens there.
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:1")
    for command in ("check", "score"):
        message = failure(1, command, "s3://there-is-no-such-bucket/x.parquet")
        assert_one_line(message, "s3://there-is-no-such-bucket/x.parquet: cannot be read as")


def test_own_results_are_left_out_and_said(table: Path, tmp_path: Path) -> None:
    options = ["--scores", "gbc", "--format", "csv"]
    out = tmp_path / "scores.parquet"
    first = run("score", tmp_path, *options, "--out", out)
    second = run("score", tmp_path, *options)
    assert second.stdout == first.stdout
    assert second.stderr.decode() == f"left out what this package computed: {out}\n"
    message = failure(1, "score", out, *options)
    assert_one_line(message, "scores.parquet: holds scores that this package computed, not embed")


def test_no_file_and_no_parquet_are_one_line_and_exit_code_1(tmp_path: Path) -> None:
    path = tmp_path / "text.parquet"
    assert_one_line(failure(1, "bound", path, "--source", "old"), "no such file: '")
    path.write_text("no table")
    assert_one_line(failure(1, "bound", path, "--source", "old"), "text.parquet")


def assert_one_line(message: str, expected: str) -> None:
    assert message.startswith("transferability: ")
    assert message.count("\n") == 1
    assert expected in message
    # No plan of the query behind it.
    assert "This error occurred" not in message


@pytest.mark.parametrize(
    "arguments",
    [
        ["bound"],
        ["bound", "x.parquet"],
        ["bound", "--source", "old"],
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


@pytest.mark.parametrize("arguments", [["--help"], ["bound", "--help"], ["check", "--help"]])
def test_help(arguments: list[str]) -> None:
    assert b"transferability" in results(*arguments)


def test_version() -> None:
    assert results("--version").decode().strip() == pt.__version__
    assert python("-m", "polars_transferability", "--version") == pt.__version__


def python(*arguments: str) -> str:
    """What another Python prints."""
    done = subprocess.run([sys.executable, *arguments], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout.strip()


HEAVY = {"polars", "sqlglot", "rich", "altair", "great_tables", "vl_convert", "cyclopts"}


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
