"""Accuracies that others measured, and how well scores and bounds agree with them.

`join` reads leaderboards and puts them beside results, `compare` measures how well each column
ranks the models. The measures of agreement are expressions, in `ranking`.
"""
