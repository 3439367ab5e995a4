from __future__ import annotations

import hashlib
import io
from typing import BinaryIO

import pytest

from ingestify.domain.ports import FileVersion
from ingestify.store.objects import checkpoints
from ingestify.store.objects.checkpoints import Checkpoints, resume

VERSION = FileVersion('"v1"', "Wed, 21 Oct 2015 07:28:00 GMT", "video/mp4", 1000)
CONTENT = bytes(range(256)) * 2


@pytest.fixture(autouse=True)
def _small_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checkpoints, "STEP_BYTES", 100)


class Partial:
    """A `PartialObject` in memory."""

    def __init__(self) -> None:
        self.content = b""
        self.notes = b""

    def write(self, data: bytes) -> None:
        self.content += data

    def restart(self) -> None:
        self.cut(0, 0)

    def finish(self) -> None:
        pass

    def open(self) -> BinaryIO:
        return io.BytesIO(self.content)

    def discard(self) -> None:
        pass

    def read_notes(self) -> bytes:
        return self.notes

    def add_note(self, note: bytes) -> None:
        self.notes += note

    def cut(self, size: int, notes_size: int) -> None:
        self.content = self.content[:size]
        self.notes = self.notes[:notes_size]

    def keep(self) -> None:
        pass


def written(version: FileVersion = VERSION, size: int = 450) -> Partial:
    partial = Partial()
    noted = Checkpoints.begin(partial, version)
    digest = hashlib.sha256()
    for start in range(0, size, 10):
        piece = CONTENT[start : start + 10]
        partial.write(piece)
        digest.update(piece)
        noted.note(start + len(piece), digest)
    return partial


def test_what_the_notes_vouch_for_is_taken_up_with_its_hash():
    partial = written()
    found = resume(partial)
    assert found is not None
    assert (found.version, found.size) == (VERSION, 400)
    assert found.digest.hexdigest() == hashlib.sha256(CONTENT[:400]).hexdigest()
    assert partial.content == CONTENT[:400]


def test_it_is_noted_further_from_there():
    partial = written()
    found = resume(partial)
    assert found is not None
    partial.write(CONTENT[400:500])
    found.digest.update(CONTENT[400:500])
    found.checkpoints.note(500, found.digest)
    again = resume(partial)
    assert again is not None
    assert again.size == 500
    assert partial.notes.count(b"\n") == 6


def test_notes_of_another_version_do_not_vouch_for_it():
    partial = written()
    other = written(FileVersion('"v2"', VERSION.last_modified, VERSION.content_type, VERSION.size))
    head, _, rest = partial.notes.partition(b"\n")
    assert head != other.notes.partition(b"\n")[0]
    other.notes = other.notes.partition(b"\n")[0] + b"\n" + rest
    assert resume(other) is None


def test_the_last_byte_is_always_asked_for():
    partial = written(FileVersion('"v1"', size=400))
    found = resume(partial)
    assert found is not None
    assert found.size == 300


@pytest.mark.sampled(3)
@pytest.mark.parametrize(
    "notes",
    [
        b"",
        b"\n",
        b"\0" * 300,
        b"{}\n",
        b"[1]\n100 00\n",
        b'{"format": 2, "etag": "\\"v1\\""}\n',
        b'{"format": 1, "etag": "\\"v1\\"", "later": 1}\n',
        b'{"format": 1, "etag": "\\"v1\\""}',
    ],
)
def test_notes_that_say_nothing_are_nothing(notes):
    partial = written()
    partial.notes = notes
    assert resume(partial) is None


def test_too_little_is_not_noted():
    assert resume(written(size=90)) is None
