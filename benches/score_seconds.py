"""Seconds that each score takes: the table in `docs/scores.md`.

    POLARS_MAX_THREADS=1 OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 RAYON_NUM_THREADS=1 \
        .venv/bin/python benches/score_seconds.py

Processor time on one thread, least of three runs, by defaults, of 2,000 train rows: kmnist by
`lenet-mnist` (200 features, 10 classes; from mnist where a score is of two tasks), and
tiny-imagenet-a by `mobilenet_v2_1.0_224` (1280 features, 100 classes), which is in
`shared/embeddings` beside the checkout, for the scores that read embeddings. The last row is one
`scores` of the five that share a decomposition.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import polars as pl
import polars_transferability as pt
from markdown_table import print_table
from measure import require_one_thread, timed
from polars_transferability._scores.catalogue import Inputs, Score
from polars_transferability._scores.choice import CATALOGUE

ROOT = Path(__file__).parent.parent
WIDE = ROOT.parent / "shared" / "embeddings" / "mobilenet_v2_1.0_224.parquet"
ROWS, RUNS = 2000, 3
TASKS = tuple(pt.task(where=pl.col("task") == name) for name in ("mnist", "kmnist"))
ARGUMENTS = {
    Inputs.EMBEDDING: ("embedding", "label"),
    Inputs.PROBABILITIES: ("probabilities", "label"),
    Inputs.PREDICTIONS: ("probabilities",),
    Inputs.SOURCE_LABEL: ("source_label", "label"),
    Inputs.TWO_TASKS: TASKS,
}
# What has no default.
GIVEN = {"otce": {"wasserstein": -1.0, "conditional_entropy": -1.0}}
TOGETHER = ("logme", "h_score", "shrinkage_h_score", "transrate", "gbc")


def expression(row: Score) -> pl.Expr:
    given = GIVEN.get(row.name, {})
    if row.name.startswith("pactran_"):
        given = {"prior": row.name.removeprefix("pactran_")}
    return row.function(*ARGUMENTS[row.inputs], **given)


def seconds(rows: pl.DataFrame, computed: pl.Expr) -> float:
    return min(timed(lambda: rows.select(computed)) for _ in range(RUNS))


def table(narrow: pl.DataFrame, wide: pl.DataFrame) -> Iterator[tuple[str, float, float | None]]:
    one = narrow.filter(task="kmnist")
    for row in sorted(CATALOGUE, key=lambda row: list(Inputs).index(row.inputs)):
        rows = narrow if row.inputs is Inputs.TWO_TASKS else one
        reads_wide = row.inputs is Inputs.EMBEDDING
        of_wide = seconds(wide, expression(row)) if reads_wide else None
        yield f"`{row.name}`", seconds(rows, expression(row)), of_wide
    together = pt.scores("embedding", "label", scores=TOGETHER)
    names = ", ".join(f"`{name}`" for name in TOGETHER)
    yield f"{names} in one `scores`", seconds(one, together), seconds(wide, together)


def main() -> None:
    require_one_thread()
    train = pl.col("split") == "train"
    narrow = pl.read_parquet(ROOT / "data" / "lenet-mnist.parquet").filter(train)
    narrow = narrow.with_columns(
        probabilities=pt.softmax("logits"), source_label=pl.col("logits").arr.arg_max()
    )
    wide = pl.read_parquet(WIDE).filter(train, task="tiny-imagenet-a").head(ROWS)
    columns = ["score", "200-d", "1280-d"]
    print_table(pl.DataFrame([*table(narrow, wide)], schema=columns, orient="row"), digits=4)


if __name__ == "__main__":
    main()
