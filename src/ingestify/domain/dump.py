"""Domain objects as plain values: `model_dump()` and `model_dump_json()`."""

from __future__ import annotations

import dataclasses
import datetime as dt
import enum
import json
from collections.abc import Mapping
from typing import Literal

__all__ = ["Dumped"]

_PLAIN = (str, int, float, bool, type(None))


class Dumped:
    """A class whose instances can be turned into dicts and JSON."""

    __slots__ = ()

    def model_dump(self, *, mode: Literal["python", "json"] = "python") -> dict[str, object]:
        """Return its attributes as a dict, with dicts and lists in place of the objects below it.

        Args:
            mode: `python`: times and states stay as they are. `json`: times become ISO texts, states their names, and
                other objects that JSON does not know their `str()`.
        """
        return {name: _plain(value, is_json=mode == "json") for name, value in self._dumped_values().items()}

    def model_dump_json(self, *, indent: int | None = None) -> str:
        """Return the same as JSON text; None for `indent`: on one line."""
        return json.dumps(self.model_dump(mode="json"), ensure_ascii=False, indent=indent)

    def _dumped_values(self) -> dict[str, object]:
        return _fields(self)


def _fields(value: object) -> dict[str, object]:
    assert dataclasses.is_dataclass(value), "other classes say which attributes are dumped"
    return {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}


def _plain(value: object, *, is_json: bool) -> object:
    if isinstance(value, Dumped):
        return value.model_dump(mode="json" if is_json else "python")
    if isinstance(value, Mapping):
        return {str(key): _plain(one, is_json=is_json) for key, one in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [_plain(one, is_json=is_json) for one in value]
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {name: _plain(one, is_json=is_json) for name, one in _fields(value).items()}
    return _json_value(value) if is_json else value


def _json_value(value: object) -> object:
    if isinstance(value, enum.Enum):
        return value.value
    if isinstance(value, dt.date):
        return value.isoformat()
    return value if isinstance(value, _PLAIN) else str(value)
