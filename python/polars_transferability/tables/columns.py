"""Which columns of embedding tables hold what, where each has a name."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any, Literal

import polars as pl

from polars_transferability._door import door
from polars_transferability.tables.keys import fit_rows
from polars_transferability.tables.table import Paths, Table, embedding_tables, named_by_file

# What tables may have no column for.
Purpose = Literal["model", "task", "split"]


@dataclass(frozen=True)
class TableColumns:
    """Names of the columns of embedding tables: for the command, a report and a check.

    Attributes
    ----------
    models
        Columns that tell models apart.
    split
        Column of splits; None: rows are not split.
    fit_split
        Value in it of the rows to fit on.
    absent
        What the tables have no column for: without one of models each file is a model, without one
        of tasks all rows are one task, without one of splits rows are not split.
    """

    models: tuple[str, ...] = ("model",)
    embedding: str = "embedding"
    label: str = "label"
    task: str = "task"
    split: str | None = "split"
    fit_split: str = "train"
    absent: tuple[Purpose, ...] = ()

    @property
    def model(self) -> str:
        """The column of models, where one tells them apart."""
        (model,) = self.models
        return model

    def tables(self, paths: Paths | pl.DataFrame | pl.LazyFrame) -> list[Table]:
        """Return the tables, with a column of models where they have none themselves."""
        tables = embedding_tables(paths)
        return named_by_file(tables, self.model) if "model" in self.absent else tables

    def tasks(self) -> list[str]:
        """Return the column that tells tasks apart, if there is one."""
        return [] if "task" in self.absent else [self.task]

    def group(self) -> list[str]:
        """Return the columns that tell groups of rows apart."""
        return [*self.models, *self.tasks(), *([self.split] if self.split else [])]

    def all(self) -> list[str]:
        """Return every column that a table must have."""
        return [*self.group(), self.label, self.embedding]

    def fit(self) -> pl.Expr | None:
        """Return which rows to fit on."""
        return None if self.split is None else fit_rows(self.split, self.fit_split)

    def without_fit_rows(self, splits: Collection[str]) -> str | None:
        """Return what is wrong if none of the splits that there are is the one to fit on.

        Examples
        --------
        >>> TableColumns().without_fit_rows(["dev", "test"])
        "no row has split 'train', so there is none to fit on; there are 'dev', 'test': say which
         rows to fit on with fit=; for tables without a split pass fit=None"
        """
        if self.fit_split in splits:
            return None
        listed = ", ".join(f"'{split}'" for split in sorted(splits))
        return (
            f"no row has {self.split} '{self.fit_split}', so there is none to fit on; "
            f"there are {listed or 'none'}: {door().missing('fit', '')}"
        )

    def arguments(self) -> dict[str, Any]:
        """Return the arguments by which `compute_bounds` and `compute_scores` take the columns.

        Examples
        --------
        >>> TableColumns(models=("network",), split=None).arguments()
        {'model': ['network'], 'embedding': 'embedding', 'label': 'label', 'task': 'task',
         'fit': None}
        """
        return {
            "model": None if "model" in self.absent else list(self.models),
            "embedding": self.embedding,
            "label": self.label,
            "task": None if "task" in self.absent else self.task,
            "fit": self.fit(),
        }

    def require(self, table: Table) -> None:
        """Raise an error that says what to do if a table lacks a column, or it holds no names."""
        for name, purposes in Counter(self.all()).items():
            if purposes > 1:
                msg = f"column '{name}' is named for more than one purpose; name one for each"
                raise ValueError(msg)
        arguments = {
            **dict.fromkeys(self.models, "model"),
            **dict.fromkeys(self.tasks(), "task"),
            **({self.split: "split"} if self.split else {}),
            self.label: "label",
            self.embedding: "embedding",
        }
        table.require({name: door().missing(what, name) for name, what in arguments.items()})
        table.require_names(self.group())
