"""What the native module offers beside the expressions that Polars loads from it."""

from collections.abc import Sequence, Set

import polars as pl

__version__: str

class SummaryReader:
    """Reads moments and samples of all keys of some Parquet files."""

    def __init__(
        self,
        *,
        files: Sequence[tuple[str, str, Sequence[tuple[str, str]]]],
        options: Sequence[tuple[str, str]],
        keys: Sequence[str],
        label: str,
        vectors: Sequence[str],
        per_class: bool | None,
        rows_per_class: int,
        seed: int,
        nulls: bool,
        first_file: int = 0,
        row_groups: Sequence[int] | None = None,
    ) -> None: ...
    def keys(self) -> pl.DataFrame: ...
    def unreadable(self) -> list[tuple[str, str]]: ...
    def select(self, keys: Set[int]) -> None: ...
    def row_groups(self) -> list[list[int]]: ...
    def step(self) -> tuple[pl.DataFrame, pl.DataFrame] | None: ...

def parquet_size(
    name: str, address: str, columns: Sequence[str], options: Sequence[tuple[str, str]]
) -> tuple[int, int]: ...
def free_memory() -> int: ...
