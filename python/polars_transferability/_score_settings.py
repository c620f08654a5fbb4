"""The settings of each score in the form that the native side reads, by name."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal, TypeAlias, get_args

from polars_transferability._arguments import flag, integer, number, one_of

Metric = Literal["euclidean", "cosine"]
Ties = Literal["first", "nearest"]
Covariance = Literal["spherical", "diagonal"]
MixtureCovariance = Literal["full", "diagonal"]

Which: TypeAlias = "str | Sequence[str] | Mapping[str, Mapping[str, Any]]"

# What `scores` computes unless told otherwise: all that come from one decomposition, and the
# best ranker on average in the largest comparison (arXiv 2503.18528).
DEFAULT = ("logme", "h_score", "shrinkage_h_score", "transrate", "gbc", "knn_accuracy")

# They have no place among the scores of one table.
_OF_TWO_TASKS = ("ot_nce", "otce", "otdd")

# Other names under which scores are asked for.
_ALIASES = {"knn": "knn_accuracy", "pactran": "pactran_gaussian"}


def _logme(*, converge: bool = False) -> dict[str, Any]:
    return {"converge": flag("converge", converge)}


def _transrate(*, eps: float = 1e-4) -> dict[str, Any]:
    return {"eps": number("eps", eps, above=0)}


def _gbc(*, covariance: Covariance = "spherical", pca: int = 64) -> dict[str, Any]:
    return {
        "covariance": one_of("covariance", covariance, get_args(Covariance)),
        "pca": integer("pca", pca, least=1),
    }


def _nleep(
    *,
    components: int | None = None,
    energy: float = 0.8,
    covariance: MixtureCovariance = "full",
    seed: int = 0,
) -> dict[str, Any]:
    found = number("energy", energy, above=0)
    if found > 1:
        msg = f"energy: expected a share of the variance, above 0 and at most 1, found {energy!r}"
        raise ValueError(msg)
    return {
        "components": None if components is None else integer("components", components, least=1),
        "energy": found,
        "covariance": one_of("covariance", covariance, get_args(MixtureCovariance)),
        "seed": integer("seed", seed, least=0),
    }


def _knn_accuracy(
    *, k: int = 5, metric: Metric = "euclidean", ties: Ties = "first"
) -> dict[str, Any]:
    return {
        "k": integer("k", k, least=1),
        "metric": one_of("metric", metric, get_args(Metric)),
        "ties": one_of("ties", ties, get_args(Ties)),
    }


def _linear_probe(
    *, l2: float | None = None, tolerance: float = 1e-7, seed: int = 0
) -> dict[str, Any]:
    return {
        "l2": None if l2 is None else number("l2", l2, above=0),
        "tolerance": number("tolerance", tolerance, above=0),
        "seed": integer("seed", seed, least=0),
    }


def _parc(*, pca: int | None = 32, max_rows: int = 2000, seed: int = 0) -> dict[str, Any]:
    return {
        "axes": None if pca is None else integer("pca", pca, least=2),
        "max_rows": integer("max_rows", max_rows, least=3),
        "seed": integer("seed", seed, least=0),
    }


def _pactran_dirichlet(*, alpha: float = 1.0) -> dict[str, Any]:
    return {"alpha": number("alpha", alpha, above=0)}


def _pactran_gamma(*, alpha: float = 1.0, beta: float = 1.0) -> dict[str, Any]:
    return {"alpha": number("alpha", alpha, above=0), "beta": number("beta", beta, above=0)}


def _pactran_gaussian(*, strength: float = 1.0, variance: float = 10.0) -> dict[str, Any]:
    return {
        "strength": number("strength", strength, above=0),
        "variance": number("variance", variance, above=0),
    }


def _none() -> dict[str, Any]:
    return {}


_SETTINGS: dict[str, Callable[..., dict[str, Any]]] = {
    "logme": _logme,
    "h_score": _none,
    "shrinkage_h_score": _none,
    "transrate": _transrate,
    "gbc": _gbc,
    "leep": _none,
    "nce": _none,
    "nleep": _nleep,
    "knn_accuracy": _knn_accuracy,
    "linear_probe": _linear_probe,
    "parc": _parc,
    "sfda": _none,
    "etran": _none,
    "ncti": _none,
    "pactran_dirichlet": _pactran_dirichlet,
    "pactran_gamma": _pactran_gamma,
    "pactran_gaussian": _pactran_gaussian,
}

ALL = tuple(_SETTINGS)

# The scores that read source probabilities, or source labels, in place of embeddings.
FROM_PROBABILITIES = ("leep", "pactran_dirichlet", "pactran_gamma")
FROM_SOURCE_LABELS = ("nce",)
FROM_EMBEDDINGS = tuple(
    name for name in _SETTINGS if name not in (*FROM_PROBABILITIES, *FROM_SOURCE_LABELS)
)


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
    name = _score_name(score)
    try:
        return {"score": name, **_SETTINGS[name](**options)}
    except TypeError as error:
        if "unexpected keyword argument" not in str(error):
            raise
        msg = f"{name}: {str(error).split('() ')[-1]}"
        raise TypeError(msg) from None


def chosen(which: Which) -> list[dict[str, Any]]:
    """Return the settings of the scores that `which` names.

    Examples
    --------
    >>> [score["score"] for score in chosen({"logme": {}, "knn_accuracy": {"k": 1}})]
    ['logme', 'knn_accuracy']
    """
    return [score_settings(name, **options) for name, options in score_options(which).items()]


def score_options(which: Which, others: Sequence[str] = ()) -> dict[str, dict[str, Any]]:
    """Return the options of each score that `which` names; `others` are names to leave as they are.

    Examples
    --------
    >>> score_options(["knn", "otdd"], others=["otdd"])
    {'knn_accuracy': {}, 'otdd': {}}
    """
    if isinstance(which, str):
        which = (*ALL, *others) if which == "all" else (which,)
    if not isinstance(which, (Mapping, Sequence)):
        msg = f"which: expected names of scores, or a mapping from them, found {which!r}"
        raise TypeError(msg)
    options = which if isinstance(which, Mapping) else {name: {} for name in which}
    if not options:
        msg = "which: expected at least one score"
        raise ValueError(msg)
    found: dict[str, dict[str, Any]] = {}
    for given, of_score in options.items():
        name = given if given in others else _score_name(given)
        if name in found:
            msg = f"which: '{name}' is named more than once"
            raise ValueError(msg)
        if not isinstance(of_score, Mapping):
            msg = f"which: expected a mapping of the options of '{name}', found {of_score!r}"
            raise TypeError(msg)
        found[name] = dict(of_score)
    return found


def _score_name(score: object) -> str:
    name = _ALIASES.get(score, score) if isinstance(score, str) else score
    if isinstance(name, str) and name in _SETTINGS:
        return name
    from difflib import get_close_matches

    msg = f"no score is called {score!r}; there are {', '.join(_SETTINGS)}"
    if score in _OF_TWO_TASKS:
        msg = f"{score} is a score of two tasks; use {score}(source, target)"
    elif near := get_close_matches(str(score), [*_SETTINGS, *_ALIASES], n=1):
        msg = f"no score is called {score!r}; did you mean '{near[0]}'?"
    raise ValueError(msg)
