"""Write the page of the study from a zoo of encoders.

    make study
    make study ZOO=FOLDER OUT=docs/study-all.md

Results are kept in `out/study`, so that a second run takes seconds.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

from zoo import DEFAULT, ROOT, Zoo

from study.page import SECTIONS, composed, text_of
from study.pictures import Gallery

PAGE = ROOT / "docs" / "study.md"


def main() -> None:
    """Write the page that the command line asks for, with a line of progress for each section."""
    parser = argparse.ArgumentParser(prog="study", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--zoo", type=Path, default=DEFAULT, help="folder of models and truth")
    parser.add_argument("--out", type=Path, help="the page; needed with another zoo")
    options = parser.parse_args()
    is_default = options.zoo.resolve() == DEFAULT
    if options.out is None and not is_default:
        parser.error("OUT: say where the page of another zoo goes, such as OUT=docs/study-all.md")
    write(Zoo(options.zoo), options.out or PAGE)


def write(zoo: Zoo, page: Path) -> None:
    """Write a page, and its pictures into a folder of the same name."""
    start = time.perf_counter()
    gallery, texts = Gallery(page.with_suffix("")), []
    for number, section in enumerate(SECTIONS, 1):
        begun = time.perf_counter()
        texts.append(text_of(section, section.section(zoo, gallery)))
        seconds = time.perf_counter() - begun
        print(f"{number}/{len(SECTIONS)} {section.TITLE}: {seconds:.0f} s", flush=True)
    page.write_text(composed(zoo, page, texts), "utf-8")
    print(f"wrote {page} in {time.perf_counter() - start:.0f} s")


if __name__ == "__main__":
    main()
