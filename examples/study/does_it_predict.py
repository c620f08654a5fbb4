"""How well bounds, scores and their consensus rank models by what they do on a new task.

    python examples/study/does_it_predict.py [ZOO]

Every ranker gives each model a number for each target, higher for better; the truth is the accuracy
of a linear probe at full width. Four statistics of a ranker are taken over the models of a target
and printed as means over targets. Each has two intervals: of other targets (they are drawn again,
2,000 times) and of other models (they are drawn again for all targets alike, 200 times). A ranker
that ranks all models of a target alike has a correlation of 0 there.
"""

from __future__ import annotations

import numpy as np
import polars as pl
import polars_transferability as pt
import results
from zoo import Zoo, show, zoo_named

BOUNDS = {
    "bound": {},
    "bound (all rows)": {"source_rows": "all"},
    "bound (head cost)": {"ground_cost": "head"},
    "bound (Euclidean cost)": {"ground_cost": "euclidean"},
    "bound (Euclidean cost, empirical)": {"ground_cost": "euclidean", "lipschitz": "empirical"},
}
TARGET_LOSSES = {
    "target loss": "bound",
    "target loss (all rows)": "bound (all rows)",
}
CEILING = "linear probe on the same rows"
CONSENSUS = {
    "consensus of kNN, LogME": ("knn_accuracy", "logme"),
    "consensus of bound, kNN, LogME": ("bound, lowest", "knn_accuracy", "logme"),
    "consensus of bound (all rows), kNN, LogME": (
        *("bound (all rows), lowest", "knn_accuracy", "logme"),
    ),
    "consensus of bound (all rows), LogME": ("bound (all rows), lowest", "logme"),
    "consensus of linear probe, LogME": (CEILING, "logme"),
}
ELSEWHERE, PARAMETERS, CHANCE = "mean accuracy elsewhere", "number of parameters", "chance"
# Targets of so many classes are looked at by themselves, too: there most scores are weakest.
MANY_CLASSES = 6
# A bound that is no better than guessing says no more than that, however far it is above; so such
# models are equal. Their bounds differ by what the classes' shares differ between splits.
BETTER = "better than guessing"
SAID = pl.when(pl.col("state") == BETTER).then(pl.col("bound")).otherwise(pl.col("trivial_loss"))
# Columns that start so are parts of scores.
PARTS = ("linear_probe_", "etran_", "ncti_")

CORRELATIONS, CHOICES = ("weighted_tau", "spearman"), ("top_3_recall", "regret_at_1")
STATISTICS = (*CORRELATIONS, *CHOICES)
TARGET_DRAWS, MODEL_DRAWS, SEED = 2000, 200, 0
LOW, HIGH = 0.025, 0.975


def rankers(zoo: Zoo, domain: str) -> pl.DataFrame:
    """Return a row for each ranker, target and model: `value`, and `accuracy`, which is the truth.

    `classes` are those of the target. The column `kind` says what a ranker is made of. A model that
    a ranker has no value of is not `judged`, and comes last, because nobody would choose it by that
    ranker.
    """
    truth = zoo.truth(domain)
    found = pl.concat([_bounds(zoo, domain), _scores(zoo, domain), _trivial(zoo, domain, truth)])
    together = [_consensus(found, name, parts) for name, parts in CONSENSUS.items()]
    found = pl.concat([found, *together])
    if len(zoo.tasks(domain)) == 2:
        # Each target has one source then, and its bound is the lowest, the mean and the fixed one.
        found = found.filter(~pl.col("ranker").str.contains(", (mean|fixed source)$"))
    found = found.join(truth, on=["model", "target"], maintain_order="left")
    classes = zoo.tasks(domain).select("classes", target="task")
    found = found.join(classes, on="target", maintain_order="left")
    last = pl.col("value").min().over("ranker", "target") - 1
    return found.with_columns(
        value=pl.col("value").fill_null(last), judged=pl.col("value").is_not_null()
    )


