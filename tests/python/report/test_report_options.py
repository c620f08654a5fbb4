"""Options of the bounds in a report: labels that stand in, few labels, and what stands beside."""

from __future__ import annotations

import re
from html import unescape
from pathlib import Path
from typing import Any

import polars as pl
import polars_transferability as pt
import pytest
from polars.testing import assert_frame_equal
from reports import change, make, problem

BESIDE = ["bound_high", "accuracy_low", "matched_loss", "matched_accuracy"]
BESIDE += ["probe_loss", "probe_accuracy", "gap"]


@pytest.mark.parametrize(
    ("line", "options"),
    [
        ('source_rows = "all"', {"source_rows": "all"}),
        ('target_label = "opinion"', {"target_label": "opinion"}),
        ("target_clusters = 2", {"target_clusters": 2}),
        (
            "target_clusters = 2\nmatch_labels = true",
            {"target_clusters": 2, "match_labels": True},
        ),
        ("max_target_rows_per_class = 2", {"max_target_rows_per_class": 2}),
        ("confidence = 0.8", {"confidence": 0.8}),
        ("probe = true", {"probe": True}),
        ("seeds = 2", {"seeds": 2}),
    ],
)
def test_bounds_are_what_python_computes(line: str, options: dict[str, Any], folder: Path) -> None:
    for file in (folder / "models").iterdir():
        rows = pl.read_parquet(file)
        rows.with_columns(opinion=pl.col("label") % 2).write_parquet(file)
    change(folder, "l2 = 0.1", f"l2 = 0.1\n{line}")
    expected = pt.compute_bounds(folder / "models", l2=0.1, transform="identity", **options)
    found = make(folder).tables["bounds"]
    assert_frame_equal(
        found, expected, check_row_order=False, check_column_order=False, check_exact=True
    )
    # A second run without them does not take these for its own; the query may find the same.
    change(folder, line, "seed = 7")
    assert make(folder).computed >= 6


def test_what_is_asked_for_stands_beside_the_bound(folder: Path) -> None:
    assert not {*BESIDE} & {*make(folder).tables["ranking"].columns}
    change(folder, "l2 = 0.1", "l2 = 0.1\ntarget_clusters = 3\nconfidence = 0.9\nprobe = true")
    change(folder, "l2 = 0.1", "l2 = 0.1\nmatch_labels = true")
    made = make(folder)
    ranking = made.tables["ranking"]
    assert [name for name in ranking.columns if name in BESIDE] == BESIDE
    page = unescape(made.page.read_text())
    headings = re.findall('<th scope="col"[^>]*>(.*?)</th>', page)
    assert {name.replace("_", " ") for name in BESIDE} <= {*headings}
    for row in ranking.select(BESIDE).iter_rows():
        assert all(f'<td class="number">{value:.3f}</td>' in page for value in row if value)
    assert "The targets have pseudo-labels; nothing is certified of the true ones." in page
    assert "empirical Lipschitz constants" not in page
    # They are no scores, of which higher is better.
    assert not {*BESIDE} & {*made.tables["selection_quality"]["score"]}


def test_only_one_of_them_may_be_asked_for(folder: Path) -> None:
    change(folder, "l2 = 0.1", "l2 = 0.1\nprobe = true")
    made = make(folder)
    found = [name for name in made.tables["ranking"].columns if name in BESIDE]
    assert found == BESIDE[4:]
    assert "pseudo-labels" not in made.page.read_text()


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("confidence = 95", "report.toml: bound.confidence: expected a number between 0 and 1"),
        ("target_clusters = 1", "report.toml: bound.target_clusters: expected an integer from 2"),
        ("probe = 1", "report.toml: bound.probe: expected True or False, found 1"),
        ("seeds = 0", "report.toml: bound.seeds: expected an integer from 1"),
        (
            'source_rows = "some"',
            "report.toml: bound.source_rows: expected one of 'held-out', 'all'",
        ),
        ("target_label = 3", "report.toml: bound.target_label: expected a text, found 3"),
        (
            'target_label = "label"\ntarget_clusters = 3',
            "bound.target_clusters: stand in for the labels of targets, and so does what is named "
            "with target_label under [bound]; give one of them",
        ),
        (
            'target_label = "opinion"',
            "net0.parquet: column 'opinion' not found; there are ['model', 'task', 'label', "
            "'split', 'embedding']; name the column of labels for targets with target_label under "
            "[bound]",
        ),
    ],
)
def test_wrong_values_are_named_in_words_of_the_file(
    line: str, expected: str, folder: Path
) -> None:
    change(folder, "l2 = 0.1", f"l2 = 0.1\n{line}")
    assert expected in problem(folder)


def test_a_bound_against_clusters_is_no_part_of_the_consensus(folder: Path) -> None:
    def parts(ranking: pl.DataFrame) -> bool:
        # Bounds that are no better than guessing are equal.
        loss = pl.min_horizontal("bound", "trivial_loss").round_sig_figs(12)
        with_bound = pt.consensus(-loss, "knn_accuracy", "logme").over("target")
        return bool(ranking.select((with_bound - pl.col("consensus")).abs().max() < 1e-12).item())

    change(folder, "scores = []", 'scores = ["knn_accuracy", "logme"]')
    given = make(folder).tables["ranking"]
    change(folder, "l2 = 0.1", "l2 = 0.1\ntarget_clusters = 3")
    pseudo = make(folder).tables["ranking"]
    assert parts(given)
    without = pt.consensus("knn_accuracy", "logme").over("target")
    assert pseudo.select((without - pl.col("consensus")).abs().max()).item() < 1e-12
