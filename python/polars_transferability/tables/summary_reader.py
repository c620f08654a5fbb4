"""What the native reader of Parquet files is asked for, and the steps in which it answers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

import polars as pl

from polars_transferability._plugin import SummaryReader

# The name of a file, its path or address, and the columns that only its folders tell.
File: TypeAlias = "tuple[str, str, list[tuple[str, str]]]"
# A frame with a row for each key that is finished, and one of the rows of all samples.
Step: TypeAlias = "tuple[pl.DataFrame, pl.DataFrame]"


@dataclass(frozen=True)
class Wanted:
    """What is to be made of the rows of each key.

    Attributes
    ----------
    keys
        Columns of which each combination of values is a key.
    label
        Column of classes.
    vectors
        Columns of vectors; moments are those of the first.
    per_class
        Moments have a scatter of each class, or one of all; None for no moments.
    rows_per_class
        The size of the sample of each class, drawn with `seed`.
    nulls
        Keys and labels may be null.
    options
        Of the object store.
    """

    keys: tuple[str, ...]
    label: str
    vectors: tuple[str, ...] = ()
    per_class: bool | None = None
    rows_per_class: int = 0
    seed: int = 0
    nulls: bool = False
    options: Mapping[str, str] = field(default_factory=dict)

    def reader(
        self,
        files: Sequence[File],
        *,
        first_file: int = 0,
        row_groups: Sequence[int] | None = None,
    ) -> SummaryReader:
        """Return a reader of files, the first of which has this number among all.

        With `row_groups`, no others of the files are read.
        """
        return SummaryReader(
            files=files,
            options=list(self.options.items()),
            keys=self.keys,
            label=self.label,
            vectors=self.vectors,
            per_class=self.per_class,
            rows_per_class=self.rows_per_class,
            seed=self.seed,
            nulls=self.nulls,
            first_file=first_file,
            row_groups=row_groups,
        )


def steps_of(reader: SummaryReader) -> Iterator[Step]:
    """Yield what a reader finishes, step by step; an interrupt takes effect in between."""
    while (step := reader.step()) is not None:
        yield step


def numbered_keys(reader: SummaryReader) -> pl.DataFrame:
    """Return the keys of a reader with the numbers that it knows them by, as `key`."""
    keys = reader.keys()
    return keys.with_columns(pl.Series("key", range(keys.height), dtype=pl.UInt64))
