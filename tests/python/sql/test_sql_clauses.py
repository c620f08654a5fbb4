"""What a query may consist of: written again as it was read, carried out, or refused."""

from __future__ import annotations

import polars as pl
import polars_transferability as pt
import pytest
import sqlglot
from polars_transferability._sql._clauses import ACCEPTED, CLAUSES, check_clauses
from polars_transferability._sql._dialect import PolarsSQL, written
from polars_transferability._sql._select import OF_GROUPS, OF_ROWS
from polars_transferability._sql._text import Text
from sql_tables import PEARSON, rows
from sqlglot import exp

# Queries that must mean the same to Polars after sqlglot has read and written them.
ROUND_TRIPS = [
    "SELECT x FROM t ORDER BY x",
    "SELECT x FROM t ORDER BY x DESC",
    "SELECT x FROM t ORDER BY x NULLS FIRST",
    "SELECT x FROM t ORDER BY x DESC NULLS LAST",
    "SELECT x::float AS a, x::real AS b, x::double AS c, x::float4 AS d, x::float8 AS e FROM t",
    "SELECT x::int8 AS a, x::int2 AS b, x::tinyint AS c, x::uint8 AS d, x::bigint AS e FROM t",
    "SELECT x::varchar AS a, x::text AS b, x::bool AS c, TRY_CAST(w AS int) AS d FROM t",
    "SELECT v::float[2] AS a, v::double[] AS b FROM t",
    "SELECT x // 2 AS a, x / 2 AS b, x % 2 AS c, DIV(x, 2) AS d, -x AS e, w || 'x' AS f FROM t",
    "SELECT w ~ 'A' AS a, w ~* 'A' AS b, w !~ 'A' AS c, w LIKE 'a%' AS d, w ILIKE 'A' AS e FROM t",
    "SELECT w RLIKE 'a' AS a, w NOT REGEXP 'a' AS b, x <=> 1 AS c FROM t",
    "SELECT [1, 2] AS a, v[1] AS b, s -> 'f' AS c, s ->> 'f' AS d, s.f AS e, t.s.f AS g FROM t",
    "SELECT IF(x > 1, 1, 2) AS a, COALESCE(x, 0) AS b, NULLIF(x, 1) AS c, MOD(x, 2) AS d FROM t",
    "SELECT CASE x WHEN 1 THEN 'a' END AS a, x BETWEEN 1 AND 2 AS b, NOT x IN (1, 2) AS c FROM t",
    "SELECT SUBSTRING(w, 1, 1) AS a, TRIM(BOTH 'a' FROM w) AS b, POSITION('a' IN w) AS c FROM t",
    "SELECT LOG(x, 2) AS a, LN(x) AS b, POW(x, 2) AS c, LOG10(x) AS d, STRPOS(w, 'a') AS e FROM t",
    "SELECT STDDEV(x) AS a, QUANTILE_CONT(x, 0.5) AS b, ARRAY_AGG(x ORDER BY x DESC) AS c FROM t",
    "SELECT COUNT(DISTINCT w) AS a, SUM(x) FILTER (WHERE x > 1) AS b FROM t",
    "SELECT INTERVAL '1 day' AS a, EXTRACT(year FROM DATE '2020-01-01') AS b FROM t",
    "SELECT x IS DISTINCT FROM 1 AS a FROM t",
    "SELECT * EXCLUDE (s, v) FROM t",
    "SELECT * RENAME (x AS z) FROM t",
    "SELECT * REPLACE (x + 1 AS x) FROM t",
    "SELECT x FROM t QUALIFY ROW_NUMBER() OVER (PARTITION BY w ORDER BY x DESC) = 1",
    "SELECT SUM(x) OVER (PARTITION BY w ORDER BY x) AS a FROM t",
    "SELECT a.x FROM t a LEFT ANTI JOIN t b ON a.x = b.x",
    "SELECT a.x FROM t a SEMI JOIN t b USING (x)",
    "SELECT DISTINCT ON (w) w, x FROM t ORDER BY w, x",
    "SELECT x FROM t ORDER BY x FETCH FIRST 2 ROWS ONLY",
    "SELECT w, SUM(x) AS n FROM t GROUP BY ROLLUP(w) ORDER BY n, w",
    "SELECT * FROM (VALUES (1, 2)) AS v(a, b)",
    "FROM t SELECT x",
    'SELECT `x` AS "a ""b""" FROM "t"',
    "SELECT (x + 1) * 2 AS a, x - (1 - 2) AS b, NOT (x = 1 OR x = 2) AND true AS c FROM t",
]


