"""A sample of the rows of a key that are more than memory holds, drawn class by class from files.

The rows of each combination of names (task, split, label and so on) are a stratum. As many are
drawn of each, without replacement, as keep all within the memory; a stratum of fewer is whole.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace

import polars as pl

from polars_transferability._columns import is_label_type
from polars_transferability._door import door
from polars_transferability._plugin import parquet_size
from polars_transferability.tables.addresses import is_remote
from polars_transferability.tables.keys import Key, SampledRows
from polars_transferability.tables.memory import Memory, size_text
from polars_transferability.tables.parquet_files import rust_files
from polars_transferability.tables.summary_reader import Wanted, numbered_keys, steps_of
from polars_transferability.tables.table import FRAME, Table

# How many times the size of the rows computing takes, measured at 1 GB of rows: 3.1 for scores, for
# which Polars copies the rows of each task, and 1.4 for a bound.
_COPIES = 3
# The same of a sample, which is held while it is drawn, and copied into columns: 4.2 for scores.
_COPIES_OF_SAMPLE = 5


def half_of(key: Key, columns: Sequence[str], number: int) -> Key:
    """Return half of each stratum of a sample; another `number` draws other rows."""
    (table,) = key.tables
    names, _ = _names_and_vectors(key, columns)
    order = pl.int_range(pl.len()).shuffle(seed=number)
    place = order.over(names) if names else order
    size = pl.len().over(names) if names else pl.len()
    # Half of an odd number is rounded up, so that a stratum of one row is not lost.
    return replace(key, tables=[replace(table, rows=table.rows.filter(place * 2 < size))])


@dataclass(frozen=True)
class Budget:
    """How much memory a key may take, and the seed of a sample of one that takes more."""

    memory: Memory
    seed: int


@dataclass(frozen=True)
class SamplePlan:
    """The number of rows of each stratum of a key, and how many of each are to be drawn."""

    strata: pl.DataFrame
    per_stratum: int
    seed: int


def sample_plan(key: Key, columns: Sequence[str], budget: Budget) -> SamplePlan | None:
    """Return what to draw of a key; None if its rows fit into memory.

    A line on standard error says what stands for all rows. Rows that are in memory already, or that
    other readers read, are not drawn from.
    """
    memory = budget.memory
    needed = _excess(key, columns, memory)
    if needed is None:
        return None
    counts = needed.strata["len"].to_list()
    rows, width = sum(counts), needed.bytes_per_row
    per_stratum = _largest(counts, int(memory.bytes / _COPIES_OF_SAMPLE / width))
    drawn = sum(min(count, per_stratum) for count in counts)
    print(
        f"{key}: {rows:,} rows take {size_text(rows * width)}, and computing {_COPIES} times that, "
        f"too much for "
        f"{door().arguments.get('memory', 'memory')} {memory.stated}; {drawn:,} of them stand for "
        f"all, at most {per_stratum:,} of each class",
        file=sys.stderr,
    )
    return SamplePlan(needed.strata, per_stratum, budget.seed)


def say_where_memory_does_not_apply(key: Key, memory: Memory) -> None:
    """Say on standard error which tables are read whole, although the caller limits memory."""
    for table in key.tables if memory.is_given else ():
        if table.name == FRAME or _is_drawn_from(table):
            continue
        why = "; ".join(table.sentences()) or (
            "it is an address" if is_remote(table.name) else f"it is a table of {table.format()}"
        )
        argument = door().arguments.get("memory", "memory")
        print(f"{key}: {argument} does not apply to {table.name}: {why}", file=sys.stderr)


def _is_drawn_from(table: Table) -> bool:
    """Return whether the native reader reads the rows of a table."""
    # It may not find the credentials that Polars finds for an address.
    return table.parquet is not None and not is_remote(table.name)


def exceeds(key: Key, columns: Sequence[str], memory: Memory) -> bool:
    """Return whether a key has more rows than memory holds, so that a sample would be drawn."""
    return _excess(key, columns, memory) is not None


@dataclass(frozen=True)
class _Needed:
    """The number of rows of each stratum of a key, and what a row takes."""

    strata: pl.DataFrame
    bytes_per_row: float


def _excess(key: Key, columns: Sequence[str], memory: Memory) -> _Needed | None:
    """Return what a key needs, if that is more than memory holds."""
    if not all(_is_drawn_from(table) for table in key.tables):
        return None
    most = memory.bytes / _COPIES
    try:
        sizes = [_size(table, columns) for table in key.tables]
    except OSError:
        return None  # Whoever reads the rows says what is wrong with the file.
    if sum(size for _, size in sizes) <= most:
        return None
    strata = _strata(key, columns)
    width = sum(size for _, size in sizes) / max(sum(rows for rows, _ in sizes), 1)
    return _Needed(strata, width) if sum(strata["len"]) * width > most else None


def sample_of(key: Key, columns: Sequence[str], plan: SamplePlan) -> Key:
    """Return a key of a sample of the rows of another, in memory."""
    sample = _sample(key, columns, plan)
    sampled = SampledRows(key, sum(plan.strata["len"]), sample.height)
    return replace(key, tables=[Table(FRAME, sample.lazy())], sampled=sampled)


def with_sampled_rows(found: pl.DataFrame, sampled: SampledRows | None) -> pl.DataFrame:
    """Return results of a key with how many rows it has and how many were drawn, if some were.

    Examples
    --------
    >>> key = Key(pl.DataFrame({"model": ["net"]}), [])
    >>> with_sampled_rows(pl.DataFrame({"bound": [1.5]}), SampledRows(key, 90, 20)).rows()
    [(1.5, 90, 20)]
    """
    if sampled is None:
        return found
    count = {"rows": sampled.rows, "sampled_rows": sampled.drawn}
    return found.with_columns(pl.lit(n, dtype=pl.UInt64).alias(name) for name, n in count.items())


def _size(table: Table, columns: Sequence[str]) -> tuple[int, int]:
    """Return how many rows a file has, and the bytes of some of its columns; none of a frame."""
    if table.parquet is None:
        return 0, 0
    return parquet_size(table.name, table.parquet.address, list(columns), [])


def _names_and_vectors(key: Key, columns: Sequence[str]) -> tuple[list[str], list[str]]:
    schema = key.rows(columns).collect_schema()
    names = [name for name in columns if is_label_type(schema[name])]
    return names, [name for name in columns if name not in names]


def _strata(key: Key, columns: Sequence[str]) -> pl.DataFrame:
    """Return the number of rows of each combination of names."""
    names, _ = _names_and_vectors(key, columns)
    rows = key.rows(names or columns[:1])
    return rows.group_by(names).len().collect() if names else rows.select(pl.len()).collect()


def _largest(counts: Sequence[int], rows: int) -> int:
    """Return how many rows of each stratum there may be for all to be at most `rows`; one at least.

    Examples
    --------
    >>> _largest([2, 10, 100], 32), _largest([5, 5], 100), _largest([7, 9], 0)
    (20, 5, 1)
    """
    low, high = 1, max(counts, default=1)
    while low < high:
        middle = (low + high + 1) // 2
        if sum(min(count, middle) for count in counts) <= rows:
            low = middle
        else:
            high = middle - 1
    return low


def _sample(key: Key, columns: Sequence[str], plan: SamplePlan) -> pl.DataFrame:
    names, vectors = _names_and_vectors(key, columns)
    by = key.values.columns
    strata = [*by, *(name for name in names if name not in by)]
    wanted = Wanted(
        keys=tuple(strata[:-1]),
        label=strata[-1],
        vectors=tuple(vectors),
        rows_per_class=plan.per_stratum,
        seed=plan.seed,
        nulls=True,
    )
    reader = wanted.reader(rust_files(key.tables))
    keys = numbered_keys(reader)
    # A table may be a part of its file, such as the rows of some tasks.
    own = key.own(keys)
    if there := strata[len(by) : -1]:
        own = own.join(plan.strata, on=there, how="semi", nulls_equal=True)
    reader.select(set(own["key"]))
    for _, reason in reader.unreadable():
        raise pl.exceptions.ComputeError(reason)
    parts = []
    for found, sample in steps_of(reader):
        for reason in found["problem"].drop_nulls():
            raise pl.exceptions.ComputeError(reason)
        parts.append(sample)
    drawn = pl.concat(parts, how="diagonal_relaxed")
    # Names are looked up by number: a join would copy the vectors.
    own_names = [keys[name].gather(drawn["key"]) for name in strata[:-1]]
    schema = key.rows(columns).collect_schema()
    typed = [pl.col(name).cast(dtype) for name, dtype in schema.items()]
    of_models = [pl.lit(key.values[name]).first().alias(name) for name in by if name not in schema]
    return drawn.select(strata[-1], *vectors, *own_names).select(*typed, *of_models)
