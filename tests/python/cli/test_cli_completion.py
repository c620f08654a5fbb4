"""`transferability --install-completion`, in shells with a home of their own."""

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


# What fish answers of what Tab would show.
ASK_FISH = """
complete -C "transferability sc"
complete -C "transferability score --no-f"
"""


def completed(shell: str, script: str, home: Path) -> list[str]:
    """The lines that a shell prints after it was told to complete the command."""
    own = str(Path(sys.executable).parent)
    variables = {**os.environ, "HOME": str(home), "SHELL": f"/bin/{shell}"}
    variables["PATH"] = f"{own}{os.pathsep}{os.environ['PATH']}"
    for name in ("XDG_DATA_HOME", "XDG_CONFIG_HOME"):
        variables.pop(name, None)
    command = [shell, "-c", f"transferability --install-completion || exit 1\n{script}"]
    done = subprocess.run(command, env=variables, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


@pytest.mark.skipif(shutil.which("bash") is None, reason="there is no bash")
def test_tab_completes_commands_and_options(tmp_path: Path) -> None:
    assert completed("bash", PRESS_TAB, tmp_path)[-2:] == ["score", "--no-fit"]
    assert "transferability" in (tmp_path / ".bashrc").read_text("utf-8")


@pytest.mark.skipif(shutil.which("fish") is None, reason="there is no fish")
def test_tab_completes_in_fish(tmp_path: Path) -> None:
    printed = completed("fish", ASK_FISH, tmp_path)
    assert any(line.startswith("score\tCompute the published") for line in printed)
    assert printed[-1].startswith("--no-fit\t")
