"""The published scores of one table, one expression each; higher is better for all.

Their columns have no default names, as those of `task` have: where `embedding` holds moments, there
is no `label` column, so that a name must not stand for one that the caller left out.
"""

from __future__ import annotations

from typing import Any, Literal, get_args

import polars as pl

from polars_transferability._arguments import one_of
from polars_transferability._columns import column_name, one_column, optional_column
from polars_transferability._plugin import scalar_plugin
from polars_transferability._scores.catalogue import (
    Better,
    Cost,
    Inputs,
    catalogued,
    choice,
    flag,
    integer_from,
    number_above,
    or_none,
    settings_of,
    share,
)

__all__ = [
    "etran",
    "gbc",
    "h_score",
    "knn_accuracy",
    "leep",
    "linear_probe",
    "logme",
    "nce",
    "ncti",
    "nleep",
    "nuclear_norm",
    "pactran",
    "parc",
    "prediction_entropy",
    "sfda",
    "shrinkage_h_score",
    "transrate",
]

Metric = Literal["euclidean", "cosine"]
Ties = Literal["first", "nearest"]
Covariance = Literal["spherical", "diagonal"]
MixtureCovariance = Literal["full", "diagonal"]
Prior = Literal["gaussian", "dirichlet", "gamma"]


@catalogued(
    Inputs.EMBEDDING,
    range="unbounded, nats",
    cost=Cost.DECOMPOSITION,
    checks={"converge": flag},
    by_default=True,
)
def logme(
    embedding: str | pl.Expr, label: str | pl.Expr | None = None, *, converge: bool = False
) -> pl.Expr:
    """LogME: logarithm of the maximum evidence of Bayesian linear regression on the features.

    For each class's indicator `y`, with `N` rows and `D` features `F`, the maximum over `a`, `b` of

        D/2 log a + N/2 log b - 1/2 log det(a I + b F'F)
        - b/2 |y - F m|^2 - a/2 |m|^2 - N/2 log 2 pi

    with `m = b (a I + b F'F)^-1 F'y`, divided by `N`; the score is the mean over classes. In nats,
    unbounded (the logarithm of a density), higher is better. Features are not centred. Right for
    fewer rows than features too, where the widespread "fixed point" code leaves out a term, so
    that features of pure noise raise it. `O(N D min(N, D))`.

    Parameters
    ----------
    embedding
        Column of Array or List of floats; or of moments, as `moments` makes them.
    label
        Column of class labels. Real-valued targets are meant by a column of floats, or of Array or
        List of numbers for several targets a row (labels of which a row may have several: 0 and 1).
        None for moments, which have their labels inside.
    converge
        Go on to the maximum that the iteration heads for. By default it ends as in the authors'
        ICML code, whose figures everyone compares with, at 1 % or 11 steps, on real features up to
        about 1e-3 below. (Of features that say little of a class, the evidence may have a second
        maximum, with all weights zero.)

    Returns
    -------
    Expr
        Float64, one value.

    References
    ----------
    You et al., "LogME: practical assessment of pre-trained models for transfer learning", ICML 2021
    (arXiv 2102.11005).

    Examples
    --------
    >>> import polars as pl
    >>> import polars_transferability as pt
    >>> rows = pl.DataFrame(
    ...     {
    ...         "x": [[1.0, 0.2], [0.9, 0.1], [0.8, 0.3], [0.1, 1.0], [0.2, 0.9], [0.3, 0.7]],
    ...         "label": ["cat", "cat", "cat", "dog", "dog", "dog"],
    ...     }
    ... )
    >>> rows.select(pt.logme("x", "label").round(4)).item()
    -0.2568
    """
    return _score(settings_of("logme", converge=converge), embedding=embedding, label=label)


