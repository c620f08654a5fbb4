"""What the columns of a table are taken for, where other programs wrote it in their own way.

Whatever is done to a table here is said of it: `transferability check` shows these sentences.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass

import polars as pl

from polars_transferability.tables.known_names import EMBEDDINGS, is_vector, stand_ins

# How a message shows a text that is too long for it.
_SHOWN = 40


@dataclass(frozen=True)
class Taken:
    """What was done to a table so that it can be taken.

    Attributes
    ----------
    sentence
        What is said of it.
    change
        The same as a call of a method of a frame; nothing where later changes do not need it.
    """

    sentence: str
    change: str = ""


def understood(
    rows: pl.LazyFrame, classes: Mapping[str, Sequence[str]]
) -> tuple[pl.LazyFrame, list[Taken]]:
    """Return a table as it is taken, and each thing that was done to it.

    Parameters
    ----------
    classes
        Names of the classes, by the column that holds their numbers.

    Examples
    --------
    >>> rows = pl.LazyFrame({"emb": ["[1, 0]"], "label": [1]})
    >>> rows, taken = understood(rows, {"label": ["a", "b"]})
    >>> rows.select("embedding", "label").collect().row(0)
    ([1.0, 0.0], 'b')
    >>> for one in taken:
    ...     print(one.sentence)
    'label' has numbers of classes, which are taken as the names of the 2 classes
    'emb' has vectors as text (JSON)
    'emb' is taken for the embedding
    """
    taken: list[Taken] = []
    schema = rows.collect_schema()
    rows = rows.with_columns([*_stored(schema, taken), *_named(schema, classes, taken)])
    schema = rows.collect_schema()
    named = [name for name in EMBEDDINGS if name in schema]
    texts = [name for name in named if schema[name] in (pl.String, pl.Binary)]
    rows = rows.with_columns(
        change
        for name in named
        if name not in texts or name == EMBEDDINGS[0] or _begins_as_list(rows, name)
        for change in _as_vectors(name, schema[name], taken)
    )
    schema = rows.collect_schema()
    if not any(is_vector(schema[name]) for name in named):
        return rows, taken  # Results of this package, for one, have a column called target.
    found = stand_ins(schema)
    taken += [
        Taken(f"'{name}' is taken for the {column}", f"rename({{{name!r}: {column!r}}})")
        for column, name in found.items()
    ]
    return rows.with_columns(pl.col(name).alias(column) for column, name in found.items()), taken


def _stored(schema: pl.Schema, taken: list[Taken]) -> Iterator[pl.Expr]:
    """Yield columns of types that other programs define, as what they are stored as."""
    for name, dtype in schema.items():
        if isinstance(dtype, pl.BaseExtension):
            stored = pl.col(name).ext.storage()
            width = _only_width(dtype.ext_metadata())
            yield stored if width is None else _flat(stored).list.to_array(width).alias(name)
            taken.append(
                Taken(
                    f"'{name}' is {dtype.ext_name().rpartition('.')[2]}",
                    f"with_columns(pl.col({name!r}).ext.storage())",
                )
            )


def _only_width(described: str | None) -> int | None:
    """Return the width of arrays of two dimensions of which one is 1, from what describes them."""
    try:
        shape = json.loads(described or "")[0]
    except (ValueError, TypeError, LookupError):
        return None
    is_shape = isinstance(shape, list) and len(shape) == 2
    return max(shape) if is_shape and 1 in shape else None


def _flat(lists: pl.Expr) -> pl.Expr:
    return lists.list.eval(pl.element().list.explode())


def _named(
    schema: pl.Schema, classes: Mapping[str, Sequence[str]], taken: list[Taken]
) -> Iterator[pl.Expr]:
    """Yield the names of classes in place of their numbers; a number below 0 stands for none."""
    for name, names in classes.items():
        if name in schema and schema[name].is_integer():
            number = pl.when(pl.col(name) >= 0).then(pl.col(name))
            of_number = number.replace_strict(range(len(names)), names, return_dtype=pl.Enum(names))
            yield of_number.alias(name)
            sentence = (
                f"'{name}' has numbers of classes, which are taken as the names of the "
                f"{len(names)} classes"
            )
            taken.append(Taken(sentence))


def _begins_as_list(rows: pl.LazyFrame, name: str) -> bool:
    """Return whether the first text of a column can be a list; other texts are no vectors."""
    first = rows.select(pl.col(name).cast(pl.String, strict=False)).drop_nulls().head(1).collect()
    return first.to_series().str.starts_with("[").any()


def _as_vectors(name: str, dtype: pl.DataType, taken: list[Taken]) -> Iterator[pl.Expr]:
    """Yield a column of embeddings as vectors, where it is written as something else."""
    if dtype in (pl.String, pl.Binary):
        # Python writes numbers that JSON does not have.
        json_text = f"pl.col({name!r}).cast(pl.String).str.replace_all('NaN|-?Infinity', 'null')"
        text = f"{json_text}.str.json_decode(pl.List(pl.Float64))"
        taken.append(Taken(f"'{name}' has vectors as text (JSON)", f"with_columns({text})"))
        yield pl.col(name).map_batches(_from_json, return_dtype=pl.List(pl.Float64))
    elif isinstance(dtype, pl.Array) and len(dtype.shape) == 2 and 1 in dtype.shape:
        change = f"with_columns(pl.col({name!r}).reshape((-1, {max(dtype.shape)})))"
        sentence = f"'{name}' has matrices of one row or column, which are taken as vectors"
        taken.append(Taken(sentence, change))
        lists = pl.col(name).arr.to_list().list.eval(pl.element().arr.to_list())
        yield _flat(lists).list.to_array(max(dtype.shape))
    elif (field := _only_field(dtype)) is not None:
        change = f"list.eval(pl.element().struct.field({field!r}))"
        sentence = f"'{name}' has numbers in structs of one field, which are taken out"
        taken.append(Taken(sentence, f"with_columns(pl.col({name!r}).{change})"))
        yield pl.col(name).list.eval(pl.element().struct.field(field))


def _only_field(dtype: pl.DataType) -> str | None:
    """Return the field of lists of structs of one, as DuckDB wrote arrays until version 1.2."""
    if not (isinstance(dtype, pl.List) and isinstance(dtype.inner, pl.Struct)):
        return None
    fields = dtype.inner.fields
    return fields[0].name if len(fields) == 1 else None


def _from_json(texts: pl.Series) -> pl.Series:
    """Return lists of numbers that are written as JSON; an error shows the first that is none."""
    try:
        texts = texts.cast(pl.String)
    except pl.exceptions.PolarsError as error:
        msg = (
            f"'{texts.name}' is Binary and no text; where it has Float32 as bytes, "
            f"pl.col('{texts.name}').bin.reinterpret(dtype=pl.Array(pl.Float32, WIDTH)) makes "
            "vectors of it"
        )
        raise pl.exceptions.ComputeError(msg) from error
    if texts.drop_nulls().str.contains(r"^\s*\[.*\]\s*$").all():
        with suppress(pl.exceptions.ComputeError):
            return texts.str.json_decode(pl.List(pl.Float64))
    vectors = [_vector(texts.name, row, text) for row, text in enumerate(texts)]
    return pl.Series(texts.name, vectors, dtype=pl.List(pl.Float64))


def _vector(column: str, row: int, text: str | None) -> list[float] | None:
    """Return a list of numbers, among which Python writes NaN, as JSON does not."""
    if text is None:
        return None
    with suppress(ValueError):
        values = json.loads(text)
        if isinstance(values, list) and all(type(v) in (int, float, type(None)) for v in values):
            return values
    shown = text if len(text) <= _SHOWN else f"{text[:_SHOWN]}..."
    msg = f"'{column}' has {shown!r} in row {row}, which is no list of numbers in JSON"
    raise pl.exceptions.ComputeError(msg)
