"""A report that a cluster computes is that of one machine, and both share what is kept."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import planted
import polars as pl
import polars_transferability as pt
import pytest
from registry import embedding_rows

pytestmark = pytest.mark.usefixtures("nodes")

REPORT = """
files = ["models"]
sources = ["old", "far"]
scores = ["logme", "gbc", "etran", "knn_accuracy"]
rank_confidence = true
[bound]
l2 = 0.1
transform = "identity"
[curve]
source = "old"
target = "new"
rows = [1, 2]
repeats = 2
"""


@pytest.fixture
def spoilt(tmp_path: Path) -> Path:
    """A report on models of which some cannot be computed, and files that cannot be read."""
    (tmp_path / "models").mkdir()
    planted.plant(tmp_path / "models")
    (tmp_path / "report.toml").write_text(REPORT)
    return tmp_path


def make(folder: Path, out: str, **options: Any) -> pt.Report:
    return pt.report(folder / "report.toml", folder / out, **options)


def content(folder: Path) -> dict[str, bytes]:
    """Every file that a report wrote."""
    names = ["index.html", *(path.name for path in folder.glob("*.*") if path.suffix != ".html")]
    return {name: (folder / name).read_bytes() for name in names if name != ".cache"}


def test_it_is_the_same_to_the_byte(spoilt: Path) -> None:
    local = make(spoilt, "local")
    remote = make(spoilt, "remote", engine="ray")
    assert content(spoilt / "remote") == content(spoilt / "local")
    assert remote.problems == local.problems
    assert local.problems.incomplete > 0
    assert (remote.computed, remote.reused) == (local.computed, 0)


def test_both_share_what_is_kept(spoilt: Path) -> None:
    config = spoilt / "report.toml"
    config.write_text(f'engine = "ray"\n{REPORT}')
    first = make(spoilt, "out")
    # The caller's engine is the one that counts.
    again = make(spoilt, "out", engine="local")
    assert (again.computed, again.reused) == (0, first.computed)
    for kept in sorted((spoilt / "out" / ".cache").iterdir())[:2]:
        kept.unlink()
    last = make(spoilt, "out")
    assert (last.computed, last.reused) == (2, first.computed - 2)
    assert last.tables["bounds"].equals(first.tables["bounds"])


def test_strict_raises_the_same_error(spoilt: Path) -> None:
    for name in planted.LEFT_OUT:
        (spoilt / "models" / f"{name}.parquet").unlink()
    with pytest.raises(pl.exceptions.PolarsError) as local:
        make(spoilt, "local", strict=True)
    with pytest.raises(type(local.value)) as remote:
        make(spoilt, "remote", strict=True, engine="ray")
    assert str(remote.value) == str(local.value)


def test_relative_files_and_a_change_meanwhile(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = embedding_rows()
    rows.write_parquet(tmp_path / "net0.parquet")
    double = pl.col("embedding").arr.to_list().list.eval(2 * pl.element())
    other = tmp_path / "other"
    rows.with_columns(double).write_parquet(other)
    (tmp_path / "report.toml").write_text("files = ['*.parquet']\nscores = ['gbc']")
    monkeypatch.chdir(tmp_path)
    make(Path(), "before", engine="ray")
    taken = pt._report.take_inventory

    def then_changed(*given: Any) -> Any:
        inventory = taken(*given)
        if other.exists():
            shutil.move(other, "net0.parquet")
        return inventory

    monkeypatch.setattr(pt._report, "take_inventory", then_changed)
    changed = make(Path(), "out", engine="ray")
    assert "net0.parquet: was changed while it was read" in capsys.readouterr().err
    assert changed.tables["scores"].equals(make(Path(), "local").tables["scores"])
