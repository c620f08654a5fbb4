"""SQL over embeddings: equal to the expressions written by hand, and errors that point."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import polars as pl
import polars_transferability as pt
import pytest
import sqlglot
from polars.testing import assert_frame_equal
from polars_transferability._sql._clauses import ACCEPTED, CLAUSES, check_clauses
from polars_transferability._sql._dialect import PolarsSQL, written
from polars_transferability._sql._functions import functions
from polars_transferability._sql._select import OF_GROUPS, OF_ROWS
from polars_transferability._sql._text import Text
from registry import embedding_rows
from sqlglot import exp

COMMAND = Path(sys.executable).with_name("transferability")
MODEL = pl.col("model")
TRAIN = pl.col("split") == "train"
OLD, NEW = (pt.task(where=pl.col("task") == name) for name in ("old", "new"))
LEADERBOARD = pl.DataFrame(
    {
        "model": ["net0", "net1", "net2", "net9"],
        "target": ["new"] * 4,
        "accuracy": [0.5, 0.7, 0.6, 0.9],
    }
)
TABLES = {"embeddings": embedding_rows(models=3), "leaderboard": LEADERBOARD}
STRUCTS = TABLES["embeddings"].select(pl.struct("model", "task").alias("s"), "label")
TABLES["structs"] = STRUCTS
BY_MODEL = TABLES["embeddings"].group_by("model", maintain_order=True)
BOUND = "TRANSFER_BOUND(embedding, label, task, 'old', 'new', l2 => 0.1)"


def rows(query: str) -> pl.DataFrame:
    return pt.sql(query, eager=True, **TABLES)


def bounds(**options: object) -> pl.DataFrame:
    """One row per model: the struct of the bound from old to new."""
    bound = pt.transfer_bound(OLD, NEW, **{"l2": 0.1, **options}).alias("b")
    return BY_MODEL.agg(bound)


ISSUE = """
    SELECT e.model,
           LOGME(e.embedding, e.label) AS logme,
           TRANSFER_BOUND(e.embedding, e.label, e.task, 'old', 'new').bound AS bound,
           l.accuracy
    FROM embeddings e JOIN leaderboard l ON l.model = e.model AND l.target = 'new'
    WHERE e.split = 'train' GROUP BY e.model, l.accuracy ORDER BY bound
