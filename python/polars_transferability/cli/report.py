"""The command `transferability report`: a report, or the result of a query."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Iterator, Mapping
from glob import glob, has_magic  # Path.glob takes no absolute pattern.
from pathlib import Path

from polars_transferability._report import report as make_report
from polars_transferability._sql import QueryError, sql
from polars_transferability.cli.options import Engine, Several
from polars_transferability.cli.output import (
    Format,
    Strict,
    Wide,
    print_bytes,
    say_problems,
    usage_error,
    write_file,
)
from polars_transferability.cli.terminal_table import TerminalTable, print_table
from polars_transferability.compute.engine import LOCAL
from polars_transferability.files.table_bytes import FileFormat
from polars_transferability.files.text_file import read_text
from polars_transferability.files.whole_file import (
    OverwritesInputError,
    make_folder,
    require_writable,
)


def report(
    file: Path,
    /,
    *,
    table: Several = None,
    out: Path | None = None,
    format: Format = "table",  # noqa: A002
    wide: Wide = False,
    strict: Strict = False,
    engine: Engine | None = None,
    memory: str | None = None,
) -> None:
    """Make a report, or run a query in SQL, over tables of embeddings.

    Parameters
    ----------
    file
        File that ends in .toml: what the report is made of (see examples/report); or in .sql: one
        query, in which this package's functions can be called.
    table
        NAME=PATH of a table that the query reads, a table or CSV file, glob or folder, or several
        of them. A query may also name files itself: FROM read_parquet('data/*.parquet').
        bounds, scores and selection_quality are made, when read, from tables named embeddings and
        leaderboard.
    out
        Of a report, the folder for its tables and its page, index.html; another run with the same
        folder computes only what changed. Of a query, a folder to write the result to as well, as
        Parquet and CSV under the name of the query.
    format
        What goes to standard output.
    memory
        Of a report, how much memory the rows of a model, and what is computed of them, may take,
        such as 2GB; of more rows in Parquet files a sample is drawn. Default: half of what is free.
    """
    if file.suffix == ".toml":
        if out is None:
            usage_error(f"{file}: a report is written to a folder: name it with --out")
        if table or format != "table" or wide:
            usage_error(
                f"{file}: --table, --format and --wide are for queries; a report names its files"
            )
        where = LOCAL if engine is None else engine
        _make_report(file, out, strict=strict, engine=where, memory=memory)
        return
    if memory is not None:
        usage_error(f"{file}: --memory is for reports; a query is computed by Polars")
    if engine is not None:
        usage_error(f"{file}: --engine is for reports; a query is computed in this process")
    if strict:
        usage_error(f"{file}: --strict is for reports; a query stops at the first failure")
    if file.suffix != ".sql":
        usage_error(f"{file}: expected a file that ends in .toml or .sql")
    if format == "parquet" and sys.stdout.isatty():
        usage_error("--format parquet writes bytes: send standard output to a file, or use --out")
    tables = dict(_named_path(named) for given in table or () for named in _named_paths(given))
    query = read_text(file)
    written = {} if out is None else _query_files(out, file, _read_by_query(file, query, tables))
    try:
        rows = sql(query, eager=True, **tables)
    except QueryError as error:
        print(f"transferability: {file}: {error}", file=sys.stderr)
        sys.exit(1)
    for kind, path in written.items():
        write_file(rows, kind, path)
    if format == "table":
        headings = {name: name for name in rows.columns}
        print_table(TerminalTable(rows, headings), wide=wide)
    else:
        print_bytes(rows, format)


def _make_report(file: Path, out: Path, *, strict: bool, engine: str, memory: str | None) -> None:
    shown = sys.stderr.isatty()
    try:
        made = make_report(file, out, progress=shown, strict=strict, engine=engine, memory=memory)
    except QueryError as error:
        print(f"transferability: {error}", file=sys.stderr)
        sys.exit(1)
    for name, rows in made.tables.items():
        print(f"wrote {out / name}.parquet and .csv: {rows.height} rows", file=sys.stderr)
    counts = f"computed {made.computed}, unchanged since an earlier run {made.reused}"
    print(counts, file=sys.stderr)
    print(made.page)
    problems = made.problems
    say_problems(problems.incomplete, problems.results, problems.reasons)


def _query_files(out: Path, query: Path, inputs: Iterable[Path]) -> dict[FileFormat, Path]:
    """Return the files for the result of a query; make their folder."""
    kinds: tuple[FileFormat, ...] = ("parquet", "csv")
    files = {kind: out / f"{query.stem}.{kind}" for kind in kinds}
    read = list(inputs)
    try:
        make_folder(out)
        for file in files.values():
            require_writable(file, read)
    except (OSError, OverwritesInputError) as error:
        usage_error(f"--out {error}")
    return files


def _read_by_query(file: Path, query: str, tables: Mapping[str, str]) -> Iterator[Path]:
    """Yield the files that a query may read: its own, those given and those that it names."""
    yield file
    named = re.findall("'([^']+)'", query)
    for path in [*tables.values(), *named]:
        if Path(path).is_dir():
            yield from Path(path).rglob("*.parquet")
        yield from map(Path, glob(path, recursive=True) if has_magic(path) else [path])  # noqa: PTH207


def _named_paths(option: str) -> list[str]:
    """Return the NAME=PATH that stand with commas between them; a path may have commas itself.

    Examples
    --------
    >>> _named_paths("a=x.csv,b=y,z.parquet")
    ['a=x.csv', 'b=y,z.parquet']
    """
    path = option.partition("=")[2]
    is_path = Path(path).exists() or (has_magic(path) and glob(path, recursive=True))  # noqa: PTH207
    return [option] if is_path else re.split(r",\s*(?=\w+=)", option)


def _named_path(option: str) -> tuple[str, str]:
    name, equals, path = option.partition("=")
    if not (name and equals and path):
        usage_error(f"--table {option}: expected NAME=PATH, as in embeddings=data/*.parquet")
    return name, path
