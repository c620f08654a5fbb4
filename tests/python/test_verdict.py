"""`verdict`: the best model of each target, and whether its lead is more than noise."""

from __future__ import annotations

import math
import re
from pathlib import Path

import numpy as np
import polars as pl
import polars_transferability as pt
import pytest
from commands import run, run_in_terminal
from scipy.stats import chi2_contingency


def knn(*shares: float, n: int = 100, target: str = "pets") -> pl.DataFrame:
    names = [f"net{place}" for place in range(len(shares))]
    return pl.DataFrame({"model": names, "knn_accuracy": list(shares)}).with_columns(
        target=pl.lit(target), n_evaluated=pl.lit(n)
    )


def outcome(rows: pl.DataFrame) -> str:
    return str(pt.verdict(rows)["outcome"].item())


def test_best_and_runner_up_of_each_target() -> None:
    rows = pl.concat([knn(0.5, 0.9, 0.8), knn(0.7, 0.6, 0.1, target="cars")])
    found = pt.verdict(rows)
    columns = ["target", "score", "best", "value", "runner_up", "runner_up_value"]
    assert found.select(columns).rows() == [
        ("cars", "knn_accuracy", "net0", 0.7, "net1", 0.6),
        ("pets", "knn_accuracy", "net1", 0.9, "net2", 0.8),
    ]
    assert found["difference"].to_list() == pytest.approx([0.1, 0.1])
    assert found["n"].to_list() == [100, 100]


@pytest.mark.parametrize(
    ("n", "best", "other"),
    [(50, 49, 40), (50, 44, 40), (4, 4, 1), (1000, 760, 743), (1000, 990, 951), (20, 20, 13)],
)
def test_the_noise_is_that_of_two_proportions_with_yates_correction(
    n: int, best: int, other: int
) -> None:
    table = [[best, n - best], [other, n - other]]
    p = chi2_contingency(table, correction=True).pvalue
    found = pt.verdict(knn(best / n, other / n, n=n))
    assert found["outcome"].item() == ("more than noise" if p < 0.05 else "within noise")
    mean = (best + other) / 2 / n
    assert found["noise"].item() == pytest.approx(
        1.96 * math.sqrt(2 * mean * (1 - mean) / n) + 1 / n, rel=1e-12
    )


@pytest.mark.parametrize("models", [2, 3, 10])
def test_equal_models_seldom_seem_to_differ(models: int) -> None:
    random, n = np.random.default_rng(0), 200
    alarms = [
        outcome(knn(*(random.binomial(n, 0.8, models) / n), n=n)) == "more than noise"
        for _ in range(400)
    ]
    assert np.mean(alarms) < 0.06


def test_what_cannot_be_tested_is_not() -> None:
    rows = pl.DataFrame({"model": ["a", "b"], "target": "pets", "logme": [0.5, 0.7]})
    found = pt.verdict(rows).row(0, named=True)
    assert (found["best"], found["outcome"], found["noise"]) == ("b", "not tested", None)
    assert "is not tested: its spread is not known." in found["verdict"]
    assert outcome(knn(0.5, 0.9).drop("n_evaluated")) == "not tested"


def test_a_probe_is_tested_on_rows_held_out_only(rows: pl.DataFrame) -> None:
    probe = knn(0.5, 0.9).rename({"knn_accuracy": "linear_probe_accuracy"})
    held_out = probe.with_columns(linear_probe_loss=0.5, linear_probe_train_loss=0.25)
    assert outcome(held_out) == "more than noise"
    assert outcome(held_out.with_columns(linear_probe_loss=0.25)) == "not tested"
    both = pl.concat([rows.with_columns(model=pl.lit(name)) for name in ("a", "b")])
    noisy = pl.when(pl.col("model") == "a").then(pl.col("embedding").shuffle(0))
    worse = both.with_columns(embedding=noisy.otherwise("embedding"))
    fitted_on = pt.compute_scores(worse, fit=None, scores=["linear_probe"])
    assert fitted_on["linear_probe_accuracy"].n_unique() > 1
    assert set(pt.verdict(fitted_on)["outcome"]) == {"not tested"}


def test_ties_and_single_models() -> None:
    assert outcome(knn(0.5, 0.5)) == "tie"
    assert pt.verdict(knn(0.5, 0.5))["verdict"].item().endswith("They tie.")
    assert outcome(knn(0.5)) == "only one model"
    assert pt.verdict(knn(0.5))["runner_up"].item() is None
    nulls = knn(0.5, 0.7).with_columns(
        knn_accuracy=pl.when(pl.col("model") == "net0").then("knn_accuracy")
    )
    assert outcome(nulls) == "only one model"


