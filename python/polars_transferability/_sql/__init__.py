"""SQL over tables of embeddings: Polars SQL in which this package's expressions are functions.

The text of a query (`_text`) is parsed (`_parse`) by sqlglot (`_dialect`); what would be
ignored is refused (`_clauses`), and what is deep is made flat (`_depth`). Calls of our functions
are found in the tree and checked against the signatures of the Python functions (`_functions`).
Queries become lazy frames from the inside out (`_query`), those that call our functions in three
steps (`_select`). Tables come from frames and files or are made when read (`_tables`), under names
that Polars takes for names (`_names`). Every error points into the query (`_errors`, `_scope`).
"""

from __future__ import annotations

from typing import Literal, overload

import polars as pl

from polars_transferability._sql._errors import QueryError
from polars_transferability._sql._tables import Source

__all__ = ["QueryError", "Source", "sql"]


@overload
def sql(query: str, *, eager: Literal[False] = False, **frames: Source) -> pl.LazyFrame: ...
@overload
def sql(query: str, *, eager: Literal[True], **frames: Source) -> pl.DataFrame: ...
@overload
def sql(query: str, *, eager: bool, **frames: Source) -> pl.DataFrame | pl.LazyFrame: ...
def sql(query: str, *, eager: bool = False, **frames: Source) -> pl.DataFrame | pl.LazyFrame:
    """Run a query in Polars SQL, in which the expressions of this package are aggregate functions.

    Every public function that returns an expression is a function of SQL by its name in capitals
    (in any case of letters). Columns may be any SQL expression. What stands after `*` in the
    signature is given by name, as literal: `TOP_K_RECALL(score, truth, k => 5)`; a list of names is
    `['a', 'b']`; a frame is the name of a table. Fields of a result follow after a dot.
    A function of two tasks takes the column of tasks and the two names in place of the tasks,
    and `fit` as a condition::

        TRANSFER_BOUND(embedding, label, task, 'mnist', 'usps', fit => split = 'train').bound

    Parameters
    ----------
    query
        One query, with WHERE, JOIN, GROUP BY, HAVING, ORDER BY, common table expressions, unions
        and queries within queries as Polars SQL has them. FROM may also read files:
        `read_parquet('data/*.parquet')`, `read_csv('leaderboard.csv')`.
    eager
        Return a DataFrame.
    **frames
        Tables by name: a frame, a lazy frame, the path of a table or CSV file, a glob, a folder
        or a list of paths. Three more are made if the query reads them and no frame has their name:
        `bounds` is `compute_bounds` of the frame `embeddings`, `scores` is `compute_scores` of it,
        and `selection_quality` compares both with the frame `leaderboard`. Of `bounds`, those that
        a condition on `model`, `source` and `target` leaves are computed, by `collect`; the other
        two are computed when `sql` is called.

    Returns
    -------
    LazyFrame or DataFrame
        Like `polars.sql`. Groups come in the order in which they first appear.

    Raises
    ------
    QueryError
        With line and column: for an unknown function, table, column, field or argument, and for
        syntax that is not understood. With `eager`, also for bad embeddings; of a lazy frame,
        `collect` raises the error of the expression, which names the column with its place.

    Examples
    --------
    >>> import polars as pl
    >>> import polars_transferability as pt
    >>> models = pl.DataFrame(
    ...     {
    ...         "model": ["a", "b", "c"] * 2,
    ...         "target": ["cars"] * 3 + ["pets"] * 3,
    ...         "logme": [0.1, 0.4, 0.3, 0.2, 0.6, 0.5],
    ...         "accuracy": [0.5, 0.7, 0.6, 0.7, 0.9, 0.8],
    ...     }
    ... )
    >>> query = '''
    ...     SELECT target, COUNT(*) AS models, SPEARMAN(m.logme, m.accuracy) AS rho
    ...     FROM models m GROUP BY target HAVING rho > 0.5 ORDER BY target
    ... '''
    >>> pt.sql(query, models=models, eager=True).rows()
    [('cars', 3, 1.0), ('pets', 3, 1.0)]
    >>> pt.sql("SELECT SPEARMANN(logme, accuracy) FROM models", models=models)
    Traceback (most recent call last):
    polars_transferability._sql._errors.QueryError: line 1, column 8: there is no function
    SPEARMANN; did you mean SPEARMAN?
      |
    1 | SELECT SPEARMANN(logme, accuracy) FROM models
      |        ^^^^^^^^^
    """
    if not isinstance(query, str):
        msg = f"query: expected text, found {type(query).__name__}"
        raise TypeError(msg)
    # sqlglot takes longer to import than the rest of this package.
    from polars_transferability._sql._query import collected_rows, lazy_rows

    return collected_rows(query, frames) if eager else lazy_rows(query, frames)
