"""A table of a TOML file, read key by key.

Every error names the file and the key, what was found and what to do.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NoReturn, TypeVar

from polars_transferability._arguments import near_name

Default = TypeVar("Default", str, None)


@dataclass(frozen=True)
class Section:
    """The keys and values of one table; `name` is empty for the top of the file."""

    file: str
    name: str
    values: Mapping[str, Any]

    def fail(self, key: str, problem: str) -> NoReturn:
        """Raise a ValueError about that key."""
        place = f"{self.name}.{key}" if self.name else key
        msg = f"{self.file}: {place}: {problem}"
        raise ValueError(msg)

    def allow(self, *known: str) -> Section:
        """Return the section if it has no other keys than these."""
        for key in self.values:
            if key not in known:
                what = near_name(key, known) or f"; expected one of {_listed(known)}"
                self.fail(key, f"unknown key{what}")
        return self

    def section(self, key: str) -> Section:
        """Return a table within; one that the file lacks is empty."""
        values = self.values.get(key, {})
        if not isinstance(values, Mapping):
            self.fail(key, f"expected a table, [{key}], found {values!r}")
        return Section(self.file, f"{self.name}.{key}" if self.name else key, values)

    def text(self, key: str, default: Default) -> str | Default:
        """Return a string that is not empty."""
        if key not in self.values:
            return default
        text = self.values[key]
        if not isinstance(text, str) or not text:
            self.fail(key, f"expected a text, found {text!r}")
        return text

    def flag(self, key: str) -> bool:
        """Return a truth value; false if the file has no such key."""
        value = self.values.get(key, False)
        if not isinstance(value, bool):
            self.fail(key, f"expected true or false, found {value!r}")
        return value

    def names(self, key: str) -> tuple[str, ...] | None:
        """Return several strings; one string is one of them. None: the file has no such key."""
        value = self.values.get(key)
        if value is None:
            return None
        listed = [value] if isinstance(value, str) else value
        if not isinstance(listed, list) or not all(isinstance(v, str) and v for v in listed):
            self.fail(key, f"expected a text or a list of texts, found {value!r}")
        if twice := sorted({name for name in listed if listed.count(name) > 1}):
            self.fail(key, f"names {twice[0]!r} more than once")
        return tuple(listed)


def _listed(names: Sequence[str]) -> str:
    return ", ".join(f"'{name}'" for name in names)
