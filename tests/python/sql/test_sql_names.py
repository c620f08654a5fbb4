"""Names that mean something else in SQL or to Polars, and only a name in quotes."""

from __future__ import annotations

import polars as pl
import polars_transferability as pt
import pytest

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
    assert (caught.value.column, caught.value.reason) == (
        8,
        "there is no column ^f$; there are s; a text stands in single quotes",
    )
    for field in ('s."^.*$"', "s -> '^.*$'"):
        with pytest.raises(pt.QueryError, match="a field cannot be read by the name"):
            pt.sql(f"SELECT {field} AS a FROM t", t=frame)
    # sqlglot does not know XOR, Polars does.
    patterns = pl.DataFrame({"x": [1], "^x$": [2]})
    assert pt.sql("SELECT x XOR 1 AS a FROM t", t=patterns, eager=True).item() == 0
    with pytest.raises(pt.QueryError, match="the syntax is not understood"):
        pt.sql('SELECT x XOR 1 AS a, "^x$" FROM t', t=patterns)
