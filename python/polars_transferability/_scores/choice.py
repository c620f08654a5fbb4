"""Which scores are asked for, and with which options; and lists that the catalogue gives."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

from polars_transferability._arguments import near_name
from polars_transferability._scores import one_table, two_tasks
from polars_transferability._scores.catalogue import (
    Better,
    Default,
    Inputs,
    catalogue,
    settings_of,
)

ScoreChoice: TypeAlias = "str | Sequence[str] | Mapping[str, Mapping[str, Any]]"

# The functions of all scores. Importing their modules has put their rows into the catalogue.
FUNCTIONS = (*one_table.__all__, *two_tasks.__all__)

CATALOGUE = catalogue()
OF_TWO_TASKS = {row.name: row for row in CATALOGUE if row.inputs is Inputs.TWO_TASKS}
OF_ONE_TABLE = {row.name: row for row in CATALOGUE if row.name not in OF_TWO_TASKS}
DEFAULT = tuple(row.name for row in CATALOGUE if row.by_default)
# Scores of two tasks that can be computed by their names alone.
NAMED_OF_TWO_TASKS = tuple(
    name
    for name, row in OF_TWO_TASKS.items()
    if all(setting.default is not Default.NONE for setting in row.settings.values())
)
# All that can be computed by their names alone.
NAMES = (*OF_ONE_TABLE, *NAMED_OF_TWO_TASKS)
# Scores that are numbers only among the models of a pool, and their fields.
POOLED = {row.name: tuple(row.fields) for row in CATALOGUE if row.pooled}
# Scores that stay structs, and their fields.
STRUCTS = {row.name: tuple(row.fields) for row in CATALOGUE if row.fields and not row.pooled}
# Columns that have a field of such a struct of which higher is better.
RANKING_FIELDS = tuple(
    f"{row.name}_{name}"
    for row in CATALOGUE
    for name, better in row.fields.items()
    if better is Better.HIGHER and not row.pooled
)
_ALIASES = {row.alias: row.name for row in CATALOGUE if row.alias is not None}


def reading(inputs: Inputs) -> list[str]:
    """Return the scores of one table that are computed from these inputs.

    Examples
    --------
    >>> reading(Inputs.SOURCE_LABEL)
    ['nce']
    """
    return [name for name, row in OF_ONE_TABLE.items() if row.inputs is inputs]


def reads_labels(score: str) -> bool:
    """Say whether a score of one table is computed from labels, too.

    Examples
    --------
    >>> reads_labels("leep"), reads_labels("nuclear_norm")
    (True, False)
    """
    return OF_ONE_TABLE[score].inputs is not Inputs.PREDICTIONS


def score_settings(score: str, **options: Any) -> dict[str, Any]:
    """Return the settings of one score.

    Examples
    --------
    >>> score_settings("knn", k=3)
    {'score': 'knn_accuracy', 'k': 3, 'metric': 'euclidean', 'ties': 'first'}
    >>> score_settings("logmee")
    Traceback (most recent call last):
    ValueError: no score is called 'logmee'; did you mean 'logme'?
    """
    return settings_of(_score_name(score), **options)


def chosen(choice: ScoreChoice, *, argument: str = "scores") -> list[dict[str, Any]]:
    """Return the settings of the scores that a choice names.

    Messages speak of it as `argument`, the name by which the caller gave it.

    Examples
    --------
    >>> [score["score"] for score in chosen({"logme": {}, "knn_accuracy": {"k": 1}})]
    ['logme', 'knn_accuracy']
    """
    options = score_options(choice, argument=argument)
    return [score_settings(name, **of_score) for name, of_score in options.items()]


def score_options(
    choice: ScoreChoice, others: Sequence[str] = (), *, argument: str = "scores"
) -> dict[str, dict[str, Any]]:
    """Return the options of each score that a choice names; `others` are names left as they are.

    Examples
    --------
    >>> score_options(["knn", "otdd"], others=["otdd"])
    {'knn_accuracy': {}, 'otdd': {}}
    """
    if isinstance(choice, str):
        choice = (*OF_ONE_TABLE, *others) if choice == "all" else (choice,)
    if not isinstance(choice, (Mapping, Sequence)):
        msg = f"{argument}: expected names of scores, or a mapping from them, found {choice!r}"
        raise TypeError(msg)
    options = choice if isinstance(choice, Mapping) else {name: {} for name in choice}
    if not options:
        msg = f"{argument}: expected at least one score"
        raise ValueError(msg)
    found: dict[str, dict[str, Any]] = {}
    for given, of_score in options.items():
        name = given if given in others else _score_name(given)
        if name in found:
            msg = f"{argument}: '{name}' is named more than once"
            raise ValueError(msg)
        if not isinstance(of_score, Mapping):
            msg = f"{argument}: expected a mapping of the options of '{name}', found {of_score!r}"
            raise TypeError(msg)
        found[name] = dict(of_score)
    return found


def _score_name(score: object) -> str:
    name = _ALIASES.get(score, score) if isinstance(score, str) else score
    if isinstance(name, str) and name in OF_ONE_TABLE:
        return name
    if score in OF_TWO_TASKS:
        msg = f"{score} is a score of two tasks; use {score}(source, target)"
        raise ValueError(msg)
    near = near_name(score, [*OF_ONE_TABLE, *_ALIASES])
    hint = near or f"; there are {', '.join(OF_ONE_TABLE)}"
    msg = f"no score is called {score!r}{hint}"
    raise ValueError(msg)
