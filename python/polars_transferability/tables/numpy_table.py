"""NumPy files as tables: a matrix of embeddings with the arrays of labels and names beside it.

An archive (`.npz`) has them under names: every array with as many entries as the matrix has rows is
a column, and a single text, such as the name of the model, is a column of that text. A matrix
(`.npy`) has its labels in another file of the same folder, which is called like it with `labels` in
place of `embeddings`, `features` or `X`, or with `-labels` or `_labels` behind its name.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl

from polars_transferability.tables.known_names import EMBEDDINGS, LABELS
from polars_transferability.tables.lazy_reader import read_lazily

if TYPE_CHECKING:
    import numpy as np

    Array = np.ndarray[Any, Any]

# What a name says of its file: that it holds a matrix of embeddings.
_MATRIX = re.compile(rf"(?<![a-zA-Z])({'|'.join(EMBEDDINGS)})(?![a-zA-Z])", re.IGNORECASE)


def scan_archive(path: Path) -> pl.LazyFrame:
    """Return the arrays of an archive as a table that is read when its rows are asked for."""

    def arrays() -> dict[str, Array]:
        with _numpy().load(path) as archive:
            return {name: _array(archive.__getitem__, name) for name in archive.files}

    return _scan(arrays)


def scan_matrix(path: Path) -> pl.LazyFrame:
    """Return a matrix and the labels beside it as a table that is read likewise."""
    labels = labels_beside(path)
    if labels is None:
        ways = ", ".join(sorted({f"'{name}.npy'" for name in _names_of_labels(path.stem)}))
        msg = (
            f"no labels lie beside it, in a file that is called {ways}; "
            f"or save both in one: numpy.savez('{path.stem}.npz', embedding=..., label=...)"
        )
        raise ValueError(msg)
    files = {EMBEDDINGS[0]: path, LABELS[0]: labels}
    return _scan(lambda: {name: _array(_numpy().load, file) for name, file in files.items()})


def labels_beside(path: Path) -> Path | None:
    """Return the file of the labels of a matrix; None if none lies beside it."""
    names = _names_of_labels(path.stem)
    files = (path.with_name(f"{name}.npy") for name in names)
    return next((file for file in files if file != path and file.is_file()), None)


def _names_of_labels(stem: str) -> list[str]:
    r"""Return what the file of the labels may be called, without its ending.

    Examples
    --------
    >>> _names_of_labels("net-embeddings")[:2]
    ['net-labels', 'net-label']
    """
    instead = [_MATRIX.sub(label, stem) for label in ("labels", "label", "targets", "y")]
    behind = [f"{stem}-labels", f"{stem}_labels", f"{stem}.labels"]
    return [*(name for name in instead if name != stem), *behind]


def _array(load: Callable[[Any], Array], name: str | Path) -> Array:
    """Return the array of a name; one of Python objects could run any code, and is an error."""
    try:
        return load(name)
    except ValueError as error:
        if "Object arrays" not in str(error):
            raise
        msg = (
            f"'{name}' is an array of Python objects, which are not unpickled; save text or "
            "numbers, as in array.astype(str)"
        )
        raise ValueError(msg) from error


def _numpy() -> Any:
    try:
        import numpy
    except ModuleNotFoundError as error:
        msg = "numpy is not installed: NumPy files need the extra 'numpy'"
        raise ValueError(msg) from error
    return numpy


def _scan(arrays: Callable[[], Mapping[str, Array]]) -> pl.LazyFrame:
    """Return a lazy table of arrays; its types are those of the arrays, which are read for them."""

    def read(columns: list[str] | None, _: pl.Expr | None) -> Iterator[pl.DataFrame]:
        rows = _frame(arrays())
        yield rows.select(columns or rows.columns)

    return read_lazily(_frame(arrays()).schema, read)


def _frame(arrays: Mapping[str, Array]) -> pl.DataFrame:
    """Return arrays as the columns of a frame; those of another length than the matrix are left."""
    arrays = {
        name: array.astype(str) if array.dtype.kind == "S" else array
        for name, array in arrays.items()
    }
    matrices = [name for name in EMBEDDINGS if name in arrays and arrays[name].ndim > 1]
    if not matrices:
        shapes = ", ".join(f"'{name}' {array.shape}" for name, array in arrays.items())
        msg = (
            f"none of its arrays is a matrix called {', '.join(EMBEDDINGS)}; there are "
            f"{shapes or 'none'}"
        )
        raise ValueError(msg)
    height = len(arrays[matrices[0]])
    columns: dict[str, Any] = {}
    for name, array in arrays.items():
        if array.ndim == 0:
            columns[name] = pl.Series([array.item()]).new_from_index(0, height)
        elif len(array) == height:
            columns[name] = array
    _require_labels(arrays, columns, height)
    return pl.DataFrame(columns)


def _require_labels(arrays: Mapping[str, Array], columns: Mapping[str, Any], height: int) -> None:
    """Raise ValueError where there are labels, and of none of them as many as there are rows."""
    labels = [name for name in LABELS if name in arrays]
    if labels and not any(name in columns for name in labels):
        lengths = ", ".join(f"'{name}' has {len(arrays[name])} entries" for name in labels)
        msg = f"{lengths}, but the matrix has {height} rows; each row needs its label"
        raise ValueError(msg)
