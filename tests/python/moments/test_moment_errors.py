"""What moments, and the scores of moments, say of what they cannot take."""

from __future__ import annotations

import re
from collections.abc import Callable

import polars as pl
import polars_transferability as pt
import pytest
from bad_rows import LISTS, NAN
from registry import embedding_rows, source_groups


def of_moments(**changes: pl.Expr) -> pl.DataFrame:
    """Moments with some fields replaced."""
    found = embedding_rows().select(pt.moments("embedding", "label")).unnest("moments")
    return found.with_columns(**changes).select(moments=pl.struct(pl.all()))


def narrower() -> pl.Expr:
    return pt.moments(pl.col("embedding").cast(LISTS).list.head(2), "label")


MOMENTS, NO_SCATTER = (
    pt.moments("embedding", "label", per_class=per_class) for per_class in (True, False)
)
# What is wrong -> a score of good rows or moments, and what it says.
BAD_MOMENT_REQUESTS: dict[str, tuple[Callable[[], pl.Expr], str]] = {
    "rows without a label": (
        lambda: pt.logme("embedding"),
        r'column "embedding" of logme holds array\[f64, 3\], which needs a `label`; only moments',
    ),
    "moments with a label": (
        lambda: pt.logme(MOMENTS, "label"),
        r'column "moments" of logme holds moments, which have their labels inside; leave `label`',
    ),
    "a score that moments are not enough for": (
        lambda: pt.knn_accuracy(MOMENTS, "label"),
        r'knn_accuracy needs the embeddings themselves, but column "moments" of knn_accuracy holds '
        r"moments; logme, h_score, .* take moments",
    ),
    "scores that moments are not enough for": (
        lambda: pt.scores(MOMENTS, scores=["logme", "sfda"]),
        r'sfda needs the embeddings themselves, but column "moments" of scores holds moments',
    ),
    "transrate without a scatter per class": (
        lambda: pt.transrate(NO_SCATTER),
        r'transrate of "moments": the moments were made without a scatter per class.*`per_class`',
    ),
    "gbc without a scatter per class": (
        lambda: pt.gbc(NO_SCATTER),
        r'gbc of "moments": the moments were made without a scatter per class.*`per_class`',
    ),
    "moments of rows": (
        lambda: pt.merge_moments("embedding"),
        r'moments column "embedding" has dtype array.*, but it must be what moments\(\) makes',
    ),
    "Gaussians of different width": (
        lambda: pt.gaussian_wasserstein(MOMENTS, narrower()),
        r'gaussian_wasserstein of "moments" and "moments": the Gaussians have 3 and 2 dimensions',
    ),
    "Gaussians of rows of different width": (
        lambda: pt.gaussian_wasserstein("embedding", pl.lit([1.0]).alias("p")),
        r'gaussian_wasserstein of "embedding" and "p": the Gaussians have 3 and 1 dimensions',
    ),
}


@pytest.mark.parametrize("bad", BAD_MOMENT_REQUESTS)
def test_bad_moment_requests(bad: str) -> None:
    build, message = BAD_MOMENT_REQUESTS[bad]
    with pytest.raises(pl.exceptions.ComputeError, match=message):
        source_groups(1).select(build())


