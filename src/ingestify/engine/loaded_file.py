"""What became of one file of a dataset."""

from __future__ import annotations

import dataclasses
import enum

from ingestify.checks.files import Findings
from ingestify.domain.file import FeedState
from ingestify.domain.quarantine import NewFile
from ingestify.store.staging import StagedFile

__all__ = ["NOTHING_FOUND", "FileKind", "LoadedResource", "Moved"]

NOTHING_FOUND = Findings()
"""Of a file that was not checked, or of which nothing is to be said."""


class FileKind(enum.Enum):
    """What a file is, against what the lake and the quarantine have."""

    NEW = enum.auto()
    """Other bytes; they are staged."""
    HELD = enum.auto()
    """The bytes that are in quarantine."""
    UNCHANGED = enum.auto()
    """The bytes of the current revision."""
    ABSENT = enum.auto()
    """The provider has it not, which is allowed, and the lake neither."""
    GONE = enum.auto()
    """The provider has it not, which is allowed, and the lake has it."""


@dataclasses.dataclass(slots=True)
class LoadedResource:
    """What became of one file.

    Attributes:
        draft: Of a NEW or HELD file.
        staged: Of a NEW file, or of one whose object is to be restored.
        findings: What checking a NEW file brought.
        tag: The sha256 of the bytes that the provider has; empty if that is not known.
        size: Their number.
        date: The Date header of the provider's answer, or None.
        skipped: Whether the provider was not asked, because nothing spoke for it.
    """

    kind: FileKind
    feed: FeedState
    staged: StagedFile | None = None
    draft: NewFile | None = None
    findings: Findings = NOTHING_FOUND
    tag: str = ""
    size: int = 0
    date: str | None = None
    skipped: bool = False


class Moved(enum.Enum):
    """What a second look at a file found."""

    NO = enum.auto()
    YES = enum.auto()
    """By its ETag, or because it came or went."""
    BYTES = enum.auto()
    """Other bytes, without an ETag: it moved, or it is made anew for each answer."""
