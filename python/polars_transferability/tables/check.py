"""What is in embedding tables, and what is wrong with them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

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
    with_one_spelling,
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

    A problem that a line of Polars solves ends with that line; of several in one table, the last
    has the line for all. Files are read as `compute_bounds` and `compute_scores` read them, all
    those of a model as one table.

    Examples
    --------
    >>> import polars as pl
    >>> rows = pl.DataFrame(
    ...     {
    ...         "model": ["net"] * 3,
    ...         "task": ["digits"] * 3,
    ...         "label": [0, 1, None],
    ...         "embedding": [[0.5, 1.0], [3.0, 2.0], [1.0, 1.0]],
    ...     }
    ... )
    >>> content, problems = check_tables(rows, TableColumns(split=None))
    >>> content.select("rows", "classes", "width", "nan").row(0)
    (3, 2, '2', 0)
    >>> print(problems[0])
    frame, model = 'net', task = 'digits': 'label' has 1 null; in Polars: rows.drop_nulls('label')
    """
    for name in columns.group():
        if name in ("file", *_FACTS):
            msg = f"column '{name}' has the name of a column that a check returns; rename it"
            raise ValueError(msg)
    problems: list[_Problem] = []
    tables = [table for table in columns.tables(paths) if _is_sound(table, columns, problems)]
    models = keys_of(tables, columns.models) if tables else []
    groups = [group for model in models for group in _groups(model, columns, problems)]
    parts = [part for group in groups for part in _content(group, columns, problems)]
    if not parts:
        return pl.DataFrame(), _told(problems)
    content = pl.concat(parts, how="vertical")
    problems.extend(_across_groups(content, columns, {table.name: table for table in tables}))
    return content.drop("names"), _told(problems)


@dataclass(frozen=True)
class _Problem:
    """What is wrong, and the change of a table that mends it, where one is known."""

    text: str
    table: Table | None = None
    change: str | None = None


def _told(problems: Sequence[_Problem]) -> list[str]:
    """Return a line for each problem; the last of a table has the line that mends all of them."""
    mended = {at: (p.table, p.change) for at, p in enumerate(problems) if p.table and p.change}
    changes: dict[str, dict[str, None]] = {}
    last: dict[str, int] = {}
    for place, (table, change) in mended.items():
        changes.setdefault(table.name, {})[change] = None
        last[table.name] = place
    told = [problem.text for problem in problems]
    for place, (table, _) in mended.items():
        of_table = list(changes[table.name])
        if len(of_table) == 1 or place == last[table.name]:
            of_all = " for all of it" if len(of_table) > 1 else ""
            told[place] += f"; in Polars{of_all}: {cure(table, of_table)}"
    return list(dict.fromkeys(told))


def _is_sound(table: Table, columns: TableColumns, problems: list[_Problem]) -> bool:
    """Return whether a table can be looked at closer; add to `problems` why it cannot."""
    try:
        columns.require(table)
        wrong = list(_wrong_types(table, columns))
        if table.select(columns.group()).distinct().read().is_empty():
            wrong.append(_Problem(f"{table.name}: has no rows"))
    except pl.exceptions.ColumnNotFoundError as error:
        change = with_embedding(columns.embedding, table.schema())
        is_made = columns.embedding not in table.schema() and change
        problems.append(_Problem(str(error), table, change if is_made else None))
        return False
    except (pl.exceptions.PolarsError, TypeError, ValueError) as error:
        problems.append(_Problem(str(error)))
        return False
    problems.extend(wrong)
    return not wrong


def _wrong_types(table: Table, columns: TableColumns) -> Iterator[_Problem]:
    schema = table.schema()
    embedding, label = schema[columns.embedding], schema[columns.label]
    if not is_embedding_type(embedding):
        text = (
            f"{table.name}: '{columns.embedding}' is {embedding}; expected an Array or List of "
            "Float32, Float64 or Float16"
        )
        yield _Problem(text, table, as_vectors(table, columns.embedding))
    if not is_label_type(label):
        text = (
            f"{table.name}: '{columns.label}' is {label}; expected integers, strings, categories, "
            "enums or booleans"
        )
        yield _Problem(text, table, as_labels(table, columns.label))


