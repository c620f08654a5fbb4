"""The pages of the reference that are made of the package itself, so that nothing is typed twice.

Functions and classes are listed here, by families; what stands about each is its docstring, which
the site's builder reads. Scores, SQL functions, the command's options and the keys of `report.toml`
are written out.
"""

from __future__ import annotations

import inspect
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from textwrap import fill
from typing import Literal, get_args, get_origin
from unittest.mock import patch

import polars_transferability as pt
from docstring_parser import parse
from polars_transferability import _public, ranking, settings
from polars_transferability._report._config import read_config
from polars_transferability._report._section import Section
from polars_transferability._scores.catalogue import Default, Score
from polars_transferability._scores.choice import CATALOGUE
from polars_transferability._sql._functions import functions
from polars_transferability.bound import transfer_bound
from polars_transferability.cli import main
from polars_transferability.compute.curve import compute_curve
from polars_transferability.leaderboard.read import read_leaderboard

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = "polars_transferability"
COMMANDS = ("check", "score", "bound", "curve", "report")


@dataclass(frozen=True)
class Family:
    """Public names that belong together, by the modules that define them."""

    page: str
    title: str
    about: str
    modules: tuple[str, ...]


FAMILIES = (
    Family(
        "bound",
        "Bound",
        "The certified bound of a pair of tasks, and how a task is described.",
        ("_task", "bound"),
    ),
    Family(
        "transport",
        "Transport",
        "Distances between columns of embeddings, and between tasks class by class.",
        ("transport",),
    ),
    Family(
        "scores",
        "Scores",
        "Every published score as an expression; higher is better. "
        "[Which score when](../scores.md) says which to take.",
        ("_scores", "pool"),
    ),
    Family(
        "labels",
        "Labels",
        "Labels and probabilities where a table has none.",
        ("labels",),
    ),
    Family(
        "moments",
        "Moments",
        "What many scores need of the rows, as values that merge.",
        ("_moments",),
    ),
    Family(
        "ranking",
        "Ranking",
        "How well a score ranks models, against a truth such as their accuracy; and which model is "
        "best, by more than noise or not.",
        ("ranking", "_consensus", "_verdict", "_styled"),
    ),
    Family(
        "leaderboards",
        "Leaderboards",
        "Accuracies that others measured, beside bounds and scores.",
        ("leaderboard",),
    ),
    Family(
        "compute",
        "Compute",
        "Bounds and scores of whole folders of tables, one model in memory at a time.",
        ("compute",),
    ),
    Family(
        "sql",
        "SQL",
        "Queries in which every expression is a function. [All of these](sql-functions.md) have a "
        "page of their own.",
        ("_sql",),
    ),
    Family(
        "report",
        "Report",
        "A report over folders of tables. [All keys of its file](report-keys.md) have a page of "
        "their own.",
        ("_report",),
    ),
    Family(
        "settings",
        "Settings",
        "The choices that the bound's options have, and the version of the package.",
        ("settings", "_version"),
    ),
)

# What has no module of its own in Python: names of types, and the version.
_DEFINED_IN = {"__version__": "_version"} | {
    name: module.__name__.removeprefix(f"{PACKAGE}.")
    for module in (settings, ranking)
    for name in _public.NAMES
    if get_origin(vars(module).get(name)) is Literal
}

