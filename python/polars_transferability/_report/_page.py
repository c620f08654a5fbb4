"""The page of a report: one HTML file that loads nothing, for people.

What it shows is put together here, as texts, tables and pictures; `page.html.jinja` lays it out.
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib.metadata import version

import polars as pl
from jinja2 import Environment, PackageLoader, StrictUndefined

from polars_transferability._report._curve_section import CurvesOfTarget, curve_section
from polars_transferability._report._factor_section import FactorSection, factor_section
from polars_transferability._report._overview import Overview, overview
from polars_transferability._report._page_table import PageTable, page_table
from polars_transferability._report._relatedness_section import (
    RelatednessSection,
    relatedness_section,
)
from polars_transferability._report._results import SAYS_NOTHING, Problems, Results
from polars_transferability._report._target_section import TargetSection, target_section
from polars_transferability._report._verdicts import verdict_on
from polars_transferability._report._wording import (
    FEWEST_MODELS,
    counted,
    interval,
    number,
    ranker_name,
)
from polars_transferability._visible import visible
from polars_transferability.files.table_bytes import flat

# A page is for reading; the files beside it have everything.
_MOST_ROWS = 50


@dataclass(frozen=True)
class QualitySection:
    """How well bounds and scores choose; `means` over targets only where there are several."""

    k: int
    gist: str
    means: PageTable | None
    by_target: PageTable


@dataclass(frozen=True)
class LeaderboardMatch:
    """What of a leaderboard has a score and what has none, line by line."""

    name: str
    lines: tuple[str, ...]


@dataclass(frozen=True)
class Page:
    """All that the page shows; a section without content is None or empty."""

    title: str
    summary: str
    overview: Overview
    targets: tuple[TargetSection, ...]
    factors: FactorSection | None
    relatedness: RelatednessSection | None
    curves: tuple[CurvesOfTarget, ...]
    quality: QualitySection | None
    leaderboards: tuple[LeaderboardMatch, ...]
    queries: tuple[PageTable, ...]
    problems: Problems | None
    version: str


def page(results: Results) -> str:
    """Return the page as HTML."""
    return _ENVIRONMENT.get_template("page.html.jinja").render(page=_view(results))


def _shown(value: object) -> object:
    """Return a value as the page shows it: with signs for what no page can show.

    Jinja passes each value of the template through here, and escapes what comes out. What is HTML
    already, as pictures are, was made of texts that had their signs.
    """
    return value if hasattr(value, "__html__") else visible(str(value))


_ENVIRONMENT = Environment(
    loader=PackageLoader("polars_transferability._report", ""),
    autoescape=True,
    finalize=_shown,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
    keep_trailing_newline=True,
)


def _view(results: Results) -> Page:
    targets = results.ranking["target"].unique(maintain_order=True)
    verdicts = {f"t{place}": verdict_on(results, target) for place, target in enumerate(targets)}
    problems = results.problems()
    return Page(
        title=results.title,
        summary=_summary(results),
        overview=overview(results, verdicts),
        targets=tuple(
            target_section(results, verdict, anchor) for anchor, verdict in verdicts.items()
        ),
        factors=factor_section(results),
        relatedness=relatedness_section(results),
        curves=curve_section(results),
        quality=None if results.quality.is_empty() else _quality(results),
        leaderboards=tuple(
            LeaderboardMatch(joined.name, tuple(joined.join.report().splitlines()))
            for joined in results.joined
        ),
        queries=tuple(
            _query_table(name, rows, f"query{place}")
            for place, (name, rows) in enumerate(results.queries.items())
        ),
        problems=problems if problems.incomplete else None,
        version=version("polars-transferability"),
    )


def _summary(results: Results) -> str:
    bounds, model = results.bounds, results.model
    nothing = bounds.filter(SAYS_NOTHING).height
    text = (
        f"{counted(bounds[model].n_unique(), 'model')}, "
        f"{counted(bounds['source'].n_unique(), 'source task')}, "
        f"{counted(bounds['target'].n_unique(), 'target task')}: "
        f"{counted(bounds['bound'].count(), 'bound')}"
    )
    text += f", {nothing} of them no better" if nothing else ", all of them better"
    text += " than guessing."
    if not bounds.filter(labels="given")["certified"].all():
        text += " The bounds use empirical Lipschitz constants and certify nothing."
    if results.has_pseudo_labels():
        text += " The targets have pseudo-labels; nothing is certified of the true ones."
    return text


def _quality(results: Results) -> QualitySection:
    labels = {
        "weighted_tau": "weighted tau",
        "spearman": "Spearman",
        "kendall_tau": "Kendall tau",
        "pearson": "Pearson",
        "top_k_recall": f"top-{results.k} recall",
        "regret_at_k": f"regret@{results.k}",
    }
    names = {name: ranker_name(one, name) for one in results.joined for name in one.rankers}
    named = results.quality.with_columns(
        ranker=pl.col("score").replace_strict(names)
        + pl.when("trivial").then(pl.lit(" (trivial)")).otherwise(pl.lit("")),
    )
    by_target = named.with_columns(
        pl.format("{}, on {}", "target", "leaderboard").alias("group"),
        *(_with_intervals(named, name) for name in ("weighted_tau", "spearman")),
    ).select("group", "ranker", pl.col("n").alias("models"), *labels)
    means = named.group_by("leaderboard", "ranker", maintain_order=True).agg(
        pl.len().alias("targets"),
        pl.col("n").max().alias("models"),
        *(pl.col(name).mean() for name in labels),
    )
    several = means["targets"].max() != 1
    enough = means.filter(pl.col("models") >= FEWEST_MODELS)
    best = enough.drop_nulls("weighted_tau").sort(
        "weighted_tau", descending=True, maintain_order=True
    )
    return QualitySection(
        k=results.k,
        gist=f"{best['ranker'][0]} best, weighted tau {number(best['weighted_tau'][0], 2)}"
        if best.height
        else "",
        means=page_table(
            means,
            "quality-mean",
            "Mean over targets",
            labels=labels,
            group="leaderboard",
            always=["ranker"],
        )
        if several
        else None,
        by_target=page_table(
            by_target,
            "quality-table",
            "Selection quality on each target",
            labels=labels,
            group="group",
            always=["ranker"],
        ),
    )


def _with_intervals(quality: pl.DataFrame, name: str) -> pl.Series:
    """Return a correlation as text, with its interval where that means something."""
    texts = [
        None
        if row[name] is None
        else number(row[name], 2)
        + interval(row.get(f"{name}_low"), row.get(f"{name}_high"), row["n"])
        for row in quality.iter_rows(named=True)
    ]
    return pl.Series(name, texts, pl.String)


def _query_table(name: str, rows: pl.DataFrame, anchor: str) -> PageTable:
    shown = flat(rows).head(_MOST_ROWS)
    caption = f"{name}: {counted(rows.height, 'row')}"
    if rows.height > shown.height:
        caption += f", the first {shown.height} shown"
    if rows.width > shown.width:
        caption += "; nested columns only in the Parquet file"
    return page_table(shown, anchor, caption, significant=4)
