"""The records of a file of JSON or JSON Lines, from which the rows of a data frame are made."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any, BinaryIO

from ingestify.domain.json_path import JsonPath
from ingestify.errors import LoadError, SourceError

__all__ = ["JSON", "JSON_LINES", "read_records"]

JSON = frozenset({"json", "geojson"})
JSON_LINES = frozenset({"jsonl", "ndjson"})


def read_records(
    stream: BinaryIO, form: str, feed: str, records: str | None, parse_int: Callable[[str], Any] | None = None
) -> list[dict[str, Any]]:
    """Return the records as JSON objects. A record that is another value becomes `{"value": value}`.

    Args:
        stream: The file's content.
        form: One of `JSON` or `JSON_LINES`.
        feed: The feed's name.
        records: The path to the records, such as `data.matches` (see `domain.json_path`); empty: the whole content;
            None: the list under the feed's name or under `data`, if there is one. `players[*]`: each value of an
            object with ids as keys, with its key as `id`.
        parse_int: Makes a number of a whole number's text; None: an int.

    Raises:
        SourceError: The content is no JSON.
        LoadError: There are no records at that path.
    """
    path = None if records is None else JsonPath.parse(records)
    if form in JSON_LINES:
        values = [
            _parse(line, f"line {number} of the feed '{feed}'", parse_int) for number, line in _iter_lines(stream)
        ]
        if path is not None:
            values = [item for value in values for item in _find_at(value, path, feed)]
    else:
        content = _parse(stream.read(), f"the feed '{feed}'", parse_int)
        values = _as_list(_choose(content, feed)) if path is None else _find_at(content, path, feed)
    return [value if isinstance(value, dict) else {"value": value} for value in values]


def _iter_lines(stream: BinaryIO) -> Iterator[tuple[int, bytes]]:
    return ((number, line) for number, line in enumerate(stream, start=1) if line.strip())


def _parse(content: bytes, where: str, parse_int: Callable[[str], Any] | None) -> Any:
    try:
        return json.loads(content, parse_int=parse_int)
    except ValueError as error:
        raise SourceError(f"In {where} the JSON cannot be read: {error}") from error


def _choose(content: Any, feed: str) -> Any:
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
