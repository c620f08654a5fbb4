"""The first screen of a report, and the sections below it that are closed."""

from __future__ import annotations

import re
from collections.abc import Callable
from html import unescape
from pathlib import Path
from typing import Any

import polars as pl
import polars_transferability as pt
import pytest
from browser import browser, find_browser
from polars_transferability._report import _units
from polars_transferability._report._page_table import page_table
from reports import change, make, section

NO_BREAK = "\N{NO-BREAK SPACE}"
# How many texts of pictures reach beyond their picture.
CUT = """
    [...document.querySelectorAll('svg text')].filter(text => {
        const own = text.getBoundingClientRect();
        const whole = text.closest("svg").getBoundingClientRect();
        return own.right > whole.right + 1 || own.left < whole.left - 1;
    }).length
"""


def lines_of(page: str) -> dict[str, str]:
    """What the first screen says of each target, without markup."""
    table = page.partition('<div class="verdicts">')[2].partition("</tbody>")[0]
    rows = re.findall(
        r"<tr>\n<th scope=\"row\"><a [^>]*>(\w+)</a></th>(.*?)</tr>", table, re.DOTALL
    )
    return {name: " ".join(re.sub("<[^>]+>", " ", row).split()) for name, row in rows}


def cells_of(page: str) -> dict[tuple[str, str], tuple[str, str]]:
    """The attributes and the text of each cell of the map, by model and target."""
    table = page.partition('id="bounds-map"')[2].partition("</table>")[0]
    targets = re.findall(r"<a href=[^>]*>(.*?)</a>", table)
    rows = re.findall(
        r"<th scope=\"row\">(.*?)</th>(.*?)</tr>", table.partition("<tfoot>")[0], re.DOTALL
    )
    return {
        (model, target): cell
        for model, cells in rows
        for target, cell in zip(targets, re.findall("<td(.*?)>(.*?)</td>", cells), strict=True)
    }


def test_the_first_screen_comes_before_every_section(folder: Path) -> None:
    page = make(folder).page.read_text()
    places = [
        page.index(text) for text in ("<h1>", "Which model to take", "bounds-map", "<details>")
    ]
    assert places == sorted(places)
    assert page.index("<details>") < page.index("How to read it")


def test_every_section_below_it_is_closed(folder: Path) -> None:
    page = make(folder).page.read_text()
    below = page.partition("</section>")[2]
    sections = re.findall("<section.*?</section>", below, re.DOTALL)
    assert len(sections) > 4
    assert all(re.match(r"<section [^>]*>\n<details>\n<summary><h2", one) for one in sections)
    assert "<details open" not in page


def test_without_an_accuracy_the_lowest_bound_is_taken_and_nothing_tested(folder: Path) -> None:
    made = make(folder)
    found = lines_of(made.page.read_text())
    for target, models in made.tables["ranking"].group_by("target"):
        best, second = models.sort("bound")["model"].head(2)
        assert found[target[0]].startswith(f"{best} not tested ; next: {second}")


@pytest.mark.parametrize("score", ["knn_accuracy", "linear_probe"])
def test_an_accuracy_says_whether_the_lead_is_noise(folder: Path, score: str) -> None:
    """The words follow from `pt.verdict` on the first model and each other one."""
    change(folder, "scores = []", f'scores = ["{score}", "logme"]')
    made = make(folder)
    column = {"linear_probe": "linear_probe_accuracy"}.get(score, score)
    found, scores = lines_of(made.page.read_text()), made.tables["scores"]
    for (target,), models in made.tables["ranking"].group_by("target"):
        ranked = models.sort("consensus", "bound", descending=[True, False])["model"].to_list()
        outcomes = {}
        for other in ranked[1:]:
            pair = scores.filter(pl.col("model").is_in([ranked[0], other]), target=target)
            outcomes[other] = pt.verdict(pair, score=column).row(0, named=True)
        clear = {name: row for name, row in outcomes.items() if row["outcome"] == "more than noise"}
        above = [row["best"] for row in clear.values() if row["best"] != ranked[0]]
        close = [name for name in outcomes if name not in clear]
        if above:
            expected = "by more than noise"
        elif close:
            expected = f"within noise of {close[0] if len(close) == 1 else f'{len(close)} others'}"
        else:
            expected = "ahead by more than noise"
        assert found[target].startswith(ranked[0])
        assert expected in found[target]


def with_columns(
    compute: Callable[..., pl.DataFrame], columns: Callable[[int], dict[str, Any]]
) -> Callable[..., pl.DataFrame]:
    """`compute` with other values in some columns, by the number in the name of the model."""

    def computed(*args: Any, **options: Any) -> pl.DataFrame:
        found = compute(*args, **options)
        (model,) = found["model"].unique()
        return found.with_columns(**columns(int(model[-1])))

    return computed


