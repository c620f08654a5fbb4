"""What benchmarks on the zoo of real encoders share: its models by domain.

The zoo is `shared/embeddings/zoo`, or the folder given as the first argument.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import polars as pl

_SHARED = Path(__file__).parents[2] / "shared" / "embeddings" / "zoo"
ZOO = Path(sys.argv[1]) if len(sys.argv) > 1 else _SHARED


def domains() -> Iterator[tuple[str, list[Path]]]:
    """The files of the models of each domain."""
    models = pl.read_csv(ZOO / "models.csv").group_by("domain", maintain_order=True).agg("model")
    for domain, names in models.iter_rows():
        yield domain, [ZOO / f"{name}.parquet" for name in names]
