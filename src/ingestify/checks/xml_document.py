"""An XML file: well-formed, without declared entities, and no error of the provider."""

from __future__ import annotations

from typing import TYPE_CHECKING, BinaryIO

from ingestify.checks.appearance import UTF8_BOM, UTF16_BOMS, looks_like_markup, mismatch
from ingestify.checks.content import Content, iter_chunks
from ingestify.checks.problem import Problem, excerpt

if TYPE_CHECKING:
    from pyexpat import XMLParserType

__all__ = ["check"]

MOST_BYTES = 64 << 20
"""The largest XML that is parsed completely, which takes 0.1 to 0.5 s."""

MOST_LEVELS = 1000
"""The most levels of nested elements. The parser keeps 100 bytes or more for each level."""

_SHALLOW_BYTES = 4 << 20
"""The levels of a smaller file are not counted: they are few, and counting takes as long as parsing."""

_BEGINNING_BYTES = 1 << 20
_END_BYTES = 1 << 16
# Expat before 2.6 parses an unfinished token again with every piece.
_STEP_BYTES = 1 << 20

# The errors of expat for a document that is cut, and for an encoding that it cannot read.
_BROKEN_OFF = frozenset({"no element found", "partial character", "unclosed CDATA section", "unclosed token"})
_UNCHECKED = frozenset({"encoding specified in XML declaration is incorrect", "unknown encoding"})

# S3, Google and Azure respond with <Error>, others with <errors> or <fault>. A large document is data.
_ERROR_ROOTS = frozenset({"error", "errors", "fault"})
_ERROR_BYTES = 1 << 16
_MESSAGES = ("code", "message", "faultcode", "faultstring", "description", "detail", "title")


def check(content: Content) -> None:
    """Raise a Problem unless the file is well-formed XML.

    Of a file of more than 64 MB only the beginning is parsed, and its end must close the root element. A declared
    entity is a Problem, and nothing outside the file is read. A file in an encoding that the parser does not know
    passes.
    """
    from xml.parsers import expat  # only a lake with XML needs it

    head = content.head()
    if not (looks_like_markup(head) or head.startswith(UTF16_BOMS)):
        raise mismatch(head, "XML")
    size = content.size
    document = _Document(
        is_small=size is None or size <= _ERROR_BYTES, counts_levels=size is None or size > _SHALLOW_BYTES
    )
    # The size of a file inside gzip is not known.
    most = MOST_BYTES if size is None else None if size <= MOST_BYTES else _BEGINNING_BYTES
    with content.open() as stream:
        try:
            ended = document.read(stream, most)
        except expat.ExpatError as error:
            reason = expat.ErrorString(error.code)
            if reason in _UNCHECKED:
                return
            line = error.lineno + document.lines_before
            if reason in _BROKEN_OFF:
                raise Problem(f"the XML breaks off at byte {document.position}, line {line} ({reason})") from error
            where = f"line {line}, column {error.offset + 1}"
            raise Problem(f"the XML is broken at {where}: {reason}") from error
        except (LookupError, ValueError):
            return  # an encoding that Python does not know, or that has several bytes for a character
        if not ended:
            _check_end(stream, document.root, b"\0" in head)
    if document.error is not None:
        raise Problem(f"the provider sent an error instead of the file: {excerpt(document.message() or document.root)}")


class _Document:
    """Drives the parser, and keeps the name of the root element.

    Attributes:
        root: The name of the root element; empty before it is read.
        position: The number of bytes that were read.
        lines_before: The number of skipped lines of white space before the document.
        error: Element name in lower case to its text, if the document is an error; else None.
    """

    def __init__(self, *, is_small: bool, counts_levels: bool) -> None:
        from xml.parsers import expat

        self.root = ""
        self.position = 0
        self.lines_before = 0
        self.error: dict[str, str] | None = None
        self._is_small = is_small
        self._counts_levels = counts_levels
        self._level = 0
        self._element = ""
        self._parser: XMLParserType = expat.ParserCreate()
        self._parser.buffer_text = True
        self._parser.EntityDeclHandler = self._refuse_entity
        self._parser.StartElementHandler = self._start_root

    def read(self, stream: BinaryIO, most: int | None) -> bool:
        """Parse up to about `most` bytes; return whether the stream ends there."""
        for chunk in iter_chunks(stream, _STEP_BYTES):
            text = chunk
            if not self.root and self.position == 0:
                # Some servers send white space before the declaration, which the standard does not allow.
                text = chunk.removeprefix(UTF8_BOM).lstrip()
                self.lines_before = chunk[: len(chunk) - len(text)].count(b"\n")
            self.position += len(chunk)
            self._parser.Parse(text, False)
            if most is not None and self.position >= most:
                return False
        self._parser.Parse(b"", True)
        return True

    def message(self) -> str:
        """Return the text of an error."""
        texts = {name: " ".join(text.split()) for name, text in (self.error or {}).items()}
        known = [texts[name] for name in _MESSAGES if texts.get(name)]
        return ": ".join(known) or " ".join(text for text in texts.values() if text)

    def _start_root(self, name: str, _attributes: dict[str, str]) -> None:
        self.root = name
        # A handler in Python costs a microsecond for each element, and mostly only the root matters.
        self._parser.StartElementHandler = self._enter if self._counts_levels else None
        self._parser.EndElementHandler = self._leave if self._counts_levels else None
        if self._is_small and _local(name) in _ERROR_ROOTS:
            self.error = {}
            self._element = _local(name)
            self._parser.StartElementHandler = self._start_element
            self._parser.CharacterDataHandler = self._add_text

    def _enter(self, _name: str, _attributes: dict[str, str]) -> None:
        self._level += 1
        if self._level >= MOST_LEVELS:  # the root is one too
            raise Problem(f"the XML has more than {MOST_LEVELS:,} levels")

    def _leave(self, _name: str) -> None:
        self._level -= 1

    def _start_element(self, name: str, attributes: dict[str, str]) -> None:
        if self._counts_levels:
            self._enter(name, attributes)
        self._element = _local(name)

    def _add_text(self, text: str) -> None:
        assert self.error is not None
        self.error[self._element] = self.error.get(self._element, "") + text

    def _refuse_entity(self, name: str, *_declaration: object) -> None:
        raise Problem(f"the XML declares the entity {excerpt(name)}: entities can be bombs and are not read")


def _local(name: str) -> str:
    return name.rpartition(":")[2].lower()


def _check_end(stream: BinaryIO, root: str, is_wide: bool) -> None:
    """Check the end of a file that is too large to parse."""
    end = b""
    for chunk in iter_chunks(stream):
        end = (end + chunk)[-_END_BYTES:]
    if is_wide:
        end = end.replace(b"\0", b"")
    if not end.rstrip().endswith(b">") or b"</" + root.encode() not in end:
        raise Problem(f"the XML breaks off: its root element {excerpt(root)} is not closed at its end")
