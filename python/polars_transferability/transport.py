"""Optimal transport between embedding columns: exact, and its cheaper relatives."""

from __future__ import annotations

import polars as pl

from polars_transferability._arguments import integer, number
from polars_transferability._columns import column_name, one_column, optional_column
from polars_transferability._plugin import scalar_plugin
from polars_transferability._task import Task, task_pair


def wasserstein(
    x: str | pl.Expr,
    y: str | pl.Expr,
    *,
    p: float = 1,
    x_weight: str | pl.Expr | None = None,
    y_weight: str | pl.Expr | None = None,
) -> pl.Expr:
    """Exact Wasserstein distance between two columns of points.

    With `w` and `v` the weights, scaled to sum to one, it is the minimum over all couplings `P` of
    `w` and `v` of `(sum_ij P_ij |x_i - y_j|^p)^(1/p)`, with the Euclidean norm. The
    optimum is exact (network simplex), not regularised and never stopped short. Where that takes
    too long, for columns of tens of thousands of points, `wasserstein_interval` bounds it.

    Parameters
    ----------
    x, y
        Columns of Array or List of floats, of one width; their lengths may differ.
    p
        Exponent, finite and at least 1.
    x_weight, y_weight
        Masses of the points, not negative; None for uniform.

    Returns
    -------
    Expr
        Float64, one value.

    Examples
    --------
    >>> import polars as pl
    >>> import polars_transferability as pt
    >>> points = pl.DataFrame({"x": [[0.0, 0.0], [1.0, 0.0]], "y": [[1.0, 2.0], [0.0, 2.0]]})
    >>> points.select(pt.wasserstein("x", "y").alias("distance")).item()
    2.0
    """
    sides, names = _sides(x, y, x_weight, y_weight)
    return scalar_plugin("wasserstein", sides, {"p": number("p", p, least=1), "columns": names})


def wasserstein_interval(
    x: str | pl.Expr,
    y: str | pl.Expr,
    *,
    p: float = 1,
    tolerance: float = 0.02,
    x_weight: str | pl.Expr | None = None,
    y_weight: str | pl.Expr | None = None,
) -> pl.Expr:
    """Wasserstein distance within a certified interval, in memory that is linear in the points.

    `lower <= wasserstein <= upper`. The upper end is what a coupling costs, the root of
    `sum_ij P_ij |x_i - y_j|^p`. The lower end is what potentials prove, the root of
    `sum_i w_i u_i + sum_j v_j z_j` with `u_i + z_j <= |x_i - y_j|^p` for all pairs: a c-transform
    over all pairs, computed in tiles, makes them so. Both ends are moved outward by what rounding
    may hide, so the interval holds whatever its width.

    Potentials are refined from a coarse problem to a fine one. One point in four is solved first,
    in the same way. By its potentials each point lists the few points of lowest reduced cost on the
    other side, and the network simplex works among these pairs alone. A pass over all pairs then
    proves the lower end and lists what would improve the coupling, until the gap is at most
    `tolerance`. Equal points are one point with the mass of all. There is nothing random in it: the
    result has the same bits on any number of threads.

    Hierarchical refinement splits both sides into parts of equal mass by couplings of low rank,
    again and again, until each part is one pair. It has linear memory too and reads fewer pairs,
    but takes equal weights only and does not say how far its coupling is from an optimum, and
    points that a split separated are never coupled. Here every pair can come into the coupling,
    weights may be any, and the result says how far it may be off.

    Memory `O((n + m) (d + k))` with about `k = 50` listed pairs of a point; a pass takes
    `O(n m d)`. Columns of up to 2048 points each are solved exactly, as `wasserstein` does.

    Parameters
    ----------
    x, y
        Columns of Array or List of floats, of one width; their lengths may differ.
    p
        Exponent, finite and at least 1. With high powers the interval may stay wide, because small
        distances vanish beside large ones.
    tolerance
        The gap that is small enough, from 0 to 1; 0 for the optimum and its gap, which is what
        rounding may hide. After 60 rounds an interval is returned however wide it is.
    x_weight, y_weight
        Masses of the points, not negative; None for uniform.

    Returns
    -------
    Expr
        Struct of `distance`, that of the coupling; `lower` and `upper`, between which the
        Wasserstein distance is; `gap`, `(distance - lower) / distance`, from 0 to 1; `exact`,
        whether `distance` is that of `wasserstein`.

    References
    ----------
    Halmos, Gold, Liu and Raphael, "Hierarchical refinement: optimal transport to infinity and
    beyond", ICML 2025 (arXiv 2503.03025).

    Examples
    --------
    >>> import polars as pl
    >>> import polars_transferability as pt
    >>> points = pl.DataFrame({"x": [[0.0, 0.0], [1.0, 0.0]], "y": [[1.0, 2.0], [0.0, 2.0]]})
    >>> found = points.select(pt.wasserstein_interval("x", "y")).to_series().struct.unnest()
    >>> found["distance"].item(), found["exact"].item(), found["gap"].item() < 1e-9
    (2.0, True, True)
    >>> found.select(pl.lit(2.0).is_between("lower", "upper")).item()
    True
    """
    sides, names = _sides(x, y, x_weight, y_weight)
    wanted = number("tolerance", tolerance, least=0)
    if wanted > 1:
        msg = f"tolerance: expected a number from 0 to 1, found {tolerance!r}"
        raise ValueError(msg)
    kwargs = {"p": number("p", p, least=1), "tolerance": wanted, "columns": names}
    return scalar_plugin("wasserstein_interval", sides, kwargs)