"""


@pytest.mark.parametrize("engine", ["in-memory", "streaming"])
def test_the_example_of_the_issue(engine: str) -> None:
    found = pt.sql(ISSUE, **TABLES)
    assert isinstance(found, pl.LazyFrame)
    expected = (
        TABLES["embeddings"]
        .filter(TRAIN)
        .join(LEADERBOARD, on="model")
        .group_by("model", "accuracy")
        .agg(
            pt.logme("embedding", "label").alias("logme"),
            pt.transfer_bound(OLD, NEW).struct["bound"].alias("bound"),
        )
        .select("model", "logme", "bound", "accuracy")
        .sort("bound")
    )
    assert found.collect_schema() == expected.schema
    # A join promises no order of rows, on which the last digits of sums depend.
    assert_frame_equal(found.collect(engine=engine), expected, rel_tol=1e-10)
    assert_frame_equal(pt.sql(ISSUE, eager=True, **TABLES), expected, rel_tol=1e-10)


def test_the_zoo(data: Path) -> None:
    query = """
        SELECT model, TRANSFER_BOUND(embedding, label, task, 'mnist', 'kmnist',
                                     fit => split = 'train', max_rows_per_class => 5) AS b
        FROM embeddings WHERE task IN ('mnist', 'kmnist') GROUP BY model
    """
    path = data / "lenet-mnist.parquet"
    source, target = (
        pt.task(where=pl.col("task") == name, fit=TRAIN) for name in ("mnist", "kmnist")
    )
    bound = pt.transfer_bound(source, target, max_rows_per_class=5).alias("b")
    expected = pl.read_parquet(path).group_by("model").agg(bound)
    assert pt.sql(query, eager=True, embeddings=path).equals(expected)
    within = query.replace("embeddings", f"read_parquet('{path}')")
    assert pt.sql(within, eager=True).equals(expected)


# What SQL says, and the same by hand.
EQUAL = {
    "no group": (
        "SELECT PEARSON(label, label + 1), COUNT(*) FROM embeddings",
        lambda: TABLES["embeddings"].select(
            pt.pearson("label", pl.col("label") + 1), pl.len().cast(pl.Int64)
        ),
    ),
    "options, by => and :=": (
        f"SELECT model, {BOUND[:-1]}, ground_cost => 'head', lipschitz := 'empirical') AS b "
        "FROM embeddings GROUP BY model",
        lambda: bounds(ground_cost="head", lipschitz="empirical"),
    ),
    "names for arguments by place": (
        "SELECT PEARSON(truth => label, score => -label) FROM embeddings",
        lambda: TABLES["embeddings"].select(pt.pearson(-pl.col("label"), "label")),
    ),
    "fit": (
        f"SELECT model, {BOUND[:-1]}, fit => split = 'train') AS b FROM embeddings GROUP BY model",
        lambda: BY_MODEL.agg(
            pt.transfer_bound(
                *(pt.task(where=pl.col("task") == t, fit=TRAIN) for t in ("old", "new")), l2=0.1
            ).alias("b")
        ),
    ),
    "lists and a field of a field": (
        "SELECT model, TRANSFER_BOUNDS(embedding, label, task, sources => ['old'], "
        "targets => ('new',), l2 => 0.1) AS pairs FROM embeddings GROUP BY model",
        lambda: BY_MODEL.agg(
            pt.transfer_bounds(
                "embedding", "label", "task", sources=["old"], targets=["new"], l2=0.1
            ).alias("pairs")
        ),
    ),
    "beside other aggregates": (
        "SELECT model, COUNT(*) AS n, AVG(label) + 1 AS a, "
        "CLASS_WASSERSTEIN(embedding, label, task, 'old', 'new', p => 2).distance AS d, "
        "COUNT(*) FILTER (WHERE task = 'new') AS news "
        "FROM embeddings GROUP BY model",
        lambda: BY_MODEL.agg(
            pl.len().cast(pl.Int64).alias("n"),
            (pl.col("label").mean() + 1).alias("a"),
            pt.class_wasserstein(OLD, NEW, p=2).struct["distance"].alias("d"),
            (pl.col("task") == "new").sum().cast(pl.Int64).alias("news"),
        ),
    ),
    "having by alias, order by another call": (
        f"SELECT model, {BOUND}.bound AS b FROM embeddings GROUP BY 1 "
        f"HAVING b > 0 AND COUNT(*) > 1 ORDER BY -{BOUND}.target_loss LIMIT 2",
        lambda: (
            bounds()
            .sort(-pl.col("b").struct["target_loss"])
            .select("model", pl.col("b").struct["bound"].alias("b"))
            .head(2)
        ),
    ),
    "group by alias, expressions of keys": (
        "SELECT UPPER(e.model) AS name, LOWER(UPPER(e.model)) AS again, PEARSON(label, label) AS p "
        "FROM embeddings e GROUP BY name ORDER BY name DESC",
        lambda: BY_MODEL.agg(pt.pearson("label", "label").alias("p")).select(
            MODEL.str.to_uppercase().alias("name"), MODEL.alias("again"), "p"
        )[::-1],
    ),
    "group by all": (
        "SELECT model, task, PEARSON(label, label) FROM embeddings GROUP BY ALL",
        lambda: (
            TABLES["embeddings"]
            .group_by("model", "task", maintain_order=True)
            .agg(pt.pearson("label", "label"))
        ),
    ),
    "distinct": (
        "SELECT DISTINCT ROUND(PEARSON(label, label), 3) AS p FROM embeddings GROUP BY model",
        lambda: pl.DataFrame({"p": [1.0]}),
    ),
    "windows over groups": (
        f"SELECT model, RANK() OVER (ORDER BY {BOUND}.bound DESC) AS place FROM embeddings "
        "GROUP BY model ORDER BY model",
        lambda: bounds().select(
            "model",
            pl.col("b").struct["bound"].rank(descending=True).cast(pl.Int64).alias("place"),
        ),
    ),
    "union": (
        "SELECT model, PEARSON(label, label) AS p FROM embeddings GROUP BY model "
        "UNION ALL SELECT model, -SPEARMAN(label, label) FROM embeddings GROUP BY model "
        "ORDER BY p, model",
        lambda: pl.DataFrame({"model": ["net0", "net1", "net2"] * 2, "p": [-1.0] * 3 + [1.0] * 3}),
    ),
    "common table expressions, one upon the other": (
        f"WITH b AS (SELECT model, {BOUND}.bound AS bound FROM embeddings GROUP BY model), "
        "j(bound, accuracy) AS "
        "(SELECT b.bound, l.accuracy FROM b JOIN leaderboard l USING (model)) "
        "SELECT SPEARMAN(-bound, accuracy) AS rho FROM j",
        lambda: (
            bounds()
            .join(LEADERBOARD, on="model")
            .select(pt.spearman(-pl.col("b").struct["bound"], "accuracy").alias("rho"))
        ),
    ),
    "a query in FROM, calls within and without": (
        f"SELECT KENDALL_TAU(q.bound, q.accuracy) FROM (SELECT {BOUND}.bound, l.accuracy FROM "
        "embeddings JOIN leaderboard l USING (model) GROUP BY model, l.accuracy) AS q",
        lambda: (
            bounds()
            .join(LEADERBOARD, on="model")
            .select(pt.kendall_tau(pl.col("b").struct["bound"], "accuracy"))
        ),
    ),
    "a query in WHERE": (
        "SELECT model FROM leaderboard WHERE model IN "
        "(SELECT model FROM embeddings GROUP BY model HAVING PEARSON(label, label) > 0.5) "
        "AND accuracy > (SELECT PEARSON(label, label) / 2 FROM embeddings) ORDER BY model",
        lambda: pl.DataFrame({"model": ["net1", "net2"]}),
    ),
    "a query in WHERE beside a call": (
        "SELECT e.model, TOP_K_RECALL(e.label, e.label, k => 3) AS r FROM embeddings e "
        "WHERE EXISTS (SELECT 1 FROM leaderboard l WHERE l.model = e.model AND l.accuracy > 0.65) "
        "GROUP BY e.model",
        lambda: pl.DataFrame({"model": ["net1"], "r": [1.0]}),
    ),
    "functions of rows": (
        "SELECT model, LEEP(SOFTMAX(embedding), label) AS a, "
        "H_SCORE(embedding, label => PSEUDO_LABELS(embedding, 2, seed => 1)) AS b "
        "FROM embeddings GROUP BY model",
        lambda: BY_MODEL.agg(
            pt.leep(pt.softmax("embedding"), "label").alias("a"),
            pt.h_score("embedding", pt.pseudo_labels("embedding", 2, seed=1)).alias("b"),
        ),
    ),
    "scores and their fields": (
        "SELECT model, SCORES(embedding, label, which => ['logme', 'h_score']) AS s, "
        "LINEAR_PROBE(embedding, label, fit => split = 'train').accuracy AS accuracy, "
        "OTDD(embedding, label, task, 'old', 'new', p => 1) AS d, "
        "KNN_ACCURACY(embedding, label, k => 3, metric => 'cosine') AS knn "
        "FROM embeddings GROUP BY model",
        lambda: BY_MODEL.agg(
            pt.scores("embedding", "label", which=["logme", "h_score"]).alias("s"),
            pt.linear_probe("embedding", "label", fit=TRAIN)
            .struct.field("accuracy")
            .alias("accuracy"),
            pt.otdd(OLD, NEW, p=1).alias("d"),
            pt.knn_accuracy("embedding", "label", k=3, metric="cosine").alias("knn"),
        ),
    ),
    "moments, merged": (
        "WITH m AS "
        "(SELECT model, task, MOMENTS(embedding, label) AS m FROM embeddings GROUP BY 1, 2) "
        "SELECT model, H_SCORE(m) AS h FROM m GROUP BY model",
        lambda: (
            TABLES["embeddings"]
            .group_by("model", "task", maintain_order=True)
            .agg(pt.moments("embedding", "label").alias("m"))
            .group_by("model", maintain_order=True)
            .agg(pt.h_score("m").alias("h"))
        ),
    ),
    "keys that are arguments, fields of keys": (
        "SELECT s.model AS a, s.model || '!' AS b, PEARSON(label, label * 2) AS p, SUM(label) AS n "
        "FROM structs GROUP BY s, label ORDER BY a, n",
        lambda: (
            STRUCTS.group_by("s", "label", maintain_order=True)
            .agg(pt.pearson("label", pl.col("label") * 2).alias("p"), pl.len())
            .select(
                pl.col("s").struct["model"].alias("a"),
                (pl.col("s").struct["model"] + "!").alias("b"),
                "p",
                (pl.col("label") * pl.col("len")).alias("n"),
            )
            .sort("a", "n", maintain_order=True)
        ),
    ),
    "a named window": (
        "SELECT model, RANK() OVER w AS r FROM embeddings GROUP BY model "
        "HAVING PEARSON(label, label) > 0 WINDOW w AS (ORDER BY model DESC) ORDER BY model",
        lambda: pl.DataFrame({"model": ["net0", "net1", "net2"], "r": [3, 2, 1]}),
    ),
    "case and null": (
        f"SELECT model, CASE WHEN {BOUND}.bound > {BOUND}.trivial_loss THEN 'vacuous' END AS word "
        "FROM embeddings GROUP BY model",
        lambda: bounds().select(
            "model",
            pl.when(pl.col("b").struct["vacuous"]).then(pl.lit("vacuous")).alias("word"),
        ),
    ),
    "a fixed label map from a table": (
        f"WITH m AS (SELECT * FROM (VALUES ('0', '0', 1.0), ('1', '1', 1.0), ('2', '2', 1.0)) "
        f"AS v(source, target, weight)) SELECT model, {BOUND[:-1]}, label_map => m) AS b "
        "FROM embeddings GROUP BY model",
        lambda: bounds(
            label_map=pl.DataFrame(
                {"source": ["0", "1", "2"], "target": ["0", "1", "2"], "weight": [1.0] * 3}
            )
        ),
    ),
}


@pytest.mark.parametrize("case", EQUAL)
def test_equals_the_expression_by_hand(case: str) -> None:
    query, by_hand = EQUAL[case]
    assert rows(query).equals(by_hand(), null_equal=True)
    assert pt.sql(query, **TABLES).collect(engine="streaming").equals(by_hand(), null_equal=True)


def test_every_public_expression_is_a_function() -> None:
    expressions = {
        name.upper()
        for name in pt.__all__
        if getattr(getattr(pt, name), "__annotations__", {}).get("return") == "pl.Expr"
    }
    assert functions().keys() == expressions
    assert {"TRANSFER_BOUND", "WASSERSTEIN", "SELECTION_QUALITY"} <= expressions


def test_the_same_call_is_computed_once() -> None:
    query = f"SELECT {BOUND}.bound, {BOUND}.l2 FROM embeddings HAVING {BOUND}.bound > 0"
    plan = pt.sql(query, **TABLES).explain()
    assert plan.count(":transfer_bound()") == 1


def test_only_what_is_read_is_computed() -> None:
    unread = "WITH b AS (SELECT PEARSON(model, model) AS p FROM embeddings) SELECT 1 AS one"
    assert rows(unread).rows() == [(1,)]
    plan = pt.sql(
        "SELECT task, PEARSON(label, label) FROM embeddings GROUP BY 1", **TABLES
    ).explain()
    assert 'PROJECT["task", "label"] 2/5 COLUMNS' in plan


def test_null_keys_are_a_group() -> None:
    frame = pl.DataFrame({"g": ["a", None, "a", None], "x": [1, 2, 3, 4]})
    found = pt.sql("SELECT g, PEARSON(x, x) AS p, COUNT(*) AS n FROM t GROUP BY g", t=frame)
    assert found.collect().rows() == [("a", 1.0, 2), (None, 1.0, 2)]


def test_a_query_without_our_functions_is_polars_sql() -> None:
    query = "SELECT model, accuracy FROM leaderboard WHERE accuracy > 0.6 ORDER BY 2 -- a comment"
    expected = pl.SQLContext(leaderboard=LEADERBOARD).execute(query, eager=True)
    assert rows(query).equals(expected)
    assert rows("SHOW TABLES")["name"].to_list() == ["embeddings", "leaderboard", "structs"]


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


# Malformed queries, and what is said of them.
MALFORMED = {
    "unknown function": (
        "SELECT model,\n       PERSON(label, label)\nFROM embeddings GROUP BY model",
        """\
