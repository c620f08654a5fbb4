"""Scores of two tasks by optimal transport; higher is better for every one."""

from __future__ import annotations

from typing import Any, Literal

import polars as pl

from polars_transferability._arguments import number
from polars_transferability._plugin import scalar_plugin
from polars_transferability._scores.catalogue import (
    Check,
    Cost,
    Inputs,
    catalogued,
    choice,
    integer_from,
    number_above,
    or_none,
    settings_of,
)
from polars_transferability._task import Task, task_pair

__all__ = [
    "ot_nce",
    "otce",
    "otdd",
    "s_otdd",
    "tetot",
]

Inner = Literal["exact", "gaussian"]
# The checks of what scores of two tasks draw from larger ones.
_DRAW: dict[str, Check] = {"max_rows": or_none(integer_from(1)), "seed": integer_from(0)}


def _power(name: str, value: object) -> float:
    return number(name, value, least=1)


def _not_negative(name: str, value: object) -> float:
    return number(name, value, least=0)


@catalogued(
    Inputs.TWO_TASKS,
    range="-log C to 0, nats",
    cost=Cost.PAIRS,
    checks=_DRAW,
)
def ot_nce(source: Task, target: Task, *, max_rows: int | None = 5000, seed: int = 0) -> pl.Expr:
    """OT-NCE: how well source labels tell target labels, when optimal transport pairs the rows.

    The exact coupling of source and target rows that minimises the squared Euclidean cost gives a
    joint distribution of labels; OT-NCE is minus the entropy of the target label given the source
    label. In nats, between `-log C` and 0, higher is better. Of tasks with a split the rows to
    learn from count, as in every other score. Public code stops the solver early, or returns the
    entropy itself, for which lower is better. Where several couplings are optimal it is that of the
    one found, which is the same in whatever order the rows stand.

    Parameters
    ----------
    source, target
        The two tasks, made by `task`, embedded by the same model.
    max_rows
        Most rows of a side; more are drawn from. None: all.
    seed
        Of that draw.

    Returns
    -------
    Expr
        Float64, one value.

    References
    ----------
    Tan, Li and Huang, "OTCE: a transferability metric for cross-domain cross-task representations",
    CVPR 2021 (arXiv 2103.13843).

    Examples
    --------
    >>> import polars as pl
    >>> import polars_transferability as pt
    >>> rows = pl.DataFrame(
    ...     {
    ...         "task": ["old"] * 4 + ["new"] * 4,
    ...         "label": ["a", "a", "b", "b", "c", "c", "d", "d"],
    ...         "embedding": [[0.0], [1.0], [5.0], [6.0], [0.5], [1.5], [5.5], [6.5]],
    ...     }
    ... )
    >>> old, new = (pt.task(where=pl.col("task") == name) for name in ("old", "new"))
    >>> rows.select(pt.ot_nce(old, new)).item()
    0.0
    """
    return _score("ot_nce", source, target, max_rows=max_rows, seed=seed)


@catalogued(
    Inputs.TWO_TASKS,
    range="unbounded",
    cost=Cost.PAIRS,
    checks={"wasserstein": number, "conditional_entropy": number, "intercept": number, **_DRAW},
)
def otce(
    source: Task,
    target: Task,
    *,
    wasserstein: float,
    conditional_entropy: float,
    intercept: float = 0.0,
    max_rows: int | None = 5000,
    seed: int = 0,
) -> pl.Expr:
    """OTCE: domain difference and task difference, weighed by coefficients fitted elsewhere.

    `wasserstein W + conditional_entropy H(Y_t | Y_s) + intercept`, with `W` the transport cost
    (squared distances) and the entropy of `ot_nce`. The coefficients are those of a least-squares
    fit to the accuracies that transfer reached on auxiliary tasks; higher is then better, and both
    slopes are negative. Without auxiliary tasks use `ot_nce`.

    Parameters
    ----------
    source, target, max_rows, seed
        As for `ot_nce`.
    wasserstein, conditional_entropy, intercept
        The coefficients.

    Returns
    -------
    Expr
        Float64, one value.

    Examples
    --------
    >>> import polars as pl
    >>> import polars_transferability as pt
    >>> rows = pl.DataFrame(
    ...     {
    ...         "task": ["old"] * 2 + ["new"] * 2,
    ...         "label": ["a", "b", "c", "d"],
    ...         "embedding": [[0.0], [5.0], [2.0], [7.0]],
    ...     }
    ... )
    >>> old, new = (pt.task(where=pl.col("task") == name) for name in ("old", "new"))
    >>> rows.select(pt.otce(old, new, wasserstein=-1.0, conditional_entropy=-1.0)).item()
    -4.0
    """
    return _score(
        "otce",
        source,
        target,
        wasserstein=wasserstein,
        conditional_entropy=conditional_entropy,
        intercept=intercept,
        max_rows=max_rows,
        seed=seed,
    )


