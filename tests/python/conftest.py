from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest
from registry import embedding_rows

# Folders have such a file each, which Python takes for one module when it looks for doctests.
collect_ignore_glob = ["*conftest.py"]

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def rows() -> pl.DataFrame:
    """One model, three classes, six to eight rows a class, three features."""
    return embedding_rows()


@pytest.fixture(scope="session")
def data() -> Path:
    """The folder of tables in this repository."""
    return ROOT / "data"


@pytest.fixture(scope="session")
def lenets(data: Path) -> Path:
    """The tables of the three LeNets, without those of the zoo."""
    return data / "*.parquet"


@pytest.fixture(scope="session")
def shared() -> Path:
    """Larger tables and independent reference values, which are not part of this repository."""
    folder = ROOT.parent / "shared"
    if not (folder / "embeddings").is_dir():
        pytest.skip("../shared with the full embeddings and reference values is not there")
    return folder
