"""What README and docs show is what comes out, and every link leads somewhere."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import reference_pages

ROOT = Path(__file__).resolve().parents[2]
PAGES = [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("benches/*.md")]
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


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    links = re.findall(r"\]\(([^)#\s]+)[^)]*\)", page.read_text("utf-8"))
    local = [(page.parent / link).resolve() for link in links if "://" not in link]
    made = {ROOT / "docs" / "reference" / name for name in reference_pages.PAGES}
    assert [str(path) for path in local if not (path.exists() or path in made)] == []
