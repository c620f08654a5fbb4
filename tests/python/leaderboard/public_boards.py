"""Leaderboards with the columns of public ones. Models, tasks and numbers are made up.

The columns are those of MTEB's `to_dataframe` and leaderboard (mteb 2), of the data set
`open-llm-leaderboard/contents`, of `results-*.csv` of timm, of the ModelLens corpus and of
`model_config_dataset.csv` of TransferGraph.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import polars as pl

MODELS = ["org/small", "org/base", "lab/large"]
# What each board below says of these models, be it called accuracy or not.
ACCURACIES = {"alpha": [0.5, 0.6, 0.7], "beta": [0.9, 0.7, 0.8]}


def expected(**accuracies: list[float]) -> list[tuple[str, str, float]]:
    """The entries of a leaderboard, in no order."""
    return sorted(
        (model, target, value)
        for target, values in (accuracies or ACCURACIES).items()
        for model, value in zip(MODELS, values, strict=True)
    )


def long(**names: str) -> pl.DataFrame:
    """The accuracies, one a row, under other names of `model`, `target` and `accuracy`."""
    rows = [
        {"model": model, "target": target, "accuracy": value} for model, target, value in expected()
    ]
    return pl.DataFrame(rows).rename(names)


def mteb_long() -> pl.DataFrame:
    """`to_dataframe(format="long", include_model_revision=True)`."""
    renamed = long(model="model_name", target="task_name", accuracy="score")
    return renamed.with_columns(model_revision=pl.lit("f00d"))


def mteb_records() -> pl.DataFrame:
    """Results in JSON made flat: one row per model, task, split and subset."""
    renamed = long(model="model_name", target="task_name", accuracy="main_score")
    return renamed.with_columns(
        split=pl.lit("test"),
        hf_subset=pl.lit("default"),
        languages=pl.lit(["eng-Latn"], dtype=pl.List(pl.String)),
        accuracy=pl.col("main_score") + 0.01,
        f1=pl.col("main_score") - 0.01,
        ap=None,
        evaluation_time=3.5,
        kg_co2_emissions=None,
        mteb_version=pl.lit("2.0.0"),
    )


def mteb_of_metrics() -> pl.DataFrame:
    """The data set `mteb/results`, with a column of models: a row for each metric."""
    rows = long(model="model_name", target="mteb_dataset_name", accuracy="score")
    metrics = [
        rows.with_columns(metric=pl.lit(name), score=pl.col("score") + less)
        for name, less in (("accuracy", 0.0), ("f1", -0.1), ("ap", -0.2))
    ]
    return pl.concat(metrics).with_columns(eval_language=pl.lit("default"), split=pl.lit("test"))


def mteb_by_task() -> pl.DataFrame:
    """`to_dataframe()`: a row for each task, a column for each model."""
    return long().pivot("model", index="target", values="accuracy").rename({"target": "task_name"})


def mteb_wide() -> pl.DataFrame:
    """The table of a benchmark as its page has it, with its tasks."""
    models = [f"[{name.split('/')[1]}](https://huggingface.co/{name})" for name in MODELS]
    return pl.DataFrame(
        {
            "Rank (Borda)": [3, 2, 1],
            "Model": models,
            "Zero-shot": [100, 98, 50],
            "Memory Usage (MB)": [90, 400, 1200],
            "Number of Parameters (B)": [0.02, 0.1, 0.3],
            "Embedding Dimensions": [384, 768, 1024],
            "Max Tokens": [512.0, 512.0, 8192.0],
            "Mean (Task)": [70.0, 65.0, 75.0],
            "Mean (TaskType)": [70.0, 65.0, 75.0],
            **{task: [100 * value for value in values] for task, values in ACCURACIES.items()},
        }
    )


def open_llm() -> pl.DataFrame:
    """`open-llm-leaderboard/contents`, with two of its six tasks; scores are in percent."""
    tasks: dict[str, Any] = {}
    for task, values in zip(("IFEval", "MMLU-PRO"), ACCURACIES.values(), strict=True):
        tasks |= {f"{task} Raw": values, task: [100 * value for value in values]}
    return pl.DataFrame(
        {
            "eval_name": [f"{name.replace('/', '_')}_bfloat16" for name in MODELS],
            "Precision": ["bfloat16"] * 3,
            "Type": ["\N{LARGE GREEN CIRCLE} pretrained"] * 3,
            "T": ["\N{LARGE GREEN CIRCLE}"] * 3,
            "Weight type": ["Original"] * 3,
            "Architecture": ["LlamaForCausalLM"] * 3,
            "Model": [f'<a href="https://huggingface.co/{name}">{name}</a>' for name in MODELS],
            "fullname": MODELS,
            "Model sha": ["abc", "def", "012"],
            "Average \N{UPWARDS BLACK ARROW}\N{VARIATION SELECTOR-16}": [70.0, 65.0, 75.0],
            "Hub License": ["mit", None, "apache-2.0"],
            "Hub \N{HEAVY BLACK HEART}\N{VARIATION SELECTOR-16}": [3, 1, 20],
            "#Params (B)": [0.5, 7.2, 70.6],
            "Available on the hub": [True] * 3,
            "MoE": [False] * 3,
            "Flagged": [False] * 3,
            "Chat Template": [False, True, True],
            "CO\N{SUBSCRIPT TWO} cost (kg)": [0.1, 1.2, 20.5],
            **tasks,
            "Merged": [False] * 3,
            "Official Providers": [True, False, True],
            "Upload To Hub Date": ["2024-06-01"] * 3,
            "Submission Date": ["2024-06-12"] * 3,
            "Generation": [0, 1, 1],
            "Base Model": MODELS,
        }
    )


def timm(target: str) -> pl.DataFrame:
    """`results-TARGET.csv`: the accuracies of one data set, in percent."""
    top1 = [100 * value for value in ACCURACIES[target]]
    return pl.DataFrame(
        {
            "model": MODELS,
            "top1": top1,
            "top1_err": [100 - value for value in top1],
            "top5": [97.0, 96.0, 98.0],
            "top5_err": [3.0, 4.0, 2.0],
            "param_count": ["21.80", "86.57", "1,013.01"],
            "img_size": [224, 224, 336],
            "crop_pct": [0.875, 0.9, 1.0],
            "interpolation": ["bicubic"] * 3,
            "top1_diff": [-7.1, -6.2, -8.0],
            "top5_diff": [-1.9, -2.0, -1.5],
            "rank_diff": ["+1", "0", "-1"],
        }
    )


def write_timm(folder: Path) -> list[Path]:
    """The files of both targets."""
    paths = [folder / f"results-{target}.csv" for target in ACCURACIES]
    for path, target in zip(paths, ACCURACIES, strict=True):
        timm(target).write_csv(path)
    return paths


def model_lens() -> pl.DataFrame:
    """A corpus of records of a metric each: three tasks, several metrics, one of errors."""
    accuracy = long(target="dataset", accuracy="value").with_columns(
        task=pl.lit("classification"), metric=pl.lit("Accuracy")
    )
    f1 = accuracy.with_columns(pl.col("value") - 0.1, metric=pl.lit("F1"))
    speech = pl.DataFrame({"model": MODELS, "value": [9.5, 5.5, 2.5]}).with_columns(
        task=pl.lit("speech"), dataset=pl.lit("voices"), metric=pl.lit("WER")
    )
    columns = ["task", "dataset", "model", "metric", "value"]
    corpus = pl.concat(part.select(columns) for part in (f1, accuracy, speech))
    return corpus.with_columns(dataset_desp=pl.lit("made up"))


def transfer_graph() -> pl.DataFrame:
    """Records of models as they were found, the first column an index of pandas."""
    records = long(target="dataset")
    count = records.height
    return pl.DataFrame(
        {
            "": range(count + 2),
            "model": [*records["model"], "org/nameless", "org/unmeasured"],
            "architectures": ["BertForSequenceClassification"] * (count + 2),
            "number_of_labels": [2] * (count + 2),
            "labels": ["['LABEL_0', 'LABEL_1']"] * (count + 2),
            "model_type": ["bert"] * (count + 2),
            "number_of_parameters": [109_483_778] * (count + 2),
            "memory_consumption": [439_076_352] * (count + 2),
            "dataset": [*records["dataset"], None, "alpha"],
            "accuracy": [*records["accuracy"], 0.66, None],
        }
    )
