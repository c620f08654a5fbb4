"""The `transferability` command.

Results go to standard output, progress and messages to standard error. Exit code 0: done; 1: bad
input, one line; 2: wrong usage; 130: interrupted.
"""

from __future__ import annotations

import re
import sys
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from glob import glob, has_magic  # Path.glob takes no absolute pattern.
from pathlib import Path
from typing import Annotated, Literal, NoReturn

import cyclopts
import polars as pl
from cyclopts import App, Parameter, Token

from polars_transferability._check import TableColumns, check_tables
from polars_transferability._compute_bounds import compute_bounds
from polars_transferability._compute_scores import compute_scores
from polars_transferability._door import COMMAND, through
from polars_transferability._keys import fit_rows
from polars_transferability._leaderboard import (
    MEAN_ELSEWHERE,
    join_leaderboard,
    read_leaderboard,
)
from polars_transferability._report import report as make_report
from polars_transferability._score_settings import DEFAULT
from polars_transferability._settings import GroundCost, Lipschitz, Transform
from polars_transferability._sql import QueryError, sql
from polars_transferability._table_bytes import FILE_FORMATS, FileFormat, table_bytes
from polars_transferability._tables import open_tables
from polars_transferability._text_file import read_text
from polars_transferability._version import __version__
from polars_transferability._visible import visible
from polars_transferability._whole_file import (
    OverwritesInputError,
    make_folder,
    remove_abandoned,
    require_writable,
    write_whole,
)

Format = Literal["table", "csv", "json", "parquet"]


def _integer(_: type, tokens: Sequence[Token]) -> int:
    """Return an integer as it is written; cyclopts would round 1.5 to 2."""
    text = tokens[0].value
    if not re.fullmatch("[+-]?[0-9]+", text):
        msg = f"expected a whole number, found '{text}'"
        raise ValueError(msg)
    return int(text)


_Integer = Annotated[int, Parameter(converter=_integer)]

app = App(
    name="transferability",
    help="Which pretrained model transfers to which task, why, and with what guarantee.",
    version=__version__,
)

# The fields that a terminal has room for; --format json and parquet have all of them.
_SHOWN = {
    "bound": "bound",
    "source_loss": "source\nloss",
    "label_mismatch": "label\nmismatch",
    "distribution_mismatch": "distribution\nmismatch",
    "lipschitz": "lipschitz",
    "target_loss": "target\nloss",
    "target_accuracy": "accuracy",
    "trivial_loss": "trivial\nloss",
    "vacuous": "vacuous",
    "certified": "certified",
    "accuracy": "leaderboard\naccuracy",
    "mean_accuracy_elsewhere": "mean accuracy\nelsewhere",
}


@Parameter(name="*")
@dataclass(frozen=True)
class Columns:
    """Where in the tables is what.

    Attributes
    ----------
    by
        Column that tells models apart; repeat the option for several. Default: model.
    fit_split
        Rows with this value of the split column are fitted on, the others evaluated on.
    no_fit
        Tables have no split: fit and evaluate on all rows.
    task
        Column of task names.
    split
        Column of split names.
    label
        Column of labels.
    embedding
        Column of embeddings.
    """

    by: Annotated[list[str] | None, Parameter(negative="")] = None
    fit_split: str = "train"
    no_fit: Annotated[bool, Parameter(negative="")] = False
    task: str = "task"
    split: str = "split"
    label: str = "label"
    embedding: str = "embedding"

    @property
    def keys(self) -> list[str]:
        """The columns that tell models apart."""
        return self.by or ["model"]

    @property
    def fit(self) -> pl.Expr | None:
        """The rows to fit on."""
        return None if self.no_fit else fit_rows(self.split, self.fit_split)


