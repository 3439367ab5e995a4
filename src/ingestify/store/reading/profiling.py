"""The profile of a file: how many records it has, and in how many of them a column has no value.

Only the columns of the record itself are counted, not those of objects within it.
"""

from __future__ import annotations

import csv
import gzip
import io
import itertools
import zlib
from collections import Counter
from collections.abc import Collection, Iterable, Iterator
from typing import BinaryIO, cast

import msgspec

from ingestify.domain.profile import FileProfile
from ingestify.store.reading.file_collection import LoadedFile
from ingestify.store.reading.records import JSON, JSON_LINES

__all__ = ["make_profile"]

MOST_BYTES = 64 << 20
"""The rows of a larger file of JSON are not counted: it has to be in memory as a whole."""

MOST_COLUMNS = 1000
"""Objects with ids as keys have a column for each id. Such columns say nothing."""

MOST_CHARACTERS = 50_000
"""Of the names of all columns together: a profile is small, whatever a provider serves."""

_DELIMITERS = {"csv": ",", "tsv": "\t"}

_Record = tuple[tuple[str, ...], Collection[str]]
"""The names of a record's columns, and of those without a value."""

_LIST = msgspec.json.Decoder(list[msgspec.Raw])
_FIELDS = msgspec.json.Decoder(dict[str, msgspec.Raw])


def make_profile(file: LoadedFile) -> FileProfile:
    """Return the profile of a file of JSON, JSON Lines, CSV or TSV; of another format, only its size."""
    declared = file.data_serialization_format.lower()
    form = declared.removesuffix(".gz")
    stream = file.stream if form == declared else cast(BinaryIO, gzip.GzipFile(fileobj=file.stream))
    try:
        records = _records_of(stream, form, file.data_feed_key)
        rows, nulls = (None, {}) if records is None else _count(records)
    except (msgspec.MsgspecError, UnicodeDecodeError, csv.Error, gzip.BadGzipFile, EOFError, zlib.error):
        rows, nulls = None, {}  # a check of the file says what is wrong with it, if that is wanted
    return FileProfile(file.file_id, file.size, rows, nulls)


def _records_of(stream: BinaryIO, form: str, feed: str) -> Iterable[_Record] | None:
    if form in JSON:
        content = stream.read(MOST_BYTES + 1)
        return _in_json(content, feed) if len(content) <= MOST_BYTES else None
    if form in JSON_LINES:
        return (_record(line) for line in stream if line.strip())
    if form in _DELIMITERS:
        return _in_table(stream, _DELIMITERS[form])
    return None


def _in_json(content: bytes, feed: str) -> Iterable[_Record]:
    """Return the records of JSON: a list's items, or those of the list under the feed's name or `data`.

    An object without such a list has the records of its longest list; without any list, it is the only record.
    """
    if content.lstrip()[:1] != b"{":
        return map(_record, map(bytes, _LIST.decode(content)))
    lists = {name: one for name, value in _FIELDS.decode(content).items() if (one := bytes(value))[:1] == b"["}
    if not lists:
        return [_record(content)]
    named = next((lists[key] for key in (feed, "data") if key in lists), None)
    return map(_record, map(bytes, _LIST.decode(named or max(lists.values(), key=len))))


def _record(content: bytes) -> _Record:
    content = content.strip()
    if content[:1] != b"{":
        return ("value",), () if content != b"null" else ("value",)
    fields = _FIELDS.decode(content)
    # Most records have no null, and to look at each value takes as long as to decode all of them.
    nulls = [name for name, value in fields.items() if bytes(value) == b"null"] if b"null" in content else ()
    return tuple(fields), nulls


def _in_table(stream: BinaryIO, delimiter: str) -> Iterator[_Record]:
    text = io.TextIOWrapper(stream, encoding="utf-8-sig", newline="")
    try:
        reader = csv.reader(text, delimiter=delimiter)
        names = tuple(next(reader, ()))
        for row in reader:
            if row:
                yield names, [name for name, value in itertools.zip_longest(names, row[: len(names)]) if not value]
    finally:
        text.detach()


def _count(records: Iterable[_Record]) -> tuple[int, dict[str, int]]:
    """Return how many records there are, and column to the number of records without a value in it."""
    alike, nulls = Counter[tuple[str, ...]](), Counter[str]()
    for names, without in records:
        alike[names] += 1
        if without:
            nulls.update(without)
    rows, there = alike.total(), Counter[str]()
    for names, count in alike.items():
        for name in names:
            there[name] += count
    if len(there) > MOST_COLUMNS or sum(map(len, there)) > MOST_CHARACTERS:
        return rows, {}
    return rows, {name: rows - there[name] + nulls[name] for name in sorted(there)}
