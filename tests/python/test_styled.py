"""Results as a table of great_tables: what is shown, marked and said; names are escaped."""

from __future__ import annotations

import html
import re
from typing import Any

import polars as pl
import polars_transferability as pt
import pytest
from registry import embedding_rows

FOUND = pl.DataFrame(
    {
        "model": ["a", "b", "c", "a", "b", "c"],
        "target": ["pets"] * 3 + ["cars"] * 3,
        "knn_accuracy": [0.8, 0.9, 0.7, 0.5, None, 0.5],
        "logme": [-0.5, -0.25, None, 0.125, None, 0.0625],
        "n_evaluated": 1000,
        "problems": [[]] * 4 + [["one class"], []],
    }
)


def page(results: Any, **options: Any) -> str:
    pytest.importorskip("great_tables")
    text = pt.styled(results, **options).as_raw_html()
    # The style sheet has words of its own.
    return re.sub(r"<style>.*?</style>", "", text, flags=re.DOTALL).replace("\N{MINUS SIGN}", "-")


def rows_of(text: str) -> list[list[str]]:
    """The texts of the cells of each row of the body."""
    body = text.partition("<tbody")[2].partition("</tbody>")[0]
    return [re.findall(r"<t[dh][^>]*>([^<]*)</t[dh]>", row) for row in body.split("<tr")[1:]]


def marked(text: str) -> list[str]:
    return re.findall(r"<td[^>]*background-color[^>]*>([^<]*)</td>", text)


def test_each_target_has_its_models_from_the_best_on() -> None:
    assert rows_of(page(FOUND)) == [
        ["cars"],
        ["a", "0.5000", "0.1250"],
        ["c", "0.5000", "0.0625"],
        ["b", "", ""],
        ["pets"],
        ["b", "0.9000", "-0.2500"],
        ["a", "0.8000", "-0.5000"],
        ["c", "0.7000", ""],
    ]
    by_logme = rows_of(page(FOUND, score="logme"))
    assert by_logme[1] == ["a", "0.1250", "0.5000"]


def test_the_best_is_marked_unless_all_are_equal() -> None:
    assert marked(page(FOUND)) == ["0.1250", "0.9000", "-0.2500"]


def test_of_bounds_the_lowest_is_best_and_terms_are_not_marked() -> None:
    bounds = pt.compute_bounds(embedding_rows(models=2), targets=["new"])
    shown = page(bounds)
    lowest = bounds["bound"].min()
    assert f"{lowest:.4f}" in marked(shown)
    assert "distribution mismatch" in shown
    assert "source" in shown
    assert len(marked(shown)) <= 3


def test_the_verdict_and_what_is_incomplete_stand_below() -> None:
    below = page(FOUND).partition("<tfoot")[2]
    for sentence in pt.verdict(FOUND)["verdict"]:
        assert sentence in below
    assert "1 of 6 results could not be computed in full" in below
    assert "could not be computed" not in page(FOUND.drop("problems"))


def test_rows_that_look_alike_are_refused() -> None:
    pytest.importorskip("great_tables")
    message = re.escape("results: model 'a', target 'pets' has several rows; name the columns")
    with pytest.raises(ValueError, match=message):
        pt.styled(pl.concat([FOUND, FOUND]))


def test_a_target_without_a_name_stays() -> None:
    found = FOUND.with_columns(pl.when(pl.col("target") != "cars").then("target"))
    assert ["None"] in rows_of(page(found))
    assert "There are no results." in page(FOUND.clear())


def test_names_are_escaped() -> None:
    odd = {"model": pl.format("<b>*x*{}", "model"), "target": pl.format("<i>{}", "target")}
    shown = page(FOUND.with_columns(**odd))
    assert "<b>" not in shown
    assert "<i>" not in shown
    assert "<em>" not in shown
    assert "&lt;b&gt;*x*b has the highest" in shown


def test_several_columns_of_models_and_a_leaderboard() -> None:
    board = pl.DataFrame({"model": ["a", "b"], "target": "pets", "accuracy": [0.25, 0.75]})
    shown = page(pt.join_leaderboard(FOUND, board))
    assert ["b", "0.9000", "-0.2500", "0.7500"] in rows_of(shown)
    several = page(FOUND.with_columns(layer=pl.lit("last")), model=["model", "layer"])
    assert ["b", "last", "0.9000", "-0.2500"] in rows_of(several)


def test_without_the_package_the_error_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "great_tables", None)
    message = re.escape("pip install 'polars-transferability[style]'")
    with pytest.raises(ModuleNotFoundError, match=message):
        pt.styled(FOUND)


def test_an_error_of_a_query_shows_its_place() -> None:
    with pytest.raises(pt.QueryError) as raised:
        pt.sql("SELECT a <b FROM", t=FOUND)
    shown = raised.value._repr_html_()
    assert html.unescape(shown) == f"<pre>{raised.value}</pre>"
    assert "a &lt;b FROM" in shown