@Parameter(name="*")
@dataclass(frozen=True)
class Leaderboard:
    """Accuracies to put beside the results.

    Attributes
    ----------
    leaderboard
        CSV or Parquet file of accuracies to put beside the results, with the mean accuracy of each
        model on the other targets. Long (a row per model and target) or wide (a column per target).
        What does not match is reported on standard error.
    leaderboard_model
        Its column of model names.
    leaderboard_target
        Its column of target names; without this column it is wide.
    leaderboard_accuracy
        Its column of accuracies. Default: accuracy, or the only column of numbers.
    leaderboard_static
        Another of its columns to put beside the results, such as a number of parameters; repeat
        the option for several.
    """

    leaderboard: Path | None = None
    leaderboard_model: str = "model"
    leaderboard_target: str = "target"
    leaderboard_accuracy: str | None = None
    leaderboard_static: Annotated[list[str] | None, Parameter(negative="")] = None

    @property
    def static(self) -> list[str]:
        """The other columns to put beside the results."""
        return self.leaderboard_static or []

    def read(self, keys: list[str]) -> pl.DataFrame | None:
        """Read it, if there is one; to be called first, since results take longer to fail."""
        if self.leaderboard is None:
            return None
        if len(keys) > 1:
            _usage_error("--leaderboard needs one column of model names, so --by only once")
        entries = read_leaderboard(
            self.leaderboard,
            model=self.leaderboard_model,
            target=self.leaderboard_target,
            accuracy=self.leaderboard_accuracy,
            static=self.static,
        )
        if keys[0] in {*entries.columns, MEAN_ELSEWHERE} - {"model"}:
            msg = f"by: '{keys[0]}' is what a column beside the results is called; rename it"
            raise ValueError(msg)
        return entries.rename({"model": keys[0]})

    def join(
        self, results: pl.DataFrame, entries: pl.DataFrame | None, keys: list[str]
    ) -> pl.DataFrame:
        """Put the entries beside the results; say what does not match."""
        if entries is None:
            return results
        joined = join_leaderboard(results, entries, model=keys[0], static=self.static)
        print(joined.report(), file=sys.stderr)
        return joined.frame


_COLUMNS = Columns()
_NO_LEADERBOARD = Leaderboard()


@app.command
def bound(
    files: Annotated[list[str], Parameter(negative="")],
    /,
    *,
    source: Annotated[list[str], Parameter(negative="")],
    target: Annotated[list[str] | None, Parameter(negative="", consume_multiple=True)] = None,
    ground_cost: GroundCost = "margin",
    transform: Transform = "all",
    lipschitz: Lipschitz = "certified",
    l2: float | None = None,
    seed: _Integer = 0,
    max_rows_per_class: _Integer | None = None,
    columns: Columns = _COLUMNS,
    board: Leaderboard = _NO_LEADERBOARD,
    out: Path | None = None,
    format: Format = "table",  # noqa: A002
) -> None:
    """Bound the loss on each target task of a head transformed from a source task.

    Parameters
    ----------
    files
        Parquet files, globs or folders (hive-partitioned or not) of embeddings. They come first.
    source
        Task that each model is known to do; repeat the option for several.
    target
        Task to transfer to; several may follow. Default: every task.
    ground_cost
        Cost of moving a source row to a target row; margin gives the lowest bound.
    transform
        What is learned: nothing (identity), head and feature map (features), label map too (all).
    lipschitz
        Certified constants, or the paper's empirical ones, which certify nothing.
    l2
        Strength of the L2 penalty; chosen on held-out rows where not given.
    seed
        Seed of every random choice.
    max_rows_per_class
        Take at most that many rows of each class.
    out
        Also write all fields to this file: .parquet, .csv or .json.
    format
        What goes to standard output. csv leaves the nested field by_class out.
    """
    writer = _writer(out, format, _tables_and(files, board.leaderboard))
    entries = board.read(columns.keys)
    bounds = compute_bounds(
        files,
        by=columns.keys,
        task=columns.task,
        embedding=columns.embedding,
        label=columns.label,
        fit=columns.fit,
        sources=source,
        targets=target,
        progress=sys.stderr.isatty(),
        ground_cost=ground_cost,
        transform=transform,
        lipschitz=lipschitz,
        l2=l2,
        seed=seed,
        max_rows_per_class=max_rows_per_class,
    )
    bounds = board.join(bounds, entries, columns.keys)
    writer(bounds)
    if format == "table":
        ranked = bounds.sort("target", "bound", maintain_order=True)
        named = [*columns.keys, "source", "target"]
        present = [name for name in _SHOWN if name in bounds.columns]
        shown = [name for name in present if _worth_showing(bounds[name])]
        print_table(ranked.select(*named, *shown, *board.static), _SHOWN)