line 2, column 8: there is no function PERSON; did you mean PEARSON?
  |
2 |        PERSON(label, label)
  |        ^^^^^^""",
    ),
    "missing argument": (
        "SELECT TOP_K_RECALL(label, label) FROM embeddings",
        """\
line 1, column 8: TOP_K_RECALL lacks k; usage: TOP_K_RECALL(score, truth, k => ...)
  |
1 | SELECT TOP_K_RECALL(label, label) FROM embeddings
  |        ^^^^^^^^^^^^""",
    ),
    "too many arguments": (
        "SELECT PEARSON(label, label, 5) FROM embeddings",
        """\
line 1, column 30: PEARSON takes 2 arguments by place, and further ones by name, as in k => 5; \
usage: PEARSON(score, truth)
  |
1 | SELECT PEARSON(label, label, 5) FROM embeddings
  |                              ^""",
    ),
    "unknown option": (
        "SELECT WASSERSTEIN(embedding, embedding, x_wait => 2) FROM embeddings",
        """\
line 1, column 42: WASSERSTEIN has no argument x_wait; did you mean x_weight?; \
usage: WASSERSTEIN(x, y[, p => ..., x_weight => ..., y_weight => ...])
  |
1 | SELECT WASSERSTEIN(embedding, embedding, x_wait => 2) FROM embeddings
  |                                          ^^^^^^""",
    ),
    "wrong type": (
        "SELECT WEIGHTED_TAU(label, label,\n                    rank => 'all') FROM embeddings",
        """\
