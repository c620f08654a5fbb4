"""Where tables of a query come from: frames, files, globs, and tables that are made when read."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import polars_transferability as pt
import pytest
from registry import embedding_rows
from sql_tables import BOUND, LEADERBOARD, MODEL, TABLES, rows


def test_frames_are_files_globs_and_folders(tmp_path: Path) -> None:
    emb = TABLES["embeddings"]
    for name, part in emb.partition_by("model", as_dict=True).items():
        folder = tmp_path / f"model={name[0]}"
        folder.mkdir()
        part.drop("model").write_parquet(folder / "rows.parquet")
        part.write_parquet(tmp_path / f"{name[0]}.parquet")
    LEADERBOARD.write_csv(tmp_path / "board.csv")
    query = "SELECT e.model, l.accuracy, PEARSON(label, label) AS p FROM embeddings e "
    query += "JOIN leaderboard l USING (model) GROUP BY e.model, l.accuracy ORDER BY e.model"
    expected = rows(query)
    files = sorted(tmp_path.glob("*.parquet"))
    folder = tmp_path / "hive"
    folder.mkdir()
    for place in tmp_path.glob("model=*"):
        place.rename(folder / place.name)
    for source in (str(tmp_path / "*.parquet"), files, folder):
        found = pt.sql(query, embeddings=source, leaderboard=tmp_path / "board.csv", eager=True)
        assert found.equals(expected)


def test_models_of_different_width_and_columns_are_one_table(tmp_path: Path) -> None:
    for width in (3, 5):
        part = embedding_rows(width=width).with_columns(pl.lit(f"net{width}").alias("model"))
        if width == 5:
            part = part.with_columns(pl.lit(1.0).alias("logits"))
        part.write_parquet(tmp_path / f"{width}.parquet")
    query = f"SELECT model, {BOUND}.n_target AS n FROM embeddings GROUP BY model ORDER BY model"
    found = pt.sql(query, embeddings=tmp_path / "*.parquet", eager=True)
    assert found.rows() == [("net3", 21), ("net5", 21)]
    query = "SELECT model, COUNT(logits) AS n FROM embeddings GROUP BY model ORDER BY model"
    found = pt.sql(query, embeddings=tmp_path / "*.parquet", eager=True)
    assert found.rows() == [("net3", 0), ("net5", 42)]


def test_bounds_are_made_when_read() -> None:
    expected = pt.compute_bounds(TABLES["embeddings"]).drop("problems")
    key = ["model", "source", "target"]
    assert rows("SELECT * FROM bounds").sort(key).equals(expected.sort(key))
    best = rows("SELECT model, MIN(bound) AS bound FROM Bounds GROUP BY model ORDER BY bound")
    lowest = expected.group_by("model").agg(pl.col("bound").min()).sort("bound")
    assert best.equals(lowest)
    own = pl.DataFrame({"bound": [1.0]})
    assert pt.sql("SELECT * FROM bounds", bounds=own, eager=True, **TABLES).equals(own)
    within = "WITH bounds AS (SELECT * FROM bounds WHERE target = 'new') "
    within += "SELECT COUNT(*) AS n FROM bounds"
    assert rows(within).item() == 3
    with pytest.raises(pt.QueryError, match=r"line 1, column 15: table bounds: is made from"):
        pt.sql("SELECT * FROM bounds", leaderboard=LEADERBOARD)


def test_only_the_bounds_that_are_asked_for_are_computed(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def spy(rows: pl.LazyFrame, **options: object) -> pl.DataFrame:
        asked.append((rows.select("model").unique().collect().item(), options["sources"]))
        return pt.compute_bounds(rows, **options)

    monkeypatch.setattr("polars_transferability._sql._tables.compute_bounds", spy)
    query = (
        "SELECT model, bound FROM bounds WHERE source = 'old' AND model <> 'net1' ORDER BY model"
    )
    lazy = pt.sql(query, **TABLES)
    assert asked == []
    expected = pt.compute_bounds(TABLES["embeddings"], sources=["old"]).filter(MODEL != "net1")
    assert lazy.collect().equals(expected.select("model", "bound"))
    assert asked == [("net0", ("old",)), ("net2", ("old",))]
    # What is known only of a bound narrows nothing, and is true of the result.
    low = lazy.collect()["bound"].min()
    found = rows(f"SELECT bound FROM bounds WHERE source = 'old' AND bound <= {low}")
    assert found["bound"].to_list() == [low]
    assert rows("SELECT * FROM bounds WHERE source = 'none'").is_empty()
    assert rows("SELECT * FROM bounds LIMIT 1").height == 1


def test_scores_and_selection_quality_are_made_when_read() -> None:
    scores = pt.compute_scores(TABLES["embeddings"]).drop("problems")
    assert rows("SELECT * FROM scores").equals(scores)
    found = rows("SELECT * FROM selection_quality")
    lowest = (
        pt.compute_bounds(TABLES["embeddings"])
        .group_by("model", "target")
        .agg(pl.col("bound").min())
    )
    joined = pt.join_leaderboard(
        scores.join(lowest, on=["model", "target"], maintain_order="left"), LEADERBOARD
    )
    names = ["logme", "h_score", "shrinkage_h_score", "transrate", "gbc", "knn_accuracy", "bound"]
    assert found.equals(pt.compare(joined, scores=names))
    assert found.filter("trivial")["score"].unique().to_list() == ["mean_accuracy_elsewhere"]
    with pytest.raises(pt.QueryError, match="leaderboard is not given"):
        pt.sql("SELECT * FROM selection_quality", embeddings=TABLES["embeddings"])


def test_a_table_whose_rows_cannot_be_read_is_named(tmp_path: Path) -> None:
    path = tmp_path / "damaged.parquet"
    TABLES["embeddings"].write_parquet(path, compression="uncompressed")
    content = bytearray(path.read_bytes())
    content[4:40] = b"\xff" * 36
    path.write_bytes(content)
    query = "SELECT MAX(model) AS a, PEARSON(label, label) AS p FROM embeddings"
    with pytest.raises(pt.QueryError, match=r"table embeddings: .*damaged.parquet: its rows can"):
        pt.sql(query, embeddings=path, eager=True)
