"""Take the pictures of the pages: the demo, two reports, a table, and the tutorial's digits.

    .venv/bin/python tests/python/take_pictures.py

Not a test. `make claims WRITE=1` runs it last.
"""

from __future__ import annotations

import struct
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from browser import Page, browser, find_browser
from polars_transferability import report
from sklearn.datasets import load_digits

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "scripts"))
from page_examples import DOCS, folder_of_examples, run  # noqa: E402

DIGITS, DEMO = DOCS / "tutorial-digits.svg", DOCS / "demo.png"
STYLED, STYLED_SIZE = DOCS / "styled.png", (760, 960)
# Of each picture of a report, which begins with the page: its size, and what section is opened.
REPORTS = {
    DOCS / "report.png": (1280, 720, None),
    DOCS / "tutorial-report.png": (1000, 900, "high"),
}
# Side of a pixel, and from one digit to the next: five digits fit a narrow screen.
PIXEL, STEP = 7, 72
# Of the digits that the models know, and of the new ones; on light and dark ground.
COLOURS = {"low": "#0c8599", "high": "#e8590c"}

# Opens what holds a heading, and says whether there is one.
OPEN = """(() => {
    const headings = [...document.querySelectorAll("h1, h2, h3")];
    const found = headings.find((heading) => heading.textContent.trim() === "%s");
    found?.closest("details")?.setAttribute("open", "");
    return found !== undefined;
})()"""


def main() -> None:
    """Draw the digits, run the demo, make both reports, and show the first screen of each."""
    DIGITS.write_text("\n".join(digits()) + "\n", "utf-8")
    chromium = find_browser()
    if chromium is None:
        sys.exit("a picture needs Chromium")
    subprocess.run([sys.executable, ROOT / "scripts" / "demo.py"], check=True, capture_output=True)
    with folder_of_examples():
        for page in ("tutorial.md", "how-to/notebooks.md"):
            for _ in run(DOCS / page):
                pass
        report("examples/report/zoo.toml", "out/zoo")
        made = dict(zip(REPORTS, (Path("out/zoo"), Path("digits-report")), strict=True))
        with browser(chromium, Path("profile").resolve()) as tab:
            for picture, (width, height, heading) in REPORTS.items():
                tab.show(width=width, height=height, scheme="light")
                tab.open(made[picture] / "index.html")
                tab.evaluate("document.documentElement.style.scrollbarWidth = 'none'")
                if heading is not None and not tab.evaluate(OPEN % heading):
                    sys.exit(f"{made[picture]}: the page has no heading {heading}")
                picture.write_bytes(tab.picture())
            tab.show(width=STYLED_SIZE[0], height=STYLED_SIZE[1], scheme="light")
            tab.open(Path("scores.html"))
            tab.evaluate("document.documentElement.style.scrollbarWidth = 'none'")
            STYLED.write_bytes(tab.picture())
            DEMO.write_bytes(packed(tab, ROOT / "out" / DEMO.name))
    print(*REPORTS, STYLED, DEMO, DIGITS, sep="\n")


def packed(tab: Page, drawn: Path) -> bytes:
    """A picture as the browser saves it, which takes a quarter of the bytes."""
    # Where a PNG has its size.
    width, height = struct.unpack(">II", drawn.read_bytes()[16:24])
    tab.show(width=width, height=height, scheme="light")
    page = Path("picture.html")
    page.write_text(f'<body style="margin: 0"><img style="display: block" src="{drawn.as_uri()}">')
    tab.open(page)
    return tab.picture()


def digits() -> Iterator[str]:
    """The first image of each digit: those of the known task in a row, the new ones below."""
    size = f'viewBox="0 0 {5 * STEP} {2 * STEP + 40}" width="{5 * STEP}" height="{2 * STEP + 40}"'
    yield f'<svg xmlns="http://www.w3.org/2000/svg" {size} role="img">'
    yield "<title>The digits of both tasks</title>"
    images, labels = load_digits(return_X_y=True)
    for row, (task, colour) in enumerate(COLOURS.items()):
        top = row * (STEP + 20)
        style = f'fill="{colour}" font-family="system-ui, sans-serif" font-size="14"'
        yield f'<text x="0" y="{top + 14}" {style}>{task}</text>'
        for place in range(5):
            image = images[list(labels).index(5 * row + place)].reshape(8, 8)
            for y, line in enumerate(image):
                for x, value in enumerate(line):
                    if value:
                        at = f'x="{place * STEP + x * PIXEL}" y="{top + 20 + y * PIXEL}"'
                        side = f'width="{PIXEL}" height="{PIXEL}"'
                        yield f'<rect {at} {side} fill="{colour}" opacity="{value / 16:.2g}"/>'
    yield "</svg>"


if __name__ == "__main__":
    main()
