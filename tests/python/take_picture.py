"""Take the picture of a report that the tutorial shows. Not a test.

.venv/bin/python tests/python/take_picture.py
"""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path

from browser import browser, find_browser

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "scripts"))
from page_examples import DOCS, prepare, run  # noqa: E402

PICTURE = DOCS / "tutorial-report.png"
WIDTH, HEIGHT = 1000, 900


def main() -> None:
    """Run the tutorial, and show the section of its report on the only target."""
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
            page.evaluate("document.querySelectorAll('h2')[1].scrollIntoView()")
            PICTURE.write_bytes(page.picture())
        os.chdir(ROOT)
    print(PICTURE)


if __name__ == "__main__":
    main()
