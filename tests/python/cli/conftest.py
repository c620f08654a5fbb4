"""What several tests of the command start from."""

from __future__ import annotations

from pathlib import Path

import pytest
from registry import embedding_rows


@pytest.fixture
def table(tmp_path: Path) -> Path:
    path = tmp_path / "table.parquet"
    embedding_rows(models=2).write_parquet(path)
    return path
