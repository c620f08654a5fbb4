"""The page of a report: one HTML file that loads nothing, for people."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from importlib.metadata import version
from importlib.resources import files

import polars as pl

from polars_transferability._report import _charts
from polars_transferability._report._html_table import html_table
from polars_transferability._report._html_text import html_text
from polars_transferability._report._results import TERMS, Joined, Results
from polars_transferability.files.table_bytes import flat
from polars_transferability.leaderboard.compare import LOSSES
from polars_transferability.leaderboard.join import MEAN_ELSEWHERE

# A page is for reading; the files beside it have everything.
_MOST_BARS, _MOST_CLASSES, _MOST_SOURCES, _MOST_ROWS = 20, 40, 5, 50
# Source classes with less of a target class than this are left out of the pictures.
_LEAST_WEIGHT = 0.01

_MINUS = "\N{MINUS SIGN}"
_LEGEND = {
    "source_loss": "source loss: how well the source task is known",
    "label_mismatch": "label mismatch: how far classes fail to correspond",
    "distribution_mismatch": "distribution mismatch: how far the features lie apart",
}
_TICK = "the loss itself, on the target's evaluation rows"
_DASHES = "the loss of guessing by class frequency: a bound beyond it says nothing"


def page(results: Results) -> str:
    """Return the page as HTML."""
    style = files("polars_transferability._report").joinpath("page.css").read_text("utf-8")
    title = html_text(results.title)
    targets = results.ranking["target"].unique(maintain_order=True).to_list()
    sections = [
        *(_target_section(results, target, f"t{i}") for i, target in enumerate(targets)),
        _quality_section(results),
        _leaderboard_section(results),
        _query_section(results),
    ]
    links = [(f"t{i}", target) for i, target in enumerate(targets)]
    links += [
        (name, text)
        for name, text, there in (
            ("quality", "Selection quality", not results.quality.is_empty()),
            ("leaderboards", "Leaderboards", results.joined),
            ("queries", "Queries", results.queries),
        )
        if there
    ]
    contents = "".join(f'<li><a href="#{i}">{html_text(text)}</a></li>' for i, text in links)
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>{title}</title>
<link rel="icon" href="data:,">
<style>
{style}</style>
</head>
<body>
<header>
<h1>{title}</h1>
<p>{html_text(_summary(results))}</p>
<nav aria-label="Contents"><ul>{contents}</ul></nav>
</header>
<main>
{_how_to_read()}
{"".join(sections)}
</main>
<footer><p>Made by polars-transferability {html_text(version("polars-transferability"))}. Losses are
in nats. Every table stands beside this page as Parquet and CSV.</p></footer>
</body>
</html>
"""


def _summary(results: Results) -> str:
    bounds, model = results.bounds, results.model
    vacuous = bounds["vacuous"].sum()
    text = (
        f"{_counted(bounds[model].n_unique(), 'model')}, "
        f"{_counted(bounds['source'].n_unique(), 'source task')}, "
        f"{_counted(bounds['target'].n_unique(), 'target task')}: "
        f"{_counted(bounds.height, 'bound')}"
    )
    text += f", {vacuous} of them vacuous." if vacuous else ", none of them vacuous."
    if not bounds["certified"].all():
        text += " The bounds use empirical Lipschitz constants and certify nothing."
    return text


def _how_to_read() -> str:
    keys = "".join(
        f'<li><span class="swatch {term}"></span>{html_text(text)}</li>'
        for term, text in _LEGEND.items()
    )
    return f"""<section class="read" aria-labelledby="read">
<h2 id="read">How to read it</h2>
<p>Each model has a linear head for its source task. Classes, head and features are fitted to the
target's rows; the loss of that head on the target's evaluation rows is then at most the bound,
which is the sum of three terms. Lower is better.</p>
<ul class="legend">{keys}
<li><span class="swatch tick"></span>{_TICK}</li>
<li><span class="swatch dashes"></span>{_DASHES}</li></ul>
</section>"""


def _target_section(results: Results, target: str, name: str) -> str:
    # The column of models may be called anything, even as what is added here.
    ranked = results.ranking.filter(target=target).rename({results.model: "model"})
    ranked = ranked.with_row_index("place", offset=1)
    best = ranked.row(0, named=True)
    bounded = ranked.drop_nulls("bound")
    lead = (
        f"Lowest bound: {best['model']}, from {best['source']}: {best['bound']:.3f} nats, where "
        f"guessing costs {best['trivial_loss']:.3f}."
        if bounded.height
        else "Scores only: no model has another task as a source."
    )
    figure = _ranking_figure(bounded, target) if bounded.height else ""
    scatters = [
        drawn
        for joined in results.joined
        for drawn in _scatter_figures(results, joined, ranked, target)
    ]
    table = html_table(
        ranked.select(
            "place",
            "model",
            "source",
            "bound",
            *TERMS,
            "target_loss",
            "target_accuracy",
            "vacuous",
            *results.score_names,
        ),
        f"{name}-ranking",
        f"Lowest bound of each model on {target}, and its scores"
        if results.score_names
        else f"Lowest bound of each model on {target}",
        labels={**_headings(ranked.columns), "model": results.model},
    )
    return f"""<section aria-labelledby="{name}">
<h2 id="{name}">{html_text(target)}</h2>
<p>{html_text(lead)}</p>
<div class="beside">{figure}{table}</div>
{_against(scatters)}
{_class_map(results, best, name) if bounded.height else ""}
</section>"""


