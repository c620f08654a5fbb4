"""What a report says of a description, a query or a table that it cannot take."""

from __future__ import annotations

import re
from pathlib import Path

import polars as pl
import polars_transferability as pt
import pytest
from reports import change, command, make, problem


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("files =", "fils =", "report.toml: fils: unknown key; did you mean 'files'?"),
        (
            'files = ["models/*.parquet"]',
            "",
            "report.toml: files: expected the embedding tables, such as",
        ),
        ('["models/*.parquet"]', "3", "files: expected a text or a list of texts, found 3"),
        (
            "models/*.parquet",
            "s3://a/b.parquet",
            "files: 's3://a/b.parquet' is not on this machine",
        ),
        ("models/*.parquet", "none/*.parquet", "no table matches"),
        ('["accuracy.csv"]', '["none.csv"]', "leaderboards[1].file: no such file: "),
        (
            '["accuracy.csv"]',
            '["accuracy.csv", "accuracy.csv"]',
            "leaderboards[2].name: 'accuracy' is taken",
        ),
        ('["accuracy.csv"]', "[{}]", "leaderboards[1].file: expected the path of a file"),
        (
            '["accuracy.csv"]',
            '[{file = "accuracy.csv", acuracy = "a"}]',
            "did you mean 'accuracy'?",
        ),
        ("l2 = 0.1", "l2 = -1", "report.toml: bound.l2: expected a finite number above 0"),
        (
            "l2 = 0.1",
            'ground_cost = "cosine"',
            "bound.ground_cost: expected one of 'margin', 'head'",
        ),
        ("l2 = 0.1", 'head = "a.parquet"', "bound.head: unknown key; expected one of 'transform'"),
        (
            "scores = []",
            'scores = ["logmee"]',
            "report.toml: scores: no score is called 'logmee'; did",
        ),
        ("scores = []", "scores = {knn = {k = 0}}", "report.toml: scores: k: expected an integer"),
        ("k = 1", "k = 0", "comparison.k: expected an integer from 1 to"),
        ("k = 1", "k = true", "comparison.k: expected an integer, found True"),
        (
            "k = 1",
            "confidence = 95",
            "comparison.confidence: expected a number between 0 and 1, found 95",
        ),
        ("[bound]", "[bounds]", "report.toml: bounds: unknown key; did you mean 'bound'?"),
        (
            "[bound]",
            'sources = ["olds"]\n[bound]',
            "sources: no model has a task 'olds'; did you mean 'old'?",
        ),
        (
            "[bound]",
            "targets = []\n[bound]",
            "targets: expected at least one task; leave the key out for all",
        ),
        (
            "[bound]",
            'sources = ["old"]\ntargets = ["old"]\n[bound]',
            "no model has both a source and another",
        ),
        ("[bound]", "title = 3\n[bound]", "report.toml: title: expected a text, found 3"),
        ("[bound]", '[columns]\nlabel = "class"\n[bound]', "column 'class' not found; there are"),
        (
            "[bound]",
            "[columns]\nsplit = true\n[bound]",
            "columns.split: expected a text, found True",
        ),
        ("lowest.sql", "none.sql", "queries.lowest: no such file: "),
        ("lowest =", '"../lowest" =', "queries.../lowest: is a file name of the report"),
        ("files =", "files", "report.toml: is not valid TOML: "),
        (
            "[bound]",
            'factors = ["data"]\n[bound]',
            "factors: are columns of a table of the models; name it: models = ",
        ),
        (
            "[bound]",
            'models = "accuracy.csv"\n[bound]',
            'models: nothing is read of it; name columns of it: factors = ["architecture"]',
        ),
        (
            "[bound]",
            'models = "facts.csv"\nfactors = "new"\n[bound]',
            "report.toml: models.file: no such file: ",
        ),
        (
            "[bound]",
            'models = {file = "accuracy.csv", modle = "a"}\nfactors = "new"\n[bound]',
            "report.toml: models.modle: unknown key; did you mean 'model'?",
        ),
        (
            "[bound]",
            'models = 3\nfactors = "new"\n[bound]',
            "report.toml: models: expected a table, [models], found 3",
        ),
        (
            "[bound]",
            'models = "accuracy.csv"\nfactors = "nwe"\n[bound]',
            "accuracy.csv: column 'nwe' not found; there are ['model', 'new']; factors names it; "
            "did you mean 'new'?",
        ),
        (
            "[bound]",
            'models = {file = "accuracy.csv", model = "net"}\nfactors = "new"\n[bound]',
            "name the column of models with model under [models]",
        ),
        (
            "[bound]",
            'models = "accuracy.csv"\nfactors = ["new", "new"]\n[bound]',
            "factors: names 'new' more than once",
        ),
        (
            "[bound]",
            'models = "accuracy.csv"\nfactors = "model"\n[bound]',
            "factors: 'model' is what the models' names are called; rename that column",
        ),
        (
            "[bound]",
            'models = "lowest.sql"\nfactors = "new"\n[bound]',
            "lowest.sql: expected a name that ends in .csv, .parquet, .json, .jsonl or .ndjson",
        ),
        ("[bound]", "factor = 3\n[bound]", "factor: unknown key; did you mean 'factors'?"),
        (
            "[bound]",
            'relatedness = "each modle"\n[bound]',
            "relatedness: expected true, false or 'each model', found 'each modle'",
        ),
        ("[bound]", "relatednes = true\n[bound]", "relatednes: unknown key; did you mean 'related"),
    ],
)
def test_errors_name_the_key_what_was_found_and_what_to_do(
    folder: Path, old: str, new: str, expected: str
) -> None:
    change(folder, old, new)
    assert expected in problem(folder)