@pytest.mark.parametrize(
    ("accuracies", "kind", "words"),
    [
        ([0.9, 0.7, 0.7], "sure", "ahead by more than noise"),
        ([0.9, 0.89, 0.7], "close", "within noise of net1"),
        ([0.9, 0.89, 0.895], "close", "within noise of 2 others"),
        ([0.9, 0.9, 0.7], "close", "within noise of net1"),
        (
            [0.7, 0.9, 0.7],
            "against",
            "net1 has the higher linear probe accuracy, by more than noise",
        ),
    ],
)
def test_each_kind_of_lead_has_its_words(
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    accuracies: list[float],
    kind: str,
    words: str,
) -> None:
    """Bounds decide which model is the first, so that an accuracy can speak against it."""

    def bounds(model: int) -> dict[str, Any]:
        return {"bound": pl.lit(0.1 + 0.2 * model), "state": pl.lit("better than guessing")}

    def scores(model: int) -> dict[str, Any]:
        share = {"linear_probe_accuracy": pl.lit(accuracies[model])}
        losses = {"linear_probe_loss": pl.lit(0.5), "linear_probe_train_loss": pl.lit(0.1)}
        return {**share, **losses, "n_evaluated": pl.lit(1000, pl.UInt32)}

    monkeypatch.setattr(_units, "compute_bounds", with_columns(_units.compute_bounds, bounds))
    monkeypatch.setattr(_units, "compute_scores", with_columns(_units.compute_scores, scores))
    change(folder, "scores = []", 'scores = ["linear_probe"]')
    page = make(folder).page.read_text()
    for said in lines_of(page).values():
        assert said.startswith(f"net0 {words}")
        assert ("next: net1" in said) == ("net1" not in words)
    assert f'<span class="{kind}">{words}</span>' in page
    assert f'<span class="gist">net0, {words}</span>' in page


def test_cells_have_the_bound_and_the_colour_of_the_consensus(folder: Path) -> None:
    change(folder, "scores = []", 'scores = ["knn_accuracy", "logme"]')
    made = make(folder)
    cells = cells_of(made.page.read_text())
    ranking = made.tables["ranking"]
    assert len(cells) == ranking.height == 6
    firsts = ranking.sort("consensus", "bound", descending=[True, False]).unique(
        "target", keep="first", maintain_order=True
    )
    best = set(firsts.select("model", "target").iter_rows())
    for row in ranking.iter_rows(named=True):
        look, text = cells[row["model"], row["target"]]
        assert text.startswith(f"{row['bound']:.2f}")
        if row["state"] == "better than guessing":
            assert f"--dark: {round(100 * row['consensus'])}%" in look
        assert ("best" in look) == ((row["model"], row["target"]) in best)


def stuck(model: str) -> Callable[..., pl.DataFrame]:
    """`compute_bounds`, whose bounds of a model are those of guessing."""
    compute = _units.compute_bounds

    def computed(rows: pl.DataFrame, **options: Any) -> pl.DataFrame:
        found = compute(rows, **options)
        if model not in rows["model"]:
            return found
        return found.with_columns(
            bound="trivial_loss",
            state=pl.lit("no better than guessing"),
            source_loss="trivial_loss",
            label_mismatch=0.0,
            distribution_mismatch=0.0,
        )

    return computed


def test_a_bound_no_better_than_guessing_looks_like_none(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_units, "compute_bounds", stuck("net1"))
    made = make(folder)
    page, ranking = made.page.read_text(), made.tables["ranking"]
    better = ranking.filter(state="better than guessing").select("model", "target").rows()
    assert ranking.filter(model="net1", state="no better than guessing").height == 2
    assert better
    for pair, (look, text) in cells_of(page).items():
        nothing = pair not in better
        assert ("nothing" in look) == nothing
        assert ("--dark" in look) != nothing
        assert ("no better than guessing" in text) == nothing
    assert f"{(made.tables['bounds']['state'] != 'better than guessing').sum()} of them no" in page
    assert "Hatched: the bound is no better than guessing" in page
    shown = section(page, "new")
    assert re.search(r"\d bounds? (is|are) no better than guessing\.", shown)
    assert "pale: no better than guessing" in shown
    assert ">no better<" in shown


def test_where_no_bound_is_better_than_guessing_no_model_is_praised(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_units, "compute_bounds", stuck("net"))
    for path in (folder / "models").iterdir():
        rows = pl.read_parquet(path)
        rows.with_columns(model=pl.lit("net")).write_parquet(path.with_name("all.parquet"))
        path.unlink()
    page = make(folder).page.read_text()
    assert "No bound on this target is better than guessing, so they rank nothing." in page
    for said in lines_of(page).values():
        assert "no bound is better than guessing" in said


