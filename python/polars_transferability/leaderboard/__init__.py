"""Accuracies that others measured, and how well scores and bounds agree with them.

`read` reads leaderboards (`csv_table` those in CSV files), `join` puts them beside results,
`unmatched` finds the names that only one side has, with similar ones, and `compare` measures how
well each column ranks the models. The measures of agreement are expressions, in `ranking`.
"""