# What is wrong -> a column of moments, and what merging and scoring it say.
BAD_MOMENTS: dict[str, tuple[Callable[[], pl.DataFrame], str]] = {
    "none": (lambda: of_moments().clear(), "has no rows: the input is empty"),
    "null": (
        lambda: pl.concat([of_moments(), of_moments().clear(n=1)]),
        "is null in 1 of 2 rows; leave them out with a filter",
    ),
    "of different width": (
        lambda: pl.concat([embedding_rows().select(m) for m in (MOMENTS, narrower())]),
        "the moments have width 3 and 2; only moments of embeddings of one width merge",
    ),
    "with and without a scatter per class": (
        lambda: pl.concat([embedding_rows().select(m) for m in (MOMENTS, NO_SCATTER)]),
        r"only one side has a scatter per class \(`per_class`\)",
    ),
    "too few means": (
        lambda: of_moments(means=pl.lit([1.0])),
        "has 3 classes, 3 counts and 1 means of width 3, which do not fit together",
    ),
    "too few sums": (
        lambda: of_moments(within=pl.lit([1.0])),
        "the field `within` has 1 entries, but 6 are needed",
    ),
    "class twice": (
        lambda: of_moments(classes=pl.lit(["0", "0", "1"])),
        'the field `classes` has "0" more than once',
    ),
    "count below 0": (
        lambda: of_moments(counts=pl.lit([-1, 2, 3])),
        r"the field `counts` of dtype list\[i64\] does not fit list\[u64\]",
    ),
    "no rows of a class": (
        lambda: of_moments(counts=pl.lit([0, 2, 3])),
        "the field `counts` has entry 0 at 0; leave classes without rows out",
    ),
    "means too large to square": (
        lambda: of_moments(means=pl.col("means") * 0 + 1e308),
        "means and spreads are up to 1e308 in size, but must lie between 1e-75 and 1e75",
    ),
    "sums too large": (
        lambda: of_moments(cubic=pl.col("cubic") * 0 + 1e308),
        "the field `cubic` has entry .* at 0; no sum over rows .* is that large",
    ),
    "products beyond the squares": (
        lambda: of_moments(within=pl.lit([1.0, 2.0, 1.0, 0.0, 0.0, 1.0])),
        "the field `within` has entry 2 at 1; no products of rows add up to more",
    ),
    "classes that do not add up": (
        lambda: of_moments(within=pl.col("within") * 2),
        "the scatters of the classes in `class_within` do not add up to `within`",
    ),
    "too many rows": (
        lambda: of_moments(counts=pl.lit([2**62, 2**62, 2**62])),
        r"the counts add up to more rows than 2\^53",
    ),
    "NaN": (
        lambda: of_moments(means=pl.col("means") * NAN),
        "the field `means` has entry NaN at 0; it must be finite",
    ),
    "null inside": (
        lambda: of_moments(cubic=pl.lit([1.0, None, 2.0])),
        "has nulls inside its lists",
    ),
    "null field": (
        lambda: of_moments(means=pl.lit(None, dtype=LISTS)),
        "the field `means` is null",
    ),
    "negative sum of squares": (
        lambda: of_moments(within=pl.col("within") * -1),
        "the field `within` has entry .* at 0; a sum of squares cannot be negative",
    ),
    "text": (
        lambda: of_moments(within=pl.lit(["a"])),
        r"the field `within` of dtype list\[str\] does not fit list\[f64\]",
    ),
}


@pytest.mark.parametrize("bad", BAD_MOMENTS)
def test_bad_moments(bad: str) -> None:
    make, message = BAD_MOMENTS[bad]
    frame = make()
    for build in (pt.merge_moments, pt.h_score, lambda m: pt.gaussian_wasserstein(m, m)):
        with pytest.raises(
            pl.exceptions.ComputeError, match=f'moments column "moments".*{message}'
        ):
            frame.select(build("moments"))


def test_scatters_of_no_rows_are_named_by_transrate() -> None:
    # A scatter whose products are as large as may be, with signs that no rows give.
    scatter = [1.0, 1.0, 1.0, 1.0, -1.0, 1.0]
    frame = of_moments(within=pl.lit([3 * v for v in scatter]), class_within=pl.lit(3 * scatter))
    message = "the scatters of the moments are those of no rows"
    with pytest.raises(pl.exceptions.ComputeError, match=message):
        frame.select(pt.transrate("moments"))


def test_squares_without_digits_count_as_none() -> None:
    """Features that vary by less than any square of a float are constant, so not defined."""
    nothing = {"within": pl.lit([5e-324] * 6), "class_within": pl.lit(None, dtype=LISTS)}
    frame = of_moments(means=pl.lit([1.0] * 9), **nothing)
    for build in (pt.h_score, pt.shrinkage_h_score):
        with pytest.raises(pl.exceptions.ComputeError, match="the features are constant"):
            frame.select(build("moments"))


# What is wrong -> a call that fails before it sees data, the error and what it says.
BAD_ARGUMENTS: dict[str, tuple[Callable[[], object], type[Exception], str]] = {
    "moments are no column": (
        lambda: pt.merge_moments(3),
        TypeError,
        "moments: expected a column name or a Polars expression, found int",
    ),
    "per_class is no flag": (
        lambda: pt.moments("embedding", "label", per_class="yes"),
        TypeError,
        "per_class: expected True or False, found 'yes'",
    ),
}


@pytest.mark.parametrize("bad", BAD_ARGUMENTS)
def test_bad_arguments(bad: str) -> None:
    call, error, message = BAD_ARGUMENTS[bad]
    with pytest.raises(error, match=re.escape(message)):
        call()
