"""Which model transfers to which task? Bounds of the model zoo in data/, against fine-tuning."""

from __future__ import annotations

import time
from io import BytesIO
from pathlib import Path

import altair as alt
import polars as pl
import polars_transferability as pt
from polars_transferability._visible import visible
from polars_transferability.cli.terminal_table import TerminalTable, print_table
from polars_transferability.files.table_bytes import table_bytes
from polars_transferability.files.whole_file import make_folder, write_whole

ROOT = Path(__file__).resolve().parent.parent
DATA, OUT = ROOT / "data", ROOT / "out"

TERMS = ["source_loss", "label_mismatch", "distribution_mismatch"]

HOW_TO_READ = """\
How to read it: each model has a linear head for its source task; label map, head and features are
transformed to fit the target's train rows. On the test rows the loss of that head (target_loss) is
at most bound = source_loss (how well the source is known) + label_mismatch (how far the classes
correspond) + distribution_mismatch (how far the features lie apart), for certain; a bound above
trivial_loss (guessing by class frequency) says nothing. Lower is better; all losses are in nats.
"""


AGAINST_LEADERBOARD = """\
Against the leaderboard: for each model and target the lowest bound that any source gives (each
holds for certain, so the lowest does), and the test accuracy after fine-tuning the whole network.
"""

CORRELATIONS = """\
Spearman rank correlation with the accuracy after fine-tuning, over the models of each target; 1 if
bounds (or losses) rank the models as fine-tuning does. Beside it a ranking that looks at no
embedding: the mean accuracy on the other targets. Three models are too few to judge by (chance
gives 1 or -1 one time in three): this shows how to compare, not how well it works.
"""


def main() -> None:
    """Print bounds, leaderboard and rank correlations; write table and picture to out/."""
    start = time.perf_counter()
    bounds = pt.compute_bounds(DATA / "*.parquet", progress=True)
    seconds = time.perf_counter() - start
    joined = pt.join_leaderboard(bounds, DATA / "lenet_finetuned.csv")
    table = joined.frame

    print(HOW_TO_READ)
    print(f"All {table.height} bounds, in {seconds:.1f} s:")
    shown = ["bound", *TERMS, "target_loss", "target_accuracy", "trivial_loss", "vacuous"]
    columns = ["target", "model", "source", *shown, "accuracy"]
    headings = {"accuracy": "finetuned\naccuracy"}
    names = ["target", "model", "source"]
    ranked = table.select(columns).sort("target", "bound")
    print_table(TerminalTable(ranked, headings, names, section="target"))

    chosen = lowest_bounds(table)
    print(AGAINST_LEADERBOARD)
    print(joined.report())
    beside = chosen.select(*names, "bound", "target_loss", "accuracy")
    print_table(TerminalTable(beside, headings, names, section="target"))
    print(CORRELATIONS)
    print_table(TerminalTable(rank_correlations(chosen), names=["target"]))

    make_folder(OUT)
    write_whole(OUT / "bounds.parquet", table_bytes(table, "parquet"))
    drawn = BytesIO()
    picture(chosen).save(drawn, format="png", scale_factor=2)
    write_whole(OUT / "bounds.png", drawn.getvalue())
    print("Written: out/bounds.png (the terms of each bound, stacked), out/bounds.parquet")


def lowest_bounds(table: pl.DataFrame) -> pl.DataFrame:
    """Return one bound per model and target: the lowest that any source gives."""
    lowest = table.sort("bound").unique(["model", "target"], keep="first")
    return lowest.sort("target", "bound")


def rank_correlations(chosen: pl.DataFrame) -> pl.DataFrame:
    """Return per target how well the bound, and a trivial ranking, order the models."""
    quality = pt.compare(chosen, scores=["bound", "target_loss"])
    return quality.pivot("score", index=["target", "n"], values="spearman")


def picture(chosen: pl.DataFrame) -> alt.FacetChart:
    """Return the terms of each bound, stacked, beside the loss that they bound."""
    # What draws the picture ends the process where a name holds what XML cannot.
    names = pl.col("model", "source", "target").map_elements(visible, return_dtype=pl.String)
    chosen = chosen.with_columns(names)
    long = chosen.with_columns(
        transfer=pl.col("model") + " (from " + pl.col("source") + ")"
    ).unpivot(
        TERMS,
        index=["transfer", "target", "bound", "target_loss", "trivial_loss"],
        variable_name="term",
        value_name="nats",
    )
    # By name, one by one: Vega-Lite does not sort by a field across the layers of a facet.
    order = long.sort("bound")["transfer"].unique(maintain_order=True).to_list()
    transfer = alt.Y("transfer:N", title=None, sort=order)
    stacked = (
        alt.Chart()
        .mark_bar()
        .encode(
            y=transfer,
            x=alt.X("sum(nats):Q", title="bound on the target loss (nats)"),
            color=alt.Color("term:N", sort=TERMS, title="term of the bound"),
            order=alt.Order("rank:Q"),
        )
        .transform_calculate(rank=f"indexof({TERMS}, datum.term)")
    )
    loss = alt.Chart().mark_tick(color="black", thickness=3).encode(y=transfer, x="target_loss:Q")
    trivial = alt.Chart().mark_rule(color="grey", strokeDash=[4, 4]).encode(x="trivial_loss:Q")
    chart: alt.FacetChart = (
        alt.layer(stacked, loss, trivial, data=long)
        .properties(width=560, height=90)
        .facet(row=alt.Row("target:N", title=None, header=alt.Header(labelFontWeight="bold")))
        .resolve_scale(y="independent")
        .properties(
            title=alt.Title(
                "What each transfer's bound is made of",
                subtitle="black tick: the loss itself; dashed: the loss of guessing",
            )
        )
    )
    return chart


if __name__ == "__main__":
    main()
