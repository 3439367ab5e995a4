"""What a complete dataset of a type holds."""

from __future__ import annotations

import dataclasses

from ingestify.domain.feeds import DEFAULT_FEED, DataSpecVersionCollection

__all__ = ["MATCH", "BundleType"]


@dataclasses.dataclass(frozen=True, slots=True)
class BundleType:
    """The feeds of a dataset type.

    Attributes:
        dataset_type: `match`, …
        requires: The feeds without which it is not of one piece.
        optional: The feeds that some have.
    """

    dataset_type: str
    requires: tuple[str, ...]
    optional: tuple[str, ...] = ()

    def wanted(self, versions: DataSpecVersionCollection) -> list[tuple[str, str]]:
        """Return each (feed, version) that belongs in a dataset.

        A required feed always does: in the versions that are named, else those of `default`, else v1. An
        optional one does where it, or `default`, is named.
        """
        pairs = [(feed, version) for feed in self.requires for version in versions.versions_of(feed) or ("v1",)]
        pairs += [(feed, version) for feed in self.optional for version in versions.versions_of(feed)]
        return pairs

    def unknown(self, versions: DataSpecVersionCollection) -> list[str]:
        """Return the named feeds that this type has not got."""
        return [feed for feed in versions if feed not in (*self.requires, *self.optional, DEFAULT_FEED)]


MATCH = BundleType("match", requires=("match", "lineups", "events"), optional=("360-frames",))
"""One match: its index entry, who played, and what happened on the pitch."""