@catalogued(
    Inputs.EMBEDDING,
    range="0 to min(C - 1, D)",
    cost=Cost.DECOMPOSITION,
    by_default=True,
)
def h_score(embedding: str | pl.Expr, label: str | pl.Expr | None = None) -> pl.Expr:
    """H-score: how much of the features' variance lies between classes.

    `tr(cov(f)^+ cov(E[f | y]))`, the sum of squared canonical correlations between features and
    classes. Between 0 and `min(C - 1, D)`, higher is better. The units of the features do not
    matter. With no more rows than features it is `C - 1` for any features: use `shrinkage_h_score`
    there. Sums are in f64 (in single precision they exceed the bound); a pseudo-inverse that drops
    what is small beside the largest loses features in small units; google's `stable_transfer`
    multiplies elementwise inside the trace, which is another number. `O(N D min(N, D))`.

    Parameters
    ----------
    embedding, label
        Columns as for `logme`; moments are accepted.

    Returns
    -------
    Expr
        Float64, one value.

    References
    ----------
    Bao et al., "An information-theoretic approach to transferability in task transfer learning",
    ICIP 2019.

    Examples
    --------
    >>> import polars as pl
    >>> import polars_transferability as pt
    >>> rows = pl.DataFrame({"x": [[0.0], [1.0], [3.0], [4.0]], "label": [0, 0, 1, 1]})
    >>> rows.select(pt.h_score("x", "label").round(4)).item()
    0.9
    """
    return _score(settings_of("h_score"), embedding=embedding, label=label)


@catalogued(
    Inputs.EMBEDDING,
    range="0 up",
    cost=Cost.DECOMPOSITION,
    by_default=True,
)
def shrinkage_h_score(embedding: str | pl.Expr, label: str | pl.Expr | None = None) -> pl.Expr:
    """Shrinkage H-score: the H-score with a covariance shrunk towards a multiple of the identity.

    `(1 - a) tr(cov_a^-1 cov(E[f | y]))` with `cov_a = (1 - a) cov + a (tr cov / D) I` and the
    strength `a` of Ledoit and Wolf. At least 0, higher is better; says something with fewer rows
    than features too. `O(N D min(N, D))`.

    Parameters
    ----------
    embedding, label
        Columns as for `logme`; moments are accepted.

    Returns
    -------
    Expr
        Float64, one value.

    References
    ----------
    Ibrahim, Ponomareva and Mazumder, "Newer is not always better: rethinking transferability
    metrics", ECML-PKDD 2022 (arXiv 2110.06893).

    Examples
    --------
    >>> import polars as pl
    >>> import polars_transferability as pt
    >>> rows = pl.DataFrame(
    ...     {"x": [[0.0, 1.0], [1.0, 0.0], [3.0, 1.0], [4.0, 0.5]], "label": [0, 0, 1, 1]}
    ... )
    >>> 0 < rows.select(pt.shrinkage_h_score("x", "label")).item() < 2
    True
    """
    return _score(settings_of("shrinkage_h_score"), embedding=embedding, label=label)


@catalogued(
    Inputs.EMBEDDING,
    range="0 up, nats",
    cost=Cost.DECOMPOSITION,
    checks={"eps": number_above(0)},
    by_default=True,
)
def transrate(
    embedding: str | pl.Expr, label: str | pl.Expr | None = None, *, eps: float = 1e-4
) -> pl.Expr:
    """TransRate: the coding rate of all features less that of the classes.

    `R(Z) - sum_c (n_c / N) R(Z_c)`, `R(Z) = 1/2 log det(I + Z'Z / (n eps))` for the `n` rows of
    `Z`, less the mean of all rows. In nats, at least 0, higher is better. It depends on the scale
    of the features, as `eps` does not follow it: compare models whose features are scaled alike.
    tllib and EMMS weigh all classes the same, which favours random labels on unbalanced data. `O(N
    D min(N, D))`.

    Parameters
    ----------
    embedding, label
        Columns as for `logme`; moments made with `per_class=True` are accepted.
    eps
        Distortion, from 1e-100 to 1e100.

    Returns
    -------
    Expr
        Float64, one value.

    References
    ----------
    Huang et al., "Frustratingly easy transferability estimation", ICML 2022 (arXiv 2106.09362).

    Examples
    --------
    >>> import polars as pl
    >>> import polars_transferability as pt
    >>> rows = pl.DataFrame(
    ...     {"x": [[0.0, 1.0], [0.0, 2.0], [3.0, 0.0], [4.0, 0.0]], "label": [0, 0, 1, 1]}
    ... )
    >>> rows.select(pt.transrate("x", "label", eps=1.0)).item() > 0
    True
    """
    return _score(settings_of("transrate", eps=eps), embedding=embedding, label=label)


