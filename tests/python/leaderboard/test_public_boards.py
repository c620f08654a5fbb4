"""Public leaderboards as they are published: no column is named, and directions are known."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import polars as pl
import polars_transferability as pt
import public_boards as boards
import pytest
from polars.testing import assert_frame_equal
from public_boards import ACCURACIES, MODELS, expected


def found(rows: pl.DataFrame) -> list[tuple[str, str, float]]:
    assert rows.columns == ["model", "target", "accuracy"]
    return [(model, target, pytest.approx(value)) for model, target, value in sorted(rows.rows())]


PERCENT = {target: [100 * value for value in values] for target, values in ACCURACIES.items()}
OPEN_LLM = dict(zip(("IFEval", "MMLU-PRO"), PERCENT.values(), strict=True))


@pytest.mark.parametrize(
    "make",
    [
        boards.long,
        boards.mteb_long,
        boards.mteb_records,
        boards.mteb_by_task,
        boards.mteb_of_metrics,
        boards.transfer_graph,
    ],
)
def test_no_column_is_named(make: Callable[[], pl.DataFrame]) -> None:
    assert found(pt.read_leaderboard(make())) == expected()


def test_mteb_as_its_page_has_it() -> None:
    rows = pt.read_leaderboard(boards.mteb_wide())
    assert set(rows["model"]) == {"small", "base", "large"}
    assert dict(rows.group_by("target").agg("accuracy").rows()) == PERCENT


def test_open_llm_leaderboard(tmp_path: Path) -> None:
    path = tmp_path / "train-00000-of-00001.parquet"
    boards.open_llm().write_parquet(path)
    assert found(pt.read_leaderboard(path)) == expected(**OPEN_LLM)
    raw = pt.read_leaderboard(path, targets=["IFEval Raw"])
    assert raw["accuracy"].to_list() == ACCURACIES["alpha"]
    sized = pt.read_leaderboard(path, static="#Params (B)").filter(target="IFEval")
    assert sized["#Params (B)"].to_list() == [0.5, 7.2, 70.6]


def test_a_file_of_timm_is_one_target(tmp_path: Path) -> None:
    paths = boards.write_timm(tmp_path)
    for source in (paths, [str(path) for path in paths], str(tmp_path / "results-*.csv")):
        assert found(pt.read_leaderboard(source)) == expected(**PERCENT)
    top5 = pt.read_leaderboard(paths[0], metric="top5")
    assert top5["accuracy"].to_list() == [97.0, 96.0, 98.0]
    assert_frame_equal(pt.read_leaderboard(paths[0], accuracy="top5"), top5)
    sized = pt.read_leaderboard(paths[0], static=["param_count"])
    assert sized["param_count"].to_list() == [21.8, 86.57, 1013.01]


def test_of_a_corpus_each_target_has_its_main_metric() -> None:
    errors = {"voices": [-9.5, -5.5, -2.5]}
    corpus = boards.model_lens()
    assert found(pt.read_leaderboard(corpus)) == expected(**ACCURACIES, **errors)
    f1 = {target: [value - 0.1 for value in values] for target, values in ACCURACIES.items()}
    assert found(pt.read_leaderboard(corpus, metric="f1")) == expected(**f1)
    both = pt.read_leaderboard(corpus, metric=["f1", "wer"])
    assert found(both) == expected(**f1, **errors)
    assert found(pt.read_leaderboard(corpus, targets=["voices"])) == expected(**errors)


def test_what_was_taken_is_said(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    path = tmp_path / "corpus.parquet"
    boards.model_lens().write_parquet(path)
    pt.read_leaderboard(path, metric="f1")
    assert capsys.readouterr().err.splitlines() == [
        f"{path}: left out targets without that metric: 'voices'",
        f"{path}: the accuracies are 'F1' of 2 targets",
    ]
    joined = pt.join_leaderboard(boards.long().drop("accuracy"), path)
    said = (
        f"{path}: the accuracies are 'Accuracy' of 2 targets, "
        "'WER' of 1 target (less is better, so it is turned round)"
    )
    mixed = f"{path}: a mean over targets mixes the units of these metrics; choose one with metric="
    assert joined.notes == (said, mixed)
    assert joined.report().splitlines()[-2:] == [said, mixed]
    assert joined.matched == 6
    pt.read_leaderboard(boards.transfer_graph())
    said = "frame: left out 1 accuracies without the name of a target\n"
    assert capsys.readouterr().err == said
    pt.read_leaderboard(boards.long())
    assert capsys.readouterr().err == ""


def test_csv_parquet_and_json_are_the_same(tmp_path: Path) -> None:
    rows = boards.mteb_long()
    paths = [tmp_path / f"board.{kind}" for kind in ("csv", "parquet", "json", "jsonl", "ndjson")]
    rows.write_csv(paths[0])
    rows.write_parquet(paths[1])
    rows.write_json(paths[2])
    for path in paths[3:]:
        rows.write_ndjson(path)
    for path in paths:
        assert_frame_equal(pt.read_leaderboard(path), pt.read_leaderboard(rows))


@pytest.mark.parametrize(
    ("address", "scan"),
    [
        ("hf://datasets/open-llm-leaderboard/contents/data/*.parquet", "scan_parquet"),
        ("s3://bucket/corpus.csv", "scan_csv"),
        ("hf://datasets/org/name/records.jsonl", "scan_ndjson"),
        ("gs://bucket/records.ndjson", "scan_ndjson"),
    ],
)
def test_polars_gets_addresses_as_they_are(
    address: str, scan: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened = []

    def stand_in(source: object, **_: object) -> pl.LazyFrame:
        opened.append(source)
        return boards.long().lazy()

    monkeypatch.setattr(pl, scan, stand_in)
    assert found(pt.read_leaderboard(address)) == expected()
    assert opened == [address]


@pytest.mark.parametrize("metric", ["WER", "cer", "test_loss", "Error", "Perplexity", "RMSE"])
def test_less_of_an_error_is_better(metric: str) -> None:
    rows = boards.long()
    of_rows = rows.rename({"accuracy": "value"}).with_columns(metric=pl.lit(metric))
    of_column = rows.rename({"accuracy": metric})
    for board in (of_rows, of_column):
        turned = pt.read_leaderboard(board)
        assert turned["accuracy"].to_list() == [-value for value in rows["accuracy"]]
        kept = pt.read_leaderboard(board, higher_is_better=[metric.lower()])
        assert_frame_equal(kept, rows)
    wide = rows.pivot("target", index="model", values="accuracy")
    assert (pt.read_leaderboard(wide, metric=metric)["accuracy"] < 0).all()


@pytest.mark.parametrize(
    "metric",
    [
        *("accuracy", "F1", "macro-f1", "map_at_100", "nDCG@10", "ROC AUC", "cosine_spearman"),
        *("v_measure", "BLEU", "acc_norm", "exact_match", "R2", "mcc", "pass@1", "top-5"),
        "Average Precision",
    ],
)
def test_more_of_these_is_better(metric: str) -> None:
    rows = boards.long()
    named = rows.rename({"accuracy": "value"}).with_columns(metric=pl.lit(metric))
    assert_frame_equal(pt.read_leaderboard(named), rows)


def of_metrics(*names: str) -> pl.DataFrame:
    rows = boards.long(accuracy="value")
    return pl.concat(rows.with_columns(metric=pl.lit(name)) for name in names)


# What is wrong -> a call, and what it says.
BAD: dict[str, tuple[Callable[[], object], str]] = {
    "no main metric": (
        lambda: pt.read_leaderboard(of_metrics("f1", "mcc")),
        "frame: target 'alpha' has several metrics, 'f1', 'mcc'; choose one with metric=",
    ),
    "no such metric": (
        lambda: pt.read_leaderboard(of_metrics("macro_f1", "mcc"), metric="makro f1"),
        "frame: no metric 'makro f1'; did you mean 'macro_f1'?; there are 'macro_f1', 'mcc'",
    ),
    "no such column of a metric": (
        lambda: pt.read_leaderboard(boards.mteb_records(), metric="main"),
        "frame: no metric 'main'; did you mean 'main_score'?; there are 'main_score', 'accuracy', ",
    ),
    "unknown direction": (
        lambda: pt.read_leaderboard(of_metrics("glow")),
        "frame: it is not known whether more of 'glow' is better; "
        "say so with higher_is_better= or lower_is_better=",
    ),
    "unknown direction of a wide one": (
        lambda: pt.read_leaderboard(boards.mteb_by_task(), metric="glow"),
        "frame: it is not known whether more of 'glow' is better",
    ),
    "an empty list": (
        lambda: pt.read_leaderboard([]),
        "expected a Polars frame or a path, found an empty list",
    ),
    "the same rows twice": (
        lambda: pt.read_leaderboard(pl.concat([boards.open_llm()] * 2)),
        "frame: the accuracy of 'org/small' on 'IFEval' (and of 5 others) occurs more than once",
    ),
}


@pytest.mark.parametrize("bad", BAD)
def test_bad_public_boards(bad: str) -> None:
    call, message = BAD[bad]
    with pytest.raises(ValueError, match=re.escape(message)):
        call()


def test_of_a_model_in_several_settings_the_best_counts(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    half = boards.open_llm().with_columns(Precision=pl.lit("4bit"), IFEval=pl.col("IFEval") / 2)
    assert found(pt.read_leaderboard(pl.concat([half, boards.open_llm()]))) == expected(**OPEN_LLM)
    said = capsys.readouterr().err
    assert "3 models are there in several settings (Precision); of each counts the one" in said
    path = boards.write_timm(tmp_path)[0]
    rows = pl.read_csv(path, schema_overrides={"param_count": pl.String})
    smaller = rows.with_columns(pl.col("img_size") - 32, pl.col("top1") - 1)
    pl.concat([smaller, rows]).write_csv(path)
    assert pt.read_leaderboard(path)["accuracy"].to_list() == sorted(
        rows["top1"].to_list(), reverse=True
    )
    assert "3 models are there in several settings (img_size)" in capsys.readouterr().err


@pytest.mark.parametrize(("metric", "best"), [("accuracy", 0.75), ("WER", -0.25)])
def test_the_metric_that_is_asked_for_says_which_setting_is_best(metric: str, best: float) -> None:
    board = pl.DataFrame({"model": "a", "precision": ["fp16", "fp32"], "voices": [0.25, 0.75]})
    (row,) = pt.read_leaderboard(board, metric=metric).rows()
    assert row == ("a", "voices", best)


@pytest.mark.parametrize(("metric", "best"), [("Accuracy", [0.6, 0.8]), ("WER", [-0.5, -0.7])])
def test_of_long_records_in_several_settings_the_best_counts(
    metric: str, best: list[float]
) -> None:
    records = pl.DataFrame(
        {
            "model": ["a", "a", "b", "b"],
            "dataset": "t",
            "precision": ["fp16", "fp32"] * 2,
            "metric": metric,
            "value": [0.5, 0.6, 0.7, 0.8],
        }
    )
    assert pt.read_leaderboard(records).sort("model")["accuracy"].to_list() == best


def test_json_that_is_none(tmp_path: Path) -> None:
    for name, message in (("x.json", "a list of objects"), ("x.jsonl", "an object a line")):
        path = tmp_path / name
        path.write_text("{model")
        wanted = re.escape(f"{path}: cannot be read as JSON, {message}: ")
        with pytest.raises(pl.exceptions.ComputeError, match=wanted):
            pt.read_leaderboard(path)


def test_a_direction_that_is_said_is_taken() -> None:
    glow = of_metrics("glow")
    assert found(pt.read_leaderboard(glow, higher_is_better="glow")) == expected()
    turned = pt.read_leaderboard(glow, lower_is_better=["Glow"])
    assert turned["accuracy"].to_list() == [-value for value in glow["value"]]


def test_scores_are_compared_with_public_boards() -> None:
    scores = pl.DataFrame({"model": MODELS, "target": ["alpha"] * 3, "logme": [0.1, 0.2, 0.3]})
    for board in (boards.mteb_long(), boards.model_lens(), boards.transfer_graph()):
        joined = pt.join_leaderboard(scores, board)
        assert joined.matched == 3
        quality = pt.compare(joined, scores="logme", k=1)
        assert quality.filter(score="logme")["spearman"].to_list() == pytest.approx([1.0])


def test_of_thousands_of_names_only_spellings_are_similar() -> None:
    count = 2000
    own = pl.DataFrame({"model": [f"Org/Model {i}" for i in range(count)]})
    other = pl.DataFrame({"model": [f"org/model-{i + 1}" for i in range(count)]})
    joined = pt.join_leaderboard(
        own.with_columns(target=pl.lit("alpha")),
        other.with_columns(target=pl.lit("alpha"), accuracy=pl.lit(0.5)),
    )
    near = joined.unmatched_scores["near_model"].to_list()
    assert near == [None, *other["model"][: count - 1]]


def test_a_notebook_shows_a_join_as_escaped_lines_and_a_table() -> None:
    scores = pl.DataFrame({"model": ["<script>x", "org/small"], "target": "alpha", "logme": 0.5})
    shown = pt.join_leaderboard(scores, boards.long())._repr_html_()
    assert "1 of 2 pairs of model and target are on the leaderboard" in shown
    assert "&lt;script&gt;x" in shown
    assert "<script>" not in shown
    assert shown.count("<table") == 1


def test_what_has_other_metrics_only_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    rows = [
        ("reviews", "org/small", "Accuracy", 0.9),
        ("reviews", "org/large", "F1", 0.8),
        ("voices", "org/large", "1-WER", 0.7),
    ]
    corpus = pl.DataFrame(rows, schema=["dataset", "model", "metric", "value"], orient="row")
    found = pt.read_leaderboard(corpus, higher_is_better=["1-WER"])
    assert found.rows() == pt.read_leaderboard(corpus).rows()
    assert found.rows() == [("org/small", "reviews", 0.9), ("org/large", "voices", 0.7)]
    said = capsys.readouterr().err
    assert "frame: left out what has other metrics only: 'org/large' on 'reviews'" in said


def test_columns_of_errors_are_turned_round_where_they_are_named(
    capsys: pytest.CaptureFixture[str],
) -> None:
    frame = pl.DataFrame({"model": ["a", "b"], "mnist_error": [5.0, 6.0], "usps": [0.8, 0.9]})
    entries = pt.read_leaderboard(frame, lower_is_better=["mnist_error"])
    assert sorted(entries.rows()) == [
        ("a", "mnist_error", -5.0),
        ("a", "usps", 0.8),
        ("b", "mnist_error", -6.0),
        ("b", "usps", 0.9),
    ]
    assert "'mnist_error' of 1 target (less is better" in capsys.readouterr().err
    assert pt.read_leaderboard(frame)["accuracy"].min() > 0  # type: ignore[operator]
    said = "frame: 'mnist_error' counts as an accuracy; name it with lower_is_better= if it is"
    assert said in capsys.readouterr().err


@pytest.mark.parametrize("metric", ["1-WER", "100 - WER", "-loss", "neg_loss", "inverse WER"])
def test_of_errors_turned_round_more_is_better(metric: str) -> None:
    rows = {"dataset": "t", "model": ["a", "b"], "metric": metric, "value": [0.5, 0.25]}
    assert pt.read_leaderboard(pl.DataFrame(rows))["accuracy"].to_list() == [0.5, 0.25]


def test_a_frame_of_metrics_without_a_target_is_an_error() -> None:
    frame = pl.DataFrame({"model": ["a", "b"], "top1": [50.0, 60.0], "top5": [70.0, 80.0]})
    message = re.escape("frame: ['top1', 'top5'] are metrics, and nothing says of which target")
    with pytest.raises(ValueError, match=message):
        pt.read_leaderboard(frame)


def test_names_with_and_without_an_organisation_are_similar() -> None:
    scores = pl.DataFrame({"model": ["netb", "net_d"], "target": "t", "logme": [0.1, 0.2]})
    board = pl.DataFrame({"model": ["org/netb", "net_c"], "target": "t", "accuracy": [0.5, 0.6]})
    joined = pt.join_leaderboard(scores, board)
    near = dict(joined.unmatched_scores.select("model", "near_model").rows())
    assert near["netb"] == "org/netb"
