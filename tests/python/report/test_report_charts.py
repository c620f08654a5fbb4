"""The pictures of a report: names and numbers that end no process."""

from __future__ import annotations

import re
from pathlib import Path
from xml.etree import ElementTree

import polars as pl
import pytest
from polars_transferability._report import _charts
from reports import HOSTILE, TERMS, change, command

SVG = "{http://www.w3.org/2000/svg}"


def texts(picture: str) -> list[str]:
    """The texts of a picture but for numbers, as an XML parser reads them."""
    found = [text.text or "" for text in ElementTree.fromstring(picture).iter(f"{SVG}text")]
    return [text for text in found if not re.fullmatch(r"[\d.]+", text)]


def bars(names: list[str]) -> list[str]:
    rows = pl.DataFrame({"name": names, **{term: [1.0] * len(names) for term in TERMS}})
    return [text for text in texts(_charts.term_bars(rows, "name", marks=False)) if text != "nats"]


def curve(losses: list[float]) -> pl.DataFrame:
    """A curve whose losses are all the same."""
    names = [*("bound", "bound_low", "bound_high", "target_loss"), "probe_loss", "trivial_loss"]
    return pl.DataFrame({"rows": [1, 10], **dict.fromkeys(names, losses)})


def test_names_in_pictures_are_text_and_short() -> None:
    expected = [name.replace("\t", "\u2409").replace("\n", "\u2424") for name in HOSTILE]
    assert bars(HOSTILE) == expected
    points = pl.DataFrame({"name": [1], "value": [0.5], "accuracy": [0.5]})
    for name, shown in zip(HOSTILE, expected, strict=True):
        drawn = _charts.scatter(points, name, higher_is_better=True)
        assert sorted(texts(drawn)) == sorted(["accuracy", shown])
        weights = {"source_class": [name], "target_class": [name], "source_weight": [1.0]}
        drawn = _charts.class_weights(pl.DataFrame(weights))
        assert all(shown.startswith(text.rstrip("\u2026")) for text in texts(drawn))
        assert len(texts(drawn)) == 2
    long = ["a" * 100_000, "a" * 50_000, "a" * 60, "a" * 61]
    cut = "a" * 59 + "\u2026"
    assert bars(long) == [cut, f"{cut} (2)", "a" * 60, f"{cut} (3)"]
    assert bars(["a\nb", "a\u2424b"]) == ["a\u2424b", "a\u2424b (2)"]


def test_pictures_have_no_names_that_meet_on_the_page() -> None:
    """Several stand on one page as they are, where an id must be unique."""
    terms = {term: [1.0, 2.0] for term in TERMS}
    losses = {"trivial_loss": 2.0, "target_loss": 1.0, "nothing": [False, True]}
    rows = pl.DataFrame({"name": ["a", "b"], **terms, **losses})
    levels = pl.DataFrame({"level": ["a", "a", "b"], "value": [0.1, 0.2, 0.9]})
    points = pl.DataFrame({"name": [1, 2], "value": [0.5, 1.0], "accuracy": [0.5, 0.7]})
    weights = {"source_class": ["a", "b"], "target_class": ["c", "c"], "source_weight": [0.2, 0.8]}
    for picture in (
        _charts.term_bars(rows, "name", marks=True),
        _charts.level_dots(levels, "mean consensus"),
        _charts.scatter(points, "score", higher_is_better=False),
        _charts.class_weights(pl.DataFrame(weights)),
        _charts.curve_lines(curve([1.0, 2.0])),
    ):
        elements = [*ElementTree.fromstring(picture).iter()]
        assert len(elements) > 10
        assert [element.tag for element in elements if "id" in element.attrib] == []
        assert "url(" not in picture


# What draws pictures aborts the process at text that XML cannot hold, as most of these are.
UNPRINTABLE = [*map(chr, range(0x20)), "\x7f", "\x85", "\ufffe", "\uffff", "\ufdd0", "\U0010ffff"]


@pytest.mark.parametrize("place", ["model", "task", "label"])
def test_no_character_in_a_name_ends_the_process(folder: Path, place: str) -> None:
    (folder / "accuracy.csv").unlink()
    change(folder, 'leaderboards = ["accuracy.csv"]', "")
    every = "".join(UNPRINTABLE)
    for path in (folder / "models").iterdir():
        rows = pl.read_parquet(path)
        rows.with_columns(pl.format("{} {}", place, pl.lit(every)).alias(place)).write_parquet(path)
    done = command(folder / "report.toml", "--out", folder / "out")
    assert (done.returncode, "panic" in done.stderr) == (0, False)
    text = (folder / "out" / "index.html").read_text()
    assert not {*text} & {*UNPRINTABLE} - {"\t", "\n"}
    assert "".join(chr(0x2400 + code) for code in range(9)) in text
    assert "\N{SYMBOL FOR DELETE}\N{REPLACEMENT CHARACTER}" in text
    # The tables have the names as they are.
    found = pl.read_parquet(folder / "out" / "class_map.parquet")
    column = {"model": "model", "task": "target", "label": "target_class"}[place]
    assert found[column].str.ends_with(every).all()


