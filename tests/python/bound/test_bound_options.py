"""What each further option of a bound does: source rows, few labels, none, claims, probe, seeds."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import polars as pl
import polars_transferability as pt
import pytest
from polars.testing import assert_frame_equal
from registry import NEW, OLD, TRAIN, embedding_rows
from scipy import stats

SOURCE, TARGET = pt.task(where=OLD, fit=TRAIN), pt.task(where=NEW, fit=TRAIN)
# Every option, with a value that is not its default.
OPTIONS: dict[str, Mapping[str, Any]] = {
    "source_rows": {"source_rows": "all"},
    "target_label": {"target_label": pl.col("label").cast(pl.String) + "?"},
    "target_clusters": {"target_clusters": 3},
    "max_target_rows_per_class": {"max_target_rows_per_class": 2},
    "confidence": {"confidence": 0.9},
    "probe": {"probe": True},
    "seeds": {"seeds": 3},
    "match_labels": {"target_clusters": 3, "match_labels": True},
    "match_labels of a column": {
        "target_label": pl.col("label").cast(pl.String) + "?",
        "match_labels": True,
    },
}


def bound(rows: pl.DataFrame, target: pt.Task = TARGET, **options: Any) -> dict[str, Any]:
    found = rows.select(pt.transfer_bound(SOURCE, target, **options).alias("b")).unnest("b")
    return found.row(0, named=True)


@pytest.fixture
def rows() -> pl.DataFrame:
    return embedding_rows()


@pytest.mark.parametrize("option", OPTIONS)
def test_every_option_keeps_the_theorem(rows: pl.DataFrame, option: str) -> None:
    found = bound(rows, **OPTIONS[option])
    assert found["target_loss"] <= found["bound"] * (1 + 1e-9)
    terms = found["source_loss"] + found["label_mismatch"] + found["distribution_mismatch"]
    assert terms == pytest.approx(found["bound"], rel=1e-12)


@pytest.mark.parametrize("option", OPTIONS)
def test_every_door_gives_the_same(rows: pl.DataFrame, option: str) -> None:
    options = OPTIONS[option]
    alone = rows.select(pt.transfer_bound(SOURCE, TARGET, **options).alias("b")).unnest("b")
    pairs = rows.select(
        pt.transfer_bounds(fit=TRAIN, sources=["old"], targets=["new"], **options).alias("b")
    )
    of_pairs = pairs.explode("b").unnest("b").drop("source", "target")
    assert_frame_equal(alone, of_pairs)
    computed = pt.compute_bounds(rows, sources=["old"], targets=["new"], **options)
    assert_frame_equal(alone, computed.drop("model", "source", "target", "problems"))


def test_the_schema_is_that_of_the_result(rows: pl.DataFrame) -> None:
    options = {"confidence": 0.9, "probe": True}
    lazy = rows.lazy().select(pt.transfer_bound(SOURCE, TARGET, **options))
    assert lazy.collect_schema() == lazy.collect().schema
    (struct,) = lazy.collect_schema().values()
    names = [field.name for field in struct.fields]
    assert names[-6:-1] == ["bound_high", "accuracy_low", "probe_loss", "probe_accuracy", "gap"]


def test_all_source_rows_are_those_of_a_source_without_a_split(rows: pl.DataFrame) -> None:
    unsplit = pt.transfer_bound(pt.task(where=OLD), TARGET)
    expected = rows.select(unsplit.alias("b")).unnest("b").row(0, named=True)
    assert bound(rows, source_rows="all") == expected
    assert expected["n_source"] == rows.filter(OLD).height
    assert expected["n_target"] == rows.filter(NEW & ~TRAIN).height


def test_a_source_class_without_fit_rows_serves_where_all_rows_do(rows: pl.DataFrame) -> None:
    lacking = rows.filter(~(OLD & TRAIN & (pl.col("label") == 0)))
    with pytest.raises(pl.exceptions.ComputeError, match="fit` rows lack"):
        bound(lacking)
    assert bound(lacking, source_rows="all")["certified"]


class TestLabels:
    def test_labels_of_the_caller_are_certified(self, rows: pl.DataFrame) -> None:
        found = bound(rows)
        assert (found["labels"], found["certified"]) == ("given", True)

    @pytest.mark.parametrize("option", ["target_label", "target_clusters"])
    def test_labels_that_stand_in_are_not(self, rows: pl.DataFrame, option: str) -> None:
        found = bound(rows, **OPTIONS[option])
        assert (found["labels"], found["certified"]) == ("pseudo", False)

    def test_clusters_as_a_label_are_not(self, rows: pl.DataFrame) -> None:
        clusters = rows.filter(NEW).with_columns(label=pt.pseudo_labels("embedding", 3))
        both = pl.concat([rows.filter(OLD).with_columns(pl.col("label").cast(pl.String)), clusters])
        target = pt.task(where=NEW)
        source = pt.task(where=OLD)
        found = both.select(pt.transfer_bound(source, target).alias("b")).unnest("b")
        assert found.select("labels", "certified").row(0) == ("pseudo", False)

    def test_labels_are_not_read_where_clusters_stand_in(self, rows: pl.DataFrame) -> None:
        unlabelled = rows.with_columns(pl.when(OLD).then("label"))
        with pytest.raises(pl.exceptions.ComputeError, match="is null"):
            bound(unlabelled)
        assert bound(unlabelled, target_clusters=3) == bound(rows, target_clusters=3)

    def test_clusters_do_not_depend_on_the_rows_to_evaluate_on(self, rows: pl.DataFrame) -> None:
        # With half of the evaluation rows, the classes and their fit rows are the same.
        test_rows = NEW & ~TRAIN
        fewer = rows.filter(~test_rows | (pl.int_range(pl.len()).over("task", "split") % 2 == 0))
        whole, half = bound(rows, target_clusters=3), bound(fewer, target_clusters=3)
        assert whole["l2"] == half["l2"]
        assert half["n_target"] < whole["n_target"]

    def test_clusters_without_a_split_are_pseudo_labels(self, rows: pl.DataFrame) -> None:
        labelled = rows.filter(NEW).with_columns(cluster=pt.pseudo_labels("embedding", 3))
        both = pl.concat([rows.filter(OLD), labelled], how="diagonal")
        source, target = pt.task(where=OLD), pt.task(where=NEW)
        by_column = pt.transfer_bound(source, target, target_label="cluster")
        by_number = pt.transfer_bound(source, target, target_clusters=3)
        found = both.select(by_column.alias("column"), by_number.alias("number"))
        assert found["column"].struct["bound"].item() == found["number"].struct["bound"].item()

    def test_two_stand_ins_are_refused(self) -> None:
        with pytest.raises(ValueError, match="target_clusters: stand in for the labels of targ"):
            pt.transfer_bound(SOURCE, TARGET, target_label="label", target_clusters=3)

    def test_too_many_clusters(self, rows: pl.DataFrame) -> None:
        with pytest.raises(
            pl.exceptions.ComputeError,
            match=r"the fit rows of the target task: there are \d+ rows, too few for 1000 clusters",
        ):
            bound(rows, target_clusters=1000)


class TestMatchedLabels:
    def test_renamed_classes_lose_what_they_did(self, rows: pl.DataFrame) -> None:
        renamed = pl.col("label").replace_strict({0: "x", 1: "z", 2: "y"})
        found = bound(rows, target_label=renamed, match_labels=True)
        own = bound(rows)
        assert found["matched_loss"] == pytest.approx(own["target_loss"], rel=1e-12)
        assert found["matched_accuracy"] == own["target_accuracy"]

    def test_more_classes_than_clusters_cannot_be_matched(self, rows: pl.DataFrame) -> None:
        found = bound(rows, target_clusters=2, match_labels=True)
        assert found["matched_loss"] is None
        assert found["matched_accuracy"] is None

    def test_clusters_are_matched_to_classes(self, rows: pl.DataFrame) -> None:
        found = bound(rows, target_clusters=3, match_labels=True)
        # Clusters of these rows are the classes, but for a row or two.
        assert found["matched_accuracy"] >= found["target_accuracy"] - 0.3
        assert found["matched_loss"] > 0

    def test_labels_are_needed(self, rows: pl.DataFrame) -> None:
        unlabelled = rows.with_columns(pl.when(OLD).then("label"))
        with pytest.raises(pl.exceptions.ComputeError, match='label" of the target task is null'):
            bound(unlabelled, target_clusters=3, match_labels=True)

    def test_it_needs_what_stands_in(self) -> None:
        with pytest.raises(ValueError, match="match_labels: needs target_label or target_clust"):
            pt.transfer_bound(SOURCE, TARGET, match_labels=True)


class TestPopulation:
    def test_claims_are_beyond_what_was_seen(self, rows: pl.DataFrame) -> None:
        seen = bound(rows)
        sure, surer = bound(rows, confidence=0.9), bound(rows, confidence=0.99)
        assert seen["bound"] == sure["bound"]
        assert sure["bound"] < sure["bound_high"] < surer["bound_high"]
        assert sure["target_accuracy"] > sure["accuracy_low"] > surer["accuracy_low"] >= 0

    def test_accuracy_is_that_of_clopper_and_pearson(self, rows: pl.DataFrame) -> None:
        found = bound(rows, confidence=0.9)
        n = found["n_target"]
        k = round(found["target_accuracy"] * n)
        expected = stats.beta.ppf(0.1, k, n - k + 1) if k else 0.0
        assert found["accuracy_low"] == pytest.approx(expected, abs=1e-12)

    def test_several_seeds_share_the_error(self, rows: pl.DataFrame) -> None:
        found = bound(rows, confidence=0.9, seeds=2)
        seeds = [bound(rows, confidence=0.95, seed=seed) for seed in (0, 1)]
        lowest = min(seeds, key=lambda one: float(one["bound"]))
        # A tenth over two is not the same double as a twentieth.
        assert found.pop("bound_high") == pytest.approx(lowest.pop("bound_high"), rel=1e-12)
        assert found.pop("accuracy_low") == pytest.approx(lowest.pop("accuracy_low"), rel=1e-12)
        assert found == lowest

    def test_a_cap_does_not_change_what_is_claimed_of(self, rows: pl.DataFrame) -> None:
        found = bound(rows, confidence=0.9, max_rows_per_class=2)
        assert found["bound_high"] >= found["bound"]
        assert found["target_loss"] <= found["bound"]

    def test_a_target_without_a_split_is_refused(self, rows: pl.DataFrame) -> None:
        with pytest.raises(
            pl.exceptions.ComputeError,
            match=r"the target has no rows beside its fit rows; give `fit`, .* or no `confidence`",
        ):
            bound(rows, pt.task(where=NEW), confidence=0.95)

    @pytest.mark.parametrize("confidence", [0, 1, 95, float("nan")])
    def test_a_confidence_is_between_0_and_1(self, confidence: float) -> None:
        with pytest.raises(ValueError, match="confidence: expected a number between 0 and 1"):
            pt.transfer_bound(SOURCE, TARGET, confidence=confidence)

    def test_an_empirical_constant_claims_nothing(self) -> None:
        with pytest.raises(ValueError, match="confidence: needs lipschitz 'certified'"):
            pt.transfer_bound(
                SOURCE, TARGET, ground_cost="head", lipschitz="empirical", confidence=0.9
            )


class TestProbe:
    def test_it_is_the_linear_probe(self, rows: pl.DataFrame) -> None:
        found = bound(rows, probe=True)
        probe = rows.filter(NEW).select(
            pt.linear_probe("embedding", "label", fit=TRAIN).alias("p")
        )["p"]
        expected = probe.struct.unnest().row(0, named=True)
        assert found["probe_loss"] == expected["loss"]
        assert found["probe_accuracy"] == expected["accuracy"]
        room = found["trivial_loss"] - found["probe_loss"]
        gap = (found["bound"] - found["probe_loss"]) / room if room > 0 else None
        assert found["gap"] == gap

    def test_it_learns_from_as_many_rows(self, rows: pl.DataFrame) -> None:
        whole = bound(rows, probe=True)
        few = bound(rows, probe=True, max_target_rows_per_class=1)
        assert few["probe_loss"] != whole["probe_loss"]
        assert few["n_target"] == whole["n_target"]
        many = bound(rows, probe=True, max_target_rows_per_class=1000)
        assert many == whole


def test_seconds_are_those_of_the_bound(rows: pl.DataFrame) -> None:
    found = bound(rows, seconds=True)
    assert 0 < found.pop("seconds") < 60
    assert found == bound(rows)
    pairs = pt.compute_bounds(rows, seconds=True)
    assert (pairs["seconds"] > 0).all()


def test_seeds_give_the_lowest(rows: pl.DataFrame) -> None:
    each = [bound(rows, seed=seed, max_rows_per_class=3) for seed in (4, 5, 6)]
    found = bound(rows, seed=4, seeds=3, max_rows_per_class=3)
    assert found == min(each, key=lambda one: float(one["bound"]))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"source_rows": "some"}, "source_rows: expected one of 'held-out', 'all', found 'some'"),
        ({"seeds": 0}, "seeds: expected an integer from 1"),
        ({"target_clusters": 1}, "target_clusters: expected an integer from 2"),
        ({"max_target_rows_per_class": 0}, "max_target_rows_per_class: expected an integer from 1"),
    ],
)
def test_values_out_of_range(options: Mapping[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        pt.transfer_bound(SOURCE, TARGET, **options)


def test_in_sql(rows: pl.DataFrame) -> None:
    query = """
        SELECT TRANSFER_BOUND(embedding, label, task, 'old', 'new', fit => split = 'train',
          source_rows => 'all', target_clusters => 3, confidence => 0.9, probe => TRUE, seeds => 2
        ) AS b FROM rows
    """
    found = pt.sql(query, rows=rows.lazy()).collect().unnest("b").row(0, named=True)
    options: dict[str, Any] = {"source_rows": "all", "target_clusters": 3, "confidence": 0.9}
    assert found == bound(rows, **options, probe=True, seeds=2)
