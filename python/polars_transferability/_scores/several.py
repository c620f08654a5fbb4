"""Several scores of the same rows at once."""

from __future__ import annotations

from typing import Any

import polars as pl

from polars_transferability._arguments import given_as
from polars_transferability._plugin import scalar_plugin
from polars_transferability._scores.catalogue import Inputs
from polars_transferability._scores.choice import (
    DEFAULT,
    OF_ONE_TABLE,
    ScoreChoice,
    chosen,
    reads_labels,
)
from polars_transferability._scores.one_table import score_input

__all__ = ["scores"]


def scores(
    embedding: str | pl.Expr | None = None,
    label: str | pl.Expr | None = None,
    *,
    scores: ScoreChoice = DEFAULT,
    probabilities: str | pl.Expr | None = None,
    source_label: str | pl.Expr | None = None,
    fit: str | pl.Expr | None = None,
    which: ScoreChoice | None = None,
) -> pl.Expr:
    """Several scores of the same rows, with what they share computed once.

    LogME, H-score, shrinkage H-score, TransRate and GBC need one pass over the rows, one Gram
    matrix and one eigendecomposition together. The values are those of the single expressions, but
    for rounding.

    Parameters
    ----------
    embedding, label
        Columns as for `logme`; moments are accepted for those five. The label is not read where all
        scores are `nuclear_norm` and `prediction_entropy`, which need none.
    scores
        Names of scores (the functions of this module; `knn` is short for `knn_accuracy`; PACTran's
        are `pactran_gaussian`, `pactran_dirichlet` and `pactran_gamma`), "all", or a mapping from
        names to their options, such as `{"logme": {}, "knn_accuracy": {"k": 10}}`.
    probabilities
        Column of source probabilities, for `leep`, `pactran_dirichlet`, `pactran_gamma`,
        `nuclear_norm` and `prediction_entropy`.
    source_label
        Column of predicted source classes, for `nce`.
    fit
        Boolean column: these rows are scored, and `knn_accuracy` and `linear_probe` are evaluated
        on the others. None: all rows serve for both.
    which
        Another name of `scores`.

    Returns
    -------
    Expr
        Struct of the scores in the order of `scores`, then `n` and `classes`, the numbers of rows
        and classes that were scored, and `labels`: "pseudo" where all labels come from
        `pseudo_labels` or `argmax_labels`, else "given". Where no label is read, these two are
        null.

    Examples
    --------
    >>> import polars as pl
    >>> import polars_transferability as pt
    >>> rows = pl.DataFrame({"x": [[0.0], [1.0], [3.0], [4.0]], "label": [0, 0, 1, 1]})
    >>> rows.select(pt.scores("x", "label", scores=["h_score", "gbc"])).unnest("scores").columns
    ['h_score', 'gbc', 'n', 'classes', 'labels']
    """
    argument, choice = given_as("scores", scores, DEFAULT, which=which)
    settings = chosen(choice, argument=argument)
    given = {"probabilities": probabilities, "source_label": source_label, "embedding": embedding}
    if choice == "all":
        settings = [score for score in settings if given[_reads(score)] is not None]
        if not settings:
            msg = f"{', '.join(given)}: at least one is needed, but none is given"
            raise ValueError(msg)
    needed = {_reads(score): score["score"] for score in settings}
    for argument, score in needed.items():
        if given[argument] is None:
            msg = f"{argument}: needed for {score}, but not given"
            raise ValueError(msg)
    fields = {name: column for name, column in given.items() if name in needed}
    if any(reads_labels(score["score"]) for score in settings):
        fields["label"] = label
    inputs, columns = score_input(fit=fit, **fields)
    return scalar_plugin("scores", inputs, {"scores": settings, "columns": columns})


# The argument that scores of one table are computed from, beside the label.
_ARGUMENTS = {
    Inputs.EMBEDDING: "embedding",
    Inputs.PROBABILITIES: "probabilities",
    Inputs.PREDICTIONS: "probabilities",
    Inputs.SOURCE_LABEL: "source_label",
}


def _reads(settings: dict[str, Any]) -> str:
    """Return the argument that a score is computed from."""
    return _ARGUMENTS[OF_ONE_TABLE[settings["score"]].inputs]
