"""How well single scores and their consensus rank real encoders, and how sure a ranking is.

    .venv/bin/python benches/choice.py [--keep FOLDER]

Reads the encoders in `shared/embeddings/zoo` beside the checkout, images and texts apart, and
compares on every target with the test accuracy of a logistic probe at full width, which is in its
`truth.csv`: weighted tau, mean over targets. A model's bound is the lowest over its other tasks as
sources, with `source_rows="held-out"` and with "all". A second table has how many models
`rank_confidence` calls as good as the best within the noise, and on how many targets the best by
the probe is one of them. It takes some fifteen minutes; `--keep` names a folder in which a model's
results stay.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import polars as pl
import polars_transferability as pt
from markdown_table import print_table

ZOO = Path(__file__).parents[2] / "shared" / "embeddings" / "zoo"
SCORES = ("logme", "knn_accuracy", "h_score", "shrinkage_h_score", "transrate", "gbc", "parc")
LOSS, LOSS_OF_ALL = -pl.col("bound"), -pl.col("bound_all")
SHORTLIST = (
    "models",
    "of these as good",
    "in the mean over targets",
    "the best by the probe is one of them",
    "the surest is the best by the probe",
)
TOGETHER = {
    "consensus of kNN and LogME": ("knn_accuracy", "logme"),
    "consensus of bound and kNN": (LOSS, "knn_accuracy"),
    "consensus of bound and LogME": (LOSS, "logme"),
    "consensus of bound, kNN and LogME": (LOSS, "knn_accuracy", "logme"),
    "consensus of bound (all) and LogME": (LOSS_OF_ALL, "logme"),
    "consensus of bound (all), kNN and LogME": (LOSS_OF_ALL, "knn_accuracy", "logme"),
}


def results_of(path: Path, keep: Path | None) -> pl.DataFrame:
    """The lowest bound and the scores of one model on each of its tasks."""
    kept = None if keep is None else keep / path.name
    if kept is not None and kept.exists():
        return pl.read_parquet(kept)
    bounds = pt.compute_bounds(path).join(
        pt.compute_bounds(path, source_rows="all").rename({"bound": "bound_all"}),
        on=["model", "source", "target"],
    )
    lowest = bounds.group_by("model", "target").agg(pl.col("bound", "bound_all").min())
    scores = pt.compute_scores(path, scores=[*SCORES, "linear_probe"])
    found = scores.select("model", "target", *SCORES, "linear_probe_accuracy")
    found = found.join(lowest, on=["model", "target"], how="left")
    if kept is not None:
        found.write_parquet(kept)
    return found


def weighted_taus(models: pl.DataFrame) -> pl.DataFrame:
    """Of each ranker the mean over targets, for images and texts."""
    elsewhere = (pl.col("truth").sum().over("model") - pl.col("truth")) / (
        pl.len().over("model") - 1
    )
    rankers = {
        "mean accuracy on the other targets": pl.col("elsewhere"),
        **{f"`{score}`": pl.col(score) for score in SCORES},
        "bound": LOSS,
        "bound (all)": LOSS_OF_ALL,
        **{name: pt.consensus(*parts) for name, parts in TOGETHER.items()},
        "second probe": pl.col("linear_probe_accuracy"),
    }
    taus = [pt.weighted_tau(ranker, "truth").alias(name) for name, ranker in rankers.items()]
    of_targets = models.with_columns(elsewhere=elsewhere).group_by("domain", "target").agg(taus)
    return (
        of_targets.group_by("domain")
        .agg(pl.col(rankers.keys()).mean())
        .sort("domain")
        .transpose(include_header=True, header_name="", column_names="domain")
        .rename({"image": "images", "text": "texts"})
    )


def shortlist(models: pl.DataFrame) -> list[str]:
    """What `rank_confidence` says of kNN on the models of one domain, beside the probe."""
    paths = [ZOO / f"{model}.parquet" for model in models["model"].unique(maintain_order=True)]
    sure = pt.rank_confidence(paths).join(models, on=["model", "target"])
    is_best = pl.col("truth") == pl.col("truth").max()
    of_targets = sure.group_by("target").agg(
        listed=(pl.col("rank_low") == 1).sum(),
        has_best=(is_best & (pl.col("rank_low") == 1)).any(),
        first_is_best=(is_best & (pl.col("p_best") == pl.col("p_best").max())).any(),
    )
    listed, targets = of_targets["listed"], of_targets.height
    return [
        str(len(paths)),
        f"{listed.min()} to {listed.max()}",
        f"{listed.mean():.1f}",
        f"{of_targets['has_best'].sum()} of {targets}",
        f"{of_targets['first_is_best'].sum()} of {targets}",
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--keep", type=Path)
    options = parser.parse_args()
    if not ZOO.is_dir():
        sys.exit(f"{ZOO} is not there: the encoders are not part of this repository")
    if options.keep is not None:
        options.keep.mkdir(parents=True, exist_ok=True)
    found = pl.concat(results_of(path, options.keep) for path in sorted(ZOO.glob("*.parquet")))
    truth = pl.read_csv(ZOO / "truth.csv").select("model", target="task", truth="probe_acc")
    domain = pl.read_csv(ZOO / "models.csv").select("model", "domain")
    models = found.join(truth, on=["model", "target"]).join(domain, on="model")
    print_table(weighted_taus(models), digits=2)
    names = {"image": "images", "text": "texts"}
    shortlists = {name: shortlist(models.filter(domain=domain)) for domain, name in names.items()}
    print_table(pl.DataFrame({"as good as the best by kNN": SHORTLIST, **shortlists}))


if __name__ == "__main__":
    main()
