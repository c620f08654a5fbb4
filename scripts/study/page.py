"""The page as a whole: its sections, whose texts are templates, and what it was made from."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import polars as pl
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from zoo import DEFAULT, Zoo

from study import costing, failing, labelling, predicting, pretrained, relating, transforming
from study.words import counted, interval, listed, number, of_domain, percent, signed, wrapped

SECTIONS = (predicting, relating, pretrained, transforming, labelling, costing, failing)
_TEMPLATES = Environment(
    loader=FileSystemLoader(Path(__file__).parent),
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
    # A page is Markdown.
    autoescape=False,
)
_TEMPLATES.filters |= {
    function.__name__: function
    for function in (counted, interval, listed, number, of_domain, percent, signed)
}


def text_of(section: Any, content: dict[str, Any]) -> str:
    """Return the text of a section, which is a module with a template of the same name."""
    return _rendered(section.__name__.rpartition(".")[2], content)


def composed(zoo: Zoo, page: Path, texts: list[str]) -> str:
    """Return the page that has these texts as its sections."""
    sections = [
        {"title": section.TITLE, "script": section.SCRIPT, "text": text}
        for section, text in zip(SECTIONS, texts, strict=True)
    ]
    domains = {domain: _of_domain(zoo, domain) for domain in zoo.domains()}
    content = {
        "is_shipped": zoo.folder.resolve() == DEFAULT,
        "page": page.name,
        "domains": domains,
        "rows": sum(of["rows"] for of in domains.values()),
        "sections": sections,
    }
    return wrapped(_rendered("page", content)) + "\n"


def _of_domain(zoo: Zoo, domain: str) -> dict[str, Any]:
    tasks = zoo.tasks(domain)
    return {
        "models": zoo.models(domain).height,
        "tasks": tasks.height,
        "rows": tasks.select(pl.sum_horizontal("train", "test").sum()).item(),
        "error": 100 * zoo.median_error(domain),
    }


def _rendered(template: str, content: dict[str, Any]) -> str:
    return _TEMPLATES.get_template(f"{template}.md.jinja").render(content)
