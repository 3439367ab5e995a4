"""Events of the log, in words."""

from __future__ import annotations

from collections.abc import Mapping

from ingestify.domain.events import DatasetEvent

__all__ = ["change_in_words", "kind_in_words", "revision_of"]

_WORDS: Mapping[str, str] = {
    "dataset_created": "new",
    "dataset_deleted": "deleted",
    "metadata_updated": "described anew",
    "revision_accepted": "accepted from quarantine",
    "revision_added": "new revision",
    "revision_discarded": "discarded from quarantine",
    "revision_invalidated": "marked as wrong",
    "revision_rejected": "into quarantine",
    "revision_warned": "with warnings",
    "revision_withdrawn": "out of quarantine",
    "revisions_thinned": "old revisions thinned out",
}
"""The type of a logged event to what it is for people."""


def change_in_words(event: DatasetEvent) -> str:
    """Return what an event is: `revision 2`, `into quarantine`."""
    number = revision_of(event)
    if number is not None:
        return f"revision {number}" if number else "new"
    return kind_in_words(event.event_type)


def kind_in_words(event_type: str) -> str:
    """Return what events of a type are."""
    return _WORDS.get(event_type, event_type.replace("_", " "))


def revision_of(event: DatasetEvent) -> int | None:
    """Return the number of the revision that was added; None: it is another event."""
    return event.dataset.revisions[-1].revision_id if event.event_type == "revision_added" else None
