"""The curve of a report: its section of the description, its table, its cache and its page."""

from __future__ import annotations

import re
from html import unescape
from pathlib import Path

import polars as pl
import polars_transferability as pt
import pytest
from planted import damage
from polars.testing import assert_frame_equal
from polars_transferability._report import _charts, _curve_section
from polars_transferability.compute.curve_summary import curve_means, curve_sentence
from reports import HOSTILE, change, command, make, problem, section

CURVE = """
[curve]
source = "old"
target = "new"
rows = [1, 3]
repeats = 2
"""


@pytest.fixture
def curved(folder: Path) -> Path:
    """The small report with a curve."""
    with (folder / "report.toml").open("a") as description:
        description.write(CURVE)
    return folder


def page_of(folder: Path) -> str:
    return unescape(make(folder).page.read_text("utf-8"))


def curves_in(page: str) -> str:
    return section(page, "How many labels?")


def test_the_table_is_what_python_computes(curved: Path) -> None:
    """With the options of the bounds, but for those that a curve sets itself."""
    change(curved, "l2 = 0.1", "l2 = 0.1\nseed = 5\nprobe = true\nmax_target_rows_per_class = 2")
    found = make(curved).tables["curve"]
    expected = pt.compute_curve(
        curved / "models",
        source="old",
        target="new",
        rows=[1, 3],
        repeats=2,
        l2=0.1,
        transform="identity",
        seed=5,
    )
    assert_frame_equal(found, expected.sort("model", "rows", "repeat"), check_exact=True)
    for kind in ("parquet", "csv"):
        assert (curved / "out" / f"curve.{kind}").is_file()
    change(curved, "repeats = 2", "repeats = 2\nseed = 9")
    assert not make(curved).tables["curve"].equals(found)


def test_without_the_section_there_is_no_curve(folder: Path) -> None:
    made = make(folder)
    assert "curve" not in made.tables
    assert "How many labels?" not in made.page.read_text()


def test_several_targets_and_models_without_one(curved: Path) -> None:
    path = curved / "models" / "net1.parquet"
    rows = pl.read_parquet(path)
    rows.with_columns(task=pl.col("task").replace("new", "other")).write_parquet(path)
    change(curved, 'target = "new"', 'target = ["new", "other"]')
    made = make(curved)
    pairs = made.tables["curve"].select("model", "target").unique()
    assert sorted(pairs.rows()) == [("net0", "new"), ("net1", "other"), ("net2", "new")]
    headings = re.findall("<h3>(.*?)</h3>", curves_in(made.page.read_text()))
    assert headings == ["From old to new", "From old to other"]


def test_pseudo_labels_are_spoken_of(curved: Path) -> None:
    assert "pseudo-labels" not in curves_in(page_of(curved))
    change(curved, "l2 = 0.1", "l2 = 0.1\ntarget_clusters = 2")
    assert "<h3>From old to new, with pseudo-labels</h3>" in curves_in(page_of(curved))


def test_only_what_changed_is_computed_again(curved: Path) -> None:
    first = make(curved)
    again = make(curved)
    assert (again.computed, again.reused) == (0, first.computed)
    change(curved, "rows = [1, 3]", "rows = [1]")
    # The query reads no curve, but is kept with all tables that it could have read.
    assert make(curved).computed == 3 + 1
    path = curved / "models" / "net1.parquet"
    pl.read_parquet(path).reverse().write_parquet(path)
    # Two bounds, a curve and the query.
    assert make(curved).computed == 4


def test_a_query_may_read_it(curved: Path) -> None:
    (curved / "lowest.sql").write_text("SELECT rows, COUNT(*) AS n FROM curve GROUP BY rows")
    found = make(curved).tables["queries/lowest"]
    assert sorted(found.rows()) == [(1, 6), (3, 6)]


def test_the_page_says_what_the_command_says(curved: Path) -> None:
    made = make(curved)
    means = curve_means(made.tables["curve"], ["model"])
    sentences = [curve_sentence(one, ["model"]) for one in means.partition_by("model")]
    shown = curves_in(unescape(made.page.read_text()))
    captions = re.findall("<figcaption>(.*?)</figcaption>", shown)
    assert sorted(captions) == sorted(sentences)
    # The model with the lowest bound of those with most rows comes first.
    last = means.filter(rows=3).sort("bound")["model"]
    assert [caption.partition(":")[0] for caption in captions] == last.to_list()
    for row in means.iter_rows(named=True):
        assert f"{row['rows']}: bound {row['bound']:.3f}, loss of the head" in shown
        assert f'<td class="number">{row["probe_loss"]:.3f}</td>' in shown


