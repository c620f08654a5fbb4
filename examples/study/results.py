"""Bounds and scores of a zoo, which several scripts of the study look at."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import polars_transferability as pt
from zoo import Zoo, kept

# Of bounds against clusters and of scores of two tasks, so many sources are tried, not all.
SOURCES = 3
# Distances between tasks move at most so many rows a side.
MOST_ROWS = 500


def bounds(zoo: Zoo, domain: str, **options: Any) -> pl.DataFrame:
    """Return the bounds of every model of a domain, from every task to every other."""

    def of_model(file: Path) -> pl.DataFrame:
        return kept("bounds", [file], options, lambda: pt.compute_bounds(file, **options))

    return pl.concat(of_model(file) for file in zoo.files(domain)).drop("by_class", "problems")


def scores(zoo: Zoo, domain: str) -> pl.DataFrame:
    """Return all scores of every model on every task of a domain that its tables have columns for.

    The models are scored together, because some scores depend on which others there are.
    """
    files = zoo.files(domain)
    found = kept("scores", files, {}, lambda: pt.compute_scores(files, scores="all"))
    empty = [name for name in found.columns if found[name].null_count() == found.height]
    return found.drop("problems", *empty)


def scores_of_two_tasks(zoo: Zoo, domain: str) -> pl.DataFrame:
    """Return the scores of every model from some sources to every target.

    Distances are as large as the features are spread out, which says nothing of a model. So they
    are taken in units of the spread of the model's rows, or, for `s_otdd`, of one feature.
    """
    sources = zoo.tasks(domain)["task"].head(SOURCES).to_list()

    def of_model(file: Path) -> pl.DataFrame:
        return kept("scores-of-two-tasks", [file], sources, lambda: _of_two_tasks(file, sources))

    return pl.concat(of_model(file) for file in zoo.files(domain))


def _of_two_tasks(file: Path, sources: list[str]) -> pl.DataFrame:
    rows = pl.read_parquet(file)
    features = rows["embedding"].to_numpy().astype(np.float64)
    features -= features.mean(axis=0)
    variances = features.var(axis=0)

    def scored(unit: float, scores: dict[str, dict[str, Any]]) -> pl.DataFrame:
        scaled = pl.Series(features / np.sqrt(unit), dtype=rows.schema["embedding"])
        table = rows.with_columns(embedding=scaled)
        found = pt.compute_scores(table, sources=sources, scores=scores)
        return found.select("model", "source", "target", *scores)

    capped = {name: {"max_rows": MOST_ROWS} for name in ("ot_nce", "otdd", "tetot")}
    of_rows, of_features = scored(variances.sum(), capped), scored(variances.mean(), {"s_otdd": {}})
    return of_rows.join(of_features, on=["model", "source", "target"], maintain_order="left")


def rank_confidence(zoo: Zoo, domain: str) -> pl.DataFrame:
    """Return how sure the rank of each model by kNN is, for each target of a domain."""
    files = zoo.files(domain)
    return kept("rank-confidence", files, {}, lambda: pt.rank_confidence(files))
