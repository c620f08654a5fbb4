"""Bounds and scores, unit by unit, as far as no earlier run computed them from the same.

A unit is the bound of one model and pair of tasks, the scores of one model and target, the curve of
one model and pair, or how sure the ranking of all models of a target is. The missing ones of a
model, and of one source, are computed together; those of a ranking alone.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import asdict, dataclass

import polars as pl

from polars_transferability._report._cache import Cache, Unit
from polars_transferability._report._config import Curve, Settings
from polars_transferability._report._embedding_file import (
    EmbeddingFile,
    files_of_task,
    files_with,
    fingerprints,
    reading,
    unchanged,
)
from polars_transferability._report._inventory import Inventory, Leaderboard, Model, Query
from polars_transferability._scores.choice import POOLED, score_settings
from polars_transferability.compute.bounds import compute_bounds
from polars_transferability.compute.curve import compute_curve
from polars_transferability.compute.rank_confidence import rank_confidence
from polars_transferability.compute.scores import FACTS, compute_scores
from polars_transferability.pool import combine_pool
from polars_transferability.settings import bound_settings
from polars_transferability.tables.keys import each_key
from polars_transferability.tables.problems import (
    FAILURES,
    PROBLEMS,
    Failures,
    detached,
    part_of_a_batch,
    problem_lines,
    reasons,
    with_problems,
)


@dataclass(frozen=True, eq=False)
class Computed:
    """The results of all units, and what is made of them next.

    Attributes
    ----------
    bounds
        Of every model, source and target.
    scores
        Of every model and target; None if no score is asked for.
    curve
        Of every model that has its tasks, all draws; None if no curve is asked for.
    rank_confidence
        Of every model and target; None if it is not asked for.
    model
        Column of model names.
    files
        What was computed on, for queries over the embeddings themselves.
    leaderboards, facts, queries, settings, left_out
        As in the inventory.
    """

    bounds: pl.DataFrame
    scores: pl.DataFrame | None
    curve: pl.DataFrame | None
    rank_confidence: pl.DataFrame | None
    model: str
    files: tuple[EmbeddingFile, ...]
    leaderboards: tuple[Leaderboard, ...]
    facts: pl.DataFrame | None
    queries: tuple[Query, ...]
    settings: Settings
    left_out: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class _Step:
    """Units that are computed together.

    Attributes
    ----------
    name
        What the progress bar calls them.
    units
        By target.
    compute
        Computes those of some targets.
    types
        Of the columns that say what a unit is.
    strict
        The first failure of one of them stops the report.
    """

    name: str
    units: Mapping[str, Unit]
    compute: Callable[[list[str]], pl.DataFrame]
    types: Mapping[str, pl.DataType]
    strict: bool

    def __str__(self) -> str:
        return self.name


def compute_units(inventory: Inventory, cache: Cache, *, progress: bool) -> Computed:
    """Compute what the cache does not have."""
    return Computed(
        bounds=_all_bounds(inventory, cache, progress=progress),
        scores=_all_scores(inventory, cache, progress=progress),
        curve=_all_curves(inventory, cache, progress=progress),
        rank_confidence=_all_rank_confidence(inventory, cache, progress=progress),
        model=inventory.columns.model,
        files=inventory.files,
        leaderboards=inventory.leaderboards,
        facts=inventory.facts,
        queries=inventory.queries,
        settings=inventory.settings,
        left_out=inventory.left_out,
    )


def _all_bounds(inventory: Inventory, cache: Cache, *, progress: bool) -> pl.DataFrame:
    steps = [
        _bounds_of(inventory, model, source)
        for model in inventory.models
        for source in model.transfers
    ]
    bounds = _results(steps, "bounds", cache, progress=progress)
    _refuse_all(bounds, ["bound"])
    order = ["target", "bound", inventory.columns.model, "source"]
    return _last(bounds, PROBLEMS).sort(order, nulls_last=True)


def _all_curves(inventory: Inventory, cache: Cache, *, progress: bool) -> pl.DataFrame | None:
    if inventory.curve is None:
        return None
    models = [model for model in inventory.models if model.curves]
    steps = [_curves_of(inventory, inventory.curve, model) for model in models]
    curves = _results(steps, "curves", cache, progress=progress)
    _refuse_all(curves, ["bound"])
    order = ["target", inventory.columns.model, "rows", "repeat"]
    return _last(curves, PROBLEMS).sort(order, nulls_last=True)


def _all_scores(inventory: Inventory, cache: Cache, *, progress: bool) -> pl.DataFrame | None:
    wanted = inventory.settings.scores
    if not wanted:
        return None
    steps = [_scores_of(inventory, model) for model in inventory.models]
    scores = _results(steps, "scores", cache, progress=progress)
    _refuse_all(scores, wanted)
    combined = _combined(scores, wanted).sort("target", inventory.columns.model)
    return _last(combined, *FACTS, PROBLEMS)


def _all_rank_confidence(
    inventory: Inventory, cache: Cache, *, progress: bool
) -> pl.DataFrame | None:
    if not inventory.settings.rank_confidence:
        return None
    steps = [_rank_confidence_of(inventory, target) for target in _targets_with_results(inventory)]
    found = _results(steps, "rank confidence", cache, progress=progress)
    _refuse_all(found, ["p_best"])
    return _last(found, PROBLEMS)


def _targets_with_results(inventory: Inventory) -> list[str]:
    """Return the targets that have scores or a bound; the page has no section on any other."""
    models = inventory.models
    scored = {target for model in models for target in model.targets}
    bounded = {to for model in models for targets in model.transfers.values() for to in targets}
    return sorted(scored if inventory.settings.scores else bounded)


def _combined(scores: pl.DataFrame, wanted: Collection[str]) -> pl.DataFrame:
    """Return scores of a pool among all models; among those of its own unit one means nothing."""
    pooled = [name for name in POOLED if name in wanted]
    for name in pooled:
        fields = {f"{name}_{field}": field for field in POOLED[name]}
        parts = pl.struct(pl.col(column).alias(field) for column, field in fields.items())
        there = pl.all_horizontal(pl.col(*fields).is_not_null())
        scores = scores.with_columns(pl.when(there).then(parts).alias(name)).drop(fields)
    return combine_pool(scores) if pooled else scores


def _refuse_all(results: pl.DataFrame, values: Collection[str]) -> None:
    """Raise an error if nothing of the results could be computed."""
    Failures(strict=False, met=_failures_in(results)).refuse_all(results, values)


def _failures_in(results: pl.DataFrame) -> list[Exception]:
    return [pl.exceptions.ComputeError(line) for line in problem_lines(results)]


def _last(results: pl.DataFrame, *names: str) -> pl.DataFrame:
    """Return results with some columns behind the others; the first unit may have had few."""
    last = [name for name in names if name in results.columns]
    return results.select(pl.exclude(last), *last)


def _bounds_of(inventory: Inventory, model: Model, source: str) -> _Step:
    columns, files = inventory.columns, inventory.files
    bound, strict = inventory.settings.bound, inventory.settings.strict

    def unit(target: str) -> Unit:
        return Unit(
            {
                "what": "bound",
                "columns": asdict(columns),
                "bound": bound_settings(**bound),
                "target_label": bound.get("target_label"),
                "files": fingerprints(files_with(files, model.name, (source, target))),
                "model": repr(model.name),
                "source": source,
                "target": target,
            },
            row={columns.model: model.name, "source": source, "target": target},
        )

    def compute(targets: list[str]) -> pl.DataFrame:
        tasks = (source, *targets)
        besides = [name for name in (bound.get("target_label"),) if name is not None]
        with reading(files, columns, model.name, tasks, besides=besides) as rows:
            return compute_bounds(
                rows,
                sources=[source],
                targets=targets,
                strict=strict,
                **columns.arguments(),
                **bound,
            )

    units = {target: unit(target) for target in model.transfers[source]}
    return _Step(f"{model.name}, {source}", units, compute, inventory.types(), strict)


def _scores_of(inventory: Inventory, model: Model) -> _Step:
    columns, files = inventory.columns, inventory.files
    scores, every_score = inventory.settings.scores, inventory.settings.every_score
    strict = inventory.settings.strict

    def unit(target: str) -> Unit:
        return Unit(
            {
                "what": "scores",
                "columns": asdict(columns),
                "scores": {name: score_settings(name, **given) for name, given in scores.items()},
                "left_out": every_score,
                "files": fingerprints(files_with(files, model.name, (target,))),
                "model": repr(model.name),
                "target": target,
            },
            row={columns.model: model.name, "target": target},
        )

    def compute(targets: list[str]) -> pl.DataFrame:
        chosen = "all" if every_score else scores
        with reading(files, columns, model.name, targets) as rows:
            return compute_scores(
                rows,
                targets=targets,
                scores=chosen,
                strict=strict,
                **columns.arguments(),
            )

    units = {target: unit(target) for target in model.targets}
    return _Step(f"scores of {model.name}", units, compute, inventory.types(), strict)


def _curves_of(inventory: Inventory, curve: Curve, model: Model) -> _Step:
    columns, files = inventory.columns, inventory.files
    source, strict = curve.source, inventory.settings.strict
    target_label = curve.options.get("target_label")

    def unit(target: str) -> Unit:
        return Unit(
            {
                "what": "curve",
                "columns": asdict(columns),
                "options": dict(curve.options),
                "files": fingerprints(files_with(files, model.name, (source, target))),
                "model": repr(model.name),
                "source": source,
                "target": target,
            },
            row={columns.model: model.name, "source": source, "target": target},
            rows=len(curve.options["rows"]) * curve.options["repeats"],
        )

    def compute(targets: list[str]) -> pl.DataFrame:
        besides = [] if target_label is None else [target_label]
        with reading(files, columns, model.name, (source, *targets), besides=besides) as rows:
            curves = [
                compute_curve(
                    rows,
                    source=source,
                    target=target,
                    strict=strict,
                    **columns.arguments(),
                    **curve.options,
                )
                for target in targets
            ]
        return pl.concat(curves, how="diagonal_relaxed")

    units = {target: unit(target) for target in model.curves}
    return _Step(f"curve of {model.name}", units, compute, inventory.types(), strict)


def _rank_confidence_of(inventory: Inventory, target: str) -> _Step:
    columns, strict, types = inventory.columns, inventory.settings.strict, inventory.types()
    files = files_of_task(inventory.files, target)
    models = [model.name for model in inventory.models if target in model.targets]
    unit = Unit(
        {
            "what": "rank confidence",
            "columns": asdict(columns),
            "files": fingerprints(files),
            "models": sorted(map(repr, models)),
            "target": target,
        },
        row={"target": target},
        rows=len(models),
    )

    def compute(targets: list[str]) -> pl.DataFrame:
        with unchanged(files):
            found = rank_confidence(
                [file.table.name for file in files], targets=targets, **columns.arguments()
            )
        # The files may also hold models that have no rows of the target.
        names = pl.Series(models, dtype=types[columns.model])
        name = pl.col(columns.model).cast(names.dtype)
        of_models = found.with_columns(name).filter(name.is_in(names.implode()))
        if strict and (failures := _failures_in(of_models)):
            raise failures[0]
        return of_models

    return _Step(f"ranking on {target}", {target: unit}, compute, types, strict)


def _results(steps: list[_Step], what: str, cache: Cache, *, progress: bool) -> pl.DataFrame:
    with each_key(steps, what, progress=progress) as running:
        parts = [result for step in running for result in _results_of(step, cache)]
    # Of all scores, each table has those that it has columns for.
    return pl.concat(parts, how="diagonal_relaxed")


def _results_of(step: _Step, cache: Cache) -> list[pl.DataFrame]:
    """Return the result of each target; those that are not in the cache are computed together."""
    found = {target: cache.read(unit) for target, unit in step.units.items()}
    missing = [target for target, result in found.items() if result is None]
    computed = _computed(step, missing) if missing else pl.DataFrame()
    for target in missing:
        unit, result = step.units[target], computed.filter(pl.col("target") == target)
        if not with_problems(result).is_empty():
            cache.fail(unit)
        elif unit.is_result(result):
            cache.write(unit, result)
        else:
            rows = f"expected {unit.rows} rows, found {result.height}"
            msg = f"{unit.row}: {rows}; please report it"
            raise pl.exceptions.ComputeError(msg)
        found[target] = result
    return [result for result in found.values() if result is not None]


def _computed(step: _Step, targets: list[str]) -> pl.DataFrame:
    """Return the results of some targets: together or, where rows cannot be read, each alone."""
    try:
        with part_of_a_batch():
            return step.compute(targets)
    except FAILURES as error:
        if step.strict:
            raise
        failure = detached(error)
    if len(targets) > 1:
        alone = [_computed(step, [target]) for target in targets]
        return pl.concat(alone, how="diagonal_relaxed")
    (target,) = targets
    row = {**(step.units[target].row or {}), PROBLEMS: reasons([failure])}
    return pl.DataFrame([row], schema_overrides=step.types)
