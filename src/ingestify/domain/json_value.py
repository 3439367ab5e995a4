"""The type of a value that came from JSON, or becomes JSON."""

from __future__ import annotations

from typing import Any, TypeAlias

__all__ = ["JsonValue"]

JsonValue: TypeAlias = Any
"""None, a bool, a number, a text, a list of JSON values, or a dict of text to JSON values.

For a type checker it is Any, as the result of `json.loads` is. A recursive union would be exact, but then each reader
of `file.json()["teams"][0]["name"]` would have to check the type of each step.
"""
