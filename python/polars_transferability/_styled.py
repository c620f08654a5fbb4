"""Results as a table to look at, in a notebook or a page: the best of each task is marked."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from html import escape
from typing import TYPE_CHECKING

import polars as pl

from polars_transferability._arguments import names_near_keyword
from polars_transferability._verdict import ranking_column, verdict
from polars_transferability._visible import visible
from polars_transferability.leaderboard.compare import LOSSES, rankers_in
from polars_transferability.leaderboard.join import MEAN_ELSEWHERE, LeaderboardJoin
from polars_transferability.tables.keys import MODEL, key_columns
from polars_transferability.tables.problems import PROBLEMS, with_problems

if TYPE_CHECKING:
    from great_tables import GT

# What is shown beside the scores where it is there, and says of models how good they are.
_ACCURACIES = ("accuracy", MEAN_ELSEWHERE)
# A low term of a bound alone says nothing of a model.
_TERMS = ("source_loss", "label_mismatch", "distribution_mismatch")
_BEST = "#d7ecd9"
_DECIMALS = 4


@names_near_keyword
def styled(
    results: LeaderboardJoin | pl.DataFrame,
    *,
    score: str | None = None,
    model: str | Sequence[str] = MODEL,
    target: str = "target",
) -> GT:
    """Return results as a table of great_tables, as `DataFrame.style` is one.

    Needs the extra `style`. Each target is a section with its models, the best by `score` first.
    The best value of each column of a section is marked: the lowest of bounds and losses, the
    highest of scores and accuracies. Below stand the verdict on each target, and how
    many results could not be computed in full. A notebook shows the table as it is; `as_raw_html`
    of it returns HTML, in which names are escaped.

    Parameters
    ----------
    results
        What `compute_scores` or `compute_bounds` returns, or either joined with a leaderboard.
    score
        Column that ranks the models; None: as in `verdict`.
    model
        Column or columns that tell models apart.
    target
        Column of targets.

    Raises
    ------
    ModuleNotFoundError
        great_tables is not installed.
    ColumnNotFoundError, TypeError, ValueError
        As in `verdict`.

    Examples
    --------
    >>> import polars as pl
    >>> import polars_transferability as pt
    >>> found = pl.DataFrame(
    ...     {"model": ["small", "large"], "target": "pets", "knn_accuracy": [0.8, 0.9], "n": 500}
    ... )
    >>> page = pt.styled(found).as_raw_html()
    >>> page.index("large") < page.index("small")
    True
    """
    try:
        from great_tables import GT, html, loc, style
    except ModuleNotFoundError as error:
        msg = (
            "styled needs great_tables, which is not installed: "
            "pip install 'polars-transferability[style]'"
        )
        raise ModuleNotFoundError(msg, name="great_tables") from error
    sentences = verdict(results, score=score, model=model, target=target)["verdict"].to_list()
    frame = results.frame if isinstance(results, LeaderboardJoin) else results
    models = key_columns("model", model)
    ranker = ranking_column(frame.drop(models)) if score is None else score
    names = [*models, *(name for name in ("source",) if name in frame.columns), target]
    _refuse_repeated(frame, names)
    shown = _shown(frame, names, ranker)
    numbers = shown.columns[len(names) :]
    table = (
        GT(shown, groupname_col=target, rowname_col=models[0])
        .fmt_number(numbers, decimals=_DECIMALS)
        .sub_missing(missing_text="")
        .cols_label({name: name.replace("_", " ") for name in shown.columns})
        .tab_style(style.text(weight="bold"), loc.row_groups())
        # A long name without spaces would push the numbers out of sight.
        .tab_style(style.css("overflow-wrap: anywhere; min-width: 8em"), loc.stub())
    )
    for column in numbers:
        if column not in _TERMS:
            marked = [style.fill(_BEST), style.text(weight="bold")]
            rows = _best_rows(shown, column, target)
            table = table.tab_style(marked, loc.body(columns=column, rows=rows))
    for line in (*sentences, *_incomplete(frame)):
        table = table.tab_source_note(html(escape(visible(line))))
    return table


def _refuse_repeated(frame: pl.DataFrame, names: list[str]) -> None:
    """Raise ValueError if two rows would look like one model on one target."""
    repeated = frame.filter(pl.struct(names).is_duplicated()).select(names)
    if repeated.height:
        found = ", ".join(
            f"{name} {value!r}" for name, value in repeated.row(0, named=True).items()
        )
        msg = (
            f"results: {found} has several rows; name the columns that tell models apart with "
            "model=, or keep one row of each"
        )
        raise ValueError(msg)


def _shown(frame: pl.DataFrame, names: list[str], ranker: str) -> pl.DataFrame:
    """Return names and numbers, the models of each target from the best on."""
    known = [*rankers_in(frame.schema), *_ACCURACIES]
    wanted = [name for name in dict.fromkeys([ranker, *known]) if name in frame.columns]
    there = [name for name in wanted if frame[name].count() > 0] or [ranker]
    target = pl.col(names[-1])
    return (
        frame.with_columns(pl.col(names).cast(pl.String).fill_null("None"))
        .sort(ranker, descending=ranker not in LOSSES, nulls_last=True, maintain_order=True)
        .sort(target.rank("min"), maintain_order=True)
        .select(*names, *there)
    )


def _best_rows(shown: pl.DataFrame, column: str, target: str) -> list[int]:
    """Return the rows with the best value of their target, unless all have the same."""
    lowest, highest = pl.col(column).min().over(target), pl.col(column).max().over(target)
    best = lowest if column in LOSSES else highest
    is_best = (pl.col(column).eq(best) & (lowest < highest)).fill_null(False)
    return shown.select(is_best.arg_true()).to_series().to_list()


def _incomplete(frame: pl.DataFrame) -> Iterator[str]:
    """Yield how many results are incomplete, or that there are none, if it is so."""
    if frame.is_empty():
        yield "There are no results."
    found = with_problems(frame).height if PROBLEMS in frame.columns else 0
    if found:
        of = f"{found} of {frame.height} results could not be computed in full"
        yield f"{of}; the column '{PROBLEMS}' of the results says why."