@catalogued(
    Inputs.TWO_TASKS,
    range="-inf to 0, a distance",
    cost=Cost.PAIRS,
    checks={"inner": choice(Inner), "p": _power, **_DRAW},
)
def otdd(
    source: Task,
    target: Task,
    *,
    inner: Inner = "exact",
    p: float = 2,
    max_rows: int | None = 5000,
    seed: int = 0,
) -> pl.Expr:
    """OTDD, negated: minus the optimal transport distance between two labelled data sets.

    Rows move at the cost `|x - x'|^p + W_p^p(class of x, class of x')`, the second between the
    features of the two classes. Minus the `p`-th root of the exact optimum: at most 0, higher is
    closer. Class names play no role. Of tasks with a split the rows to learn from count, as in
    every other score. Public code runs Sinkhorn even for `inner_ot_method="exact"`, in f32.

    Parameters
    ----------
    source, target, max_rows, seed
        As for `ot_nce`.
    inner
        Distance of classes: exact between their rows, or that of Gaussians with their moments (`p`
        of 2 only), which is never larger.
    p
        Exponent, finite and at least 1.

    Returns
    -------
    Expr
        Float64, one value.

    References
    ----------
    Alvarez-Melis and Fusi, "Geometric dataset distances via optimal transport", NeurIPS 2020 (arXiv
    2002.02923).

    Examples
    --------
    >>> import polars as pl
    >>> import polars_transferability as pt
    >>> rows = pl.DataFrame(
    ...     {
    ...         "task": ["old"] * 4 + ["new"] * 4,
    ...         "label": ["a", "a", "b", "b"] * 2,
    ...         "embedding": [[0.0], [1.0], [5.0], [6.0]] * 2,
    ...     }
    ... )
    >>> old, new = (pt.task(where=pl.col("task") == name) for name in ("old", "new"))
    >>> rows.select(pt.otdd(old, new)).item()
    0.0
    """
    if inner == "gaussian" and p != 2:
        msg = f"p: inner='gaussian' is defined for p=2, found {p!r}; use inner='exact'"
        raise ValueError(msg)
    return _score("otdd", source, target, inner=inner, p=p, max_rows=max_rows, seed=seed)


@catalogued(
    Inputs.TWO_TASKS,
    range="-inf to 0, a distance",
    cost=Cost.PROJECTIONS,
    checks={"projections": integer_from(1), "p": _power, "seed": integer_from(0)},
)
def s_otdd(
    source: Task, target: Task, *, projections: int = 500, p: float = 2, seed: int = 0
) -> pl.Expr:
    """s-OTDD, negated: minus the sliced optimal transport distance between two labelled data sets.

    Row `x` of class `y` is projected to `v_0 <t, x> + sum_j v_j m_j(y)`, with `t` and `v` random
    directions, and `m_j(y)` the mean of `<t, x'>^k / k!` over the rows `x'` of the class. The order
    `k` of the `j`-th of five moments has a Poisson distribution of rate `j` without its zero. The
    score is minus the `p`-th root of the mean of `W_p^p` of the two data sets on such lines: at
    most 0, higher is closer. Class names play no role, and any numbers of classes compare.

    Lines are drawn, so values have an error that falls with `1 / sqrt(projections)`; two values
    with one seed and width share their lines. Neither the order of rows nor the number of threads
    changes a bit. Of tasks with a split the rows to learn from count, as in every other score.

    Moments of order `k` grow with the `k`-th power of the features: scale these so that projections
    are of order one, as those of standardised features are, and alike for all that is compared. Of
    much larger features the largest moment alone decides.

    `O(L (n + m) (d + log(n + m)))` for `L` projections, whatever the number of classes, so that
    tables too large for `otdd` pose no difficulty. Public code draws without a seed, in f32.

    Parameters
    ----------
    source, target
        The two tasks, made by `task`, embedded by the same model.
    projections
        How many directions are drawn.
    p
        Exponent, finite and at least 1.
    seed
        Of the draw.

    Returns
    -------
    Expr
        Float64, one value.

    Raises
    ------
    polars.exceptions.ComputeError
        In the query: sides of different width, no rows, or features so large that a moment is
        beyond the range of a float.

    References
    ----------
    Nguyen, Nguyen, Pham and Ho, "Lightspeed geometric dataset distance via sliced optimal
    transport", ICML 2025, PMLR 267:46162 (arXiv 2501.18901).

    Examples
    --------
    >>> import polars as pl
    >>> import polars_transferability as pt
    >>> rows = pl.DataFrame(
    ...     {
    ...         "task": ["old"] * 4 + ["new"] * 4,
    ...         "label": ["a", "a", "b", "b", "c", "c", "d", "d"],
    ...         "embedding": [[0.0], [0.1], [0.5], [0.6]] * 2,
    ...     }
    ... )
    >>> old, new = (pt.task(where=pl.col("task") == name) for name in ("old", "new"))
    >>> rows.select(pt.s_otdd(old, new)).item()
    0.0
    """
    return _score("s_otdd", source, target, projections=projections, p=p, seed=seed)


