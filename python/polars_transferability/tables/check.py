"""What is in embedding tables, and what is wrong with them."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

import polars as pl

from polars_transferability._columns import is_embedding_type, is_label_type
from polars_transferability.tables.columns import TableColumns
from polars_transferability.tables.cures import (
    among,
    as_labels,
    as_vectors,
    cure,
    of_finite,
    of_some_width,
    of_width,
    with_embedding,
    with_split,
    with_width_in_name,
    without_group,
    without_nulls,
)
from polars_transferability.tables.keys import Key, keys_of
from polars_transferability.tables.table import FRAME, Paths, Table, listed

# What is said of a table to whose columns nothing was done.
AS_IT_IS = "as it is"
# What is said of each group of rows; of its files, besides.
_FACTS: dict[str, pl.DataType | type[pl.DataType]] = {
    "rows": pl.Int64,
    "classes": pl.Int64,
    "min_rows_per_class": pl.Int64,
    "width": pl.String,
    "dtype": pl.String,
    "label_dtype": pl.String,
    "nulls": pl.Int64,
    "nan": pl.Int64,
    "format": pl.String,
    "taken": pl.String,
    "names": pl.List(pl.String),
}


def check_tables(
    paths: Paths | pl.DataFrame | pl.LazyFrame, columns: TableColumns
) -> tuple[pl.DataFrame, list[str]]:
    """Return one row per model, task and split, and one line per problem.

    A problem that a line of Polars solves ends with that line. Files are read as `compute_bounds`
    and `compute_scores` read them, all those of a model as one table.

    Examples
    --------
    >>> import polars as pl
    >>> rows = pl.DataFrame(
    ...     {
    ...         "model": ["net"] * 2,
    ...         "task": ["digits"] * 2,
    ...         "label": [0, None],
    ...         "embedding": [[0.5, 1.0], [3.0, 2.0]],
    ...     }
    ... )
    >>> content, problems = check_tables(rows, TableColumns(split=None))
    >>> content.select("rows", "classes", "width", "nan").row(0)
    (2, 1, '2', 0)
    >>> print(problems[0])
    frame, model = 'net', task = 'digits': 'label' has 1 null; in Polars: rows.drop_nulls('label')
    """
    for name in columns.group():
        if name in ("file", *_FACTS):
            msg = f"column '{name}' has the name of a column that a check returns; rename it"
            raise ValueError(msg)
    problems: list[str] = []
    tables = [table for table in columns.tables(paths) if _is_sound(table, columns, problems)]
    models = keys_of(tables, columns.models) if tables else []
    groups = [group for model in models for group in _groups(model, columns, problems)]
    parts = [part for group in groups for part in _content(group, columns, problems)]
    if not parts:
        return pl.DataFrame(), problems
    content = pl.concat(parts, how="vertical")
    problems.extend(_across_groups(content, columns, {table.name: table for table in tables}))
    return content.drop("names"), problems


def _is_sound(table: Table, columns: TableColumns, problems: list[str]) -> bool:
    """Return whether a table can be looked at closer; add to `problems` why it cannot."""
    try:
        columns.require(table)
        wrong = list(_wrong_types(table, columns))
        if table.select(columns.group()).distinct().read().is_empty():
            wrong.append("has no rows")
    except pl.exceptions.ColumnNotFoundError as error:
        change = with_embedding(columns.embedding, table.schema())
        is_made = columns.embedding not in table.schema() and change
        problems.append(f"{error}{_cured(table, change if is_made else None)}")
        return False
    except (pl.exceptions.PolarsError, TypeError, ValueError) as error:
        problems.append(str(error))
        return False
    problems.extend(f"{table.name}: {line}" for line in wrong)
    return not wrong


def _cured(table: Table, change: str | None) -> str:
    """Return the line that makes a change, as the end of a sentence that says what is wrong."""
    return f"; in Polars: {cure(table, change)}" if change else ""


def _cured_of_one(tables: Sequence[Table], names: Collection[str], change: str) -> str:
    """Return the line that makes a change, where it is of one table that has the columns itself."""
    if len(tables) != 1:
        return ""
    (table,) = tables
    within = table.parquet.folders if table.parquet else {}
    has_all = table.name == FRAME or (table.parquet is not None and not within.keys() & {*names})
    return _cured(table, change) if has_all else ""


def _wrong_types(table: Table, columns: TableColumns) -> Iterator[str]:
    schema = table.schema()
    embedding, label = schema[columns.embedding], schema[columns.label]
    if not is_embedding_type(embedding):
        yield (
            f"'{columns.embedding}' is {embedding}; expected an Array or List of Float32, Float64 "
            f"or Float16{_cured(table, as_vectors(table, columns.embedding))}"
        )
    if not is_label_type(label):
        yield (
            f"'{columns.label}' is {label}; expected integers, strings, categories, enums or "
            f"booleans{_cured(table, as_labels(columns.label, label))}"
        )


def _groups(model: Key, columns: TableColumns, problems: list[str]) -> list[Key]:
    """Return the groups of rows of a model; none where its files do not make one table."""
    try:
        return keys_of(model.select(columns.all()), columns.group())
    except pl.exceptions.PolarsError as error:
        problems.append(f"{model}: {error}")
        return []


@dataclass(frozen=True)
class _Rows:
    """What is in the rows of one table that belong to a group."""

    table: Table
    labels: pl.Series
    vectors: str
    widths: set[int]
    null_labels: int
    null_embeddings: int
    nulls_within: int
    not_finite: int
    # Equal for equal rows in whatever order.
    content: int

    def problems(self, columns: TableColumns) -> Iterator[str]:
        label, embedding = columns.label, columns.embedding
        findings = [
            (self.null_labels, f"'{label}' has {_count(self.null_labels, 'null')}", label),
            (
                self.null_embeddings,
                f"'{embedding}' has {_count(self.null_embeddings, 'null')}",
                embedding,
            ),
            (
                self.nulls_within,
                f"'{embedding}' has {_count(self.nulls_within, 'row')} with a null inside",
                None,
            ),
            (
                self.not_finite,
                f"'{embedding}' has {_count(self.not_finite, 'row')} with NaN or infinite values",
                None,
            ),
        ]
        for wrong, text, of_nulls in findings:
            if wrong:
                change = of_finite(embedding) if of_nulls is None else without_nulls(of_nulls)
                yield text + _cured(self.table, change)
        if 0 in self.widths:
            yield f"'{embedding}' has rows of width 0{_cured(self.table, of_some_width(embedding))}"


def _read(table: Table, columns: TableColumns) -> _Rows:
    rows = table.read()
    labels, embedding = rows[columns.label], rows[columns.embedding]
    lists = embedding.cast(pl.List(embedding.dtype.inner)).drop_nulls()  # type: ignore[attr-defined]
    return _Rows(
        table=table,
        labels=labels,
        vectors=f"{embedding.dtype.base_type()}[{embedding.dtype.inner}]",  # type: ignore[attr-defined]
        widths=set(lists.list.len()),
        null_labels=labels.null_count(),
        null_embeddings=embedding.null_count(),
        nulls_within=lists.list.eval(pl.element().is_null()).list.any().sum(),
        not_finite=lists.list.eval(pl.element().is_finite().not_()).list.any().sum(),
        content=rows.select(pl.struct(pl.all()).hash().sum()).item(),
    )


def _content(group: Key, columns: TableColumns, problems: list[str]) -> Iterator[pl.DataFrame]:
    """Yield the group's row of the report, if it can be read; add what is wrong to `problems`."""
    tables = list(group.select([columns.label, columns.embedding]))
    try:
        parts = [_read(table, columns) for table in tables]
    except pl.exceptions.PolarsError as error:
        problems.append(f"{group}: {error}")
        return
    problems.extend(
        f"{p.table.name}, {group}: {line}" for p in parts for line in p.problems(columns)
    )
    labels = pl.concat(part.labels for part in parts)
    counts = labels.drop_nulls().value_counts()
    widths = sorted(set().union(*(part.widths for part in parts)))
    values = group.values.row(0)
    files = listed([part.table.name for part in parts])
    sentences = dict.fromkeys(s for part in parts for s in part.table.sentences())
    named = group.values.row(0, named=True)
    task = {name: value for name, value in named.items() if name != columns.split}
    leave_out = without_group(task)
    drop = without_nulls(next((name for name, value in named.items() if value is None), ""))
    usual = of_width(columns.embedding, max(widths, default=0))
    findings = {
        f"null where a name is expected{_cured_of_one(tables, named, drop)}": None in values,
        f"'{columns.embedding}' has rows of different width: {widths}"
        f"{_cured(parts[0].table, usual)}": len(widths) > 1,
        f"'{columns.label}' has fewer than two classes ({counts.height})"
        f"{_cured_of_one(tables, named, leave_out)}": counts.height < 2,
        **dict.fromkeys(_copies(parts), True),
    }
    problems.extend(f"{files}, {group}: {text}" for text, wrong in findings.items() if wrong)
    yield pl.DataFrame(
        {
            "file": files,
            **group.values.cast(pl.String).row(0, named=True),
            "rows": labels.len(),
            "classes": counts.height,
            "min_rows_per_class": counts["count"].min() if counts.height else 0,
            "width": "-".join(str(width) for width in {*widths[:1], *widths[-1:]}),
            "dtype": parts[0].vectors,
            "label_dtype": _short(labels.dtype),
            "nulls": sum(p.null_labels + p.null_embeddings + p.nulls_within for p in parts),
            "nan": sum(part.not_finite for part in parts),
            "format": listed(list(dict.fromkeys(p.table.format() for p in parts))),
            "taken": "; ".join(sentences) or AS_IT_IS,
            "names": [sorted(counts[columns.label].cast(pl.String))],
        },
        schema={**dict.fromkeys(("file", *columns.group()), pl.String), **_FACTS},
    )


