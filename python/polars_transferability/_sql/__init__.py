"""SQL over tables of embeddings: Polars SQL in which this package's expressions are functions."""

from __future__ import annotations
