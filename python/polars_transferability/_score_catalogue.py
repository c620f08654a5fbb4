"""The catalogue of scores: one row for each, from which everything that lists scores is made.

That is what `scores` and `compute_scores` compute, with which settings, under which names; what the
command's help and a report list; which columns of results rank models; and the table in
`docs/scores.md`. The functions themselves, one for each row, are in `_scores` and `task_scores`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, Literal, TypeAlias, get_args

from polars_transferability._arguments import flag, integer, near_name, number, one_of

Metric = Literal["euclidean", "cosine"]
Ties = Literal["first", "nearest"]
Covariance = Literal["spherical", "diagonal"]
MixtureCovariance = Literal["full", "diagonal"]
Inner = Literal["exact", "gaussian"]

ScoreChoice: TypeAlias = "str | Sequence[str] | Mapping[str, Mapping[str, Any]]"
Check: TypeAlias = "Callable[[str, Any], Any]"


class Inputs(Enum):
    """What a score is computed from."""

    EMBEDDING = "embedding, label"
    PROBABILITIES = "source probabilities, label"
    SOURCE_LABEL = "predicted source class, label"
    TWO_TASKS = "two tasks"


class Cost(Enum):
    """What the time for a score goes into."""

    COUNTS = "counts"
    DECOMPOSITION = "decomposition"
    ITERATIONS = "iterations"
    PAIRS = "pairs of rows"


class Better(Enum):
    """Which values of a field of a score speak for a model."""

    HIGHER = "higher"
    LOWER = "lower"
    NEITHER = "neither"


class Default(Enum):
    """The absence of a default."""

    NONE = "the caller must give a value"


@dataclass(frozen=True)
class Setting:
    """An option of a score.

    Attributes
    ----------
    default
        Its value unless the caller gives one.
    check
        Returns a value in the form that the native side reads, or raises an error that names the
        option.
    sent_as
        What the native side calls it, where that is another name.
    """

    default: Any
    check: Check
    sent_as: str | None = None


@dataclass(frozen=True)
class Score:
    """A row of the catalogue. Of every score without fields, higher is better.

    Attributes
    ----------
    range
        Between which values it is, and in which unit.
    fields
        Of a score that is a struct, its fields, and which of their values are better.
    pooled
        Its fields are combined over the models of a pool into one number.
    by_default
        It is among the scores that are computed where none are named.
    alias
        Another name under which it is asked for.
    function
        The public function that computes it, where that has another name.
    """

    name: str
    inputs: Inputs
    range: str
    cost: Cost
    settings: Mapping[str, Setting] = field(default_factory=dict)
    fields: Mapping[str, Better] = field(default_factory=dict)
    pooled: bool = False
    by_default: bool = False
    alias: str | None = None
    function: str | None = None


def _choice(allowed: object) -> Check:
    return lambda name, value: one_of(name, value, get_args(allowed))


def _integer(least: int) -> Check:
    return lambda name, value: integer(name, value, least=least)


def _number(*, above: float | None = None, least: float | None = None) -> Check:
    return lambda name, value: number(name, value, above=above, least=least)


def _or_none(check: Check) -> Check:
    return lambda name, value: None if value is None else check(name, value)


def _share(name: str, value: object) -> float:
    share = number(name, value, above=0)
    if share > 1:
        msg = f"{name}: expected a share of the variance, above 0 and at most 1, found {value!r}"
        raise ValueError(msg)
    return share


_SEED = Setting(0, _integer(0))
# What scores of two tasks draw from larger ones.
_DRAW = {"max_rows": Setting(5000, _or_none(_integer(1))), "seed": _SEED}

CATALOGUE = (
    # Those that are computed by default all come from one decomposition, but for the best ranker on
    # average in the largest comparison (arXiv 2503.18528), kNN.
    Score(
        "logme",
        Inputs.EMBEDDING,
        "unbounded, nats",
        Cost.DECOMPOSITION,
        {"converge": Setting(False, flag)},
        by_default=True,
    ),
    Score(
        "h_score",
        Inputs.EMBEDDING,
        "0 to min(C - 1, D)",
        Cost.DECOMPOSITION,
        by_default=True,
    ),
    Score(
        "shrinkage_h_score",
        Inputs.EMBEDDING,
        "0 up",
        Cost.DECOMPOSITION,
        by_default=True,
    ),
    Score(
        "transrate",
        Inputs.EMBEDDING,
        "0 up, nats",
        Cost.DECOMPOSITION,
        {"eps": Setting(1e-4, _number(above=0))},
        by_default=True,
    ),
    Score(
        "gbc",
        Inputs.EMBEDDING,
        "-C (C - 1) to 0",
        Cost.DECOMPOSITION,
        {
            "covariance": Setting("spherical", _choice(Covariance)),
            "pca": Setting(64, _integer(1)),
        },
        by_default=True,
    ),
    Score("leep", Inputs.PROBABILITIES, "-inf to 0, nats", Cost.COUNTS),
    Score("nce", Inputs.SOURCE_LABEL, "-log C to 0, nats", Cost.COUNTS),
    Score(
        "nleep",
        Inputs.EMBEDDING,
        "-inf to 0, nats",
        Cost.ITERATIONS,
        {
            "components": Setting(None, _or_none(_integer(1))),
            "energy": Setting(0.8, _share),
            "covariance": Setting("full", _choice(MixtureCovariance)),
            "seed": _SEED,
        },
    ),
    Score(
        "knn_accuracy",
        Inputs.EMBEDDING,
        "0 to 1",
        Cost.PAIRS,
        {
            "k": Setting(5, _integer(1)),
            "metric": Setting("euclidean", _choice(Metric)),
            "ties": Setting("first", _choice(Ties)),
        },
        by_default=True,
        alias="knn",
    ),
    Score(
        "linear_probe",
        Inputs.EMBEDDING,
        "struct; accuracy 0 to 1",
        Cost.ITERATIONS,
        {
            "l2": Setting(None, _or_none(_number(above=0))),
            "tolerance": Setting(1e-7, _number(above=0)),
            "seed": _SEED,
        },
        fields={
            "loss": Better.LOWER,
            "accuracy": Better.HIGHER,
            "train_loss": Better.LOWER,
            "l2": Better.NEITHER,
        },
    ),
    Score(
        "parc",
        Inputs.EMBEDDING,
        "-100 to 100",
        Cost.PAIRS,
        {
            "pca": Setting(32, _or_none(_integer(2)), sent_as="axes"),
            "max_rows": Setting(2000, _integer(3)),
            "seed": _SEED,
        },
    ),
    Score("sfda", Inputs.EMBEDDING, "-inf to 0, nats", Cost.DECOMPOSITION),
    Score(
        "etran",
        Inputs.EMBEDDING,
        "parts; 0 to 1 over a pool",
        Cost.DECOMPOSITION,
        fields={"energy": Better.HIGHER, "lda": Better.HIGHER},
        pooled=True,
    ),
    Score(
        "ncti",
        Inputs.EMBEDDING,
        "parts; 0 to 3 over a pool",
        Cost.DECOMPOSITION,
        fields={"seli": Better.HIGHER, "ncc": Better.HIGHER, "variability": Better.HIGHER},
        pooled=True,
    ),
    Score(
        "pactran_dirichlet",
        Inputs.PROBABILITIES,
        "-inf to 0, nats",
        Cost.ITERATIONS,
        {"alpha": Setting(1.0, _number(above=0))},
        function="pactran",
    ),
    Score(
        "pactran_gamma",
        Inputs.PROBABILITIES,
        "-inf to 0, nats",
        Cost.ITERATIONS,
        {"alpha": Setting(1.0, _number(above=0)), "beta": Setting(1.0, _number(above=0))},
        function="pactran",
    ),
    Score(
        "pactran_gaussian",
        Inputs.EMBEDDING,
        "-inf to 0, nats",
        Cost.ITERATIONS,
        {"strength": Setting(1.0, _number(above=0)), "variance": Setting(10.0, _number(above=0))},
        alias="pactran",
        function="pactran",
    ),
    Score("ot_nce", Inputs.TWO_TASKS, "-log C to 0, nats", Cost.PAIRS, _DRAW),
    Score(
        "otce",
        Inputs.TWO_TASKS,
        "unbounded",
        Cost.PAIRS,
        {
            "wasserstein": Setting(Default.NONE, _number()),
            "conditional_entropy": Setting(Default.NONE, _number()),
            "intercept": Setting(0.0, _number()),
            **_DRAW,
        },
    ),
    Score(
        "otdd",
        Inputs.TWO_TASKS,
        "-inf to 0, a distance",
        Cost.PAIRS,
        {
            "inner": Setting("exact", _choice(Inner)),
            "p": Setting(2, _number(least=1)),
            **_DRAW,
        },
    ),
)

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


def checked(row: Score, options: Mapping[str, Any]) -> dict[str, Any]:
    """Return the settings of a score in the form that the native side reads."""
    if unknown := [name for name in options if name not in row.settings]:
        near = near_name(unknown[0], row.settings)
        msg = f"{row.name}: got an unexpected keyword argument '{unknown[0]}'{near}"
        raise TypeError(msg)
    return {
        setting.sent_as or name: setting.check(name, options.get(name, setting.default))
        for name, setting in row.settings.items()
    }


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
    row = OF_ONE_TABLE[_score_name(score)]
    return {"score": row.name, **checked(row, options)}


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