@pytest.mark.parametrize("query", ROUND_TRIPS)
def test_what_is_parsed_is_written_again(query: str) -> None:
    t = pl.DataFrame(
        {
            "x": [1, 2, None, 3],
            "w": ["a", "b", "b", None],
            "v": [[1.0, 2.0]] * 4,
            "s": [{"f": i} for i in range(4)],
        }
    )
    context = pl.SQLContext(t=t)
    expected = context.execute(query, eager=True)
    again = context.execute(written(sqlglot.parse_one(query, dialect=PolarsSQL)), eager=True)
    assert again.schema == expected.schema
    assert again.equals(expected)


STATEMENTS = [
    *("DROP TABLE embeddings", "DROP TABLE IF EXISTS embeddings", "TRUNCATE TABLE embeddings"),
    *("DELETE FROM embeddings", "DELETE FROM embeddings WHERE label = 1", "USE other"),
    *("INSERT INTO embeddings VALUES (1)", "UPDATE embeddings SET label = 1", "SET x = 1"),
    *("CREATE TABLE t AS SELECT PEARSON(label, label) FROM embeddings", "COMMIT", "BEGIN"),
    *("CREATE VIEW v AS SELECT 1", "ALTER TABLE embeddings RENAME TO e", "CALL f()"),
    *("EXPLAIN DROP TABLE embeddings", "EXPLAIN ANALYZE SELECT 1", "SHOW COLUMNS FROM embeddings"),
    *("DESCRIBE embeddings", "COPY embeddings TO 'x.csv'", "MERGE INTO embeddings USING x ON 1=1"),
    *("GRANT ALL ON embeddings TO me", "PRAGMA x", "ATTACH 'x' AS y", '"SELECT" 1'),
]


@pytest.mark.parametrize("statement", STATEMENTS)
def test_only_queries_are_carried_out(statement: str) -> None:
    with pytest.raises(pt.QueryError, match=r"^line 1, column 1: \w+ is no query: a query begins"):
        rows(statement)
    with pytest.raises(pt.QueryError, match="line 2, column 1: expected one query, found 2; run"):
        rows(f"SELECT 1;\n{statement}")


def test_statements_within_a_query() -> None:
    with pytest.raises(pt.QueryError, match="column 24: DELETE is not available"):
        rows("WITH a AS (DELETE FROM embeddings) SELECT PEARSON(1, 1)")
    with pytest.raises(pt.QueryError, match="expected a query"):
        rows("WITH a AS (SELECT 1) DELETE FROM embeddings")
    assert rows("; SELECT 1 AS one;; -- nothing else").rows() == [(1,)]
    assert "PROJECT" in rows("EXPLAIN SELECT model FROM embeddings")[0, 0]
    with pytest.raises(pt.QueryError, match=r"EXPLAIN knows no functions of .*\.explain\(\)"):
        rows(f"EXPLAIN {PEARSON}")


