"""The published scores: `one_table` and `two_tasks` have a function and a row for each.

The rows are collected in the `catalogue`; `choice` says which of them are asked for, and `several`
computes many of one table at once. What a score computes is on the native side.
"""