# What the keys of report.toml are whose meaning is no argument of a function.
_KEYS = {
    "title": "What the page is called.",
    "files": "Embedding tables: files, globs or folders. The only key that must be there; paths "
    "start from the folder of the file.",
    "sources": "Tasks that serve as source. Left out: all.",
    "targets": "Tasks that serve as target. Left out: all.",
    "scores": 'Names of scores, "all", or [] for none; as tables with their options, such as '
    "`[scores.knn_accuracy]` and below it `k = 3`. Left out: the default ones.",
    "leaderboards": "Files of accuracies, or a table `[[leaderboards]]` for each.",
    "models": "Table with a row for each model: a CSV, Parquet or JSON Lines file. Needed for "
    "`factors`.",
    "factors": "Columns of `models` that may explain the results: the share of variance that each "
    "explains, and means by its levels. Columns of numbers are numbers, all others are levels.",
    "relatedness": "`true`: the mean bound from each source to each target, as a table and a "
    'picture. `"each model"`: also a picture of each model. Left out: neither.',
    "rank_confidence": "`true`: say for each target which model to use, how often it is first when "
    "the evaluation rows are drawn again, and which are as good within the noise. It computes kNN "
    "once more for each model. Left out: it is not said.",
    "engine": '`"ray"`, `"ray://auto"` or `"ray://host:port"`: what is missing is computed '
    "[on a cluster](../how-to/cluster.md#ray). Left out: in this process.",
    "memory": '`"2GB"`: how much memory the rows of a model, and what is computed of them, may '
    "take; of more rows [a sample is drawn](../how-to/larger-than-memory.md). Left out: half of "
    "what is free.",
    "strict": "`true`: stop at the first file, bound or score that fails. Left out: it is left "
    "empty, and the page says why.",
    "columns": "Table: names of columns, where they differ from the defaults.",
    "bound": "Table: settings of the bounds.",
    "curve": "Table: from how many labels on a source helps. Left out: no curve is made.",
    "curve.source": "Task to transfer from. It must be there.",
    "curve.target": "Task to transfer to, or several. It must be there.",
    "curve.seed": "Seed of the first draw. Left out: that of `[bound]`.",
    "comparison": "Table: settings of the comparison with leaderboards.",
    "queries": "Table: a name of your choice and a file of SQL for each query.",
    "columns.model": "Column of the models' names.",
    "columns.task": "Column of the tasks' names.",
    "columns.split": "Column of the splits' names; `false` if there is none.",
    "columns.label": "Column of the labels.",
    "columns.embedding": "Column of the embeddings.",
    "columns.fit_split": "Rows with this value of the split column are fitted on.",
    "models.file": "Path of a CSV, Parquet or JSON Lines file.",
    "models.model": "Column of the models' names.",
    "leaderboards.file": "Path of a CSV, Parquet, JSON or JSON Lines file, a pattern of files that "
    "are one leaderboard, or an address such as `hf://...` or `s3://...`; each run reads it anew.",
    "leaderboards.name": "What the page calls it. Left out: the name of the file.",
}
# Where the docstring is that says what the keys of a table mean.
_ARGUMENTS_OF: Mapping[str, Callable[..., object]] = {
    "bound": transfer_bound,
    "curve": compute_curve,
    "comparison": ranking.selection_quality,
    "leaderboards": read_leaderboard,
}


