"""Which of these models for which task, how sure, and why? Real encoders, beside the truth.

    .venv/bin/python scripts/demo.py

Reads the tables in data/zoo, prints its answers, and draws out/demo.png. What to type to have the
same for one's own tables stands at the end.
"""

from __future__ import annotations

import textwrap
from pathlib import Path

import polars as pl
import polars_transferability as pt
from demo_picture import picture
from polars_transferability.compute.rank_confidence import advice

ROOT = Path(__file__).resolve().parent.parent
ZOO, OUT = ROOT / "data" / "zoo", ROOT / "out"
# Of images and of texts the task that is shown in full.
FEATURED = {"image": "sign-digits", "text": "clinc10dom"}
COLUMNS = {
    "model": "model",
    "consensus": "consensus",
    "knn_accuracy": "kNN",
    "logme": "LogME",
    "bound": "bound",
    "source_loss": "= source",
    "label_mismatch": "+ labels",
    "distribution_mismatch": "+ distance",
    "accuracy": "truth",
}
RANKINGS = {
    "consensus": "consensus of the three",
    "bound": "bound",
    "knn_accuracy": "kNN",
    "logme": "LogME",
    "mean_accuracy_elsewhere": "mean accuracy on the other tasks",
}

HOW_TO_READ = """\
consensus  mean rank by kNN, LogME and bound: 1 is the best by all of them, 0 the worst by all
kNN        share of test rows whose nearest train rows have the same label
LogME      how well a linear model explains the labels; only its order counts
bound      a head carried over from another task of the zoo has at most this loss, for certain: its
           loss there + what its classes cannot tell apart + the distance of the tasks' features
truth      test accuracy of a probe on all features and more rows; no column before uses it
"""
HOW_WELL = """\
Weighted tau: 1 if a ranking orders the models as the truth does, about 0 if by chance; the top
counts most. Points lost: how much less accurate than the best is the model that it puts first. The
last ranking looks at no embedding. All are means over tasks. On {missing} pairs of model and task
LogME has no value (its column `problems` says why); it and the consensus rank the other models.
"""
YOUR_TURN = """\
The same for your own tables, one row an example, with its label and its embedding:

  transferability check my_tables/
  transferability score my_tables/ --target my-task --rank-confidence
  transferability bound my_tables/ --target my-task --source-rows all

How to make such tables: docs/how-to/your-table.md
"""


def main() -> None:
    """Print tables, sentences and how well models are ranked; draw the picture."""
    print("Which pretrained model for your task? Asked of real ones, before any is fine-tuned.\n")
    print(HOW_TO_READ)
    models = pl.read_csv(ZOO / "models.csv")
    what = dict(pl.read_csv(ZOO / "tasks.csv").select("task", "what").iter_rows())
    judged, agreement = {}, []
    for domain, featured in FEATURED.items():
        files = [ZOO / f"{model}.parquet" for model in models.filter(domain=domain)["model"]]
        joined = ranked(files)
        table = joined.frame.sort("consensus", descending=True, nulls_last=True)
        print(f"Which of {len(files)} {domain} models for {featured}, {what[featured]}?\n")
        print_featured(table.filter(target=featured))
        print(f"What to use for each {domain} task, and what the truth says:\n")
        print_advice(files, table)
        judged[featured] = table
        agreement.append(quality(joined).select(pl.lit(f"{domain}s").alias("of"), pl.all()))

    print("How well are the models ranked?\n")
    print_frame(pl.concat(agreement))
    missing = sum(table["logme"].null_count() for table in judged.values())
    print(HOW_WELL.format(missing=missing))
    OUT.mkdir(exist_ok=True)
    picture(judged).save(OUT / "demo.png", scale_factor=2)
    print("Drawn: out/demo.png, the bounds by their terms and the consensus on every task.\n")
    print(YOUR_TURN)


def ranked(files: list[Path]) -> pt.LeaderboardJoin:
    """Return each model on each task: its lowest bound, two scores, their consensus, the truth."""
    scores = pt.compute_scores(files, scores=["knn_accuracy", "logme"])
    bounds = pt.compute_bounds(files, source_rows="all", progress=True)
    lowest = bounds.sort("bound").unique(["model", "target"], keep="first")
    together = pt.consensus(-pl.col("bound"), "knn_accuracy", "logme").over("target")
    scored = lowest.join(
        scores.select("model", "target", "knn_accuracy", "logme"), on=["model", "target"]
    )
    truth = pl.read_csv(ZOO / "truth.csv").select("model", target="task", accuracy="probe_acc")
    return pt.join_leaderboard(scored.with_columns(consensus=together), truth)


def print_featured(models: pl.DataFrame) -> None:
    """Print the models of one target with all that ranks them."""
    print_frame(models.select(pl.col(name).alias(shown) for name, shown in COLUMNS.items()))
    guessing = models["trivial_loss"][0]
    print(f"Guessing has the loss {guessing:.2f}; a bound that is not below it says nothing.\n")


def print_advice(files: list[Path], table: pl.DataFrame) -> None:
    """Print for each target which model to use, how sure that is, and whether the truth agrees."""
    sure = pt.rank_confidence(files)
    for target, sentence in advice(sure, ["model"]).items():
        used = sure.filter(target=target).sort("p_best")["model"][-1]
        truth = told_by_truth(table.filter(target=target), used)
        text = f"{target}: {sentence} {truth}"
        print(textwrap.fill(text, width=100, subsequent_indent="  ", break_on_hyphens=False))
    print()


def told_by_truth(models: pl.DataFrame, used: str) -> str:
    """Return whether the model that is to be used is the best in truth."""
    best = models.sort("accuracy").row(-1, named=True)
    accuracy = models.filter(model=used)["accuracy"].item()
    if accuracy == best["accuracy"]:
        return f"In truth it has {100 * accuracy:.0f} %, and none has more."
    better = f"{best['model']} {100 * best['accuracy']:.0f} %"
    return f"In truth it has {100 * accuracy:.0f} %, and {better}."


def quality(joined: pt.LeaderboardJoin) -> pl.DataFrame:
    """Return how well each ranking agrees with the truth, in the mean over targets."""
    scores = [name for name in RANKINGS if name not in joined.trivial]
    found = pt.compare(joined, scores=scores, measures=["weighted_tau", "regret_at_k"], k=1)
    means = found.group_by("score", maintain_order=True).agg(
        pl.col("weighted_tau").mean().alias("weighted tau"),
        (100 * pl.col("regret_at_k").mean()).alias("points lost"),
    )
    return means.select(pl.col("score").replace(RANKINGS).alias("ranking"), pl.exclude("score"))


def print_frame(frame: pl.DataFrame) -> None:
    """Print a frame in plain columns, numbers to two digits."""
    with pl.Config(
        tbl_formatting="NOTHING",
        tbl_hide_column_data_types=True,
        tbl_hide_dataframe_shape=True,
        tbl_cell_numeric_alignment="RIGHT",
        tbl_rows=-1,
        tbl_cols=-1,
        tbl_width_chars=110,
        fmt_str_lengths=40,
        float_precision=2,
    ):
        print(*(line.rstrip() for line in str(frame).splitlines()), "", sep="\n")


if __name__ == "__main__":
    main()
