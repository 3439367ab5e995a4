"""A provider's file, before and after it is in the lake."""

from __future__ import annotations

import abc
import dataclasses
import datetime as dt
import hashlib
import io
import operator
from collections.abc import Mapping
from typing import Any, BinaryIO, cast

from ingestify.domain.announcement import read_time
from ingestify.domain.dump import Dumped
from ingestify.domain.feeds import HasFileId
from ingestify.domain.text import storable
from ingestify.errors import SourceError

__all__ = [
    "ANY_URL",
    "LONGEST_CONTENT_TYPE",
    "LONGEST_FILE_ID",
    "NO_VALIDATORS",
    "DraftFile",
    "FeedState",
    "File",
    "NewFile",
    "NotModifiedFile",
    "Validators",
]

_TEXT_CHARACTERS = 1 << 16

FileInput = str | bytes | bytearray | memoryview | BinaryIO | io.TextIOBase


@dataclasses.dataclass(frozen=True, slots=True)
class Validators:
    """The provider's own names for the version of a file (RFC 9110, section 8.8).

    They are kept beside the sha256 and never mixed with it: an ETag is an opaque text, and often no hash.

    Attributes:
        etag: The ETag header, with its quotes and its `W/`; None if there was none.
        last_modified: The Last-Modified header as it was sent; None if there was none.
    """

    etag: str | None = None
    last_modified: str | None = None

    def __bool__(self) -> bool:
        return bool(self.etag or self.last_modified)


LONGEST_FILE_ID = 255
LONGEST_CONTENT_TYPE = 255
"""The most characters of each, as some databases store no more. RFC 6838 allows a Content-Type 127 characters on each
side of its slash."""

NO_VALIDATORS = Validators()
"""The provider sent none, or none is known."""

ANY_URL = "*"
"""In place of the hash of a URL: for which URL the published package had the file is not known (`domain.adopted`)."""


@dataclasses.dataclass(frozen=True, slots=True)
class _StoredFile(HasFileId, Dumped):
    """What a file of the lake is, whether or not it is part of a revision."""

    data_feed_key: str
    data_spec_version: str
    data_serialization_format: str
    size: int
    tag: str
    content_type: str | None
    storage_size: int
    storage_compression_method: str
    storage_path: str
    modified_at: dt.datetime | None

    def _dumped_values(self) -> dict[str, object]:
        return {"file_id": self.file_id, **Dumped._dumped_values(self)}


@dataclasses.dataclass(frozen=True, slots=True)
class File(_StoredFile):
    """One file of a committed revision.

    Attributes:
        data_feed_key: The feed, such as `events`.
        data_spec_version: The feed's version, such as `v8`.
        data_serialization_format: `json`, `csv`, `jsonl`, `zip`, `mp4`, …
        size: The provider's bytes.
        tag: The sha256 of the provider's bytes, hexadecimal.
        content_type: The provider's Content-Type, or None; a text that is too long to be one is cut.
        storage_size: Its bytes in the storage.
        storage_compression_method: `zstd`, `gzip` or `none`.
        storage_path: The object's path below the lake's `file_url`.
        modified_at: When the provider changed it, by the provider's word; None if it does not say.
        created_at: When it came into the lake.
        revision_id: The revision that brought it.
    """

    created_at: dt.datetime
    revision_id: int

    def __repr__(self) -> str:
        return f"File({self.file_id}, {self.data_serialization_format}, {self.size:,} bytes, r{self.revision_id})"


@dataclasses.dataclass(frozen=True, slots=True)
class NewFile(_StoredFile):
    """A file whose object is stored, and that no revision names yet. The attributes are those of `File`."""

    def __post_init__(self) -> None:
        if self.content_type is not None:
            object.__setattr__(self, "content_type", storable(self.content_type, LONGEST_CONTENT_TYPE))

    def in_revision(self, revision_id: int, created_at: dt.datetime) -> File:
        """Return it as a file of a revision."""
        return File(*_stored_values(self), created_at, revision_id)  # type: ignore[call-arg] # the shared fields come first


_stored_values = operator.attrgetter(*(field.name for field in dataclasses.fields(_StoredFile)))


