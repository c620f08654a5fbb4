"""The reference has every public name, SQL function, key of a report and column of a result."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import polars as pl
import polars_transferability as pt
import pytest
from polars_transferability._scores.choice import CATALOGUE, NAMED_OF_TWO_TASKS
from polars_transferability._sql._functions import functions
from polars_transferability.tables.check import check_tables
from polars_transferability.tables.columns import TableColumns
from reference_pages import (
    FAMILIES,
    family_page,
    key_meaning,
    names_of,
    report_keys,
    sql_page,
)

ROOT = Path(__file__).resolve().parents[2]


def test_every_public_name_has_one_place_in_the_reference() -> None:
    named = [name for family in FAMILIES for name in names_of(family)]
    assert sorted(named) == sorted(pt.__all__)
    for family in FAMILIES:
        text = family_page(family)
        for name in names_of(family):
            assert len(re.findall(rf"^::: polars_transferability\.\S*\b{name}$", text, re.M)) == 1


def test_every_sql_function_and_argument_is_in_the_reference() -> None:
    text = sql_page()
    described = dict(zip(*[iter(re.split(r"^### (\w+)\n", text, flags=re.M)[1:])] * 2, strict=True))
    assert described.keys() == functions().keys()
    for name, function in functions().items():
        rows = re.findall(r"^\| `(\w+)` \|", described[name], re.M)
        assert rows == [parameter.name for parameter in function.parameters]


def test_every_key_of_a_report_has_a_meaning() -> None:
    found = report_keys()
    assert found.keys() == {
        *("", "columns", "models", "bound", "curve", "comparison", "leaderboards"),
    }
    assert all(key_meaning(section, key) for section, keys in found.items() for key in keys)


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
    facts = folder / "facts.csv"
    facts.write_text("model,task\nlenet-mnist,digits\nlenet-kmnist,letters\nlenet-usps,digits\n")
    lines = [
        'files = "*.parquet"',
        'scores = "all"',
        f'leaderboards = ["{accuracies}"]',
        "rank_confidence = true",
        f'models = "{facts}"',
        'factors = ["task"]',
        "relatedness = true",
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
        rows, scores=NAMED_OF_TWO_TASKS, sources=["mnist"], targets=["kmnist"]
    )
    asked: dict[str, Any] = {
        "max_rows_per_class": 5,
        "target_clusters": 3,
        "match_labels": True,
        "seconds": True,
    }
    pair = {"sources": ["mnist"], "targets": ["kmnist"]}
    summaries = pt.scan_summaries(folder / "lenet-mnist.parquet").collect_schema()
    mnist = folder / "lenet-mnist.parquet"
    sampled = pt.compute_bounds(mnist, **pair, memory="2MB")
    of_sample = pt.compute_scores(mnist, targets=["kmnist"], scores="knn", memory="2MB")
    bounds = pt.compute_bounds(rows, **pair, **asked, confidence=0.9, probe=True)
    curve = pt.compute_curve(rows, source="mnist", target="kmnist", rows=[1], repeats=1)
    return {
        **{name: dict(table.schema) for name, table in tables.items()},
        "bounds": {**tables["bounds"].schema, **bounds.schema, **sampled.schema},
        "curve": dict(curve.schema),
        "scores": {**tables["scores"].schema, **pairs.schema, **of_sample.schema},
        "by_class": struct_schema(of_class),
        "leaderboard": dict(pt.read_leaderboard(accuracies).schema),
        "verdict": dict(pt.verdict(tables["scores"]).schema),
        "check": dict(checked.schema),
        "wasserstein_interval": struct_schema(
            rows.select(pt.wasserstein_interval("embedding", "embedding"))
        ),
        "class_wasserstein": struct_schema(rows.select(pt.class_wasserstein(*sides))),
        "summaries": dict(summaries),
        "moments": struct_schema(rows.select(pt.moments("embedding", "label"))),
    }


def test_every_column_of_every_result_is_in_the_reference(
    results: dict[str, dict[str, pl.DataType]],
) -> None:
    documented = documented_columns()
    assert documented.keys() == results.keys()
    for name, schema in results.items():
        has_intervals = name in ("selection_quality", "scores")
        intervals = re.compile(r"(?<=\w)_(low|high)$" if has_intervals else "(?!)")
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
    for name in results.keys() - {"ranking", "leaderboards", "factor_levels"}:
        gone = documented[name].keys() - results[name].keys() - {"NAME_low", "NAME_high", "otce"}
        assert not gone, f"{name}: in the page, but in no result: {gone}"
