"""What README and docs show is what their examples print, and the site has every page."""

from __future__ import annotations

import doctest
from pathlib import Path
from types import ModuleType

import page_examples
import pytest
import reference_pages
from page_examples import README, differs, examples, missing_packages, pages, prepare, run
from site_pages import collect, unlisted

ROOT = Path(__file__).resolve().parents[2]
each_page = pytest.mark.parametrize("page", pages(), ids=lambda page: page.stem)
# Examples that cannot run here, which pytest lists with their reasons.
LEFT_OUT = [
    pytest.param(example.not_run, id=f"{page.stem}-{example.line}")
    for page in pages()
    for example in examples(page)
    if example.not_run is not None
]


@each_page
def test_examples_print_what_their_page_shows(
    page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if missing := missing_packages(page):
        pytest.skip(f"{page.relative_to(ROOT)} needs {', '.join(missing)}")
    monkeypatch.chdir(tmp_path)
    prepare(tmp_path)
    for example, printed in run(page):
        place = f"{page.relative_to(ROOT)}, line {example.line}"
        if example.shown is None:
            assert example.language == "sh" or not printed, f"{place}: prints what is not shown"
        else:
            new = f"scripts/claims.py --write {page.relative_to(ROOT)} puts it there"
            off = differs(printed, example.shown.text, example.shown.tolerance)
            assert not off, f"{place}: prints\n{printed}\n{new}"


def test_the_readme_shows_commands_and_python() -> None:
    assert {example.language for example in examples(README) if example.shown} == {
        "console",
        "python",
    }


@pytest.mark.parametrize("reason", LEFT_OUT)
def test_examples_that_cannot_run_here_say_why(reason: str) -> None:
    assert reason.strip()
    pytest.skip(reason)


@pytest.mark.parametrize("module", [page_examples, reference_pages], ids=lambda m: m.__name__)
def test_what_makes_pages_does_what_it_says(module: ModuleType) -> None:
    tried = doctest.testmod(module)
    assert tried.attempted
    assert not tried.failed


def test_the_navigation_lists_every_page(tmp_path: Path) -> None:
    collect(tmp_path / "pages")
    assert list(unlisted(tmp_path / "pages")) == []
