"""The page of the study: every section of it is made, with its tables and pictures.

It is made of a slice of the shipped encoders: a few models, tasks and rows.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import cost
import does_it_predict
import few_labels
import label_free
import polars as pl
import pretraining
import pytest
import relatedness
import transforms
import where_it_fails
import zoo as zoo_of_study
from polars_transferability._report._config import read_config
from study.__main__ import write
from study.page import SECTIONS
from zoo import Zoo

SLICE = {
    "image": {
        "models": ["cifar10-resnet8", "cifar10-resnet20", "random-resnet20"],
        "tasks": ["mnist", "kmnist", "fashion-mnist"],
    },
    "text": {"models": ["glove-100-mean", "glove-100-sif"], "tasks": ["clinc10dom", "banking77"]},
}
EXAMPLES = Path(__file__).parents[3] / "examples" / "study"
CLASSES, TRAIN_ROWS, TEST_ROWS = 3, 10, 5


# Every script of the examples that runs by itself.
SCRIPTS = [
    *(does_it_predict, relatedness, pretraining, transforms),
    *(few_labels, label_free, cost, where_it_fails),
]


@pytest.fixture(scope="module")
def small(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Zoo]:
    """A small zoo, and a folder of its own in which results are kept."""
    folder = tmp_path_factory.mktemp("study")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(zoo_of_study, "KEPT", folder / "kept")
        patch.setattr(does_it_predict, "MODEL_DRAWS", 20)
        yield sliced(data / "zoo", folder / "zoo")


@pytest.fixture(scope="module")
def pages(small: Zoo) -> list[Path]:
    """The page of the small zoo, made twice: from nothing, and from what was kept."""
    made = [small.folder.parent / name / "page.md" for name in ("first", "second")]
    for page in made:
        page.parent.mkdir()
        write(small, page)
    return made


def sliced(whole: Path, folder: Path) -> Zoo:
    """A zoo of few models, tasks, classes and rows."""
    folder.mkdir()
    names = {
        key: [name for of in SLICE.values() for name in of[key]] for key in ("models", "tasks")
    }
    for table, key in (("models", "models"), ("tasks", "tasks"), ("truth", "models")):
        column = key.removesuffix("s")
        rows = pl.read_csv(whole / f"{table}.csv").filter(pl.col(column).is_in(names[key]))
        if table == "truth":
            rows = rows.filter(pl.col("task").is_in(names["tasks"]))
        rows.write_csv(folder / f"{table}.csv")
    is_train = pl.col("split") == "train"
    place = pl.int_range(pl.len()).over("task", "split", "label")
    few = place < pl.when(is_train).then(TRAIN_ROWS).otherwise(TEST_ROWS)
    class_of = pl.col("label").rank("dense").over("task")
    for model in names["models"]:
        rows = pl.read_parquet(whole / f"{model}.parquet")
        rows.filter(few, class_of <= CLASSES, pl.col("task").is_in(names["tasks"])).write_parquet(
            folder / f"{model}.parquet"
        )
    return Zoo(folder)


def test_the_page_has_every_section_and_its_pictures(pages: list[Path]) -> None:
    page, _ = pages
    text = page.read_text("utf-8")
    assert re.findall(r"^## (.*)$", text, re.MULTILINE) == [section.TITLE for section in SECTIONS]
    shown = {page.parent / picture for picture in re.findall(r"!\[.+?\]\((.+?)\)", text)}
    assert shown == set(page.with_suffix("").iterdir())
    for picture in shown:
        assert picture.read_text("utf-8").startswith("<svg")


def test_no_figure_is_missing(pages: list[Path]) -> None:
    page, _ = pages
    words = re.findall(r"[A-Za-z]+", page.read_text("utf-8"))
    assert not {"nan", "inf", "None", "null"} & set(words)


def test_tables_are_whole(pages: list[Path]) -> None:
    page, _ = pages
    for table in re.findall(r"(?:^\|.*\|\n)+", page.read_text("utf-8"), re.MULTILINE):
        columns = {line.count("|") for line in table.splitlines()}
        assert len(columns) == 1, table


def test_what_was_kept_gives_the_same_page(pages: list[Path]) -> None:
    first, second = pages
    assert first.read_bytes() == second.read_bytes()
    for picture in first.with_suffix("").iterdir():
        assert picture.read_bytes() == (second.with_suffix("") / picture.name).read_bytes()


def test_every_model_and_target_is_on_the_page(small: Zoo, pages: list[Path]) -> None:
    text = pages[0].read_text("utf-8")
    for domain in small.domains():
        names = [*small.models(domain)["model"], *small.tasks(domain)["task"]]
        assert [name for name in names if f"| {name} |" not in text] == []


@pytest.mark.usefixtures("pages")
@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.__name__)
def test_every_script_runs_by_itself(
    script: ModuleType,
    small: Zoo,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(sys, "argv", [f"{script.__name__}.py", str(small.folder)])
    script.main()
    printed = capsys.readouterr().out
    assert [domain for domain in small.domains() if f"{domain}: " not in printed] == []


@pytest.mark.parametrize("file", sorted(EXAMPLES.glob("*.toml")), ids=lambda file: file.stem)
def test_reports_of_the_examples_are_of_the_shipped_encoders(file: Path, data: Path) -> None:
    config = read_config(file, strict=True)
    domain = "text" if "texts" in file.stem else "image"
    assert {*config.targets} == {*Zoo(data / "zoo").tasks(domain)["task"]}
    facts = pl.read_csv(config.facts.file)
    models = [path.stem for path in (data / "zoo").glob("*.parquet")]
    assert [model for model in models if model not in facts["model"]] == []


def test_every_script_of_the_examples_is_run() -> None:
    programs = {
        path.stem for path in EXAMPLES.glob("*.py") if "__main__" in path.read_text("utf-8")
    }
    assert programs == {script.__name__ for script in SCRIPTS}
