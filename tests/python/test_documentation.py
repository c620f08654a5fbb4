"""The lines of the README that make a table make one, and every link leads somewhere."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pandas as pd
import polars as pl
import polars_transferability as pt
import pytest
import reference_pages
from commands import run

ROOT = Path(__file__).resolve().parents[2]
PAGES = [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("benches/*.md")]

README = ROOT / "README.md"


def lines_that_make_tables() -> list[str]:
    """The lines of Python in the README that write a table of embeddings."""
    return re.findall(r"\| `(pl\..*?)` \|", README.read_text("utf-8"))


@pytest.mark.parametrize("line", lines_that_make_tables())
def test_lines_that_make_a_table_make_one_to_score(
    line: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    x, y = np.random.default_rng(0).normal(size=(20, 3)), np.arange(20) % 2
    df = pd.DataFrame(x, columns=["a", "b", "c"]).assign(label=y)
    exec(line, {"pl": pl, "x": x, "y": y, "df": df})
    found = run("score", "resnet.parquet", "--format", "csv")
    assert found.returncode == 0
    expected = pt.compute_scores(
        pl.DataFrame({"label": y, "embedding": x}), model=None, task=None, fit=None
    )
    (row,) = pl.read_csv(found.stdout).drop("model", "problems", "consensus").rows()
    assert row == pytest.approx(expected.drop("model", "problems").row(0))


def test_the_readme_has_a_line_for_arrays_and_one_for_pandas() -> None:
    assert len(lines_that_make_tables()) == 2


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    links = re.findall(r"\]\(([^)#\s]+)[^)]*\)", page.read_text("utf-8"))
    local = [(page.parent / link).resolve() for link in links if "://" not in link]
    made = {ROOT / "docs" / "reference" / name for name in reference_pages.PAGES}
    assert [str(path) for path in local if not (path.exists() or path in made)] == []