@app.command
def score(
    files: Annotated[list[str], Parameter(negative="")],
    /,
    *,
    target: Annotated[list[str] | None, Parameter(negative="", consume_multiple=True)] = None,
    scores: str = ",".join(DEFAULT),
    source: Annotated[list[str] | None, Parameter(negative="")] = None,
    clusters: _Integer | None = None,
    seed: _Integer = 0,
    columns: Columns = _COLUMNS,
    board: Leaderboard = _NO_LEADERBOARD,
    out: Path | None = None,
    format: Format = "table",  # noqa: A002
) -> None:
    """Compute the published transferability scores of each model on each task.

    Higher is better for every one. With a split, the rows to fit on are scored, and kNN and linear
    probe are evaluated on the others.

    Parameters
    ----------
    files
        Parquet files, globs or folders (hive-partitioned or not) of embeddings. They come first.
    target
        Task to score; several may follow. Default: every task.
    scores
        Names with commas between them, or all: logme, h_score, shrinkage_h_score, transrate, gbc,
        leep, nce, nleep, knn, linear_probe, parc, sfda, etran, ncti, pactran_gaussian,
        pactran_dirichlet, pactran_gamma, ot_nce, otdd.
    source
        Task to transfer from, which ot_nce and otdd need; repeat the option for several.
    clusters
        Score so many k-means clusters of each task in place of its labels.
    seed
        Seed of these clusters.
    out
        Also write all columns to this file: .parquet, .csv or .json.
    format
        What goes to standard output.
    """
    writer = _writer(out, format, _tables_and(files, board.leaderboard))
    entries = board.read(columns.keys)
    which = [name.strip() for name in scores.split(",")]
    found = compute_scores(
        files,
        by=columns.keys,
        task=columns.task,
        embedding=columns.embedding,
        label=columns.label,
        fit=columns.fit,
        sources=source,
        targets=target,
        which="all" if which == ["all"] else which,
        clusters=clusters,
        seed=seed,
        progress=sys.stderr.isatty(),
    )
    found = board.join(found, entries, columns.keys)
    writer(found)
    if format == "table":
        named = [name for name in (*columns.keys, "source", "target") if name in found.columns]
        shown = [
            name for name in found.columns if name not in named and name not in ("n", "classes")
        ]
        if (found["labels"] == "given").all():
            shown.remove("labels")
        ranked = found.sort("target", shown[0], descending=[False, True], maintain_order=True)
        print_table(
            ranked.select(*named, *shown), {name: name.replace("_", "\n") for name in shown}
        )


