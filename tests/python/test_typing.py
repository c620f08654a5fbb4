"""Type checkers see every public name, with its types."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import polars_transferability as pt
import pytest


def test_a_type_checker_sees_every_public_name(tmp_path: Path) -> None:
    pytest.importorskip("mypy", reason="mypy is not installed")
    lines = ["import polars_transferability as pt", *(f"pt.{name}" for name in pt.__all__)]
    lines.append("reveal_type(pt.logme('x', 'y'))")
    script = tmp_path / "script.py"
    script.write_text("\n".join(lines))
    command = [sys.executable, "-m", "mypy", "--no-incremental", "--follow-imports=silent"]
    package = Path(pt.__file__).parents[1]
    run = subprocess.run(
        [*command, str(script)],
        env={"MYPYPATH": str(package), "PATH": ""},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert "polars.expr.expr.Expr" in run.stdout
    assert "error" not in run.stdout
