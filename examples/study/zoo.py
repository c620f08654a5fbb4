"""A zoo of encoders with its truth, and results that are kept: what all scripts of the study use.

A zoo is a folder of Parquet files, one for each model, with three tables beside them: `models.csv`
(`model`, `domain` and what is known of each model), `tasks.csv` (`task`, `domain`, `classes`) and
`truth.csv` (`model`, `task`, `n_test`, and `probe_acc`, the accuracy of a linear probe that was
tuned on all features, on rows held out). Every script takes the folder as its argument; without
one, it reads `data/zoo` of this repository.

What is computed is kept in `out/study`, under a name that is made of the content of the files, of
the settings, of the script and of the native module; so it is computed again where any of these
has changed, and read otherwise.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from hashlib import blake2b
from importlib.util import find_spec
from pathlib import Path

import polars as pl

ROOT = Path(__file__).resolve().parents[2]
DEFAULT = ROOT / "data" / "zoo"
KEPT = ROOT / "out" / "study"


@dataclass(frozen=True)
class Zoo:
    """A folder of models, tasks and truth."""

    folder: Path

    def models(self, domain: str) -> pl.DataFrame:
        """Return what is known of the models of a domain."""
        return pl.read_csv(self.folder / "models.csv").filter(domain=domain)

    def tasks(self, domain: str) -> pl.DataFrame:
        """Return what is known of the tasks of a domain, those with the most classes first."""
        tasks = pl.read_csv(self.folder / "tasks.csv").filter(domain=domain)
        return tasks.sort("classes", descending=True, maintain_order=True)

    def truth(self, domain: str) -> pl.DataFrame:
        """Return the accuracy of each model on each task of a domain, and its standard error."""
        truth = pl.read_csv(self.folder / "truth.csv").join(self.models(domain), on="model")
        accuracy = pl.col("probe_acc")
        return truth.select(
            "model",
            target="task",
            accuracy=accuracy,
            error=(accuracy * (1 - accuracy) / pl.col("n_test")).sqrt(),
        )

    def median_error(self, domain: str) -> float:
        """Return the median of the standard errors of the truth of a domain."""
        return float(self.truth(domain).select(pl.median("error")).item())

    def domains(self) -> list[str]:
        """Return the kinds of data that there are models of."""
        models = pl.read_csv(self.folder / "models.csv")
        return list(models["domain"].unique().sort())

    def files(self, domain: str) -> list[Path]:
        """Return the tables of the models of a domain."""
        return [self.folder / f"{model}.parquet" for model in self.models(domain)["model"]]


def zoo_named() -> Zoo:
    """Return the zoo that the command line names."""
    return Zoo(Path(sys.argv[1]) if len(sys.argv) > 1 else DEFAULT)


def kept(
    name: str, files: Sequence[Path], settings: object, compute: Callable[[], pl.DataFrame]
) -> pl.DataFrame:
    """Return what `compute` makes of some files, from `out/study` if it was made before."""
    script = Path(compute.__code__.co_filename)
    parts = [json.dumps([name, settings]), *map(_content, [*files, script, _native_module()])]
    path = KEPT / f"{name}-{blake2b(''.join(parts).encode(), digest_size=12).hexdigest()}.parquet"
    if not path.exists():
        KEPT.mkdir(parents=True, exist_ok=True)
        unfinished = path.with_suffix(".part")
        compute().write_parquet(unfinished)
        unfinished.rename(path)
    return pl.read_parquet(path)


def _native_module() -> Path:
    spec = find_spec("polars_transferability._internal")
    assert spec is not None
    assert spec.origin is not None
    return Path(spec.origin)


@cache
def _content(path: Path) -> str:
    return blake2b(path.read_bytes()).hexdigest()


def show(title: str, table: pl.DataFrame) -> None:
    """Print a table, whole."""
    print(f"\n{title}")
    with pl.Config(
        tbl_rows=-1,
        tbl_cols=-1,
        tbl_width_chars=1000,
        fmt_str_lengths=60,
        fmt_table_cell_list_len=3,
        float_precision=3,
        tbl_hide_dataframe_shape=True,
        tbl_hide_column_data_types=True,
    ):
        print(table, flush=True)
