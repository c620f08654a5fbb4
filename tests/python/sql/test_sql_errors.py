"""Errors that point into the query."""

from __future__ import annotations

import polars as pl
import polars_transferability as pt
import pytest
from registry import embedding_rows
from sql_tables import BOUND, TABLES, rows

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
    "nothing behind a clause": (
        "SELECT model FROM embeddings WHERE",
        """\
line 1, column 30: the syntax is not understood: something is missing
  |
1 | SELECT model FROM embeddings WHERE
  |                              ^^^^^""",
    ),
    "an unfinished GROUP BY": (
        "SELECT model, PEARSON(label, label) FROM embeddings GROUP BY",
        """\
line 1, column 53: GROUP BY names no column
  |
1 | SELECT model, PEARSON(label, label) FROM embeddings GROUP BY
  |                                                     ^^^^^^^^""",
    ),
    "a text in double quotes": (
        'SELECT model FROM embeddings WHERE task = "zebra"',
        """\
line 1, column 43: there is no column zebra; there are model, task, label, split, embedding; \
a text stands in single quotes
  |
1 | SELECT model FROM embeddings WHERE task = "zebra"
  |                                           ^^^^^^^""",
    ),
    "a table is missing": (
        "SELECT model FROM embeddings JOIN >",
        """\
line 1, column 35: the syntax is not understood: Expected table name but got '>'
  |
1 | SELECT model FROM embeddings JOIN >
  |                                   ^""",
    ),
    "no table at all": (
        "SELECT model FROM",
        """\
line 1, column 14: the syntax is not understood: Expected table name but got the end of the query
  |
1 | SELECT model FROM
  |              ^^^^""",
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
        (
            "SELECT SCORES(embedding, label, scores => ['gbc'], which => ['gbc']) FROM embeddings",
            "SCORES: scores: is the same argument as which; give one of them",
        ),
        (
            "SELECT SCORES(embedding, label, scores => ['logmee']) FROM embeddings",
            "SCORES: no score is called 'logmee'; did you mean 'logme'?",
        ),
        (
            "SELECT SCORES(embedding, label, which => []) FROM embeddings",
            "SCORES: which: expected at least one score",
        ),
        ("SELECT TRANSFER_BOUNDS(embedding) FROM embeddings", "TRANSFER_BOUNDS lacks label, task"),
        ("SELECT modle, PEARSON(label, 1) FROM embeddings GROUP BY model", "did you mean model?"),
    ],
)
def test_other_errors(query: str, message: str) -> None:
    with pytest.raises(pt.QueryError) as caught:
        rows(query)
    assert message in str(caught.value)


def test_errors_in_long_lines_show_what_is_near() -> None:
    with pytest.raises(pt.QueryError) as caught:
        rows(f"SELECT {'1 + ' * 100}lable{' + 1' * 30} AS a, PEARSON(label, label) FROM embeddings")
    message = str(caught.value).splitlines()
    assert message[0].startswith("line 1, column 408: lable is neither in GROUP BY nor within")
    assert message[2].startswith(f"1 | ...{'1 + ' * 20}lable + 1")
    assert (len(message[2]), message[2][-3:]) == (4 + 3 + 80 + 160 + 3, "...")
    assert message[3] == f"  | {' ' * 83}^^^^^"


def test_lazy_errors_name_the_place() -> None:
    query = "SELECT SPEARMAN(label, label),\n  PEARSON(label, model) FROM embeddings"
    with pytest.raises(
        pl.exceptions.ComputeError, match=r'"model \(PEARSON, line 2, column 3\)" of pearson'
    ):
        pt.sql(query, **TABLES).collect()


def test_query_must_be_text() -> None:
    with pytest.raises(TypeError, match="query: expected text, found int"):
        pt.sql(1)  # type: ignore[call-overload]


def test_advice_is_in_words_of_sql() -> None:
    rows = embedding_rows().drop("task")
    with pytest.raises(pt.QueryError, match="name the column of tasks with AS task"):
        pt.sql("SELECT * FROM scores", embeddings=rows, eager=True)
    board = pl.DataFrame({"network": ["net0"], "target": ["new"], "accuracy": [0.5]})
    query = "SELECT * FROM selection_quality"
    with pytest.raises(pt.QueryError, match="name the column of models with AS model"):
        pt.sql(query, embeddings=embedding_rows(), leaderboard=board, eager=True)


def test_a_panic_of_polars_is_an_error() -> None:
    objects = pl.DataFrame({"o": [object()] * 2}, schema={"o": pl.Object})
    with pytest.raises(pt.QueryError, match="Polars panicked, maybe at a damaged file: "):
        pt.sql("SELECT DISTINCT o FROM t", t=objects, eager=True)
