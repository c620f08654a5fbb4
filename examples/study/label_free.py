"""How well models are ranked for a target whose labels nobody has.

    python examples/study/label_free.py [ZOO]

From each of three sources, those with the most classes, every model is scored for every other task:

* nuclear norm and entropy of what a source head predicts for the target's rows; the head is
  scikit-learn's linear discriminant with shrinkage, fitted to the source's train rows;
* `tetot`, whose labels are the source's, of features in units of their spread;
* minus the bound, with 10 k-means clusters in place of target labels. Of each cluster a third of
  its rows is held out, since the split that there is may leave none of a small one.

Printed is the mean over targets of the weighted tau against the truth, where a model's score is its
mean over the sources, and its best.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import polars_transferability as pt
import results
from does_it_predict import quality
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from zoo import Zoo, kept, show, zoo_named

CLUSTERS = 10
TRAIN = pl.col("split") == "train"
SIDES = [pt.task(where=where, fit=TRAIN) for where in (pl.col("is_source"), ~pl.col("is_source"))]
SCORES = ("bound against clusters", "nuclear_norm", "prediction_entropy", "tetot")


def fitted_head(source: pl.DataFrame) -> LinearDiscriminantAnalysis:
    """Return a head that tells the classes of the source."""
    head = LinearDiscriminantAnalysis(solver="lsqr", shrinkage="auto")
    return head.fit(source["embedding"].to_numpy().astype(np.float64), source["label"].to_numpy())


def head_scores(head: LinearDiscriminantAnalysis, target: pl.DataFrame) -> dict[str, float]:
    """Return scores of what a source head predicts for the target."""
    predicted = head.predict_proba(target["embedding"].to_numpy())
    column = pl.Series("p", predicted, dtype=pl.Array(pl.Float64, predicted.shape[1]))
    scores = [pt.nuclear_norm("p"), pt.prediction_entropy("p")]
    return pl.DataFrame([column]).select(scores).row(0, named=True)


def bound_against_clusters(source: pl.DataFrame, target: pl.DataFrame) -> float:
    """Return minus the bound, with clusters of the target's rows as its labels."""
    is_held_out = pl.int_range(pl.len()).over("label") % 3 == 2
    clustered = target.with_columns(label=pt.pseudo_labels("embedding", CLUSTERS)).with_columns(
        split=pl.when(is_held_out).then(pl.lit("test")).otherwise(pl.lit("train"))
    )
    rows = pl.concat([source.with_columns(is_source=True), clustered.with_columns(is_source=False)])
    return -float(rows.select(pt.transfer_bound(*SIDES)).to_series().struct.field("bound").item())


def of_pairs(file: Path, sources: list[str]) -> pl.DataFrame:
    """Return what one model scores for each source and target without a label of the target."""
    tables = pl.read_parquet(file).partition_by("task", maintain_order=True, as_dict=True)
    found = []
    for source in sources:
        head = fitted_head(tables[source,].filter(TRAIN))
        for (target,), rows in tables.items():
            if target != source:
                pair = {"model": file.stem, "source": source, "target": target}
                bound = {SCORES[0]: bound_against_clusters(tables[source,], rows)}
                found.append(pair | bound | head_scores(head, rows.filter(TRAIN)))
    return pl.DataFrame(found)


def without_labels(zoo: Zoo, domain: str) -> pl.DataFrame:
    """Return the weighted tau of each score, mean over targets, by its mean and best source."""
    sources = zoo.tasks(domain)["task"].head(results.SOURCES).to_list()

    def of_model(file: Path) -> pl.DataFrame:
        return kept("label-free", [file], sources, lambda: of_pairs(file, sources))

    pairs = pl.concat(of_model(file) for file in zoo.files(domain)).join(
        results.scores_of_two_tasks(zoo, domain), on=["model", "source", "target"]
    )
    long = pairs.unpivot(SCORES, index=["model", "target"], variable_name="ranker")
    truth = zoo.truth(domain)
    taus = []
    for name, value in {"mean": pl.mean("value"), "best": pl.max("value")}.items():
        of_models = long.group_by("ranker", "target", "model", maintain_order=True).agg(value)
        ranked = of_models.join(truth, on=["model", "target"]).with_columns(kind=pl.lit("no label"))
        of_rankers = quality(ranked).group_by("ranker", maintain_order=True)
        taus.append(of_rankers.agg(pl.mean("weighted_tau").alias(f"{name} source")))
    return (
        taus[0]
        .join(taus[1], on="ranker", maintain_order="left")
        .sort("mean source", descending=True)
    )


def main() -> None:
    """Print the tables of the zoo that the command line names."""
    zoo = zoo_named()
    for domain in zoo.domains():
        show(f"{domain}: weighted tau without labels", without_labels(zoo, domain))


if __name__ == "__main__":
    main()
