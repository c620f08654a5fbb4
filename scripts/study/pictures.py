"""The pictures of the study: SVG on a light ground, wide enough to be read on a page."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import altair as alt
import polars as pl
import vl_convert

WIDTH = 560
TEXT, MUTED, GRID = "#1b1f24", "#59636e", "#e4e8ec"
BLUE, PINK, ORANGE, GREEN, GREY = "#0072b2", "#cc79a7", "#d98a00", "#009e73", "#8a939c"


@dataclass(frozen=True)
class Gallery:
    """Where the pictures of a page lie."""

    folder: Path

    def hang(self, name: str, chart: alt.Chart | alt.LayerChart | alt.FacetChart, says: str) -> str:
        """Write a picture and return the line of the page that shows it; `says` is its text."""
        drawn = chart.configure(
            aria=False,
            background="#ffffff",
            # Fonts may be wider than the one that the room for names was measured with.
            padding={"left": 48, "right": 16, "top": 10, "bottom": 10},
            axis=alt.AxisConfig(
                labelColor=TEXT,
                titleColor=TEXT,
                gridColor=GRID,
                domainColor=GRID,
                tickColor=GRID,
                labelFontSize=12,
                titleFontSize=12,
                titleFontWeight="normal",
                labelLimit=420,
            ),
            header=alt.HeaderConfig(labelFontSize=13, labelColor=TEXT, labelFontWeight="bold"),
            legend=alt.LegendConfig(labelFontSize=12, titleFontSize=12, labelColor=TEXT),
            view=alt.ViewConfig(stroke=None),
        )
        self.folder.mkdir(parents=True, exist_ok=True)
        svg = vl_convert.vegalite_to_svg(drawn.to_json(), show_warnings=False)
        (self.folder / f"{name}.svg").write_text(svg + "\n", "utf-8")
        return f"![{says}]({self.folder.name}/{name}.svg)"


def values(rows: pl.DataFrame) -> alt.InlineData:
    """Return rows as values that stand in the picture."""
    return alt.InlineData(values=rows.to_dicts())


def in_order(names: Sequence[str]) -> dict[str, Any]:
    """Return what an axis of names is made of that keeps their order."""
    return {"sort": None, "scale": alt.Scale(domain=list(names)), "title": None}