def fixed_source(zoo: Zoo, domain: str) -> pl.Expr:
    """Return which bounds are from the task with the most classes, and to it from the next."""
    first, second = zoo.tasks(domain)["task"].head(2)
    source = pl.when(pl.col("target") == first).then(pl.lit(second)).otherwise(pl.lit(first))
    return pl.col("source") == source


def _ranker(kind: str, name: str, rows: pl.DataFrame) -> pl.DataFrame:
    return rows.select(
        pl.lit(kind).alias("kind"),
        pl.lit(name).alias("ranker"),
        "target",
        "model",
        pl.col("value").cast(pl.Float64),
    )


def _bounds(zoo: Zoo, domain: str) -> pl.DataFrame:
    """Return as rankers the bounds, and the losses that they bound, by several sources as one."""
    of_options = {name: results.bounds(zoo, domain, **options) for name, options in BOUNDS.items()}
    losses = {name: (name, SAID) for name in BOUNDS}
    losses |= {name: (bound, pl.col("target_loss")) for name, bound in TARGET_LOSSES.items()}
    found = []
    for name, (bound, loss) in losses.items():
        rows = of_options[bound].with_columns(value=-loss)
        fixed = rows.filter(fixed_source(zoo, domain))
        found += [
            _ranker("bound", f"{name}, lowest", _of_sources(rows, pl.max("value"))),
            _ranker("bound", f"{name}, mean", _of_sources(rows, pl.mean("value"))),
            _ranker("bound", f"{name}, fixed source", fixed),
        ]
    return pl.concat(found)


def _of_sources(rows: pl.DataFrame, value: pl.Expr) -> pl.DataFrame:
    """Return one value for each model and target, of those from several sources."""
    return rows.group_by("target", "model", maintain_order=True).agg(value)


def _scores(zoo: Zoo, domain: str) -> pl.DataFrame:
    """Return all scores as rankers; of those from several sources, the highest and the mean."""
    one = results.scores(zoo, domain)
    names = one.columns[one.columns.index("target") + 1 : one.columns.index("n")]
    found = [
        _ranker("score", name, one.with_columns(value=pl.col(name)))
        for name in names
        if not name.startswith(PARTS)
    ]
    two = results.scores_of_two_tasks(zoo, domain)
    for name in two.drop("model", "source", "target").columns:
        rows = two.with_columns(value=pl.col(name))
        found += [
            _ranker("score", f"{name}, highest", _of_sources(rows, pl.max("value"))),
            _ranker("score", f"{name}, mean", _of_sources(rows, pl.mean("value"))),
        ]
    probe = one.with_columns(value=pl.col("linear_probe_accuracy"))
    return pl.concat([*found, _ranker("ceiling", CEILING, probe)])


def _trivial(zoo: Zoo, domain: str, truth: pl.DataFrame) -> pl.DataFrame:
    """Return what ranks models without a look at any embedding."""
    known = truth.join(zoo.models(domain), on="model", maintain_order="left")
    others = (pl.col("accuracy").sum() - pl.col("accuracy")) / (pl.len() - 1)
    values = {
        ELSEWHERE: others.over("model"),
        PARAMETERS: pl.col("params_million"),
        CHANCE: pl.lit(0),
    }
    return pl.concat(
        _ranker("trivial", name, known.with_columns(value=value)) for name, value in values.items()
    )


def _consensus(found: pl.DataFrame, name: str, parts: tuple[str, ...]) -> pl.DataFrame:
    together = found.filter(pl.col("ranker").is_in(parts)).pivot(
        "ranker", index=["target", "model"], values="value"
    )
    value = pt.consensus(*parts).over("target")
    return _ranker("consensus", name, together.with_columns(value=value))


def quality(found: pl.DataFrame, *groups: str) -> pl.DataFrame:
    """Return the statistics of each ranker over the models of each target."""
    score, truth = "value", "accuracy"
    return found.group_by("kind", "ranker", "target", *groups, maintain_order=True).agg(
        pt.weighted_tau(score, truth).fill_null(0).alias("weighted_tau"),
        pt.spearman(score, truth).fill_null(0).alias("spearman"),
        pt.top_k_recall(score, truth, k=3).alias("top_3_recall"),
        (100 * pt.regret_at_k(score, truth, k=1)).alias("regret_at_1"),
    )


