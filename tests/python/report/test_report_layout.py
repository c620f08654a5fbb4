"""A report is made in one direction, and only its template writes HTML; read off the source."""

from __future__ import annotations

import re
from pathlib import Path

from polars_transferability import _report

FOLDER = Path(_report.__file__).parent
SOURCES = {path.stem: path.read_text("utf-8") for path in FOLDER.glob("*.py")}
# From the description to the page, in the order in which a report passes through them.
ROOMS = ("_config", "_inventory", "_units", "_results", "_page")
# What rooms use on their way, and the rooms that may be known there.
TOOLS = {
    "_section": set(),
    "_cache": set(),
    "_embedding_file": set(),
    "_queries": {"_inventory", "_units"},
    "_wording": {"_results"},
    "_page_table": {"_results"},
    "_charts": {"_results"},
    "_heat_map": set(),
    "_verdicts": {"_results"},
    "_overview": {"_results"},
    "_factor_section": {"_results"},
    "_relatedness_section": {"_results"},
    "_target_section": {"_results"},
    "_curve_section": {"_results"},
}


def rooms_known_to(name: str) -> set[str]:
    """The rooms that a file imports from."""
    found = re.findall(
        r"^from polars_transferability\._report(?:\.| import )(\w+)", SOURCES[name], re.M
    )
    return {room for room in found if room in ROOMS}


def test_no_room_knows_a_later_one() -> None:
    assert SOURCES.keys() == {"__init__", *ROOMS, *TOOLS}
    for place, room in enumerate(ROOMS):
        assert rooms_known_to(room) <= set(ROOMS[:place])
    for tool, rooms in TOOLS.items():
        assert rooms_known_to(tool) <= rooms


def test_the_page_is_made_of_results_alone() -> None:
    assert rooms_known_to("_page") == {"_results"}


def test_only_the_template_writes_html() -> None:
    """Its values are escaped one and all, so that no text of a user's is forgotten."""
    assert (FOLDER / "page.html.jinja").read_text("utf-8").count("</") > 10
    assert [name for name, source in SOURCES.items() if "</" in source] == []
