"""Embedding tables: from a frame or paths to one lazy table per file, whatever its format.

Files are never stacked before they must be: models in different files may have embeddings of
different width.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from glob import has_magic
from os import PathLike, fsencode, fspath
from pathlib import Path, PurePath, PurePosixPath
from typing import NoReturn, TypeAlias

import polars as pl
import polars.selectors as cs
from polars.io.plugins import register_io_source

from polars_transferability._arguments import kind_of
from polars_transferability._columns import is_label_type, named_column
from polars_transferability._door import door
from polars_transferability.tables._files import (
    File,
    Found,
    find_files,
    no_table,
    partition_of,
)
from polars_transferability.tables.addresses import is_remote, tables_at
from polars_transferability.tables.formats import PARQUET, Format, Options, format_of
from polars_transferability.tables.hugging_face import classes_of_parquet
from polars_transferability.tables.own_results import is_marked, kind_of_result
from polars_transferability.tables.understanding import Taken, understood

Paths: TypeAlias = "str | PathLike[str] | Sequence[str | PathLike[str]]"
# Tables that are open already come from within the package.
Opened: TypeAlias = "Sequence[Table]"

# Polars panics on some damaged files; its panic is no Exception.
_UNREADABLE = (pl.exceptions.PolarsError, pl.exceptions.PanicException, OSError)
# What Polars says before the message of a reader that failed.
_FAILED = "schema callable failed: ComputeError: "
# What object stores answer in XML, and what is said of errors that come from them.
_CODE = re.compile(r"<Code>(\w+)</Code>")
_OF_STORES = ("object-store", "Generic", "HTTP", "http", "AWS", "No such file", "url", "credential")
# What may be wrong with what lies at an address.
_LOOK_AT = "; look at the address, the network and the credentials"
# What messages call a frame of the caller's.
FRAME = "frame"
# How Polars reads files that are no tables here, by the end of their names.
_REWRITES = {
    ".csv": "polars.read_csv({!r})",
    ".tsv": "polars.read_csv({!r}, separator='\\t')",
    ".json": "polars.read_json({!r})",
    ".jsonl": "polars.read_ndjson({!r})",
    ".ndjson": "polars.read_ndjson({!r})",
    ".xlsx": "polars.read_excel({!r})",
    ".pkl": "polars.from_pandas(pandas.read_pickle({!r}))",
}
# How many files a message lists.
_LISTED = 3
# How many columns a message lists: an embedding whose values have a column each has hundreds.
_LISTED_COLUMNS = 20


@dataclass(frozen=True)
class ParquetRows:
    """Where the rows of a table lie: a Parquet file, and the columns that only its folders tell."""

    address: str
    folders: Mapping[str, str]

    def with_folders(self, values: Mapping[str, str | None]) -> ParquetRows | None:
        """Return the same with more columns; None if one is null, which no folder is."""
        known = {key: value for key, value in values.items() if value is not None}
        if len(known) < len(values):
            return None
        return ParquetRows(self.address, {**self.folders, **known})


@dataclass(frozen=True)
class Table:
    """One file, or a frame.

    Attributes
    ----------
    name
        The path or address, under which messages speak of it.
    taken
        What was done to its columns, where they are not written as usual.
    kind
        The format of a table of embeddings; None of a frame, and of other tables.
    parquet
        Where the rows lie, if they are those of a Parquet file, as it has them.
    """

    name: str
    rows: pl.LazyFrame
    taken: tuple[Taken, ...] = ()
    kind: Format | None = None
    parquet: ParquetRows | None = None

    def schema(self) -> pl.Schema:
        """Return the schema; raise an error that names the file if it cannot be read."""
        with _naming(self._cannot_be_read):
            return self.rows.collect_schema()

    def read(self) -> pl.DataFrame:
        """Return the rows; raise an error that names the file if they cannot be read."""
        with _naming(lambda why: f"{self.name}: its rows cannot be read: {why}{self._hint(why)}"):
            return self.rows.collect()

    def _cannot_be_read(self, why: str) -> str:
        rewrite = _REWRITES.get(Path(self.name).suffix)
        if rewrite and self.kind == PARQUET:
            line = f"{rewrite.format(self.name)}.write_parquet({f'{self.name}.parquet'!r})"
            return f"{self.name}: is no Parquet file; write it as one, as in {line}"
        if self.kind is None:
            cannot = f"cannot be {'computed' if self.name == FRAME else 'read'}"
        else:
            name = self.kind.name
            cannot = f"cannot be read as a{'n' if name[0] in 'AI' else ''} {name} table"
        return f"{self.name}: {cannot}: {why}{self._hint(why)}"

    def format(self) -> str:
        """Return the format of the table, as messages call it."""
        return self.kind.name if self.kind else FRAME

    def sentences(self) -> list[str]:
        """Return what was done to its columns."""
        return [one.sentence for one in self.taken]

    def _hint(self, why: str) -> str:
        return _hint_of_store(why) if is_remote(self.name) else ""

    def select(self, columns: Iterable[str], *conditions: pl.Expr) -> Table:
        """Return the table of some columns, and of the rows that meet the conditions."""
        return replace(self, rows=self.rows.filter(*conditions).select(columns))

    def with_constants(self, values: Mapping[str, str | None]) -> Table:
        """Return the table with columns of text that have the same value in all rows."""
        columns = [pl.lit(value, dtype=pl.String).alias(key) for key, value in values.items()]
        return replace(
            self,
            rows=self.rows.with_columns(columns),
            parquet=self.parquet and self.parquet.with_folders(values),
        )

    def distinct(self) -> Table:
        """Return the table with each of its rows once, in order of first appearance."""
        return replace(self, rows=self.rows.unique(maintain_order=True))

    def require(self, columns: Mapping[str, str]) -> None:
        """Raise ColumnNotFoundError, naming what is missing, what there is and what to do.

        `columns` says for each column what to do if it is missing; nothing, if that is empty.
        """
        schema = self.schema()
        if missing := [name for name in columns if name not in schema]:
            quoted = ", ".join(f"'{name}'" for name in missing)
            there = schema.names()
            more = len(there) - _LISTED_COLUMNS
            rest = f" and {more} more" if more > 0 else ""
            there_are = f"there are {there[:_LISTED_COLUMNS]}{rest}"
            lacking = f"{self.name}: column {quoted} not found; {there_are}"
            cures = dict.fromkeys(columns[name] for name in missing if columns[name])
            raise pl.exceptions.ColumnNotFoundError("; ".join([lacking, *cures]))
        for name in columns:
            named_column(self.name, name)
            if schema[name] == pl.Object:
                msg = (
                    f"{self.name}: column '{name}' is Object, which Polars cannot compute with; "
                    "make it a column of text, numbers or vectors"
                )
                raise TypeError(msg)

    def require_names(self, columns: Iterable[str]) -> None:
        """Raise TypeError if one of these columns cannot hold names."""
        schema = self.schema()
        for name in columns:
            dtype = schema[name]
            if dtype.is_nested() or dtype == pl.Binary:
                msg = (
                    f"{self.name}: column '{name}' is {dtype}, but its values are to be names; "
                    "cast it to String, or take the part of it that is the name"
                )
                raise TypeError(msg)


@contextmanager
def _naming(say: Callable[[str], str]) -> Iterator[None]:
    try:
        yield
    except _UNREADABLE as error:
        kind = type(error) if isinstance(error, pl.exceptions.PolarsError) else None
        raise (kind or pl.exceptions.ComputeError)(say(_why(error))) from error


def _hint_of_store(why: str) -> str:
    return _LOOK_AT if any(word in why for word in _OF_STORES) else ""


def _why(error: BaseException) -> str:
    """Return the first line of an error; of what an object store answers, its code."""
    first_line = str(error).partition("\n")[0].removeprefix(_FAILED)
    said, is_answer, _ = first_line.partition(": <?xml")
    code = _CODE.search(str(error)) if is_answer else None
    return f"{said} ({code[1]})" if code else said


def open_tables(frame_or_paths: pl.DataFrame | pl.LazyFrame | Paths | Opened) -> list[Table]:
    """Return the tables that a frame, path, glob, folder or list of those stands for.

    A folder stands for all tables below it, or is one, as of Delta. What `key=value` in the names
    of folders says, and a file lacks, becomes a column (hive partitions). A file that is found by
    several paths is one table. Results of this package that a glob or folder holds beside other
    tables are left out, and a line on standard error says so.

    Examples
    --------
    >>> open_tables([])
    Traceback (most recent call last):
    ValueError: expected at least one path, found an empty list
    """
    tables, left_out = _find_tables(frame_or_paths)
    if left_out:
        names = listed([table.name for table in left_out])
        print(f"left out what this package computed: {names}", file=sys.stderr)
    return tables


def tables_of(paths: Paths) -> list[Table]:
    """Return the tables, as `open_tables` does, without a word of what is left out."""
    return _find_tables(paths)[0]


def columns_of_each(tables: Iterable[Table]) -> list[list[str]]:
    """Return the columns of each table that can be read and holds no results of this package.

    What is left out, or cannot be read, is told by whoever reads the tables themselves.
    """
    return [names for table in tables if not _kind_of_result(table) if (names := _names_in(table))]


def named_by_file(tables: Sequence[Table], column: str) -> list[Table]:
    """Return the tables with a column that holds the name of their file, without its ending.

    Examples
    --------
    >>> tables = [Table("zoo/resnet.parquet", pl.LazyFrame({"label": [0, 1]}))]
    >>> named_by_file(tables, "model")[0].read().rows()
    [(0, 'resnet'), (1, 'resnet')]
    """
    stems: dict[str, str] = {}
    for table in tables:
        same = stems.setdefault(Path(table.name).stem, table.name)
        if same != table.name:
            msg = (
                f"{same} and {table.name} are called alike, so their names cannot tell models "
                f"apart; {door().missing('model', column)}, or rename the files"
            )
            raise ValueError(msg)
    return [table.with_constants({column: s}) for s, table in zip(stems, tables, strict=True)]


def _find_tables(
    frame_or_paths: pl.DataFrame | pl.LazyFrame | Paths | Opened,
) -> tuple[list[Table], list[Table]]:
    """Return the tables that are meant, and those that are left out as results of this package."""
    if isinstance(frame_or_paths, (pl.DataFrame, pl.LazyFrame)):
        return [Table(FRAME, frame_or_paths.lazy())], []
    if isinstance(frame_or_paths, (str, PathLike)):
        paths: list[str | PathLike[str] | Table] = [frame_or_paths]
    elif isinstance(frame_or_paths, Iterable) and not hasattr(frame_or_paths, "columns"):
        paths = list(frame_or_paths)
    else:
        msg = (
            "expected a Polars frame, a path, a glob or a list of paths, "
            f"found {kind_of(frame_or_paths)}"
        )
        raise TypeError(msg)
    if not paths:
        msg = "expected at least one path, found an empty list"
        raise ValueError(msg)
    if all(isinstance(path, Table) for path in paths):
        return [path for path in paths if isinstance(path, Table)], []
    opened: dict[object, _Opened] = {}
    for path in paths:
        for one in _opened_at(fspath(path)):  # type: ignore[arg-type]
            opened.setdefault(one.identity, one)
    return _without_results(list(opened.values()))


def embedding_tables(frame_or_paths: pl.DataFrame | pl.LazyFrame | Paths | Opened) -> list[Table]:
    """Return the tables, as `open_tables` does; an error if one holds results of this package."""
    tables = open_tables(frame_or_paths)
    for table in tables:
        if kind := _kind_of_result(table):
            msg = (
                f"{table.name}: holds {kind} that this package computed, not embeddings; "
                "name the tables of embeddings"
            )
            raise ValueError(msg)
    return tables


# Lazy frames have no truth value when compared, so neither have these.
@dataclass(frozen=True, eq=False)
class _Opened:
    table: Table
    # The same for two paths to the same rows.
    identity: object
    found: Found


def _opened_at(path: str) -> list[_Opened]:
    if is_remote(path):
        return [_Opened(table, table.name, Found.NAMED) for table in tables_of_address(path)]
    return [_open(file) for file in find_files(path)]


def tables_of_address(address: str, options: Options | None = None) -> list[Table]:
    """Return the tables that an address stands for; `options` are those of its object store.

    Examples
    --------
    >>> [table.name for table in tables_of_address("s3://zoo/net.parquet")]
    ['s3://zoo/net.parquet']
    """
    with _naming(lambda why: f"{address}: cannot be opened: {why}{_hint_of_store(why)}"):
        found = tables_at(address, options or {})
    if not found:
        raise no_table(address, in_folder=not has_magic(address))
    return [_remote(place, kind, options or {}) for place, kind in found]


def _remote(address: str, kind: Format, options: Options) -> Table:
    def scan() -> pl.LazyFrame:
        if kind.scan_remote is None:
            msg = "such tables are only read from files of this machine; copy it to one"
            raise ValueError(msg)
        return kind.scan_remote(address, options)

    def classes() -> Mapping[str, list[str]]:
        return classes_of_parquet(address, options) if is_one_file else {}

    is_one_file = kind == PARQUET and not has_magic(address)
    place = ParquetRows(address, {}) if is_one_file else None
    table = Table(address, _or_failing(scan), kind=kind, parquet=place)
    return _understood(_in_folders(table, PurePosixPath(address).parent), classes)


def _open(file: File) -> _Opened:
    name = str(file.path)
    try:
        name.encode()
    except UnicodeEncodeError as error:
        shown = fsencode(file.path).decode(errors="backslashreplace")
        msg = f"{shown}: the name is not valid UTF-8, so Polars cannot open the file; rename it"
        raise ValueError(msg) from error
    kind = format_of(file.path)
    place = ParquetRows(name, {}) if kind == PARQUET else None
    table = Table(name, _or_failing(lambda: kind.scan(file.path)), kind=kind, parquet=place)
    table = _in_folders(table, file.folder())
    table = _understood(table, lambda: kind.classes(file.path))
    return _Opened(table, (_place(file.path), *partition_of(file.folder()).items()), file.found)


def _in_folders(table: Table, folder: PurePath) -> Table:
    """Return a table with the columns that the names of its folders hold."""
    partition = partition_of(folder)
    own = _names_in(table) if partition else []
    if stated := {key: value for key, value in partition.items() if key in own}:
        _check_partition(table, stated)
    partition = {key: value for key, value in partition.items() if key not in own}
    return table.with_constants(partition) if partition else table


def _or_failing(scan: Callable[[], pl.LazyFrame]) -> pl.LazyFrame:
    """Return what a format opens, or what fails, as damaged files do, when it is asked for."""
    try:
        return scan()
    except Exception as error:  # Readers of other packages raise what they like.
        failed = pl.exceptions.ComputeError(str(error))

        def fail(*_: object) -> NoReturn:
            raise failed

        return register_io_source(fail, schema=fail)


def _understood(table: Table, classes: Callable[[], Mapping[str, list[str]]]) -> Table:
    """Return a table as it is taken; one that cannot be read is returned as it is."""
    try:
        rows, taken = understood(table.rows, classes())
    except _UNREADABLE:
        return table
    place = None if taken else table.parquet
    return replace(table, rows=rows, taken=tuple(taken), parquet=place)


def _place(path: Path) -> object:
    """Return what is equal for two paths to one file, be it by links."""
    try:
        status = path.stat()
    except OSError:
        return path.resolve()
    # Some file systems number no files.
    return (status.st_dev, status.st_ino) if status.st_ino else path.resolve()


def _check_partition(table: Table, values: Mapping[str, str | None]) -> None:
    """Raise ValueError if a file holds other names than its folders say."""
    schema = table.schema()
    named = [key for key in values if schema[key] in (pl.String, pl.Categorical, pl.Enum)]
    try:
        found = table.select(named).distinct().read()
    except pl.exceptions.PolarsError:
        return  # Whoever computes on the rows says it.
    for row in found.iter_rows(named=True):
        for key, value in row.items():
            if value != values[key]:
                msg = (
                    f"{table.name}: column '{key}' holds {value!r}, but its folder is called "
                    f"'{key}={values[key]}'; rename the folder, or drop the column"
                )
                raise ValueError(msg)


def _names_in(table: Table) -> list[str]:
    """Return the columns; none of a file that cannot be read, which whoever reads it will say."""
    try:
        return table.schema().names()
    except pl.exceptions.PolarsError:
        return []


def _kind_of_result(table: Table) -> str | None:
    try:
        return kind_of_result(table.rows)
    except _UNREADABLE:
        return None


def _is_result(opened: _Opened) -> bool:
    try:
        if kind_of_result(opened.table.rows) is not None:
            return True
        file = Path(opened.table.name)
        return format_of(file) is PARQUET and is_marked(file)
    except _UNREADABLE:
        return False


def _without_results(opened: list[_Opened]) -> tuple[list[Table], list[Table]]:
    """Return the tables without results of this package that lie among others, and these."""
    results = [one for one in opened if one.found is Found.WITHIN and _is_result(one)]
    if len(results) == len(opened):
        return [one.table for one in opened], []
    kept = [one.table for one in opened if one not in results]
    return kept, [one.table for one in results]


def listed(names: Sequence[str]) -> str:
    """Return names of files, the first few of many."""
    more = len(names) - _LISTED
    return ", ".join(names[:_LISTED]) + (f" and {more} more" if more > 0 else "")


def of_one_type(tables: Sequence[Table], columns: Collection[str] | None = None) -> list[Table]:
    """Return the tables with one type for each column, or each of `columns`, that several have.

    Integers, strings, categories, enums and booleans that meet in a column become text, unless all
    are integers; arrays of different width become lists. Other types become what Polars finds that
    holds both.
    """
    found: dict[str, dict[pl.DataType, str]] = {}
    for table in tables:
        for column, dtype in table.schema().items():
            if columns is None or column in columns:
                found.setdefault(column, {}).setdefault(dtype, table.name)
    common = {
        column: _common_type(column, dtypes) for column, dtypes in found.items() if len(dtypes) > 1
    }
    return [_cast(table, common) for table in tables]


def _cast(table: Table, common: Mapping[str, pl.DataType]) -> Table:
    schema = table.schema()
    columns = [cs.by_name(name).cast(common[name]) for name in schema.names() if name in common]
    return replace(table, rows=table.rows.with_columns(columns)) if columns else table


def _common_type(column: str, dtypes: Mapping[pl.DataType, str]) -> pl.DataType:
    """Return a type for values of several; `dtypes` says in which table each of these occurs."""
    if all(is_label_type(dtype) for dtype in dtypes) and not all(d.is_integer() for d in dtypes):
        return pl.String()
    vectors = {isinstance(dtype, (pl.Array, pl.List)) for dtype in dtypes if dtype != pl.Null}
    try:
        if len(vectors) > 1:
            raise pl.exceptions.SchemaError
        empty = [pl.DataFrame(schema={column: dtype}) for dtype in dtypes]
        return pl.concat(empty, how="vertical_relaxed").schema[column]
    except pl.exceptions.SchemaError:
        types = " and ".join(f"{dtype} in {name}" for dtype, name in dtypes.items())
        msg = f"column '{column}' is {types}; give it one type in all files"
        raise pl.exceptions.SchemaError(msg) from None