@catalogued(
    Inputs.EMBEDDING,
    range="-C (C - 1) to 0",
    cost=Cost.DECOMPOSITION,
    checks={"covariance": choice(Covariance), "pca": integer_from(1)},
    by_default=True,
)
def gbc(
    embedding: str | pl.Expr,
    label: str | pl.Expr | None = None,
    *,
    covariance: Covariance = "spherical",
    pca: int = 64,
) -> pl.Expr:
    """GBC: how much the classes overlap when each is taken to be a Gaussian.

    Minus the sum over ordered pairs of classes of `exp(-D)`, with `D` the Bhattacharyya distance of
    Gaussians with spherical or diagonal covariance after a projection onto principal axes. Between
    `-C (C - 1)` and 0, higher is better. Google's spherical form loses the factor `pca` of the
    logarithm; Model-Spider's determinants underflow, and its results leave the range. A class
    without spread along an axis, so every class of one row, is a point: it overlaps nothing but an
    equal point. `O(N D min(N, D) + C^2 pca)`.

    Parameters
    ----------
    embedding, label
        Columns as for `logme`; moments made with `per_class=True` are accepted.
    covariance
        One variance for all axes of a class, or one for each.
    pca
        Number of principal axes; all if there are fewer.

    Returns
    -------
    Expr
        Float64, one value.

    References
    ----------
    Pandy et al., "Transferability estimation using Bhattacharyya class separability", CVPR 2022
    (arXiv 2111.12780).

    Examples
    --------
    >>> import polars as pl
    >>> import polars_transferability as pt
    >>> rows = pl.DataFrame({"x": [[0.0], [2.0], [3.0], [5.0]], "label": [0, 0, 1, 1]})
    >>> rows.select(pt.gbc("x", "label").round(4)).item()  # -2 exp(-9/8)
    -0.6493
    """
    settings = settings_of("gbc", covariance=covariance, pca=pca)
    return _score(settings, embedding=embedding, label=label)


@catalogued(
    Inputs.PROBABILITIES,
    range="-inf to 0, nats",
    cost=Cost.COUNTS,
)
def leep(probabilities: str | pl.Expr, label: str | pl.Expr) -> pl.Expr:
    """LEEP: how well the source model's own predictions foretell the target label.

    `1/N sum_i log sum_z P(y_i | z) theta_iz`, with `theta_iz` the probability of source class `z`
    for row `i` and `P(y, z) = 1/N sum_{i: y_i = y} theta_iz`. In nats, at most 0, higher is better.
    Several public codes leave the logarithm out. `O(N Z)`.

    Parameters
    ----------
    probabilities
        Column of Array or List of floats: a distribution over source classes per row, such as
        `softmax` of the logits.
    label
        Column of class labels.

    Returns
    -------
    Expr
        Float64, one value.

    References
    ----------
    Nguyen et al., "LEEP: a new measure to evaluate transferability of learned representations",
    ICML 2020 (arXiv 2002.12462).

    Examples
    --------
    >>> import polars as pl
    >>> import polars_transferability as pt
    >>> rows = pl.DataFrame(
    ...     {"p": [[0.5, 0.5], [0.5, 0.5], [0.5, 0.5], [0.5, 0.5]], "label": [0, 0, 1, 1]}
    ... )
    >>> rows.select(pt.leep("p", "label").round(4)).item()  # says nothing: minus the label entropy
    -0.6931
    """
    return _score(settings_of("leep"), probabilities=probabilities, label=label)


@catalogued(
    Inputs.SOURCE_LABEL,
    range="-log C to 0, nats",
    cost=Cost.COUNTS,
)
def nce(source_label: str | pl.Expr, label: str | pl.Expr) -> pl.Expr:
    """NCE: negative conditional entropy of the target label given the predicted source label.

    `-H(Y | Z) = sum_yz P(y, z) log P(y | z)` over the rows. In nats, between `-log C` and 0, higher
    is better; 0 where the source label decides the target label. Some public code adds 1e-5 to the
    counts, or pairs labels of different rows. `O(N log N)`.

    Parameters
    ----------
    source_label
        Column of source classes: the argmax of the source model's probabilities.
    label
        Column of class labels of the same rows.

    Returns
    -------
    Expr
        Float64, one value.

    References
    ----------
    Tran, Nguyen and Hassner, "Transferability and hardness of supervised classification tasks",
    ICCV 2019 (arXiv 1908.08142).

    Examples
    --------
    >>> import polars as pl
    >>> import polars_transferability as pt
    >>> rows = pl.DataFrame({"z": ["a", "a", "b", "b"], "label": [0, 0, 1, 1]})
    >>> rows.select(pt.nce("z", "label")).item()
    0.0
    """
    return _score(settings_of("nce"), source_label=source_label, label=label)


