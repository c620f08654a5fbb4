"""How well real encoders are ranked for a target whose labels nobody has.

The zoo (`shared/embeddings/zoo`, or the folder given as argument) has a domain of images and one of
texts, and the accuracy that a linear probe reaches for each model and task, which is the truth. For
each of three source tasks, every model is scored for every other task of its domain:

* nuclear norm and entropy of what a source head predicts for the target's rows. The head is
  scikit-learn's `LogisticRegression(C=0.1)` on the source's standardised train rows;
* `tetot` and, with the target's true labels, `otdd` and `s_otdd`; each of the features as they are,
  and of features from the source's mean in units of its spread (that of a row for the first two,
  of a feature for `s_otdd`, whose projections are then of order one). `tetot` and `otdd` move at
  most 500 rows a side;
* minus the bound, with 10 k-means clusters in place of target labels. Of each cluster a third of
  its rows is held out, since the split that there is may leave none of a small one.

Beside them stand what needs no embedding (the mean accuracy on the other tasks) and what needs the
labels (`knn_accuracy`, and the accuracy of `linear_probe`, the ceiling: it is the truth but for its
penalty). The table has the mean over targets of the weighted tau against the truth, where a model's
score is its mean over the sources, and its best. The bound sees all rows of both tasks, the
ceiling those of its target, all else train rows.
"""

from __future__ import annotations

import sys
import time
import warnings
from pathlib import Path

import numpy as np
import polars as pl
import polars_transferability as pt
from markdown_table import print_table
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

ZOO = Path(__file__).parent.parent.parent / "shared" / "embeddings" / "zoo"
SOURCES = {
    "image": ("fashion-mnist", "cifar10", "sign-digits"),
    "text": ("agnews", "clinc10dom", "snips"),
}
CLUSTERS, MOST_ROWS = 10, 500
TRAIN = pl.col("split") == "train"
# Each score as the table calls it, and whether it reads the target's labels.
SHOWN = {
    "nuclear_norm": ("nuclear norm", "no"),
    "prediction_entropy": ("prediction entropy", "no"),
    "tetot": ("TETOT", "no"),
    "tetot, scaled": ("TETOT, scaled", "no"),
    "bound, clusters": (f"bound, {CLUSTERS} clusters as target labels", "no"),
    "elsewhere": ("mean accuracy on the other tasks", "no, but those of others"),
    "s_otdd": ("s-OTDD", "yes"),
    "s_otdd, scaled": ("s-OTDD, scaled", "yes"),
    "otdd": ("OTDD", "yes"),
    "otdd, scaled": ("OTDD, scaled", "yes"),
    "knn_accuracy": ("kNN accuracy", "yes"),
    "linear_probe_accuracy": ("linear probe, the ceiling", "yes"),
}
SIDES = (pt.task(where="is_source"), pt.task(where=~pl.col("is_source")))


def fitted_head(source: pl.DataFrame) -> Pipeline:
    """A head that tells the classes of the source."""
    head = make_pipeline(StandardScaler(), LogisticRegression(C=0.1, max_iter=300))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return head.fit(source["embedding"].to_numpy(), source["label"].to_numpy())


def head_scores(head: Pipeline, target: pl.DataFrame) -> dict[str, float]:
    """Scores of what a source head predicts for the target."""
    predicted = head.predict_proba(target["embedding"].to_numpy())
    column = pl.Series("p", predicted, dtype=pl.Array(pl.Float64, predicted.shape[1]))
    scores = [pt.nuclear_norm("p"), pt.prediction_entropy("p")]
    return pl.DataFrame([column]).select(scores).row(0, named=True)


def distances(source: pl.DataFrame, target: pl.DataFrame) -> dict[str, float]:
    """Minus the distances from source to target, of features in two units."""
    rows = pl.concat([source.with_columns(is_source=True), target.with_columns(is_source=False)])
    features = rows["embedding"].to_numpy().astype(np.float64)
    features -= features[: source.height].mean(axis=0)
    variance = (features[: source.height] ** 2).mean(axis=0)
    tetot = pt.tetot(*SIDES, max_rows=MOST_ROWS)
    otdd, s_otdd = pt.otdd(*SIDES, max_rows=MOST_ROWS), pt.s_otdd(*SIDES)
    found = rows.select(tetot, otdd, s_otdd).row(0, named=True)
    for unit, scores in ((variance.sum(), (tetot, otdd)), (variance.mean(), (s_otdd,))):
        scaled = pl.Series(features / np.sqrt(unit), dtype=rows.schema["embedding"])
        values = rows.with_columns(embedding=scaled).select(scores).row(0, named=True)
        found |= {f"{name}, scaled": value for name, value in values.items()}
    return found


