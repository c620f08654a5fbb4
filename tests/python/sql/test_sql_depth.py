"""Queries of many parts, long chains and deep nesting."""

from __future__ import annotations

import polars as pl
import polars_transferability as pt
import pytest
from polars.testing import assert_frame_equal
from sql_tables import PEARSON, TABLES, rows

# A query of so many parts, and what its parts are, the innermost first.
MANY = {
    "branches": lambda n: " UNION ALL ".join([PEARSON] * n),
    "branches without calls": lambda n: " UNION ALL ".join(["SELECT 1e0 AS p"] * n),
    "differences": lambda n: " EXCEPT ALL ".join([PEARSON, *["SELECT 2e0 AS p"] * (n - 1)]),
    "levels": lambda n: "SELECT * FROM (" * n + PEARSON + ") AS q" * n,
    "levels without calls": lambda n: (
        "SELECT q.* FROM (" * n + "SELECT 1e0 AS p FROM leaderboard LIMIT 1" + ") AS q" * n
    ),
    "tables": lambda n: (
        f"WITH t0 AS ({PEARSON})"
        + "".join(f", t{i} AS (SELECT a.p FROM t{i - 1} AS a)" for i in range(1, n))
        + f" SELECT p FROM t{n - 1}"
    ),
    "joined tables": lambda n: (
        f"WITH t0 AS ({PEARSON})"
        + "".join(
            f", t{i} AS (SELECT a.p FROM t{i - 1} a JOIN (SELECT 1e0 AS p) b ON a.p = b.p)"
            for i in range(1, n)
        )
        + f" SELECT p FROM t{n - 1}"
    ),
    "tables of calls": lambda n: (
        "WITH t0 AS (SELECT model, PEARSON(label, label) AS p FROM embeddings GROUP BY model)"
        + "".join(f", t{i} AS (SELECT model, p FROM t{i - 1})" for i in range(1, n))
        + f" SELECT PEARSON(p + (model = 'net1'), p + (model = 'net1')) AS p FROM t{n - 1}"
    ),
    "WITH within WITH": lambda n: (
        "".join(f"WITH t{i} AS (" for i in range(n))
        + PEARSON
        + "".join(f") SELECT * FROM t{i}" for i in reversed(range(n)))
    ),
}


@pytest.mark.parametrize("kind", MANY)
def test_queries_of_many_parts(kind: str) -> None:
    """The time to plan them doubled with each part; so a hundred ended never."""
    found = pt.sql(MANY[kind](100), **TABLES)
    height = 100 if kind.startswith("branches") else 1
    expected = pl.DataFrame({"p": [1.0] * height})
    assert_frame_equal(found.collect(), expected)
    assert_frame_equal(found.collect(engine="streaming"), expected)


def test_what_is_planned_apart_filters_and_cuts_like_the_rest() -> None:
    deep = MANY["branches"](20)
    deep = f"SELECT * FROM ({deep}) AS q"
    assert rows(f"{deep} WHERE p > 2").is_empty()
    assert rows(f"{deep} LIMIT 3").height == 3
    assert rows(f"SELECT COUNT(*) AS n FROM ({deep} LIMIT 7) AS r WHERE p > 0").item() == 7
    wrong = MANY["levels"](20).replace("label, label", "label, model")
    with pytest.raises(pt.QueryError, match="PEARSON: truth column"):
        rows(wrong)


LABELS = " OR ".join(f"label = {i}" for i in range(1000))
# Chains that Polars cannot follow as they are written, and what they come to.
LONG = {
    "OR": (f"SELECT COUNT(*) AS n FROM embeddings WHERE {LABELS}", 126),
    "OR in WHERE beside a call": (f"{PEARSON} WHERE {LABELS}", 1.0),
    "OR in HAVING": (f"{PEARSON} GROUP BY split HAVING {LABELS.replace('label', 'p')}", 1.0),
    "||": (
        f"SELECT MAX(LENGTH(model{' || model' * 999})) AS n FROM embeddings",
        4000,
    ),
    "|| beside a call": (
        f"SELECT MAX(LENGTH(model{' || model' * 999})) + PEARSON(label, label) AS n "
        "FROM embeddings",
        4001.0,
    ),
    "IN": (
        f"SELECT COUNT(*) AS n FROM embeddings WHERE label IN ({', '.join(map(str, range(1000)))})",
        126,
    ),
    "+": (f"SELECT PEARSON(label, label) {'+ 1 ' * 150} AS n FROM embeddings", 151.0),
    "CASE": (
        "SELECT MAX(CASE "
        + " ".join(f"WHEN label = {i} THEN {i}" for i in range(300))
        + " END) + PEARSON(label, label) AS n FROM embeddings",
        3.0,
    ),
}


@pytest.mark.parametrize("case", LONG)
def test_long_chains(case: str) -> None:
    query, value = LONG[case]
    assert rows(query)[0].to_series().unique().to_list() == [value]


NESTED = {
    "parentheses": lambda n: "(" * n + "label" + ")" * n,
    "sums in parentheses": lambda n: "(1 + " * n + "label" + ")" * n,
    "CASE": lambda n: "CASE WHEN label > 1 THEN 1 ELSE " * n + "label" + " END" * n,
    "NOT": lambda n: "NOT " * n + "(label > 1)",
    "casts": lambda n: "label" + "::DOUBLE" * n,
    "functions": lambda n: "ABS(" * n + "label" + ")" * n,
    "lists": lambda n: "[" * n + "1" + "]" * n,
    "sums": lambda n: "label" + " + 1 - 1" * n,
    "queries": lambda n: "(SELECT " * n + "1" + ")" * n,
    "no end": lambda n: "(" * n + "label",
}


@pytest.mark.parametrize("call", ["PEARSON(label, label)", "1"])
@pytest.mark.parametrize("kind", NESTED)
@pytest.mark.parametrize("levels", [200, 2000])
def test_what_is_too_deep(levels: int, kind: str, call: str) -> None:
    with pytest.raises(pt.QueryError, match=r"nested too deeply here.*WITH part AS \(SELECT"):
        rows(f"SELECT {call} AS a, SUM({NESTED[kind](levels)}) AS b FROM embeddings")


def test_too_deep_points_at_the_innermost_place() -> None:
    with pytest.raises(pt.QueryError) as caught:
        rows(f"SELECT\n  {'(' * 300}label{')' * 300} AS a FROM embeddings")
    assert (caught.value.line, caught.value.column) == (2, 302)
