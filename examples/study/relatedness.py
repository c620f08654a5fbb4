"""How near tasks are by their bounds, in which direction, and whether that makes sense.

    python examples/study/relatedness.py [ZOO]

How near a source is to a target is the bound as a share of the loss of guessing, mean over models:
0 would be perfect, 1 says nothing. Families are tasks that people would call alike; whether the
nearest source is of the target's family tests whether bounds see that.
"""

from __future__ import annotations

import polars as pl
import results
from zoo import Zoo, show, zoo_named

FAMILIES = {
    "handwritten characters": ("mnist", "usps", "kmnist", "omniglot50"),
    "photos of objects": ("cifar10", "coil20"),
    "intents": ("banking77", "clinc10dom", "snips"),
    "sentiment": ("sst2", "cr"),
}


def related(zoo: Zoo, domain: str) -> pl.DataFrame:
    """Return `share`, the mean bound as a share of guessing, of each source and target."""
    bounds = results.bounds(zoo, domain, source_rows="all")
    share = pl.col("bound") / pl.col("trivial_loss")
    return (
        bounds.group_by("source", "target", maintain_order=True)
        .agg(share=share.mean())
        .sort("source", "target")
    )


def asymmetry(pairs: pl.DataFrame) -> pl.DataFrame:
    """Return how far the two directions of a pair differ, and in which pair most.

    `explained` is the share of the variance of all ordered pairs that is a difference between the
    two directions of a pair. Of what is left, which of two tasks is the target says nothing.
    """
    back = pairs.select(source="target", target="source", back="share")
    both = pairs.join(back, on=["source", "target"]).with_columns(
        difference=pl.col("back") - pl.col("share")
    )
    squares = both.select(
        explained=(pl.col("difference") ** 2).sum() / 4 / pl.col("share").var(ddof=0) / pl.len()
    )
    most = both.sort("difference", "source").tail(1)
    return pl.concat(
        [
            both.select(mean_difference=pl.col("difference").abs().mean()),
            squares,
            most.select("source", "target", "share", "back"),
        ],
        how="horizontal",
    )


def nearest(zoo: Zoo, domain: str) -> pl.DataFrame:
    """Return the nearest and the farthest source of each target, and how many models agree."""
    of_targets = (
        related(zoo, domain)
        .sort("share", "source")
        .group_by("target", maintain_order=True)
        .agg(
            nearest=pl.col("source").first(),
            share=pl.col("share").first(),
            farthest=pl.col("source").last(),
            share_of_farthest=pl.col("share").last(),
        )
    )
    lowest = results.bounds(zoo, domain, source_rows="all").sort("bound", "source")
    of_models = lowest.group_by("target", "model").agg(pl.col("source").first())
    agree = (
        of_models.join(of_targets, on="target")
        .group_by("target")
        .agg(agree=(pl.col("source") == pl.col("nearest")).sum(), models=pl.len())
    )
    return of_targets.join(agree, on="target", maintain_order="left")


def families(pairs: pl.DataFrame) -> pl.DataFrame:
    """Return the place of a target's nearest relative among its sources, and that by chance."""
    family = {task: name for name, tasks in FAMILIES.items() for task in tasks}
    ranked = pairs.sort("share", "source").with_columns(
        family=pl.col("target").replace_strict(family, default=None),
        of_source=pl.col("source").replace_strict(family, default=None),
        place=pl.col("share").rank("min").over("target"),
    )
    relative = pl.col("family") == pl.col("of_source")
    of_targets = ranked.group_by("family", "target").agg(
        nearest_relative=pl.col("source").filter(relative).first(),
        place=pl.col("place").filter(relative).first(),
        sources=pl.len(),
        by_chance=(pl.len() + 1) / (relative.sum() + 1),
    )
    return of_targets.drop_nulls("place").sort("family", "target")


def main() -> None:
    """Print the tables of the zoo that the command line names."""
    zoo = zoo_named()
    for domain in zoo.domains():
        pairs = related(zoo, domain)
        matrix = pairs.pivot("target", index="source", values="share")
        show(f"{domain}: bounds as shares of guessing, source in rows, target in columns", matrix)
        show(f"{domain}: directions", asymmetry(pairs))
        show(f"{domain}: sources of each target", nearest(zoo, domain))
        show(f"{domain}: the place of the nearest relative", families(pairs))


if __name__ == "__main__":
    main()
