"""Bounds and scores, unit by unit, as far as no earlier run computed them from the same.

A unit is the bound of one model and pair of tasks, the scores of one model and target, the curve of
one model and pair, or how sure the ranking of all models of a target is. The missing ones of a
model, and of one source, are computed together; those of a ranking alone. On a cluster each unit is
computed by itself, but for scores, of which a model's are; only the process that makes the report
reads and writes the cache.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from itertools import chain

import polars as pl

from polars_transferability._report._cache import Cache, Unit
from polars_transferability._report._config import Curve, Settings
from polars_transferability._report._embedding_file import (
    EmbeddingFile,
    files_of_model,
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
from polars_transferability.compute.engine import Cluster, WorkerLostError
from polars_transferability.compute.rank_confidence import rank_confidence
from polars_transferability.compute.scores import FACTS, compute_scores
from polars_transferability.pool import combine_pool
from polars_transferability.settings import bound_settings
from polars_transferability.tables.keys import each_key
from polars_transferability.tables.memory import memory_of
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
    apart
        Each target alone has what it has with the others, so a cluster may compute them apart.
    """

    name: str
    units: Mapping[str, Unit]
    compute: Callable[[list[str]], pl.DataFrame]
    types: Mapping[str, pl.DataType]
    strict: bool
    apart: bool

    def __str__(self) -> str:
        return self.name

    def only(self, targets: Collection[str]) -> _Step:
        """Return the step with the units of some targets only."""
        return replace(self, units={target: self.units[target] for target in targets})

    def shares(self, targets: list[str], cluster: Cluster | None) -> list[_Step]:
        """Return steps of some targets, each of which one process computes."""
        if cluster is None or not self.apart:
            return [self.only(targets)] if targets else []
        return [replace(self.only([target]), name=f"{self.name} to {target}") for target in targets]


@dataclass(frozen=True)
class Run:
    """How a report is computed: what earlier runs have kept, who computes the rest, and a bar.

    Attributes
    ----------
    cluster
        None: the process itself computes.
    """

    cache: Cache
    cluster: Cluster | None
    progress: bool

    def map(
        self, function: Callable[[_Step], pl.DataFrame], steps: Iterable[_Step]
    ) -> Iterator[pl.DataFrame | WorkerLostError]:
        """Yield what the function returns for each step, in order."""
        if self.cluster is None:
            return map(function, steps)
        return self.cluster.map(function, steps, name=str)


def compute_units(inventory: Inventory, run: Run) -> Computed:
    """Compute what the cache does not have."""
    return Computed(
        bounds=_all_bounds(inventory, run),
        scores=_all_scores(inventory, run),
        curve=_all_curves(inventory, run),
        rank_confidence=_all_rank_confidence(inventory, run),
        model=inventory.columns.model,
        files=inventory.files,
        leaderboards=inventory.leaderboards,
        facts=inventory.facts,
        queries=inventory.queries,
        settings=inventory.settings,
        left_out=inventory.left_out,
    )


def _all_bounds(inventory: Inventory, run: Run) -> pl.DataFrame:
    steps = [
        _bounds_of(inventory, model, source)
        for model in inventory.models
        for source in model.transfers
    ]
    bounds = _results(steps, "bounds", run)
    _refuse_all(bounds, ["bound"])
    order = ["target", "bound", inventory.columns.model, "source"]
    return _last(bounds, PROBLEMS).sort(order, nulls_last=True)


def _all_curves(inventory: Inventory, run: Run) -> pl.DataFrame | None:
    if inventory.curve is None:
        return None
    models = [model for model in inventory.models if model.curves]
    steps = [_curves_of(inventory, inventory.curve, model) for model in models]
    curves = _results(steps, "curves", run)
    _refuse_all(curves, ["bound"])
    order = ["target", inventory.columns.model, "rows", "repeat"]
    return _last(curves, PROBLEMS).sort(order, nulls_last=True)


def _all_scores(inventory: Inventory, run: Run) -> pl.DataFrame | None:
    wanted = inventory.settings.scores
    if not wanted:
        return None
    steps = [_scores_of(inventory, model) for model in inventory.models]
    scores = _results(steps, "scores", run)
    _refuse_all(scores, wanted)
    combined = _combined(scores, wanted).sort("target", inventory.columns.model)
    return _last(combined, *FACTS, PROBLEMS)


def _all_rank_confidence(inventory: Inventory, run: Run) -> pl.DataFrame | None:
    if not inventory.settings.rank_confidence:
        return None
    steps = [_rank_confidence_of(inventory, target) for target in _targets_with_results(inventory)]
    found = _results(steps, "rank confidence", run)
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
    # A worker of a cluster is sent `compute`, so that refers to no more than it needs.
    columns, model_name = inventory.columns, model.name
    files = files_of_model(inventory.files, model_name)
    bound, strict = dict(inventory.settings.bound), inventory.settings.strict
    memory = inventory.settings.memory

    def unit(target: str) -> Unit:
        return Unit(
            {
                "what": "bound",
                "columns": asdict(columns),
                "bound": bound_settings(**bound),
                "target_label": bound.get("target_label"),
                "files": fingerprints(files_with(files, model_name, (source, target))),
                "model": repr(model_name),
                "source": source,
                "target": target,
                **_stated(memory),
            },
            row={columns.model: model_name, "source": source, "target": target},
        )

    def compute(targets: list[str]) -> pl.DataFrame:
        tasks = (source, *targets)
        besides = [name for name in (bound.get("target_label"),) if name is not None]
        most = memory_of(memory)
        with reading(files, columns, model_name, tasks, besides=besides, memory=most) as rows:
            return compute_bounds(
                rows,
                sources=[source],
                targets=targets,
                strict=strict,
                memory=memory,
                **columns.arguments(),
                **bound,
            )

    units = {target: unit(target) for target in model.transfers[source]}
    types = inventory.types()
    return _Step(f"{model_name}, {source}", units, compute, types, strict, apart=True)


