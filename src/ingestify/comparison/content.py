"""The content of a file as JSON values: a list of records, or an object."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Iterator
from typing import BinaryIO
from xml.parsers import expat

from ingestify.domain.json_value import JsonValue
from ingestify.inflation import GZIP_MAGIC, iter_gzip

__all__ = ["MOST_BYTES", "TooLarge", "Unreadable", "can_be_compared", "read_content"]

MOST_BYTES = 16 << 20
"""A larger file is not compared record by record: its values would take hundreds of megabytes of memory."""

_JSON = frozenset({"json", "geojson"})
_JSON_LINES = frozenset({"jsonl", "ndjson"})
_TABLES = {"csv": ",", "tsv": "\t"}
_XML = "xml"

_MOST_CHARACTERS_OF_A_CELL = 1 << 20


class Unreadable(Exception):
    """The content of a file is not what its format says. The message says what is wrong."""


class TooLarge(Exception):
    """A file has more than `MOST_BYTES`."""


def can_be_compared(form: str) -> bool:
    """Whether a format has records."""
    form = _plain(form)
    return form in _JSON or form in _JSON_LINES or form in _TABLES or form == _XML


def _plain(form: str) -> str:
    return form.lower().removesuffix(".gz")  # a reader gets what is inside


def read_content(stream: BinaryIO, form: str) -> JsonValue:
    """Return the content of a file. A row of CSV is an object of texts, an XML element one of attributes and children.

    Args:
        stream: The bytes, which may be gzip.
        form: A format that `can_be_compared`.

    Raises:
        Unreadable: It is not of the format.
        TooLarge: It has, or holds, more than `MOST_BYTES`.
    """
    form = _plain(form)
    try:
        content = _read_bytes(stream)
        if form in _JSON:
            return json.loads(content)
        if form in _JSON_LINES:
            return [json.loads(line) for line in content.splitlines() if line.strip()]
        if form in _TABLES:
            return list(_iter_rows(_text_of(content), _TABLES[form]))
        return _XmlReader().read(content)
    except (ValueError, csv.Error, expat.ExpatError) as error:
        raise Unreadable(f"it is no {form}: {error}") from error
    except RecursionError as error:
        raise Unreadable("it is nested too deeply") from error


def _read_bytes(stream: BinaryIO) -> bytes:
    content = stream.read(MOST_BYTES + 1)
    if len(content) <= MOST_BYTES and content.startswith(GZIP_MAGIC):
        pieces, size = [], 0
        for piece in iter_gzip([content]):
            pieces.append(piece)
            size += len(piece)
            if size > MOST_BYTES:
                break
        content = b"".join(pieces)
    if len(content) > MOST_BYTES:
        raise TooLarge
    return content


def _text_of(content: bytes) -> str:
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        return content.decode("utf-16")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        return content.decode("cp1252", "replace")


def _iter_rows(text: str, delimiter: str) -> Iterator[dict[str, str]]:
    head = text.partition("\n")[0]
    if delimiter == "," and head.count(";") > head.count(","):
        delimiter = ";"
    csv.field_size_limit(max(csv.field_size_limit(), _MOST_CHARACTERS_OF_A_CELL))  # it is that of the whole process
    rows = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    names = list(_different(next(rows, [])))
    for row in rows:
        if row:
            more = [f"column {number + 1}" for number in range(len(names), len(row))]
            yield dict(zip([*names, *more], row, strict=False))


def _different(names: Iterable[str]) -> Iterator[str]:
    seen: set[str] = set()
    for number, name in enumerate(names, start=1):
        name = f"{name} (column {number})" if name in seen else name
        seen.add(name)
        yield name


class _XmlReader:
    """Reads XML as objects: of each element its attributes, its text, and a list of children for each tag."""

    def __init__(self) -> None:
        self._whole: dict[str, JsonValue] = {}
        self._open: list[dict[str, JsonValue]] = [self._whole]
        self._parser = expat.ParserCreate()
        self._parser.buffer_text = True
        self._parser.StartElementHandler = self._start
        self._parser.EndElementHandler = self._end
        self._parser.CharacterDataHandler = self._add_text
        self._parser.EntityDeclHandler = self._refuse

    def read(self, content: bytes) -> JsonValue:
        """Return the outermost element."""
        self._parser.Parse(content, True)
        (element,) = next(iter(self._whole.values()))
        return element

    def _start(self, tag: str, attributes: dict[str, str]) -> None:
        outer = self._open[-1]
        name = f"<{tag}>" if isinstance(outer.get(tag), str) else tag  # an attribute or the text has this name
        element: dict[str, JsonValue] = dict(attributes)
        outer.setdefault(name, []).append(element)
        self._open.append(element)

    def _end(self, _: str) -> None:
        self._open.pop()

    def _add_text(self, text: str) -> None:
        element = self._open[-1]
        if text.strip() and isinstance(element.get("text", ""), str):
            element["text"] = element.get("text", "") + text.strip()

    def _refuse(self, name: str, *_: object) -> None:
        raise Unreadable(f"it declares the entity {name!r}")
