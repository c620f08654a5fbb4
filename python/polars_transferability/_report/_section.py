"""A table of a TOML file, read key by key.

Every error names the file and the key, what was found and what to do.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any, NoReturn, TypeVar

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
                near = get_close_matches(key, known, n=1)
                what = f"did you mean '{near[0]}'?" if near else f"expected one of {_listed(known)}"
                self.fail(key, f"unknown key; {what}")
        return self

    def section(self, key: str) -> Section:
        """Return a table within; one that the file lacks is empty."""
        values = self.values.get(key, {})
        if not isinstance(values, Mapping):
            self.fail(key, f"expected a table, [{key}], found {values!r}")
        return Section(self.file, f"{self.name}.{key}" if self.name else key, values)

    def text(self, key: str, default: Default) -> str | Default:
        """Return a string that is not empty."""
        text: str | Default = self._checked(
            key, default, "a text", lambda value: isinstance(value, str) and value != ""
        )
        return text

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

    def integer(self, key: str, default: int, *, least: int) -> int:
        """Return an integer of at least `least`."""
        number: int = self._checked(
            key,
            default,
            f"an integer of at least {least}",
            lambda value: type(value) is int and value >= least,
        )
        return number

    def share(self, key: str, default: float) -> float:
        """Return a number between 0 and 1."""
        number: float = self._checked(
            key,
            default,
            "a number between 0 and 1",
            lambda value: isinstance(value, float) and 0 < value < 1,
        )
        return number

    def _checked(
        self, key: str, default: object, expected: str, fits: Callable[[Any], bool]
    ) -> Any:
        value = self.values.get(key, default)
        if key in self.values and not fits(value):
            self.fail(key, f"expected {expected}, found {value!r}")
        return value


def _listed(names: Sequence[str]) -> str:
    return ", ".join(f"'{name}'" for name in names)
