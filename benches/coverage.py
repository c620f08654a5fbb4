"""How often what is claimed of a population holds, and how far it is above what was seen.

Real rows stand for populations. A head of scikit-learn is fitted to the train rows of a task of
`shared/embeddings/zoo`, or of the folder given as argument, and the test rows are the population,
whose loss and accuracy are known. Evaluation rows are drawn from it, with replacement, 10,000 times
for each number of rows, and each time `transfer_bound` is asked for `confidence=0.95`. The source
is the task itself and its head is given, so that nothing is fitted and a draw takes a millisecond.

Printed is the share of draws in which the loss over the population, of the head that the claim is
about, is at most `bound_high - bound + target_loss` (what the claim adds to the loss that was seen;
`bound_high` itself is above that by what the bound is above its loss), and the share in which its
accuracy is at least `accuracy_low`. Both should be 0.95 or more. Then the means of `bound_high -
bound` and of the accuracy that was seen less `accuracy_low`.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import polars as pl
import polars_transferability as pt
from markdown_table import print_table
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

ZOO = Path(__file__).parent.parent.parent / "shared" / "embeddings" / "zoo"
# A good, a middling and a poor head.
TASKS = (
    ("imagenet-efficientnet-lite0", "blood-cells"),
    ("minilm-l6", "trec6"),
    ("random-resnet20", "cifar10"),
)
SIZES = (100, 300, 1000)
DRAWS, AT_ONCE, CONFIDENCE = 10_000, 250, 0.95


class Population:
    """The logits of a head on rows whose labels are known."""

    def __init__(self, rows: pl.DataFrame) -> None:
        train, test = (rows.filter(split=split) for split in ("train", "test"))
        head = make_pipeline(StandardScaler(), LogisticRegression(C=0.1, max_iter=1000))
        head.fit(train["embedding"].to_numpy(), train["label"].to_numpy())
        self.classes = head.classes_
        self.logits, self.label = (
            [head.decision_function(part["embedding"].to_numpy()) for part in (train, test)],
            [np.searchsorted(self.classes, part["label"].to_numpy()) for part in (train, test)],
        )

    def facts(self, n: int) -> tuple[float, float]:
        """Loss and accuracy of the head that claims about n evaluation rows are about."""
        logits, label = self.logits[1], self.label[1]
        prior = np.bincount(self.label[0], minlength=len(self.classes)) / len(self.label[0])
        own = np.exp(logits - logits.max(axis=1, keepdims=True))
        own /= own.sum(axis=1, keepdims=True)
        mixed = (1 - 1 / n) * own + prior / n
        loss = -np.log(mixed[np.arange(len(label)), label]).mean()
        return float(loss), float((mixed.argmax(axis=1) == label).mean())

    def draws(self, n: int, random: np.random.Generator) -> pl.DataFrame:
        """The claims of some draws of n evaluation rows."""
        picks = random.integers(len(self.label[1]), size=(AT_ONCE, n))
        fit, few = (
            self.label[0],
            [np.flatnonzero(self.label[0] == c)[0] for c in range(len(self.classes))],
        )
        parts = [
            self._part("fit", np.arange(len(fit)), 0),
            *(self._part("test", pick, 1, draw) for draw, pick in enumerate(picks)),
        ]
        rows = pl.concat(parts)
        fit_rows, source = rows.filter(split="fit"), self._part("source", np.array(few), 0)
        tested = rows.filter(split="test")
        every = pl.DataFrame({"draw": range(AT_ONCE)}, schema={"draw": pl.Int64})
        both = pl.concat([fit_rows, source]).drop("draw").join(every, how="cross")
        return (
            pl.concat([both.select(tested.columns), tested])
            .group_by("draw")
            .agg(self._bound())
            .unnest("transfer_bound")
        )

    def _part(self, split: str, places: np.ndarray, part: int, draw: int = -1) -> pl.DataFrame:
        width = len(self.classes)
        return pl.DataFrame(
            {"label": self.label[part][places], "embedding": self.logits[part][places]},
            schema={"label": pl.Int64, "embedding": pl.Array(pl.Float64, width)},
        ).with_columns(split=pl.lit(split), draw=pl.lit(draw, dtype=pl.Int64))

    def _bound(self) -> pl.Expr:
        classes = range(len(self.classes))
        head = pl.DataFrame(
            {
                "label": classes,
                "weight": np.eye(len(classes)).tolist(),
                "bias": [0.0] * len(classes),
            }
        )
        same = pl.DataFrame({"source": classes, "target": classes, "weight": [1.0] * len(classes)})
        return pt.transfer_bound(
            pt.task(where=pl.col("split") == "source"),
            pt.task(where=pl.col("split") != "source", fit=pl.col("split") == "fit"),
            transform="identity",
            head=head,
            label_map=same,
            standardize=False,
            l2=1.0,
            confidence=CONFIDENCE,
        )


def main() -> None:
    zoo = Path(sys.argv[1]) if len(sys.argv) > 1 else ZOO
    random = np.random.default_rng(0)
    table = []
    for model, task in TASKS:
        population = Population(pl.read_parquet(zoo / f"{model}.parquet").filter(task=task))
        for n in SIZES:
            loss, accuracy = population.facts(n)
            found = pl.concat([population.draws(n, random) for _ in range(DRAWS // AT_ONCE)])
            width = pl.col("bound_high") - pl.col("bound")
            row = found.select(
                covered=(width + pl.col("target_loss") >= loss).mean(),
                width=width.mean(),
                accuracy_covered=(pl.col("accuracy_low") <= accuracy).mean(),
                accuracy_width=(pl.col("target_accuracy") - pl.col("accuracy_low")).mean(),
            ).row(0)
            table.append((f"{model}, {task}", n, loss, *row[:2], accuracy, *row[2:]))
    columns = ["head on", "rows", "loss", "covered", "width", "accuracy", "covered ", "width "]
    print_table(pl.DataFrame(table, schema=columns, orient="row"))


if __name__ == "__main__":
    main()
