"""Moments and samples of tables larger than memory, as a lazy frame with a row for each key."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import polars as pl

from polars_transferability._arguments import flag, integer
from polars_transferability._columns import is_embedding_type, is_label_type
from polars_transferability._moments import moments
from polars_transferability._plugin import SummaryReader
from polars_transferability.compute._summaries_of_parts import steps_on
from polars_transferability.compute.engine import LOCAL, checked_engine
from polars_transferability.tables.keys import key_columns
from polars_transferability.tables.lazy_reader import read_lazily
from polars_transferability.tables.parquet_files import parquet_files, rust_files
from polars_transferability.tables.problems import NO_PROBLEM, PROBLEMS
from polars_transferability.tables.summary_reader import (
    File,
    Step,
    Wanted,
    numbered_keys,
    steps_of,
)
from polars_transferability.tables.table import Paths, Table, of_one_type


@dataclass(frozen=True)
class _Summaries:
    """What to read of which files.

    Attributes
    ----------
    wanted
        What all columns of the result need.
    schema
        All columns of the result, with their types.
    """

    tables: list[Table]
    wanted: Wanted
    strict: bool
    engine: str
    schema: pl.Schema

    def needed_for(self, columns: Sequence[str]) -> Wanted:
        """Return no more than some columns need."""
        of_moments, of_sample = "moments" in columns, "sample" in columns
        return replace(
            self.wanted,
            vectors=self.wanted.vectors if of_moments or of_sample else (),
            per_class=self.wanted.per_class if of_moments else None,
            rows_per_class=self.wanted.rows_per_class if of_sample else 0,
        )


def scan_summaries(
    paths: Paths,
    *,
    by: str | Sequence[str] = ("model", "task"),
    embedding: str = "embedding",
    label: str = "label",
    per_class: bool = False,
    rows_per_class: int = 100,
    seed: int = 0,
    strict: bool = True,
    storage_options: Mapping[str, str] | None = None,
    engine: str = LOCAL,
) -> pl.LazyFrame:
    """Moments and a sample of the rows of each key, of tables larger than memory.

    The files are read once, row group by row group, by several threads. What is held is the result,
    and for each thread a batch of rows. Only the columns needed are read: without `sample` and
    `moments` in the query no embedding is. A condition on the `by` columns is looked up before
    embeddings are read, and row groups without rows of such keys are skipped; where the statistics
    of a file tell the keys, not even those columns are read.

    Moments are added up in an order that only the files decide (in the order of their names, row
    groups two by two), so the result has the same bits for any order of the paths and any number of
    threads. A row of the sample is drawn by a random number that the seed and the row's place in
    its file decide: every set of so many rows of a class is equally likely.
    Time `O(N D^2)` with moments, `O(N D)` without; memory `O(D^2 + C D (1 + rows_per_class))` for
    each key whose files are not all read.

    Parameters
    ----------
    paths
        Path of a Parquet file, glob, folder (hive-partitioned or not), address of an object store
        (`s3://bucket/folder/`, with `*` and `?` in it or not), or a list of those.
    by
        Columns of text, integers or booleans; each combination of their values is a key.
    embedding, label
        Names of the columns.
    per_class
        Keep every class's own scatter, as in `moments`.
    rows_per_class
        How many rows of each class the sample has at most.
    seed
        Seed of the sample.
    strict
        True: a file that cannot be read is an error. False: its keys are null, with the reason in
        `problems`; a file that does not even tell its keys has a row with nothing else.
    storage_options
        Options of the object store, such as `aws_endpoint_url`. Others are taken from the
        environment (`AWS_ACCESS_KEY_ID` and so on).
    engine
        As in `compute_bounds`. On a cluster each worker reads some row groups of a file, and the
        result is the same bit for bit.

    Returns
    -------
    LazyFrame
        The `by` columns; `n`, the number of rows; `moments`, as of `moments`, which scores take in
        place of embedding and label; `sample`, a list of structs of label and embedding, in the
        order of the rows; `problems`, empty where there are none.

    Raises
    ------
    ValueError, TypeError, PolarsError, OSError
        If an argument is wrong, a file or column is missing, a file is damaged (the message names
        the row group), or a key, label or embedding is null or not finite.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> import polars as pl
    >>> import polars_transferability as pt
    >>> rows = pl.DataFrame(
    ...     {
    ...         "model": ["net"] * 4,
    ...         "task": ["digits"] * 4,
    ...         "label": [0, 0, 1, 1],
    ...         "embedding": [[0.0], [1.0], [4.0], [5.0]],
    ...     }
    ... )
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     rows.write_parquet(Path(folder) / "net.parquet")
    ...     summaries = pt.scan_summaries(folder).filter(task="digits").collect()
    >>> summaries.select("model", "task", "n").rows()
    [('net', 'digits', 4)]
    >>> scores = summaries.group_by("model", "task").agg(pt.h_score("moments"))
    >>> abs(scores["h_score"].item() - rows.select(pt.h_score("embedding", "label")).item()) < 1e-9
    True
    """
    keys = key_columns("by", by)
    options = dict(storage_options or {})
    tables = parquet_files(paths, options)
    is_readable = [flag("strict", strict) or _has_schema(table) for table in tables]
    readable = [table for table, is_so in zip(tables, is_readable, strict=True) if is_so]
    alike = of_one_type(readable or tables, [*keys, label])
    for table in alike:
        table.require(dict.fromkeys([*keys, label, embedding], ""))
    schema = alike[0].schema()
    _check_types(alike[0].name, schema, [*keys, label], embedding)
    if taken := [key for key in keys if key in ("n", "moments", "sample", PROBLEMS)]:
        msg = f"by: the result has a column '{taken[0]}' of its own; rename the one of the table"
        raise ValueError(msg)
    summaries = _Summaries(
        tables=tables,
        wanted=Wanted(
            keys=tuple(keys),
            label=label,
            vectors=(embedding,),
            per_class=flag("per_class", per_class),
            rows_per_class=integer("rows_per_class", rows_per_class, least=0),
            seed=integer("seed", seed, least=0),
            options=options,
        ),
        strict=strict,
        engine=checked_engine(engine),
        schema=pl.Schema(
            {
                **{key: schema[key] for key in keys},
                "n": pl.UInt64(),
                "moments": _type_of_moments(),
                "sample": _sample_type(alike, label, embedding),
                PROBLEMS: pl.List(pl.String()),
            }
        ),
    )

    def read(columns: list[str] | None, condition: pl.Expr | None) -> Iterator[pl.DataFrame]:
        return _found(
            summaries, summaries.schema.names() if columns is None else columns, condition
        )

    return read_lazily(summaries.schema, read)


def _has_schema(table: Table) -> bool:
    try:
        table.schema()
    except pl.exceptions.PolarsError:
        return False
    return True


def _check_types(
    name: str, schema: Mapping[str, pl.DataType], names: Sequence[str], embedding: str
) -> None:
    for column in names:
        if not is_label_type(schema[column]):
            msg = (
                f"{name}: column '{column}' is {schema[column]}, but its values are to be names; "
                "make it text, integers or booleans"
            )
            raise TypeError(msg)
    if not is_embedding_type(schema[embedding]):
        msg = (
            f"{name}: column '{embedding}' is {schema[embedding]}, but must be a List or Array of "
            "Float16, Float32 or Float64"
        )
        raise TypeError(msg)


def _type_of_moments() -> pl.DataType:
    rows = pl.LazyFrame(schema={"embedding": pl.List(pl.Float64), "label": pl.String})
    return rows.select(moments("embedding", "label")).collect_schema()["moments"]


def _sample_type(tables: Sequence[Table], label: str, embedding: str) -> pl.DataType:
    inner = [getattr(table.schema()[embedding], "inner", None) for table in tables]
    floats = pl.Float64() if pl.Float64() in inner else pl.Float32()
    fields = {label: tables[0].schema()[label], embedding: pl.List(floats)}
    return pl.List(pl.Struct(fields))


def _found(
    summaries: _Summaries, columns: Sequence[str], condition: pl.Expr | None
) -> Iterator[pl.DataFrame]:
    """Yield the summaries of keys as they are finished, but those that no condition holds for."""
    wanted = summaries.needed_for(columns)
    files = sorted(rust_files(summaries.tables), key=lambda file: (file[0], sorted(file[2])))
    reader = wanted.reader(files)
    keys = numbered_keys(reader).cast({name: summaries.schema[name] for name in wanted.keys})
    if of_keys := _of_keys(condition, wanted.keys):
        keys = keys.filter(*of_keys)
        reader.select(set(keys["key"]))
    unreadable = [reason for _, reason in reader.unreadable()]
    if unreadable:
        _refuse(unreadable[0], strict=summaries.strict)
        yield _complete(pl.DataFrame({PROBLEMS: [[text] for text in unreadable]}), summaries)
    for of_step, sample in _steps(summaries.engine, wanted, files, keys, reader):
        if problems := of_step["problem"].drop_nulls().to_list():
            _refuse(problems[0], strict=summaries.strict)
        rows = keys.join(of_step, on="key", maintain_order="left").with_columns(
            pl.when(pl.col("problem").is_null())
            .then(NO_PROBLEM)
            .otherwise(pl.concat_list("problem"))
            .alias(PROBLEMS)
        )
        if "sample" in columns:
            packed = _packed(sample, summaries)
            rows = rows.join(packed, on="key", how="left", maintain_order="left")
        yield _complete(rows, summaries)


def _steps(
    engine: str, wanted: Wanted, files: Sequence[File], keys: pl.DataFrame, reader: SummaryReader
) -> Iterator[Step]:
    """Return what a reader, or the workers of a cluster in its place, make of the keys wanted."""
    if engine == LOCAL:
        return steps_of(reader)
    unreadable = {name for name, _ in reader.unreadable()}
    readable = [file for file in files if file[0] not in unreadable]
    return steps_on(engine, wanted, readable, keys, reader.row_groups())


def _of_keys(condition: pl.Expr | None, keys: Sequence[str]) -> list[pl.Expr]:
    """Return those parts of a condition that read nothing but keys."""
    parts = [] if condition is None else _parts(condition)
    return [part for part in parts if set(part.meta.root_names()) <= set(keys)]


def _refuse(problem: str, *, strict: bool) -> None:
    if strict:
        raise pl.exceptions.ComputeError(problem)


def _packed(sample: pl.DataFrame, summaries: _Summaries) -> pl.DataFrame:
    """Return the samples with one row for each key."""
    of_type = summaries.schema["sample"]
    assert isinstance(of_type, pl.List)
    assert isinstance(of_type.inner, pl.Struct)
    names = [field.name for field in of_type.inner.fields]
    rows = sample.cast({field.name: field.dtype for field in of_type.inner.fields})
    return rows.group_by("key", maintain_order=True).agg(pl.struct(*names).alias("sample"))


def _complete(rows: pl.DataFrame, summaries: _Summaries) -> pl.DataFrame:
    """Return rows with all columns of the result; what a query does not need is null."""
    there = set(rows.columns)
    missing = [
        pl.lit(None, dtype=dtype).alias(name)
        for name, dtype in summaries.schema.items()
        if name not in there
    ]
    return rows.with_columns(missing).select(
        pl.col(name).cast(dtype) for name, dtype in summaries.schema.items()
    )


def _parts(predicate: pl.Expr) -> list[pl.Expr]:
    """Return the conditions that a condition joins by `&`.

    Examples
    --------
    >>> [str(part) for part in _parts((pl.col("a") == 1) & pl.col("b") & pl.col("c"))]
    ['[(col("a")) == (dyn int: 1)]', 'col("b")', 'col("c")']
    """
    parts = predicate.meta.pop()
    if len(parts) != 2:
        return [predicate]
    later, before = parts
    if not (before & later).meta.eq(predicate):
        return [predicate]
    return [*_parts(before), *_parts(later)]
