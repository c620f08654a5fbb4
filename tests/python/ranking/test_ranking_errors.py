"""What the rank statistics say of scores, truths and options that they cannot take."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import polars as pl
import polars_transferability as pt
import pytest
from bad_rows import FIRST, NAN
from registry import RANKINGS, score_rows, value

# What is wrong with a score or truth -> how, and what every ranking says.
BAD_SCORES = {
    "NaN": (
        pl.when(FIRST).then(NAN).otherwise(0.5).alias("score"),
        r'score column "score" of \w+ has 1 NaN or infinite value\(s\) in \d+ rows; make them null',
    ),
    "infinite": (
        pl.lit(float("inf")).alias("truth"),
        r'truth column "truth" of \w+ has \d+ NaN or infinite value\(s\) in \d+ rows',
    ),
    "text": (
        pl.lit("good").alias("score"),
        r'score column "score" of \w+ has dtype str, but it must be numeric',
    ),
    "boolean": (
        pl.lit(True).alias("truth"),
        r'truth column "truth" of \w+ has dtype bool, but it must be numeric',
    ),
    "list": (
        pl.lit([1.0]).alias("truth"),
        r'truth column "truth" of \w+ has dtype list\[f64\], but it must be numeric',
    ),
}


@pytest.mark.parametrize("ranking", RANKINGS, ids=[e.name for e in RANKINGS])
@pytest.mark.parametrize("bad", BAD_SCORES)
def test_bad_scores(bad: str, ranking: Any) -> None:
    change, message = BAD_SCORES[bad]
    with pytest.raises(pl.exceptions.ComputeError, match=message):
        value(score_rows(1).with_columns(change), ranking.build())


def test_message_names_the_callers_score() -> None:
    rows = score_rows(1).rename({"score": "logme", "truth": "accuracy"})
    with pytest.raises(pl.exceptions.ComputeError, match='score column "logme" of spearman has'):
        value(rows.with_columns(logme=NAN), pt.spearman("logme", "accuracy"))


# What is wrong -> a call that fails before it sees data, the error and what it says.
BAD_ARGUMENTS: dict[str, tuple[Callable[[], object], type[Exception], str]] = {
    "rank": (
        lambda: pt.weighted_tau("score", "truth", rank="score"),
        ValueError,
        "rank: expected one of 'both', 'none', found 'score'",
    ),
    "k of 0": (
        lambda: pt.top_k_recall("score", "truth", k=0),
        ValueError,
        "k: expected an integer from 1",
    ),
    "k is a float": (
        lambda: pt.regret_at_k("score", "truth", k=2.0),
        TypeError,
        "k: expected an integer, found 2.0",
    ),
    "bootstrap below 0": (
        lambda: pt.selection_quality("score", "truth", bootstrap=-1),
        ValueError,
        "bootstrap: expected an integer from 0",
    ),
    "confidence in percent": (
        lambda: pt.selection_quality("score", "truth", confidence=95),
        ValueError,
        "confidence: expected a number between 0 and 1, found 95",
    ),
    "confidence is text": (
        lambda: pt.selection_quality("score", "truth", confidence="0.9"),
        TypeError,
        "confidence: expected a number between 0 and 1, found '0.9'",
    ),
    "score is no column": (
        lambda: pt.pearson(0.5, "truth"),
        TypeError,
        "score: expected a column name or a Polars expression, found float",
    ),
}


@pytest.mark.parametrize("bad", BAD_ARGUMENTS)
def test_bad_arguments(bad: str) -> None:
    call, error, message = BAD_ARGUMENTS[bad]
    with pytest.raises(error, match=re.escape(message)):
        call()
