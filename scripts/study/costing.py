"""What everything costs in time and memory."""

from __future__ import annotations

from typing import Any

import cost as question
import polars as pl
from zoo import Zoo

from study.pictures import Gallery
from study.words import number, of_domain, table

TITLE = "What it costs"
SCRIPT = "cost.py"


def section(zoo: Zoo, gallery: Gallery) -> dict[str, Any]:
    """Return what the text of the section is made of."""
    del gallery  # A table says it all.
    costs = {domain: question.costs(zoo, domain) for domain in zoo.domains()}
    return {
        "question": question,
        "machine": next(iter(costs.values()))["machine"][0],
        "table": _table(costs),
        "domains": {domain: _of_domain(zoo, domain, found) for domain, found in costs.items()},
    }


def _of_domain(zoo: Zoo, domain: str, costs: pl.DataFrame) -> dict[str, Any]:
    model = costs["model"][0]
    of_method = dict(costs.select("method", "seconds").iter_rows())
    probe = of_method[question.PROBE]
    return {
        "model": model,
        "width": zoo.models(domain).filter(model=model)["dim"].item(),
        "bound": of_method["bound"] / probe,
        "bound_all": of_method["bound (all rows)"] / probe,
        "together": of_method[question.TOGETHER] / probe,
    }


def _table(costs: dict[str, pl.DataFrame]) -> str:
    headings = ["method"]
    rows = [[method] for method in next(iter(costs.values()))["method"]]
    for domain, found in costs.items():
        headings += [f"{of_domain(domain)}: seconds", "probes", "MiB"]
        probe = found.filter(method=question.PROBE)["seconds"].item()
        measured = found.select("seconds", "mib").iter_rows()
        for row, (seconds, mib) in zip(rows, measured, strict=True):
            row += [number(seconds, 3), number(seconds / probe, 1), number(mib, 1)]
    return table(headings, rows)