line 2, column 29: WEIGHTED_TAU: rank: expected one of 'both', 'none', found 'all'
  |
2 |                     rank => 'all') FROM embeddings
  |                             ^^^^^""",
    ),
    "text for a column": (
        "SELECT PEARSON('label', label) FROM embeddings",
        """\
line 1, column 16: PEARSON: score: expected a column, found the text 'label'; names of columns \
stand without quotes or in double quotes
  |
1 | SELECT PEARSON('label', label) FROM embeddings
  |                ^^^^^^^""",
    ),
    "missing column": (
        "SELECT e.model, PEARSON(e.lable, e.label)\nFROM embeddings e GROUP BY e.model",
        """\
line 1, column 25: there is no column lable in e; did you mean label?
  |
1 | SELECT e.model, PEARSON(e.lable, e.label)
  |                         ^^^^^^^""",
    ),
    "missing table": (
        "WITH a AS (SELECT model FROM embeddings)\nSELECT * FROM a JOIN leaderbord USING (model)",
        """\
line 2, column 22: there is no table leaderbord; did you mean leaderboard?
  |
2 | SELECT * FROM a JOIN leaderbord USING (model)
  |                      ^^^^^^^^^^""",
    ),
    "not in GROUP BY": (
        "SELECT model, split, PEARSON(label, label) FROM embeddings GROUP BY model",
        """\
line 1, column 15: split is neither in GROUP BY nor within an aggregate, but the result has one \
row per group
  |
1 | SELECT model, split, PEARSON(label, label) FROM embeddings GROUP BY model
  |               ^^^^^""",
    ),
    "syntax": (
        "SELECT model, PEARSON(label, label FROM embeddings",
        """\
line 1, column 36: the syntax is not understood: Expecting )
  |