def test_the_agreement_stands_beside_the_trivial_ranker(folder: Path) -> None:
    accuracies = {"new": [0.5, 0.7, 0.6], "old": [0.9, 0.8, 0.7]}
    names = [f"net{place}" for place in range(3)]
    pl.DataFrame({"model": names, **accuracies}).write_csv(folder / "accuracy.csv")
    made = make(folder)
    page = made.page.read_text()
    quality = made.tables["selection_quality"]
    for target, said in lines_of(page).items():
        expected = [
            quality.filter(target=target, score=score)["weighted_tau"].item()
            for score in ("bound", "mean_accuracy_elsewhere")
        ]
        assert said.endswith(" ".join(f"{value:.2f}".replace("-", "\u2212") for value in expected))
    assert f"agreement with accuracy, n{NO_BREAK}={NO_BREAK}3" in page
    assert "These are too few models to judge by." in page


def test_few_models_have_no_intervals_of_correlations(folder: Path) -> None:
    page = unescape(make(folder).page.read_text())
    captions = re.findall("<figcaption>(.*?)</figcaption>", page)
    correlations = [text for text in captions if "Spearman" in text]
    assert correlations
    assert not [text for text in correlations if "[" in text]
    assert all(f", n{NO_BREAK}={NO_BREAK}3" in text for text in correlations)
    assert " n =" not in page


def test_columns_that_tell_no_rows_apart_are_said_once() -> None:
    rows = pl.DataFrame(
        {
            "model": ["a", "b"],
            "same": [0.5, 0.5],
            "zero": [0.0, 0.0],
            "nothing": [None, None],
            "yes": [True, True],
            "value": [1.0, 2.0],
            "kept": [3.0, 3.0],
        }
    )
    table = page_table(rows, "t", "t", always=["model", "kept"], labels={"same": "the same"})
    assert [column.heading for column in table.columns] == ["model", "value", "kept"]
    said = table.note.replace(NO_BREAK, " ")
    assert (
        said == "The same in all rows: the same = 0.500, zero = 0.000, yes = yes. Empty: nothing."
    )
    every = page_table(rows, "t", "t")
    assert len(every.columns) == rows.width
    assert every.note == ""
    (one,) = page_table(rows.head(1), "t", "t", always=["model"]).groups
    assert one.rows == (("a", "0.500", "yes", "1.000", "3.000"),)


def test_tables_of_the_page_have_no_column_of_one_value(folder: Path) -> None:
    change(folder, "scores = []", 'scores = ["knn_accuracy", "logme", "gbc"]')
    page = unescape(make(folder).page.read_text())
    for target in ("new", "old"):
        tables = re.findall("<table.*?</table>", section(page, target), re.DOTALL)
        assert len(tables) == 3
        for table in tables:
            headings = re.findall(r"<th scope=\"col\"[^>]*>(.*?)</th>", table)
            rows = [
                re.findall("<td[^>]*>(.*?)</td>", row)
                for row in re.findall("<tr>.*?</tr>", table, re.DOTALL)[1:]
            ]
            for heading, *values in zip(headings, *rows, strict=True):
                always = ("place", "model", "source", "bound", "source classes that stand for it")
                assert len(set(values)) > 1 or heading in always


def test_a_link_opens_its_section_and_open_sections_fit(folder: Path, tmp_path: Path) -> None:
    path = find_browser()
    if path is None:
        pytest.skip("no Chromium on this machine to open the page with")
    (folder / "facts.csv").write_text("model,data,size\nnet0,a,1\nnet1,a,2\nnet2,b,4\n")
    change(folder, "[bound]", 'models = "facts.csv"\nfactors = ["data", "size"]\n[bound]')
    change(folder, "[bound]", 'relatedness = "each model"\n[bound]')
    change(folder, "scores = []", 'scores = ["knn_accuracy", "logme"]')
    made = make(folder)
    with browser(path, tmp_path / "profile") as page:
        page.open(made.page)
        page.show(width=1280, height=800, scheme="light")
        opened = "document.querySelectorAll('details[open]').length"
        assert page.evaluate(opened) == 0
        assert (
            page.evaluate("document.getElementById('bounds-map').getBoundingClientRect().top") < 400
        )
        page.evaluate("document.querySelector('.verdicts a').click(); 1")
        assert page.evaluate(opened) == 1
        page.evaluate("document.querySelectorAll('details').forEach(one => one.open = true); 1")
        for width in (1280, 400, 320):
            page.show(width=width, height=800, scheme="dark")
            assert page.evaluate("document.documentElement.scrollWidth") <= width
            assert page.evaluate(CUT) == 0