def test_errors_in_a_query_name_its_file_and_place(folder: Path) -> None:
    (folder / "lowest.sql").write_text("SELECT model, SPEARMANN(bound, l2) FROM bounds")
    message = problem(folder)
    assert "lowest.sql: line 1, column 15: there is no function SPEARMANN" in message


def test_an_empty_leaderboard_match_is_said_and_shown(folder: Path) -> None:
    pl.DataFrame({"model": ["M 1"], "new": [0.5]}).write_csv(folder / "accuracy.csv")
    made = make(folder)
    assert made.tables["selection_quality"].is_empty()
    assert "0 of 6 pairs" in made.page.read_text()


@pytest.mark.parametrize(
    ("column", "cure"),
    [
        ("split", "for tables without a split write split = false under [columns]"),
        ("task", "name the column of tasks with task under [columns]"),
        ("model", "name the column of models with model under [columns]"),
    ],
)
def test_a_missing_column_is_named_in_words_of_the_file(
    column: str, cure: str, folder: Path
) -> None:
    path = folder / "models" / "net1.parquet"
    pl.read_parquet(path).drop(column).write_parquet(path)
    message = re.escape(f"net1.parquet: column '{column}' not found; ") + ".*" + re.escape(cure)
    with pytest.raises(pl.exceptions.ColumnNotFoundError, match=message):
        make(folder, strict=True)


def test_a_leaderboard_is_spoken_of_in_words_of_the_file(folder: Path) -> None:
    (folder / "accuracy.csv").write_text("network,target,accuracy\nnet0,new,0.5\n")
    message = re.escape("name the column of models with model under [[leaderboards]]")
    with pytest.raises(pl.exceptions.ColumnNotFoundError, match=message):
        make(folder)


def test_a_metric_is_chosen_in_the_file(folder: Path) -> None:
    records = [f"net{i},new,{name},0.{i + 1}" for i in range(3) for name in ("f1", "glow")]
    board = folder / "corpus.csv"
    board.write_text("\n".join(["model,dataset,metric,value", *records]))
    change(folder, '["accuracy.csv"]', '[{ file = "corp*.csv" }]')
    message = re.escape("'f1', 'glow'; choose one with metric under [[leaderboards]]")
    with pytest.raises(ValueError, match=message):
        make(folder)
    change(folder, '"corp*.csv" }', '"corp*.csv", metric = "glow" }')
    message = re.escape("higher_is_better or lower_is_better under [[leaderboards]]")
    with pytest.raises(ValueError, match=message):
        make(folder)
    change(folder, '"glow" }', '"glow", lower_is_better = "glow" }')
    found = make(folder).tables["leaderboards"]
    assert found.filter(target="new").sort("model")["accuracy"].to_list() == [-0.1, -0.2, -0.3]


def test_damaged_rows_name_the_file(folder: Path) -> None:
    path = folder / "models" / "net1.parquet"
    pl.read_parquet(path).select("embedding", pl.exclude("embedding")).write_parquet(path)
    pages = bytearray(path.read_bytes())
    pages[4:60] = bytes(value ^ 0x5A for value in pages[4:60])
    path.write_bytes(pages)
    with pytest.raises(pl.exceptions.ComputeError, match=r"net1\.parquet: its rows cannot be read"):
        make(folder, strict=True)


DEEP = {
    "lists": f"files = {'[' * 3000}{']' * 3000}",
    "tables": f"files = {'{a = ' * 3000}1{'}' * 3000}",
    "keys": f"files = ['x']\ntitle.{'a.' * 3000}a = 1",
    "keys of scores": f"files = ['x']\n[scores.logme]\n{'a.' * 3000}a = 1",
    "leaderboards": f"files = ['x']\nleaderboards.{'a.' * 3000}a = 1",
}


@pytest.mark.parametrize("kind", DEEP)
def test_deep_descriptions_are_one_line(kind: str, tmp_path: Path) -> None:
    config = tmp_path / "report.toml"
    config.write_text(DEEP[kind])
    with pytest.raises(ValueError, match=r"^.*report\.toml: [^\n]*$"):
        pt.report(config, tmp_path / "out")
    done = command(config, "--out", tmp_path / "out")
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (1, "", 1)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("title = 'café'".encode("latin-1"), "line 1, column 13: byte 0xe9 is not UTF-8; save it"),
        ("title = 'a'".encode("utf-16"), "is UTF-16; save it as UTF-8"),
        (b"title = 'a\0b'", "line 1, column 11: is a zero byte"),
        ("\ufefffiles = 3".encode(), "files: expected a text or a list of texts, found 3"),
    ],
)
def test_descriptions_that_are_not_utf_8(content: bytes, message: str, tmp_path: Path) -> None:
    config = tmp_path / "report.toml"
    config.write_bytes(content)
    with pytest.raises(ValueError, match=message):
        pt.report(config, tmp_path / "out")
