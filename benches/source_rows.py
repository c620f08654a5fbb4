"""What a bound gains from evaluating on all rows of its source, and what that costs.

For every model, source and target of the zoo: the bound with `source_rows="held-out"` and with
"all". A table has for each domain the means over all pairs; the share of bounds that say no more
than guessing; and how well the models are ranked for each target by their lowest and by their mean
bound over the sources; a second one by how much "all" is lower. Runs for some minutes. No loss may
be above its bound.
"""

from __future__ import annotations

import time
from pathlib import Path

import polars as pl
import polars_transferability as pt
from markdown_table import print_table
from zoo import agreement, domains

CHOICES = ("held-out", "all")


def bounds_of(files: list[Path], source_rows: str) -> tuple[pl.DataFrame, float]:
    start = time.process_time()
    found = pt.compute_bounds(files, source_rows=source_rows)  # type: ignore[arg-type]
    return found.drop("by_class"), time.process_time() - start


def facts(bounds: pl.DataFrame) -> dict[str, str]:
    """What the bounds of a domain are, and how they rank."""
    over = bounds.filter(pl.col("target_loss") > pl.col("bound") * (1 + 1e-9)).height
    is_guess = bounds["bound"] >= bounds["trivial_loss"] * (1 - 1e-3)
    of_targets = bounds.group_by("model", "target").agg(
        lowest=-pl.col("bound").min(), mean=-pl.col("bound").mean()
    )
    ranked = agreement(of_targets, ["lowest", "mean"])
    return {
        "bounds": str(bounds.height),
        "mean bound": f"{bounds['bound'].mean():.3f}",
        "mean target loss": f"{bounds['target_loss'].mean():.3f}",
        "share no better than guessing": f"{is_guess.mean():.3f}",
        "violations of the theorem": str(over),
        **{f"weighted tau, by the {name} bound": f"{tau:.3f}" for name, (tau, _) in ranked.items()},
    }


def main() -> None:
    columns, changes = {}, {}
    for domain, files in domains():
        bounds = {}
        for choice in CHOICES:
            bounds[choice], seconds = bounds_of(files, choice)
            print(f"{domain}s, {choice}: {seconds:.0f} processor seconds", flush=True)
            columns[f"{domain}s, {choice}"] = facts(bounds[choice])
        change = bounds["all"]["bound"] - bounds["held-out"]["bound"]
        changes[f"{domain}s"] = [change.mean(), change.min(), change.max(), (change < 0).mean()]
    names = list(next(iter(columns.values())))
    print_table(
        pl.DataFrame({"": names, **{c: [*values.values()] for c, values in columns.items()}})
    )
    print_table(
        pl.DataFrame({"all less held-out": ("mean", "least", "most", "share lower"), **changes})
    )


if __name__ == "__main__":
    main()
