"""Scores that need moments only, of all rows of a key that memory does not hold."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import polars as pl

from polars_transferability._columns import column_roots
from polars_transferability._scores.several import scores
from polars_transferability.tables.keys import Key
from polars_transferability.tables.parquet_files import rust_files
from polars_transferability.tables.summary_reader import Wanted, numbered_keys, steps_of

# Scores that take moments in place of rows, and whether these need a scatter of each class.
_OF_MOMENTS = {
    "logme": False,
    "h_score": False,
    "shrinkage_h_score": False,
    "transrate": True,
    "gbc": True,
}


@dataclass(frozen=True, eq=False)
class ScoredColumns:
    """What is scored of a table: the columns, and which rows of which task."""

    embedding: pl.Expr
    label: pl.Expr | None
    task: pl.Expr
    fit: pl.Expr | None

    def are_plain(self) -> bool:
        """Return whether embedding and label are columns as they are stored."""
        return all(
            column is not None and column.meta.is_column()
            for column in (self.embedding, self.label)
        )


def scores_of_moments(
    key: Key, columns: ScoredColumns, wanted: Mapping[str, Mapping[str, Any]]
) -> pl.DataFrame | None:
    """Return a row for each target with those of the scores that need moments only.

    None where there are none, or columns are computed from others, or the rows have something that
    moments cannot be made of. Then a line on standard error says that they are of the sample.
    """
    possible = {name: dict(options) for name, options in wanted.items() if name in _OF_MOMENTS}
    if not possible or not columns.are_plain():
        return None
    by = key.values.columns
    names = column_roots([columns.task, columns.fit])
    (embedding,), (label,) = column_roots([columns.embedding]), column_roots([columns.label])
    wanted_of_files = Wanted(
        keys=tuple(dict.fromkeys([*by, *names])),
        label=label,
        vectors=(embedding,),
        per_class=any(_OF_MOMENTS[name] for name in possible),
    )
    reader = wanted_of_files.reader(rust_files(key.tables))
    own = key.own(numbered_keys(reader))
    reader.select(set(own["key"]))
    parts = [summaries for summaries, _ in steps_of(reader)]
    reasons = [reason for _, reason in reader.unreadable()]
    summaries = pl.concat(parts) if parts else None
    if summaries is not None:
        reasons.extend(summaries["problem"].drop_nulls())
    if summaries is None or reasons:
        said = f": {reasons[0]}" if reasons else ""
        print(f"{key}: {', '.join(possible)} are of the sample, too{said}", file=sys.stderr)
        return None
    rows = own.join(summaries, on="key", maintain_order="left")
    rows = rows if columns.fit is None else rows.filter(columns.fit)
    scored = rows.group_by(columns.task.cast(pl.String).alias("target"), maintain_order=True).agg(
        scores("moments", scores=possible)
    )
    return scored.unnest("scores").select("target", *possible)