def _short(dtype: pl.DataType) -> str:
    """Return a type of labels; of one with names, which may be thousands, how many they are."""
    return f"Enum[{len(dtype.categories)}]" if isinstance(dtype, pl.Enum) else str(dtype)


def _copies(parts: list[_Rows]) -> Iterator[str]:
    """Yield what is said of files that hold the same rows."""
    first: dict[tuple[int, int], str] = {}
    for part in parts:
        name = part.table.name
        same = first.setdefault((part.labels.len(), part.content), name)
        if same != name:
            yield f"{name} holds the same rows as {same}, so they count twice; name one of them"


def _count(number: int, what: str) -> str:
    return f"{number} {what}" if number == 1 else f"{number} {what}s"


def _across_groups(
    content: pl.DataFrame, columns: TableColumns, tables: Mapping[str, Table]
) -> Iterator[str]:
    models = list(columns.models)
    for key, group in content.group_by(models, maintain_order=True):
        # Of a task whose own rows differ in width it is said already.
        of_one_width = group.filter(~pl.col("width").str.contains("-"))
        widths = of_one_width.select(*columns.tasks(), "width").unique(maintain_order=True)
        if columns.tasks() and widths["width"].n_unique() > 1:
            found = ", ".join(f"{task}: {width}" for task, width in widths.iter_rows())
            change = with_width_in_name(models[0], columns.embedding)
            cured = _cured_of_one(_only(group, tables), models, change)
            yield f"{_named(models, key)}: tasks differ in width ({found}){cured}"
    if columns.split is None:
        return
    of_tasks = [*models, *columns.tasks()]
    for key, group in content.group_by(of_tasks, maintain_order=True):
        place = _named(of_tasks, key)
        there = _only(group, tables)
        yield from (f"{place}: {line}" for line in _split_problems(group, there, columns))


