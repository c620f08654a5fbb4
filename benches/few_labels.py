"""From how many labels on a source helps: curves of real encoders.

For three models of each domain of the zoo, one source and every other task: `compute_curve` with 1,
2, 5, 10 and 50 target rows a class, five draws each. Printed are the means over models, targets and
draws, and in how many draws the head from the source loses less than guessing and than a probe of
the target's own rows, and in how many even its bound does.
"""

from __future__ import annotations

import polars as pl
import polars_transferability as pt
from zoo import domains

SOURCES = {"image": "fashion-mnist", "text": "banking77"}
MODELS, REPEATS = 3, 5


def main() -> None:
    for domain, files in domains():
        source = SOURCES[domain]
        tables = [pl.scan_parquet(file) for file in files[:MODELS]]
        tasks = tables[0].select(pl.col("task").unique(maintain_order=True)).collect().to_series()
        curves = pl.concat(
            pt.compute_curve(
                table, source=source, target=target, repeats=REPEATS, source_rows="all"
            )
            for table in tables
            for target in tasks
            if target != source
        )
        share = {
            "head helps": pl.col("transfer").is_in(["bound", "target_loss"]).mean(),
            "bound helps": (pl.col("transfer") == "bound").mean(),
        }
        names = ["bound", "target_loss", "probe_loss", "trivial_loss", "knn_accuracy"]
        accuracies = ["target_accuracy", "probe_accuracy"]
        means = curves.group_by("rows", maintain_order=True).agg(
            pl.col(*names, *accuracies).mean(), **share
        )
        print(f"{domain}: {MODELS} models, from {source} to {len(tasks) - 1} targets")
        with pl.Config(tbl_cols=-1, tbl_width_chars=160, float_precision=3):
            print(means, flush=True)


if __name__ == "__main__":
    main()
