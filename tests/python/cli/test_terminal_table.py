"""Tables that fit the terminal: nothing is lost, and no number is torn apart."""

from __future__ import annotations

import re
from pathlib import Path

import polars as pl
import polars_transferability as pt
import pytest
from commands import run, run_in_terminal
from hypothesis import given, settings
from hypothesis import strategies as st
from polars_transferability.cli.terminal_table import TerminalTable, table_lines
from rich.cells import cell_len

BOUND = ["--max-rows-per-class", "20", "--l2", "0.001"]
NUMBER = re.compile(r"-?\d+\.\d{4}")


def printed(width: int, *arguments: object) -> str:
    """What a command prints in a terminal of that width."""
    done = run_in_terminal(width, *arguments)
    assert done.returncode == 0
    return done.stdout.decode()


def numbers(rows: pl.DataFrame, columns: list[str]) -> set[str]:
    return {f"{value:.4f}" for name in columns for value in rows[name]}


TERMS = ["bound", "source_loss", "label_mismatch", "distribution_mismatch", "target_loss"]


@pytest.mark.parametrize("width", [80, 120])
def test_bounds_of_several_sources_fit(width: int, lenets: Path, tmp_path: Path) -> None:
    text = printed(width, "bound", lenets, *BOUND, "--out", tmp_path / "bounds.parquet")
    assert max(map(cell_len, text.splitlines())) <= width
    bounds = pl.read_parquet(tmp_path / "bounds.parquet")
    shown = [*TERMS, "target_accuracy", "trivial_loss"]
    assert numbers(bounds, shown) <= set(NUMBER.findall(text))
    for model in ("lenet-kmnist", "lenet-mnist", "lenet-usps"):
        assert len(re.findall(rf"^ {model} .*\d\.\d{{4}}", text, re.MULTILINE)) >= 6


@pytest.mark.parametrize("width", [80, 120])
@pytest.mark.parametrize("scores", ["all", "logme,knn,gbc,transrate,shrinkage_h_score,h_score"])
def test_scores_fit(width: int, scores: str, lenets: Path) -> None:
    text = printed(width, "score", lenets, "--scores", scores)
    assert max(map(cell_len, text.splitlines())) <= width
    found = pt.compute_scores(lenets, scores=scores.split(",") if "," in scores else scores)
    named = [name for name, dtype in found.schema.items() if dtype.is_float()]
    assert numbers(found, named) <= set(NUMBER.findall(text))


def test_what_a_check_leaves_out_is_told(data: Path) -> None:
    text = printed(80, "check", data / "lenet-mnist.parquet")
    assert max(map(cell_len, text.splitlines())) <= 80
    told = " ".join(text.partition("the same in all 6 rows: ")[2].split())
    assert told.startswith("file ")
    assert told.endswith("nulls 0, nan 0, format Parquet (--wide shows all)")
    wide = printed(80, "check", data / "lenet-mnist.parquet", "--wide")
    assert "the same in all" not in wide
    assert wide.count("Array[Float32]") == 6


def test_wide_has_every_field(data: Path) -> None:
    text = printed(80, "bound", data / "lenet-mnist.parquet", *BOUND, "--wide")
    heading = text.partition("─")[0].split()
    assert {"certified", "lipschitz", "n", "l2"} <= set(heading)
    text = printed(80, "score", data / "lenet-mnist.parquet", "--wide")
    assert {"labels", "classes", "evaluated"} <= set(text.partition("─")[0].split())


def test_wide_is_not_of_a_report(tmp_path: Path) -> None:
    (tmp_path / "report.toml").write_text("")
    done = run("report", tmp_path / "report.toml", "--out", tmp_path / "out", "--wide")
    assert done.returncode == 2
    assert b"--wide are for queries" in done.stderr


def test_without_a_terminal_a_table_has_its_full_width(lenets: Path) -> None:
    text = run("check", lenets).stdout.decode()
    assert text.count("Array[Float32]") == 18


SEVERAL = pl.DataFrame(
    {
        "model": ["a" * 30, "b" * 30, "a" * 30],
        "target": ["cars", "cars", "pets"],
        "share": [0.5, 0.5, 0.25],
        "logme": [1.0, 2.0, 3.0],
        "gbc": [-1.0, -2.0, -3.0],
    }
)


def test_sections_are_headed_by_what_is_the_same_in_each() -> None:
    table = TerminalTable(SEVERAL, names=["model", "target"], section="target")
    text = "\n".join(table_lines(table, 50))
    first, _, second = text.partition("\n\n")
    assert first.splitlines()[0] == " target cars, share 0.5000"
    assert second.splitlines()[0] == " target pets, share 0.2500"
    assert f" {'a' * 30}  1.0000  -1.0000" in first.splitlines()
    assert f" {'a' * 30}  3.0000  -3.0000" in second.splitlines()


def test_long_names_stand_above_their_numbers() -> None:
    table = TerminalTable(SEVERAL.drop("share"), names=["model", "target"])
    lines = list(table_lines(table, 40))
    assert lines[2:4] == [f" {'a' * 30}, cars", " 1.0000  -1.0000"]


def test_a_row_is_one_line_whatever_its_texts_hold() -> None:
    rows = pl.DataFrame({"model": ["a\nb\t", "c"], "logme": [0.5, 1.0]})
    *_, first, second = table_lines(TerminalTable(rows), width=80)
    assert (first.split(), second.split()) == (["a␊b␉", "0.5000"], ["c", "1.0000"])


@given(
    st.integers(20, 200),
    st.lists(st.tuples(st.text(max_size=30), st.floats(-1e6, 1e6)), min_size=1, max_size=5),
    st.integers(1, 12),
)
@settings(deadline=None)
def test_every_number_stands_on_a_line_that_fits(
    width: int, found: list[tuple[str, float]], columns: int
) -> None:
    rows = pl.DataFrame(
        {
            "model": [name for name, _ in found],
            **{f"score_{i}": [value + i for _, value in found] for i in range(columns)},
        }
    )
    lines = list(table_lines(TerminalTable(rows, names=["model"], section="model"), width))
    shown = {number for line in lines for number in NUMBER.findall(line)}
    assert numbers(rows, rows.columns[1:]) <= shown
    assert max(cell_len(line) for line in lines if NUMBER.search(line)) <= width
