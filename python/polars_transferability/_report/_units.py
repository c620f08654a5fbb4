"""Bounds and scores, unit by unit, as far as no earlier run computed them from the same.

A unit is the bound of one model and pair of tasks, or the scores of one model and target. The
missing ones of a model, and of one source, are computed together.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import cache as computed_once
from hashlib import sha256
from importlib.metadata import version
from pathlib import Path
from typing import Any

import polars as pl

from polars_transferability._report._cache import Cache, Unit
from polars_transferability._report._config import ReportConfig
from polars_transferability._report._inventory import Inventory, pairs_of_tasks
from polars_transferability._scores.choice import POOLED, score_settings
from polars_transferability.compute.bounds import compute_bounds
from polars_transferability.compute.scores import compute_scores
from polars_transferability.pool import combine_pool
from polars_transferability.settings import bound_settings
from polars_transferability.tables.keys import each_key


@dataclass(frozen=True)
class _Step:
    model: object
    source: str | None
    targets: list[str]

    def __str__(self) -> str:
        return f"scores of {self.model}" if self.source is None else f"{self.model}, {self.source}"


def all_bounds(
    config: ReportConfig, inventory: Inventory, cache: Cache, *, progress: bool
) -> pl.DataFrame:
    """Return the bounds of every model, source and target."""
    pairs = pairs_of_tasks(inventory, config.sources, config.targets)
    steps = [
        _Step(model, source, targets)
        for model, by_source in pairs.items()
        for source, targets in by_source.items()
    ]
    parts: list[pl.DataFrame] = []
    with each_key(steps, "bounds", progress=progress) as running:
        for step in running:
            parts += _bounds(config, inventory, cache, step)
    order = ["target", "bound", config.columns.model, "source"]
    return pl.concat(parts, how="vertical_relaxed").sort(order)


def all_scores(
    config: ReportConfig, inventory: Inventory, cache: Cache, *, progress: bool
) -> pl.DataFrame | None:
    """Return the scores of every model and target; None if no score is asked for."""
    if not config.scores:
        return None
    wanted = config.targets
    steps = [
        _Step(model, None, [task for task in tasks if wanted is None or task in wanted])
        for model, tasks in inventory.tasks.items()
    ]
    parts: list[pl.DataFrame] = []
    with each_key(steps, "scores", progress=progress) as running:
        for step in running:
            parts += _scores(config, inventory, cache, step)
    # Of all scores, each table has those that it has columns for.
    scores = pl.concat(parts, how="diagonal_relaxed")
    for name, fields in POOLED.items():
        if name in config.scores:
            # Among the models of its own unit a score means nothing.
            columns = [f"{name}_{field}" for field in fields]
            parts_of_it = pl.struct(
                pl.col(column).alias(f) for column, f in zip(columns, fields, strict=True)
            )
            scores = scores.with_columns(parts_of_it.alias(name)).drop(columns)
    if any(name in config.scores for name in POOLED):
        scores = combine_pool(scores)
    return scores.sort("target", config.columns.model)


def settings_of(config: ReportConfig) -> dict[str, Any]:
    """Return what every result depends on but files and tasks, defaults written out."""
    return {
        "version": [version("polars-transferability"), _code(), pl.__version__],
        "columns": asdict(config.columns),
        "bound": bound_settings(**config.bound),
        "scores": {
            name: score_settings(name, **options) for name, options in config.scores.items()
        },
    }


@computed_once
def _code() -> str:
    """Return a hash of this package: versions under development differ under one number."""
    folder = Path(__file__).parent.parent
    digest = sha256()
    for file in sorted([*folder.rglob("*.py"), *folder.glob("_internal*")]):
        digest.update(file.read_bytes())
    return digest.hexdigest()


def _bounds(
    config: ReportConfig, inventory: Inventory, cache: Cache, step: _Step
) -> list[pl.DataFrame]:
    source = step.source
    assert source is not None
    settings = settings_of(config)
    units = {
        target: Unit(
            {
                "what": "bound",
                **{name: settings[name] for name in ("version", "columns", "bound")},
                "files": inventory.fingerprints(step.model, (source, target)),
                "model": repr(step.model),
                "source": source,
                "target": target,
            },
            row={config.columns.model: step.model, "source": source, "target": target},
        )
        for target in step.targets
    }

    def compute(targets: list[str]) -> pl.DataFrame:
        with inventory.reading(step.model, (source, *targets)) as rows:
            return compute_bounds(
                rows, sources=[source], targets=targets, **_columns(config), **config.bound
            )

    return _by_target(cache, units, compute)


def _scores(
    config: ReportConfig, inventory: Inventory, cache: Cache, step: _Step
) -> list[pl.DataFrame]:
    settings = settings_of(config)
    units = {
        target: Unit(
            {
                "what": "scores",
                **{name: settings[name] for name in ("version", "columns", "scores")},
                "left_out": config.every_score,
                "files": inventory.fingerprints(step.model, (target,)),
                "model": repr(step.model),
                "target": target,
            },
            row={config.columns.model: step.model, "target": target},
        )
        for target in step.targets
    }

    def compute(targets: list[str]) -> pl.DataFrame:
        which = "all" if config.every_score else config.scores
        with inventory.reading(step.model, targets) as rows:
            return compute_scores(rows, targets=targets, which=which, **_columns(config))

    return _by_target(cache, units, compute)


def _by_target(
    cache: Cache,
    units: dict[str, Unit],
    compute: Callable[[list[str]], pl.DataFrame],
) -> list[pl.DataFrame]:
    """Return the result of each target; those that are not in the cache are computed together."""
    found = {target: cache.read(unit) for target, unit in units.items()}
    missing = [target for target, result in found.items() if result is None]
    computed = compute(missing) if missing else pl.DataFrame()
    for target in missing:
        result = computed.filter(pl.col("target") == target)
        if not units[target].is_result(result):
            msg = f"{units[target].row}: expected one row, found {result.height}; please report it"
            raise pl.exceptions.ComputeError(msg)
        cache.write(units[target], result)
        found[target] = result
    return [result for result in found.values() if result is not None]


def _columns(config: ReportConfig) -> dict[str, Any]:
    columns = config.columns
    return {
        "by": columns.model,
        "task": columns.task,
        "embedding": columns.embedding,
        "label": columns.label,
        "fit": columns.fit(),
    }
