"""`transferability bound`: its formats, its options and the leaderboard beside it."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import polars as pl
import polars_transferability as pt
import pytest
from commands import QUICK, assert_one_line, failure, results, run
from registry import embedding_rows


@pytest.fixture(scope="module")
def expected(data: Path) -> pl.DataFrame:
    path = data / "lenet-mnist.parquet"
    return pt.compute_bounds(path, sources=["mnist"], targets=["kmnist"], max_rows_per_class=5)


def test_csv(data: Path, expected: pl.DataFrame) -> None:
    found = results("bound", data / "lenet-mnist.parquet", *QUICK, "--format", "csv")
    flat = expected.drop("by_class").with_columns(problems=pl.lit(None, pl.String))
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


@pytest.mark.parametrize(
    ("options", "arguments"),
    [
        (["--source-rows", "all"], {"source_rows": "all"}),
        (["--target-label", "opinion"], {"target_label": "opinion"}),
        (["--target-clusters", "2"], {"target_clusters": 2}),
        (["--max-target-rows-per-class", "2"], {"max_target_rows_per_class": 2}),
        (["--confidence", "0.8"], {"confidence": 0.8}),
        (["--probe"], {"probe": True}),
        (["--seeds", "3", "--seed", "2"], {"seeds": 3, "seed": 2}),
    ],
    ids=lambda value: value[0] if isinstance(value, list) else "",
)
def test_options_beyond_one_plain_bound(
    options: list[str], arguments: dict[str, Any], table: Path
) -> None:
    rows = pl.read_parquet(table)
    rows.with_columns(opinion=pl.col("label") % 2).write_parquet(table)
    plain = pt.compute_bounds(table, sources=["old"], targets=["new"])
    expected = pt.compute_bounds(table, sources=["old"], targets=["new"], **arguments)
    assert not expected.equals(plain)
    pair = ["bound", table, "--source", "old", "--target", "new"]
    found = results(*pair, *options, "--format", "json")
    assert pl.read_json(found, schema=expected.schema).equals(expected)
    text = results(*pair, *options).decode()
    further = ["bound_high", "accuracy_low", "probe_loss", "probe_accuracy", "gap"]
    for name in {"bound", *further} & {*expected.columns}:
        assert all(f" {value:.4f}" in text for value in expected[name])
    for name, heading in (("bound_high", "high"), ("probe_loss", "probe"), ("gap", "gap")):
        assert (heading in text.partition("─")[0].split()) == (name in expected.columns)
    assert ("about pseudo-labels" in text) == (expected["labels"] == "pseudo").all()


@pytest.mark.parametrize(
    ("code", "options", "expected"),
    [
        (1, ["--target-clusters", "1"], "--target-clusters: expected an integer from 2 to"),
        (1, ["--target-clusters", "300"], "there are 11 rows, too few for 300 clusters"),
        (
            1,
            ["--target-clusters", "3", "--target-label", "label"],
            "--target-clusters: stand in for the labels of targets, and so does what is named with "
            "--target-label; give one of them",
        ),
        (
            1,
            ["--target-label", "opinion"],
            "table.parquet: column 'opinion' not found; there are ['model', 'task', 'label', "
            "'split', 'embedding']; name the column of labels for targets with --target-label\n",
        ),
        (1, ["--max-target-rows-per-class", "0"], "--max-target-rows-per-class: expected an integ"),
        (1, ["--confidence", "95"], "--confidence: expected a number between 0 and 1, found 95"),
        (1, ["--seeds", "0"], "--seeds: expected an integer from 1 to"),
    ],
)
def test_wrong_values_are_named_as_the_shell_spells_them(
    code: int, options: list[str], expected: str, table: Path
) -> None:
    assert_one_line(failure(code, "bound", table, "--source", "old", *options), expected)


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
    beside = pt.compute_scores(files, targets=["kmnist"], scores=["knn_accuracy", "logme"])
    for name in ("knn_accuracy", "logme"):
        assert found[name].to_list() == beside[name].to_list()
    assert found.columns[-1] == "consensus"
    ranked = pt.consensus(-pl.col("bound"), "knn_accuracy", "logme").alias("consensus")
    assert found.equals(found.with_columns(ranked))
    text = run("bound", *files, *QUICK, "--leaderboard", board).stdout.decode()
    assert "sensus" in text
    assert "leaderboard" in text
    (row,) = [line.split() for line in text.splitlines() if line.startswith(" lenet-mnist")]
    assert row[-3:] == ["0.9000", "0.7000", f"{found['consensus'][0]:.4f}"]


def test_leaderboard_with_other_names(table: Path, tmp_path: Path) -> None:
    board, renamed = tmp_path / "board.parquet", tmp_path / "renamed.parquet"
    pl.read_parquet(table).rename({"model": "network"}).write_parquet(renamed)
    rows = {"net": ["net0", "net1"], "data": ["new"] * 2, "top1": [0.5, 0.6]}
    rows |= {"top5, at least": [0.9, 0.9], "size": [1, 2]}
    pl.DataFrame(rows).write_parquet(board)
    options = ["--source", "old", "--by", "network", "--leaderboard", board, "--format", "csv"]
    names = ["--leaderboard-model", "net", "--leaderboard-target", "data"]
    names += ["--leaderboard-accuracy", "top1", "--leaderboard-static", "top5, at least", "size"]
    done = run("bound", renamed, *options, *names)
    assert done.stderr == b"2 of 2 pairs of model and target are on the leaderboard\n"
    found = pl.read_csv(done.stdout).select("network", "accuracy", "top5, at least", "size")
    assert found.rows() == [("net0", 0.5, 0.9, 1), ("net1", 0.6, 0.9, 2)]
    assert b" 0.9000" in run("bound", renamed, *options[:-2], *names).stdout


def test_bad_leaderboard_is_one_line_before_any_bound(table: Path, tmp_path: Path) -> None:
    board = tmp_path / "board.csv"
    options = [table, "--source", "old", "--leaderboard", board]
    assert_one_line(failure(1, "bound", *options), "no such file: '")
    board.write_text("model,corpus,top1\nnet0,new,0.5\n")
    assert_one_line(
        failure(1, "bound", *options), "name the column of targets with --leaderboard-target\n"
    )
    assert "so one --model" in failure(2, "bound", *options, "--by", "model", "task")


def test_several_targets_and_all_targets(data: Path) -> None:
    options = ["--source", "mnist", "--max-rows-per-class", "2", "--transform", "identity"]
    options += ["--format", "csv"]
    path = data / "lenet-mnist.parquet"
    several = results("bound", path, *options, "--target", "kmnist", "fashion-mnist")
    assert set(pl.read_csv(several)["target"]) == {"kmnist", "fashion-mnist"}
    assert results("bound", path, *options) == several


@pytest.mark.parametrize("name", ["target", "accuracy", "size", "mean_accuracy_elsewhere"])
def test_key_is_called_like_no_column_of_the_leaderboard(name: str, tmp_path: Path) -> None:
    path, board = tmp_path / "renamed.parquet", tmp_path / "board.csv"
    embedding_rows().rename({"model": name}).write_parquet(path)
    board.write_text("model,target,accuracy,size\nnet0,new,0.5,1\n")
    options = ["--by", name, "--leaderboard", board, "--leaderboard-static", "size"]
    message = failure(1, "bound", path, "--source", "old", *options)
    assert_one_line(message, f"--model: '{name}' is what a column beside the results is called")
