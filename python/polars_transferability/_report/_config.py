"""`report.toml`: what a report is made of, checked before any data is read."""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from glob import escape, has_magic
from os import PathLike
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal, TypeAlias

from polars_transferability._report._section import Section
from polars_transferability._scores.choice import DEFAULT, OF_ONE_TABLE, score_settings
from polars_transferability.compute.curve import OWN_OPTIONS, curve_settings
from polars_transferability.compute.engine import LOCAL, checked_engine
from polars_transferability.files.text_file import read_text
from polars_transferability.leaderboard.source import paths_of
from polars_transferability.ranking import selection_quality
from polars_transferability.settings import BoundOptions, bound_settings
from polars_transferability.tables.addresses import is_remote
from polars_transferability.tables.columns import TableColumns
from polars_transferability.tables.memory import memory_of

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

# Of which bounds there are matrices of tasks: of none, of their means over the models, or also of
# each model.
Matrices: TypeAlias = Literal["none", "mean", "each model"]

# Options of a bound that are tables.
_TABLES = ("head", "label_map")


@dataclass(frozen=True)
class LeaderboardFile:
    """A file of accuracies, and the options with which `read_leaderboard` is to read it.

    The file may also be a pattern of files, or an address.
    """

    name: str
    file: str
    options: Mapping[str, Any]


@dataclass(frozen=True)
class FactsFile:
    """A file of facts about models: which columns are read, and which holds the models' names."""

    file: Path
    model: str
    factors: tuple[str, ...]


@dataclass(frozen=True)
class Comparison:
    """Settings of `selection_quality`."""

    k: int
    bootstrap: int
    confidence: float
    seed: int


@dataclass(frozen=True)
class Curve:
    """Whether a source helps, by the number of target rows: between which tasks, and how.

    Attributes
    ----------
    source, targets
        Tasks.
    options
        Of `compute_curve`: its draws, and those of the bounds that it can have.
    """

    source: str
    targets: tuple[str, ...]
    options: Mapping[str, Any]


@dataclass(frozen=True)
class Settings:
    """What is computed and how, whatever the files hold.

    Attributes
    ----------
    title
        Of the page.
    bound
        Options of `transfer_bound`.
    scores
        By name, with their options.
    every_score
        All scores are asked for: those that a table has no columns for are left out.
    comparison
        Of scores with leaderboards.
    rank_confidence
        The report says how sure the ranking of the models is.
    matrices
        The report says how near tasks are to each other.
    strict
        The report stops at the first failure.
    engine
        What computes bounds, scores and curves.
    memory
        How much a model may take for bounds and scores; None for half of what is free.
    """

    title: str
    bound: Mapping[str, Any]
    scores: Mapping[str, Mapping[str, Any]]
    every_score: bool
    comparison: Comparison
    rank_confidence: bool
    matrices: Matrices
    strict: bool
    engine: str
    memory: str | None


@dataclass(frozen=True)
class ReportConfig:
    """All that a `report.toml` says.

    Attributes
    ----------
    path
        Of the file itself.
    files
        Paths, globs and folders of embedding tables.
    columns
        Of the embedding tables.
    sources, targets
        Which tasks; None for all there are.
    leaderboards
        Files of accuracies.
    facts
        File of facts that may explain the results; None for none.
    queries
        Files of SQL queries by the name of their result.
    curve
        Which curve is asked for; None for none.
    settings
        All that names no file and no task.
    """

    path: Path
    files: tuple[str, ...]
    columns: TableColumns
    sources: tuple[str, ...] | None
    targets: tuple[str, ...] | None
    leaderboards: tuple[LeaderboardFile, ...]
    facts: FactsFile | None
    queries: Mapping[str, Path]
    curve: Curve | None
    settings: Settings


def read_config(
    path: str | PathLike[str],
    *,
    strict: bool = False,
    engine: str = LOCAL,
    memory: str | int | None = None,
) -> ReportConfig:
    r"""Read and check a `report.toml`; paths within it start from the folder that it lies in.

    It is `strict` if the file or the caller says so. Engine and memory are the caller's, if the
    caller gives them.

    Examples
    --------
    >>> from pathlib import Path
    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as folder:
    ...     path = Path(folder) / "report.toml"
    ...     _ = path.write_text('files = ["*.parquet"]\nsorces = ["mnist"]')
    ...     read_config(path)
    Traceback (most recent call last):
    ValueError: ...report.toml: sorces: unknown key; did you mean 'sources'?
    """
    path = Path(path)
    if not path.is_file():
        msg = f"no such file: '{path}'"
        raise FileNotFoundError(msg)
    try:
        values = tomllib.loads(read_text(path))
        given: dict[str, Any] = {"strict": True} if strict else {}
        given |= {} if engine is LOCAL else {"engine": engine}
        given |= {} if memory is None else {"memory": memory}
        return _checked(path, values | given)
    except tomllib.TOMLDecodeError as error:
        msg = f"{path}: is not valid TOML: {error}"
        raise ValueError(msg) from error
    except RecursionError as error:
        msg = f"{path}: has lists or tables far within each other; a report has none"
        raise ValueError(msg) from error


