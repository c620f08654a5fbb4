"""The tables that a query reads: those given, and those made from them when a query reads them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import cache
from os import PathLike, fspath
from typing import TypeAlias, TypeGuard

import polars as pl
from polars.io.plugins import register_io_source

from polars_transferability._door import SQL, through
from polars_transferability.bound import transfer_bounds
from polars_transferability.compute.bounds import compute_bounds
from polars_transferability.compute.scores import compute_scores
from polars_transferability.leaderboard.compare import compare
from polars_transferability.leaderboard.join import join_leaderboard
from polars_transferability.tables.keys import TRAIN_ROWS
from polars_transferability.tables.problems import PROBLEMS
from polars_transferability.tables.table import Paths, of_one_type, open_tables

Source: TypeAlias = "pl.DataFrame | pl.LazyFrame | Paths"
# Opens a table when a query reads it.
Opener: TypeAlias = "Callable[[], pl.LazyFrame]"

_KEY = ["model", "target"]
# How reading fails. Polars panics at some damaged files; its panic is no Exception.
FAILURES = (pl.exceptions.PolarsError, pl.exceptions.PanicException, OSError)


def open_sources(sources: Mapping[str, Source]) -> dict[str, Opener]:
    """Return what opens each table, each at most once; a table that is given hides a ready-made."""
    ready = {
        "bounds": lambda: _bounds(sources),
        "scores": lambda: _scores(sources),
        "selection_quality": lambda: _selection_quality(tables),
    }
    given = {name: _opener(source) for name, source in sources.items()}
    tables: dict[str, Opener] = {
        name: cache(through(SQL)(opener)) for name, opener in {**given, **ready, **given}.items()
    }
    return tables


def _opener(source: Source) -> Opener:
    return lambda: _open(source)


def _is_csv(source: Source) -> TypeGuard[str | PathLike[str]]:
    return isinstance(source, (str, PathLike)) and fspath(source).endswith(".csv")


def _open(source: Source) -> pl.LazyFrame:
    if _is_csv(source):
        return pl.scan_csv(fspath(source), infer_schema_length=None)
    # A column that some files lack is null in their rows.
    tables = of_one_type(open_tables(source))
    return pl.concat([table.rows for table in tables], how="diagonal_relaxed")


def unreadable(sources: Mapping[str, Source]) -> str | None:
    """Return the first file of the tables whose rows cannot be read, and why."""
    for name, source in sources.items():
        if isinstance(source, (pl.DataFrame, pl.LazyFrame)):
            continue
        for file, rows in _files(source):
            try:
                rows.collect()
            except FAILURES as error:
                reason = str(error).partition("\n")[0]
                return f"table {name}: {file}: its rows cannot be read: {reason}"
    return None


def _files(source: Paths) -> Iterator[tuple[str, pl.LazyFrame]]:
    if _is_csv(source):
        yield str(source), _open(source)
    else:
        yield from ((table.name, table.rows) for table in open_tables(source))


def _embeddings(sources: Mapping[str, Source]) -> tuple[Source, pl.Expr | None]:
    """Return the embeddings and what says which of their rows to fit on."""
    if "embeddings" not in sources:
        msg = "is made from a table named embeddings, which is not given"
        raise ValueError(msg)
    rows = sources["embeddings"]
    return rows, TRAIN_ROWS if "split" in open_tables(rows)[0].schema() else None


def _bounds(sources: Mapping[str, Source]) -> pl.LazyFrame:
    """Return the bounds as a table that computes those of the pairs that a query asks for."""
    given, fit = _embeddings(sources)
    rows = _open(given)
    pair = transfer_bounds("embedding", "label", "task", fit=fit).alias("pair")
    schema = rows.group_by("model").agg(pair).explode("pair").unnest("pair").collect_schema()
    tasks = rows.select("model", source=pl.col("task").cast(pl.String)).unique(maintain_order=True)

    @cache
    def of_model(model: object, sources: tuple[str, ...], targets: tuple[str, ...]) -> pl.DataFrame:
        own = rows.filter(pl.col("model").eq_missing(pl.lit(model, dtype=schema["model"])))
        found = compute_bounds(own, fit=fit, sources=sources, targets=targets, strict=True)
        return found.drop(PROBLEMS)  # A query stops at the first.

    def read(
        columns: list[str] | None, condition: pl.Expr | None, first: int | None, _: int | None
    ) -> Iterator[pl.DataFrame]:
        as_targets = tasks.rename({"source": "target"})
        pairs = tasks.join(as_targets, on="model", nulls_equal=True, maintain_order="left_right")
        wanted = pairs.filter(pl.col("source") != pl.col("target")).collect()
        # Only a condition on these is known before a bound is computed.
        if condition is not None and {*condition.meta.root_names()} <= {*wanted.columns}:
            wanted = wanted.filter(condition)
        found = [
            of_model(model, *(tuple(of[side].unique().sort()) for side in ("source", "target")))
            for (model,), of in wanted.group_by("model", maintain_order=True)
        ]
        bounds = pl.concat([schema.to_frame(), *found])
        kept = bounds if condition is None else bounds.filter(condition)
        yield kept.select(columns or kept.columns).head(kept.height if first is None else first)

    return register_io_source(read, schema=schema)


def _scores(sources: Mapping[str, Source]) -> pl.LazyFrame:
    rows, fit = _embeddings(sources)
    return compute_scores(rows, fit=fit, strict=True).drop(PROBLEMS).lazy()


def _selection_quality(tables: Mapping[str, Opener]) -> pl.LazyFrame:
    """Return how well scores and bounds rank the models of each target, and trivial rankers."""
    if "leaderboard" not in tables:
        msg = "is made from tables embeddings and leaderboard; leaderboard is not given"
        raise ValueError(msg)
    # Each bound holds for certain, so the lowest of a model does.
    lowest = tables["bounds"]().group_by(_KEY).agg(pl.col("bound").min())
    rows = tables["scores"]().join(lowest, on=_KEY, how="left", maintain_order="left")
    joined = join_leaderboard(rows, tables["leaderboard"]())
    names = [name for name, dtype in rows.collect_schema().items() if dtype == pl.Float64]
    return compare(joined, scores=names).lazy()
