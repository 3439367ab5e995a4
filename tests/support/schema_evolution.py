"""The rule of a version of an event: keys are only added."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

_WORDS = ("$id", "$schema", "title", "description", "examples")
"""What changes nothing for a reader."""

ADVICE = (
    "Readers rely on it. Keep it as it was, or begin a new version: raise PAYLOAD_VERSION in "
    "src/ingestify/events/payload.py, run  make reference , and keep the schemas of the version before for its readers."
)


def find_breaks(kept: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    """Return what of a schema is not additive, a sentence each; an empty list if nothing is."""
    return list(_breaks(kept, now, kept, now, "the event"))


def _breaks(
    kept: Mapping[str, Any],
    now: Mapping[str, Any],
    kept_whole: Mapping[str, Any],
    now_whole: Mapping[str, Any],
    at: str,
) -> Iterator[str]:
    kept, now = _resolved(kept, kept_whole), _resolved(now, now_whole)
    kept_keys, now_keys = kept.get("properties", {}), now.get("properties", {})
    for key, schema in kept_keys.items():
        if key not in now_keys:
            yield f"{at} has no key '{key}' any more."
        else:
            yield from _breaks(schema, now_keys[key], kept_whole, now_whole, f"'{key}' of {at}")
    for key in kept.get("required", ()):
        if key in now_keys and key not in now.get("required", ()):
            yield f"{at} may lack the key '{key}', which it always had."
    if "items" in kept and "items" in now:
        yield from _breaks(kept["items"], now["items"], kept_whole, now_whole, f"a value in {at}")
    kept_ways, now_ways = kept.get("anyOf", []), now.get("anyOf", [])
    if len(kept_ways) == len(now_ways):
        for kept_way, now_way in zip(kept_ways, now_ways, strict=True):
            yield from _breaks(kept_way, now_way, kept_whole, now_whole, at)
    rest = [_rest(kept, now), _rest(now, kept)]
    if rest[0] != rest[1]:
        yield f"{at} was {rest[0]}, and is {rest[1]}."


def _resolved(schema: Mapping[str, Any], whole: Mapping[str, Any]) -> Mapping[str, Any]:
    if "$ref" not in schema:
        return schema
    found: Mapping[str, Any] = whole["$defs"][schema["$ref"].rpartition("/")[2]]
    return found


def _rest(schema: Mapping[str, Any], other: Mapping[str, Any]) -> dict[str, Any]:
    """Return what two schemas must have alike."""
    compared = {"properties", "required", "$defs", *_WORDS}
    compared |= {"items"} if "items" in other else set()
    compared |= {"anyOf"} if len(schema.get("anyOf", [])) == len(other.get("anyOf", [])) else set()
    return {key: value for key, value in schema.items() if key not in compared}