def _against(scatters: list[str]) -> str:
    if not scatters:
        return ""
    return f"""<h3>Against the leaderboards</h3>
<div class="figures">{"".join(scatters)}</div>"""


def _ranking_figure(ranked: pl.DataFrame, target: str) -> str:
    shown = ranked.head(_MOST_BARS).with_columns(name=pl.format("{}. {}", "place", "model"))
    caption = "Lowest bound of each model, by its terms"
    if ranked.height > shown.height:
        caption += f"; the {shown.height} lowest of {ranked.height}"
    spoken = shown.select(pl.format("{}, from {}: {}", "name", "source", _fixed("bound", 3)))
    alt = f"Stacked bars of the bounds on {target}: " + "; ".join(spoken.to_series())
    return _figure(_charts.term_bars(shown, "name", marks=True), alt, caption)


def _scatter_figures(
    results: Results, joined: Joined, ranked: pl.DataFrame, target: str
) -> Iterator[str]:
    """Yield a picture per ranker for a leaderboard that has this target, the trivial ones too."""
    places = ranked.select("model", name="place")
    quality = results.quality.filter(leaderboard=joined.name, target=target)
    for ranker in joined.rankers:
        rows = (
            joined.join.frame.filter(target=target)
            .select(
                "accuracy",
                model=pl.col(results.model),
                value=pl.col(ranker).cast(pl.Float64),
            )
            .drop_nulls(["accuracy", "value"])
            .join(places, on="model", how="left", maintain_order="left")
        )
        if rows.is_empty():
            continue
        found = quality.row(by_predicate=pl.col("score") == ranker, named=True)
        what = _ranker_name(joined, ranker)
        caption = f"{what} against {joined.name}: {_correlation(found)}"
        points = "; ".join(
            f"{model} {value:.3g}, {accuracy:.3g}"
            for model, value, accuracy in rows.select("model", "value", "accuracy")
            .sort("accuracy", descending=True)
            .iter_rows()
        )
        alt = f"Points of {what} and accuracy on {target}: {points}"
        better = ranker not in LOSSES
        drawn = _charts.scatter(rows, what, higher_is_better=better)
        yield _figure(drawn, alt, caption)


def _correlation(quality: dict[str, float | None]) -> str:
    """Return Spearman's correlation in words, with its interval where there is one."""
    value = quality["spearman"]
    if value is None:
        return f"no correlation, n = {quality['n']}"
    low, high = quality.get("spearman_low"), quality.get("spearman_high")
    interval = "" if low is None or high is None else f" [{low:.2f}, {high:.2f}]"
    return f"Spearman {value:.2f}{interval}, n = {quality['n']}".replace("-", _MINUS)


def _class_map(results: Results, best: dict[str, object], name: str) -> str:
    """Return which source classes stand for each class of the target, under the lowest bound."""
    transfer = f"{best['model']}, from {best['source']} to {best['target']}"
    rows = results.class_map.filter(
        pl.col(results.model).eq(best["model"]),
        pl.col("source").eq(best["source"]),
        pl.col("target").eq(best["target"]),
        pl.col("source_weight") >= _LEAST_WEIGHT,
    )
    costs = rows.group_by("target_class", "target_share", *TERMS, maintain_order=True).agg(
        pl.format(
            "{} ({}%)",
            "source_class",
            (pl.col("source_weight") * 100).round(0).cast(pl.Int64),
        )
        .sort_by("source_weight", descending=True)
        .head(_MOST_SOURCES)
        .str.join(", ")
        .alias("stands_for_it")
    )
    costs = costs.with_columns(total=pl.sum_horizontal(TERMS)).sort("total", descending=True)
    table = html_table(
        costs.select("target_class", "target_share", "stands_for_it", *TERMS, "total"),
        f"{name}-classes",
        f"What each class adds to the bound: {transfer}",
        labels={
            **_headings(costs.columns),
            "stands_for_it": "source classes that stand for it",
        },
    )
    shown = costs.head(_MOST_CLASSES)
    few = rows["source_class"].n_unique() <= _MOST_CLASSES and costs.height <= _MOST_CLASSES
    pictures = [
        _figure(
            _charts.term_bars(shown, "target_class", marks=False),
            f"Stacked bars of what each class of {best['target']} adds to the bound: "
            + "; ".join(
                shown.select(pl.format("{}: {}", "target_class", _fixed("total", 3))).to_series()
            ),
            "What each target class adds to the bound",
        )
    ]
    if few:
        stands = "; ".join(
            f"{y}: {x}" for y, x in costs.select("target_class", "stands_for_it").rows()
        )
        pictures.insert(
            0,
            _figure(
                _charts.class_weights(rows),
                f"Squares, the darker the larger the part of a source class. {stands}",
                "Class map: source classes (columns) that stand for each target class (rows)",
            ),
        )
    return f"""<h3>Which classes stand for which</h3>
<p>{html_text(transfer)}, the lowest bound on this target.</p>
<div class="figures">{"".join(pictures)}</div>
<details><summary>The numbers</summary>{table}</details>"""