def _only(group: pl.DataFrame, tables: Mapping[str, Table]) -> list[Table]:
    """Return the tables of some rows of the report, none where they are of several files."""
    return [tables[name] for name in group["file"].unique() if name in tables]


def _split_problems(
    group: pl.DataFrame, tables: list[Table], columns: TableColumns
) -> Iterator[str]:
    split = columns.split
    assert split is not None
    fitted = pl.col(split).eq_missing(columns.fit_split)
    fit, evaluation = group.filter(fitted), group.filter(~fitted)
    if problem := columns.without_fit_rows(set(group[split].drop_nulls())):
        yield problem
        return
    if evaluation.is_empty():
        of = [*columns.group(), columns.label]
        change = with_split(split, columns.fit_split, [name for name in of if name != split])
        yield (
            f"all rows have {split} = '{columns.fit_split}'; none are left to evaluate on"
            f"{_cured_of_one(tables, of, change)}"
        )
    learned = set(fit["names"].explode())
    unseen = sorted(set(evaluation["names"].explode()) - learned)
    if unseen:
        of_task = {name: group[name][0] for name in (*columns.models, *columns.tasks())}
        change = without_group(of_task, among(columns.label, unseen))
        cured = _cured_of_one(tables, [*of_task, columns.label], change)
        yield f"classes {unseen} occur only outside {split} = '{columns.fit_split}'{cured}"


def _named(columns: list[str], key: tuple[object, ...]) -> str:
    return ", ".join(f"{name} = {value!r}" for name, value in zip(columns, key, strict=True))