@catalogued(
    Inputs.EMBEDDING,
    range="-inf to 0, nats",
    cost=Cost.ITERATIONS,
    checks={
        "components": or_none(integer_from(1)),
        "energy": share,
        "covariance": choice(MixtureCovariance),
        "seed": integer_from(0),
    },
)
def nleep(
    embedding: str | pl.Expr,
    label: str | pl.Expr,
    *,
    components: int | None = None,
    energy: float = 0.8,
    covariance: MixtureCovariance = "full",
    seed: int = 0,
) -> pl.Expr:
    """N-LEEP: LEEP with the components of a Gaussian mixture in place of source classes.

    Features are reduced to the principal axes with `energy` of their variance, a mixture is fitted
    by EM, and each row's posterior over components goes into `leep`. In nats, at most 0, higher is
    better. Many components for few rows raise it towards 0 whatever the labels are: compare values
    at the same number of rows and components. Public code is unseeded, leaves the logarithm out, or
    takes a tenth of the rows as components.

    Parameters
    ----------
    embedding, label
        Columns of embeddings and class labels.
    components
        Number of components; None for five a class, but no more than half the rows.
    energy
        Share of the variance that is kept, above 0 and at most 1.
    covariance
        Of each component: full, or diagonal, which is faster.
    seed
        Of the start of EM.

    Returns
    -------
    Expr
        Float64, one value.

    References
    ----------
    Li et al., "Ranking neural network checkpoints", CVPR 2021 (arXiv 2011.11200).

    Examples
    --------
    >>> import polars as pl
    >>> import polars_transferability as pt
    >>> rows = pl.DataFrame(
    ...     {"x": [[0.0], [0.1], [0.2], [5.0], [5.1], [5.2]], "label": ["a"] * 3 + ["b"] * 3}
    ... )
    >>> round(rows.select(pt.nleep("x", "label", components=2)).item(), 4) + 0.0
    0.0
    """
    settings = settings_of(
        "nleep", components=components, energy=energy, covariance=covariance, seed=seed
    )
    return _score(settings, embedding=embedding, label=label)


@catalogued(
    Inputs.EMBEDDING,
    range="0 to 1",
    cost=Cost.PAIRS,
    checks={"k": integer_from(1), "metric": choice(Metric), "ties": choice(Ties)},
    by_default=True,
    alias="knn",
)
def knn_accuracy(
    embedding: str | pl.Expr,
    label: str | pl.Expr,
    *,
    k: int = 5,
    metric: Metric = "euclidean",
    ties: Ties = "first",
    fit: str | pl.Expr | None = None,
) -> pl.Expr:
    """Accuracy of the k nearest neighbours: leave-one-out, or of one part of the rows on the other.

    Between 0 and 1, higher is better; the best ranker of models on average in a comparison of 23
    scores (arXiv 2503.18528). Each row gets the class that most of its `k` nearest rows have.
    Distances are exact; among rows at equal distance the one that comes first is nearer, so where
    rows are repeated in several classes their order matters. Code that takes the nearest row to be
    the row itself breaks on duplicates. `O(N^2 D)`.

    Parameters
    ----------
    embedding, label
        Columns of embeddings and class labels.
    k
        Number of neighbours.
    metric
        Euclidean distance, or the angle.
    ties
        Of the classes with as many votes, the first in order (by number or by text) wins, as in
        scikit-learn; or the one with the nearest neighbour, which no renaming of classes changes.
    fit
        Boolean column: neighbours are looked for among these rows, and the others are classified.
        None: every row is classified by all others.

    Returns
    -------
    Expr
        Float64, one value.

    Examples
    --------
    >>> import polars as pl
    >>> import polars_transferability as pt
    >>> rows = pl.DataFrame(
    ...     {"x": [[0.0], [0.1], [0.3], [5.0], [5.1], [0.2]], "label": ["a"] * 3 + ["b"] * 3}
    ... )
    >>> rows.select(pt.knn_accuracy("x", "label", k=1).round(4)).item()
    0.6667
    """
    settings = settings_of("knn_accuracy", k=k, metric=metric, ties=ties)
    return _score(settings, embedding=embedding, label=label, fit=fit)


