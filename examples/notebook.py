"""A notebook of marimo: choose a task, see which model it takes, and how sure that is.

    marimo edit examples/notebook.py     as a notebook
    marimo run examples/notebook.py      as a page without its code

Needs altair, marimo and polars-transferability.
"""

import marimo

__generated_with = "0.14.0"
app = marimo.App(width="medium", app_title="Which model for which task?")


@app.cell
def _():
    from pathlib import Path

    import altair as alt
    import marimo as mo
    import polars as pl
    import polars.selectors as cs
    import polars_transferability as pt

    return Path, alt, cs, mo, pl, pt


@app.cell
def _(mo):
    mo.md("""
    # Which model for which task?

    The scores of all models of `data/zoo`, before any of them is trained on the task. Put the path
    of your own tables in place of it: `transferability check` says whether they can be taken.
    """)
    return


@app.cell
def _(Path, mo):
    zoo = Path(__file__).resolve().parent.parent / "data" / "zoo"
    folder = mo.ui.text(str(zoo), label="Tables", full_width=True)
    folder
    return (folder,)


@app.cell
def _(folder, mo, pl, pt):
    with mo.status.spinner("Computing the scores"):
        scores = pt.compute_scores(folder.value, scores=["knn_accuracy", "logme"])
    ranked = scores.with_columns(
        consensus=pt.consensus("knn_accuracy", "logme").over("target")
    ).sort("consensus", descending=True, nulls_last=True)
    problems = ranked.filter(pl.col("problems").list.len() > 0)
    return problems, ranked


@app.cell
def _(mo, ranked):
    tasks = ranked["target"].unique().sort().to_list()
    task = mo.ui.dropdown(tasks, value=tasks[0], label="Task")
    task
    return (task,)


@app.cell
def _(alt, cs, mo, ranked, task):
    shown = ranked.filter(target=task.value).select("model", "consensus", "knn_accuracy", "logme")
    bars = (
        alt.Chart(shown, height=alt.Step(18))
        .mark_bar()
        .encode(
            x=alt.X("knn_accuracy", title="accuracy of the nearest neighbours"),
            y=alt.Y("model", sort="-x", title=None),
            tooltip=["model", "knn_accuracy", "logme", "consensus"],
        )
    )
    numbers = shown.with_columns(cs.float().round(3))
    mo.vstack([mo.ui.altair_chart(bars), mo.ui.table(numbers, selection=None)])
    return


@app.cell
def _(mo, pt, ranked):
    sentences = pt.verdict(ranked, score="knn_accuracy")["verdict"]
    heading = "## The best model of each task, and whether its lead is more than noise"
    mo.md("\n".join([heading, "", *(f"* {sentence}" for sentence in sentences)]))
    return


@app.cell
def _(mo, problems):
    incomplete = problems.select("model", "target", "problems")
    mo.accordion({f"What could not be computed ({incomplete.height} rows)": incomplete})
    return


if __name__ == "__main__":
    app.run()
