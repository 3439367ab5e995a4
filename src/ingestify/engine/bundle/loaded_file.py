"""What became of one file of a dataset."""

from __future__ import annotations

import enum

import msgspec

from ingestify.checks.files import Findings
from ingestify.domain.file import FeedState, NewFile
from ingestify.engine.bundle.volatile import Differences
from ingestify.store.objects.staging import StagedFile

__all__ = ["NOTHING_FOUND", "FileKind", "LoadedResource"]

NOTHING_FOUND = Findings()
"""The findings of a file that was not checked, or in which nothing was found."""


class FileKind(enum.Enum):
    """What a file is, compared with what the lake and the quarantine have."""

    NEW = enum.auto()
    """It has other bytes; they are staged."""
    HELD = enum.auto()
    """It has the bytes that are in quarantine."""
    UNCHANGED = enum.auto()
    """It has the bytes of the current revision."""
    ABSENT = enum.auto()
    """The provider does not have it, which is allowed, and neither does the lake."""
    GONE = enum.auto()
    """The provider does not have it, which is allowed, and the lake has it."""


class LoadedResource(msgspec.Struct):
    """What came of one file.

    Attributes:
        feed: What is known of the file now.
        draft: The row of a NEW or HELD file.
        staged: The bytes of a NEW file, or of a file whose object has to be restored.
        findings: What the check of a NEW file found.
        tag: The sha256 of the bytes that the provider has; empty: not known.
        size: The number of these bytes.
        date: The Date header of the provider's response, or None.
        skipped: Whether the provider was not asked, because nothing says that the file changed.
        changes: How often in a row the provider answered with other bytes than the time before.
        differs_in: In what the last two responses differ; None: not known.
        differs_alike: Whether they differ only in places in which the two before them differed, too.
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
    changes: int = 0
    differs_in: Differences | None = None
    differs_alike: bool = False

    @property
    def is_there(self) -> bool:
        """Whether the provider has it, even if it is broken."""
        return self.kind not in (FileKind.ABSENT, FileKind.GONE) or self.feed.is_left_out