def sliced_wasserstein(
    x: str | pl.Expr,
    y: str | pl.Expr,
    *,
    p: float = 2,
    projections: int = 200,
    x_weight: str | pl.Expr | None = None,
    y_weight: str | pl.Expr | None = None,
    seed: int = 0,
) -> pl.Expr:
    """Sliced Wasserstein distance: the power mean of one-dimensional distances along directions.

    `(1/L sum_l W_p^p(x . t_l, y . t_l))^(1/p)` for `L` random unit directions `t_l`; each term is
    exact. `O(L (n + m) (d + log(n + m)))`, with the columns side by side in f64.

    Parameters
    ----------
    x, y
        Columns of Array or List of floats, of one width; their lengths may differ.
    p
        Exponent, finite and at least 1.
    projections
        Number of directions; the error falls with its square root.
    x_weight, y_weight
        Masses of the points, not negative; None for uniform.
    seed
        Of the directions, which depend on it and the width alone.

    Returns
    -------
    Expr
        Float64, one value; at least 0, lower is closer.

    References
    ----------
    Bonneel et al., "Sliced and Radon Wasserstein barycenters of measures", JMIV 2015.

    Examples
    --------
    >>> import polars as pl
    >>> import polars_transferability as pt
    >>> points = pl.DataFrame({"x": [[0.0], [1.0]], "y": [[3.0], [2.0]]})
    >>> round(points.select(pt.sliced_wasserstein("x", "y")).item(), 6)
    2.0
    """
    sides, names = _sides(x, y, x_weight, y_weight)
    kwargs = {
        "p": number("p", p, least=1),
        "projections": integer("projections", projections, least=1),
        "seed": integer("seed", seed, least=0),
        "columns": names,
    }
    return scalar_plugin("sliced_wasserstein", sides, kwargs)


def gaussian_wasserstein(x: str | pl.Expr, y: str | pl.Expr) -> pl.Expr:
    """2-Wasserstein distance of the Gaussians with the columns' means and covariances.

    The root of `|m - m'|^2 + tr(S + S' - 2 (S^(1/2) S' S^(1/2))^(1/2))`, the Bures distance with
    the means; covariances divide by the count. Never above `wasserstein` with `p=2`. The Frechet
    inception distance is its square. `O(n d^2 + d^3)`.

    Parameters
    ----------
    x, y
        Columns of Array or List of floats, of one width; or of moments, as `moments` makes them.

    Returns
    -------
    Expr
        Float64, one value; at least 0, lower is closer.

    Examples
    --------
    >>> import polars as pl
    >>> import polars_transferability as pt
    >>> points = pl.DataFrame({"x": [[0.0], [2.0]], "y": [[5.0], [9.0]]})
    >>> round(points.select(pt.gaussian_wasserstein("x", "y")).item() ** 2, 9)  # 6^2 + (2 - 1)^2
    37.0
    """
    sides, names = _sides(x, y, None, None)
    return scalar_plugin("gaussian_wasserstein", sides, {"columns": names})


