"""What of a file on its way is worth something to a later process: notes of the hash so far, one for each MiB.

The first line says which version of the file it is, the others `offset digest`. A digest covers the file's bytes up to
the offset and that first line, so whatever a power loss left (data without notes, notes without data, zeros, a part of
an older version) either fits together or does not count. That is why nothing needs to be synced on the way.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
from typing import TYPE_CHECKING, BinaryIO

from ingestify.domain.ports import FileVersion, PartialObject

if TYPE_CHECKING:
    from hashlib import _Hash

__all__ = ["Checkpoints", "TakenUp", "take_up"]

STEP_BYTES = 1 << 20
"""At most so much of what had arrived is fetched again."""

_READ_BYTES = 1 << 20
_FORMAT = 1


class Checkpoints:
    """Notes them while a file arrives. Used by one thread at a time."""

    def __init__(self, partial: PartialObject, head: bytes, reached: int = 0) -> None:
        self._partial = partial
        self._head = head
        self._reached = reached

    @classmethod
    def begin(cls, partial: PartialObject, version: FileVersion) -> Checkpoints:
        """Say what an empty object is going to be."""
        partial.restart()
        head = json.dumps({"format": _FORMAT, **dataclasses.asdict(version)}).encode() + b"\n"
        partial.add_note(head)
        return cls(partial, head)

    def note(self, size: int, digest: _Hash, *, always: bool = False) -> None:
        """Note how far the object is, if that is a step further.

        Args:
            size: Bytes that were written.
            digest: Of all of them.
            always: Whatever is further is a step: nothing more comes.
        """
        if size - self._reached >= (1 if always else STEP_BYTES):
            self._partial.add_note(_line(size, digest, self._head))
            self._reached = size


@dataclasses.dataclass(frozen=True, slots=True)
class TakenUp:
    """What a partial object holds that counts.

    Attributes:
        digest: Of its bytes, to go on with.
    """

    version: FileVersion
    size: int
    digest: _Hash
    checkpoints: Checkpoints


def take_up(partial: PartialObject) -> TakenUp | None:
    """Cut an object down to what its notes vouch for, having read it; None: to nothing."""
    notes = partial.read_notes()
    head, newline, rest = notes.partition(b"\n")
    head += newline
    version = _version(head)
    if version is None:
        return None
    notes_size = len(head)
    size = 0
    digest = hashlib.sha256()
    seen = digest.copy()
    lines = rest.splitlines(keepends=True)
    # Of a file that is there to its last byte, the last step is fetched again: behind its end there is no range that
    # could be asked for, and the provider is to say that it is still the same file.
    if version.size is None:
        lines = lines[:-1]
    with partial.open() as stream:
        for line in lines:
            offset = _offset(line)
            if offset <= size or (version.size is not None and offset >= version.size):
                break
            if not _hash_up_to(stream, offset - size, seen) or line != _line(offset, seen, head):
                break
            size, digest = offset, seen.copy()
            notes_size += len(line)
    if not size:
        return None
    partial.cut(size, notes_size)
    return TakenUp(version, size, digest, Checkpoints(partial, head, size))


def _line(offset: int, digest: _Hash, head: bytes) -> bytes:
    bound = digest.copy()
    bound.update(head)
    return b"%d %s\n" % (offset, bound.hexdigest().encode())


def _offset(line: bytes) -> int:
    """Return a line's offset; 0 for what is none."""
    number = line.partition(b" ")[0]
    return int(number) if number.isdigit() and len(number) < 20 else 0


def _hash_up_to(stream: BinaryIO, size: int, digest: _Hash) -> bool:
    """Hash the next `size` bytes; False: there are fewer."""
    while size:
        data = stream.read(min(size, _READ_BYTES))
        if not data:
            return False
        digest.update(data)
        size -= len(data)
    return True


def _version(head: bytes) -> FileVersion | None:
    """Return what the first line says, if it is whole; what is in it is vouched for by each checkpoint."""
    try:
        fields = json.loads(head)
        if not head.endswith(b"\n") or fields.pop("format") != _FORMAT:
            return None
        return FileVersion(**fields)
    except (ValueError, TypeError, KeyError, AttributeError):
        return None
