"""From how many labels on a source helps: curves of real encoders.

For three models of each domain of the zoo, one source and every other task: `compute_curve` with 1,
2, 5, 10 and 50 target rows a class, five draws each. Printed are the means over models, targets and
draws, and the share of draws in which the head from the source loses less than guessing and than a
probe of the target's own rows ("helps").
"""

from __future__ import annotations

import polars as pl
import polars_transferability as pt
from markdown_table import print_table
from zoo import domains

SOURCES = {"image": "fashion-mnist", "text": "banking77"}
MODELS, REPEATS = 3, 5


def main() -> None:
    halves = []
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
        columns = {
            f"{domain}s: bound": pl.col("bound").mean(),
            "target loss": pl.col("target_loss").mean(),
            "probe loss": pl.col("probe_loss").mean(),
            "helps": pl.col("transfer").is_in(["bound", "target_loss"]).mean(),
        }
        few = curves.group_by("rows", maintain_order=True).agg(columns[n].alias(n) for n in columns)
        print(f"{domain}s: {MODELS} models, from {source} to {len(tasks) - 1} targets", flush=True)
        rows = few["rows"].cast(pl.String).extend(pl.Series(["guessing"]))
        guess = {f"{domain}s: bound": [curves["trivial_loss"].mean()]}
        halves.append(pl.concat([few.drop("rows"), pl.DataFrame(guess)], how="diagonal"))
    rows_of = pl.DataFrame({"rows a class": rows})
    second = halves[1].rename(lambda name: name if ":" in name else f"{name} ")
    print_table(pl.concat([rows_of, halves[0], second], how="horizontal"))


if __name__ == "__main__":
    main()