@catalogued(
    Inputs.EMBEDDING,
    range="struct; accuracy 0 to 1",
    cost=Cost.ITERATIONS,
    checks={
        "l2": or_none(number_above(0)),
        "tolerance": number_above(0),
        "seed": integer_from(0),
    },
    fields={
        "loss": Better.LOWER,
        "accuracy": Better.HIGHER,
        "train_loss": Better.LOWER,
        "l2": Better.NEITHER,
    },
)
def linear_probe(
    embedding: str | pl.Expr,
    label: str | pl.Expr,
    *,
    fit: str | pl.Expr | None = None,
    l2: float | None = None,
    tolerance: float = 1e-7,
    seed: int = 0,
) -> pl.Expr:
    """Linear probe: multinomial logistic regression on standardised features.

    Minimises mean cross-entropy plus `l2 / 2 |W|^2` with a free bias, which is scikit-learn's
    `LogisticRegression` with `C = 1 / (l2 N)` (of two classes, for which that fits one row of
    weights, `2 / (l2 N)`), to the end; PARC's probe stops after 20 steps.

    Parameters
    ----------
    embedding, label
        Columns of embeddings and class labels.
    fit
        Boolean column: the rows to fit; loss and accuracy are those of the others. None: all rows
        serve for both, and the accuracy is that of rows already seen.
    l2
        Strength of the penalty; None chooses it by the loss on a quarter of the fit rows.
    tolerance
        Largest entry of the objective's gradient at which the fit ends, like scikit-learn's `tol`.
        By default the loss is right to about six digits; 1e-5 is enough for three or four and saves
        a third of the time.
    seed
        Of the choice of that quarter. The same seed chooses the same rows, in whatever order they
        stand and whatever the classes are called.

    Returns
    -------
    Expr
        Struct of `loss` and `train_loss` (nats, lower is better), `accuracy` (higher is better) and
        the `l2` used.

    Examples
    --------
    >>> import polars as pl
    >>> import polars_transferability as pt
    >>> rows = pl.DataFrame(
    ...     {"x": [[0.0], [0.4], [1.0], [2.0], [2.5], [3.0]], "label": ["a"] * 3 + ["b"] * 3}
    ... )
    >>> probe = rows.select(pt.linear_probe("x", "label", l2=0.01)).unnest("linear_probe")
    >>> probe["accuracy"].item()
    1.0
    """
    settings = settings_of("linear_probe", l2=l2, tolerance=tolerance, seed=seed)
    return _score(settings, embedding=embedding, label=label, fit=fit)


@catalogued(
    Inputs.EMBEDDING,
    range="-100 to 100",
    cost=Cost.PAIRS,
    checks={
        "pca": or_none(integer_from(2)),
        "max_rows": integer_from(3),
        "seed": integer_from(0),
    },
)
def parc(
    embedding: str | pl.Expr,
    label: str | pl.Expr,
    *,
    pca: int | None = 32,
    max_rows: int = 2000,
    seed: int = 0,
) -> pl.Expr:
    """PARC: do rows of one class have correlated features.

    100 times Spearman's correlation, over all pairs of rows, of `1 - corr` of their features and `1
    - corr` of their one-hot labels. Between -100 and 100, higher is better. Features are reduced to
    `pca` principal axes and standardised. The authors' headline figures add the depth of the
    network, which is not part of this. `O(n^2 log n)` for the `n` rows drawn.

    Parameters
    ----------
    embedding, label
        Columns of embeddings and class labels.
    pca
        Number of principal axes; None for the features as they are.
    max_rows
        Most rows that are compared; more are drawn from. The authors take 500.
    seed
        Of that draw, which depends on what the rows hold and not on their order. Correlations that
        are equal but for rounding, as those of repeated rows are, tie.

    Returns
    -------
    Expr
        Float64, one value.

    References
    ----------
    Bolya, Mittapalli and Hoffman, "Scalable diverse model selection for accessible transfer
    learning", NeurIPS 2021 (arXiv 2111.06977).

    Examples
    --------
    >>> import polars as pl
    >>> import polars_transferability as pt
    >>> rows = pl.DataFrame(
    ...     {
    ...         "x": [[0.0, 1.0, 0.1], [0.2, 1.0, 0.0], [1.0, 0.0, 0.3], [1.1, 0.1, 0.0]],
    ...         "label": ["a", "a", "b", "b"],
    ...     }
    ... )
    >>> -100 <= rows.select(pt.parc("x", "label")).item() <= 100
    True
    """
    settings = settings_of("parc", pca=pca, max_rows=max_rows, seed=seed)
    return _score(settings, embedding=embedding, label=label)


