"""`transferability score`."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import polars_transferability as pt
from commands import assert_one_line, failure, results, run
from registry import source_groups


def test_score(data: Path, tmp_path: Path) -> None:
    out = tmp_path / "scores.json"
    options = ["--scores", "knn, logme", "--target", "kmnist", "mnist", "--format", "csv"]
    done = run("score", data / "lenet-mnist.parquet", *options, "--out", out)
    assert (done.returncode, done.stderr) == (0, f"wrote {out}: 2 rows\n".encode())
    expected = pt.compute_scores(
        data / "lenet-mnist.parquet", targets=["kmnist", "mnist"], scores=["knn_accuracy", "logme"]
    )
    assert expected.columns[:4] == ["model", "target", "knn_accuracy", "logme"]
    # There is one model, so nothing for it to be above or below.
    expected = expected.with_columns(consensus=pl.lit(0.5))
    flat = expected.with_columns(problems=pl.lit(None, pl.String))
    assert pl.read_csv(done.stdout, schema=flat.schema).equals(flat)
    assert pl.read_json(out, schema=expected.schema).equals(expected)


def test_score_prints_a_table_ranked_by_the_first_score(lenets: Path) -> None:
    lines = results("score", lenets, "--target", "kmnist", "--scores", "knn").decode().splitlines()
    assert [line.split()[0] for line in lines if line.startswith(" lenet")] == [
        *("lenet-kmnist", "lenet-usps", "lenet-mnist")
    ]


def test_the_last_column_is_the_consensus_of_knn_and_logme(lenets: Path) -> None:
    shown = results("score", lenets, "--scores", "logme,knn,gbc", "--format", "csv")
    found = pl.read_csv(shown)
    assert found.columns[-1] == "consensus"
    of_target = pt.consensus("knn_accuracy", "logme").over("target").alias("consensus")
    assert found.equals(found.with_columns(of_target))
    assert found["consensus"].n_unique() > 2
    shown = results("score", lenets, "--scores", "logme", "--format", "csv")
    assert "consensus" not in pl.read_csv(shown).columns


def test_how_sure_the_ranking_is(lenets: Path) -> None:
    options = ["--scores", "knn,logme", "--target", "fashion-mnist", "mnist", "--rank-confidence"]
    found = pl.read_csv(results("score", lenets, *options, "--format", "csv"))
    figures = ["p_best", "p_top_k", "rank_low", "rank_high"]
    sure = pt.rank_confidence(lenets, targets=["fashion-mnist", "mnist"])
    keys = ["target", "model"]
    expected = sure.select(*keys, pl.col(figures)).sort(keys)
    assert found.select(*keys, *figures).sort(keys).rows() == expected.rows()
    told = results("score", lenets, *options).decode()
    assert told.endswith(
        "\n fashion-mnist: use lenet-usps, first in 80 % of the draws of its evaluation rows; "
        "lenet-kmnist is as good within the noise.\n"
        " mnist: use lenet-mnist, first in 100 % of the draws of its evaluation rows.\n\n"
    )
    other = pl.read_csv(results("score", lenets, *options, "--seed", "1", "--format", "csv"))
    assert other["p_best"].to_list() != found["p_best"].to_list()
    message = failure(2, "score", lenets, *options, "--clusters", "2")
    assert_one_line(message, "--rank-confidence classifies by labels; leave --clusters out")


def test_without_a_source_scores_of_two_tasks_take_every_task(table: Path) -> None:
    found = results("score", table, "--scores", "otdd", "--format", "csv")
    pairs = pl.read_csv(found).select("source", "target").unique(maintain_order=True).rows()
    assert sorted(pairs) == [("new", "old"), ("old", "new")]
    found = results("score", table, "--scores", "otdd", "--source", "old", "--format", "csv")
    assert pl.read_csv(found).select("source", "target").unique().rows() == [("old", "new")]


def test_scores_of_two_tasks_alone_are_a_table(table: Path) -> None:
    shown = results("score", table, "--scores", "otdd", "--target", "new").decode()
    heading, *rows = [line.split() for line in shown.splitlines() if line.startswith(" ")]
    assert heading == ["model", "source", "target", "otdd"]
    assert rows[1][:3] == ["net0", "old", "new"]


def test_scores_of_tables_without_labels(tmp_path: Path) -> None:
    rows = source_groups(2)
    rows.drop("label").write_parquet(tmp_path / "unlabelled.parquet")
    options = ["--scores", "nuclear_norm,prediction_entropy", "--format", "csv"]
    found = pl.read_csv(results("score", tmp_path / "unlabelled.parquet", *options))
    expected = pt.compute_scores(rows, scores=["nuclear_norm", "prediction_entropy"])
    assert found["nuclear_norm"].to_list() == expected["nuclear_norm"].to_list()
    shown = results("score", tmp_path / "unlabelled.parquet", *options[:2]).decode()
    assert "highest nuclear norm" in shown
    assert "labels" not in shown
    old = pl.col("task") == "old"
    rows.with_columns(label=pl.when(old).then("label")).write_parquet(tmp_path / "half.parquet")
    options = ["--scores", "tetot", "--source", "old", "--target", "new", "--format", "csv"]
    found = pl.read_csv(results("score", tmp_path / "half.parquet", *options))
    expected = pt.compute_scores(rows, scores="tetot", sources=["old"], targets=["new"])
    assert found["tetot"].to_list() == expected["tetot"].to_list()


def test_score_of_unknown_name_is_one_line(table: Path) -> None:
    message = failure(1, "score", table, "--scores", "logmee")
    assert_one_line(message, "no score is called 'logmee'; did you mean 'logme'?")
    for name, near in (("KNN", "knn"), ("LogME", "logme"), ("H-Score", "h_score")):
        message = failure(1, "score", table, "--scores", name)
        assert_one_line(message, f"no score is called '{name}'; did you mean '{near}'?")


LEADERBOARD = """model,target,finetuned
lenet-mnist,kmnist,0.9
lenet-mnist,mnist,0.7
LeNet-USPS,kmnist,0.8
"""


def test_score_beside_a_leaderboard(table: Path, tmp_path: Path) -> None:
    board = tmp_path / "board.csv"
    board.write_text("model,target,accuracy\nnet0,new,0.5\nnet1,new,0.25\n")
    options = ["--scores", "gbc", "--target", "new", "--leaderboard", board, "--format", "csv"]
    done = run("score", table, *options)
    assert done.stderr == b"2 of 2 pairs of model and target are on the leaderboard\n"
    assert pl.read_csv(done.stdout)["accuracy"].to_list() == [0.5, 0.25]


def test_a_metric_of_a_leaderboard_is_chosen(table: Path, tmp_path: Path) -> None:
    board = tmp_path / "corpus.csv"
    records = [f"net{i},new,{name},0.{i + 1}" for i in range(2) for name in ("f1", "mcc", "glow")]
    board.write_text("\n".join(["model,dataset,metric,value", *records]))
    options = ["score", table, "--scores", "gbc", "--target", "new", "--leaderboard", board]
    assert_one_line(
        failure(1, *options),
        f"{board}: target 'new' has several metrics, 'f1', 'mcc', 'glow'; "
        "choose one with --leaderboard-metric\n",
    )
    asked = [*options, "--format", "csv", "--leaderboard-metric"]
    assert_one_line(
        failure(1, *asked, "glow"),
        "say so with --leaderboard-higher-is-better or --leaderboard-lower-is-better\n",
    )
    lower = run(*asked, "none", "glow", "--leaderboard-lower-is-better", "glow")
    assert b"no metric 'none'" in lower.stderr
    done = run(*asked, "glow", "--leaderboard-lower-is-better", "glow")
    assert done.stderr.decode().splitlines()[0] == (
        f"{board}: the accuracies are 'glow' of 1 target (less is better, so it is turned round)"
    )
    assert pl.read_csv(done.stdout)["accuracy"].to_list() == [-0.1, -0.2]


def test_files_of_one_target_each_are_one_leaderboard(table: Path, tmp_path: Path) -> None:
    for target, accuracy in (("new", 50.0), ("other", 70.0)):
        path = tmp_path / f"results-{target}.csv"
        path.write_text(f"model,top1,top5\nnet0,{accuracy},99.0\nnet1,60.0,99.0\n")
    options = ["--scores", "gbc", "--target", "new", "--format", "csv"]
    done = run("score", table, *options, "--leaderboard", tmp_path / "results-*.csv")
    found = pl.read_csv(done.stdout)
    assert found["accuracy"].to_list() == [50.0, 60.0]
    assert found["mean_accuracy_elsewhere"].to_list() == [70.0, 60.0]


def test_score_of_clusters_says_so(table: Path) -> None:
    found = results("score", table, "--scores", "gbc", "--clusters", "2", "--format", "csv")
    assert set(pl.read_csv(found)["labels"]) == {"pseudo"}
    assert b"labels" in results("score", table, "--scores", "gbc", "--clusters", "2")


def test_split_of_numbers_is_named_as_text(table: Path, tmp_path: Path) -> None:
    numbered = tmp_path / "numbered.parquet"
    split = (pl.col("split") == "train").cast(pl.Int8)
    pl.read_parquet(table).with_columns(split.alias("split")).write_parquet(numbered)
    options = ["--scores", "gbc", "--format", "csv"]
    expected = results("score", table, *options)
    assert results("score", numbered, *options, "--fit-split", "1") == expected
    assert run("check", numbered, "--fit-split", "1").returncode == 0
