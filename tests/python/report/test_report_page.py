"""The page of a report: self-contained, readable, and safe from what names hold."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from browser import browser, find_browser
from reports import HOSTILE, make


class Elements(HTMLParser):
    """Everything that an HTML file could load, and the order of its headings."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.loads: list[str] = []
        self.levels: list[int] = []
        self.tags: set[str] = set()
        self.ids: list[str] = []
        self.links: list[str] = []
        self.unnamed_pictures = 0
        self.within_named = False
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        values: dict[str, Any] = dict(attrs)
        for name, value in values.items():
            if name in ("src", "srcset", "href", "xlink:href", "data", "poster", "action"):
                (self.links if tag == "a" else self.loads).append(value)
            if name.startswith("on"):
                self.loads.append(f"{name}={value}")
        if re.fullmatch("h[1-6]", tag):
            self.levels.append(int(tag[1]))
        if "id" in values:
            self.ids.append(values["id"])
        if values.get("role") == "img":
            self.within_named = bool(values.get("aria-label"))
        if tag == "svg" and not self.within_named:
            self.unnamed_pictures += 1

    def handle_endtag(self, tag: str) -> None:
        if tag == "svg":
            self.within_named = False


def test_the_page_refers_to_nothing_outside_itself(folder: Path) -> None:
    text = make(folder).page.read_text()
    page = Elements(text)
    assert page.loads == ["data:,"]
    assert page.tags.isdisjoint({"script", "iframe", "img", "object", "embed", "base", "form"})
    assert re.findall(r"url\((?!#)|@import", text) == []
    assert {link[0] for link in page.links} == {"#"}
    assert {link[1:] for link in page.links} <= set(page.ids)
    assert len(set(page.ids)) == len(page.ids)
    for reference in re.findall(r"url\(#([^)]*)\)", text):
        assert reference in page.ids


def test_the_page_can_be_read_aloud(folder: Path) -> None:
    page = Elements(make(folder).page.read_text())
    assert page.levels[0] == 1
    assert page.levels.count(1) == 1
    steps = [b - a for a, b in zip(page.levels, page.levels[1:], strict=False)]
    assert max(steps) == 1
    assert "svg" in page.tags
    assert page.unnamed_pictures == 0


class Parsed(HTMLParser):
    """What an HTML file is made of: elements with the names of their attributes; and its texts.

    Pictures are parsed like all else, but how they write numbers and names is theirs.
    """

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: set[tuple[str, ...]] = set()
        self.texts: list[str] = []
        self.in_picture = False
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.add((tag, *(name for name, _ in attrs)))
        self.in_picture = self.in_picture or tag == "svg"
        if not self.in_picture:
            self.texts += [value or "" for _, value in attrs]

    def handle_endtag(self, tag: str) -> None:
        self.in_picture = self.in_picture and tag != "svg"

    def handle_data(self, data: str) -> None:
        if not self.in_picture:
            self.texts.append(data)


def page_with_names(folder: Path, name: Callable[[str], str]) -> Path:
    """Return the page of a report in which every name of the user's goes through `name`."""
    columns = ["model", "task", "split", "label", "embedding"]
    named = pl.col("model", "task", "label").cast(pl.String)
    rows = pl.concat(pl.read_parquet(path) for path in (folder / "models").iterdir())
    rows = rows.with_columns(named.map_elements(name, return_dtype=pl.String))
    rows.rename({column: name(column) for column in columns}).write_parquet(folder / "all.parquet")
    board = {
        name("network"): [name(f"net{i}") for i in range(3)] + [name("other")],
        name("new"): [0.5, 0.7, 0.6, 0.9],
        name("size"): [1.0, 2.0, 3.0, 4.0],
    }
    pl.DataFrame(board).write_parquet(folder / "accuracy.parquet")
    quoted = name("column").replace('"', '""')
    (folder / "lowest.sql").write_text(f'SELECT target AS "{quoted}", bound FROM bounds')
    text = {
        place: json.dumps(name(place), ensure_ascii=False)
        for place in ("title", "board", "network", "size")
    }
    listed = "\n".join(
        f"{column} = {json.dumps(name(column), ensure_ascii=False)}" for column in columns
    )
    (folder / "report.toml").write_text(f"""
title = {text["title"]}
files = "all.parquet"
scores = ["logme"]
bound = {{ l2 = 0.1, transform = "identity" }}
comparison = {{ k = 1, bootstrap = 20 }}
queries = {{ named = "lowest.sql" }}
[[leaderboards]]
file = "accuracy.parquet"
name = {text["board"]}
model = {text["network"]}
static = [{text["size"]}]
[columns]
{listed}
""")
    return make(folder).page


def test_names_are_text_not_markup(folder: Path) -> None:
    """They make no element and no attribute, and arrive letter by letter, wherever they stand."""
    plain = Parsed(page_with_names(folder, lambda name: f"{name} plain").read_text())
    for hostile in (" ".join(HOSTILE[::2]), " ".join(HOSTILE[1::2])):
        page = page_with_names(folder, lambda name, hostile=hostile: f"{name} {hostile}")
        found = Parsed(page.read_text())
        assert found.elements == plain.elements
        assert found.texts == [with_hostile(text, hostile) for text in plain.texts]


def with_hostile(text: str, hostile: str) -> str:
    # What says which names do not match quotes them as Python does.
    quoted = re.sub("'([a-z0-9]+) plain'", lambda name: repr(f"{name[1]} {hostile}"), text)
    return quoted.replace("plain", hostile)


def test_the_page_in_a_browser(folder: Path, tmp_path: Path) -> None:
    """It asks for nothing but itself, complains of nothing and fits any screen, light or dark."""
    path = find_browser()
    if path is None:
        pytest.skip("no Chromium on this machine to open the page with")
    made = make(folder)
    with browser(path, tmp_path / "profile") as page:
        page.open(made.page)
        backgrounds = set()
        for width in (1280, 375):
            for scheme in ("light", "dark"):
                page.show(width=width, height=900, scheme=scheme)
                wide = page.evaluate("document.documentElement.scrollWidth")
                assert wide <= width
                backgrounds.add(page.evaluate("getComputedStyle(document.body).backgroundColor"))
                assert len(page.picture()) > 10_000
        assert len(backgrounds) == 2
        assert page.evaluate("document.title") == "Which model transfers to which task?"
        assert page.evaluate("document.querySelectorAll('svg').length") > 0
        assert page.requests == [made.page.resolve().as_uri()]
        hostile = page_with_names(folder, lambda name: name + " ".join(HOSTILE))
        page.open(hostile)
        assert page.evaluate("document.querySelectorAll('script, img').length") == 0
        assert page.requests[1:] == [hostile.resolve().as_uri()]
        assert page.complaints == []
