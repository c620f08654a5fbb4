"""Where bound and consensus choose a worse model than there is, and which models they misjudge.

    python examples/study/where_it_fails.py [ZOO]

A choice costs what its accuracy is below that of the best model on the target. Whether that is more
than chance is judged by the standard errors of the two accuracies on the truth's test rows, as if
they were independent; they are of the same rows, so the test errs on the side of chance. Beside
each choice stand the terms of the lowest bound, its source, and the widths of the two models.
"""

from __future__ import annotations

import polars as pl
import results
from does_it_predict import rankers
from zoo import Zoo, show, zoo_named

BOUND = "bound (all rows), lowest"
CONSENSUS = "consensus of bound (all rows), kNN, LogME"
JUDGED = (BOUND, CONSENSUS)
TERMS = ("source_loss", "label_mismatch", "distribution_mismatch")
NORMAL = 1.96


def choices(zoo: Zoo, domain: str) -> pl.DataFrame:
    """Return for each ranker and target the model it chooses, the best one, and what lies between.

    Of models that a ranker has equal, it chooses the one that comes first by name.
    """
    found = rankers(zoo, domain).filter(pl.col("ranker").is_in(JUDGED))
    descending = [True, False]
    chosen = (
        found.sort("value", "model", descending=descending).group_by("ranker", "target").first()
    )
    best = (
        found.sort("accuracy", "model", descending=descending).group_by("ranker", "target").first()
    )
    facts = _facts(zoo, domain)
    both = chosen.join(best, on=["ranker", "target"], suffix="_of_best")
    points = 100 * (pl.col("accuracy_of_best") - pl.col("accuracy"))
    noise = 100 * NORMAL * (pl.col("error") ** 2 + pl.col("error_of_best") ** 2).sqrt()
    return (
        both.select("ranker", "target", "model", "model_of_best", regret=points, noise=noise)
        .join(facts, on=["model", "target"], how="left")
        .join(
            facts.rename(lambda name: name if name == "target" else f"{name}_of_best"),
            on=["model_of_best", "target"],
            how="left",
        )
        .sort("ranker", "regret", "target", descending=[False, True, False])
    )


def _facts(zoo: Zoo, domain: str) -> pl.DataFrame:
    """Return of each model and target the width, and source and terms of the lowest bound."""
    bounds = results.bounds(zoo, domain, source_rows="all").sort("bound", "source")
    lowest = bounds.group_by("target", "model").first()
    widths = zoo.models(domain).select("model", "dim")
    return lowest.join(widths, on="model").select(
        "model", "target", "dim", "source", "bound", "state", *TERMS, "target_loss"
    )


def misjudged(zoo: Zoo, domain: str) -> pl.DataFrame:
    """Return how many places each model is ranked too high, mean over targets.

    A negative number says that a model is better than the ranker has it.
    """
    found = rankers(zoo, domain).filter(pl.col("ranker").is_in(JUDGED))

    def place(column: str) -> pl.Expr:
        return pl.col(column).rank(descending=True).over("ranker", "target")

    errors = found.with_columns(too_high=place("accuracy") - place("value"))
    of_models = errors.group_by("ranker", "model").agg(
        pl.mean("too_high"), most=pl.col("too_high").abs().max(), accuracy=pl.mean("accuracy")
    )
    widths = zoo.models(domain).select("model", "dim")
    return of_models.join(widths, on="model").sort(
        "ranker", "too_high", "model", descending=[False, True, False]
    )


def main() -> None:
    """Print the tables of the zoo that the command line names."""
    zoo = zoo_named()
    for domain in zoo.domains():
        show(f"{domain}: choices", choices(zoo, domain))
        show(f"{domain}: misjudged", misjudged(zoo, domain))


if __name__ == "__main__":
    main()