1 | SELECT model, PEARSON(label, label FROM embeddings
  |                                    ^^^^""",
    ),
    "aggregate in WHERE": (
        "SELECT model FROM embeddings\nWHERE PEARSON(label, label) > 0 GROUP BY model",
        """\
line 2, column 7: PEARSON is an aggregate and cannot stand in WHERE; HAVING filters groups
  |
2 | WHERE PEARSON(label, label) > 0 GROUP BY model
  |       ^^^^^^^""",
    ),
    "unknown field": (
        f"SELECT {BOUND}.bund FROM embeddings",
        f"""\
line 1, column 72: there is no field bund; did you mean bound?
  |
1 | SELECT {BOUND}.bund FROM embeddings
  |                                                                        ^^^^""",
    ),
    "bad rows": (
        "SELECT PEARSON(label, label),\n"
        "  TRANSFER_BOUND(embedding, label, task, 'old', 'knew') FROM embeddings",
        """\
line 2, column 3: TRANSFER_BOUND: the target task has no rows: its `where` is true for none of the \
126 rows of the input
  |
2 |   TRANSFER_BOUND(embedding, label, task, 'old', 'knew') FROM embeddings
  |   ^^^^^^^^^^^^^^""",
    ),
    "bad rows, by the name of a column": (
        "SELECT SPEARMAN(label, model) FROM embeddings",
        """\
line 1, column 8: SPEARMAN: truth column "model" of spearman has dtype str, but it must be numeric
  |
1 | SELECT SPEARMAN(label, model) FROM embeddings
  |        ^^^^^^^^""",
    ),
    "missing table without a near name": (
        "SELECT model FROM imagenet_zoo",
        """\
line 1, column 19: there is no table imagenet_zoo; there are embeddings, leaderboard, structs, \
bounds, scores, selection_quality
  |
1 | SELECT model FROM imagenet_zoo
  |                   ^^^^^^^^^^^^""",
    ),
}


@pytest.mark.parametrize("case", MALFORMED)
def test_errors_point_into_the_query(case: str) -> None:
    query, message = MALFORMED[case]
    with pytest.raises(pt.QueryError) as caught:
        rows(query)
    assert str(caught.value) == message
    place = f"line {caught.value.line}, column {caught.value.column}: {caught.value.reason}"
    assert message.startswith(place)


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("", "the query is empty"),
        ("SELEC 1", "line 1, column 1: SELEC is no query: a query begins with SELECT, WITH, FROM"),
        ("SELEC 1", "only reads; did you mean SELECT?"),
        ("SELECT 'abc FROM t", "line 1, column 8: what begins here lacks its closing '"),
        ("SELECT 1; SELECT 2", "line 1, column 11: expected one query, found 2"),
        ("SELECT *, PEARSON(label, label) FROM embeddings", "line 1, column 8: * cannot stand"),
        ("SELECT AVG(PEARSON(label, label)) FROM embeddings", "column 12: PEARSON is an aggregate"),
        ("SELECT model FROM embeddings GROUP BY PEARSON(label, 1)", "cannot stand in GROUP BY"),
        ("SELECT PEARSON(label, 1) OVER () FROM embeddings", "cannot be taken OVER a window"),
        ("SELECT PEARSON(label, 1) FROM embeddings GROUP BY 2", "the result has 1 columns"),
        ("SELECT PEARSON(label, 1) FROM embeddings GROUP BY ROLLUP(model)", "ROLLUP is not"),
        ("SELECT PEARSON(label, 1) AS a, COUNT(*) AS a FROM embeddings", "are named a"),
        ("SELECT PEARSON(label, truth => 1, score => 2) FROM embeddings", "score is given twice"),
        ("SELECT PEARSON(score => 1, label) FROM embeddings", "without a name follows"),
        ("WITH RECURSIVE a AS (SELECT PEARSON(1, 1)) SELECT 1", "WITH RECURSIVE is not available"),
        (
            "SELECT LOGMEE(embedding, label), LOGME(embedding, label) FROM embeddings",
            "line 1, column 8: there is no function LOGMEE; did you mean LOGME?",
        ),
        ("SELECT SOFTMAX(embedding) FROM embeddings", "SOFTMAX has a value for each row"),
        ("SELECT nope.label FROM embeddings", "there is no table nope in FROM"),
        ("SELECT PEARSON(label, ROOT(label)) FROM embeddings", "there is no function ROOT"),
        (f"SELECT {BOUND[:-1]}, head => h) FROM embeddings", "there is no table h"),
        (f"SELECT {BOUND[:-1]}, head => 1) FROM embeddings", "head: expected a Polars frame"),
        (f"SELECT {BOUND[:-1]}, seed => label) FROM embeddings", "expected a number, text or list"),
        ("SELECT modle, PEARSON(label, 1) FROM embeddings GROUP BY model", "did you mean model?"),
    ],
)
def test_other_errors(query: str, message: str) -> None:
    with pytest.raises(pt.QueryError) as caught:
        rows(query)
    assert message in str(caught.value)


# A query of so many parts, and what its parts are, the innermost first.
PEARSON = "SELECT PEARSON(label, label) AS p FROM embeddings"
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


def test_errors_in_long_lines_show_what_is_near() -> None:
    with pytest.raises(pt.QueryError) as caught:
        rows(f"SELECT {'1 + ' * 100}lable{' + 1' * 30} AS a, PEARSON(label, label) FROM embeddings")
    message = str(caught.value).splitlines()
    assert message[0].startswith("line 1, column 408: lable is neither in GROUP BY nor within")
    assert message[2].startswith(f"1 | ...{'1 + ' * 20}lable + 1")
    assert (len(message[2]), message[2][-3:]) == (4 + 3 + 80 + 160 + 3, "...")
    assert message[3] == f"  | {' ' * 83}^^^^^"


def test_too_deep_points_at_the_innermost_place() -> None:
    with pytest.raises(pt.QueryError) as caught:
        rows(f"SELECT\n  {'(' * 300}label{')' * 300} AS a FROM embeddings")
    assert (caught.value.line, caught.value.column) == (2, 302)


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
    "PEARSON(label, label) FILTER (WHERE label > 1)": "PEARSON takes no FILTER; use WHERE",
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


def test_names_of_results_keep_their_precedence() -> None:
    query = "SELECT model, AVG(label) + 1 AS a, PEARSON(label, label) AS p FROM embeddings "
    query += "GROUP BY model HAVING a * 10 = AVG(label) * 10 + 10 ORDER BY model"
    assert rows(query)["model"].to_list() == ["net0", "net1", "net2"]


def test_aggregates_of_keys_see_the_rows() -> None:
    """FIRST_VALUE without OVER is an aggregate, and functions with OVER run over groups."""
    query = "SELECT model, FIRST_VALUE(model) AS f, PEARSON(label, label) AS p FROM embeddings "
    assert rows(f"{query} GROUP BY model")["f"].to_list() == ["net0", "net1", "net2"]
    total = "SELECT SUM(PEARSON(label, label)) OVER () AS s FROM embeddings GROUP BY model"
    assert rows(total)["s"].to_list() == [3.0] * 3


# Names that are something else in SQL or to Polars, and only a name in quotes.
NAMES = [
    *("^.*$", "*", "^label$", "\ue000*", 'a"b', "a`b", "a'b", "a\nb", "a\0b", "\x01", "a\\b"),
    *("", "^", "é", "logme", "transfer_bound", "count", "select", "current_date", "COUNT(*)"),
]


@pytest.mark.parametrize("name", NAMES)
def test_a_name_in_quotes_is_that_name(name: str) -> None:
    quoted = '"' + name.replace('"', '""') + '"'
    frame = pl.DataFrame({"label": [1, 2, 3], name: [5, 7, 6], "g": ["a", "b", "b"]})

    def found(query: str) -> pl.DataFrame:
        return pt.sql(query, frame=frame, eager=True)

    assert found("SELECT * FROM frame").equals(frame)
    assert found("SELECT q.* FROM (SELECT * FROM frame) AS q").equals(frame)
    assert found(f"SELECT {quoted} FROM frame").equals(frame.select(pl.nth(1)))
    assert found(f"SELECT f.{quoted} FROM frame f WHERE {quoted} > 6").rows() == [(7,)]
    assert found(f"SELECT * EXCLUDE ({quoted}) FROM frame").columns == ["label", "g"]
    assert found(f"SELECT label AS {quoted} FROM (SELECT label FROM frame) AS q").columns == [name]
    call = f"SELECT PEARSON({quoted}, {quoted}) AS p, SUM({quoted}) AS s FROM frame"
    assert found(call).rows() == [(1.0, 18)]
    keys = found(f"SELECT {quoted}, PEARSON(label, label) AS p FROM frame GROUP BY {quoted}")
    assert (keys.columns, keys[:, 0].to_list()) == ([name, "p"], [5, 7, 6])
    tables = f"WITH t AS (SELECT g, MAX({quoted}) AS {quoted}, PEARSON(label, label) AS p "
    tables += f"FROM frame GROUP BY g) SELECT a.{quoted} FROM t a JOIN t b USING (g) ORDER BY 1"
    assert found(tables).rows() == [(5,), (7,)]


def test_columns_that_are_called_like_functions() -> None:
    """What calls none of our functions is Polars SQL, whatever the names of its columns."""
    frame = pl.DataFrame({"logme": ["ab", "cd"], "count": [1, 2]})
    query = "SELECT logme, count FROM t WHERE logme ^@ 'a' AND (count XOR 1) = 0"
    assert pt.sql(query, t=frame, eager=True).rows() == [("ab", 1)]
    query = "SELECT logme, PEARSON(count, count) AS pearson FROM t GROUP BY logme ORDER BY pearson"
    assert pt.sql(query, t=frame, eager=True).columns == ["logme", "pearson"]


def test_names_that_polars_takes_for_patterns() -> None:
    frame = pl.DataFrame({"s": [{"f": 1, "^.*$": 2}]})
    with pytest.raises(pt.QueryError) as caught:
        pt.sql('SELECT "^f$" FROM t', t=frame)
    assert (caught.value.column, caught.value.reason) == (8, "there is no column ^f$; there are s")
    for field in ('s."^.*$"', "s -> '^.*$'"):
        with pytest.raises(pt.QueryError, match="a field cannot be read by the name"):
            pt.sql(f"SELECT {field} AS a FROM t", t=frame)
    # sqlglot does not know XOR, Polars does.
    patterns = pl.DataFrame({"x": [1], "^x$": [2]})
    assert pt.sql("SELECT x XOR 1 AS a FROM t", t=patterns, eager=True).item() == 0
    with pytest.raises(pt.QueryError, match="the syntax is not understood"):
        pt.sql('SELECT x XOR 1 AS a, "^x$" FROM t', t=patterns)


def test_lazy_errors_name_the_place() -> None:
    query = "SELECT SPEARMAN(label, label),\n  PEARSON(label, model) FROM embeddings"
    with pytest.raises(
        pl.exceptions.ComputeError, match=r'"model \(PEARSON, line 2, column 3\)" of pearson'
    ):
        pt.sql(query, **TABLES).collect()


def test_query_must_be_text() -> None:
    with pytest.raises(TypeError, match="query: expected text, found int"):
        pt.sql(1)  # type: ignore[call-overload]


def test_frames_are_files_globs_and_folders(tmp_path: Path) -> None:
    emb = TABLES["embeddings"]
    for name, part in emb.partition_by("model", as_dict=True).items():
        folder = tmp_path / f"model={name[0]}"
        folder.mkdir()
        part.drop("model").write_parquet(folder / "rows.parquet")
        part.write_parquet(tmp_path / f"{name[0]}.parquet")
    LEADERBOARD.write_csv(tmp_path / "board.csv")
    query = "SELECT e.model, l.accuracy, PEARSON(label, label) AS p FROM embeddings e "
    query += "JOIN leaderboard l USING (model) GROUP BY e.model, l.accuracy ORDER BY e.model"
    expected = rows(query)
    files = sorted(tmp_path.glob("*.parquet"))
    folder = tmp_path / "hive"
    folder.mkdir()
    for place in tmp_path.glob("model=*"):
        place.rename(folder / place.name)
    for source in (str(tmp_path / "*.parquet"), files, folder):
        found = pt.sql(query, embeddings=source, leaderboard=tmp_path / "board.csv", eager=True)
        assert found.equals(expected)


def test_models_of_different_width_and_columns_are_one_table(tmp_path: Path) -> None:
    for width in (3, 5):
        part = embedding_rows(width=width).with_columns(pl.lit(f"net{width}").alias("model"))
        if width == 5:
            part = part.with_columns(pl.lit(1.0).alias("logits"))
        part.write_parquet(tmp_path / f"{width}.parquet")
    query = f"SELECT model, {BOUND}.n_target AS n FROM embeddings GROUP BY model ORDER BY model"
    found = pt.sql(query, embeddings=tmp_path / "*.parquet", eager=True)
    assert found.rows() == [("net3", 21), ("net5", 21)]
    query = "SELECT model, COUNT(logits) AS n FROM embeddings GROUP BY model ORDER BY model"
    found = pt.sql(query, embeddings=tmp_path / "*.parquet", eager=True)
    assert found.rows() == [("net3", 0), ("net5", 42)]


def test_bounds_are_made_when_read() -> None:
    expected = pt.compute_bounds(TABLES["embeddings"])
    key = ["model", "source", "target"]
    assert rows("SELECT * FROM bounds").sort(key).equals(expected.sort(key))
    best = rows("SELECT model, MIN(bound) AS bound FROM Bounds GROUP BY model ORDER BY bound")
    lowest = expected.group_by("model").agg(pl.col("bound").min()).sort("bound")
    assert best.equals(lowest)
    own = pl.DataFrame({"bound": [1.0]})
    assert pt.sql("SELECT * FROM bounds", bounds=own, eager=True, **TABLES).equals(own)
    within = "WITH bounds AS (SELECT * FROM bounds WHERE target = 'new') "
    within += "SELECT COUNT(*) AS n FROM bounds"
    assert rows(within).item() == 3
    with pytest.raises(pt.QueryError, match=r"line 1, column 15: table bounds: is made from"):
        pt.sql("SELECT * FROM bounds", leaderboard=LEADERBOARD)


def test_only_the_bounds_that_are_asked_for_are_computed(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def spy(rows: pl.LazyFrame, **options: object) -> pl.DataFrame:
        asked.append((rows.select("model").unique().collect().item(), options["sources"]))
        return pt.compute_bounds(rows, **options)

    monkeypatch.setattr("polars_transferability._sql._tables.compute_bounds", spy)
    query = (
        "SELECT model, bound FROM bounds WHERE source = 'old' AND model <> 'net1' ORDER BY model"
    )
    lazy = pt.sql(query, **TABLES)
    assert asked == []
    expected = pt.compute_bounds(TABLES["embeddings"], sources=["old"]).filter(MODEL != "net1")
    assert lazy.collect().equals(expected.select("model", "bound"))
    assert asked == [("net0", ("old",)), ("net2", ("old",))]
    # What is known only of a bound narrows nothing, and is true of the result.
    low = lazy.collect()["bound"].min()
    found = rows(f"SELECT bound FROM bounds WHERE source = 'old' AND bound <= {low}")
    assert found["bound"].to_list() == [low]
    assert rows("SELECT * FROM bounds WHERE source = 'none'").is_empty()
    assert rows("SELECT * FROM bounds LIMIT 1").height == 1


def test_scores_and_selection_quality_are_made_when_read() -> None:
    scores = pt.compute_scores(TABLES["embeddings"])
    assert rows("SELECT * FROM scores").equals(scores)
    found = rows("SELECT * FROM selection_quality")
    lowest = (
        pt.compute_bounds(TABLES["embeddings"])
        .group_by("model", "target")
        .agg(pl.col("bound").min())
    )
    joined = pt.join_leaderboard(
        scores.join(lowest, on=["model", "target"], maintain_order="left"), LEADERBOARD
    )
    names = ["logme", "h_score", "shrinkage_h_score", "transrate", "gbc", "knn_accuracy", "bound"]
    assert found.equals(pt.compare(joined, scores=names))
    assert found.filter("trivial")["score"].unique().to_list() == ["mean_accuracy_elsewhere"]
    with pytest.raises(pt.QueryError, match="leaderboard is not given"):
        pt.sql("SELECT * FROM selection_quality", embeddings=TABLES["embeddings"])


def run(*arguments: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run([COMMAND, *map(str, arguments)], capture_output=True, text=True)


def test_command(tmp_path: Path) -> None:
    TABLES["embeddings"].write_parquet(tmp_path / "e.parquet")
    LEADERBOARD.write_csv(tmp_path / "l.csv")
    (tmp_path / "ranking.sql").write_text(ISSUE)
    tables = [f"--table=embeddings={tmp_path}/*.parquet", f"--table=leaderboard={tmp_path}/l.csv"]
    query = tmp_path / "ranking.sql"
    expected = rows(ISSUE)
    out = tmp_path / "a" / "b"
    done = run("report", query, *tables, "--out", out, "--format", "csv")
    assert done.returncode == 0
    assert done.stderr.splitlines() == [
        f"wrote {out / name}: 3 rows" for name in ("ranking.parquet", "ranking.csv")
    ]
    assert done.stdout == (out / "ranking.csv").read_text()
    found = pl.read_parquet(out / "ranking.parquet")
    assert found.write_csv() == done.stdout
    assert_frame_equal(found, expected, rel_tol=1e-10)
    assert sorted(path.name for path in out.iterdir()) == ["ranking.csv", "ranking.parquet"]
    table = run("report", query, *tables)
    assert (table.returncode, table.stderr) == (0, "")
    assert [line.split()[0] for line in table.stdout.splitlines() if line.startswith(" net")] == (
        expected["model"].to_list()
    )


def test_command_errors(tmp_path: Path) -> None:
    query = tmp_path / "bad.sql"
    query.write_text("SELECT PERSON(a, a)\nFROM t\n")
    (tmp_path / "t.csv").write_text("a\n1\n2\n")
    done = run("report", query, "--table", f"t={tmp_path / 't.csv'}")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == (
        f"transferability: {query}: line 1, column 8: there is no function PERSON; did you mean "
        "PEARSON?\n  |\n1 | SELECT PERSON(a, a)\n  |        ^^^^^^\n"
    )
    missing = run("report", tmp_path / "none.sql")
    assert (missing.returncode, missing.stderr.count("\n")) == (1, 1)
    other = run("report", tmp_path / "report.txt")
    assert other.returncode == 2
    assert "expected a file that ends in .toml or .sql" in other.stderr
    nameless = run("report", query, "--table", "t.csv")
    assert nameless.returncode == 2
    assert "expected NAME=PATH" in nameless.stderr


def test_advice_is_in_words_of_sql() -> None:
    rows = embedding_rows().drop("task")
    with pytest.raises(pt.QueryError, match="name the column of tasks with AS task"):
        pt.sql("SELECT * FROM scores", embeddings=rows, eager=True)
    board = pl.DataFrame({"network": ["net0"], "target": ["new"], "accuracy": [0.5]})
    query = "SELECT * FROM selection_quality"
    with pytest.raises(pt.QueryError, match="name the column of models with AS model"):
        pt.sql(query, embeddings=embedding_rows(), leaderboard=board, eager=True)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("SELECT 1\n AS é".encode("latin-1"), "line 2, column 5: byte 0xe9 is not UTF-8; save it"),
        ("SELECT 1".encode("utf-16"), "is UTF-16; save it as UTF-8"),
        (b"SELECT\0 1", "line 1, column 7: is a zero byte, so this is no text"),
        (b"\x89PNG\r\n\x1a\n", "line 1, column 1: byte 0x89 is not UTF-8"),
        (b"", "the query is empty"),
        (b"-- nothing", "the query is empty"),
    ],
)
def test_files_that_are_no_query(content: bytes, message: str, tmp_path: Path) -> None:
    query = tmp_path / "q.sql"
    query.write_bytes(content)
    done = run("report", query)
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (1, "", 1)
    assert done.stderr.startswith(f"transferability: {query}: {message}")


def test_a_byte_order_mark_is_no_part_of_the_query(tmp_path: Path) -> None:
    query = tmp_path / "q.sql"
    query.write_bytes("\ufeffSELECT 1 AS one".encode())
    done = run("report", query, "--format", "csv")
    assert (done.returncode, done.stdout) == (0, "one\n1\n")


def test_what_the_command_cannot_follow_is_an_error(tmp_path: Path) -> None:
    query = tmp_path / "q.sql"
    for text, message in (
        (f"SELECT {'(' * 500}1{')' * 500}", "the query is nested too deeply here"),
        ("DROP TABLE t", "DROP is no query"),
    ):
        query.write_text(text)
        done = run("report", query)
        assert (done.returncode, done.stdout) == (1, "")
        assert message in done.stderr.splitlines()[0]
        assert "Traceback" not in done.stderr


def test_a_table_whose_rows_cannot_be_read_is_named(tmp_path: Path) -> None:
    path = tmp_path / "damaged.parquet"
    TABLES["embeddings"].write_parquet(path, compression="uncompressed")
    content = bytearray(path.read_bytes())
    content[4:40] = b"\xff" * 36
    path.write_bytes(content)
    query = "SELECT MAX(model) AS a, PEARSON(label, label) AS p FROM embeddings"
    with pytest.raises(pt.QueryError, match=r"table embeddings: .*damaged.parquet: its rows can"):
        pt.sql(query, embeddings=path, eager=True)


def test_a_panic_of_polars_is_an_error() -> None:
    objects = pl.DataFrame({"o": [object()] * 2}, schema={"o": pl.Object})
    with pytest.raises(pt.QueryError, match="Polars panicked, maybe at a damaged file: "):
        pt.sql("SELECT DISTINCT o FROM t", t=objects, eager=True)