def _quality_section(results: Results) -> str:
    if results.quality.is_empty():
        return ""
    k = results.k
    names = {name: _ranker_name(one, name) for one in results.joined for name in one.rankers}
    named = results.quality.with_columns(
        ranker=pl.col("score").replace_strict(names)
        + pl.when("trivial").then(pl.lit(" (trivial)")).otherwise(pl.lit("")),
    )
    labels = {
        "weighted_tau": "weighted tau",
        "spearman": "Spearman",
        "kendall_tau": "Kendall tau",
        "pearson": "Pearson",
        "top_k_recall": f"top-{k} recall",
        "regret_at_k": f"regret@{k}",
    }
    shown = named.with_columns(
        pl.format("{}, on {}", "target", "leaderboard").alias("group"),
        *(_with_interval(named, name).alias(name) for name in ("weighted_tau", "spearman")),
    ).select("group", "ranker", pl.col("n").alias("models"), *labels)
    table = html_table(
        shown, "quality-table", "Selection quality on each target", labels=labels, group="group"
    )
    means = named.group_by("leaderboard", "ranker", maintain_order=True).agg(
        pl.len().alias("targets"), *(pl.col(name).mean() for name in labels)
    )
    mean_table = html_table(
        means, "quality-mean", "Mean over targets", labels=labels, group="leaderboard"
    )
    return f"""<section aria-labelledby="quality">
<h2 id="quality">Do bounds and scores choose well?</h2>
<p>Correlations are 1 if a ranker orders the models as the leaderboard does, {_MINUS}1 if the other
way round; in brackets a bootstrap interval over the models, which is too short where there are few.
Regret is in the leaderboard's units: what is lost by trying only the {k} models ranked highest. The
trivial rankers look at no embedding.</p>
{mean_table if means["targets"].max() != 1 else ""}
{table}
</section>"""


def _with_interval(quality: pl.DataFrame, name: str) -> pl.Expr:
    value = _fixed(name)
    if f"{name}_low" not in quality.columns:
        return value
    interval = pl.format(" [{}, {}]", _fixed(f"{name}_low"), _fixed(f"{name}_high"))
    return value + interval.fill_null("")


def _fixed(name: str, digits: int = 2) -> pl.Expr:
    """Return a column of numbers as text, with as many digits after the point."""
    return pl.col(name).map_elements(
        lambda value: f"{value:.{digits}f}".replace("-", _MINUS), return_dtype=pl.String
    )


def _leaderboard_section(results: Results) -> str:
    if not results.joined:
        return ""
    parts = []
    for joined in results.joined:
        lines = joined.join.report().splitlines()
        items = "".join(f"<li>{html_text(line)}</li>" for line in lines)
        parts.append(f"<h3>{html_text(joined.name)}</h3><ul>{items}</ul>")
    return f"""<section aria-labelledby="leaderboards">
<h2 id="leaderboards">What matched the leaderboards</h2>
{"".join(parts)}
</section>"""


def _query_section(results: Results) -> str:
    if not results.queries:
        return ""
    parts = []
    for place, (name, rows) in enumerate(results.queries.items()):
        shown = flat(rows).head(_MOST_ROWS)
        caption = f"{name}: {_counted(rows.height, 'row')}"
        if rows.height > shown.height:
            caption += f", the first {shown.height} shown"
        if rows.width > shown.width:
            caption += "; nested columns only in the Parquet file"
        parts.append(html_table(shown, f"query{place}", caption, significant=4))
    return f"""<section aria-labelledby="queries">
<h2 id="queries">Queries</h2>
{"".join(parts)}
</section>"""


def _figure(svg: str, alt: str, caption: str) -> str:
    return (
        f'<figure><div role="img" aria-label="{html_text(alt)}">{svg}</div>'
        f"<figcaption>{html_text(caption)}</figcaption></figure>"
    )


def _ranker_name(joined: Joined, ranker: str) -> str:
    """Return what the page calls a ranker; a column of the leaderboard is called as it is there."""
    ours = ranker in joined.scores or ranker == MEAN_ELSEWHERE
    return _spoken(ranker) if ours else ranker


def _headings(columns: Iterable[str]) -> dict[str, str]:
    return {column: _spoken(column) for column in columns}


def _spoken(name: str) -> str:
    """Return a name of this package's as words."""
    return name.replace("_", " ")


def _counted(number: int, what: str) -> str:
    return f"{number} {what}" if number == 1 else f"{number} {what}s"