def _checked(path: Path, values: dict[str, Any]) -> ReportConfig:
    top = Section(str(path), "", values).allow(
        *("title", "files", "sources", "targets", "scores"),
        *("leaderboards", "models", "factors", "relatedness", "rank_confidence", "columns"),
        *("bound", "curve", "comparison", "queries", "strict", "engine", "memory"),
    )
    settings = _settings(top)
    return ReportConfig(
        path=path,
        files=_files(top, path.parent),
        columns=_columns(top.section("columns")),
        sources=_tasks(top, "sources"),
        targets=_tasks(top, "targets"),
        leaderboards=_leaderboards(top, path.parent),
        facts=_facts(top, path.parent),
        queries=_queries(top.section("queries"), path.parent),
        curve=_curve(top, settings.bound),
        settings=settings,
    )


def _settings(top: Section) -> Settings:
    return Settings(
        title=top.text("title", "Which model transfers to which task?"),
        bound=_bound(top.section("bound")),
        scores=_scores(top),
        every_score=top.values.get("scores") in ("all", ["all"]),
        comparison=_comparison(top.section("comparison")),
        rank_confidence=top.flag("rank_confidence"),
        matrices=_matrices(top),
        strict=top.flag("strict"),
        engine=_engine(top),
        memory=_memory(top),
    )


def _memory(top: Section) -> str | None:
    given = top.values.get("memory")
    try:
        return None if given is None else memory_of(given).stated
    except (TypeError, ValueError) as error:
        raise type(error)(f"{top.file}: {error}") from error


def _engine(top: Section) -> str:
    try:
        return checked_engine(top.values.get("engine", LOCAL))
    except ValueError as error:
        msg = f"{top.file}: {error}"
        raise ValueError(msg) from error


def _files(top: Section, folder: Path) -> tuple[str, ...]:
    files = top.names("files")
    if not files:
        top.fail("files", 'expected the embedding tables, such as files = ["embeddings/*.parquet"]')
    if remote := [file for file in files if is_remote(file)]:
        top.fail("files", f"{remote[0]!r} is not on this machine, so changes would not be noticed")
    return tuple(_from(folder, file) for file in files)


def _from(folder: Path, file: str) -> str:
    """Return a path or pattern from a folder; only what the user wrote is a pattern."""
    return str((Path(escape(str(folder))) if has_magic(file) else folder) / file)


def _tasks(top: Section, key: str) -> tuple[str, ...] | None:
    names = top.names(key)
    if names == ():
        top.fail(key, "expected at least one task; leave the key out for all")
    return names


def _scores(top: Section) -> Mapping[str, Mapping[str, Any]]:
    found: dict[str, Mapping[str, Any]] = {}
    for name, options in _scores_named(top).items():
        try:
            score = score_settings(name, **options)["score"]
        except (ValueError, TypeError) as error:
            top.fail("scores", str(error))
        if score in found:
            top.fail("scores", f"names {score!r} more than once")
        found[score] = MappingProxyType(options)
    return MappingProxyType(found)


def _scores_named(top: Section) -> dict[str, dict[str, Any]]:
    """Return the options of each score by the name that the file gives it."""
    given = top.values.get("scores")
    if isinstance(given, dict):
        section = top.section("scores")
        return {name: dict(section.section(name).values) for name in given}
    names: Sequence[str] | None = top.names("scores")
    if names is None:
        names = DEFAULT
    elif names == ("all",):
        names = tuple(OF_ONE_TABLE)
    return {name: {} for name in names}


def _columns(section: Section) -> TableColumns:
    section.allow("model", "task", "split", "label", "embedding", "fit_split")
    unsplit = section.values.get("split") is False
    return TableColumns(
        models=(section.text("model", "model"),),
        embedding=section.text("embedding", "embedding"),
        label=section.text("label", "label"),
        task=section.text("task", "task"),
        split=None if unsplit else section.text("split", "split"),
        fit_split=section.text("fit_split", "train"),
    )


def _bound(section: Section) -> Mapping[str, Any]:
    # A head or a label map is a table, which has no place here.
    section.allow(*(name for name in BoundOptions.__annotations__ if name not in _TABLES))
    section.text("target_label", None)
    try:
        bound_settings(**section.values)
    except (ValueError, TypeError) as error:
        msg = f"{section.file}: bound.{error}"
        raise ValueError(msg) from error
    return MappingProxyType(dict(section.values))


