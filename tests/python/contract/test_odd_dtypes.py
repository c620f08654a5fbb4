"""Columns of dtypes that nobody thought of: a value, or an error that can be caught."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
from registry import EXPRESSIONS, RANKINGS

# How a column of a dtype that nobody thought of comes to be. Each runs in a process of its own,
# because the failure to fear is that the process ends.
EXOTIC = {
    "Categorical": "names.cast(pl.Categorical)",
    "Enum": "names.cast(pl.Enum(names.unique()))",
    "Decimal": "numbers.cast(pl.Decimal(10, 2))",
    "list of Decimal": "numbers.cast(pl.Decimal(10, 2)).reshape((-1, 1)).arr.to_list()",
    "Int128": "numbers.cast(pl.Int128)",
    "Float16": "numbers.cast(pl.Float16)",
    "Duration": "numbers.cast(pl.Duration)",
    "Datetime": "numbers.cast(pl.Datetime('us', 'UTC'))",
    "Time": "numbers.cast(pl.Time)",
    "Binary": "names.cast(pl.Binary)",
    "Struct": "pl.DataFrame({'a': numbers}).to_struct()",
    "Object": "pl.Series([object() for _ in range(42)], dtype=pl.Object)",
    "extension": "pl.Series(numbers).cast(pl.Float64).ext.to(pl.Extension('odd', pl.Float64))",
    "pyarrow extension": "from_arrow(numbers)",
}
LABELS_TOO = {"Categorical", "Enum", "Int128"}
SCORES_TOO = {"Decimal", "Int128", "Float16"}
REAL_LABELS_TOO = {"list of Decimal", "Float16"}


EXOTIC_COLUMN = """
import sys
sys.path.insert(0, sys.argv[1])
import warnings
import polars as pl, pyarrow as pa
from registry import EXPRESSIONS, RANKINGS, score_rows, source_groups

class Odd(pa.ExtensionType):
    def __init__(self):
        super().__init__(pa.list_(pa.float64(), 3), "odd.vectors")
    def __arrow_ext_serialize__(self):
        return b""
    @classmethod
    def __arrow_ext_deserialize__(cls, storage, serialized):
        return cls()

def from_arrow(numbers):
    pa.register_extension_type(Odd())
    vectors = pa.array([[float(n)] * 3 for n in numbers], pa.list_(pa.float64(), 3))
    with warnings.catch_warnings():  # Polars says that it does not know this extension type.
        warnings.simplefilter("ignore")
        table = pa.table({"a": pa.ExtensionArray.from_storage(Odd(), vectors)})
        return pl.DataFrame(table)["a"]

numbers = pl.int_range(42, eager=True)
names = numbers.cast(pl.String)
ranked = sys.argv[2] == "score"
rows = score_rows(6) if ranked else source_groups(1)
rows = rows.with_columns(eval(sys.argv[3]).alias(sys.argv[2]))
for expression in RANKINGS if ranked else EXPRESSIONS:
    try:
        rows.lazy().select(expression.build()).collect_schema()
        rows.select(expression.build())
        print(expression.name, "ok")
    except pl.exceptions.PolarsError as error:
        print(expression.name, "PolarsError", str(error).partition(chr(10))[0])
"""


def exotic(column: str, dtype: str) -> dict[str, str]:
    """What each expression said of a column of that dtype; fails if the process did."""
    done = subprocess.run(
        [
            *(sys.executable, "-c", EXOTIC_COLUMN),
            *(str(Path(__file__).parents[1]), column, EXOTIC[dtype]),
        ],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    names = [expression.name for expression in (RANKINGS if column == "score" else EXPRESSIONS)]
    lines = done.stdout.splitlines()
    return {name: line.removeprefix(name).strip() for name, line in zip(names, lines, strict=True)}


@pytest.mark.parametrize("dtype", sorted(set(EXOTIC) - {"Object"}))
def test_exotic_embedding_is_an_error_that_can_be_caught(dtype: str) -> None:
    said = exotic("embedding", dtype)
    for expression in EXPRESSIONS:
        if expression.vectors == "embedding":
            message = r'PolarsError .*"embedding" of .* has dtype .* must be Array or'
            assert re.search(message, said[expression.name])


LABELLED = [e for e in EXPRESSIONS if e.labelled]


@pytest.mark.parametrize("dtype", sorted(set(EXOTIC) - LABELS_TOO - {"Object"}))
def test_exotic_label_is_an_error_that_can_be_caught(dtype: str) -> None:
    said = exotic("label", dtype)
    for expression in LABELLED:
        if expression.real_labels and dtype in REAL_LABELS_TOO:
            message = "^ok$"
        else:
            message = (
                r'PolarsError .*"label" of .* has dtype .* must be (an int|Array or List of num)'
            )
        assert re.search(message, said[expression.name]), said[expression.name]


@pytest.mark.parametrize("dtype", sorted(set(EXOTIC) - {"Object"}))
def test_exotic_score_is_ranked_or_an_error_that_can_be_caught(dtype: str) -> None:
    message = "^ok$" if dtype in SCORES_TOO else r'PolarsError .*"score" of .* must be numeric'
    for said in exotic("score", dtype).values():
        assert re.search(message, said)


# Polars refuses to put objects into a struct, before any plugin sees them.
def test_objects_are_an_error_of_polars_that_can_be_caught() -> None:
    said = exotic("embedding", "Object")
    for expression in EXPRESSIONS:
        if expression.vectors == "embedding":
            assert said[expression.name] == "PolarsError nested objects are not allowed"
