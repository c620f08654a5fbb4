"""The one door to the native functions."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import polars as pl
from polars.plugins import register_plugin_function

# The folder holds one shared object, this package's own: Polars takes the first that it finds.
_FOLDER = Path(__file__).parent


def scalar_plugin(name: str, inputs: list[pl.Expr], kwargs: dict[str, Any]) -> pl.Expr:
    """Return native function `name` as a column of that name: one value for all rows."""
    return register_plugin_function(
        plugin_path=_FOLDER,
        function_name=name,
        args=inputs,
        kwargs=kwargs,
        is_elementwise=False,
        returns_scalar=True,
    ).alias(name)
