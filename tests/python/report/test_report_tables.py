"""The tables of a report are those that the functions compute."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import polars as pl
import polars_transferability as pt
import pytest
from registry import embedding_rows
from reports import TERMS, change, make, written


def test_bounds_are_those_of_compute_bounds(folder: Path) -> None:
    made = make(folder)
    expected = pt.compute_bounds(folder / "models", l2=0.1, transform="identity")
    order = ["target", "bound", "model", "source"]
    assert made.tables["bounds"].equals(expected.sort(order))
    # By model and ordered pair of tasks, and the query.
    assert (made.computed, made.reused) == (3 * 2 + 1, 0)


def test_every_table_is_written_as_parquet_and_csv(folder: Path) -> None:
    made = make(folder)
    names = ["bounds", "class_map", "ranking", "leaderboards", "unmatched", "selection_quality"]
    assert list(made.tables) == [*names, "queries/lowest"]
    files = {f"{name}.{kind}" for name in made.tables for kind in ("parquet", "csv")}
    assert set(written(folder)) == {"index.html", *files}
    for name, rows in made.tables.items():
        assert pl.read_parquet(folder / "out" / f"{name}.parquet").equals(rows)
        nothing_wrong = pl.lit(None, pl.String).alias("problems")
        flat = rows.with_columns(*([nothing_wrong] if "problems" in rows.columns else []))
        flat = flat.select(pl.exclude(pl.List, pl.Struct))
        found = pl.read_csv(folder / "out" / f"{name}.csv", schema=flat.schema)
        assert found.equals(flat)


def test_tables_agree_with_the_bounds(folder: Path) -> None:
    tables = make(folder).tables
    bounds, ranking = tables["bounds"], tables["ranking"]
    lowest = bounds.group_by("model", "target").agg(pl.col("bound").min()).sort("target", "bound")
    assert ranking.select("model", "target", "bound").equals(lowest)
    pairs = ["model", "source", "target"]
    classes = tables["class_map"].unique([*pairs, "target_class"])
    sums = classes.group_by(pairs).agg(pl.col(TERMS).sum())
    both = bounds.join(sums, on=pairs, suffix="_sum")
    assert both.height == bounds.height == 6
    for term in TERMS:
        assert both[f"{term}_sum"].to_list() == pytest.approx(both[term].to_list(), abs=1e-12)
    joined = pt.join_leaderboard(ranking, folder / "accuracy.csv")
    quality = pt.compare(joined, scores=["bound", "target_loss"], k=1, bootstrap=20)
    found = tables["selection_quality"]
    assert found.drop("leaderboard").equals(quality.filter(target="new"))
    assert found["leaderboard"].unique().to_list() == ["accuracy"]
    assert tables["unmatched"].filter(only_in="leaderboard")["model"].to_list() == ["other"]
    expected = bounds.group_by("target").agg(pl.col("bound").min()).sort("target")
    assert tables["queries/lowest"].equals(expected)


def with_scores(folder: Path, scores: str) -> None:
    change(folder, "scores = []", f"scores = {scores}")


def test_scores_are_those_of_compute_scores(folder: Path) -> None:
    names = ["logme", "etran", "ncti", "linear_probe"]
    with_scores(folder, str(names).replace("'", '"'))
    made = make(folder)
    expected = pt.compute_scores(folder / "models", scores=names)
    assert made.tables["scores"].equals(expected.sort("target", "model"))
    # Scores of three models on two targets besides.
    assert (made.computed, made.reused) == (7 + 6, 0)
    ranked = made.tables["ranking"]
    beside = ["logme", "etran", "ncti", "linear_probe_accuracy"]
    assert ranked.columns[-5:] == [*beside, "consensus"]
    # Bounds that are no better than guessing are equal.
    loss = pl.min_horizontal("bound", "trivial_loss").round_sig_figs(12)
    of_target = pt.consensus(-loss, "logme").over("target").alias("consensus")
    assert ranked.equals(ranked.with_columns(of_target))
    both = ranked.join(expected, on=["model", "target"], suffix="_of_it")
    assert both.height == 6
    for name in beside:
        assert both[name].equals(both[f"{name}_of_it"], check_names=False)
    assert {*beside, "consensus"} < set(made.tables["selection_quality"]["score"])


def test_scores_of_a_pool_follow_the_other_models(folder: Path) -> None:
    """Nothing of the others is computed again, but their scores change with who is there."""
    with_scores(folder, '["etran"]')
    make(folder)
    (folder / "models" / "net0.parquet").unlink()
    fewer = make(folder)
    expected = pt.compute_scores(folder / "models", scores="etran").sort("target", "model")
    assert fewer.tables["scores"].equals(expected)
    assert fewer.computed == 1  # The query.


def test_options_of_scores(folder: Path) -> None:
    change(folder, "scores = []", "")
    change(folder, "[bound]", "[scores.knn]\nk = 1\n[scores.logme]\n[bound]")
    found = make(folder).tables["scores"]
    expected = pt.compute_scores(folder / "models", scores={"knn": {"k": 1}, "logme": {}})
    assert found.equals(expected.sort("target", "model"))


def test_all_scores_that_each_table_has_columns_for(folder: Path) -> None:
    path = folder / "models" / "net1.parquet"
    rows = pl.read_parquet(path)
    rows.with_columns(pl.col("embedding").alias("logits")).write_parquet(path)
    with_scores(folder, '"all"')
    found = make(folder).tables["scores"]
    expected = pt.compute_scores(folder / "models", scores="all").sort("target", "model")
    assert found.select(expected.columns).equals(expected)
    assert found.filter(pl.col("leep").is_not_null())["model"].unique().to_list() == ["net1"]


def test_a_target_without_a_bound_still_has_scores(folder: Path) -> None:
    with_scores(folder, '["logme"]')
    change(folder, "[bound]", 'sources = ["old"]\n[bound]')
    made = make(folder)
    old = made.tables["ranking"].filter(target="old")
    assert old["bound"].null_count() == old.height == 3
    assert old["logme"].null_count() == 0
    assert "Scores only" in made.page.read_text()


def test_hive_partitions(folder: Path) -> None:
    expected = make(folder).tables["bounds"]
    for path in (folder / "models").iterdir():
        rows = pl.read_parquet(path)
        for (task,), part in rows.group_by("task"):
            place = folder / "hive" / f"model={path.stem}" / f"task={task}"
            place.mkdir(parents=True)
            part.drop("model", "task").write_parquet(place / "part.parquet")
    change(folder, "models/*.parquet", "hive")
    made = make(folder)
    assert made.tables["bounds"].equals(expected)
    # A file with the same content that says something else by its place.
    (folder / "hive" / "model=net1").rename(folder / "hive" / "model=net9")
    assert make(folder).computed == 3


def test_models_may_have_different_tasks_widths_and_types_of_labels(folder: Path) -> None:
    other = embedding_rows(models=1).with_columns(
        pl.lit("wide").alias("model"),
        pl.col("task").replace("new", "third"),
        pl.col("embedding").arr.to_list().list.concat(pl.col("embedding").arr.to_list()),
        pl.format("class {}", "label").alias("label"),
    )
    other.write_parquet(folder / "models" / "wide.parquet")
    (folder / "lowest.sql").write_text("SELECT model, COUNT(*) AS n FROM embeddings GROUP BY model")
    tables = make(folder).tables
    pairs = tables["bounds"].filter(model="wide").select("source", "target").rows()
    assert sorted(pairs) == [("old", "third"), ("third", "old")]
    assert tables["queries/lowest"].height == 4


EXAMPLE = Path(__file__).resolve().parents[3] / "examples" / "report"


def test_example(tmp_path: Path, data: Path) -> None:
    """The folder can be copied, and what it says of the defaults holds."""
    repository = tmp_path / "copy"
    shutil.copytree(EXAMPLE, repository / "examples" / "report")
    (repository / "data").symlink_to(data)
    config = repository / "examples" / "report" / "report.toml"
    made = pt.report(config, tmp_path / "out")
    assert made.tables["bounds"].height == 3 * 2 * 2
    assert {name for name in made.tables if name[:8] == "queries/"} == {
        f"queries/{path.stem}" for path in EXAMPLE.glob("*.sql")
    }
    for name, rows in made.tables.items():
        assert rows.height > 0, name
    text = made.page.read_text()
    assert len(text) < 500_000
    assert "Which LeNet transfers to which task?" in text
    again = pt.report(config, tmp_path / "out")
    assert (again.computed, again.reused) == (0, made.computed)


def test_example_of_the_zoo(tmp_path: Path, data: Path) -> None:
    """With fewer tasks and rows, and without the scores that take long."""
    repository = tmp_path / "copy"
    shutil.copytree(EXAMPLE, repository / "examples" / "report")
    (repository / "data").symlink_to(data)
    config = repository / "examples" / "report" / "zoo.toml"
    few = re.sub(r"(sources|targets) = .*", r'\1 = ["mnist", "kmnist"]', config.read_text("utf-8"))
    config.write_text(f'scores = ["knn_accuracy"]\n{few}max_target_rows_per_class = 5\n', "utf-8")
    made = pt.report(config, tmp_path / "out")
    models = pl.read_csv(data / "zoo" / "models.csv").filter(domain="image")["model"]
    assert set(made.tables["ranking"]["model"]) == set(models)
    assert made.tables["bounds"].height == 2 * models.len()
    assert made.tables["factors"]["factor"].n_unique() == 3
    assert made.tables["factors"].filter(kind="number")["explained"].null_count() == 0
    assert made.tables["relatedness"]["models"].to_list() == [models.len()] * 2
    assert made.tables["selection_quality"]["n"].min() > 5
    assert made.problems.incomplete == 0


def test_a_query_may_have_any_result(folder: Path) -> None:
    query = """
        SELECT model, CASE WHEN model = 'net0' THEN NULL ELSE bound > 1 END AS high,
               bound / 1000000000 AS tiny, 1e-300 * 1e-20 AS least, NULL AS nothing,
               DATE '2020-01-02' AS day, by_class
        FROM bounds ORDER BY model
    """
    (folder / "lowest.sql").write_text(query)
    text = make(folder).page.read_text()
    assert "nested columns only in the Parquet file" in text
    assert "2020-01-02" in text
    shown = text[text.index('id="queries"') :]
    (bound, *_) = make(folder).tables["queries/lowest"]["tiny"]
    assert f"{bound:.12f}"[:-1] in shown
    assert f">0.{'0' * 319}1000<" in shown
    (folder / "lowest.sql").write_text("SELECT model, bound FROM bounds WHERE bound < 0")
    made = make(folder)
    assert made.tables["queries/lowest"].shape == (0, 2)
    assert "lowest: 0 rows" in made.page.read_text()


def test_a_notebook_shows_where_the_page_is(folder: Path) -> None:
    made = make(folder)
    shown = made._repr_html_()
    for text in (made.page.name, "bounds", f"{made.tables['bounds'].height} rows"):
        assert text in shown
    assert shown.count("<table") == 1