def _curve(top: Section, bound: Mapping[str, Any]) -> Curve | None:
    section = top.section("curve").allow("source", "target", "rows", "repeats", "seed")
    if "curve" not in top.values:
        return None
    source, targets = section.text("source", None), section.names("target")
    if source is None:
        section.fail("source", "expected the task to transfer from")
    if not targets:
        section.fail("target", "expected the task to transfer to, or several")
    if source in targets:
        section.fail("target", f"{source!r} is the source too; a curve is of two tasks")
    own = {name: section.values[name] for name in ("rows", "repeats") if name in section.values}
    seed = section.values.get("seed", bound.get("seed", 0))
    try:
        draws = curve_settings(**own, seed=seed)
    except (ValueError, TypeError) as error:
        msg = f"{section.file}: curve.{error}"
        raise ValueError(msg) from error
    of_bounds = {name: value for name, value in bound.items() if name not in OWN_OPTIONS}
    return Curve(source, targets, MappingProxyType({**of_bounds, **draws}))


def _comparison(section: Section) -> Comparison:
    section.allow("k", "bootstrap", "confidence", "seed")
    given = {"k": 3, "bootstrap": 1000, "confidence": 0.95, "seed": 0, **section.values}
    try:
        selection_quality("score", "accuracy", **given)
    except (ValueError, TypeError) as error:
        msg = f"{section.file}: comparison.{error}"
        raise ValueError(msg) from error
    return Comparison(**given)


def _leaderboards(top: Section, folder: Path) -> tuple[LeaderboardFile, ...]:
    given = top.values.get("leaderboards", [])
    if not isinstance(given, list):
        top.fail("leaderboards", f"expected files, or tables [[leaderboards]], found {given!r}")
    found: dict[str, LeaderboardFile] = {}
    for place, value in enumerate(given, start=1):
        values = {"file": value} if isinstance(value, str) else value
        if not isinstance(values, dict):
            top.fail("leaderboards", f"expected a file or a table, found {value!r}")
        section = Section(top.file, f"leaderboards[{place}]", values)
        board = _leaderboard(section, folder)
        if board.name in found:
            section.fail("name", f"{board.name!r} is taken; give each leaderboard its own name")
        found[board.name] = board
    return tuple(found.values())


def _leaderboard(section: Section, folder: Path) -> LeaderboardFile:
    section.allow(
        *("file", "name", "model", "target", "accuracy", "targets", "static"),
        *("metric", "higher_is_better", "lower_is_better"),
    )
    file = _board_file(section, folder)
    options = {
        "model": section.text("model", "model"),
        "target": section.text("target", "target"),
        "accuracy": section.text("accuracy", None),
        "targets": section.names("targets"),
        "static": section.names("static") or (),
        "metric": section.names("metric"),
        "higher_is_better": section.names("higher_is_better") or (),
        "lower_is_better": section.names("lower_is_better") or (),
    }
    return LeaderboardFile(section.text("name", Path(file).stem), file, MappingProxyType(options))


def _facts(top: Section, folder: Path) -> FactsFile | None:
    given, factors = top.values.get("models"), top.names("factors") or ()
    if given is None:
        if factors:
            top.fail("factors", 'are columns of a table of the models; name it: models = "a.csv"')
        return None
    section = Section(top.file, "models", {"file": given}) if isinstance(given, str) else None
    section = (section or top.section("models")).allow("file", "model")
    file, model = _file(section, "file", folder), section.text("model", "model")
    if not factors:
        top.fail("models", 'nothing is read of it; name columns of it: factors = ["architecture"]')
    if taken := {model, "model"} & {*factors}:
        top.fail(
            "factors", f"{taken.pop()!r} is what the models' names are called; rename that column"
        )
    return FactsFile(file, model, factors)


def _matrices(top: Section) -> Matrices:
    given = top.values.get("relatedness", False)
    if given == "each model":
        return "each model"
    if not isinstance(given, bool):
        top.fail("relatedness", f"expected true, false or 'each model', found {given!r}")
    return "mean" if given else "none"


def _queries(section: Section, folder: Path) -> Mapping[str, Path]:
    for name in section.values:
        if not re.fullmatch(r"[\w-]+", name):
            section.fail(name, "is a file name of the report: use letters, digits, _ and -")
    return MappingProxyType({name: _file(section, name, folder) for name in section.values})


def _board_file(section: Section, folder: Path) -> str:
    """Return an address, a pattern that files match, or the path of a file or folder."""
    name = section.text("file", None)
    if name is not None and is_remote(name):
        return name
    if name is not None and (folder / name).is_dir():
        return str(folder / name)
    if name is not None and has_magic(name) and not (folder / name).is_file():
        pattern = _from(folder, name)
        if paths_of(pattern) != [pattern]:
            return pattern
    return str(_file(section, "file", folder))


def _file(section: Section, key: str, folder: Path) -> Path:
    name = section.text(key, None)
    if name is None:
        section.fail(key, "expected the path of a file")
    file = folder / name
    if not file.is_file():
        section.fail(key, f"no such file: '{file}'")
    return file
