"""What is in embedding tables, and what is wrong with them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import polars as pl

from polars_transferability._tables import Paths, Table, open_tables


@dataclass(frozen=True)
class TableColumns:
    """Names of the columns of an embedding table; `split` None: rows are not split."""

    model: str = "model"
    task: str = "task"
    split: str | None = "split"
    label: str = "label"
    embedding: str = "embedding"
    fit_split: str = "train"

    def group(self) -> list[str]:
        """Return the columns that tell groups of rows apart."""
        return [self.model, self.task, *([self.split] if self.split else [])]

    def all(self) -> list[str]:
        """Return every column that a table must have."""
        return [*self.group(), self.label, self.embedding]


def check_tables(
    paths: Paths | pl.DataFrame | pl.LazyFrame, columns: TableColumns
) -> tuple[pl.DataFrame, list[str]]:
    """Return one row per file, model, task and split, and one line per problem.

    Examples
    --------
    >>> import polars as pl
    >>> rows = pl.DataFrame(
    ...     {
    ...         "model": ["net"] * 2,
    ...         "task": ["digits"] * 2,
    ...         "label": [0, 1],
    ...         "embedding": [[0.5, 1.0], [float("nan"), 2.0]],
    ...     }
    ... )
    >>> content, problems = check_tables(rows, TableColumns(split=None))
    >>> content.select("rows", "classes", "width", "nan").row(0)
    (2, 2, '2', 1)
    >>> print(*problems, sep="; ")
    frame, model = 'net', task = 'digits': 'embedding' has 1 row with NaN or infinite values
    """
    problems: list[str] = []
    parts = [
        _group(table, key, columns, problems)
        for table in open_tables(paths)
        for key in _groups(table, columns, problems)
    ]
    if not parts:
        return pl.DataFrame(), problems
    content = pl.concat(parts, how="vertical")
    problems.extend(_across_groups(content, columns))
    return content.drop("names"), problems


def _groups(table: Table, columns: TableColumns, problems: list[str]) -> Iterator[pl.DataFrame]:
    """Yield one row of `columns.group()` per group; nothing where the table cannot be read."""
    try:
        table.require(columns.all())
        schema = table.schema()
        wrong = list(_wrong_types(schema, columns))
        problems.extend(f"{table.name}: {line}" for line in wrong)
        if wrong:
            return
        groups = table.rows.select(columns.group()).unique(maintain_order=True).collect()
    except pl.exceptions.PolarsError as error:
        problems.append(str(error))
        return
    if groups.is_empty():
        problems.append(f"{table.name}: has no rows")
    yield from groups.iter_slices(1)


def _wrong_types(schema: pl.Schema, columns: TableColumns) -> Iterator[str]:
    embedding, label = schema[columns.embedding], schema[columns.label]
    inner = getattr(embedding, "inner", None)
    if not isinstance(embedding, (pl.Array, pl.List)) or inner not in (pl.Float32, pl.Float64):
        yield (
            f"'{columns.embedding}' is {embedding}; expected an Array or List of Float32 or Float64"
        )
    named = label in (pl.String, pl.Categorical, pl.Enum, pl.Boolean)
    if not (named or label.is_integer()):
        yield (
            f"'{columns.label}' is {label}; expected integers, strings, categories, enums or "
            "booleans"
        )


def _group(
    table: Table, key: pl.DataFrame, columns: TableColumns, problems: list[str]
) -> pl.DataFrame:
    """Return one group's row of the report; add what is wrong within the group to `problems`."""
    items = dict(zip(key.columns, key.row(0), strict=True))
    rows = (
        table.rows.filter(pl.col(name).eq_missing(value) for name, value in items.items())
        .select(columns.label, columns.embedding)
        .collect()
    )
    label, embedding = rows[columns.label], rows[columns.embedding]
    lists = embedding.cast(pl.List(embedding.dtype.inner)).drop_nulls()  # type: ignore[attr-defined]
    widths = sorted(set(lists.list.len()))
    counts = label.drop_nulls().value_counts()
    nulls_within = lists.list.eval(pl.element().is_null()).list.any().sum()
    nan = lists.list.eval(pl.element().is_finite().not_()).list.any().sum()
    missing = embedding.null_count()
    nulls = label.null_count() + missing + nulls_within

    place = ", ".join([table.name, *(f"{name} = {value!r}" for name, value in items.items())])
    findings = {
        "null where a name is expected": None in items.values(),
        f"'{columns.label}' has {_count(label.null_count(), 'null')}": label.has_nulls(),
        f"'{columns.embedding}' has {_count(missing, 'null')}": missing,
        f"'{columns.embedding}' has {_count(nulls_within, 'row')} with a null inside": nulls_within,
        f"'{columns.embedding}' has {_count(nan, 'row')} with NaN or infinite values": nan,
        f"'{columns.embedding}' has rows of different width: {widths}": len(widths) > 1,
        f"'{columns.embedding}' has rows of width 0": 0 in widths,
        f"'{columns.label}' has fewer than two classes ({counts.height})": counts.height < 2,
    }
    problems.extend(f"{place}: {text}" for text, wrong in findings.items() if wrong)
    return pl.DataFrame(
        {
            "file": table.name,
            **{name: None if value is None else str(value) for name, value in items.items()},
            "rows": rows.height,
            "classes": counts.height,
            "min_rows_per_class": counts["count"].min() if counts.height else 0,
            "width": "-".join(str(width) for width in {*widths[:1], *widths[-1:]}),
            "dtype": f"{embedding.dtype.base_type()}[{embedding.dtype.inner}]",  # type: ignore[attr-defined]
            "label_dtype": str(label.dtype),
            "nulls": nulls,
            "nan": nan,
            "names": [sorted(counts[label.name].cast(pl.String))],
        },
        schema_overrides={
            **dict.fromkeys(columns.group(), pl.String),
            **dict.fromkeys(("rows", "classes", "min_rows_per_class", "nulls", "nan"), pl.Int64),
            "names": pl.List(pl.String),
        },
    )


