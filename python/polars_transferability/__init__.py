"""Certified transferability bounds, scores and optimal transport as Polars expressions.

Which pretrained model transfers to which task, why, and with what guarantee: from tables of
embeddings, before any fine-tuning.

Examples
--------
>>> import polars as pl
>>> import polars_transferability as pt
>>> rows = pl.DataFrame(
...     {
...         "task": ["digits"] * 4 + ["letters"] * 4,
...         "label": ["0", "0", "1", "1", "a", "a", "b", "b"],
...         "embedding": [[0.0, 1], [0, 2], [5, 1], [5, 2], [1, 0], [2, 0], [1, 7], [2, 7]],
...     }
... )
>>> digits = pt.task(where=pl.col("task") == "digits")
>>> letters = pt.task(where=pl.col("task") == "letters")
>>> bound = rows.select(pt.transfer_bound(digits, letters).alias("bound")).unnest("bound")
>>> bound.select(pl.col("target_loss") <= pl.col("bound")).item()
True
"""

from __future__ import annotations

# Type checkers take it for true. The one of the module typing takes a while to import.
TYPE_CHECKING = False

if TYPE_CHECKING:
    from polars_transferability._public import *  # noqa: F403
    from polars_transferability._version import __version__ as __version__
else:

    def __getattr__(name: str) -> object:
        """Import everything when something is first used.

        So the command has control before Polars is imported, and an interrupt meanwhile is no
        traceback.
        """
        # The import system asks for a module of the package before it looks for its file.
        if not name.startswith("_") or name in ("__all__", "__version__"):
            from polars_transferability import _public

            if name == "__all__":
                return _public.NAMES
            if hasattr(_public, name):
                return getattr(_public, name)
        msg = f"module {__name__!r} has no attribute {name!r}"
        raise AttributeError(msg)

    def __dir__() -> list[str]:
        from polars_transferability import _public

        return [*globals(), *_public.NAMES]
