"""How long the bounds of a model take, so that a command can say so before it waits for minutes."""

from __future__ import annotations

from collections.abc import Collection
from itertools import product

import polars as pl

# CPU seconds for each pair of a source and a target row of classes that stand for each other, and
# for each pair of classes: measured with 2 classes of 1,500 to 10,000 rows and with 300 to 5,000
# classes of 2 to 4 rows. Good to a factor of three or so.
_PER_PAIR_OF_ROWS = 8e-8
_PER_PAIR_OF_CLASSES = 1.5e-6


def seconds_of_bounds(
    rows: pl.DataFrame,
    *,
    sources: Collection[str] | None = None,
    targets: Collection[str] | None = None,
    max_rows_per_class: int | None = None,
) -> float:
    """Return about how many seconds the bounds of all pairs of tasks take on one core.

    Parameters
    ----------
    rows
        Columns `task` and `label`, and `evaluated`: whether bounds are evaluated on the row.
    sources, targets
        Tasks that serve as source, as target; None for all.
    max_rows_per_class
        No more rows of a class are used.

    Examples
    --------
    >>> rows = pl.DataFrame({"task": ["a", "b"], "label": [0, 1]}).select(
    ...     pl.all().repeat_by(10_000).explode(), evaluated=True
    ... )
    >>> round(seconds_of_bounds(rows, sources=["a"], targets=["b"]))
    8
    """
    used = pl.len() if max_rows_per_class is None else pl.len().clip(0, max_rows_per_class)
    classes = rows.filter("evaluated").group_by("task", "label").agg(used.alias("rows"))
    tasks = classes.group_by("task").agg(classes=pl.len(), rows=pl.sum("rows"))
    sizes = {str(task): (count, total) for task, count, total in tasks.iter_rows()}

    def chosen(names: Collection[str] | None) -> Collection[str]:
        return sizes if names is None else [name for name in names if name in sizes]

    seconds = 0.0
    for source, target in product(chosen(sources), chosen(targets)):
        if source != target:
            (source_classes, source_rows), (target_classes, target_rows) = (
                sizes[source],
                sizes[target],
            )
            seconds += _PER_PAIR_OF_ROWS * target_rows * source_rows / source_classes
            seconds += _PER_PAIR_OF_CLASSES * source_classes * target_classes
    return seconds
