"""What the reference says of parameters that a docstring describes together.

A docstring may say one thing of several parameters: `embedding, label`. The reader of docstrings
gives all of them the type and the default of the first; this gives each its own.
"""

from __future__ import annotations

from typing import Any

from griffe import DocstringSectionKind, Extension, Function


class OwnDefaults(Extension):
    """Correct the parsed docstring of each function."""

    def on_function(self, *, func: Function, **kwargs: Any) -> None:  # noqa: ARG002
        """Take types and defaults from the signature."""
        if func.docstring is None:
            return
        for section in func.docstring.parsed:
            if section.kind is DocstringSectionKind.parameters:
                for parameter in section.value:
                    if parameter.name in func.parameters:
                        own = func.parameters[parameter.name]
                        parameter.annotation, parameter.value = own.annotation, own.default
