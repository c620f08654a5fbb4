"""Take the pictures that the tutorial shows. Not a test.

.venv/bin/python tests/python/take_pictures.py
"""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from browser import browser, find_browser
from sklearn.datasets import load_digits

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "scripts"))
from page_examples import DOCS, prepare, run  # noqa: E402

REPORT, DIGITS = DOCS / "tutorial-report.png", DOCS / "tutorial-digits.svg"
WIDTH, HEIGHT = 1000, 900
# Side of a pixel, and from one digit to the next: five digits fit a narrow screen.
PIXEL, STEP = 7, 72
# Of the digits that the models know, and of the new ones; on light and dark ground.
COLOURS = {"low": "#0c8599", "high": "#e8590c"}


def main() -> None:
    """Draw the digits, run the tutorial, and show its report with its only target opened."""
    DIGITS.write_text("\n".join(digits()) + "\n", "utf-8")
    chromium = find_browser()
    if chromium is None:
        sys.exit("a picture needs Chromium")
    with tempfile.TemporaryDirectory() as name:
        os.chdir(name)
        prepare(Path(name))
        for _ in run(DOCS / "tutorial.md"):
            pass
        with browser(chromium, Path(name) / "profile") as page:
            page.show(width=WIDTH, height=HEIGHT, scheme="light")
            page.open(Path(name) / "digits-report" / "index.html")
            page.evaluate("document.documentElement.style.scrollbarWidth = 'none'")
            page.evaluate("document.querySelector('details').open = true")
            REPORT.write_bytes(page.picture())
        os.chdir(ROOT)
    print(REPORT, DIGITS, sep="\n")


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
