"""The records of a provider's file: a row each, of JSON and JSON Lines."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Iterator
from typing import Any, BinaryIO

from ingestify.domain.json_path import JsonPath
from ingestify.errors import LoadError, SourceError

__all__ = ["JSON", "JSON_LINES", "read_records", "with_one_kind"]

JSON = frozenset({"json", "geojson"})
JSON_LINES = frozenset({"jsonl", "ndjson"})

_LARGEST = 2**127 - 1
"""The largest whole number of a polars column."""


def read_records(
    stream: BinaryIO, form: str, feed: str, records: str | None, parse_int: Callable[[str], Any] | None = None
) -> list[dict[str, Any]]:
    """Return the records, which are JSON objects; of a value that is none, `{"value": value}`.

    Args:
        form: One of `JSON` or `JSON_LINES`.
        records: The path to the records, such as `data.matches` (see `domain.json_path`); empty: the whole content;
            None: the list under the feed's name or under `data`, if there is one. `players[*]`: of an object by ids,
            each value, with its key as `id`.
        parse_int: Makes a number of the text of a whole one; None: an int.

    Raises:
        SourceError: It is no JSON.
        LoadError: There are no records at that place.
    """
    path = None if records is None else JsonPath.parse(records)
    if form in JSON_LINES:
        values = [
            _parsed(line, f"line {number} of the feed '{feed}'", parse_int) for number, line in _iter_lines(stream)
        ]
        if path is not None:
            values = [item for value in values for item in _find_at(value, path, feed)]
    else:
        content = _parsed(stream.read(), f"the feed '{feed}'", parse_int)
        values = _as_list(_chosen(content, feed)) if path is None else _find_at(content, path, feed)
    return [value if isinstance(value, dict) else {"value": value} for value in values]


def _iter_lines(stream: BinaryIO) -> Iterator[tuple[int, bytes]]:
    return ((number, line) for number, line in enumerate(stream, start=1) if line.strip())


def _parsed(content: bytes, where: str, parse_int: Callable[[str], Any] | None) -> Any:
    try:
        return json.loads(content, parse_int=parse_int)
    except ValueError as error:
        raise SourceError(f"In {where} the JSON cannot be read: {error}") from error


def _chosen(content: Any, feed: str) -> Any:
    if not isinstance(content, dict):
        return content
    return next((content[key] for key in (feed, "data") if isinstance(content.get(key), list)), content)


def _find_at(content: Any, path: JsonPath, feed: str) -> list[Any]:
    problem = path.lacks(content)
    if problem is None:
        try:
            found = list(path.iter(content))
            problem = next((str(one) for one in found if isinstance(one, SourceError)), None)
        except SourceError as error:
            problem = str(error)
    if problem is not None:
        raise LoadError(f"The feed '{feed}' has no records at '{path}': {problem.rstrip('.')}.")
    return found


def _as_list(content: Any) -> list[Any]:
    return content if isinstance(content, list) else [content]


def with_one_kind(values: list[Any]) -> list[Any]:
    """Return JSON values, of which None may be any, so that all are of one kind, also within objects and lists.

    Where they are of several kinds, they become text, and so do whole numbers that no float beside them, or no column,
    can hold: a number is never rounded. The list itself is returned if there is nothing to do.
    """
    kinds = set(map(type, values)) - {type(None)}
    if kinds == {dict}:
        return _objects_with_one_kind(values)
    if kinds == {list}:
        return _lists_with_one_kind(values)
    if kinds == {int, float} and all(map(_is_float, values)):
        return [None if value is None else float(value) for value in values]
    if len(kinds) > 1 or (kinds == {int} and not _fit(values)):
        return [value if value is None or isinstance(value, str) else _as_json(value) for value in values]
    return values


def _objects_with_one_kind(values: list[Any]) -> list[Any]:
    there = [value for value in values if value is not None]
    changed: dict[str, list[Any]] = {}
    for key in dict.fromkeys(itertools.chain.from_iterable(there)):
        column = [value.get(key) for value in there]
        settled = with_one_kind(column)
        if settled is not column:
            changed[key] = settled
    if not changed:
        return values
    rebuilt = (
        {key: changed[key][number] if key in changed else one for key, one in value.items()}
        for number, value in enumerate(there)
    )
    return [None if value is None else next(rebuilt) for value in values]


def _lists_with_one_kind(values: list[Any]) -> list[Any]:
    items = [item for value in values if value is not None for item in value]
    settled = with_one_kind(items)
    if settled is items:
        return values
    left = iter(settled)
    return [None if value is None else list(itertools.islice(left, len(value))) for value in values]


def _is_float(value: Any) -> bool:
    """Return whether a float holds a number as it is."""
    try:
        return value is None or isinstance(value, float) or int(float(value)) == value
    except OverflowError:
        return False


def _fit(values: list[int | None]) -> bool:
    numbers = [value for value in values if value is not None]
    return min(numbers) >= -_LARGEST - 1 and max(numbers) <= _LARGEST


def _as_json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
