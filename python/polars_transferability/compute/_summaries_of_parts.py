"""Summaries that the workers of a cluster make of parts of files, merged as one reader merges them.

A reader merges the row groups of a file two by two, in a tree, and then the files of a key. A part
is a whole subtree of it: so many row groups of a file, a power of two, counted from a multiple of
that number. So the sums have the same bits, whoever makes the parts.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import polars as pl

from polars_transferability._moments import merge_moments
from polars_transferability._plugin import SummaryReader
from polars_transferability.compute.engine import WorkerLostError, workers_of

# Columns by which samples merge, and names that the parts of a key have here.
PLACE = ("priority of the row", "number of the file", "number of the row")
# Row groups that a worker reads for one task.
_TOGETHER = 8

File = tuple[str, str, list[tuple[str, str]]]


@dataclass(frozen=True)
class Wanted:
    """What a reader of some files makes: see `scan_summaries`."""

    keys: tuple[str, ...]
    label: str
    vectors: tuple[str, ...]
    per_class: bool | None
    rows_per_class: int
    seed: int
    options: Mapping[str, str]

    def reader(self, files: Sequence[File], first_file: int = 0) -> SummaryReader:
        """Return a reader of files, of which the first has this number among all."""
        return SummaryReader(
            files=files,
            options=list(self.options.items()),
            keys=self.keys,
            label=self.label,
            vectors=self.vectors,
            per_class=self.per_class,
            rows_per_class=self.rows_per_class,
            seed=self.seed,
            nulls=False,
            first_file=first_file,
        )


@dataclass(frozen=True)
class _Part:
    """Some row groups of a file, and the keys that are read of them."""

    wanted: Wanted
    file: File
    number: int
    keys: pl.DataFrame
    start: int

    def __str__(self) -> str:
        return f"{self.file[0]}, row groups from {self.start}"


def steps_on(
    engine: str, wanted: Wanted, files: Sequence[File], keys: pl.DataFrame, groups: Sequence[int]
) -> Iterator[tuple[pl.DataFrame, pl.DataFrame]]:
    """Yield summaries and samples as `SummaryReader.step` does, of all keys at once.

    `keys` are those wanted, with their numbers as `key`; `groups` is how many row groups of each
    file have rows of them. The files are in the order of their names.
    """
    parts = (
        _Part(wanted, file, number, keys, start)
        for number, (file, count) in enumerate(zip(files, groups, strict=True))
        for start in range(0, count, _TOGETHER)
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


def _found(
    part: tuple[pl.DataFrame, pl.DataFrame] | WorkerLostError,
) -> tuple[pl.DataFrame, pl.DataFrame]:
    if isinstance(part, WorkerLostError):
        raise part
    return part


def _summaries_of(part: _Part) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Return the summaries of a part, as a worker makes them."""
    reader = part.wanted.reader([part.file], part.number)
    own = reader.keys()
    numbers = pl.Series("own", range(own.height), dtype=pl.UInt64)
    of_file = own.cast({name: part.keys.schema[name] for name in own.columns})
    known = of_file.with_columns(numbers).join(part.keys, on=own.columns, how="inner")
    reader.select(known["own"].to_list())
    reader.select_groups(part.start, part.start + _TOGETHER)
    summaries, samples = [], []
    while (step := reader.step()) is not None:
        summaries.append(step[0])
        samples.append(step[1])
    names = known.select(own="own", number="key")

    def numbered(frames: list[pl.DataFrame]) -> pl.DataFrame:
        frame = pl.concat(frames, how="diagonal_relaxed").rename({"key": "own"})
        joined = frame.join(names, on="own", maintain_order="left").drop("own")
        return joined.rename({"number": "key"})

    place = {"file": part.number, "part": part.start // _TOGETHER}
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
    rows = pl.concat(samples, how="diagonal_relaxed")
    lowest = pl.col(PLACE[0]).rank("ordinal").over("key", wanted.label) <= wanted.rows_per_class
    return rows.sort(*PLACE).filter(lowest).sort("key", *PLACE[1:])
