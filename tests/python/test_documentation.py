"""What README and docs show is what comes out, links lead somewhere, the reference is complete."""

from __future__ import annotations

import doctest
import re
from pathlib import Path
from types import ModuleType

import page_examples
import polars as pl
import polars_transferability as pt
import pytest
import reference_pages
from page_examples import differs, examples, pages, prepare, run
from polars_transferability._scores.choice import CATALOGUE
from polars_transferability._sql._functions import functions
from polars_transferability.tables.check import check_tables
from polars_transferability.tables.columns import TableColumns
from reference_pages import FAMILIES, key_meaning, names_of, report_keys, write_reference
from site_pages import collect, unlisted

ROOT = Path(__file__).resolve().parents[2]
PAGES = [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("benches/*.md")]
each_page = pytest.mark.parametrize("page", pages(), ids=lambda page: page.stem)
# Examples that cannot run here, which pytest lists with their reasons.
LEFT_OUT = [
    pytest.param(example.not_run, id=f"{page.stem}-{example.line}")
    for page in pages()
    for example in examples(page.read_text("utf-8"))
    if example.not_run is not None
]
# The fit amplifies rounding, so machines may differ by so much; the order of the rows must not.
TOLERANCE = 0.05


def blocks(page: Path, language: str) -> list[str]:
    """The code blocks of a page in one language."""
    return re.findall(rf"```{language}\n(.*?)```", page.read_text("utf-8"), re.DOTALL)


