"""What a table cannot be taken with, and the line of Polars that changes it.

A line is written for a file as one that reads, changes and writes it anew; where the table is none
of Parquet on this machine, it changes `rows`, which is what its own library reads.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

import polars as pl

from polars_transferability._columns import is_label_type
from polars_transferability.tables.addresses import is_remote
from polars_transferability.tables.formats import PARQUET
from polars_transferability.tables.table import FRAME, Table

# The name of a column for one number of each vector: what all have in common, and a number.
_NUMBERED = re.compile(r"^(.*?)\d+$")


def cure(table: Table, changes: Sequence[str]) -> str:
    """Return the line that makes changes to a table, and writes another file of it.

    Examples
    --------
    >>> rows = pl.LazyFrame()
    >>> cure(Table("a.parquet", rows, kind=PARQUET), ["drop_nulls('label')"])
    "pl.read_parquet('a.parquet').drop_nulls('label').write_parquet('a-new.parquet')"
    >>> cure(Table("frame", rows), ["drop_nulls('label')"])
    "rows.drop_nulls('label')"
    """
    of_taken = [one.change for one in table.taken if one.change]
    change = ".".join([*of_taken, *changes])
    if table.name == FRAME:
        return f"rows.{change}"
    if table.kind != PARQUET or is_remote(table.name):
        return f"rows.{change}, where rows has the table"
    path = Path(table.name)
    new = _written(path)
    folders = "" if new.parent == path.parent else ", mkdir=True"
    return f"pl.read_parquet({table.name!r}).{change}.write_parquet({str(new)!r}{folders})"


def _written(path: Path) -> Path:
    """Return where the changed file goes: beside the other, or into a folder beside its folder.

    The folders whose names are columns are the same, and no file is written by two lines.

    Examples
    --------
    >>> for name in ("a.parquet", "zoo/a.parquet", "zoo/model=net/a.parquet"):
    ...     print(_written(Path(name)).as_posix())
    a-new.parquet
    zoo-new/a.parquet
    zoo-new/model=net/a.parquet
    """
    folder = next((folder for folder in path.parents if "=" not in folder.name), path.parent)
    if not folder.name:
        return path.with_name(f"{path.stem}-new{path.suffix}")
    return folder.with_name(f"{folder.name}-new") / path.relative_to(folder)


def _set(column: str, expression: str) -> str:
    """Return the change that makes a column what an expression says, whatever it is called."""
    if column.isidentifier():
        return f"with_columns({column}={expression})"
    return f"with_columns(({expression}).alias({column!r}))"


def as_vectors(table: Table, column: str) -> str | None:
    """Return the change that makes a column of embeddings of another type one of vectors."""
    dtype = table.schema()[column]
    if isinstance(dtype, pl.Struct):
        numbers = f"pl.col({column!r}).struct.field('*').cast(pl.Float64)"
        return _set(column, f"pl.concat_list({numbers})")
    if not isinstance(dtype, (pl.Array, pl.List)):
        return None
    if isinstance(dtype.inner, (pl.Array, pl.List)):
        return _mean(table, column)
    floats = (
        f"Array(pl.Float64, {dtype.size})" if isinstance(dtype, pl.Array) else "List(pl.Float64)"
    )
    return f"with_columns(pl.col({column!r}).cast(pl.{floats}))"


def _mean(table: Table, column: str) -> str:
    """Return the change of each matrix to the mean of its rows, as of the tokens of a text."""
    lists = pl.col(column).cast(pl.List(pl.List(pl.Float64)))
    first = table.rows.select(lists).drop_nulls().head(1).collect().to_series()
    width = first.list.first().list.len().max()
    matrix = f"pl.col({column!r}).cast(pl.List(pl.List(pl.Float64)))"
    numbers = "list.eval(pl.element().list.get(i)).list.mean()"
    return _set(column, f"pl.concat_list({matrix}.{numbers} for i in range({width!r}))")


def as_labels(table: Table, column: str) -> str | None:
    """Return the change that makes a column of labels of another type one of names or integers."""
    schema = table.schema()
    return _as_labels(
        table.rows.select(column), pl.col(column), schema[column], f"pl.col({column!r})"
    )


def _as_labels(rows: pl.LazyFrame, labels: pl.Expr, dtype: pl.DataType, told: str) -> str | None:
    """Return the change to labels of a type, which are told as text, too."""

    def always(condition: pl.Expr) -> bool:
        return bool(rows.select(condition.fill_null(value=True).all()).collect().item())

    if is_label_type(dtype):
        return f"with_columns({told})"
    if dtype.is_float() or dtype.is_decimal():
        if dtype.is_float() and not always(labels.is_not_nan()):
            labels, told = labels.fill_nan(None), f"{told}.fill_nan(None)"
        kind = "Int64" if always(labels == labels.round()) else "String"
        return f"with_columns({told}.cast(pl.{kind}))"
    if isinstance(dtype, pl.Array):
        lists = pl.List(dtype.inner)
        return _as_labels(rows, labels.arr.to_list(), lists, f"{told}.arr.to_list()")
    if isinstance(dtype, pl.List):
        if always(labels.list.len() <= 1):
            return _as_labels(rows, labels.list.first(), dtype.inner, f"{told}.list.first()")  # type: ignore[arg-type]
        # One of the numbers is 1, and the others are 0: its place is the class.
        is_one_hot = dtype.inner.is_numeric() and always(
            (labels.list.max() == 1) & (labels.list.min() == 0) & (labels.list.sum() == 1)
        )
        return f"with_columns({told}.list.arg_max())" if is_one_hot else None
    if isinstance(dtype, pl.Struct):
        field = dtype.fields[0]
        name = field.name
        inner = f"{told}.struct.field({name!r}).alias({labels.meta.output_name()!r})"
        return _as_labels(rows, labels.struct.field(name), field.dtype, inner)  # type: ignore[arg-type]
    return f"with_columns({told}.cast(pl.String))"


def with_embedding(column: str, schema: Mapping[str, pl.DataType]) -> str | None:
    r"""Return the change that makes vectors of columns for one number each, if there are such.

    Examples
    --------
    >>> with_embedding("embedding", {"label": pl.Int8(), "x0": pl.Float32(), "x1": pl.Float32()})
    "with_columns(embedding=pl.concat_arr('^x\\\\d+$'))"
    """
    numbers = [name for name, dtype in schema.items() if dtype.is_float()]
    stems = Counter(found[1] for name in numbers if (found := _NUMBERED.match(name)))
    if not stems:
        return None
    stem, count = stems.most_common(1)[0]
    pattern = f"^{re.escape(str(stem))}\\d+$"
    return _set(column, f"pl.concat_arr({pattern!r})") if count > 1 else None


def without_group(values: Mapping[str, object], *conditions: str) -> str:
    """Return the change that leaves out the rows of a group, or those that meet conditions, too.

    Examples
    --------
    >>> without_group({"task": "digits"}, among("label", ["0", "1"]))
    "filter(~pl.all_horizontal(pl.col('task').eq_missing('digits'),
    pl.col('label').cast(pl.String).is_in(['0', '1'])))"
    """
    named = [f"pl.col({name!r}).eq_missing({value!r})" for name, value in values.items()]
    return f"filter(~pl.all_horizontal({', '.join([*named, *conditions])}))"


def among(column: str, values: Sequence[str]) -> str:
    """Return the condition that a column has, as text, one of some values."""
    return f"pl.col({column!r}).cast(pl.String).is_in({list(values)!r})"


def with_split(column: str, fitted: str, groups: Sequence[str]) -> str:
    """Return the change that sets aside every fifth row of each group to evaluate on."""
    fifth = f"pl.int_range(pl.len()).over({list(groups)!r}) % 5 == 1"
    other = "test" if fitted != "test" else "evaluate"
    return _set(column, f"pl.when({fifth}).then(pl.lit({other!r})).otherwise({column!r})")


def with_one_spelling(column: str, name: str) -> str:
    """Return the change of a name in other letters, or with blanks around it, to the name."""
    is_meant = f"pl.col({column!r}).str.strip_chars().str.to_lowercase() == {name.casefold()!r}"
    return _set(column, f"pl.when({is_meant}).then(pl.lit({name!r})).otherwise({column!r})")


def with_width_in_name(model: str, column: str) -> str:
    """Return the change that makes a model of each width of its vectors."""
    width = f"pl.col({column!r}).list.len()"
    return _set(model, f"pl.format('{{}}-{{}}', pl.col({model!r}), {width})")


def of_some_width(column: str) -> str:
    """Return the change that leaves out rows whose vector has no numbers."""
    return f"filter(pl.col({column!r}).list.len() > 0)"


def without_nulls(column: str) -> str:
    """Return the change that leaves out rows that are null in a column."""
    return f"drop_nulls({column!r})"


def of_finite(column: str) -> str:
    """Return the change that leaves out rows whose vector has a null, a NaN or an infinity."""
    vectors = f"pl.col({column!r}).cast(pl.List(pl.Float64))"
    return f"filter({vectors}.list.eval(pl.element().is_finite().fill_null(False)).list.all())"


def of_width(column: str, width: int) -> str:
    """Return the change that leaves out rows whose vector has another width."""
    return f"filter(pl.col({column!r}).list.len() == {width})"