@app.command
def report(
    file: Path,
    /,
    *,
    table: Annotated[list[str] | None, Parameter(negative="")] = None,
    out: Path | None = None,
    format: Format = "table",  # noqa: A002
) -> None:
    """Make a report, or run a query in SQL, over tables of embeddings.

    Parameters
    ----------
    file
        File that ends in .toml: what the report is made of (see examples/report); or in .sql: one
        query, in which this package's functions can be called.
    table
        NAME=PATH of a table that the query reads, a CSV or Parquet file, glob or folder; repeat the
        option for several. A query may also name files itself: FROM read_parquet('data/*.parquet').
        bounds, scores and selection_quality are made, when read, from tables named embeddings and
        leaderboard.
    out
        Of a report, the folder for its tables and its page, index.html; another run with the same
        folder computes only what changed. Of a query, a folder to write the result to as well, as
        Parquet and CSV under the name of the query.
    format
        What goes to standard output.
    """
    if file.suffix == ".toml":
        if out is None:
            _usage_error(f"{file}: a report is written to a folder: name it with --out")
        if table or format != "table":
            _usage_error(f"{file}: --table and --format are for queries; a report names its files")
        _make_report(file, out)
        return
    if file.suffix != ".sql":
        _usage_error(f"{file}: expected a file that ends in .toml or .sql")
    if format == "parquet" and sys.stdout.isatty():
        _usage_error("--format parquet writes bytes: send standard output to a file, or use --out")
    tables = dict(_named_path(option) for option in table or ())
    query = read_text(file)
    written = {} if out is None else _query_files(out, file, _read_by_query(file, query, tables))
    try:
        rows = sql(query, eager=True, **tables)
    except QueryError as error:
        print(f"transferability: {file}: {error}", file=sys.stderr)
        sys.exit(1)
    for kind, path in written.items():
        _write_file(rows, kind, path)
    if format == "table":
        print_table(rows, {})
    else:
        _print_bytes(rows, format)


@app.command
def check(
    files: Annotated[list[str], Parameter(negative="")],
    /,
    *,
    model: str = "model",
    task: str = "task",
    split: str = "split",
    label: str = "label",
    embedding: str = "embedding",
    fit_split: str = "train",
    no_fit: Annotated[bool, Parameter(negative="")] = False,
    format: Format = "table",  # noqa: A002
) -> None:
    """Validate embedding tables and print what is in them.

    Parameters
    ----------
    files
        Parquet files, globs or folders (hive-partitioned or not) of embeddings.
    model
        Column of model names.
    task
        Column of task names.
    split
        Column of split names.
    label
        Column of labels.
    embedding
        Column of embeddings.
    fit_split
        Value of the split column that marks the rows to fit on.
    no_fit
        Tables have no split.
    format
        What goes to standard output.
    """
    columns = TableColumns(
        model=model,
        task=task,
        split=None if no_fit else split,
        label=label,
        embedding=embedding,
        fit_split=fit_split,
    )
    content, problems = check_tables(files, columns)
    if format != "table":
        _print_bytes(content, format)
    elif content.width:
        print_table(content, {name: name.replace("_", "\n") for name in content.columns})
    if not problems:
        print("no problems found", file=sys.stderr)
        return
    for problem in problems:
        print(f"transferability: {problem}", file=sys.stderr)
    sys.exit(1)


def _make_report(file: Path, out: Path) -> None:
    try:
        made = make_report(file, out, progress=sys.stderr.isatty())
    except QueryError as error:
        print(f"transferability: {error}", file=sys.stderr)
        sys.exit(1)
    for name, rows in made.tables.items():
        print(f"wrote {out / name}.parquet and .csv: {rows.height} rows", file=sys.stderr)
    counts = f"computed {made.computed}, unchanged since an earlier run {made.reused}"
    print(counts, file=sys.stderr)
    print(made.page)


def print_table(rows: pl.DataFrame, headings: dict[str, str]) -> None:
    """Print a frame without cutting anything short; numbers with four digits after the point."""
    from rich import box
    from rich.console import Console
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for name, dtype in rows.schema.items():
        justify: Literal["left", "right"] = "right" if dtype.is_numeric() else "left"
        table.add_column(visible(headings.get(name, name)), justify=justify, no_wrap=True)
    for row in rows.iter_rows():
        table.add_row(*(_cell(value) for value in row))
    # Wider than any terminal: what does not fit wraps there instead of being cut here.
    Console(width=1000, markup=False, highlight=False).print(table, soft_wrap=True)


def main() -> None:
    """Run the command; turn errors of the input into one line and an exit code."""
    try:
        # Of a bucket that cannot be reached, the error says more.
        warnings.filterwarnings("ignore", message=r"'\(default_\)region' not set")
        with through(COMMAND):
            app(exit_on_error=False, print_error=True)
    except cyclopts.CycloptsError:
        sys.exit(2)
    except KeyboardInterrupt:
        print("transferability: interrupted", file=sys.stderr)
        sys.exit(130)
    except _BAD_INPUT as error:
        print(f"transferability: {_one_line(error)}", file=sys.stderr)
        sys.exit(1)