def _count(number: int, what: str) -> str:
    return f"{number} {what}" if number == 1 else f"{number} {what}s"


def _across_groups(content: pl.DataFrame, columns: TableColumns) -> Iterator[str]:
    for key, group in content.group_by(columns.group(), maintain_order=True):
        if group.height > 1:
            files = ", ".join(group["file"])
            yield f"{_named(columns.group(), key)}: in more than one file: {files}"
    for key, group in content.group_by(columns.model, maintain_order=True):
        widths = group.select(columns.task, "width").unique(maintain_order=True)
        if widths["width"].n_unique() > 1:
            found = ", ".join(f"{task}: {width}" for task, width in widths.iter_rows())
            yield f"{_named([columns.model], key)}: tasks differ in width ({found})"
    if columns.split is None:
        return
    for key, group in content.group_by(columns.model, columns.task, maintain_order=True):
        place = _named([columns.model, columns.task], key)
        yield from (f"{place}: {line}" for line in _split_problems(group, columns.split, columns))


def _split_problems(group: pl.DataFrame, split: str, columns: TableColumns) -> Iterator[str]:
    fitted = pl.col(split).eq_missing(columns.fit_split)
    fit, evaluation = group.filter(fitted), group.filter(~fitted)
    if fit.is_empty():
        yield f"no rows with {split} = '{columns.fit_split}' to fit on"
        return
    if evaluation.is_empty():
        yield f"all rows have {split} = '{columns.fit_split}'; none are left to evaluate on"
    learned = set(fit["names"].explode())
    unseen = sorted(set(evaluation["names"].explode()) - learned)
    if unseen:
        yield f"classes {unseen} occur only outside {split} = '{columns.fit_split}'"


def _named(columns: list[str], key: tuple[object, ...]) -> str:
    return ", ".join(f"{name} = {value!r}" for name, value in zip(columns, key, strict=True))
