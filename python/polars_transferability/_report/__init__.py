"""Batch reports: from a `report.toml` to tables for machines and a page for people.

A report is made in one pass, and each room takes what the one before it returned: `_config` reads
the description; `_inventory` reads what its files hold; `_units` computes bounds and scores;
`_results` makes the tables of them; `_page` puts together what the page shows of those, and
`page.html.jinja` lays it out.

On the way, `_section` reads a table of the description and `_embedding_file` the rows of a file,
the `_cache` keeps what is computed, and `_queries` asks the tables. On the page, the `_overview` of
all `_verdicts` comes first; below it are a `_target_section` for each target, the
`_factor_section`, the `_relatedness_section` and the `_curve_section`, with `_charts`, a
`_page_table` or a `_heat_map`, in the same `_wording`.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from itertools import chain
from os import PathLike
from pathlib import Path

import polars as pl

from polars_transferability._arguments import flag, names_near_keyword
from polars_transferability._door import REPORT, through
from polars_transferability._report._cache import Cache
from polars_transferability._report._config import ReportConfig, read_config
from polars_transferability._report._embedding_file import FilesChangedError
from polars_transferability._report._inventory import take_inventory
from polars_transferability._report._results import TABLES, Problems, Results, results_of
from polars_transferability._report._units import Run, compute_units
from polars_transferability.compute.engine import LOCAL, workers_of
from polars_transferability.files.table_bytes import FileFormat, table_bytes
from polars_transferability.files.text_html import facts_html
from polars_transferability.files.whole_file import (
    make_folder,
    remove_abandoned,
    require_writable,
    write_whole,
)
from polars_transferability.leaderboard.source import paths_of
from polars_transferability.tables.addresses import is_remote
from polars_transferability.tables.formats import files_of
from polars_transferability.tables.own_results import MARK
from polars_transferability.tables.table import Table, embedding_tables

# Files that change while they are read are read again, but not for ever.
_ATTEMPTS = 3
_FORMATS: tuple[FileFormat, ...] = ("parquet", "csv")


@dataclass(frozen=True, eq=False)
class Report:
    """What `report` wrote.

    Attributes
    ----------
    page
        The page, `index.html`.
    tables
        Every table, by the name of its files: `bounds` is in `bounds.parquet` and `bounds.csv`.
    computed
        Number of units of work (a bound or a curve of one model and pair of tasks, the scores of
        one model and target, how sure the ranking on one target is, a query) that were computed.
    reused
        Number of those that an earlier run had computed from the same files with the same settings.
    problems
        How many of how many results are incomplete, and why: the `reasons`, each once. The next run
        tries them again.
    """

    page: Path
    tables: dict[str, pl.DataFrame] = field(repr=False)
    computed: int
    reused: int
    problems: Problems

    def _repr_html_(self) -> str:
        """Return where the page is, what was computed, and the size of each table."""
        facts = {
            "page": str(self.page),
            "computed": str(self.computed),
            "reused": str(self.reused),
            "incomplete": f"{self.problems.incomplete} of {self.problems.results} results",
            **{name: f"{table.height} rows" for name, table in self.tables.items()},
        }
        return facts_html(facts)


@through(REPORT)
@names_near_keyword
def report(
    config: str | PathLike[str],
    out: str | PathLike[str],
    *,
    progress: bool = False,
    strict: bool = False,
    engine: str = LOCAL,
    memory: str | int | None = None,
) -> Report:
    """Make the report that a `report.toml` describes.

    Needs the extra `report`: altair, jinja2 and vl-convert-python.

    Parameters
    ----------
    config
        Path of a TOML file. `files`, which is required, lists embedding tables: paths, globs and
        folders (hive-partitioned or not), from where the file lies. `title`, `sources`, `targets`,
        `scores`, `leaderboards`, `models`, `factors`, `relatedness`, `rank_confidence`, `strict`,
        `engine`, `memory` and the tables `[columns]`, `[bound]`, `[curve]`, `[comparison]` and
        `[queries]` are optional; `docs/reports.md` and `examples/report` say more.
    out
        Folder to write to; made if it is not there. Each result is a Parquet and a CSV file (which
        leaves nested columns out), and `index.html` shows them on one page that loads nothing.
        Another run with the same folder computes only what changed: results are kept in its
        subfolder `.cache`, under a hash of the content of their files, the settings and the
        version of this package. A run may be stopped at any moment; no file is ever half-written.
    progress
        Show a progress bar on standard error.
    strict
        Stop at the first file that cannot be read, or bound or score that cannot be computed, as
        `strict = true` in the file does. False: leave it empty, and say why in the column
        `problems` of its table and on the page.
    engine
        As in `compute_bounds`: where what changed is computed, if not where the file says. Results
        are kept by this process, so the next run finds them, on whichever engine.
    memory
        As in `compute_bounds`, for bounds and scores, if not what the file says.

    Returns
    -------
    Report

    Raises
    ------
    ValueError, TypeError, OSError, PolarsError
        If the description is wrong, or no bound, or no score, can be computed at all.

    Examples
    --------
    >>> from pathlib import Path
    >>> from tempfile import TemporaryDirectory
    >>> import polars as pl
    >>> import polars_transferability as pt
    >>> rows = pl.DataFrame(
    ...     {
    ...         "model": ["net"] * 8,
    ...         "task": ["digits"] * 4 + ["letters"] * 4,
    ...         "label": ["0", "0", "1", "1", "a", "a", "b", "b"],
    ...         "embedding": [[0.0, 1], [0, 2], [5, 1], [5, 2], [1, 0], [2, 0], [1, 7], [2, 7]],
    ...     }
    ... )
    >>> config = '''
    ... files = "net.parquet"
    ... sources = ["digits"]
    ... scores = []
    ... columns.split = false
    ... '''
    >>> with TemporaryDirectory() as folder:
    ...     rows.write_parquet(Path(folder) / "net.parquet")
    ...     path = Path(folder) / "report.toml"
    ...     _ = path.write_text(config)
    ...     first = pt.report(path, Path(folder) / "out")
    ...     second = pt.report(path, Path(folder) / "out")
    >>> first.tables["bounds"].select("model", "source", "target").rows()
    [('net', 'digits', 'letters')]
    >>> (first.computed, second.computed, second.reused)
    (1, 0, 1)
    """
    page = _page_maker()
    description = read_config(config, strict=flag("strict", strict), engine=engine, memory=memory)
    opened = embedding_tables(description.files)
    folder = Path(out)
    names = [*TABLES, *(f"queries/{name}" for name in description.queries)]
    index = folder / "index.html"
    outputs = [index, *(_file(folder, name, kind) for name in names for kind in _FORMATS)]
    _make_writable(outputs, _inputs(description, opened))
    cache = Cache(folder / ".cache")
    with workers_of(description.settings.engine) as cluster:
        results = _results(description, opened, Run(cache, cluster, progress))
    tables = results.tables()
    for name, rows in tables.items():
        for kind in _FORMATS:
            write_whole(_file(folder, name, kind), table_bytes(rows, kind, marks=MARK))
    write_whole(index, page(results).encode())
    cache.drop_unused()
    for written in {path.parent for path in outputs}:
        remove_abandoned(written)
    return Report(index, tables, cache.computed, cache.reused, results.problems())


def _results(config: ReportConfig, opened: Sequence[Table], run: Run) -> Results:
    """Compute the tables of a report, as far as the cache does not have what they are made of.

    All of them are about the same content of every file: if a file changes in between, they are
    made again.
    """
    failed = None
    for _ in range(_ATTEMPTS):
        run.cache.begin()
        try:
            inventory = take_inventory(config, opened)
            return results_of(compute_units(inventory, run), run.cache)
        except FilesChangedError as changed:
            print(f"{changed}; what it changes is computed again", file=sys.stderr)
            failed = changed
            opened = embedding_tables(config.files)
    msg = f"{failed}, {_ATTEMPTS} times in a row; make the report when nothing writes to its files"
    raise OSError(msg) from failed


def _inputs(config: ReportConfig, opened: Iterable[Table]) -> list[Path]:
    """Return every file that a report reads."""
    tables = chain.from_iterable(files_of(Path(table.name)) for table in opened)
    local = (board.file for board in config.leaderboards if not is_remote(board.file))
    boards = (Path(path) for pattern in local for path in paths_of(pattern))
    return [config.path, *tables, *boards, *config.queries.values()]


def _file(folder: Path, table: str, kind: FileFormat) -> Path:
    return folder / f"{table}.{kind}"


def _make_writable(outputs: Sequence[Path], inputs: Sequence[Path]) -> None:
    """Make the folders of the outputs, and raise an error if one of these cannot be written."""
    for made in sorted({path.parent for path in outputs}):
        make_folder(made)
    for path in outputs:
        require_writable(path, inputs)


def _page_maker() -> Callable[[Results], str]:
    """Return what makes the page; asked for before anything is computed."""
    try:
        from polars_transferability._report._page import page
    except ModuleNotFoundError as error:
        msg = (
            f"{error.name} is not installed: a report needs the extra 'report', which is "
            "altair, jinja2 and vl-convert-python"
        )
        raise ModuleNotFoundError(msg, name=error.name) from error
    return page