@dataclasses.dataclass(slots=True)  # frozen, it would take four times as long to make, for each file of a run
class FeedState:
    """The result of the last check of a dataset's file, which needs no revision. Never changed after it is made.

    Attributes:
        file_id: `{data_feed_key}__{data_spec_version}`.
        present: False if the provider answered that the file does not exist, and the source allows that.
        modified_at: When it changed, by the last time that the source announced or a loader found; for people and
            fetch policies.
        validators: The validators of the response whose bytes are in the lake.
        checked_at: When the file was last requested.
        asked_for: A hash of the URL and parameters that the validators belong to; empty if there is no URL; `ANY_URL`
            until the first run over an adopted dataset.
        announced: The version that the source announced then (`FileResource.announced`); None: none.
        settled: Whether the file cannot have changed since under the same announced version
            (`domain.announcement.is_settled`).
        problem: What is wrong with the provider's file; empty: nothing. If the file is `present`, it is in the lake, as
            a person accepted it. Otherwise it is left out, and the validators are those of the response that was left
            out.
        left_out_tag: The sha256 of the bytes that are left out; empty: none are.
        decided_by: Who accepted the file although it is broken, or left it out; empty: its own check left it out.
        content_id: The content id under which the source announced the bytes that the lake has, or that were left out
            (`domain.content_id`); empty: none is known.
    """

    file_id: str
    present: bool
    modified_at: dt.datetime | None
    validators: Validators
    checked_at: dt.datetime
    asked_for: str = ""
    announced: str | None = None
    settled: bool = True
    problem: str = ""
    left_out_tag: str = ""
    decided_by: str = ""
    content_id: str = ""

    @property
    def data_feed_key(self) -> str:
        """The feed of its file."""
        return self.file_id.rpartition("__")[0]

    @property
    def is_adopted(self) -> bool:
        """Whether it is what the published package knew, and no run has confirmed it yet."""
        return self.asked_for == ANY_URL

    def is_of(self, asked_for: str) -> bool:
        """Whether its validators belong to a URL, given as `FileResource.asked_for`."""
        return self.asked_for in (asked_for, ANY_URL)

    @property
    def is_left_out(self) -> bool:
        """Whether the provider has the file, and the dataset is without it: it is broken, or a person left it out."""
        return bool(self.problem) and not self.present

    @property
    def is_broken(self) -> bool:
        """Whether the file is part of the dataset, or of a bundle in quarantine, although its check found it broken."""
        return bool(self.problem) and self.present

    def is_news_after(self, known: FeedState | None) -> bool:
        """Whether it differs from the check before it, `known`; None: there was none."""
        if known is None or not (self.present or self.problem):
            return True  # for a missing file, the time of the check matters
        return dataclasses.replace(self, checked_at=known.checked_at) != known


class FeedStates(Mapping[str, FeedState]):
    """Feed states by file id, of which most are never made: of most files, a run asks only if they are as announced."""

    __slots__ = ()

    @abc.abstractmethod
    def settled_as(self, file_id: str) -> tuple[str, str] | None:
        """Return the announced version and the content id under which a file is present and settled.

        None: it is not, or has no such version; its feed state tells. An empty content id: none is known.
        """


class _Utf8Reader(io.RawIOBase):
    """Reads a text file object as UTF-8 bytes, in pieces."""

    def __init__(self, text: io.TextIOBase) -> None:
        self._text = text
        self._rest = b""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        if not self._rest:
            self._rest = self._text.read(_TEXT_CHARACTERS).encode()
        view = memoryview(buffer).cast("B")
        count = min(len(view), len(self._rest))
        view[:count] = self._rest[:count]
        self._rest = self._rest[count:]
        return count

    def close(self) -> None:
        self._text.close()
        super().close()


