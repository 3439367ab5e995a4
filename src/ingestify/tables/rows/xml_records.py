"""The records of an XML file, each with its attributes and the elements in it.

They are the elements of one tag that have most of the file in them, such as its events; else the whole file is one
record. An element in another one is an object in it. If any record has several of them in one place, they are a list
there in each record. All values of XML are text: a column whose values are all numbers, or all `true` and `false`,
gets that type.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any, BinaryIO

from ingestify.comparison.content import MOST_BYTES, TooLarge, Unreadable, read_content
from ingestify.errors import LoadError
from ingestify.tables.column_types import as_json

__all__ = ["read_xml_records"]

_Path = tuple[str, ...]

_WHOLE = re.compile(r"-?(0|[1-9]\d{0,17})")
_NUMBER = re.compile(r"-?(0|[1-9]\d*)(\.\d+)?([eE][+-]?\d+)?")
_FLAGS = {"true": True, "false": False}


def read_xml_records(stream: BinaryIO, feed: str) -> list[dict[_Path, Any]]:
    """Return the values of each record by their paths.

    Args:
        stream: The file.
        feed: Its feed, for the error.

    Raises:
        LoadError: The file is no XML, or has more than 16 MB.
    """
    try:
        root: Any = read_content(stream, "xml")
    except Unreadable as error:
        raise LoadError(f"The feed '{feed}' (xml) cannot be read: {error}.") from error
    except TooLarge:
        raise LoadError(
            f"The feed '{feed}' is XML of more than {MOST_BYTES >> 20} MB, of which no table with the provider's own "
            f"fields is made. The places of players are in the table `tracking`."
        ) from None
    elements = _find_records(root)
    several = {path for one in elements for path in _iter_several(one, ())}
    records = [dict(_iter_values(one, (), several)) for one in elements]
    readers = {path: _reader_of(records, path) for path in dict.fromkeys(path for one in records for path in one)}
    return [{path: readers[path](value) for path, value in one.items()} for one in records]


def _find_records(root: Mapping[str, Any]) -> list[Any]:
    """Return the elements of one tag that have most of the file in them; else the outermost one."""
    most = _count(root) // 2
    inner: Mapping[str, Any] | None = root
    while inner is not None:
        children = next((one for one in _children(inner).values() if sum(map(_count, one)) > most), [])
        if len(children) > 1:
            return children
        inner = children[0] if children else None
    return [root]


def _count(element: Mapping[str, Any]) -> int:
    return 1 + sum(_count(child) for children in _children(element).values() for child in children)


def _children(element: Mapping[str, Any]) -> dict[str, list[Any]]:
    return {tag: value for tag, value in element.items() if isinstance(value, list)}


def _iter_several(element: Mapping[str, Any], path: _Path) -> Iterator[_Path]:
    """Yield the paths of children of which there are several in one place."""
    for tag, children in _children(element).items():
        if len(children) > 1:
            yield (*path, tag)
        else:
            yield from _iter_several(children[0], (*path, tag))


def _iter_values(element: Mapping[str, Any], path: _Path, several: set[_Path]) -> Iterator[tuple[_Path, str]]:
    for name, value in element.items():
        place = (*path, name)
        if not isinstance(value, list):
            yield place, value
        elif place in several:
            yield place, as_json(value)
        elif value[0]:
            yield from _iter_values(value[0], place, several)
        else:
            yield place, "true"  # an element without content says something by being there


def _reader_of(records: list[dict[_Path, str]], path: _Path) -> Callable[[str], Any]:
    """Return what makes values of the texts of a column."""
    values = [one[path] for one in records if path in one]
    for reader, fits in (
        (int, _WHOLE.fullmatch),
        (float, _NUMBER.fullmatch),
        (_FLAGS.__getitem__, _FLAGS.__contains__),
    ):
        if all(map(fits, values)):
            return reader
    return str
