"""Whether several source classes for each target class lower a bound: label maps by closeness.

For real pairs whose source has many classes: the bound with its learned map, and with maps in which
every target class has its nearest 1, 2, 3 or 5 source classes, each source class at most one. They
are assigned by the means of standardised features, one round after the other. Reads the encoders in
`shared/embeddings` beside the checkout.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import polars_transferability as pt
from markdown_table import print_table
from scipy.optimize import linear_sum_assignment

EMBEDDINGS = Path(__file__).parents[2] / "shared" / "embeddings"
PAIRS = {
    "mobilenet_v2_1.0_224": ("tiny-imagenet-a", ("cifar10", "fashion-mnist")),
    "mobilenet_v1_0.5_160": ("tiny-imagenet-a", ("cifar10", "fashion-mnist")),
    "zoo/imagenet-mobilenetv1-0.25": ("omniglot50", ("mnist", "kmnist", "fashion-mnist")),
    "zoo/minilm-l6": ("banking77", ("clinc10dom", "agnews")),
}
SIZES = (1, 2, 3, 5)
TRAIN = pl.col("split") == "train"


def class_means(rows: pl.DataFrame, task: str) -> tuple[list[str], np.ndarray]:
    fit = rows.filter(TRAIN, task=task)
    features, label = fit["embedding"].to_numpy(), fit["label"].to_numpy()
    features = (features - features.mean(axis=0)) / (features.std(axis=0) + 1e-9)
    classes = sorted(set(label))
    return classes, np.stack([features[label == name].mean(axis=0) for name in classes])


def nearest(rows: pl.DataFrame, source: str, target: str, size: int) -> pl.DataFrame:
    """The label map of so many source classes for each target class."""
    (of_source, theirs), (of_target, own) = class_means(rows, source), class_means(rows, target)
    cost = ((own[:, None] - theirs[None]) ** 2).sum(axis=-1)
    free, pairs = np.arange(len(of_source)), []
    for _ in range(size):
        places, chosen = linear_sum_assignment(cost[:, free])
        pairs += [(of_source[free[c]], of_target[y]) for y, c in zip(places, chosen, strict=True)]
        free = np.delete(free, chosen)
    sides = pl.DataFrame(pairs, schema=["source", "target"], orient="row")
    return sides.with_columns(weight=pl.lit(1 / size))


def main() -> None:
    columns = ["model, source -> target", "learned", *(f"nearest {size}" for size in SIZES)]
    table = []
    for name, (source, targets) in PAIRS.items():
        rows = pl.read_parquet(EMBEDDINGS / f"{name}.parquet")
        for target in targets:
            tried = [None, *(nearest(rows, source, target, size) for size in SIZES)]
            sides = [pt.task(where=pl.col("task") == task, fit=TRAIN) for task in (source, target)]
            bounds = [pt.transfer_bound(*sides, label_map=label_map) for label_map in tried]
            found = [rows.select(bound).to_series().struct["bound"].item() for bound in bounds]
            table.append((f"{Path(name).name}, {source} -> {target}", *found))
    print_table(pl.DataFrame(table, schema=columns, orient="row"))


if __name__ == "__main__":
    main()