@dataclasses.dataclass(frozen=True, slots=True, init=False, eq=False)
class DraftFile(HasFileId, Dumped):
    """A file that a loader brings and that is not in the lake yet.

    Attributes:
        stream: A binary file object, read once from its current position, then closed.
        modified_at: When the provider changed it; None: what the file resource announced.
        created_at: When the loader made it, if it says so.
    """

    data_feed_key: str
    data_spec_version: str
    data_serialization_format: str
    stream: BinaryIO
    modified_at: dt.datetime | None
    content_type: str | None
    validators: Validators
    created_at: dt.datetime | None

    def __init__(
        self,
        data_feed_key: str,
        data_spec_version: str = "v1",
        data_serialization_format: str = "txt",
        stream: FileInput = b"",
        modified_at: dt.datetime | str | float | None = None,
        content_type: str | None = None,
        validators: Validators | None = NO_VALIDATORS,
        *,
        created_at: dt.datetime | str | float | None = None,
        tag: str | None = None,  # noqa: ARG002 - the bytes decide
        size: int | None = None,  # noqa: ARG002
    ) -> None:
        """Make a draft of its stream. `tag` and `size` are not needed: both are found from the bytes.

        Raises:
            SourceError: The stream is no text, bytes or file object, or a time is none.
        """
        for name, value in (
            ("data_feed_key", data_feed_key),
            ("data_spec_version", data_spec_version),
            ("data_serialization_format", data_serialization_format),
            ("stream", _stream_of(stream, data_feed_key)),
            ("modified_at", _time_of(modified_at, "modified_at", data_feed_key)),
            ("content_type", content_type),
            ("validators", validators or NO_VALIDATORS),
            ("created_at", _time_of(created_at, "created_at", data_feed_key)),
        ):
            object.__setattr__(self, name, value)

    @classmethod
    def from_input(
        cls,
        file_: FileInput | DraftFile,
        data_feed_key: str | None = None,
        data_spec_version: str = "v1",
        data_serialization_format: str = "txt",
        modified_at: dt.datetime | str | float | None = None,
        *,
        content_type: str | None = None,
        validators: Validators | None = None,
    ) -> DraftFile:
        """Make a draft from text (stored as UTF-8), bytes, or a file object (binary or text). A draft stays as it is.

        Raises:
            SourceError: `file_` is none of these, or its feed is not named.
        """
        if isinstance(file_, DraftFile):
            return file_
        if data_feed_key is None:
            raise SourceError("DraftFile.from_input does not know which feed it makes: give data_feed_key.")
        return cls(
            data_feed_key,
            data_spec_version,
            data_serialization_format,
            file_,
            modified_at,
            content_type,
            validators,
        )

    @property
    def tag(self) -> str | None:
        """The sha256 of the stream's remaining bytes; None: it can be read only once."""
        return self.compute_tag() if self._is_seekable else None

    @property
    def _is_seekable(self) -> bool:
        return hasattr(self.stream, "seekable") and self.stream.seekable()

    @property
    def size(self) -> int | None:
        """How many bytes of the stream remain; None: it can be read only once."""
        if not self._is_seekable:
            return None
        position = self.stream.tell()
        end = self.stream.seek(0, io.SEEK_END)
        self.stream.seek(position)
        return end - position

    def _dumped_values(self) -> dict[str, object]:
        # Not the stream, which can be read once.
        values = Dumped._dumped_values(self)
        return {"file_id": self.file_id, **{name: values[name] for name in values if name != "stream"}}

    def compute_tag(self) -> str:
        """Return the sha256 of a seekable stream's remaining bytes, and set it back to its position."""
        position = self.stream.tell()
        digest = hashlib.sha256()
        while chunk := self.stream.read(1 << 20):
            digest.update(chunk)
        self.stream.seek(position)
        return digest.hexdigest()


def _stream_of(file_: object, data_feed_key: str) -> BinaryIO:
    if isinstance(file_, str):
        return io.BytesIO(file_.encode())
    if isinstance(file_, (bytes, bytearray, memoryview)):
        return io.BytesIO(bytes(file_))
    if isinstance(file_, io.TextIOBase):
        return cast(BinaryIO, io.BufferedReader(_Utf8Reader(file_), _TEXT_CHARACTERS))
    if hasattr(file_, "read"):
        return cast(BinaryIO, file_)
    raise SourceError(
        f"The content of '{data_feed_key}' is a {type(file_).__name__}; "
        f"a DraftFile is made of str, bytes or a file object."
    )


def _time_of(value: object, name: str, data_feed_key: str) -> dt.datetime | None:
    try:
        return read_time(value)
    except (ValueError, OverflowError) as error:
        raise SourceError(f"The {name} of '{data_feed_key}' is {value!r}, which is no time: {error}.") from error


@dataclasses.dataclass(frozen=True, slots=True)
class NotModifiedFile:
    """The result of a loader that found the provider's file unchanged.

    Attributes:
        modified_at: Its newest known time; None: what the file resource announced.
        reason: How the loader knows that it is unchanged, for the log.
        validators: Those of the response with the same bytes; none: the known ones stay.
    """

    modified_at: dt.datetime | None = None
    reason: str = ""
    validators: Validators = NO_VALIDATORS
