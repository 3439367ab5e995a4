"""The profile of a file: how many records it has, and in how many of them a column has no value.

Only the columns of the record itself are counted, not those of objects within it.
"""

from __future__ import annotations

import csv
import io
import itertools
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import msgspec

from ingestify.domain.profile import FileProfile
from ingestify.errors import SourceError
from ingestify.store.reading.file_collection import LoadedFile
from ingestify.store.reading.records import JSON, JSON_LINES

__all__ = ["make_profile"]

MOST_BYTES = 64 << 20
"""The rows of a larger file of JSON are not counted: it has to be in memory as a whole."""

MOST_COLUMNS = 1000
"""Objects with ids as keys have a column for each id. Such columns say nothing."""

_DELIMITERS = {"csv": ",", "tsv": "\t"}

_Record = Mapping[str, Any]


def make_profile(file: LoadedFile) -> FileProfile:
    """Return the profile of a file of JSON, JSON Lines, CSV or TSV; of another format, only its size."""
    form = file.data_serialization_format.lower().removesuffix(".gz")
    try:
        records = _records_of(file, form)
        counted = None if records is None else _count(records)
    except (msgspec.MsgspecError, UnicodeDecodeError, csv.Error, SourceError):
        counted = None  # a check of the file says what is wrong with it, if that is wanted
    rows, nulls = (None, {}) if counted is None else counted
    return FileProfile(file.file_id, file.size, rows, nulls)


def _records_of(file: LoadedFile, form: str) -> Iterator[_Record] | None:
    if form in JSON and file.size <= MOST_BYTES:
        return iter(_in_json(file.read(), file.data_feed_key))
    if form in JSON_LINES:
        return (_record(msgspec.json.decode(line, type=msgspec.Raw)) for line in file.stream if line.strip())
    if form in _DELIMITERS:
        return _in_table(file, _DELIMITERS[form])
    return None


def _in_json(content: bytes, feed: str) -> Iterable[_Record]:
    """Return the records of JSON: a list's items, or those of the list under the feed's name or `data`.

    An object in which several lists are, and none has such a name, has the records of its longest list.
    """
    if content.lstrip()[:1] != b"{":
        return map(_record, msgspec.json.decode(content, type=list[msgspec.Raw]))
    fields = msgspec.json.decode(content, type=dict[str, msgspec.Raw])
    lists = {key: value for key, value in fields.items() if _first(value) == b"["}
    named = next((lists[key] for key in (feed, "data") if key in lists), None)
    if named is None and not lists:
        return [fields]
    chosen = named if named is not None else max(lists.values(), key=len)
    return map(_record, msgspec.json.decode(chosen, type=list[msgspec.Raw]))


def _record(value: msgspec.Raw) -> _Record:
    if _first(value) != b"{":
        return {"value": value}
    fields: _Record = _FIELDS.decode(value)
    return fields


def _first(value: msgspec.Raw) -> bytes:
    return bytes(memoryview(value)[:1])


_FIELDS = msgspec.json.Decoder(dict[str, msgspec.Raw])


def _in_table(file: LoadedFile, delimiter: str) -> Iterator[_Record]:
    text = io.TextIOWrapper(file.stream, encoding="utf-8-sig", newline="")
    try:
        reader = csv.reader(text, delimiter=delimiter)
        names = next(reader, [])
        for row in reader:
            if row:
                yield dict(itertools.zip_longest(names, row[: len(names)], fillvalue=""))
    finally:
        text.detach()


def _count(records: Iterator[_Record]) -> tuple[int, dict[str, int]]:
    """Return how many records there are, and column to the number of records without a value in it."""
    rows, there, known = 0, Counter[str](), set[str]()
    for record in records:
        rows += 1
        known.update(record)
        there.update([name for name, value in record.items() if not _is_empty(value)])
    if len(known) > MOST_COLUMNS:
        return rows, {}
    return rows, {name: rows - there[name] for name in sorted(known)}


def _is_empty(value: Any) -> bool:
    if isinstance(value, msgspec.Raw):
        return len(value) == 4 and bytes(value) == b"null"
    return not value
