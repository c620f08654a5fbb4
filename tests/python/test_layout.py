"""The Python package stands on floors, and no import points upward.

Floors, from the lowest to the highest; the name of a room is that of a module or package directly
within `polars_transferability`:

0. the ground: versions, the door to the native functions, arguments, columns and words of messages;
1. settings and tasks, which expressions take, and `files`, which reads and writes files as wholes;
2. the expressions: `bound`, `transport`, `_scores`, `_moments`, `labels`, `ranking` and
   `_consensus`; and what needs no more than their results: `_factors` and `_relatedness`;
3. `_expressions`, which is all of them, `pool`, which combines scores of models, and `tables`,
   which reads embedding tables;
4. `compute` and `leaderboard`: whole folders of tables;
5. `_verdict`, which model is best by these, and `_sql`, queries over all of them;
6. `_report`, which makes tables and a page of all of these, queries too, and `_styled`, a table
   of one result;
7. `cli`, the command;
8. `_public`, `__init__` and `__main__`, which offer it all under its names.

A file may import from lower floors and from its own room, and from no other room of its own floor
(on the ground, from any). A leaf with an underscore is imported within its package only. A room
that has the name of a public function would hide that function once it is imported, so such rooms
have an underscore.
"""

from __future__ import annotations

import ast
from pathlib import Path

import polars_transferability as pt
import pytest

PACKAGE = "polars_transferability"
# The native module, whose only door is `_plugin`.
NATIVE = "_internal"
FOLDER = Path(pt.__file__).parent
FLOORS: tuple[set[str], ...] = (
    {"_version", "_plugin", "_arguments", "_columns", "_door", "_visible", "_restricted"},
    {"settings", "_task", "files"},
    {
        *("bound", "transport", "_scores", "_moments", "labels", "ranking", "_consensus"),
        *("_factors", "_relatedness"),
    },
    {"_expressions", "pool", "tables"},
    {"compute", "leaderboard"},
    {"_verdict", "_sql"},
    {"_report", "_styled"},
    {"cli"},
    {"_public", "__init__", "__main__"},
)
FLOOR_OF = {room: floor for floor, rooms in enumerate(FLOORS) for room in rooms}
FILES = sorted(FOLDER.rglob("*.py"))


def place_of(path: Path) -> tuple[str, ...]:
    """The dotted name of a file within the package, in parts; the package itself is `__init__`."""
    parts = path.relative_to(FOLDER).with_suffix("").parts
    return parts[:-1] if len(parts) > 1 and parts[-1] == "__init__" else parts


def imported(source: str) -> set[tuple[str, ...]]:
    """What a file imports from the package, in parts, wherever in the file it does."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            module = "." * node.level + (node.module or "")
            names |= {f"{module}.{alias.name}" for alias in node.names}
    relative = [name for name in names if name.startswith(".")]
    assert not relative, f"imports must name the package: {relative}"
    return {
        tuple(name.split(".")[1:])
        for name in names
        if name.split(".")[0] == PACKAGE and "." in name
    }


def wrong_imports(place: tuple[str, ...], source: str) -> list[str]:
    """The imports of a file that the rule forbids, and why."""
    room, floor, wrong = place[0], FLOOR_OF[place[0]], []
    for parts in sorted(imported(source)):
        name = ".".join(parts)
        if parts[0] == room or (place, parts[0]) == (("_plugin",), NATIVE):
            continue
        if parts[0] not in FLOOR_OF:
            wrong.append(f"{name}: is no room")
        elif FLOOR_OF[parts[0]] > floor:
            wrong.append(f"{name}: points upward")
        elif FLOOR_OF[parts[0]] == floor not in (0, len(FLOORS) - 1):
            wrong.append(f"{name}: is another room of the same floor")
        elif len(parts) > 2 and parts[1].startswith("_"):
            wrong.append(f"{name}: is private to its package")
    return wrong


def test_nothing_points_upward() -> None:
    wrong = {
        str(path.relative_to(FOLDER)): found
        for path in FILES
        if (found := wrong_imports(place_of(path), path.read_text("utf-8")))
    }
    assert wrong == {}


def test_every_room_stands_on_a_floor() -> None:
    assert {place_of(path)[0] for path in FILES} == FLOOR_OF.keys()
    assert sum(len(rooms) for rooms in FLOORS) == len(FLOOR_OF)


@pytest.mark.parametrize(
    ("place", "line", "found"),
    [
        ("tables.keys", "from {}.compute.bounds import compute_bounds", "points upward"),
        ("bound", "def late():\n    from {} import _public", "points upward"),
        ("_arguments", "import {}.settings", "points upward"),
        ("tables.keys", "from {}._internal import free_memory", "no room"),
        ("bound", "from {}._scores.one_table import logme", "another room"),
        ("leaderboard.join", "from {} import compute", "another room"),
        ("compute.bounds", "from {}.tables._files import find_files", "private"),
        ("compute.bounds", "from {}.features import rows", "no room"),
    ],
)
def test_a_planted_import_is_found(place: str, line: str, found: str) -> None:
    (wrong,) = wrong_imports(tuple(place.split(".")), line.format(PACKAGE))
    assert found in wrong


@pytest.mark.parametrize(
    ("place", "line"),
    [
        ("compute.bounds", "from {}.tables.keys import open_keys"),
        ("compute.bounds", "from {}.compute._duration import seconds_of_bounds"),
        ("tables.keys", "from {}._visible import visible"),
        ("_door", "from {} import _visible"),
        ("bound", "from polars import DataFrame  # not {}.compute"),
    ],
)
def test_an_import_of_a_lower_floor_is_none(place: str, line: str) -> None:
    assert wrong_imports(tuple(place.split(".")), line.format(PACKAGE)) == []


def test_no_room_hides_a_public_name() -> None:
    assert FLOOR_OF.keys() & set(pt.__all__) == set()


def test_each_package_says_what_lives_there() -> None:
    silent = [
        str(path.relative_to(FOLDER))
        for path in FILES
        if not ast.get_docstring(ast.parse(path.read_text("utf-8")))
    ]
    assert silent == []
