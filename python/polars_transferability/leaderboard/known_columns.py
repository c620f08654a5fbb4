"""Columns of published leaderboards by name: which hold models, targets, accuracies and the rest.

Names are given as `letters` spells them, without case and punctuation.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

import polars as pl

from polars_transferability._arguments import letters

# What stands in for a column "model": of the Open LLM Leaderboard `fullname` comes before `Model`,
# which holds links; `model_name` is MTEB's.
_MODELS = ("fullname", "modelname", "modelid", "model")
# What stands in for a column "target": a corpus that has `task` beside `dataset` names the kind of
# task by it; `task_name` and `mteb_dataset_name` are MTEB's.
_TARGETS = ("target", "dataset", "datasetname", "mtebdatasetname", "taskname", "task", "benchmark")
# Columns of one accuracy a row where a long leaderboard has several columns of numbers.
_VALUES = ("mainscore", "score", "value", "metricvalue")
_METRICS = ("metric", "metricname")

# Numbers that say something of a model, and are neither accuracies nor the names of targets.
_ABOUT_MODELS = {
    # Sizes and costs.
    *("params", "paramsb", "paramsm", "paramcount", "parameters", "parametersb", "parametersm"),
    *("nparams", "nparameters", "numparams", "numparameters", "numberofparameters"),
    *("numberofparametersb", "numberofparametersm", "modelsize", "modelsizeb", "modelsizem"),
    *("memoryusagemb", "memoryusagegb", "memoryconsumption", "embeddingdimensions", "embeddim"),
    *("embeddingdimension", "maxtokens", "gmacs", "macts", "flops", "co₂costkg", "co2costkg"),
    *("imgsize", "croppct", "evaluationtime", "kgco2emissions"),
    # What is made of accuracies.
    *("average", "mean", "meantask", "meantasktype", "rank", "rankborda", "zeroshot"),
    *("top1diff", "top5diff", "rankdiff", "top1err", "top5err"),
    # What else is counted.
    *("hub", "generation", "numberoflabels", "downloads", "likes", "year"),
}
# Text, truth values and dates that say where a model comes from and how it was run.
_TEXT_ABOUT_MODELS = {
    *("evalname", "precision", "type", "t", "weighttype", "architecture", "architectures"),
    *("model", "modelname", "modelid", "fullname", "modelsha", "modeltype", "modelfamily"),
    *("revision", "modelrevision", "hublicense", "license", "availableonthehub", "moe"),
    *("flagged", "chattemplate", "merged", "officialproviders", "uploadtohubdate"),
    *("submissiondate", "basemodel", "modellink", "modellinks", "releasedate", "labels"),
    *("interpolation", "mtebversion"),
}
# How a model was run, of which a leaderboard may have several ways.
_SETTINGS = {
    *("imgsize", "croppct", "interpolation", "precision", "modelsha", "revision", "modelrevision"),
    *("chattemplate", "weighttype", "submissiondate", "evalname"),
}
# Columns of a table that name a metric, and so no target.
_OF_ONE_TARGET = ("top1", "accuracy", "acc", "mainscore", "score")


def model_column(given: str, columns: Sequence[str]) -> str:
    """Return the column of models: the one that is given, or else one that is known by name.

    Examples
    --------
    >>> model_column("model", ["Model", "fullname", "IFEval"])
    'fullname'
    """
    return given if given in columns or given != "model" else _first(_MODELS, columns) or given


def target_column(given: str, schema: pl.Schema) -> str:
    """Return the column of targets likewise. A column of numbers is none but by its given name.

    Examples
    --------
    >>> target_column("target", pl.Schema({"task": pl.String(), "dataset": pl.String()}))
    'dataset'
    """
    named = [name for name, dtype in schema.items() if not dtype.is_numeric()]
    return given if given in schema or given != "target" else _first(_TARGETS, named) or given


def value_column(columns: Sequence[str]) -> str | None:
    """Return the column of accuracies of a long leaderboard, if one is known by name."""
    return _first(_VALUES, columns)


def has_main_score(columns: Sequence[str]) -> bool:
    """Return whether there is the column in which MTEB repeats the main one of its metrics."""
    return _first(["mainscore"], columns) is not None


def metric_column(columns: Sequence[str]) -> str | None:
    """Return the column that says which metric the accuracy of a row is, if there is one."""
    return _first(_METRICS, columns)


def are_metrics(columns: Sequence[str]) -> bool:
    """Return whether columns of numbers are metrics of one target, and no targets."""
    return _first(_OF_ONE_TARGET, columns) is not None


def is_about_models(column: str, columns: Collection[str]) -> bool:
    """Return whether a column of numbers is known to hold no accuracies.

    Of two columns `BBH` and `BBH Raw`, the second has the same accuracies before they were scaled.

    Examples
    --------
    >>> [is_about_models(name, ["BBH", "BBH Raw"]) for name in ("#Params (B)", "BBH", "BBH Raw")]
    [True, False, True]
    """
    name = letters(column)
    return name in _ABOUT_MODELS or column.removesuffix(" Raw") in {*columns} - {column}


def is_text_about_models(column: str) -> bool:
    """Return whether a column of text is known to say something of a model."""
    return letters(column) in _TEXT_ABOUT_MODELS | _ABOUT_MODELS


def is_setting(column: str) -> bool:
    """Return whether a column is known to say how a model was run."""
    return letters(column) in _SETTINGS


def _first(known: Sequence[str], columns: Sequence[str]) -> str | None:
    spelled = {letters(column): column for column in reversed(columns)}
    return next((spelled[name] for name in known if name in spelled), None)
