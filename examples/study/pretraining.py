"""What pretraining, size and layer change: models that differ in one of them, beside each other.

    python examples/study/pretraining.py [ZOO]

For each group of models: mean accuracy by the truth, mean of the lowest bound over the sources and
mean consensus, and on how many targets each model is the best of its group by each of them. Then,
of all pairs within a group whose accuracies differ by more than the noise of the truth, how many
bound and consensus have in the right order.
"""

from __future__ import annotations

import polars as pl
from does_it_predict import rankers
from where_it_fails import BOUND, CONSENSUS, NORMAL
from zoo import Zoo, show, zoo_named

GROUPS = {
    "MobileNetV1 with other pretraining": (
        *("imagenet-mobilenetv1-0.25", "pose-posenet-mobilenetv1", "face-mobilenetv1-agegender"),
    ),
    "ResNets of two depths, both of CIFAR-10": ("cifar10-resnet8", "cifar10-resnet20"),
    "ResNet-20 with and without pretraining": ("cifar10-resnet20", "random-resnet20"),
    "Small and larger, both of ImageNet": (
        *("imagenet-mobilenetv1-0.25", "imagenet-efficientnet-lite0"),
    ),
    "Layers of MiniLM, and a shallower one": (
        *("minilm-l6-layer2", "minilm-l6", "paraphrase-minilm-l3"),
    ),
    "GloVe vectors, averaged in two ways": ("glove-100-mean", "glove-100-sif"),
}


def all_beside(zoo: Zoo, domain: str) -> pl.DataFrame:
    """Return a row for each model and target: `accuracy`, `error`, `bound` and `consensus`."""
    found = rankers(zoo, domain).filter(pl.col("ranker").is_in([BOUND, CONSENSUS]))
    wide = found.with_columns(pl.when("judged").then("value")).pivot(
        "ranker", index=["target", "model", "accuracy", "error"], values="value"
    )
    return wide.with_columns(-pl.col(BOUND).alias("bound")).rename({CONSENSUS: "consensus"})


def beside(zoo: Zoo, domain: str) -> pl.DataFrame:
    """Return the rows of `all_beside` for each group of which the zoo has two models or more."""
    members = pl.DataFrame(
        [(group, model) for group, models in GROUPS.items() for model in models],
        schema=["group", "model"],
        orient="row",
    )
    rows = members.join(all_beside(zoo, domain), on="model", maintain_order="left_right")
    return rows.filter(pl.col("model").n_unique().over("group") > 1)


def of_models(rows: pl.DataFrame) -> pl.DataFrame:
    """Return the means of each model, and on how many targets it is the best of its group."""
    better = {
        "accuracy": pl.col("accuracy"),
        "bound": -pl.col("bound"),
        "consensus": pl.col("consensus"),
    }
    is_best = [
        (value == value.max()).over("group", "target").alias(f"best_by_{name}")
        for name, value in better.items()
    ]
    means = rows.with_columns(is_best).group_by("group", "model", maintain_order=True)
    return means.agg(
        pl.mean(*better),
        *(pl.sum(f"best_by_{name}") for name in better),
        targets=pl.len(),
    )


def in_order(rows: pl.DataFrame) -> pl.DataFrame:
    """Return how many pairs within a group the truth tells apart, and how many are in its order.

    A pair of which a model has no consensus is not judged by it.
    """
    pairs = rows.join(rows, on=["group", "target"], suffix="_2").filter(
        pl.col("model") < pl.col("model_2")
    )
    difference = pl.col("accuracy") - pl.col("accuracy_2")
    noise = NORMAL * (pl.col("error") ** 2 + pl.col("error_2") ** 2).sqrt()

    def agrees(name: str, sign: int) -> pl.Expr:
        return (sign * (pl.col(name) - pl.col(f"{name}_2")) * difference > 0).sum()

    of_groups = pairs.filter(difference.abs() > noise).group_by("group", maintain_order=True)
    counted = of_groups.agg(
        told_apart=pl.len(),
        by_bound=agrees("bound", -1),
        by_consensus=agrees("consensus", 1),
        judged=(pl.col("consensus") - pl.col("consensus_2")).count(),
    )
    all_pairs = pairs.group_by("group", maintain_order=True).agg(pairs=pl.len())
    return all_pairs.join(counted, on="group", how="left", maintain_order="left").fill_null(0)


def main() -> None:
    """Print the tables of the zoo that the command line names."""
    zoo = zoo_named()
    for domain in zoo.domains():
        rows = beside(zoo, domain)
        show(f"{domain}: models of a group", of_models(rows))
        show(f"{domain}: pairs of a group", in_order(rows))


if __name__ == "__main__":
    main()