def test_the_first_example_prints_what_the_readme_shows(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    readme = ROOT / "README.md"
    monkeypatch.chdir(ROOT)
    exec(compile(blocks(readme, "python")[0], str(readme), "exec"), {})
    found, shown = (
        [line.split("┆") for line in text.splitlines() if line.startswith("│ lenet")]
        for text in (capsys.readouterr().out, blocks(readme, "text")[0])
    )
    assert len(found) == len(shown) == 3
    for found_row, shown_row in zip(found, shown, strict=True):
        assert found_row[0] == shown_row[0]
        for found_cell, shown_cell in zip(found_row[1:], shown_row[1:], strict=True):
            number, expected = (float(cell.strip(" │")) for cell in (found_cell, shown_cell))
            assert number == pytest.approx(expected, abs=TOLERANCE)


@each_page
def test_examples_print_what_their_page_shows(
    page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    prepare(tmp_path)
    for example, printed in run(page):
        place = f"{page.relative_to(ROOT)}, line {example.line}"
        if example.shown is None:
            assert example.language == "sh" or not printed, f"{place}: prints what is not shown"
        else:
            new = f"scripts/page_examples.py {page.relative_to(ROOT)} puts it there"
            shown = example.shown[0]
            assert not differs(printed, shown), f"{place}: prints\n{printed}\n{new}"


@pytest.mark.parametrize("reason", LEFT_OUT)
def test_examples_that_cannot_run_here_say_why(reason: str) -> None:
    assert reason.strip()
    pytest.skip(reason)


@pytest.mark.parametrize("module", [page_examples, reference_pages], ids=lambda m: m.__name__)
def test_what_makes_pages_does_what_it_says(module: ModuleType) -> None:
    tried = doctest.testmod(module)
    assert tried.attempted
    assert not tried.failed


@pytest.fixture(scope="module")
def reference(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The pages of the reference that are made of the package."""
    folder = tmp_path_factory.mktemp("reference")
    write_reference(folder)
    return folder


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path, reference: Path) -> None:
    links = re.findall(r"\]\(([^)#\s]+)[^)]*\)", page.read_text("utf-8"))
    local = [(page.parent / link).resolve() for link in links if "://" not in link]
    made = {ROOT / "docs" / "reference" / page.name for page in reference.iterdir()}
    assert [str(path) for path in local if not (path.exists() or path in made)] == []


def test_every_public_name_has_one_place_in_the_reference(reference: Path) -> None:
    named = [name for family in FAMILIES for name in names_of(family)]
    assert sorted(named) == sorted(pt.__all__)
    for family in FAMILIES:
        text = (reference / f"{family.page}.md").read_text("utf-8")
        for name in names_of(family):
            assert len(re.findall(rf"^::: polars_transferability\.\S*\b{name}$", text, re.M)) == 1


def test_every_sql_function_and_argument_is_in_the_reference(reference: Path) -> None:
    text = (reference / "sql-functions.md").read_text("utf-8")
    described = dict(zip(*[iter(re.split(r"^### (\w+)\n", text, flags=re.M)[1:])] * 2, strict=True))
    assert described.keys() == functions().keys()
    for name, function in functions().items():
        rows = re.findall(r"^\| `(\w+)` \|", described[name], re.M)
        assert rows == [parameter.name for parameter in function.parameters]


def test_every_key_of_a_report_has_a_meaning() -> None:
    found = report_keys()
    assert found.keys() == {"", "columns", "bound", "comparison", "leaderboards"}
    assert all(key_meaning(section, key) for section, keys in found.items() for key in keys)


def test_the_navigation_lists_every_page(tmp_path: Path) -> None:
    collect(tmp_path / "pages")
    assert list(unlisted(tmp_path / "pages")) == []


def documented_columns() -> dict[str, dict[str, str]]:
    """The columns of each result with their types, as the page of the reference has them."""
    page = (ROOT / "docs" / "reference" / "columns.md").read_text("utf-8")
    sections = re.split(r"^## (\w+)\n", page, flags=re.M)[1:]
    found: dict[str, dict[str, str]] = {}
    for name, text in zip(sections[::2], sections[1::2], strict=True):
        own = dict(re.findall(r"^\| `(\w+)` \| ([^|]+) \|", text, re.M))
        borrowed = re.findall(r"columns of\s+\[(\w+)\]", text) + re.findall(
            r"and of\s+\[(\w+)\]", text
        )
        found[name] = {**{k: v for other in borrowed for k, v in found[other].items()}, **own}
        if name == "scores":
            found[name] |= {row.name: "Float64" for row in CATALOGUE if row.name != "linear_probe"}
    return found


def type_name(dtype: pl.DataType) -> str:
    if isinstance(dtype, pl.List):
        return f"List of {dtype.inner.base_type()}"
    return str(dtype.base_type())


def struct_schema(frame: pl.DataFrame) -> dict[str, pl.DataType]:
    """The fields of the only column, which is a struct."""
    return dict(frame.to_series().struct.schema)


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, pl.DataType]]:
    """The schema of every table that comes out of the package, by its name in the page."""
    folder = tmp_path_factory.mktemp("results")
    for file in (ROOT / "data").glob("*.parquet"):
        pl.read_parquet(file).filter(pl.col("label") < 3).write_parquet(folder / file.name)
    accuracies = ROOT / "data" / "lenet_finetuned.csv"
    config = folder / "report.toml"
    lines = [
        'files = "*.parquet"',
        'scores = "all"',
        f'leaderboards = ["{accuracies}"]',
        "bound.max_rows_per_class = 10",
        "comparison.bootstrap = 2",
    ]
    config.write_text("\n".join(lines), "utf-8")
    tables = pt.report(config, folder / "out").tables
    rows = pl.read_parquet(folder / "lenet-mnist.parquet")
    checked, _ = check_tables([str(folder / "lenet-mnist.parquet")], TableColumns())
    of_class = tables["bounds"].select(pl.col("by_class").explode(empty_as_null=False))
    sides = [pt.task(where=pl.col("task") == name) for name in ("mnist", "kmnist")]
    pairs = pt.compute_scores(
        rows, scores=["ot_nce", "otdd"], sources=["mnist"], targets=["kmnist"]
    )
    return {
        **{name: dict(table.schema) for name, table in tables.items()},
        "scores": {**tables["scores"].schema, **pairs.schema},
        "by_class": struct_schema(of_class),
        "leaderboard": dict(pt.read_leaderboard(accuracies).schema),
        "check": dict(checked.schema),
        "class_wasserstein": struct_schema(rows.select(pt.class_wasserstein(*sides))),
        "moments": struct_schema(rows.select(pt.moments("embedding", "label"))),
    }


def test_every_column_of_every_result_is_in_the_reference(
    results: dict[str, dict[str, pl.DataType]],
) -> None:
    documented = documented_columns()
    assert documented.keys() == results.keys()
    for name, schema in results.items():
        intervals = re.compile(r"(?<=\w)_(low|high)$")
        found = {
            f"NAME{end[0]}" if (end := intervals.search(column)) else column: type_name(dtype)
            for column, dtype in schema.items()
        }
        listed = documented[name]
        wrong = {
            column: dtype
            for column, dtype in found.items()
            if listed.get(column) not in (dtype, "as given")
        }
        assert not wrong, f"{name}: not in the page, or of another type: {wrong}"
    # What stands there is in the results, too; otce needs arguments, so that no table has it.
    for name in results.keys() - {"ranking", "leaderboards"}:
        gone = documented[name].keys() - results[name].keys() - {"NAME_low", "NAME_high", "otce"}
        assert not gone, f"{name}: in the page, but in no result: {gone}"
