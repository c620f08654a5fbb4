"""The queries of a report: what they find, as far as no earlier run found it in the same."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict

import polars as pl

from polars_transferability._report._cache import Cache, Unit
from polars_transferability._report._embedding_file import EmbeddingFile, fingerprints, unchanged
from polars_transferability._report._inventory import Query
from polars_transferability._report._units import Computed
from polars_transferability._sql import QueryError, sql
from polars_transferability.files.table_bytes import table_bytes

# A query that opens files by itself may find others in them each time.
_READS_FILES = re.compile(r"\bread_\w+", re.IGNORECASE)


def answers(
    computed: Computed, tables: Mapping[str, pl.DataFrame], cache: Cache
) -> dict[str, pl.DataFrame]:
    """Return what each query finds in the embeddings and in `tables`, by its name."""
    # A query may read any table, and all of them are made of these.
    made_of = {
        "files": fingerprints(computed.files),
        "bounds": _digest(computed.bounds),
        "scores": None if computed.scores is None else _digest(computed.scores),
        "curve": None if computed.curve is None else _digest(computed.curve),
        "rank_confidence": (
            None if computed.rank_confidence is None else _digest(computed.rank_confidence)
        ),
        "leaderboards": [(board.name, _digest(board.entries)) for board in computed.leaderboards],
        "facts": None if computed.facts is None else _digest(computed.facts),
        "matrices": computed.settings.matrices,
        "comparison": asdict(computed.settings.comparison),
    }
    found = {}
    for query in computed.queries:
        unit = Unit({"what": "query", "query": query.text, **made_of})
        known = None if _READS_FILES.search(query.text) else cache.read(unit)
        if known is None:
            known = _answer(query, tables, computed.files)
            cache.write(unit, known)
        found[query.name] = known
    return found


def _digest(rows: pl.DataFrame) -> str:
    return hashlib.sha256(table_bytes(rows, "parquet")).hexdigest()


def _answer(
    query: Query, tables: Mapping[str, pl.DataFrame], files: Sequence[EmbeddingFile]
) -> pl.DataFrame:
    try:
        with unchanged(files):
            embeddings = [file.table.name for file in files]
            return sql(query.text, eager=True, embeddings=embeddings, **tables)
    except pl.exceptions.PolarsError as error:
        msg = f"{query.file}: {error}"
        raise QueryError(msg) from error