def _own(tables: Sequence[Table], *names: str) -> Table | None:
    """Return the table whose file itself has these columns; None if several have, or none."""
    if len(tables) != 1:
        return None
    (table,) = tables
    within = table.parquet.folders if table.parquet else {}
    has_all = table.name == FRAME or (table.parquet is not None and not within.keys() & {*names})
    return table if has_all else None


def _groups(model: Key, columns: TableColumns, problems: list[_Problem]) -> list[Key]:
    """Return the groups of rows of a model; none where its files do not make one table."""
    try:
        return keys_of(model.select(columns.all()), columns.group())
    except pl.exceptions.PolarsError as error:
        problems.append(_Problem(f"{model}: {error}"))
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
    is_constant: bool
    # Equal for equal rows in whatever order.
    content: int

    def problems(self, columns: TableColumns) -> Iterator[tuple[str, str | None]]:
        """Yield what is wrong with the rows, and the change that mends it."""
        label, embedding = columns.label, columns.embedding
        if self.null_labels:
            yield f"'{label}' has {_count(self.null_labels, 'null')}", without_nulls(label)
        if self.null_embeddings:
            text = f"'{embedding}' has {_count(self.null_embeddings, 'null')}"
            yield text, without_nulls(embedding)
        if self.nulls_within:
            text = f"'{embedding}' has {_count(self.nulls_within, 'row')} with a null inside"
            yield text, of_finite(embedding)
        if self.not_finite:
            rows = _count(self.not_finite, "row")
            yield f"'{embedding}' has {rows} with NaN or infinite values", of_finite(embedding)
        if 0 in self.widths:
            change = of_some_width(embedding) if len(self.widths) > 1 else None
            yield f"'{embedding}' has rows of width 0", change
        if self.is_constant:
            yield f"'{embedding}' is the same vector in all rows", None


def _read(table: Table, columns: TableColumns) -> _Rows:
    rows = table.read()
    labels, embedding = rows[columns.label], rows[columns.embedding]
    lists = embedding.cast(pl.List(embedding.dtype.inner)).drop_nulls()  # type: ignore[attr-defined]
    not_finite = lists.list.eval(pl.element().is_finite().not_()).list.any().sum()
    several_numbers = len(lists) > 1 and not not_finite and (lists.list.len() > 0).any()
    return _Rows(
        table=table,
        labels=labels,
        vectors=f"{embedding.dtype.base_type()}[{embedding.dtype.inner}]",  # type: ignore[attr-defined]
        widths=set(lists.list.len()),
        null_labels=labels.null_count(),
        null_embeddings=embedding.null_count(),
        nulls_within=lists.list.eval(pl.element().is_null()).list.any().sum(),
        not_finite=not_finite,
        is_constant=several_numbers and lists.hash().n_unique() == 1,
        content=rows.select(pl.struct(pl.all()).hash().sum()).item(),
    )