BOUNDS = pl.DataFrame(
    {
        "model": ["a", "a", "b", "b"],
        "source": ["s", "t", "s", "t"],
        "target": "pets",
        "bound": [1.5, 0.75, 1.0, 2.0],
        "vacuous": False,
        "target_accuracy": [0.8, 0.7, 0.95, 0.7],
    }
)


def test_of_bounds_from_several_sources_the_lowest_of_a_model_counts() -> None:
    found = pt.verdict(BOUNDS).row(0, named=True)
    assert (found["score"], found["best"], found["value"]) == ("bound", "a from t", 0.75)
    assert (found["runner_up"], found["runner_up_value"]) == ("b from s", 1.0)
    assert (found["outcome"], found["vacuous"]) == ("not tested", False)
    assert "a from t has the lowest bound, 0.7500" in found["verdict"]
    accuracy = pt.verdict(BOUNDS, score="target_accuracy").row(0, named=True)
    assert (accuracy["best"], accuracy["outcome"]) == ("b from s", "not tested")


def test_a_bound_above_the_trivial_loss_says_nothing() -> None:
    found = pt.verdict(BOUNDS.with_columns(vacuous=True)).row(0, named=True)
    assert found["vacuous"]
    assert found["verdict"].endswith("Neither says anything: guessing has a lower loss.")


@pytest.mark.parametrize("state", ["no better than guessing", "vacuous"])
def test_a_lead_among_bounds_that_say_no_more_than_guessing_is_none(state: str) -> None:
    found = pt.verdict(BOUNDS.with_columns(state=pl.lit(state))).row(0, named=True)
    assert found["outcome"] == "no better than guessing"
    assert found["verdict"].endswith("Neither is better than guessing.")
    better = pt.verdict(BOUNDS.with_columns(state=pl.lit("better than guessing")))
    assert better["outcome"].item() == "not tested"
    accuracy = pt.verdict(BOUNDS.with_columns(state=pl.lit(state)), score="target_accuracy")
    assert accuracy["outcome"].item() == "not tested"


def test_pseudo_labels_are_spoken_of() -> None:
    assert "pseudo" not in pt.verdict(BOUNDS.with_columns(labels=pl.lit("given")))["verdict"][0]
    (told,) = pt.verdict(BOUNDS.with_columns(labels=pl.lit("pseudo")))["verdict"]
    sentence = (
        "about pseudo-labels, which may differ from model to model; what holds for the true labels "
        "is not known."
    )
    assert f" This is {sentence}" in told
    kind = pl.when(pl.int_range(pl.len()) == 0).then(pl.lit("pseudo")).otherwise(pl.lit("given"))
    (told,) = pt.verdict(knn(0.5, 0.9).with_columns(labels=kind))["verdict"]
    assert told.endswith(f" For some of the models this is {sentence}")


@pytest.mark.parametrize(
    ("counts", "told"),
    [
        ([300, 300, 300, 300, 300], None),
        ([500, 300, 500, 300, None], "n = 300 and 500."),
        ([500, 300, 400, 300, 300], "n = 300, 400 and 500."),
        ([5, 4, 3, 2, 1], "n from 1 to 5."),
    ],
)
def test_models_measured_on_different_rows_are_spoken_of(
    counts: list[int | None], told: str | None
) -> None:
    shares = knn(0.9, 0.8, 0.7, 0.6, 0.5)
    of_shares = shares.with_columns(n_evaluated=pl.Series(counts), n=pl.Series([1, 2, 3, 4, 5]))
    scores = of_shares.rename({"knn_accuracy": "logme", "n": "n_evaluated", "n_evaluated": "n"})
    bounds = of_shares.rename({"knn_accuracy": "bound", "n_evaluated": "n_target"})
    for found in (of_shares, scores, bounds):
        (verdict,) = pt.verdict(found)["verdict"]
        expected = f" Models were measured on different rows: {told}"
        assert verdict.endswith(expected) if told else "different rows" not in verdict
    # A model without a value is not judged, and so not compared.
    lost = pl.when(pl.col("n_evaluated") == 300).then("knn_accuracy").alias("knn_accuracy")
    assert "different rows" not in pt.verdict(of_shares.with_columns(lost))["verdict"][0]


def test_agreement_is_that_of_compare(data: Path, lenets: Path) -> None:
    scores = pt.compute_scores(lenets, scores=["knn", "logme"])
    joined = pt.join_leaderboard(scores, data / "lenet_finetuned.csv")
    found = pt.verdict(joined)
    quality = pt.compare(joined, scores=["knn_accuracy"])
    for row in found.iter_rows(named=True):
        own = quality.filter(target=row["target"]).sort("trivial")["spearman"].to_list()
        assert [row["agreement"], row["trivial_agreement"]] == own
        assert row["models"] == 3
        assert row["verdict"].endswith("too few models to judge by.")
    assert pt.verdict(scores)["agreement"].is_null().all()
    static = joined.frame.drop("mean_accuracy_elsewhere")
    assert pt.verdict(static)["trivial_agreement"].is_null().all()


