"""Accuracies that others measured, and how well scores and bounds agree with them.

`read` reads leaderboards from where they are (`source`, `csv_table` those in CSV files), whatever
their shape (`shape`) and the names of their columns (`known_columns`), and takes one metric of each
target (`of_one_metric`, `metrics`). `join` puts them beside results, `unmatched` finds the names
that only one side has, with similar ones, and `compare` measures how well each column ranks the
models. The measures of agreement are expressions, in `ranking`.
"""
