"""How the scores of a published leaderboard rank its models, and how a trivial ranking does.

Reads `shared/leaderboards/imagenet_zoo_10x8.csv` beside the checkout: ten ImageNet models on eight
targets, with fine-tuned accuracies and four scores as published (on DTD the source gives LogME's
values for NCE too). The table has means over the targets, for k = 3. It takes a second.
"""

from __future__ import annotations

from pathlib import Path

import polars as pl
import polars_transferability as pt
from markdown_table import print_table

BOARD = Path(__file__).parents[2] / "shared" / "leaderboards" / "imagenet_zoo_10x8.csv"
SHOWN = {
    "mean_accuracy_elsewhere": "mean accuracy on the other targets",
    "nce": "NCE",
    "logme": "LogME",
    "hscore": "H-score",
    "leep": "LEEP",
}
MEASURES = {
    "weighted_tau": "weighted tau",
    "kendall_tau": "Kendall's tau-b",
    "top_k_recall": "top-3 recall",
    "regret_at_k": "regret@3 (points)",
}


def main() -> None:
    published = pl.read_csv(BOARD).rename({"dataset": "target"})
    board = pt.read_leaderboard(BOARD, target="dataset", accuracy="finetuned_acc")
    scores = published.select("model", "target", "nce", "logme", "hscore", "leep")
    found = pt.compare(pt.join_leaderboard(scores, board), scores=scores.columns[2:], k=3)
    means = found.group_by("score").agg(pl.col(MEASURES.keys()).mean())
    names = pl.DataFrame({"score": SHOWN.keys(), "": SHOWN.values()})
    shown = names.join(means, on="score", how="left", maintain_order="left").drop("score")
    print_table(shown.rename(MEASURES))


if __name__ == "__main__":
    main()
