"""What each transform of a bound is worth, and the paper's cost beside the one used here.

    python examples/study/transforms.py [ZOO]

The transforms are the paper's FixedAll ("identity"), LearnedA ("features") and LearnedAll ("all"),
each with the margin cost, and with the paper's own: Euclidean with an empirical constant, which
certifies nothing. Means are over all models and pairs of tasks. To rank models, each has its lowest
bound over the sources.
"""

from __future__ import annotations

from typing import Any

import polars as pl
import results
from does_it_predict import SAID, quality
from zoo import Zoo, show, zoo_named

PAPER = {"ground_cost": "euclidean", "lipschitz": "empirical"}
TRANSFORMS = ("identity", "features", "all")
CHOICES: list[dict[str, Any]] = [
    *({"transform": transform} for transform in TRANSFORMS),
    {"transform": "all", "source_rows": "all"},
    *({"transform": transform, **PAPER} for transform in TRANSFORMS),
]
# What the options are where a choice does not name them.
DEFAULTS = {"ground_cost": "margin", "source_rows": "held-out"}


def worth(zoo: Zoo, domain: str) -> pl.DataFrame:
    """Return what the bounds of each choice of options are like."""
    return pl.concat(_of_choice(zoo, domain, choice) for choice in CHOICES)


def bounds_of(zoo: Zoo, domain: str, choice: dict[str, Any]) -> pl.DataFrame:
    """Return the bounds with a choice of options; those with the defaults are computed once."""
    options = {name: value for name, value in choice.items() if (name, value) != DEFAULT}
    return results.bounds(zoo, domain, **options)


# `transform` is "all" unless it is given.
DEFAULT = ("transform", "all")


def _of_choice(zoo: Zoo, domain: str, choice: dict[str, Any]) -> pl.DataFrame:
    bounds = bounds_of(zoo, domain, choice)
    options = {**DEFAULTS, **choice}
    state, bound = pl.col("state"), pl.col("bound")
    of_models = bounds.group_by("target", "model").agg(value=-SAID.min())
    ranked = of_models.join(zoo.truth(domain), on=["model", "target"]).with_columns(
        kind=pl.lit("bound"), ranker=pl.lit("bound")
    )
    return bounds.select(
        *(
            pl.lit(options[name]).alias(name)
            for name in ("transform", "ground_cost", "source_rows")
        ),
        bounds=pl.len(),
        bound=bound.mean(),
        of_guessing=(bound / pl.col("trivial_loss")).mean(),
        target_loss=pl.col("target_loss").mean(),
        guessing=(state == "no better than guessing").mean(),
        vacuous=(state == "vacuous").mean(),
        # More than rounding may make it.
        below_loss=(pl.col("target_loss") > bound * (1 + 1e-9)).sum(),
        weighted_tau=pl.lit(quality(ranked)["weighted_tau"].mean()),
    )


def main() -> None:
    """Print the tables of the zoo that the command line names."""
    zoo = zoo_named()
    for domain in zoo.domains():
        show(f"{domain}: what each choice is worth", worth(zoo, domain))


if __name__ == "__main__":
    main()