@catalogued(
    Inputs.EMBEDDING,
    range="-inf to 0, nats",
    cost=Cost.DECOMPOSITION,
)
def sfda(embedding: str | pl.Expr, label: str | pl.Expr) -> pl.Expr:
    """SFDA: a Fisher discriminant, fitted again after rows are mixed with other classes.

    Regularised both times; the mean log posterior of the right class under the second. In nats, at
    most 0, higher is better. It depends on the scale of the features, which decides the shrinkage.
    The authors' code leaves the logarithm out, so that many models tie near 1, and overwrites the
    caller's rows. `O(N D^2 + D^3)`.

    Parameters
    ----------
    embedding, label
        Columns of embeddings and class labels.

    Returns
    -------
    Expr
        Float64, one value.

    References
    ----------
    Shao et al., "Not all models are equal: predicting model transferability in a self-challenging
    Fisher space", ECCV 2022 (arXiv 2207.03036).

    Examples
    --------
    >>> import polars as pl
    >>> import polars_transferability as pt
    >>> rows = pl.DataFrame({"x": [[0.0], [1.0], [3.0], [4.0]], "label": [0, 0, 1, 1]})
    >>> rows.select(pt.sfda("x", "label")).item() < 0
    True
    """
    return _score(settings_of("sfda"), embedding=embedding, label=label)


@catalogued(
    Inputs.EMBEDDING,
    range="parts; 0 to 1 over a pool",
    cost=Cost.DECOMPOSITION,
    fields={"energy": Better.HIGHER, "lda": Better.HIGHER},
    pooled=True,
)
def etran(embedding: str | pl.Expr, label: str | pl.Expr) -> pl.Expr:
    """ETran's parts: the features' energy, and how well a linear discriminant separates classes.

    `energy` is the mean log-sum-exp of the features over the 0.5 % of rows where it is least (nats,
    unbounded), `lda` the mean posterior of the right class (between 0 and 1); higher is better for
    both. The published score scales both over the models of a pool: `combine_pool`. The authors'
    code gives an asymmetric matrix to a solver for symmetric ones. `O(N D^2 + D^3)`.

    Parameters
    ----------
    embedding, label
        Columns of embeddings and class labels.

    Returns
    -------
    Expr
        Struct of `energy` and `lda`.

    References
    ----------
    Gholami et al., "ETran: energy-based transferability estimation", ICCV 2023 (arXiv 2308.02027).

    Examples
    --------
    >>> import polars as pl
    >>> import polars_transferability as pt
    >>> rows = pl.DataFrame({"x": [[0.0], [1.0], [3.0], [4.0]], "label": [0, 0, 1, 1]})
    >>> rows.select(pt.etran("x", "label")).unnest("etran").columns
    ['energy', 'lda']
    """
    return _score(settings_of("etran"), embedding=embedding, label=label)


