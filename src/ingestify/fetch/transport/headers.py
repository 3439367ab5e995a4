"""The headers of a response, by name."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

__all__ = ["Headers"]


class Headers(Mapping[str, str]):
    """Headers by their name in any case. Several with one name are joined with commas (RFC 9110, section 5.2).

    Args:
        pairs: Names and values, in the order in which they came.
    """

    __slots__ = ("_by_name",)

    def __init__(self, pairs: Iterable[tuple[str, str]]) -> None:
        self._by_name: dict[str, tuple[str, str]] = {}
        for name, value in pairs:
            key = name.lower()
            known = self._by_name.get(key)
            self._by_name[key] = (name, value) if known is None else (known[0], f"{known[1]}, {value}")

    def __getitem__(self, name: str) -> str:
        return self._by_name[name.lower()][1]

    def get(self, name: str, default: Any = None) -> Any:
        """Return a header, or the default; without the KeyError that `Mapping` raises for each that is absent."""
        found = self._by_name.get(name.lower())
        return default if found is None else found[1]

    def __iter__(self) -> Iterator[str]:
        return (name for name, _ in self._by_name.values())

    def __len__(self) -> int:
        return len(self._by_name)

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and name.lower() in self._by_name

    def __repr__(self) -> str:
        return f"Headers({list(self._by_name.values())!r})"