def test_models_beyond_the_pictures_have_a_sentence(
    curved: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_curve_section, "_MOST_CURVES", 1)
    shown = curves_in(page_of(curved))
    assert shown.count("<figcaption>") == 1
    assert len(re.findall("<li>net[012]: ", shown)) == 2


def test_a_model_that_cannot_be_computed_is_null_with_its_reason(curved: Path) -> None:
    whole = make(curved).tables["curve"]
    models = curved / "models"
    rows = pl.read_parquet(models / "net1.parquet")
    spoilt = pl.lit([float("nan")] * 3, rows.schema["embedding"])
    rows.with_columns(embedding=spoilt).write_parquet(models / "net1.parquet")
    file = models / "net2.parquet"
    pl.read_parquet(file).select("embedding", pl.exclude("embedding")).write_parquet(file)
    damage(file)
    made = make(curved)
    good, nan, unread = made.tables["curve"].partition_by("model")
    assert_frame_equal(good, whole.filter(model="net0"))
    assert (nan.height, nan["bound"].null_count()) == (4, 4)
    assert unread.select("model", "source", "target", "rows").row(0) == ("net2", "old", "new", None)
    assert "its rows cannot be read" in unread["problems"].item()[0]
    shown = curves_in(unescape(made.page.read_text()))
    assert shown.count("<figcaption>") == 1
    assert "<li>net1: could not be computed.</li>" in shown
    assert "<li>net2: could not be computed.</li>" in shown
    assert any("its rows cannot be read" in reason for reason in made.problems.reasons)
    # Nothing that failed is kept.
    again = make(curved)
    assert (again.computed, again.problems) == (0, made.problems)
    done = command(curved / "report.toml", "--out", curved / "out", "--strict")
    assert done.returncode == 1


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ('source = "old"\n', "", "report.toml: curve.source: expected the task to transfer from"),
        ('target = "new"\n', "", "curve.target: expected the task to transfer to, or several"),
        ('target = "new"', "target = 3", "curve.target: expected a text or a list of texts, found"),
        (
            'target = "new"',
            'target = "old"',
            "curve.target: 'old' is the source too; a curve is of",
        ),
        ('source = "old"', 'source = "olds"', "no model has a task 'olds'; did you mean 'old'?"),
        ('target = "new"', 'target = ["new", "nw"]', "curve.target: no model has a task 'nw'"),
        ("rows = [1, 3]", "rows = [0]", "curve.rows: expected an integer from 1"),
        ("rows = [1, 3]", "rows = 5", "curve.rows: expected numbers of rows, such as [1, 2, 5]"),
        ("rows = [1, 3]", "rows = []", "curve.rows: expected at least one number of rows"),
        ("repeats = 2", "repeats = 1.5", "curve.repeats: expected an integer, found 1.5"),
        ("repeats = 2", "seed = -1", "curve.seed: expected an integer from 0"),
        ("repeats = 2", "repeat = 2", "curve.repeat: unknown key; did you mean 'repeats'?"),
    ],
)
def test_errors_name_the_key(curved: Path, old: str, new: str, expected: str) -> None:
    change(curved, old, new)
    assert expected in problem(curved)


def test_a_curve_that_no_model_has(curved: Path) -> None:
    for name, task in (("net0", "new"), ("net1", "old"), ("net2", "old")):
        path = curved / "models" / f"{name}.parquet"
        rows = pl.read_parquet(path)
        rows.with_columns(task=pl.col("task").replace(task, "other")).write_parquet(path)
    message = "curve: no model has both the source 'old' and a target of the curve"
    assert message in problem(curved)


def test_where_no_curve_can_be_computed_the_report_fails(curved: Path) -> None:
    rows = [pl.read_parquet(file) for file in sorted((curved / "models").iterdir())]
    for table, file in zip(rows, sorted((curved / "models").iterdir()), strict=True):
        one_class = pl.when(task="new").then(0).otherwise("label").alias("label")
        table.with_columns(one_class).write_parquet(file)
    assert "the class" in problem(curved)


def test_names_are_text_in_the_section(curved: Path) -> None:
    hostile = " ".join(HOSTILE)
    for file in (curved / "models").iterdir():
        rows = pl.read_parquet(file)
        rows.with_columns(pl.col("model") + hostile).write_parquet(file)
    shown = curves_in(make(curved).page.read_text())
    assert "<script>" not in shown
    assert "<img" not in shown
    assert shown.count("<figcaption>net") == 3


def test_a_picture_of_the_page_is_that_of_the_means(curved: Path) -> None:
    made = make(curved)
    means = curve_means(made.tables["curve"], ["model"])
    page = made.page.read_text()
    for one in means.partition_by("model"):
        assert _charts.curve_lines(one) in page
