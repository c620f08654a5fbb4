"""Summaries that the workers of a cluster make of parts of files, merged as one reader merges them.

A reader merges the row groups of a file two by two, in a tree, and then the files of a key. A part
is a whole subtree of it: so many row groups of a file, a power of two, counted from a multiple of
that number. So the sums have the same bits, whoever makes the parts.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import polars as pl

from polars_transferability._moments import merge_moments
from polars_transferability.compute.engine import WorkerLostError, workers_of
from polars_transferability.tables.summary_reader import (
    File,
    Step,
    Wanted,
    numbered_keys,
    steps_of,
)

# What a reader has of each row of a sample: the random number by which it was drawn, and its place.
_PRIORITY = "priority of the row"
_PLACE = ("number of the file", "number of the row")
# Row groups that a worker reads for one task: a power of two.
_TOGETHER = 8


@dataclass(frozen=True)
class _Part:
    """Some row groups of a file, and the keys that are read of them with their numbers."""

    wanted: Wanted
    file: File
    number_of_file: int
    number: int
    row_groups: Sequence[int]
    keys: pl.DataFrame

    def __str__(self) -> str:
        return f"{self.file[0]}, row groups from {self.row_groups[0]}"


def steps_on(
    engine: str,
    wanted: Wanted,
    files: Sequence[File],
    keys: pl.DataFrame,
    row_groups: Sequence[Sequence[int]],
) -> Iterator[Step]:
    """Yield summaries and samples as `steps_of` does, of all keys at once.

    `keys` are those wanted, with their numbers as `key`; `row_groups` are those of each file that
    have rows of them. The files are in the order of their names.
    """
    parts = (
        _Part(wanted, file, number_of_file, number, of_file[start : start + _TOGETHER], keys)
        for number_of_file, (file, of_file) in enumerate(zip(files, row_groups, strict=True))
        for number, start in enumerate(range(0, len(of_file), _TOGETHER))
    )
    with workers_of(engine) as cluster:
        assert cluster is not None
        found = [_found(part) for part in cluster.map(_summaries_of, parts, name=str)]
    if found:
        summaries, samples = zip(*found, strict=True)
        merged = _merged(summaries)
        failed = merged.filter(pl.col("problem").is_not_null())
        # What could be read of a key that failed is not the key's.
        sample = _sample(samples, wanted).join(failed, on="key", how="anti", maintain_order="left")
        is_whole = pl.col("problem").is_null()
        yield merged.with_columns(pl.when(is_whole).then(pl.col("n", "moments"))), sample


def _found(part: Step | WorkerLostError) -> Step:
    if isinstance(part, WorkerLostError):
        raise part
    return part


def _summaries_of(part: _Part) -> Step:
    """Return the summaries of a part, as a worker makes them."""
    reader = part.wanted.reader(
        [part.file], first_file=part.number_of_file, row_groups=part.row_groups
    )
    own = numbered_keys(reader).rename({"key": "own"})
    names = part.keys.drop("key").schema
    of_file = own.with_columns(pl.col(name).cast(dtype) for name, dtype in names.items())
    known = of_file.join(part.keys, on=list(names), how="inner")
    reader.select(set(known["own"]))
    summaries, samples = zip(*steps_of(reader), strict=True)

    def numbered(frames: Iterable[pl.DataFrame]) -> pl.DataFrame:
        found = pl.concat(frames, how="diagonal_relaxed").rename({"key": "own"})
        numbers = known.select("own", "key")
        return found.join(numbers, on="own", maintain_order="left").drop("own")

    place = {"file": part.number_of_file, "part": part.number}
    literals = [pl.lit(value, dtype=pl.UInt64).alias(name) for name, value in place.items()]
    return numbered(summaries).with_columns(literals), numbered(samples)


def _merged(parts: Iterable[pl.DataFrame]) -> pl.DataFrame:
    """Return one summary for each key: of the parts of each file, then of the files."""
    rows = pl.concat(parts, how="diagonal_relaxed").sort("key", "file", "part")
    of_files = _in_pairs(rows, ["key", "file"], "part")
    ranked = of_files.with_columns(part=pl.int_range(pl.len(), dtype=pl.UInt64).over("key"))
    return _in_pairs(ranked, ["key"], "part").select("key", "n", "moments", "problem")


def _in_pairs(rows: pl.DataFrame, units: list[str], place: str) -> pl.DataFrame:
    """Return the summary of each unit, merged two by two in the order of their places."""
    merge = (
        merge_moments("moments").alias("moments")
        if rows["moments"].null_count() < rows.height
        else pl.col("moments").first()
    )
    while rows.select(pl.col(place).max()).item():
        halves = rows.with_columns(pl.col(place) // 2)
        names = [*units, place]
        sums = halves.group_by(names, maintain_order=True).agg(
            pl.col("problem").drop_nulls().first(), pl.col("n").sum()
        )
        failed = sums.filter(pl.col("problem").is_not_null())
        sound = halves.join(failed, on=names, how="anti", maintain_order="left")
        moments = sound.group_by(names, maintain_order=True).agg(merge)
        rows = sums.join(moments, on=names, how="left", maintain_order="left")
    return rows


def _sample(samples: Iterable[pl.DataFrame], wanted: Wanted) -> pl.DataFrame:
    """Return the rows that a reader of all parts would keep, in the order of their places."""
    rows = pl.concat(samples, how="diagonal_relaxed").sort(_PRIORITY, *_PLACE)
    lowest = pl.int_range(pl.len()).over("key", wanted.label) < wanted.rows_per_class
    return rows.filter(lowest).sort("key", *_PLACE)