def _content(group: Key, columns: TableColumns, problems: list[_Problem]) -> Iterator[pl.DataFrame]:
    """Yield the group's row of the report, if it can be read; add what is wrong to `problems`."""
    tables = list(group.select([columns.label, columns.embedding]))
    try:
        parts = [_read(table, columns) for table in tables]
    except pl.exceptions.PolarsError as error:
        # It names the file, and other groups in it may say the same.
        problems.append(_Problem(str(error)))
        return
    problems.extend(
        _Problem(f"{p.table.name}, {group}: {text}", p.table, change)
        for p in parts
        for text, change in p.problems(columns)
    )
    labels = pl.concat(part.labels for part in parts)
    counts = labels.drop_nulls().value_counts()
    widths = sorted(set().union(*(part.widths for part in parts)))
    files = listed([part.table.name for part in parts])
    sentences = dict.fromkeys(s for part in parts for s in part.table.sentences())
    named = group.values.row(0, named=True)
    where = f"{files}, {group}"
    if nulls := [name for name, value in named.items() if value is None]:
        change = without_nulls(nulls[0])
        text = f"{where}: null where a name is expected"
        problems.append(_Problem(text, _own(tables, *nulls), change))
    if len(widths) > 1:
        text = f"{where}: '{columns.embedding}' has rows of different width: {widths}"
        change = of_width(columns.embedding, max(widths))
        problems.append(_Problem(text, tables[0], change))
    if counts.height < 2:
        text = f"{where}: '{columns.label}' has fewer than two classes ({counts.height})"
        of_task = {name: value for name, value in named.items() if name != columns.split}
        problems.append(_Problem(text, _own(tables, *of_task), without_group(of_task)))
    problems.extend(_Problem(f"{where}: {text}") for text in _copies(parts))
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
) -> Iterator[_Problem]:
    models = list(columns.models)
    for key, group in content.group_by(models, maintain_order=True):
        # Of a task whose own rows differ in width it is said already.
        of_one_width = group.filter(~pl.col("width").str.contains("-"))
        widths = of_one_width.select(*columns.tasks(), "width").unique(maintain_order=True)
        if columns.tasks() and widths["width"].n_unique() > 1:
            found = ", ".join(f"{task}: {width}" for task, width in widths.iter_rows())
            text = f"{_named(models, key)}: tasks differ in width ({found})"
            change = with_width_in_name(models[0], columns.embedding)
            yield _Problem(text, _own(_only(group, tables), *models), change)
    if columns.split is None:
        return
    of_tasks = [*models, *columns.tasks()]
    for key, group in content.group_by(of_tasks, maintain_order=True):
        there = _only(group, tables)
        for problem in _split_problems(group, there, columns):
            yield replace(problem, text=f"{_named(of_tasks, key)}: {problem.text}")


def _only(group: pl.DataFrame, tables: Mapping[str, Table]) -> list[Table]:
    """Return the tables of some rows of the report, none where they are of several files."""
    return [tables[name] for name in group["file"].unique() if name in tables]


def _split_problems(
    group: pl.DataFrame, tables: list[Table], columns: TableColumns
) -> Iterator[_Problem]:
    split = columns.split
    assert split is not None
    fitted = pl.col(split).eq_missing(columns.fit_split)
    fit, evaluation = group.filter(fitted), group.filter(~fitted)
    meant = columns.fit_split.strip().casefold()
    alike = [name for name in evaluation[split].drop_nulls() if name.strip().casefold() == meant]
    one_spelling = with_one_spelling(split, columns.fit_split) if alike else None
    if problem := columns.without_fit_rows(set(group[split].drop_nulls())):
        yield _Problem(problem, _own(tables, split), one_spelling)
        return
    if alike:
        text = f"{split} has {alike[0]!r} beside '{columns.fit_split}', on which is evaluated"
        yield _Problem(text, _own(tables, split), one_spelling)
    if evaluation.is_empty():
        text = f"all rows have {split} = '{columns.fit_split}'; none are left to evaluate on"
        table = _own(tables, split)
        within = table.parquet.folders if table and table.parquet else {}
        of = [*columns.models, *columns.tasks(), columns.label]
        own = [name for name in of if name not in within]
        yield _Problem(text, table, with_split(split, columns.fit_split, own))
    learned = set(fit["names"].explode())
    unseen = sorted(set(evaluation["names"].explode()) - learned)
    if unseen:
        of_task = {name: group[name][0] for name in (*columns.models, *columns.tasks())}
        change = without_group(of_task, among(columns.label, unseen))
        table = _own(tables, *of_task, columns.label)
        text = f"classes {unseen} occur only outside {split} = '{columns.fit_split}'"
        yield _Problem(text, table, change)


def _named(columns: list[str], key: tuple[object, ...]) -> str:
    return ", ".join(f"{name} = {value!r}" for name, value in zip(columns, key, strict=True))
