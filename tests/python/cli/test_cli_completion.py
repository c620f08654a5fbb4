"""`transferability --install-completion`, in a bash with a home of its own."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

# What bash does where somebody presses Tab.
PRESS_TAB = """
source ~/.bashrc
complete_with() { "$(complete -p transferability | sed 's/.*-F \\([^ ]*\\).*/\\1/')"; }
COMP_WORDS=(transferability sc); COMP_CWORD=1; complete_with; echo "${COMPREPLY[@]}"
COMP_WORDS=(transferability score --no-f); COMP_CWORD=2; complete_with; echo "${COMPREPLY[@]}"
"""


@pytest.mark.skipif(shutil.which("bash") is None, reason="there is no bash")
def test_tab_completes_commands_and_options(tmp_path: Path) -> None:
    own = str(Path(sys.executable).parent)
    path = f"{own}{os.pathsep}{os.environ['PATH']}"
    home = {**os.environ, "HOME": str(tmp_path), "SHELL": "/bin/bash", "PATH": path}
    home.pop("XDG_DATA_HOME", None)
    script = f"transferability --install-completion || exit 1\n{PRESS_TAB}"
    done = subprocess.run(
        ["bash", "-c", script], env=home, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-2:] == ["score", "--no-fit"]
    assert "transferability" in (tmp_path / ".bashrc").read_text("utf-8")