@pytest.mark.parametrize(
    "value", [float("nan"), float("inf"), -float("inf"), 1e308, 5e-324, -1e308, 0.0]
)
def test_no_number_in_a_picture_ends_the_process(value: float) -> None:
    terms = {term: [value, 1.0] for term in TERMS}
    losses = {"trivial_loss": value, "target_loss": value, "nothing": False}
    rows = pl.DataFrame({"name": ["a", "b"], **terms, **losses})
    levels = pl.DataFrame({"level": ["a", "b"], "value": [value, 1.0]})
    assert _charts.level_dots(levels, "mean").startswith("<svg")
    points = pl.DataFrame({"name": [1, 2], "value": [value, 1.0], "accuracy": [0.5, value]})
    weights = pl.DataFrame({"source_class": ["a"], "target_class": ["b"], "source_weight": [value]})
    for frame in (rows, rows.head(1)):
        assert _charts.term_bars(frame, "name", marks=True).startswith("<svg")
    for frame in (points, points.head(1), points.clear()):
        assert _charts.scatter(frame, "score", higher_is_better=True).startswith("<svg")
    assert _charts.class_weights(weights).startswith("<svg")
    lines = curve([value, 1.0])
    for frame in (lines, lines.head(1), lines.clear(), lines.with_columns(trivial_loss=1.0)):
        assert _charts.curve_lines(frame).startswith("<svg")


def test_what_would_squash_a_curve_is_a_triangle() -> None:
    """A loss above twice that of guessing is drawn at twice; all else is in scale."""
    losses = {"target_loss": [0.8, 1.2], "probe_loss": [104.0, 1.0]}
    drawn = _charts.curve_lines(
        curve([1.0, 1.5]).with_columns(**_columns(losses), trivial_loss=1.7)
    )
    lines = re.findall(r'<path d="M0,([\d.]+)L300,([\d.]+)" stroke="(#\w+)"', drawn)
    heights = {colour: [float(first), float(last)] for first, last, colour in lines}
    top, bottom, high = 2 * 1.7, 0.8, 200
    expected = {"#0072b2": [1.0, 1.5], "#1b1f24": [0.8, 1.2], "#e69f00": [top, 1.0]}
    assert heights.keys() == expected.keys()
    for colour, values in expected.items():
        pixels = [high * (top - value) / (top - bottom) for value in values]
        assert heights[colour] == pytest.approx(pixels, abs=1e-3)
    points = re.findall(r'<path transform="translate\((\d+),.*?d="([^"]*)" fill="(#\w+)"', drawn)
    # A circle is drawn by arcs.
    assert [(x, colour) for x, shape, colour in points if "A" not in shape] == [("0", "#e69f00")]
    assert len(points) == 6
    assert "stroke-dasharray" in drawn


def _columns(values: dict[str, list[float]]) -> dict[str, pl.Series]:
    return {name: pl.Series(of_column) for name, of_column in values.items()}


def boxes(picture: str) -> list[tuple[float, float, str]]:
    """Where the names of a picture stand, from its lines' left upper corner, and the names."""
    found = []

    def look(element: ElementTree.Element, x: float, y: float) -> None:
        moved = re.match(r"translate\(([-\d.]+),([-\d.]+)\)", element.get("transform", ""))
        if moved:
            x, y = x + float(moved[1]), y + float(moved[2])
        if element.tag == f"{SVG}text" and element.get("font-size") == "12px":
            found.append((x, y, element.text or ""))
        for child in element:
            look(child, x, y)

    look(ElementTree.fromstring(picture), 0.0, 0.0)
    return found


def test_names_beside_points_do_not_cover_each_other() -> None:
    """Of points that lie close together, each has its name where there is room, or none."""
    values = [0.5, 0.5, 0.505, 0.51, 0.515, 0.9]
    names = [f"{place}" for place in range(10, 16)]
    points = pl.DataFrame({"name": names, "value": values, "accuracy": values})
    drawn = _charts.scatter(points, "score", higher_is_better=True)
    named = [box for box in boxes(drawn) if box[2] in names]
    assert "15" in [name for _, _, name in named]
    assert len(named) > 3
    for place, (x, y, _) in enumerate(named):
        for other_x, other_y, _ in named[:place]:
            assert abs(x - other_x) >= 12 or abs(y - other_y) >= 9


def test_a_name_without_room_is_left_out() -> None:
    same = pl.DataFrame({"name": range(100), "value": [0.5] * 100, "accuracy": [0.5] * 100})
    drawn = _charts.scatter(same, "score", higher_is_better=True)
    named = [name for _, _, name in boxes(drawn) if name.isdigit()]
    assert named == sorted(named, key=int)
    assert 1 <= len(named) < 10
    assert named[0] == "0"


def test_bars_that_say_nothing_are_pale() -> None:
    rows = pl.DataFrame(
        {
            "name": ["good", "bad"],
            **{term: [0.2, 0.8] for term in TERMS},
            "trivial_loss": 2.0,
            "target_loss": 1.0,
            "nothing": [False, True],
        }
    )
    drawn = _charts.term_bars(rows, "name", marks=True)
    bars = re.findall(r'<path [^>]*fill="#(?:0072b2|cc79a7|e69f00)"[^>]*>', drawn)
    assert len(bars) == 6
    assert sum('opacity="0.3"' in bar for bar in bars) == 3


def test_many_models_can_be_drawn() -> None:
    points = pl.DataFrame({"name": range(6000), "value": range(6000), "accuracy": range(6000)})
    drawn = _charts.scatter(points.cast(pl.Float64), "score", higher_is_better=True)
    assert drawn.count('fill="#0072b2"') == 6000
