"""Leaderboards that others published."""

from __future__ import annotations

import json
from pathlib import Path

import polars as pl
import polars_transferability as pt
import pytest


def test_a_long_and_a_wide_leaderboard_of_each_kind(shared: Path) -> None:
    boards = shared / "leaderboards"
    supervised = pt.read_leaderboard(boards / "supervised_11x11.csv", target="dataset")
    assert (supervised["model"].n_unique(), supervised["target"].n_unique()) == (11, 11)
    assert supervised.height == 121
    zoo = pt.read_leaderboard(
        boards / "imagenet_zoo_10x8.csv", target="dataset", accuracy="finetuned_acc"
    )
    assert (zoo["model"].n_unique(), zoo["target"].n_unique(), zoo.height) == (10, 8, 80)
    lenets = pt.read_leaderboard(boards / "lenet_finetuned.csv")
    assert lenets.filter(model="lenet-mnist", target="usps")["accuracy"].item() == 0.946
    medical = pt.read_leaderboard(boards / "medmnist_model_aucs.csv", model="source")
    assert "" not in medical["target"]
    assert medical["target"].n_unique() == 11
    value = medical.filter(model="densenet", target="octmnist")["accuracy"].item()
    assert value == pytest.approx(98.17946666666668)


def test_scores_of_one_wide_file_against_another(shared: Path) -> None:
    boards = shared / "leaderboards"
    logme = pt.read_leaderboard(boards / "medmnist_model_logme.csv", model="source")
    joined = pt.join_leaderboard(
        logme.rename({"accuracy": "logme"}),
        pt.read_leaderboard(boards / "medmnist_model_aucs.csv", model="source"),
    )
    assert joined.report().count("\n") == 0
    quality = pt.compare(joined, scores="logme")
    assert quality.height == 2 * logme["target"].n_unique()
    assert quality["kendall_tau"].null_count() == 0


def test_correlations_of_published_scores_equal_the_reference(shared: Path) -> None:
    path = shared / "leaderboards" / "imagenet_zoo_10x8.csv"
    scores = ["hscore", "leep", "logme", "nce"]
    joined = pt.join_leaderboard(
        pl.read_csv(path).rename({"dataset": "target"}).select("model", "target", *scores),
        pt.read_leaderboard(path, target="dataset", accuracy="finetuned_acc"),
    )
    assert joined.report() == "80 of 80 pairs of model and target are on the leaderboard"
    quality = pt.compare(joined, scores=scores)
    by_score = joined.frame.group_by("target").agg(
        pt.weighted_tau(score, "accuracy", rank="none").alias(score) for score in scores
    )
    reference = json.loads((shared / "reference" / "rank_correlations.json").read_text())["values"]
    assert len(reference) == 32
    for expected in reference:
        (found,) = quality.filter(target=expected["dataset"], score=expected["score"]).to_dicts()
        names = {
            "pearson": "pearson",
            "spearman": "spearman",
            "kendall": "kendall_tau",
            "weighted_tau_rank_true": "weighted_tau",
        }
        for theirs, ours in names.items():
            assert found[ours] == pytest.approx(expected[theirs], rel=1e-12, abs=1e-12)
        none = by_score.filter(target=expected["dataset"])[expected["score"]].item()
        assert none == pytest.approx(expected["weighted_tau_rank_none"], rel=1e-12, abs=1e-12)
    assert quality.filter(pl.col("trivial")).height == 8