def bound(source: pl.DataFrame, target: pl.DataFrame) -> float:
    """Minus the bound, with clusters of the target's rows as its labels, one in three held out."""
    clustered = target.with_columns(label=pt.pseudo_labels("embedding", CLUSTERS)).with_columns(
        split=pl.when(pl.int_range(pl.len()).over("label") % 3 == 2)
        .then(pl.lit("test"))
        .otherwise(pl.lit("train"))
    )
    rows = pl.concat([source.with_columns(is_source=True), clustered.with_columns(is_source=False)])
    sides = [pt.task(where=side.where, fit=TRAIN) for side in SIDES]
    return -rows.select(pt.transfer_bound(*sides)).to_series().struct.field("bound").item()


def scores_of_pairs(file: Path, sources: tuple[str, ...]) -> pl.DataFrame:
    """All scores of one model that need a source."""
    tables = {
        task: rows for (task,), rows in pl.read_parquet(file).group_by("task", maintain_order=True)
    }
    found = []
    for source in sources:
        source_train = tables[source].filter(TRAIN)
        head = fitted_head(source_train)
        for target in [task for task in tables if task != source]:
            target_train = tables[target].filter(TRAIN)
            scores = head_scores(head, target_train) | distances(source_train, target_train)
            scores["bound, clusters"] = bound(tables[source], tables[target])
            found.append({"model": file.stem, "target": target, "source": source, **scores})
    return pl.DataFrame(found)


def scores_with_labels(files: list[Path]) -> pl.DataFrame:
    """What needs the target's labels."""
    found = pt.compute_scores(files, scores=["knn_accuracy", "linear_probe"])
    return found.select("model", "target", "knn_accuracy", "linear_probe_accuracy")


def mean_tau(scores: pl.DataFrame, names: list[str]) -> dict[str, float]:
    """The mean over targets of the weighted tau of each score."""
    taus = scores.group_by("target").agg(
        pt.weighted_tau(name, "probe_acc").alias(name) for name in names
    )
    return taus.select(pl.col(names).mean()).row(0, named=True)


def taus_of(domain: str, files: list[Path], truth: pl.DataFrame) -> pl.DataFrame:
    """What ranks the models of a domain how well, by the mean over the sources and by the best."""
    pairs = pl.concat([scores_of_pairs(file, SOURCES[domain]) for file in files])
    names = pairs.columns[3:]
    elsewhere = (pl.col("probe_acc").sum() - pl.col("probe_acc")) / (pl.len() - 1)
    one = scores_with_labels(files).join(truth, on=["model", "target"], how="inner")
    one = one.with_columns(elsewhere.over("model").alias("elsewhere"))
    of_sources = pairs.group_by("model", "target", maintain_order=True)
    mean, best = (
        mean_tau(frame.join(truth, on=["model", "target"], how="inner"), names)
        for frame in (of_sources.agg(pl.col(names).mean()), of_sources.agg(pl.col(names).max()))
    )
    mean |= mean_tau(one, ["elsewhere", "knn_accuracy", "linear_probe_accuracy"])
    return pl.DataFrame(
        {
            f"{domain}s: mean": [mean[name] for name in SHOWN],
            f"best of the {domain}s": [best.get(name) for name in SHOWN],
        }
    )


def main() -> None:
    zoo = Path(sys.argv[1]) if len(sys.argv) > 1 else ZOO
    truth = pl.read_csv(zoo / "truth.csv").select("model", "probe_acc", target="task")
    domains = pl.read_csv(zoo / "models.csv").group_by("domain", maintain_order=True).agg("model")
    what, reads = zip(*SHOWN.values(), strict=True)
    parts = [pl.DataFrame({"": what, "reads target labels": reads})]
    for domain, models in domains.iter_rows():
        start = time.perf_counter()
        parts.append(taus_of(domain, [zoo / f"{model}.parquet" for model in models], truth))
        print(f"{domain}s: {time.perf_counter() - start:.0f} s", flush=True)
    print_table(pl.concat(parts, how="horizontal"))


if __name__ == "__main__":
    main()
