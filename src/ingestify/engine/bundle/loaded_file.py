"""What became of one file of a dataset."""

from __future__ import annotations

import dataclasses
import enum

from ingestify.checks.files import Findings
from ingestify.domain.file import FeedState
from ingestify.domain.quarantine import NewFile
from ingestify.engine.bundle.volatile import Differences
from ingestify.store.objects.staging import StagedFile

__all__ = ["NOTHING_FOUND", "FileKind", "LoadedResource"]

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
        looks: How often in a row it answered with other bytes than the time before.
        differs_in: Of the last two times, in what; None: that cannot be told.
        is_alike: Whether that is nothing but what differed the time before, too.
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
    looks: int = 0
    differs_in: Differences | None = None
    is_alike: bool = False

    @property
    def is_there(self) -> bool:
        """Whether the provider has it, be it as it should be or not."""
        return self.kind not in (FileKind.ABSENT, FileKind.GONE) or self.feed.is_left_out
