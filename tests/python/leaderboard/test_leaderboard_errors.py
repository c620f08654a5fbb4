"""Leaderboards that cannot be read, and what is said of them."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import polars as pl
import polars_transferability as pt
import pytest


def frame(**columns: list[object]) -> pl.DataFrame:
    good = {"model": ["a", "b"], "target": ["cars", "cars"], "accuracy": [0.5, 0.6]}
    return pl.DataFrame({**good, **columns}, strict=False)


# What is wrong -> a call, the error and what it says.
BAD_LEADERBOARDS: dict[str, tuple[Callable[[], object], type[Exception], str]] = {
    "no model": (
        lambda: pt.read_leaderboard(frame().rename({"model": "network"})),
        pl.exceptions.ColumnNotFoundError,
        "frame: column 'model' not found; there are ['network', 'target', 'accuracy']; "
        "name the column of models with model=",
    ),
    "no such accuracy": (
        lambda: pt.read_leaderboard(frame(), accuracy="top1"),
        pl.exceptions.ColumnNotFoundError,
        "frame: column 'top1' not found",
    ),
    "accuracy, but no target": (
        lambda: pt.read_leaderboard(frame().rename({"target": "corpus"}), accuracy="accuracy"),
        pl.exceptions.ColumnNotFoundError,
        "column 'target' not found; there are ['model', 'corpus', 'accuracy']; "
        "name the column of targets with target=",
    ),
    "long under another name": (
        lambda: pt.read_leaderboard(frame().rename({"target": "corpus"})),
        ValueError,
        "no column 'target', so each column is taken for a target, but ['corpus'] are not "
        "numbers; name the column of targets with target=",
    ),
    "several columns of numbers": (
        lambda: pt.read_leaderboard(frame(leep=[1, 2], nce=[1, 2]).drop("accuracy")),
        ValueError,
        "no column 'accuracy' and several columns of numbers, ['leep', 'nce']; "
        "name the accuracies with accuracy=",
    ),
    "no column of numbers": (
        lambda: pt.read_leaderboard(frame().drop("accuracy")),
        ValueError,
        "no column 'accuracy' and no column of numbers",
    ),
    "only models": (
        lambda: pt.read_leaderboard(frame().select("model")),
        ValueError,
        "no column 'target' and no column of numbers; there are ['model']",
    ),
    "text for accuracies": (
        lambda: pt.read_leaderboard(frame(accuracy=["81.3 %", "80.0 %"])),
        TypeError,
        "column 'accuracy' must be numbers, found String ('81.3 %', for one)",
    ),
    "NaN": (
        lambda: pt.read_leaderboard(frame(accuracy=[float("nan"), 0.5])),
        ValueError,
        "the accuracy of 'a' on 'cars' is NaN or infinite",
    ),
    "twice": (
        lambda: pt.read_leaderboard(frame(model=["a", "a"])),
        ValueError,
        "the accuracy of 'a' on 'cars' occurs more than once",
    ),
    "null model": (
        lambda: pt.read_leaderboard(frame(model=["a", None])),
        ValueError,
        "the name of the model is null in 1 of 2 entries",
    ),
    "empty": (
        lambda: pt.read_leaderboard(frame(accuracy=[None, None])),
        ValueError,
        "the leaderboard has no accuracies",
    ),
    "no frame": (
        lambda: pt.read_leaderboard(3),
        TypeError,
        "expected a Polars frame or a path, found int",
    ),
    "no file": (
        lambda: pt.read_leaderboard("no/such.csv"),
        FileNotFoundError,
        "no such file: 'no/such.csv'",
    ),
    "scores without model": (
        lambda: pt.join_leaderboard(frame().drop("model", "accuracy"), frame()),
        pl.exceptions.ColumnNotFoundError,
        "frame: column 'model' not found",
    ),
    "scores with accuracy": (
        lambda: pt.join_leaderboard(frame(), frame()),
        ValueError,
        "frame: already has columns ['accuracy'], which the join adds; rename or drop them",
    ),
    "models in lists": (
        lambda: pt.read_leaderboard(frame().with_columns(pl.concat_list("model"))),
        TypeError,
        "frame: column 'model' is List(String), but its values are to be names; cast it to String",
    ),
    "targets in structs": (
        lambda: pt.read_leaderboard(frame().with_columns(pl.struct("target").alias("target"))),
        TypeError,
        "frame: column 'target' is Struct({'target': String}), but its values are to be names",
    ),
    "a static column that hides another": (
        lambda: pt.read_leaderboard(frame(top5=[0.8, 0.9]), accuracy="top5", static=["accuracy"]),
        ValueError,
        "static: 'accuracy' is what a column of the result is called; rename the column",
    ),
    "compare no frame": (
        lambda: pt.compare(None, scores=["accuracy"]),
        TypeError,
        "joined: expected what join_leaderboard returns, or a frame, found NoneType",
    ),
    "compare with accuracies that are no column": (
        lambda: pt.compare(frame(), scores=["accuracy"], accuracy=3),
        TypeError,
        "accuracy: expected a column name or a Polars expression, found int",
    ),
    "compare groups named twice": (
        lambda: pt.compare(frame(), scores=["accuracy"], by=["target", "target"]),
        ValueError,
        "by: 'target' is named more than once",
    ),
    "compare groups called like the result": (
        lambda: pt.compare(
            frame().rename({"target": "pearson"}), scores=["accuracy"], by="pearson"
        ),
        ValueError,
        "by: 'pearson' is what a column of the result is called; rename the column",
    ),
    "compare models in lists": (
        lambda: pt.compare(frame().with_columns(pl.concat_list("model")), scores=["accuracy"]),
        TypeError,
        "frame: column 'model' is List(String), but its values are to be names",
    ),
    "compare without the score": (
        lambda: pt.compare(frame(), scores=["logme"]),
        pl.exceptions.ColumnNotFoundError,
        "frame: column 'logme' not found",
    ),
    "compare without models": (
        lambda: pt.compare(frame().drop("model"), scores=["accuracy"]),
        pl.exceptions.ColumnNotFoundError,
        "frame: column 'model' not found",
    ),
    "compare nothing": (
        lambda: pt.compare(frame(), scores=[]),
        ValueError,
        "scores: expected at least one column",
    ),
    "compare nothing that is known": (
        lambda: pt.compare(frame()),
        ValueError,
        "scores: expected at least one column; there are ['model'",
    ),
    "compare by no measure": (
        lambda: pt.compare(frame(), scores=["accuracy"], measures=["rho"]),
        ValueError,
        "measures: expected one of 'pearson', 'spearman'",
    ),
    "compare by a text": (
        lambda: pt.compare(frame(), scores=["accuracy"], measures="spearman"),
        TypeError,
        "measures: expected \"all\" or a list of measures, found 'spearman'",
    ),
    "compare a model twice": (
        lambda: pt.compare(frame(model=["a", "a"], logme=[1, 2]), scores=["logme"]),
        ValueError,
        "model = 'a' has 2 rows where target = 'cars', but a ranking has one row per model",
    ),
    "compare text": (
        lambda: pt.compare(frame(logme=["x", "y"]), scores=["logme"]),
        pl.exceptions.ComputeError,
        'score column "logme" of selection_quality has dtype str, but it must be numeric',
    ),
}


@pytest.mark.parametrize("bad", BAD_LEADERBOARDS)
def test_bad_leaderboards(bad: str) -> None:
    call, error, message = BAD_LEADERBOARDS[bad]
    with pytest.raises(error, match=re.escape(message)):
        call()


# What is wrong with a file -> its bytes, the error and what it says.
BAD_FILES: dict[str, tuple[bytes, type[Exception], str]] = {
    "Latin-1": (
        "model,target,accuracy\né,cars,0.5\n".encode("latin-1"),
        ValueError,
        "line 2 is not UTF-8; save it as CSV UTF-8",
    ),
    "Latin-1 in the header": (
        "model,münzen\na,0.5\n".encode("latin-1"),
        ValueError,
        "line 1 is not UTF-8; save it as CSV UTF-8",
    ),
    "UTF-16": (
        "model,target,accuracy\n".encode("utf-16-le"),
        ValueError,
        "holds characters NUL, as UTF-16 has them; save it as CSV UTF-8",
    ),
    "empty": (b"", ValueError, "is empty; expected a header and rows"),
    "blank": (b"\n\n", ValueError, "is empty; expected a header and rows"),
    "header only": (
        b"model,target,accuracy\n",
        ValueError,
        "the leaderboard has no rows, only names of columns",
    ),
    "a field too many": (
        b"model,target,accuracy\na,cars,0.5\na,pets,0,5\n",
        ValueError,
        "line 3 has 4 fields, but the header has 3; a field that holds a comma stands in quotes",
    ),
    "a field too few": (
        b"model,target,accuracy\na,cars\n",
        ValueError,
        "line 2 has 2 fields, but the header has 3",
    ),
    "a quote that is not closed": (
        b'model,target,accuracy\n"a,cars,0.5\nb,cars,0.6\n',
        ValueError,
        "line 3: unexpected end of data; a quote that is opened must be closed",
    ),
    "semicolons": (
        b"model;target;accuracy\na;cars;0,5\n",
        ValueError,
        "the header 'model;target;accuracy' has one field; separate fields by commas, not by ';'",
    ),
    "a dash among numbers": (
        b"model,target,accuracy\na,cars,0.5\nb,cars,-\n",
        TypeError,
        "column 'accuracy' must be numbers, found String ('-', for one); write numbers",
    ),
}


@pytest.mark.parametrize("bad", BAD_FILES)
def test_bad_files(bad: str, tmp_path: Path) -> None:
    content, error, message = BAD_FILES[bad]
    path = tmp_path / "board.csv"
    path.write_bytes(content)
    with pytest.raises(error, match=re.escape(f"{path}: {message}")):
        pt.read_leaderboard(path)


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r", "\n\n"])
def test_ends_of_lines_do_not_show(end: str, tmp_path: Path) -> None:
    path = tmp_path / "board.csv"
    path.write_bytes(end.join(["\ufeffmodel,target,accuracy", "a,cars,0.5", ""]).encode())
    assert pt.read_leaderboard(path).rows() == [("a", "cars", 0.5)]


def test_file_of_unknown_kind(tmp_path: Path) -> None:
    path = tmp_path / "board.xlsx"
    path.touch()
    message = r"board\.xlsx: expected a name that ends in \.csv, .* or \.ndjson"
    with pytest.raises(ValueError, match=message):
        pt.read_leaderboard(path)
