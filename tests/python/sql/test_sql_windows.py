"""`CONSENSUS(...) OVER (PARTITION BY ...)`, and as an argument of the statistics."""

from __future__ import annotations

import polars as pl
import polars_transferability as pt
import pytest
from registry import score_rows

SCORES = score_rows(3).with_columns(other=pl.col("truth").reverse(), loss=-pl.col("truth"))
OF_TARGET = pt.consensus("score", -pl.col("loss")).over("target")

QUERIES = {
    "beside columns": (
        "SELECT model, CONSENSUS(score, -loss) OVER (PARTITION BY target) AS c FROM s",
        SCORES.select("model", OF_TARGET.alias("c")),
    ),
    "a star stands for the columns of the table": (
        "SELECT *, CONSENSUS(score, -loss) OVER (PARTITION BY s.target) AS c FROM s",
        SCORES.with_columns(OF_TARGET.alias("c")),
    ),
    "named as in Python": (
        "SELECT CONSENSUS(score) OVER () FROM s",
        SCORES.select(pt.consensus("score")),
    ),
    "among the rows of WHERE only": (
        "SELECT x.model, CONSENSUS(x.score, x.other) OVER () AS c FROM s x "
        "WHERE x.target = 'target1' ORDER BY c DESC NULLS LAST, x.model LIMIT 3",
        SCORES.filter(target="target1")
        .select("model", pt.consensus("score", "other").alias("c"))
        .sort("c", "model", descending=[True, False], nulls_last=True)
        .head(3),
    ),
    "several windows in one expression": (
        "SELECT CONSENSUS(score, -loss) OVER (PARTITION BY target) "
        "- CONSENSUS(score) OVER (PARTITION BY target, model) AS c FROM s",
        SCORES.select((OF_TARGET - pt.consensus("score").over("target", "model")).alias("c")),
    ),
    "in a query that another reads": (
        "WITH c AS (SELECT target, truth, CONSENSUS(score, -loss) OVER (PARTITION BY target) AS c "
        "FROM s) SELECT target, SPEARMAN(c, truth) AS rho FROM c GROUP BY target",
        SCORES.with_columns(c=OF_TARGET)
        .group_by("target", maintain_order=True)
        .agg(pt.spearman("c", "truth").alias("rho")),
    ),
    "an argument of a statistic": (
        "SELECT target, SPEARMAN(CONSENSUS(score, other, -loss), truth) AS rho "
        "FROM s GROUP BY target",
        SCORES.group_by("target", maintain_order=True).agg(
            pt.spearman(pt.consensus("score", "other", -pl.col("loss")), "truth").alias("rho")
        ),
    ),
}


@pytest.mark.parametrize("name", QUERIES)
def test_queries_equal_python(name: str) -> None:
    query, expected = QUERIES[name]
    found = pt.sql(query, s=SCORES).collect()
    assert found.equals(expected), found
    assert found.columns == expected.columns


BAD = {
    "without OVER": (
        "SELECT CONSENSUS(score) FROM s",
        "it can only be an argument of another function of this package, or stand before OVER",
    ),
    "no score": ("SELECT CONSENSUS() OVER () FROM s", "lacks score; usage: CONSENSUS(score[, more"),
    "further scores by name": (
        "SELECT CONSENSUS(score, more => other) OVER () FROM s",
        "CONSENSUS has no argument more",
    ),
    "a text": (
        "SELECT CONSENSUS(score, 'other') OVER () FROM s",
        "expected a column, found the text",
    ),
    "ordered": (
        "SELECT CONSENSUS(score) OVER (ORDER BY model) FROM s",
        "CONSENSUS takes all rows of its window; OVER can only have PARTITION BY",
    ),
    "grouped": (
        "SELECT target, CONSENSUS(score) OVER () FROM s GROUP BY target",
        "ranks rows, not groups; put what is grouped into a WITH before it",
    ),
    "within a statistic": (
        "SELECT SPEARMAN(CONSENSUS(score) OVER (), truth) FROM s",
        "ranks rows, not groups",
    ),
    "a join": (
        "SELECT CONSENSUS(a.score) OVER () FROM s a JOIN s b ON a.model = b.model",
        "reads the rows of one table; put the JOIN into a WITH before it",
    ),
    "in WHERE": (
        "SELECT model FROM s WHERE CONSENSUS(score) OVER () > 0.5",
        "CONSENSUS cannot stand in WHERE; put it into a WITH, and use WHERE on that",
    ),
    "in QUALIFY": (
        "SELECT model FROM s QUALIFY CONSENSUS(score) OVER () > 0.5",
        "CONSENSUS cannot stand in QUALIFY; put it into a WITH, and use WHERE on that",
    ),
    "no such column": ("SELECT CONSENSUS(scores) OVER () FROM s", "did you mean score?"),
}


@pytest.mark.parametrize("name", BAD)
def test_what_a_window_cannot_be(name: str) -> None:
    query, message = BAD[name]
    with pytest.raises(pt.QueryError) as caught:
        pt.sql(query, s=SCORES).collect()
    assert message in str(caught.value)


def test_bad_scores_point_into_the_query() -> None:
    query = "SELECT model,\n  CONSENSUS(score, model) OVER (PARTITION BY target) FROM s"
    message = r'score column "model \(CONSENSUS, line 2, column 3\)" of consensus has dtype str'
    with pytest.raises(pl.exceptions.ComputeError, match=message):
        pt.sql(query, s=SCORES).collect()
