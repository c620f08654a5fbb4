"""SQL over embeddings: equal to the expressions written by hand."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import polars_transferability as pt
import pytest
from polars.testing import assert_frame_equal
from polars_transferability._sql._functions import functions
from sql_tables import (
    BOUND,
    BY_MODEL,
    ISSUE,
    LEADERBOARD,
    MODEL,
    NEW,
    OF_NEW,
    OLD,
    STRUCTS,
    TABLES,
    TRAIN,
    bounds,
    rows,
)


def of_new(column: str) -> pl.Expr:
    return pl.col(column).filter(pl.col("task") == "new")


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
            pt.logme(of_new("embedding"), of_new("label")).alias("logme"),
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
    "a filter of each call": (
        "SELECT model, LOGME(embedding, label) FILTER (WHERE task = 'new') AS new, "
        "LOGME(embedding, label) FILTER (WHERE task = 'old') AS old, "
        "KNN_ACCURACY(embedding, label, k => 3, fit => split = 'train') "
        "FILTER (WHERE task = 'new') AS knn, COUNT(*) FILTER (WHERE task = 'old') AS n, "
        "(TRANSFER_BOUND(embedding, label, task, 'old', 'new') "
        "FILTER (WHERE split = 'train')).bound AS bound "
        "FROM embeddings GROUP BY model "
        "HAVING LOGME(embedding, label) FILTER (WHERE task = 'new') > -9 "
        "ORDER BY -LOGME(embedding, label) FILTER (WHERE task = 'old')",
        lambda: (
            BY_MODEL.agg(
                pt.logme(of_new("embedding"), of_new("label")).alias("new"),
                pt.logme(*(pl.col(c).filter(task="old") for c in ("embedding", "label"))).alias(
                    "old"
                ),
                pt.knn_accuracy(
                    of_new("embedding"),
                    of_new("label"),
                    k=3,
                    fit=TRAIN.filter(pl.col("task") == "new"),
                ).alias("knn"),
                pl.col("label").filter(task="old").len().cast(pl.Int64).alias("n"),
                pl.struct("embedding", "label", "task", "split"),
            )
            .join(
                TABLES["embeddings"]
                .filter(TRAIN)
                .group_by("model")
                .agg(pt.transfer_bound(OLD, NEW).struct["bound"].alias("bound")),
                on="model",
            )
            .select("model", "new", "old", "knn", "n", "bound")
            .sort(-pl.col("old"))
        ),
    ),
    "a filter without groups": (
        "SELECT LOGME(embedding, label) FILTER (WHERE task = 'new'), COUNT(*) AS n "
        "FROM embeddings WHERE model = 'net1'",
        lambda: (
            TABLES["embeddings"]
            .filter(model="net1")
            .select(
                pt.logme(of_new("embedding"), of_new("label")).alias("logme"),
                pl.len().cast(pl.Int64).alias("n"),
            )
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
        "FROM embeddings WHERE task = 'new' GROUP BY model",
        lambda: OF_NEW.agg(
            pt.leep(pt.softmax("embedding"), "label").alias("a"),
            pt.h_score("embedding", pt.pseudo_labels("embedding", 2, seed=1)).alias("b"),
        ),
    ),
    "scores and their fields": (
        "SELECT model, SCORES(embedding, label, scores => ['logme', 'h_score']) AS s, "
        "SCORES(embedding, label, which => ['logme', 'h_score']) AS by_the_other_name, "
        "LINEAR_PROBE(embedding, label, fit => split = 'train').accuracy AS accuracy, "
        "KNN_ACCURACY(embedding, label, k => 3, metric => 'cosine') AS knn "
        "FROM embeddings WHERE task = 'new' GROUP BY model",
        lambda: OF_NEW.agg(
            pt.scores("embedding", "label", scores=["logme", "h_score"]).alias("s"),
            pt.scores("embedding", "label", scores=["logme", "h_score"]).alias("by_the_other_name"),
            pt.linear_probe("embedding", "label", fit=TRAIN)
            .struct.field("accuracy")
            .alias("accuracy"),
            pt.knn_accuracy("embedding", "label", k=3, metric="cosine").alias("knn"),
        ),
    ),
    "distances, and scores that read no label": (
        "SELECT model, NUCLEAR_NORM(SOFTMAX(embedding)) FILTER (WHERE task = 'new') AS a, "
        "PREDICTION_ENTROPY(SOFTMAX(embedding)) FILTER (WHERE task = 'new') AS b, "
        "OTDD(embedding, label, task, 'old', 'new', p => 1) AS otdd, "
        "TETOT(embedding, label, task, 'old', 'new', l2 => 0.1) AS c, "
        "S_OTDD(embedding, label, task, 'old', 'new', projections => 9) AS d "
        "FROM embeddings GROUP BY model",
        lambda: BY_MODEL.agg(
            pt.nuclear_norm(pt.softmax(of_new("embedding"))).alias("a"),
            pt.prediction_entropy(pt.softmax(of_new("embedding"))).alias("b"),
            pt.otdd(OLD, NEW, p=1).alias("otdd"),
            pt.tetot(OLD, NEW, l2=0.1).alias("c"),
            pt.s_otdd(OLD, NEW, projections=9).alias("d"),
        ),
    ),
    "moments, merged": (
        "WITH m AS "
        "(SELECT model, split, MOMENTS(embedding, label) AS m FROM embeddings "
        "WHERE task = 'new' GROUP BY 1, 2) "
        "SELECT model, H_SCORE(m) AS h FROM m GROUP BY model",
        lambda: (
            TABLES["embeddings"]
            .filter(task="new")
            .group_by("model", "split", maintain_order=True)
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


@pytest.mark.parametrize("engine", ["in-memory", "streaming"])
def test_a_group_of_which_a_filter_leaves_nothing_is_null(engine: str) -> None:
    frame = pl.DataFrame(
        {
            "g": ["a", None, "b", None, "a"],
            "x": [1, 2, 3, 4, 5],
            "y": [True, True, None, True, None],
        }
    )
    query = "SELECT g, PEARSON(x, x) FILTER (WHERE y) AS p, SUM(x) FILTER (WHERE y) AS s, "
    query += "TOP_K_RECALL(x, x, k => 1) FILTER (WHERE x < 0) AS t FROM t GROUP BY g"
    found = pt.sql(query, t=frame).collect(engine=engine)
    assert found["s"].to_list() == [1, 6, None]
    assert found["p"].to_list() == [None, 1.0, None]
    assert found["t"].to_list() == [None, None, None]


def test_null_keys_are_a_group() -> None:
    frame = pl.DataFrame({"g": ["a", None, "a", None], "x": [1, 2, 3, 4]})
    found = pt.sql("SELECT g, PEARSON(x, x) AS p, COUNT(*) AS n FROM t GROUP BY g", t=frame)
    assert found.collect().rows() == [("a", 1.0, 2), (None, 1.0, 2)]


def test_a_query_without_our_functions_is_polars_sql() -> None:
    query = "SELECT model, accuracy FROM leaderboard WHERE accuracy > 0.6 ORDER BY 2 -- a comment"
    expected = pl.SQLContext(leaderboard=LEADERBOARD).execute(query, eager=True)
    assert rows(query).equals(expected)
    assert rows("SHOW TABLES")["name"].to_list() == ["embeddings", "leaderboard", "structs"]


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
