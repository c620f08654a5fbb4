"""Labels for rows that have none, and probabilities from logits: a value for each row."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import polars as pl
import polars_transferability as pt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal
from registry import NEW, OLD, PER_ROW, embedding_rows, source_groups, value
from scipy import special
from sklearn.metrics import adjusted_rand_score

ENGINES = ["in-memory", "streaming"]
BUILD = {
    "argmax_labels": (lambda: pt.argmax_labels("probabilities"), pl.String()),
    "pseudo_labels": (lambda: pt.pseudo_labels("embedding", 3), pl.String()),
    "softmax": (lambda: pt.softmax("probabilities"), pl.List(pl.Float64)),
}
each_function = pytest.mark.parametrize("name", PER_ROW)
each_engine = pytest.mark.parametrize("engine", ENGINES)


@each_function
@each_engine
def test_one_value_for_each_row_in_every_context(name: str, engine: str) -> None:
    build, dtype = BUILD[name]
    rows = source_groups(3)
    expected = {
        model: part.select(build().alias("value"))["value"].to_list()
        for (model,), part in rows.partition_by("model", as_dict=True).items()
    }
    column = build().alias("value")
    for query in (
        rows.lazy().select("model", column.over("model")),
        rows.lazy().group_by("model", maintain_order=True).agg(column).explode("value"),
        rows.lazy().with_columns(column.over("model")).select("model", "value"),
    ):
        assert query.collect_schema()["value"] == dtype
        found = query.collect(engine=engine)
        assert found.schema["value"] == dtype
        assert found.height == rows.height
        for model, values in expected.items():
            assert found.filter(model=model)["value"].to_list() == values
    one = rows.lazy().filter(pl.col("model") == "net0").select(column).collect(engine=engine)
    assert one["value"].to_list() == expected["net0"]
    assert rows.lazy().select(build()).collect_schema().names() == [name]


@each_function
@pytest.mark.parametrize("inner", [pl.Float16, pl.Float32, pl.Float64], ids=str)
def test_vector_dtypes(name: str, inner: pl.DataType) -> None:
    build, dtype = BUILD[name]
    rows = source_groups(1)
    expected = rows.select(build()).to_series()
    for column in ("embedding", "probabilities"):
        width = rows.schema[column].size
        for outer in (pl.Array(inner, width), pl.List(inner)):
            found = rows.with_columns(pl.col(column).cast(outer)).select(build()).to_series()
            assert found.dtype == dtype
            assert found.to_list() == expected.to_list()


def test_slices_and_chunks_do_not_matter() -> None:
    rows = source_groups(1)
    chunks = pl.concat([rows.slice(0, 5), rows.slice(5, 1), rows.slice(6)], rechunk=False)
    padded = pl.concat([rows.tail(3), rows]).slice(3)
    for build, _ in BUILD.values():
        expected = rows.select(build()).to_series().to_list()
        for same in (chunks, padded):
            assert same.select(build()).to_series().to_list() == expected


def test_clusters_that_are_apart_are_found() -> None:
    random = np.random.default_rng(0)
    y = np.arange(90) % 3
    x = 20 * np.eye(3, 5)[y] + random.normal(size=(90, 5))
    rows = pl.DataFrame({"embedding": x.tolist()})
    found = rows.select(pt.pseudo_labels("embedding", 3)).to_series()
    assert sorted(found.unique()) == ["pseudo:0", "pseudo:1", "pseudo:2"]
    assert adjusted_rand_score(y, found.to_numpy()) == 1.0


def test_clusters_depend_on_the_seed_not_on_the_order() -> None:
    rows = pl.DataFrame({"embedding": np.random.default_rng(1).normal(size=(60, 2)).tolist()})
    rows = rows.with_row_index()

    def clusters(rows: pl.DataFrame, seed: int) -> list[str]:
        column = pt.pseudo_labels("embedding", 5, seed=seed).alias("cluster")
        return rows.with_columns(column).sort("index")["cluster"].to_list()

    assert clusters(rows, 0) == clusters(rows, 0)
    assert clusters(rows.sample(fraction=1, shuffle=True, seed=1), 0) == clusters(rows, 0)
    assert len({tuple(clusters(rows, seed)) for seed in range(5)}) > 1


def test_no_groups_give_no_clusters() -> None:
    rows = source_groups(1).clear().lazy()
    query = rows.group_by("model").agg(pt.pseudo_labels("embedding", 2))
    assert query.collect(engine="streaming").shape == (0, 2)
    with pytest.raises(pl.exceptions.ComputeError, match=r"pseudo_labels has no rows"):
        rows.select(pt.pseudo_labels("embedding", 2)).collect()


@settings(deadline=None, max_examples=50)
@given(st.lists(st.lists(st.floats(-700, 700), min_size=3, max_size=3), min_size=1, max_size=6))
def test_softmax_and_argmax_equal_scipy_and_numpy(logits: list[list[float]]) -> None:
    rows = pl.DataFrame({"logits": logits})
    found = rows.select(p=pt.softmax("logits"), z=pt.argmax_labels("logits"))
    expected = special.softmax(np.array(logits), axis=1)
    assert np.array(found["p"].to_list()) == pytest.approx(expected, rel=1e-12, abs=1e-300)
    assert found["z"].to_list() == [f"pseudo:{z}" for z in np.argmax(logits, axis=1)]


def test_null_logits_stay_null_and_are_an_error_of_the_score() -> None:
    rows = pl.DataFrame({"logits": [[1.0, 2.0], None, [0.0, 1.0]], "label": [0, 1, 1]})
    found = rows.select(p=pt.softmax("logits"), z=pt.argmax_labels("logits"))
    assert found["p"].is_null().to_list() == found["z"].is_null().to_list() == [False, True, False]
    for build, message in (
        (
            pt.leep(pt.softmax("logits"), "label"),
            'probabilities column "softmax" of leep is null in 1',
        ),
        (pt.nce(pt.argmax_labels("logits"), "label"), 'column "argmax_labels" of nce is null in 1'),
    ):
        with pytest.raises(pl.exceptions.ComputeError, match=message):
            rows.select(build)


BAD_LOGITS = {
    "NaN": [[1.0, float("nan")], [0.0, 1.0]],
    "nothing but NaN": [[float("nan")] * 2, [0.0, 1.0]],
    "plus infinity": [[1.0, float("inf")], [0.0, 1.0]],
    "nothing but minus infinity": [[-float("inf")] * 2, [0.0, 1.0]],
    "null inside": [[1.0, None], [0.0, 1.0]],
    "ragged": [[1.0, 0.0, 0.0], [0.0, 1.0]],
    "an empty row": [[], [0.0, 1.0]],
    "no values": [[], []],
}
LOGITS_MESSAGE = (
    "1 of 2 rows with NaN, with an infinite value or with nothing but minus infinity"
    "|1 null values inside|rows of 2 different lengths|vectors without any value"
)


@pytest.mark.parametrize("bad", BAD_LOGITS)
@pytest.mark.parametrize("function", [pt.softmax, pt.argmax_labels])
def test_bad_logits_are_an_error(function: Callable[[str], pl.Expr], bad: str) -> None:
    rows = pl.DataFrame({"scores": BAD_LOGITS[bad]}, schema={"scores": pl.List(pl.Float64)})
    column = f'logits column "scores" of {function.__name__}'
    with pytest.raises(pl.exceptions.ComputeError, match=f"{column} has ({LOGITS_MESSAGE})"):
        rows.select(function("scores"))


def test_logits_that_rule_a_class_out_are_far_apart_or_are_integers() -> None:
    rows = pl.DataFrame({"logits": [[0.0, -float("inf")], [1e308, -1e308], [3.0, 3.0]]})
    found = rows.select(p=pt.softmax("logits"), z=pt.argmax_labels("logits"))
    assert found["p"].to_list() == [[1.0, 0.0], [1.0, 0.0], [0.5, 0.5]]
    assert found["z"].to_list() == ["pseudo:0", "pseudo:0", "pseudo:0"]
    integers = pl.DataFrame({"logits": [[1, 1], [0, 700]]}).select(pt.softmax("logits"))
    assert integers["softmax"].to_list() == [[0.5, 0.5], [pytest.approx(0, abs=1e-300), 1.0]]


def test_no_rows_and_null_rows_have_no_label() -> None:
    rows = pl.DataFrame({"logits": [None, None]}, schema={"logits": pl.List(pl.Float64)})
    for function, dtype in ((pt.softmax, pl.List(pl.Float64)), (pt.argmax_labels, pl.String)):
        found = rows.select(function("logits")).to_series()
        assert found.to_list() == [None, None]
        assert rows.clear().select(function("logits")).to_series().to_list() == []
        assert found.dtype == dtype


def test_results_say_where_labels_are_from() -> None:
    rows = source_groups(1)
    pseudo = pt.pseudo_labels("embedding", 3)
    best = pt.argmax_labels("probabilities")
    columns = {"probabilities": "probabilities", "source_label": "source_label"}
    for which, arguments in (
        ("logme", {}),
        ("leep", {"probabilities": "probabilities"}),
        ("nce", {"source_label": "source_label"}),
        (["h_score", "leep", "nce"], columns),
    ):
        for label, expected in (("label", "given"), (pseudo, "pseudo"), (best, "pseudo")):
            found = value(rows, pt.scores("embedding", label, scores=which, **arguments))
            assert found["labels"] == expected
            assert found["classes"] == rows.select(pl.struct(label).n_unique()).item()


def test_pseudo_labels_serve_the_bound() -> None:
    rows = embedding_rows()
    sides = [
        pt.task(
            pl.col("embedding").filter(side), pt.pseudo_labels(pl.col("embedding").filter(side), 3)
        )
        for side in (OLD, NEW)
    ]
    bound = value(rows, pt.transfer_bound(*sides, l2=0.1))
    assert bound["target_loss"] <= bound["bound"] * (1 + 1e-9)
    assert [part["class"] for part in bound["by_class"]] == ["pseudo:0", "pseudo:1", "pseudo:2"]


class TestWhere:
    """The rows of a task are selected before anything else sees them, clusters included."""

    ROWS = embedding_rows()
    SELECTED = NEW

    def test_clusters_of_a_task_are_those_of_its_rows(self) -> None:
        source = pt.task(where=OLD)
        target = pt.task(label=pt.pseudo_labels("embedding", 3), where=self.SELECTED)
        found = self.ROWS.select(pt.transfer_bound(source, target).alias("b")).unnest("b")
        assert found["target_classes"].item() == 3
        clusters = self.ROWS.filter(self.SELECTED).select(
            label=pt.pseudo_labels("embedding", 3), embedding="embedding"
        )
        apart = pl.concat([self.ROWS.filter(task="old"), clusters], how="diagonal_relaxed")
        target = pt.task(where=pl.col("task").is_null())
        expected = apart.select(pt.transfer_bound(source, target).alias("b")).unnest("b")
        assert_frame_equal(found, expected)

    def test_also_in_groups_and_in_distances(self) -> None:
        source = pt.task(where=OLD)
        target = pt.task(label=pt.pseudo_labels("embedding", 2), where=self.SELECTED)
        grouped = self.ROWS.group_by("model").agg(pt.class_wasserstein(source, source, p=1))
        assert grouped.height == 1
        distances = self.ROWS.select(pt.otdd(source, target)).item()
        assert distances == self.ROWS.group_by("model").agg(pt.otdd(source, target))["otdd"].item()

    def test_a_task_without_rows_says_so(self) -> None:
        source = pt.task(where=OLD)
        target = pt.task(label=pt.pseudo_labels("embedding", 2), where=pl.lit(value=False))
        with pytest.raises(pl.exceptions.ComputeError, match="its `where` is true for none"):
            self.ROWS.select(pt.transfer_bound(source, target))

    def test_clusters_within_an_expression_are_refused(self) -> None:
        label = pt.pseudo_labels("embedding", 2).cast(pl.Categorical)
        with pytest.raises(ValueError, match=r"label: pseudo_labels\(\) within another expression"):
            pt.task(label=label, where=self.SELECTED)
        assert pt.task(label=label).where is None
