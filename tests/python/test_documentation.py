"""What README and docs show is what comes out, and every link leads somewhere."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import numpy as np
import pandas as pd
import polars as pl
import polars_transferability as pt
import pytest
import reference_pages
from commands import run, run_in_terminal
from page_examples import differs

ROOT = Path(__file__).resolve().parents[2]
PAGES = [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("benches/*.md")]


def blocks(page: Path, language: str) -> list[str]:
    """The code blocks of a page in one language."""
    return re.findall(rf"```{language}\n(.*?)```", page.read_text("utf-8"), re.DOTALL)


README = ROOT / "README.md"
# A command as it is typed, and what it prints.
SHOWN = [block.removeprefix("$ ").split("\n", 1) for block in blocks(README, "console")]


@pytest.mark.parametrize(("command", "output"), SHOWN, ids=[command for command, _ in SHOWN])
def test_commands_print_what_the_readme_shows(
    command: str, output: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(ROOT)
    program, *arguments = shlex.split(command)
    done = run_in_terminal(80, *arguments)
    assert (program, done.returncode, done.stderr) == ("transferability", 0, b"")
    assert not differs(done.stdout.decode(), output)


def test_the_python_example_prints_what_its_comment_says(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(ROOT)
    (example,) = blocks(README, "python")
    exec(compile(example, str(README), "exec"), {})
    printed = [line.rpartition("  # ")[2] for line in example.splitlines() if "print(" in line]
    assert capsys.readouterr().out.splitlines() == printed


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
    assert len(SHOWN) == 2


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    links = re.findall(r"\]\(([^)#\s]+)[^)]*\)", page.read_text("utf-8"))
    local = [(page.parent / link).resolve() for link in links if "://" not in link]
    made = {ROOT / "docs" / "reference" / name for name in reference_pages.PAGES}
    assert [str(path) for path in local if not (path.exists() or path in made)] == []
