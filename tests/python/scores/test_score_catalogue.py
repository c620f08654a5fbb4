"""The catalogue of scores against all that is written elsewhere for each score."""

from __future__ import annotations

import inspect
from pathlib import Path

import polars as pl
import polars_transferability as pt
import pytest
from polars_transferability._scores.catalogue import Inputs, Score
from polars_transferability._scores.choice import (
    CATALOGUE,
    DEFAULT,
    FUNCTIONS,
    NAMED_OF_TWO_TASKS,
    NAMES,
    OF_ONE_TABLE,
    OF_TWO_TASKS,
)
from registry import EXPRESSIONS, TRAIN, embedding_rows, source_groups

ROOT = Path(__file__).resolve().parents[3]
each_row = pytest.mark.parametrize("row", CATALOGUE, ids=[row.name for row in CATALOGUE])
# Arguments of functions that are no settings: columns, and what chooses between rows.
NO_SETTINGS = {"fit", "prior"}


def function(row: Score) -> str:
    return row.function.__name__


def table_in_docs() -> dict[str, list[str]]:
    """The cells of input, range and cost of each row of the first table, by its score."""
    text = (ROOT / "docs" / "scores.md").read_text("utf-8")
    first = text[text.index("| score |") :].partition("\n\n")[0]
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in first.splitlines()]
    header, _, *rows = rows
    assert header[:4] == ["score", "input", "range", "cost"]
    assert len(rows) == len({row[0] for row in rows})
    return {row[0].strip("`"): row[1:4] for row in rows}


def test_names_are_unique() -> None:
    names = [name for row in CATALOGUE for name in (row.name, row.alias) if name]
    assert len(names) == len(set(names))
    assert {*OF_ONE_TABLE, *OF_TWO_TASKS} == {row.name for row in CATALOGUE}


def test_each_row_has_a_function_and_each_function_a_row() -> None:
    named = {function(row) for row in CATALOGUE}
    assert named == set(FUNCTIONS)
    assert named <= set(pt.__all__)
    assert named <= {expression.function for expression in EXPRESSIONS}


@each_row
def test_every_option_of_a_function_is_a_setting(row: Score) -> None:
    options = {
        name
        for name, parameter in inspect.signature(row.function).parameters.items()
        if parameter.kind is parameter.KEYWORD_ONLY and name not in NO_SETTINGS
    }
    same = [other for other in CATALOGUE if other.function is row.function]
    assert options == {name for other in same for name in other.settings}


@each_row
def test_the_table_in_the_docs(row: Score) -> None:
    inputs, range_, cost = table_in_docs()[row.name]
    assert inputs.startswith(row.inputs.value)
    assert (range_, cost) == (row.range, row.cost.value)


def test_the_table_in_the_docs_has_no_other_rows() -> None:
    assert table_in_docs().keys() == {row.name for row in CATALOGUE}


def test_all_scores_of_one_table_and_their_fields() -> None:
    rows = source_groups(1).filter(pl.col("task") == "old")
    all_scores = pt.scores(
        "embedding",
        "label",
        scores="all",
        probabilities="probabilities",
        source_label="source_label",
        fit=TRAIN,
    )
    found = rows.select(all_scores).unnest("scores").schema
    assert list(found) == [*OF_ONE_TABLE, "n", "classes", "labels"]
    for name, row in OF_ONE_TABLE.items():
        dtype = found[name]
        fields = [f.name for f in dtype.fields] if isinstance(dtype, pl.Struct) else []
        assert fields == list(row.fields), name


def test_scores_by_default() -> None:
    found = embedding_rows().select(pt.scores("embedding", "label")).unnest("scores")
    assert found.columns == [*DEFAULT, "n", "classes", "labels"]


def test_scores_of_two_tasks_that_need_no_settings() -> None:
    assert NAMED_OF_TWO_TASKS == ("ot_nce", "otdd", "s_otdd", "tetot")
    rows = embedding_rows()
    found = pt.compute_scores(rows, scores="all", sources=["old"], fit=TRAIN)
    computed = [name for name, row in OF_ONE_TABLE.items() if row.inputs is Inputs.EMBEDDING]
    missing = {*NAMED_OF_TWO_TASKS, *computed} - set(found.columns)
    assert missing == {"linear_probe"}


def test_the_help_of_the_command_names_all(capsys: pytest.CaptureFixture[str]) -> None:
    from polars_transferability.cli.main import app

    app(["score", "--help"], exit_on_error=False, result_action="return_value")
    words = capsys.readouterr().out.replace("│", " ").split()
    assert set(NAMES) <= {word.strip(".,") for word in words}
