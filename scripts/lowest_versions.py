"""Run the tests with the lowest version of every dependency that pyproject.toml allows.

A floor that nobody tries is a guess. To be run with the Python of the environment that the package
is built in; arguments are those of pytest. The environment with the lowest versions is kept from
run to run, and reads the package where it stands, native module included: nothing is built twice.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import venv
from collections.abc import Iterator
from importlib.metadata import distribution
from pathlib import Path
from zipfile import ZipFile

from packaging.requirements import Requirement

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

ROOT = Path(__file__).resolve().parent.parent
SOURCE = ROOT / "python"
NAME = "polars-transferability"
# Where there is a folder for what outlives a clone, it is kept there.
CACHE = Path.home() / ".cache" / NAME
ENVIRONMENT = CACHE / "lowest-versions" if CACHE.is_dir() else ROOT / ".venv-lowest"

# No test uses what the documentation site is built with.
UNTESTED = {"docs"}
# They read the text of the sources; no test imports them.
TOOLS = {"check-jsonschema", "mypy", "ruff"}
# It runs the command ten times and more, and is about moments, not about versions.
LEFT_OUT = (
    "tests/python/report/test_report_runs.py"
    "::test_killed_at_any_moment_it_leaves_whole_files_and_goes_on"
)


def main() -> int:
    """Make the environment if it is not there, and run the tests in it."""
    pins = sorted(lowest_versions())
    print(f"lowest versions: {', '.join(pins)}")
    print(f"left out: the tools {', '.join(sorted(TOOLS))}; {LEFT_OUT}", flush=True)
    if not [*SOURCE.glob("*/_internal*.so"), *SOURCE.glob("*/_internal*.pyd")]:
        sys.exit("the native module is not built; make test builds it")
    command = [environment(pins), "-m", "pytest", "-q", "--deselect", LEFT_OUT, *sys.argv[1:]]
    variables = {**os.environ, "PYTHONPATH": str(SOURCE)}
    return subprocess.run(command, cwd=ROOT, env=variables, check=False).returncode


def lowest_versions() -> Iterator[str]:
    """Yield every dependency that applies to this Python, pinned to its lowest version."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    extras = [
        lines for name, lines in project["optional-dependencies"].items() if name not in UNTESTED
    ]
    found: dict[str, str] = {}
    parts: dict[str, set[str]] = {}
    for line in [*project["dependencies"], *(line for extra in extras for line in extra)]:
        requirement = Requirement(line)
        applies = requirement.marker is None or requirement.marker.evaluate()
        if requirement.name in TOOLS or not applies:
            continue
        floors = [part.version for part in requirement.specifier if part.operator == ">="]
        if len(floors) != 1:
            sys.exit(f"pyproject.toml: '{line}' has no lowest version; write it with >=")
        if found.setdefault(requirement.name, floors[0]) != floors[0]:
            sys.exit(f"pyproject.toml: '{line}' has another lowest version in another place")
        parts.setdefault(requirement.name, set()).update(requirement.extras)
    for name, version in found.items():
        extra = f"[{','.join(sorted(parts[name]))}]" if parts[name] else ""
        yield f"{name}{extra}=={version}"


def environment(pins: list[str]) -> str:
    """Return the Python of an environment that has these versions."""
    python = str(ENVIRONMENT / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python"))
    built = distribution(NAME)
    commands = built.read_text("entry_points.txt") or ""
    wanted = "\n".join([sys.version, built.version, commands, *pins])
    made_of = ENVIRONMENT / "made-of.txt"
    if not made_of.is_file() or made_of.read_text("utf-8") != wanted:
        venv.create(ENVIRONMENT, clear=True, with_pip=True)
        pip = [python, "-m", "pip", "--quiet", "--disable-pip-version-check"]
        with tempfile.TemporaryDirectory() as folder:
            wheel = wheel_without_code(built.version, commands, Path(folder))
            install = [*pip, "install", "--only-binary", ":all:", *pins, str(wheel)]
            subprocess.run(install, check=True)
        subprocess.run([*pip, "check"], check=True)
        made_of.write_text(wanted, "utf-8")
    return python


def wheel_without_code(version: str, commands: str, folder: Path) -> Path:
    """Return a wheel from which pip makes the command, and learns the version.

    The code is read where it stands.
    """
    stem = f"{NAME.replace('-', '_')}-{version}"
    files = {
        "METADATA": f"Metadata-Version: 2.1\nName: {NAME}\nVersion: {version}\n",
        "WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        "entry_points.txt": commands,
    }
    files["RECORD"] = "".join(f"{stem}.dist-info/{name},,\n" for name in [*files, "RECORD"])
    wheel = folder / f"{stem}-py3-none-any.whl"
    with ZipFile(wheel, "w") as archive:
        for name, text in files.items():
            archive.writestr(f"{stem}.dist-info/{name}", text)
    return wheel


if __name__ == "__main__":
    sys.exit(main())
