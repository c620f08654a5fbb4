"""From how many labels on a head from another task helps, beside a probe of the same few labels.

    python examples/study/few_labels.py [ZOO]

Three models of each domain (by their mean accuracy the best, the one in the middle and the last),
from the task with the most classes to all others: `compute_curve` with so many target rows of each
class, three draws each, all source rows. Of the draws of one number of rows printed are mean losses
in nats, and in how many of them the head that is carried over loses less than guessing and than a
linear probe of the same rows, and in how many even its bound is below both.
"""

from __future__ import annotations

from typing import Any

import polars as pl
import polars_transferability as pt
from zoo import Zoo, kept, show, zoo_named

ROWS, REPEATS = (1, 2, 5, 10, 20), 3


def models_of(zoo: Zoo, domain: str) -> list[str]:
    """Return the best model, the one in the middle and the last."""
    means = zoo.truth(domain).group_by("model").agg(pl.mean("accuracy"))
    models = means.sort("accuracy", "model", descending=[True, False])["model"]
    return models.gather(sorted({0, len(models) // 2, len(models) - 1})).to_list()


def source_of(zoo: Zoo, domain: str) -> str:
    """Return the task with the most classes."""
    return str(zoo.tasks(domain)["task"][0])


def curves(zoo: Zoo, domain: str) -> pl.DataFrame:
    """Return every draw of the curves of some models to all targets."""
    first, *targets = zoo.tasks(domain)["task"]
    found = [
        _curve(zoo, model, source=first, target=target)
        for model in models_of(zoo, domain)
        for target in targets
    ]
    return pl.concat(found)


def _curve(zoo: Zoo, model: str, **pair: str) -> pl.DataFrame:
    file = zoo.folder / f"{model}.parquet"
    options: dict[str, Any] = {**pair, "rows": ROWS, "repeats": REPEATS, "source_rows": "all"}
    found = kept("curve", [file], options, lambda: pt.compute_curve(file, **options))
    return found.drop("problems")


def by_rows(curves: pl.DataFrame) -> pl.DataFrame:
    """Return the means over models, targets and draws for each number of rows."""
    losses = ("bound", "target_loss", "probe_loss", "trivial_loss")
    helps = pl.col("transfer").is_in(["bound", "target_loss"])
    return curves.group_by("rows", maintain_order=True).agg(
        pl.col(*losses, "target_accuracy", "probe_accuracy", "knn_accuracy").mean(),
        head_helps=helps.mean(),
        bound_helps=(pl.col("transfer") == "bound").mean(),
    )


def main() -> None:
    """Print the tables of the zoo that the command line names."""
    zoo = zoo_named()
    for domain in zoo.domains():
        title = f"{domain}: {', '.join(models_of(zoo, domain))}; from {source_of(zoo, domain)}"
        show(title, by_rows(curves(zoo, domain)))


if __name__ == "__main__":
    main()
