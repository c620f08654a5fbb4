"""Bounds and scores of whole folders of tables, larger than memory, one model at a time.

`bounds` and `scores` call the expressions of this package on the rows of each model, and
`_duration` says beforehand how long that takes. `engine` has the workers of a cluster, which
compute the parts of a model (`_parts`) at the same time. The expressions themselves are in `bound`,
`_scores`, and the reading of tables is in `tables`.
"""