# What input can lead to. Polars panics at some damaged files; its panic is no Exception.
_BAD_INPUT = (
    *(pl.exceptions.PolarsError, pl.exceptions.PanicException, RecursionError, MemoryError),
    *(OSError, ValueError, TypeError, ImportError),
)


def _worth_showing(column: pl.Series) -> bool:
    """Leave out `lipschitz` where there is none, and `certified` where every bound is."""
    return not (column.is_null().all() or (column.name == "certified" and column.all()))


def _cell(value: object) -> str:
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:.4f}" if isinstance(value, float) else visible(str(value))


def _writer(
    out: Path | None,
    format: Format,  # noqa: A002
    inputs: Iterable[Path],
) -> Callable[[pl.DataFrame], None]:
    """Return what writes results where they are wanted; complain before anything is computed."""
    kind = None if out is None else _file_format(out, inputs)
    if format == "parquet" and sys.stdout.isatty():
        _usage_error("--format parquet writes bytes: send standard output to a file, or use --out")

    def write(rows: pl.DataFrame) -> None:
        if out is not None and kind is not None:
            _write_file(rows, kind, out)
        if format != "table":
            _print_bytes(rows, format)

    return write


def _file_format(out: Path, inputs: Iterable[Path]) -> FileFormat:
    """Return what kind of file a name asks for, if it can be written and is no input."""
    kind = next((kind for kind in FILE_FORMATS if out.suffix == f".{kind}"), None)
    if kind is None:
        _usage_error(
            f"--out {out}: expected a name that ends in .parquet, .csv or .json; "
            "for standard output use --format"
        )
    try:
        require_writable(out, inputs)
    except (OSError, OverwritesInputError) as error:
        _usage_error(f"--out {error}")
    return kind


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
        _usage_error(f"--out {error}")
    return files


def _tables_and(files: Sequence[str], leaderboard: Path | None) -> Iterator[Path]:
    """Yield the files that are read; they are looked for only when they are asked for."""
    yield from (Path(table.name) for table in open_tables(files))
    if leaderboard is not None:
        yield leaderboard


def _read_by_query(file: Path, query: str, tables: Mapping[str, str]) -> Iterator[Path]:
    """Yield the files that a query may read: its own, those given and those that it names."""
    yield file
    named = re.findall("'([^']+)'", query)
    for path in [*tables.values(), *named]:
        if Path(path).is_dir():
            yield from Path(path).rglob("*.parquet")
        yield from map(Path, glob(path, recursive=True) if has_magic(path) else [path])  # noqa: PTH207


def _write_file(rows: pl.DataFrame, kind: FileFormat, out: Path) -> None:
    write_whole(out, table_bytes(rows, kind))
    remove_abandoned(out.parent)
    print(f"wrote {out}: {rows.height} rows", file=sys.stderr)


def _print_bytes(rows: pl.DataFrame, kind: FileFormat) -> None:
    sys.stdout.buffer.write(table_bytes(rows, kind))
    sys.stdout.buffer.flush()


def _named_path(option: str) -> tuple[str, str]:
    name, equals, path = option.partition("=")
    if not (name and equals and path):
        _usage_error(f"--table {option}: expected NAME=PATH, as in embeddings=data/*.parquet")
    return name, path


def _usage_error(message: str) -> NoReturn:
    print(f"transferability: {message}", file=sys.stderr)
    sys.exit(2)


def _one_line(error: BaseException) -> str:
    # Polars says first that a plugin failed, and appends the plan in which it did.
    first_paragraph = str(error).partition("\n\n")[0]
    message = first_paragraph.replace("the plugin failed with message: ", "")
    return visible(" ".join(message.split()))