# What is written, and what is said of it; beside a call of ours, and without one.
REFUSED = {
    "SELECT {x} FROM embeddings TABLESAMPLE (50)": "TABLESAMPLE is not available; take rows",
    "SELECT {x} FROM embeddings FOR UPDATE": "FOR is not available; leave it out: tables",
    "SELECT /*+ BROADCAST(e) */ {x} FROM embeddings e": r"/\*\+ is not available; leave the hint",
    "SELECT {x} INTO t FROM embeddings": "INTO is not available; leave it out",
    "SELECT {x} FROM embeddings ORDER BY 1 WITH FILL": "WITH FILL is not available; join",
    "SELECT {x} FROM embeddings LIMIT 1 + 1": r"LIMIT takes a whole number of rows, found 1 \+ 1",
    "SELECT {x} FROM embeddings LIMIT 1 OFFSET 0.5": "OFFSET takes a whole number of rows",
    "SELECT {x} FROM embeddings FETCH FIRST 1 ROWS WITH TIES": "WITH TIES is not available",
    "SELECT {x} FROM embeddings FETCH FIRST 50 PERCENT ROWS ONLY": "PERCENT is not available",
    "SELECT {x}, CAST('abc' AS VARCHAR(2)) AS a FROM embeddings": "would not be cut to its length",
    "SELECT {x}, CAST(1 AS INT(2)) AS a FROM embeddings": "would not be cut to its length",
    "SELECT {x}, CAST([1] AS INT[3]) AS a FROM embeddings": "write the type of a list",
    "WITH a AS (SELECT 1), A AS (SELECT 2) SELECT {x} FROM embeddings": "WITH names A twice",
    "WITH a AS MATERIALIZED (SELECT 1) SELECT {x} FROM embeddings": "MATERIALIZED is not avail",
    "SELECT TOP 1 {x} FROM embeddings": "TOP|LIMIT",
    "SELECT {x} FROM embeddings LIMIT 1 BY model": "BY|EXPRESSIONS|not understood",
    "SELECT {x} FROM embeddings e LATERAL VIEW EXPLODE(embedding) v AS w": "LATERAL is not",
    "SELECT {x}, s -> '^.*$' AS a FROM structs GROUP BY s": "cannot be read by the name",
}
OF_CALLS = {
    "PEARSON(label, label) FILTER (WHERE PEARSON(label, label) > 0)": "cannot stand within another",
    "PEARSON(label, label) FILTER (WHERE label > 1) OVER ()": "PEARSON cannot be taken OVER a wind",
    "CONSENSUS(label) FILTER (WHERE label > 1) OVER ()": "value for each row, which FILTER cannot",
    "MAX(label) FILTER (WHERE PEARSON(label, label) > 0)": "cannot stand within another",
    "PEARSON(DISTINCT label, label)": "PEARSON takes no DISTINCT among its arguments",
    "PEARSON(label, label ORDER BY split)": "PEARSON takes no ORDER among its arguments",
    "PEARSON(label, label LIMIT 2)": "PEARSON takes no LIMIT among its arguments",
    "PEARSON(*)": r"PEARSON takes no \* among its arguments",
    "PEARSON(label, label) WITHIN GROUP (ORDER BY split)": "WITHIN GROUP is not available; give",
    "PEARSON(label, label) IGNORE NULLS": "IGNORE NULLS is not available; use FILTER",
    "PEARSON(label, label) RESPECT NULLS": "RESPECT NULLS is not available; leave it out",
    "PEARSON(label, label), MAX(model COLLATE x)": "COLLATE is not available; leave it out",
    "PEARSON(label, label), MAX(model LIKE 'a!%' ESCAPE '!')": "ESCAPE is not available; use",
    "PEARSON(label, label), MAX(label ^ 2)": "BITWISE XOR is not available",
    "PEARSON(label, label), MAX(label BETWEEN SYMMETRIC 3 AND 1)": "SYMMETRIC is not available",
    "PEARSON(label, label), CAST(1 AS FOO)": "FOO",
}


@pytest.mark.parametrize("query", REFUSED)
@pytest.mark.parametrize("call", ["PEARSON(label, label) AS x", "1 AS x"])
def test_what_would_be_ignored_is_refused(query: str, call: str) -> None:
    with pytest.raises(pt.QueryError, match=REFUSED[query]):
        rows(query.format(x=call))


@pytest.mark.parametrize("call", OF_CALLS)
def test_what_calls_do_not_take_is_refused(call: str) -> None:
    with pytest.raises(pt.QueryError, match=OF_CALLS[call]):
        rows(f"SELECT {call} FROM embeddings")


def _kinds(kind: type[exp.Expr]) -> set[type[exp.Expr]]:
    return {kind, *(k for sub in kind.__subclasses__() for k in _kinds(sub))}


def test_every_argument_that_is_not_known_is_refused() -> None:
    """Of every kind of node that sqlglot has, and every argument of it."""
    text = Text("SELECT 1")
    refused = accepted = 0
    for kind in _kinds(exp.Expression) - {exp.Expression}:
        for arg in kind.arg_types:
            tree = exp.Select(expressions=[node := kind()])
            node.set(arg, exp.var("x"))
            if kind in ACCEPTED and arg in ACCEPTED[kind]:
                accepted += 1
                continue
            refused += 1
            with pytest.raises(pt.QueryError, match="is not available"):
                check_clauses(tree, text, taken_apart=True)
    # Versions of sqlglot differ by some arguments.
    assert accepted > 200
    assert refused > 1000


def test_every_clause_is_carried_out_in_some_step() -> None:
    everywhere = ("with_", "group", "expressions")
    assert sorted((*OF_ROWS, *OF_GROUPS, *everywhere)) == sorted(CLAUSES)
