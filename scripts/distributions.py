"""Build the wheel and the source distribution, and try both as a newcomer would.

Each is installed into an environment of its own with nothing but pip in it, and must rank the
models in `data/` there. `make wheel` runs it without arguments; with paths of distributions it
builds nothing and tries those, which is what the release workflow does on each platform.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
import time
import venv
from pathlib import Path
from zipfile import ZipFile

ROOT = Path(__file__).resolve().parent.parent
OUT = ROOT / "dist"
# PyPI takes far larger ones; people on slow lines do not.
LARGEST_WHEEL = 8_000_000
TARGET = "fashion-mnist"


def main(given: list[str]) -> int:
    """Build unless distributions are given, and try each; return an exit code."""
    archives = [Path(name) for name in given] or build()
    problems = [problem for archive in archives for problem in faults(archive)]
    for archive in archives:
        installed, answered = first_answer(archive)
        print(
            f"{archive.name}: {archive.stat().st_size / 1e6:.2f} MB, "
            f"installed in {installed:.1f} s, first answer after {answered:.1f} s more"
        )
    for problem in problems:
        print(problem, file=sys.stderr)
    return 1 if problems else 0


def build() -> list[Path]:
    """Return a new wheel and a new source distribution."""
    shutil.rmtree(OUT, ignore_errors=True)
    maturin = Path(sys.executable).parent / "maturin"
    for command in (["build", "--profile", "wheel", "--strip"], ["sdist"]):
        subprocess.run([str(maturin), *command, "--out", str(OUT)], cwd=ROOT, check=True)
    return sorted(OUT.iterdir(), key=lambda archive: archive.suffix != ".whl")


def faults(archive: Path) -> list[str]:
    """Return what a release must not have: no licence, or a wheel that is too large or not abi3."""
    found = []
    names = files_of(archive)
    if not any(Path(name).name == "LICENSE" for name in names):
        found.append(f"{archive.name}: has no LICENSE")
    if archive.suffix == ".whl":
        if "-abi3-" not in archive.name:
            found.append(f"{archive.name}: is for one version of Python only")
        if (size := archive.stat().st_size) >= LARGEST_WHEEL:
            found.append(f"{archive.name}: has {size:,} bytes, not below {LARGEST_WHEEL:,}")
    return found


def files_of(archive: Path) -> list[str]:
    """Return the names of the files in a wheel or a source distribution."""
    if archive.suffix == ".whl":
        with ZipFile(archive) as wheel:
            return wheel.namelist()
    with tarfile.open(archive) as source:
        return source.getnames()


def first_answer(archive: Path) -> tuple[float, float]:
    """Install into a bare environment and rank the models; return the seconds that each took."""
    with tempfile.TemporaryDirectory() as folder:
        venv.create(folder, with_pip=True)
        programs = Path(folder) / ("Scripts" if sys.platform == "win32" else "bin")
        pip = [str(programs / "python"), "-m", "pip", "--quiet", "--disable-pip-version-check"]
        start = time.perf_counter()
        subprocess.run([*pip, "install", str(archive.resolve())], check=True)
        installed = time.perf_counter()
        files = sorted(str(file) for file in (ROOT / "data").glob("*.parquet"))
        command = [str(programs / "transferability"), "score", *files, "--target", TARGET]
        # Far from the sources, so that what answers is what was installed.
        answer = subprocess.run(
            [*command, "--format", "csv"],
            cwd=folder,
            env={**os.environ, "PYTHONPATH": ""},
            check=True,
            capture_output=True,
            text=True,
        ).stdout
        missing = [Path(file).stem for file in files if Path(file).stem not in answer]
        if missing:
            sys.exit(f"{archive.name}: the ranking lacks {', '.join(missing)}:\n{answer}")
        return installed - start, time.perf_counter() - installed


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