def _stated(memory: str | None) -> dict[str, str]:
    """Return what a unit is known by besides, if a description says how much memory there is."""
    return {} if memory is None else {"memory": memory}


def _scores_of(inventory: Inventory, model: Model) -> _Step:
    columns, model_name = inventory.columns, model.name
    files = files_of_model(inventory.files, model_name)
    scores = {name: dict(options) for name, options in inventory.settings.scores.items()}
    every_score = inventory.settings.every_score
    strict, memory = inventory.settings.strict, inventory.settings.memory

    def unit(target: str) -> Unit:
        return Unit(
            {
                "what": "scores",
                "columns": asdict(columns),
                "scores": {name: score_settings(name, **given) for name, given in scores.items()},
                "left_out": every_score,
                "files": fingerprints(files_with(files, model_name, (target,))),
                "model": repr(model_name),
                "target": target,
                **_stated(memory),
            },
            row={columns.model: model_name, "target": target},
        )

    def compute(targets: list[str]) -> pl.DataFrame:
        chosen = "all" if every_score else scores
        with reading(files, columns, model_name, targets, memory=memory_of(memory)) as rows:
            return compute_scores(
                rows,
                targets=targets,
                scores=chosen,
                strict=strict,
                memory=memory,
                **columns.arguments(),
            )

    units = {target: unit(target) for target in model.targets}
    # Targets are scored by the outputs of the source model that the files of all of them have.
    types = inventory.types()
    return _Step(f"scores of {model_name}", units, compute, types, strict, apart=False)


def _curves_of(inventory: Inventory, curve: Curve, model: Model) -> _Step:
    columns, model_name = inventory.columns, model.name
    files = files_of_model(inventory.files, model_name)
    options, source, strict = dict(curve.options), curve.source, inventory.settings.strict
    target_label = options.get("target_label")

    def unit(target: str) -> Unit:
        return Unit(
            {
                "what": "curve",
                "columns": asdict(columns),
                "options": options,
                "files": fingerprints(files_with(files, model_name, (source, target))),
                "model": repr(model_name),
                "source": source,
                "target": target,
            },
            row={columns.model: model_name, "source": source, "target": target},
            rows=len(options["rows"]) * options["repeats"],
        )

    def compute(targets: list[str]) -> pl.DataFrame:
        besides = [] if target_label is None else [target_label]
        with reading(files, columns, model_name, (source, *targets), besides=besides) as rows:
            curves = [
                compute_curve(
                    rows,
                    source=source,
                    target=target,
                    strict=strict,
                    **columns.arguments(),
                    **options,
                )
                for target in targets
            ]
        return pl.concat(curves, how="diagonal_relaxed")

    units = {target: unit(target) for target in model.curves}
    types = inventory.types()
    return _Step(f"curve of {model_name}", units, compute, types, strict, apart=True)


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

    return _Step(f"ranking on {target}", {target: unit}, compute, types, strict, apart=True)


def _results(steps: list[_Step], what: str, run: Run) -> pl.DataFrame:
    """Return the results of all units: those of the cache, the others computed and put there."""
    kept = [{target: run.cache.read(unit) for target, unit in s.units.items()} for s in steps]
    missing = [
        step.shares([target for target, result in found.items() if result is None], run.cluster)
        for step, found in zip(steps, kept, strict=True)
    ]
    computed = run.map(_computed, chain.from_iterable(missing))
    results: list[pl.DataFrame] = []
    with each_key(steps, what, progress=run.progress) as running:
        for _, found, of_step in zip(running, kept, missing, strict=True):
            for share in of_step:
                found |= _kept(share, next(computed), run.cache)
            results += [result for result in found.values() if result is not None]
    # Of all scores, each table has those that it has columns for.
    return pl.concat(results, how="diagonal_relaxed")


def _kept(
    step: _Step, computed: pl.DataFrame | WorkerLostError, cache: Cache
) -> dict[str, pl.DataFrame]:
    """Return the result of each target, put into the cache if nothing is wrong with it."""
    if isinstance(computed, WorkerLostError):
        computed = _failed(step, computed)
    found = {}
    for target, unit in step.units.items():
        result = computed.filter(pl.col("target") == target)
        if not with_problems(result).is_empty():
            cache.fail(unit)
        elif unit.is_result(result):
            cache.write(unit, result)
        else:
            rows = f"expected {unit.rows} rows, found {result.height}"
            msg = f"{unit.row}: {rows}; please report it"
            raise pl.exceptions.ComputeError(msg)
        found[target] = result
    return found


def _computed(step: _Step) -> pl.DataFrame:
    """Return the results of a step: together or, where rows cannot be read, each target alone."""
    targets = list(step.units)
    try:
        with part_of_a_batch():
            return step.compute(targets)
    except FAILURES as error:
        if step.strict:
            raise
        failure = detached(error)
    if len(targets) > 1:
        alone = [_computed(step.only([target])) for target in targets]
        return pl.concat(alone, how="diagonal_relaxed")
    return _failed(step, failure)


def _failed(step: _Step, failure: Exception) -> pl.DataFrame:
    """Return what stands for the results of a step that failed; if it is strict, raise."""
    if step.strict:
        raise failure
    rows = [{**(unit.row or {}), PROBLEMS: reasons([failure])} for unit in step.units.values()]
    return pl.DataFrame(rows, schema_overrides=step.types)