@catalogued(
    Inputs.EMBEDDING,
    range="parts; 0 to 3 over a pool",
    cost=Cost.DECOMPOSITION,
    fields={"seli": Better.HIGHER, "ncc": Better.HIGHER, "variability": Better.HIGHER},
    pooled=True,
)
def ncti(embedding: str | pl.Expr, label: str | pl.Expr) -> pl.Expr:
    """NCTI's parts: how far features are from the geometry in which fine-tuning ends.

    `seli` (nuclear norm of the discriminant coordinates), `ncc` (mean posterior of the right class)
    and `variability` (minus the nuclear norms of the classes' posteriors); higher is better for
    all. The published score scales them over the models of a pool: `combine_pool`. `seli` and
    `variability` grow with the number of rows, so a pool must be measured on the same rows. `O(N D
    min(N, D))`.

    Parameters
    ----------
    embedding, label
        Columns of embeddings and class labels.

    Returns
    -------
    Expr
        Struct of `seli`, `ncc` and `variability`.

    References
    ----------
    Wang et al., "How far pre-trained models are from neural collapse on the target dataset informs
    their transferability", ICCV 2023.

    Examples
    --------
    >>> import polars as pl
    >>> import polars_transferability as pt
    >>> rows = pl.DataFrame({"x": [[0.0], [1.0], [3.0], [4.0]], "label": [0, 0, 1, 1]})
    >>> rows.select(pt.ncti("x", "label")).unnest("ncti").columns
    ['seli', 'ncc', 'variability']
    """
    return _score(settings_of("ncti"), embedding=embedding, label=label)


@catalogued(
    Inputs.EMBEDDING,
    range="-inf to 0, nats",
    cost=Cost.ITERATIONS,
    checks={"strength": number_above(0), "variance": number_above(0)},
    alias="pactran",
    name="pactran_gaussian",
)
@catalogued(
    Inputs.PROBABILITIES,
    range="-inf to 0, nats",
    cost=Cost.ITERATIONS,
    checks={"alpha": number_above(0), "beta": number_above(0)},
    name="pactran_gamma",
)
@catalogued(
    Inputs.PROBABILITIES,
    range="-inf to 0, nats",
    cost=Cost.ITERATIONS,
    checks={"alpha": number_above(0)},
    name="pactran_dirichlet",
)
def pactran(
    embedding: str | pl.Expr,
    label: str | pl.Expr,
    *,
    prior: Prior = "gaussian",
    strength: float = 1.0,
    variance: float = 10.0,
    alpha: float = 1.0,
    beta: float = 1.0,
) -> pl.Expr:
    """PACTran: a PAC-Bayesian bound on the loss of a head on frozen features, negated.

    The mean loss plus the divergence of a posterior over heads from a prior, at the posterior that
    makes it least. The paper's are losses; here they are negated: in nats per row, at most 0,
    higher is better. The authors' code is unseeded, stops after 10 or 100 steps converged or not,
    and divides two of the three by the number of classes too.

    Parameters
    ----------
    embedding
        Column of embeddings for the Gaussian prior; for the others, a column of source
        probabilities.
    label
        Column of class labels.
    prior
        Over a linear head on the features (gaussian), or over tables from source to target class.
    strength, variance
        Of the Gaussian prior: how little the weights are held back, and how much curvature counts.
        From 1e-100 to 1e100.
    alpha, beta
        Of the Dirichlet (alpha) and Gamma prior. From 1e-6 to 1e6.

    Returns
    -------
    Expr
        Float64, one value.

    References
    ----------
    Ding et al., "PACTran: PAC-Bayesian metrics for estimating the transferability of pretrained
    models to classification tasks", ECCV 2022 (arXiv 2203.05126).

    Examples
    --------
    >>> import polars as pl
    >>> import polars_transferability as pt
    >>> rows = pl.DataFrame({"x": [[0.0], [1.0], [3.0], [4.0]], "label": [0, 0, 1, 1]})
    >>> rows.select(pt.pactran("x", "label")).item() < 0
    True
    """
    one_of("prior", prior, get_args(Prior))
    # All are checked, whichever is used: a wrong option must not pass because another prior is set.
    settings = {
        "gaussian": settings_of("pactran_gaussian", strength=strength, variance=variance),
        "dirichlet": settings_of("pactran_dirichlet", alpha=alpha),
        "gamma": settings_of("pactran_gamma", alpha=alpha, beta=beta),
    }[prior]
    vectors = "embedding" if prior == "gaussian" else "probabilities"
    return _score(settings, column="pactran", **{vectors: embedding}, label=label)