@catalogued(
    Inputs.TWO_TASKS,
    range="-inf to 0, a distance",
    cost=Cost.PAIRS,
    checks={"label_weight": _not_negative, "l2": or_none(number_above(0)), **_DRAW},
)
def tetot(
    source: Task,
    target: Task,
    *,
    label_weight: float = 1.0,
    l2: float | None = None,
    max_rows: int | None = 5000,
    seed: int = 0,
) -> pl.Expr:
    """TETOT, negated: minus the distance from a labelled source to a target without labels.

    Rows move at the cost `|x - x'| + label_weight |e_y - h(x')|`, with `e_y` the indicator of the
    source label and `h(x')` the class probabilities that a source head gives the target row. Minus
    the exact optimum: at most 0, higher is closer; with a weight of 0 minus `wasserstein`. The
    target's labels are not read: its label column may be missing, null or anything. Of tasks with a
    split the rows to learn from count, as in every other score.

    The head is a linear one, fitted to all of the source's rows as `linear_probe` fits it. In the
    paper it is the network's own last layer; here no network is needed, and models are compared by
    heads of one kind. The part of the features is in their units, that of the labels at most
    `label_weight sqrt(2)`: scale models alike before comparing them. The weight is a parameter of
    the paper, the default of 1 is ours. No public code was found to compare with; values are
    checked against the formula.

    Time of a linear probe on the source, and of an exact transport problem (`O(n m)` memory).

    Parameters
    ----------
    source, target, max_rows, seed
        As for `ot_nce`. The seed also draws the rows by which the head's penalty is chosen.
    label_weight
        What labels that differ cost beside features that do.
    l2
        Strength of the head's penalty, as in `linear_probe`. None: chosen by source rows set aside.

    Returns
    -------
    Expr
        Float64, one value.

    Raises
    ------
    polars.exceptions.ComputeError
        In the query: sides of different width, a source of one class, or a head that does not
        converge.

    References
    ----------
    Mehra, Zhang and Hamm, "Test-time assessment of a model's performance on unseen domains via
    optimal transport", CVPR workshops 2024 (arXiv 2405.01451).

    Examples
    --------
    >>> import polars as pl
    >>> import polars_transferability as pt
    >>> rows = pl.DataFrame(
    ...     {
    ...         "task": ["old"] * 4 + ["new"] * 4,
    ...         "label": ["a", "a", "b", "b", None, None, None, None],
    ...         "embedding": [[0.0], [1.0], [5.0], [6.0], [0.0], [1.0], [5.0], [6.0]],
    ...     }
    ... )
    >>> old, new = (pt.task(where=pl.col("task") == name) for name in ("old", "new"))
    >>> found = rows.select(pt.tetot(old, new, l2=0.1))
    >>> -0.5 < found.item() < 0  # the features are the same, the head is not quite certain
    True
    """
    options = {"label_weight": label_weight, "l2": l2, "max_rows": max_rows, "seed": seed}
    return _score("tetot", source, target, target_labels=False, **options)


def _score(
    name: str, source: Task, target: Task, *, target_labels: bool = True, **options: Any
) -> pl.Expr:
    inputs, columns = task_pair(source, target, target_labels=target_labels)
    settings = settings_of(name, **options)
    kwargs = {"score": settings, "columns": columns}
    return scalar_plugin("task_score", inputs, kwargs, column=name)
