"""What benchmarks on the zoo of real encoders share: its models by domain, and the truth.

The zoo is `shared/embeddings/zoo`, or the folder given as the first argument. The truth is the test
accuracy of a linear probe at full width.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import polars as pl
import polars_transferability as pt

_SHARED = Path(__file__).parents[2] / "shared" / "embeddings" / "zoo"
ZOO = Path(sys.argv[1]) if len(sys.argv) > 1 else _SHARED


def domains() -> Iterator[tuple[str, list[Path]]]:
    """The files of the models of each domain."""
    models = pl.read_csv(ZOO / "models.csv").group_by("domain", maintain_order=True).agg("model")
    for domain, names in models.iter_rows():
        yield domain, [ZOO / f"{name}.parquet" for name in names]


def truth() -> pl.DataFrame:
    """The accuracy of every model on every task."""
    return pl.read_csv(ZOO / "truth.csv").select("model", "probe_acc", target="task")


def agreement(scores: pl.DataFrame, names: Sequence[str]) -> dict[str, tuple[float, float]]:
    """Weighted tau, and regret at 1 in points, of each score: the means over targets."""
    joined = scores.join(truth(), on=["model", "target"], how="inner")
    of_targets = joined.group_by("target").agg(
        *(pt.weighted_tau(name, "probe_acc").alias(f"{name} tau") for name in names),
        *((100 * pt.regret_at_k(name, "probe_acc", k=1)).alias(f"{name} regret") for name in names),
    )
    means = of_targets.select(pl.exclude("target").mean()).row(0, named=True)
    return {name: (means[f"{name} tau"], means[f"{name} regret"]) for name in names}