def test_five_models_are_enough_to_judge_by() -> None:
    rows = knn(0.5, 0.6, 0.7, 0.8, 0.9).with_columns(accuracy=pl.col("knn_accuracy") / 2)
    (sentence,) = pt.verdict(rows)["verdict"]
    assert sentence.endswith("with the leaderboard over 5 models is 1.00.")


def test_names_of_columns_are_arguments() -> None:
    rows = knn(0.5, 0.9).rename({"model": "net", "target": "task"})
    rows = rows.with_columns(version=1)
    found = pt.verdict(rows, model=["net", "version"], target="task")
    assert found["best"].to_list() == ["net1, 1"]
    assert found["target"].to_list() == ["pets"]


def test_a_column_of_models_is_no_score() -> None:
    rows = knn(0.5, 0.9).rename({"knn_accuracy": "h_score"}).drop("model")
    numbered = rows.with_columns(gbc=pl.Series([7, 8])).select("gbc", pl.exclude("gbc"))
    assert pt.verdict(numbered, model="gbc").select("score", "best").row(0) == ("h_score", "8")


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: pt.verdict([]), TypeError, "results: expected what compute_scores, compute_bou"),
        (lambda: pt.verdict(knn(0.5), score="logme"), pl.exceptions.ColumnNotFoundError, "'logme'"),
        (lambda: pt.verdict(knn(0.5), score="target"), TypeError, "'target' is String; expected"),
        (
            lambda: pt.verdict(knn(0.5).drop("model")),
            pl.exceptions.ColumnNotFoundError,
            "column 'model' not found",
        ),
        (
            lambda: pt.verdict(knn(0.5).drop("knn_accuracy")),
            ValueError,
            "no column is a bound or a score that this package computes",
        ),
    ],
)
def test_bad_input(call: object, error: type[Exception], message: str) -> None:
    assert callable(call)
    with pytest.raises(error, match=re.escape(message)):
        call()


def test_the_command_closes_with_it(data: Path, lenets: Path, tmp_path: Path) -> None:
    board = ["--leaderboard", data / "lenet_finetuned.csv"]
    done = run("score", lenets, "--scores", "logme,knn", *board, "--out", tmp_path / "s.parquet")
    joined = pl.read_parquet(tmp_path / "s.parquet")
    sentences = pt.verdict(joined)["verdict"].to_list()
    assert [line.strip() for line in done.stdout.decode().splitlines()[-4:-1]] == sentences
    options = ["--source", "mnist", "--max-rows-per-class", "5", "--l2", "0.1"]
    bounds = [*("bound", lenets, *options), "--out", tmp_path / "b.parquet"]
    narrow = run_in_terminal(60, *bounds).stdout.decode()
    assert max(map(len, narrow.splitlines())) <= 60
    found = pl.read_parquet(tmp_path / "b.parquet")
    assert " ".join(narrow.split()).endswith(" ".join(pt.verdict(found)["verdict"]))


@pytest.mark.parametrize("form", ["csv", "json", "parquet"])
def test_formats_for_machines_have_no_sentences(form: str, data: Path) -> None:
    options = ["--scores", "knn", "--target", "mnist", "--format", form]
    assert b"has the highest" not in run("score", data / "lenet-mnist.parquet", *options).stdout


def test_a_score_that_could_not_be_computed_ranks_nothing() -> None:
    scores = knn(0.5, 0.9).with_columns(logme=pl.Series([0.2, 0.1]))
    assert pt.verdict(scores)["score"].item() == "knn_accuracy"
    lost = scores.with_columns(knn_accuracy=pl.lit(None, dtype=pl.Float64))
    assert pt.verdict(lost).select("score", "not_judged").row(0) == ("logme", 0)


def test_clusters_of_each_model_are_not_tested_against_each_other() -> None:
    (outcome,) = pt.verdict(knn(0.5, 0.9).with_columns(labels=pl.lit("pseudo")))["outcome"]
    assert outcome == "not tested"


def test_values_that_are_no_numbers_or_no_shares() -> None:
    found = pl.DataFrame(
        {
            "model": ["a", "b", "c"],
            "target": "t",
            "knn_accuracy": [float("nan"), 0.5, 0.25],
            "n_evaluated": 100,
        }
    )
    (row,) = pt.verdict(found).to_dicts()
    assert (row["best"], row["not_judged"]) == ("b", 1)
    with pytest.raises(ValueError, match="divide accuracies in percent by 100"):
        pt.verdict(found.with_columns(pl.col("knn_accuracy") * 100))
