"""Bounds of real models from real sources, beside a linear probe of the target's own rows.

Reads `shared/embeddings` beside the checkout: LeNets and MobileNets. Fitted on train rows and
evaluated on test rows, by defaults. The gap is `(bound - probe) / (trivial - probe)`: how much of
the way from what a probe loses to what guessing loses the bound leaves open. A second table has the
rank correlation of the bound with the probe's accuracy over the MobileNets. It takes a minute.
"""

from __future__ import annotations

from pathlib import Path

import polars as pl
import polars_transferability as pt
from markdown_table import print_table

EMBEDDINGS = Path(__file__).parents[2] / "shared" / "embeddings"
LENET = ("lenet-mnist", "mnist", ("usps", "fashion-mnist", "kmnist"))
MOBILENETS = (
    "mobilenet_v1_0.25_128",
    "mobilenet_v1_0.5_160",
    "mobilenet_v1_0.75_192",
    "mobilenet_v2_1.0_224",
    "mobilenet_v2_1.0_224_inat_bird",
)
OF_PHOTOGRAPHS = ("tiny-imagenet-a", ("cifar10", "fashion-mnist"))


def bounds_of(model: str, source: str, targets: tuple[str, ...]) -> pl.DataFrame:
    path = EMBEDDINGS / f"{model}.parquet"
    return pt.compute_bounds(path, sources=[source], targets=targets, probe=True)


def main() -> None:
    pairs = [LENET, *((model, *OF_PHOTOGRAPHS) for model in MOBILENETS)]
    bounds = pl.concat([bounds_of(*pair) for pair in pairs])
    print_table(
        bounds.select(
            pl.format("{}, {} -> {}", "model", "source", "target").alias("model, source -> target"),
            "bound",
            pl.col("source_loss").alias("source loss"),
            pl.col("distribution_mismatch").alias("distribution mismatch"),
            pl.col("target_loss").alias("target loss"),
            pl.col("target_accuracy").alias("target accuracy"),
            pl.col("probe_loss").alias("probe loss"),
            pl.col("trivial_loss").alias("trivial loss"),
            "gap",
        )
    )
    ranked = bounds.filter(pl.col("model").is_in(MOBILENETS)).group_by(
        pl.col("target").alias("five MobileNets, target"), maintain_order=True
    )
    agreement = pt.spearman(-pl.col("bound"), "probe_accuracy")
    print_table(ranked.agg(agreement.alias("Spearman of bound and probe accuracy")), digits=2)


if __name__ == "__main__":
    main()