def summary(found: pl.DataFrame) -> pl.DataFrame:
    """Return the means over targets with their intervals, for each ranker, the best first."""
    of_targets = quality(found)
    of_ranker = of_targets.group_by("kind", "ranker", maintain_order=True)
    means = of_ranker.agg(
        pl.col(STATISTICS).mean(),
        *(_over_targets(name).alias(f"{name}_targets") for name in STATISTICS),
    )
    return means.join(_over_models(found), on=["kind", "ranker"], maintain_order="left").sort(
        "weighted_tau", descending=True, maintain_order=True
    )


def of_many_classes(found: pl.DataFrame) -> pl.DataFrame:
    """Return the mean weighted tau of each ranker over targets of many classes, the best first."""
    of_targets = quality(found.filter(pl.col("classes") >= MANY_CLASSES))
    means = of_targets.group_by("kind", "ranker", maintain_order=True).agg(pl.mean("weighted_tau"))
    return means.sort("weighted_tau", descending=True, maintain_order=True)


def _over_targets(name: str) -> pl.Expr:
    """Return the interval of a mean over targets, if other targets had been at hand."""
    return pl.col(name).map_batches(_interval_of_mean, returns_scalar=True, return_dtype=PAIR)


PAIR = pl.List(pl.Float64)


def _interval_of_mean(values: pl.Series) -> list[float]:
    numbers = values.to_numpy()
    drawn = np.random.default_rng(SEED).integers(len(numbers), size=(TARGET_DRAWS, len(numbers)))
    return list(np.quantile(numbers[drawn].mean(axis=1), [LOW, HIGH]))


def _over_models(found: pl.DataFrame) -> pl.DataFrame:
    """Return the intervals of the means over targets, if other models had been at hand."""
    models = found["model"].unique().sort()
    places = np.random.default_rng(SEED).integers(len(models), size=(MODEL_DRAWS, len(models)))
    draws = pl.DataFrame(
        {
            "model": models.gather(places.ravel()),
            "draw": np.repeat(np.arange(MODEL_DRAWS), len(models)),
        }
    )
    of_draws = quality(found.join(draws, on="model"), "draw")
    means = of_draws.group_by("kind", "ranker", "draw").agg(pl.col(STATISTICS).mean())
    ends = [
        pl.concat_list(pl.col(name).quantile(LOW), pl.col(name).quantile(HIGH))
        .first()
        .alias(f"{name}_models")
        for name in STATISTICS
    ]
    return means.group_by("kind", "ranker").agg(ends)


def difference(found: pl.DataFrame, first: str, second: str) -> tuple[float, float, float]:
    """Return how much higher the weighted tau of one ranker is, and the interval over targets."""
    taus = quality(found.filter(pl.col("ranker").is_in([first, second]))).pivot(
        "ranker", index="target", values="weighted_tau"
    )
    by_target = taus[first] - taus[second]
    low, high = _interval_of_mean(by_target)
    return float(by_target.mean()), low, high


def shortlists(zoo: Zoo, domain: str) -> pl.DataFrame:
    """Return for each target how many models kNN calls as good as the best within the noise."""
    sure = results.rank_confidence(zoo, domain).join(zoo.truth(domain), on=["model", "target"])
    listed, best = pl.col("rank_low") == 1, pl.col("accuracy") == pl.col("accuracy").max()
    return sure.group_by("target", maintain_order=True).agg(
        listed=listed.sum(),
        has_best=(best & listed).any(),
        first_is_best=(best & (pl.col("p_best") == pl.col("p_best").max())).any(),
    )


def main() -> None:
    """Print the tables of the zoo that the command line names."""
    zoo = zoo_named()
    for domain in zoo.domains():
        found = rankers(zoo, domain)
        show(f"{domain}: means over targets", summary(found))
        show(f"{domain}: over targets of many classes", of_many_classes(found))
        show(f"{domain}: the shortlist of kNN for each target", shortlists(zoo, domain))


if __name__ == "__main__":
    main()