@catalogued(
    Inputs.PREDICTIONS,
    range="1/Z to 1",
    cost=Cost.DECOMPOSITION,
)
def nuclear_norm(probabilities: str | pl.Expr) -> pl.Expr:
    """Nuclear norm of the source model's predictions: how sure and how diverse they are.

    `sum_k s_k / sqrt(N min(N, Z))`, with `s_k` the singular values of the `N x Z` matrix of
    probabilities; the divisor is the largest value that the sum can have, as in the paper. No label
    is read. Between `1 / sqrt(Z min(N, Z))`, which is `1 / Z` from `Z` rows on, for uniform rows,
    and 1, for certain rows that name every class as often; higher is better. Certain rows of one
    class have only `1 / sqrt(min(N, Z))`. Compare at the same `Z` only. Rows are divided by their
    sums. Public code leaves the divisor out, or divides by `N` alone, so that values depend on the
    number of rows. `O(N Z^2)`.

    Parameters
    ----------
    probabilities
        Column of Array or List of floats: a distribution over source classes per row, such as
        `softmax` of the logits.

    Returns
    -------
    Expr
        Float64, one value.

    Raises
    ------
    polars.exceptions.ComputeError
        In the query: a negative probability, or a row that does not sum to 1 within 1e-3.

    References
    ----------
    Deng et al., "Confidence and dispersity as signals: unsupervised model evaluation and ranking"
    (arXiv 2510.02956); "Confidence and dispersity speak", ICML 2023 (arXiv 2302.01094).

    Examples
    --------
    >>> import polars as pl
    >>> import polars_transferability as pt
    >>> rows = pl.DataFrame({"p": [[1.0, 0.0], [0.0, 1.0]], "flat": [[0.5, 0.5], [0.5, 0.5]]})
    >>> norms = rows.select(pt.nuclear_norm("p"), pt.nuclear_norm("flat").alias("flat"))
    >>> norms.select(pl.all().round(6)).row(0)
    (1.0, 0.5)
    """
    return _score(settings_of("nuclear_norm"), probabilities=probabilities)


@catalogued(
    Inputs.PREDICTIONS,
    range="-log Z to 0, nats",
    cost=Cost.COUNTS,
)
def prediction_entropy(probabilities: str | pl.Expr) -> pl.Expr:
    """Entropy of the source model's predictions, negated: how sure they are.

    `1/N sum_i sum_z P_iz log P_iz` over the `N x Z` matrix of probabilities, minus the mean entropy
    of a row. No label is read. In nats, between `-log Z` for uniform rows and 0 for certain ones;
    higher is better. It does not see which classes are predicted, so a model that calls every row
    the same has the best value: `nuclear_norm` sees that. Compare at the same `Z` only. Rows are
    divided by their sums. Some public code adds a small number to the probabilities. `O(N Z)`, and
    a sort of the rows.

    Parameters
    ----------
    probabilities
        As for `nuclear_norm`.

    Returns
    -------
    Expr
        Float64, one value.

    Raises
    ------
    polars.exceptions.ComputeError
        As for `nuclear_norm`.

    References
    ----------
    A measure of confidence in Deng et al., "Confidence and dispersity as signals" (arXiv
    2510.02956), and what TETOT is compared with (arXiv 2405.01451).

    Examples
    --------
    >>> import polars as pl
    >>> import polars_transferability as pt
    >>> rows = pl.DataFrame({"p": [[0.5, 0.5], [1.0, 0.0]]})
    >>> rows.select(pt.prediction_entropy("p").round(4)).item()  # half of -log 2
    -0.3466
    """
    return _score(settings_of("prediction_entropy"), probabilities=probabilities)


def _score(
    settings: dict[str, Any], *, column: str | None = None, **given: str | pl.Expr | None
) -> pl.Expr:
    inputs, columns = score_input(**given)
    kwargs = {"score": settings, "columns": columns}
    return scalar_plugin("score", inputs, kwargs, column=column or settings["score"])


def score_input(**given: str | pl.Expr | None) -> tuple[list[pl.Expr], dict[str, str]]:
    """Return one struct of the columns given, and what messages call them."""
    # Moments have their labels inside; the native side sees whether these are some.
    optional = {"fit", "label"} if "embedding" in given else {"fit"}
    for argument, column in given.items():
        if argument not in optional:
            one_column(argument, column)
    columns = {name: optional_column(name, column) for name, column in given.items()}
    present = {name: column for name, column in columns.items() if column is not None}
    names = dict.fromkeys(("embedding", "label", "probabilities", "source_label"), "")
    names |= {name: column_name(column) for name, column in present.items() if name in names}
    return [pl.struct([column.alias(name) for name, column in present.items()])], names