def write_reference(folder: Path) -> None:
    """Write all pages into a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in PAGES.items():
        (folder / name).write_text(text(), "utf-8")


def names_of(family: Family) -> list[str]:
    """Return the public names of a family, in the order of their definition where they have one."""
    return [name for name in _public.NAMES if _module_of(name).split(".")[0] in family.modules]


def _module_of(name: str) -> str:
    """Return the module within the package that defines a public name.

    Examples
    --------
    >>> _module_of("transfer_bound"), _module_of("Rank"), _module_of("logme")
    ('bound', 'ranking', '_scores.one_table')
    """
    if name in _DEFINED_IN:
        return _DEFINED_IN[name]
    module: str = getattr(pt, name).__module__
    return module.removeprefix(f"{PACKAGE}.")


def family_page(family: Family) -> str:
    """Return the page of a family: a list of its names, then each with its docstring."""
    names = names_of(family)
    summaries = [
        [f"[`{name}`](#{PACKAGE}.{_module_of(name)}.{name})", _summary(name)] for name in names
    ]
    parts = [f"# {family.title}", family.about, table(["name", "what it is"], summaries)]
    if family.page == "scores":
        parts += ["## What each score takes", _scores_table()]
    parts += [_described(name) for name in names]
    return "\n\n".join(parts) + "\n"


def _described(name: str) -> str:
    title = name if name == "__version__" else f"pt.{name}"
    lines = [
        f"::: {PACKAGE}.{_module_of(name)}.{name}",
        "    options:",
        f"      heading: {title}",
        f"      toc_label: {name}",
    ]
    return "\n".join(lines)


def _summary(name: str) -> str:
    if name == "__version__":
        return "The version of the package."
    if name in _DEFINED_IN:
        return "One of " + ", ".join(f'`"{value}"`' for value in get_args(getattr(pt, name))) + "."
    return _first_line(getattr(pt, name))


def _first_line(documented: object) -> str:
    return (inspect.getdoc(documented) or "").partition("\n")[0]


def _scores_table() -> str:
    header = ["score", "computed from", "range", "cost", "options", "notes"]
    rows = [
        [
            f"`{row.name}`",
            row.inputs.value,
            row.range,
            row.cost.value,
            ", ".join(
                f"`{name}`" if setting.default is Default.NONE else f"`{name}={setting.default!r}`"
                for name, setting in row.settings.items()
            ),
            "; ".join(_notes(row)),
        ]
        for row in CATALOGUE
    ]
    return table(header, rows)


def _notes(row: Score) -> Iterator[str]:
    if row.by_default:
        yield "computed by default"
    if row.alias:
        yield f"also called `{row.alias}`"
    if row.pooled:
        yield "a number only among the models of a pool: `pt.combine_pool`"
    if row.fields:
        yield "struct of " + ", ".join(f"`{name}`" for name in row.fields)
    if row.function.__name__ != row.name:
        yield f"computed by `pt.{row.function.__name__}`"


def sql_page() -> str:
    """Return the page of all SQL functions with their arguments."""
    parts = [
        "# SQL functions",
        "Every expression of the package is a function of [SQL](../sql.md), by its name in "
        "capitals. A column may be any SQL expression; a value is a number, a text or a list; a "
        "table is the name of one. Arguments that go by place come first, those that go by name "
        "are written `name => value`.",
    ]
    for family in FAMILIES:
        here = [name.upper() for name in names_of(family) if name.upper() in functions()]
        if here:
            parts.append(f"## {family.title}")
            parts += [_sql_function(name, family) for name in here]
    return "\n\n".join(parts) + "\n"


def _sql_function(name: str, family: Family) -> str:
    function = functions()[name]
    python = getattr(pt, name.lower())
    # What all bounds have in common stands in the signature of one.
    defaults = {**_defaults(transfer_bound), **_defaults(python)}
    kinds = {"column": "column", "frame": "table", "literal": "value"}
    rows = [
        [
            f"`{parameter.name}`",
            kinds[parameter.kind],
            "place" if parameter.positional else "name",
            "required" if parameter.required else f"`{_as_sql(defaults.get(parameter.name))}`",
        ]
        for parameter in function.parameters
    ]
    return "\n\n".join(
        [
            f"### {name}",
            f"{_first_line(python)} What each argument means stands at "
            f"[`pt.{name.lower()}`]({family.page}.md#{PACKAGE}.{_module_of(name.lower())}.{name.lower()}).",
            f"```sql\n{_wrapped(function.usage())}\n```",
            table(["argument", "is a", "given by", "default"], rows),
        ]
    )


def _defaults(function: Callable[..., object]) -> dict[str, object]:
    parameters = inspect.signature(function).parameters.values()
    return {p.name: p.default for p in parameters if p.default is not p.empty}


def _wrapped(usage: str) -> str:
    """Return a usage in lines that end behind commas.

    Examples
    --------
    >>> _wrapped("LOGME(embedding, label)")
    'LOGME(embedding, label)'
    """
    kept = usage.replace(" =>", "\xa0=>").replace("=> ", "=>\xa0")
    wrapped = fill(kept, width=76, subsequent_indent="    ", break_on_hyphens=False)
    return wrapped.replace("\xa0", " ")


def _as_sql(value: object) -> str:
    """Return a default as SQL writes it.

    Examples
    --------
    >>> _as_sql(None), _as_sql(True), _as_sql("both"), _as_sql((1, 2))
    ('NULL', 'TRUE', "'both'", '[1, 2]')
    """
    if value is None:
        return "NULL"
    if isinstance(value, bool):
        return str(value).upper()
    if isinstance(value, (tuple, list)):
        return f"[{', '.join(map(_as_sql, value))}]"
    return repr(value)


def report_keys() -> dict[str, list[str]]:
    """Return the keys that `report.toml` may have, by the table that they stand in."""
    found: dict[str, list[str]] = {}
    allow = Section.allow

    def listening(section: Section, *known: str) -> Section:
        found[section.name.partition("[")[0]] = list(known)
        return allow(section, *known)

    with tempfile.TemporaryDirectory() as name, patch.object(Section, "allow", listening):
        config = Path(name) / "report.toml"
        (Path(name) / "a.csv").touch()
        lines = ('files = "*"', 'leaderboards = ["a.csv"]', 'models = "a.csv"', 'factors = "size"')
        config.write_text("\n".join(lines), "utf-8")
        read_config(config)
    return found


def keys_page() -> str:
    """Return the page of all keys of `report.toml`."""
    parts = [
        "# Keys of report.toml",
        "What [a report](../reports.md) is made of. A wrong key or value is an error that names it "
        "before any data is read.",
    ]
    for section, keys in sorted(report_keys().items()):
        of_list = section == "leaderboards"
        parts.append(
            f"## {'[[leaderboards]]' if of_list else f'[{section}]'}" if section else "## Top"
        )
        meanings = [[f"`{key}`", key_meaning(section, key)] for key in keys]
        parts.append(table(["key", "what it is"], meanings))
    return "\n\n".join(parts) + "\n"


def key_meaning(section: str, key: str) -> str:
    """Return what a key of `report.toml` means; a key that nothing is known of is an error."""
    place = f"{section}.{key}" if section else key
    if place in _KEYS:
        return _KEYS[place]
    documented = parse(inspect.getdoc(_ARGUMENTS_OF[section]) or "")
    for parameter in documented.params:
        if key in parameter.arg_name.replace(" ", "").split(","):
            return " ".join((parameter.description or "").split())
    msg = f"{place}: a key of report.toml without a meaning; write it into _KEYS"
    raise KeyError(msg)


def command_page() -> str:
    """Return the page of the command, as it says itself what it takes."""
    parts = ["# The command", f"```text\n{_help()}```", _after_first(main.__doc__)]
    for command in COMMANDS:
        parts += [f"## transferability {command}", f"```text\n{_help(command)}```"]
    return "\n\n".join(parts) + "\n"


def _after_first(doc: str | None) -> str:
    return (doc or "").partition("\n\n")[2].strip()


def _help(*command: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", PACKAGE, *command, "--help"],
        env={**os.environ, "COLUMNS": "80"},
        capture_output=True,
        text=True,
        check=True,
    )
    return "\n".join(line.rstrip() for line in done.stdout.splitlines()).strip("\n") + "\n"


def table(header: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    r"""Return a table in Markdown.

    Examples
    --------
    >>> print(table(["a"], [["x | y"]]))
    | a |
    |---|
    | x \| y |
    """
    lines = [list(header), *map(list, rows)]
    written = [
        "| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines
    ]
    rule = "|" + "---|" * len(lines[0])
    return "\n".join([written[0], rule, *written[1:]])


# All pages, by the names of their files, and what makes them.
PAGES: Mapping[str, Callable[[], str]] = {
    **{f"{family.page}.md": partial(family_page, family) for family in FAMILIES},
    "sql-functions.md": sql_page,
    "report-keys.md": keys_page,
    "command.md": command_page,
}
