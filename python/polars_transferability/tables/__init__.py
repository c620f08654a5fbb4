"""Embedding tables: finding their files, opening them, reading them key by key, checking them.

`table` opens what a path or a frame stands for as lazy tables, of the files that `_files` finds;
`keys` splits them into groups of rows that fit into memory; `check` says what is in them and what
is wrong; `own_results` tells results of this package from embeddings. Nothing is computed from
embeddings here; `compute` does that.
"""