def sinkhorn_divergence(
    x: str | pl.Expr,
    y: str | pl.Expr,
    *,
    p: float = 2,
    epsilon: float | None = None,
    x_weight: str | pl.Expr | None = None,
    y_weight: str | pl.Expr | None = None,
    tolerance: float = 1e-9,
    max_iterations: int = 10_000,
) -> pl.Expr:
    """Sinkhorn divergence: entropic optimal transport without its bias.

    `OT_e(x, y) - OT_e(x, x) / 2 - OT_e(y, y) / 2`, `OT_e = min_P <P, |x - y|^p> + e KL(P | w v')`.
    In the units of the costs (a `p`-th power, no root); at least 0, and 0 only between equal
    distributions. It tends to `wasserstein(p=p)^p` as `e` falls. POT's
    `empirical_sinkhorn_divergence` leaves the entropies out and can be negative. `O(n m)` for each
    iteration and in memory.

    Parameters
    ----------
    x, y
        Columns of Array or List of floats, of one width; their lengths may differ.
    p
        Exponent, from 1 to 2.
    epsilon
        Regularisation, in the units of the costs; None for 0.05 of the mean cost.
    x_weight, y_weight
        Masses of the points, not negative; None for uniform.
    tolerance
        Error of the marginals at which an iteration has converged.
    max_iterations
        Most iterations; not to have converged then is an error.

    Returns
    -------
    Expr
        Float64, one value; lower is closer.

    References
    ----------
    Feydy et al., "Interpolating between optimal transport and MMD using Sinkhorn divergences",
    AISTATS 2019 (arXiv 1810.08278).

    Examples
    --------
    >>> import polars as pl
    >>> import polars_transferability as pt
    >>> points = pl.DataFrame({"x": [[0.0], [1.0]], "y": [[3.0], [4.0]]})
    >>> round(points.select(pt.sinkhorn_divergence("x", "y")).item(), 6)  # a shift by 3
    9.0
    """
    sides, names = _sides(x, y, x_weight, y_weight)
    exponent = number("p", p, least=1)
    if exponent > 2:
        msg = f"p: expected a number from 1 to 2, found {p!r}; beyond, it can be negative"
        raise ValueError(msg)
    kwargs = {
        "p": exponent,
        "epsilon": None if epsilon is None else number("epsilon", epsilon, above=0),
        "tolerance": number("tolerance", tolerance, above=0),
        "max_iterations": integer("max_iterations", max_iterations, least=1),
        "columns": names,
    }
    return scalar_plugin("sinkhorn_divergence", sides, kwargs)


def class_wasserstein(source: Task, target: Task, *, p: float = 1) -> pl.Expr:
    """Exact Wasserstein distance between same-named classes of two tasks.

    Parameters
    ----------
    source, target
        The two tasks, made by `task`. Every class of the target must occur in the source. With a
        split the rows to learn from count, as in every score of two tasks.
    p
        Exponent, finite and at least 1.

    Returns
    -------
    Expr
        Struct of `distance`, the average over target classes weighted by their share of rows, and
        `by_class`: List[Struct{`class`, `weight`, `distance`}].

    Examples
    --------
    >>> import polars as pl
    >>> import polars_transferability as pt
    >>> rows = pl.DataFrame(
    ...     {
    ...         "task": ["old"] * 4 + ["new"] * 4,
    ...         "label": ["a", "a", "b", "b"] * 2,
    ...         "embedding": [[0.0], [1.0], [5.0], [6.0], [2.0], [3.0], [5.0], [6.0]],
    ...     }
    ... )
    >>> old, new = (pt.task(where=pl.col("task") == name) for name in ("old", "new"))
    >>> distance = rows.select(pt.class_wasserstein(old, new).alias("w")).unnest("w")
    >>> distance["distance"].item()
    1.0
    >>> [(c["class"], c["distance"]) for c in distance["by_class"].item()]
    [('a', 2.0), ('b', 0.0)]
    """
    inputs, columns = task_pair(source, target)
    return scalar_plugin(
        "class_wasserstein", inputs, {"p": number("p", p, least=1), "columns": columns}
    )


def _sides(
    x: object, y: object, x_weight: object, y_weight: object
) -> tuple[list[pl.Expr], dict[str, str]]:
    sides = [_points("x", x, x_weight), _points("y", y, y_weight)]
    return sides, {"x": column_name(one_column("x", x)), "y": column_name(one_column("y", y))}


def _points(argument: str, points: object, weight: object) -> pl.Expr:
    fields = {"embedding": one_column(argument, points)}
    mass = optional_column(f"{argument}_weight", weight)
    if mass is not None:
        fields["weight"] = mass
    return pl.struct([column.alias(name) for name, column in fields.items()])
