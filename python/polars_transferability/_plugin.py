"""The one door to the native functions."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import polars as pl
from polars.plugins import register_plugin_function

from polars_transferability._internal import SummaryReader as SummaryReader
from polars_transferability._internal import free_memory as free_memory
from polars_transferability._internal import parquet_size as parquet_size

# The folder holds one shared object, this package's own: Polars takes the first that it finds.
_FOLDER = Path(__file__).parent


def scalar_plugin(
    name: str, inputs: list[pl.Expr], kwargs: dict[str, Any], *, column: str | None = None
) -> pl.Expr:
    """Return native function `name`, one value for all rows, as a column `column` or `name`."""
    return _plugin(name, inputs, kwargs, scalar=True).alias(column or name)


def column_plugin(name: str, inputs: list[pl.Expr], kwargs: dict[str, Any]) -> pl.Expr:
    """Return native function `name` as a column of that name: a value for each row."""
    return _plugin(name, inputs, kwargs, scalar=False).alias(name)


def _plugin(name: str, inputs: list[pl.Expr], kwargs: dict[str, Any], *, scalar: bool) -> pl.Expr:
    return register_plugin_function(
        plugin_path=_FOLDER,
        function_name=name,
        args=inputs,
        # Polars does not take an empty dictionary.
        kwargs=kwargs or None,
        is_elementwise=False,
        returns_scalar=scalar,
    )
