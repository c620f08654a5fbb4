"""What a bound gains from evaluating on all rows of its source, and what that costs.

For every model, source and target of the zoo: the bound with `source_rows="held-out"` and with
"all". Printed for each domain are the means over all pairs; how many bounds say no more than
guessing; processor seconds; and how well the models are ranked for each target by their lowest and
by their mean bound over the sources. Runs for some minutes. No loss may be above its bound.
"""

from __future__ import annotations

import time
from pathlib import Path

import polars as pl
import polars_transferability as pt
from zoo import agreement, domains

CHOICES = ("held-out", "all")


def bounds_of(files: list[Path], source_rows: str) -> tuple[pl.DataFrame, float]:
    start = time.process_time()
    found = pt.compute_bounds(files, source_rows=source_rows)  # type: ignore[arg-type]
    return found.drop("by_class"), time.process_time() - start


def main() -> None:
    for domain, files in domains():
        print(f"{domain}: {len(files)} models")
        lowest = {}
        for choice in CHOICES:
            bounds, seconds = bounds_of(files, choice)
            lowest[choice] = bounds["bound"]
            over = bounds.filter(pl.col("target_loss") > pl.col("bound") * (1 + 1e-9)).height
            guess = bounds.filter(pl.col("bound") >= pl.col("trivial_loss") * (1 - 1e-3)).height
            of_targets = bounds.group_by("model", "target").agg(
                lowest=-pl.col("bound").min(), mean=-pl.col("bound").mean()
            )
            ranked = agreement(of_targets, ["lowest", "mean"])
            means = bounds.select(pl.col("bound", "target_loss").mean()).row(0)
            print(
                f"  {choice:9} {bounds.height} bounds: mean {means[0]:.3f}, of the losses "
                f"{means[1]:.3f}; {guess} no better than guessing; {over} violations; "
                f"{seconds:.0f} CPU s"
            )
            for name, (tau, regret) in ranked.items():
                print(
                    f"            ranked by the {name}: weighted tau {tau:.3f}, regret {regret:.1f}"
                )
        change = lowest["all"] - lowest["held-out"]
        print(
            f"  all less held-out: mean {change.mean():.3f}, from {change.min():.3f} to "
            f"{change.max():.3f}; higher in {(change > 0).mean():.0%}",
            flush=True,
        )


if __name__ == "__main__":
    main()
