"""Facts of models and distances between tasks in a report: their tables, pictures and keys."""

from __future__ import annotations

import re
from html import unescape
from pathlib import Path

import polars as pl
import pytest
from polars.testing import assert_frame_equal
from polars_transferability._factors import explained, level_means
from polars_transferability._relatedness import relatedness
from reports import HOSTILE, change, make, problem, section

FACTS = "model,data,size,kind\nnet0,photos,1.5,a\nnet1,photos,3,b\nnet2,drawings,2,c\n"
EXPLAINS, NEAR = "What explains the results?", "How near are the tasks?"


@pytest.fixture
def asked(folder: Path) -> Path:
    """The small report, with facts of its models and the matrix of its tasks."""
    (folder / "facts.csv").write_text(FACTS)
    lines = 'models = "facts.csv"\nfactors = ["data", "size", "kind"]\nrelatedness = true\n'
    change(folder, "scores = []", f'scores = ["logme"]\n{lines}')
    return folder


def page_of(folder: Path) -> str:
    return unescape(make(folder).page.read_text("utf-8"))


def test_tables_are_what_the_functions_compute(asked: Path) -> None:
    tables = make(asked).tables
    facts, ranking = pl.read_csv(asked / "facts.csv"), tables["ranking"]
    assert_frame_equal(tables["factors"], explained(ranking, facts, ["consensus", "bound"]))
    means = level_means(ranking, facts, ["consensus", "bound", "logme"])
    assert_frame_equal(tables["factor_levels"], means)
    assert_frame_equal(tables["relatedness"], relatedness(tables["bounds"]))
    for name in ("factors", "factor_levels", "relatedness"):
        assert pl.read_parquet(asked / "out" / f"{name}.parquet").equals(tables[name])
        assert (asked / "out" / f"{name}.csv").is_file()


def test_left_out_nothing_of_it_is_there(folder: Path) -> None:
    made = make(folder)
    assert not {"factors", "factor_levels", "relatedness"} & made.tables.keys()
    page = made.page.read_text()
    assert EXPLAINS not in page
    assert NEAR not in page


def test_the_page_has_a_picture_and_a_sentence_of_each_factor(asked: Path) -> None:
    shown = section(page_of(asked), EXPLAINS)
    assert re.findall("<h3>(.*?)</h3>", shown) == ["data", "size", "kind"]
    assert shown.count("<svg") == 3
    found = make(asked).tables["factors"].filter(measure="consensus")
    shares = dict(found.select("factor", "explained").iter_rows())
    for factor in ("data", "size"):
        share = f"It explains {100 * shares[factor]:.0f}\N{NO-BREAK SPACE}%"
        assert share in shown.partition(f"<h3>{factor}</h3>")[2].partition("<h3>")[0]
    assert shares["kind"] is None
    assert "What it explains is not known: as many levels as models" in shown


def test_facts_change_no_bound_and_are_read_anew(asked: Path) -> None:
    first = make(asked)
    again = make(asked)
    assert (again.computed, again.reused) == (0, first.computed)
    (asked / "facts.csv").write_text(FACTS.replace("drawings", "photos"))
    made = make(asked)
    # Only the query, which may read any table.
    assert made.computed == 1
    assert "all models have the same level" in set(made.tables["factors"]["reason"])


def test_the_names_of_models_may_stand_in_another_column(asked: Path) -> None:
    expected = make(asked).tables["factors"]
    (asked / "facts.csv").write_text(FACTS.replace("model,", "network,"))
    change(asked, '"facts.csv"', '{file = "facts.csv", model = "network"}')
    assert make(asked).tables["factors"].equals(expected)
    pl.read_csv(asked / "facts.csv").write_parquet(asked / "facts.parquet")
    change(asked, "facts.csv", "facts.parquet")
    assert make(asked).tables["factors"].equals(expected)


def test_models_of_which_nothing_is_known_are_counted(asked: Path) -> None:
    (asked / "facts.csv").write_text(FACTS.replace("net2,drawings", "net2,").replace("net0", "x"))
    made = make(asked)
    models = dict(made.tables["factors"].select("factor", "models").unique().iter_rows())
    assert models == {"data": 1, "size": 2, "kind": 2}
    shown = section(unescape(made.page.read_text()), EXPLAINS)
    assert "2 models without a value have no part in it." in shown
    assert "1 model without a value has no part in it." in shown


def test_a_model_with_two_rows_of_facts_is_an_error(asked: Path) -> None:
    (asked / "facts.csv").write_text(FACTS + "net1,other,2,d\n")
    assert "facts.csv: model = 'net1' has several rows; leave one of them" in problem(asked)


def test_facts_that_are_no_names_and_no_numbers_are_an_error(asked: Path) -> None:
    facts = pl.read_csv(asked / "facts.csv").with_columns(data=pl.concat_list("data"))
    facts.write_parquet(asked / "facts.parquet")
    change(asked, "facts.csv", "facts.parquet")
    assert "facts.parquet: column 'data' is List(String), but its values are" in problem(asked)


def test_the_matrix_has_both_directions(asked: Path) -> None:
    shown = section(page_of(asked), NEAR)
    rows = re.findall(r"<tr>\n<th scope=\"row\">(\w+)</th>(.*?)</tr>", shown, re.DOTALL)
    assert [name for name, _ in rows] == ["new", "old", "guessing"]
    found = make(asked).tables["relatedness"]
    for source, cells in rows[:2]:
        (bound,) = found.filter(source=source)["bound"]
        assert {f"{bound:.2f}", "\N{EN DASH}"} == set(re.findall(r"<td[^>]*>([^<]+)", cells))
    assert "Bounds of net" not in shown


def test_each_model_has_its_matrix_on_request(asked: Path) -> None:
    change(asked, "relatedness = true", 'relatedness = "each model"')
    made = make(asked)
    shown = section(made.page.read_text(), NEAR)
    assert re.findall(r"Bounds of (net\d)", shown) == ["net0", "net1", "net2"]
    change(asked, 'relatedness = "each model"', "relatedness = true")
    assert made.tables["relatedness"].equals(make(asked).tables["relatedness"])


def test_queries_read_these_tables(asked: Path) -> None:
    (asked / "lowest.sql").write_text(
        "SELECT f.factor, f.explained, r.share FROM factors f, relatedness r"
        " WHERE f.measure = 'bound' AND r.source = 'old' ORDER BY f.factor"
    )
    assert make(asked).tables["queries/lowest"]["factor"].to_list() == ["data", "kind", "size"]


def test_names_of_levels_and_columns_are_text(asked: Path) -> None:
    hostile = " ".join(HOSTILE)
    facts = pl.read_csv(asked / "facts.csv").with_columns(data=pl.col("data") + hostile)
    facts.rename({"size": hostile}).write_parquet(asked / "facts.parquet")
    change(asked, "facts.csv", "facts.parquet")
    change(asked, '"size"', '"other"')
    facts.rename({"size": "other"}).write_parquet(asked / "facts.parquet")
    shown = section(make(asked).page.read_text("utf-8"), EXPLAINS)
    assert "photos" in shown
    assert "<script>" not in shown
    assert "<img" not in shown
