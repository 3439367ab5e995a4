"""What a complete dataset of a type holds."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Collection, Iterable, Mapping, Sequence

from ingestify.domain.dataset import DatasetState
from ingestify.domain.feeds import DEFAULT_FEED, DataSpecVersionCollection
from ingestify.domain.file import FeedState

__all__ = [
    "MATCH",
    "TRACKING",
    "VIDEO",
    "BundleOverride",
    "BundleType",
    "BundleTypes",
    "is_named",
    "usual_bundle_types",
]


def is_named(feed: str, wanted: str) -> bool:
    """Return whether `wanted` names a feed: by its name, as `one|another`, or as `begin*`."""
    return feed == wanted or any(
        feed.startswith(one[:-1]) if one.endswith("*") else feed == one for one in wanted.split("|")
    )


def _has_any(wanted: str, feeds: Collection[str]) -> bool:
    # Most are plain names, and this runs for each dataset of each run.
    return ("|" in wanted or "*" in wanted) and any(is_named(feed, wanted) for feed in feeds)


@dataclasses.dataclass(frozen=True, slots=True)
class BundleType:
    """The feeds of a dataset type.

    Attributes:
        dataset_type: `match`, …
        requires: The feeds that a complete dataset has: a dataset that lacks one is never COMPLETE. `f24|f73` means one
            of the two, `ball-*` any feed whose name begins with `ball-`; see `is_named`.
        optional: The feeds that some datasets have, written in the same way.
        file_checks: Whether each file is checked before it is committed: is its content of its format?
    """

    dataset_type: str
    requires: tuple[str, ...] = ()
    optional: tuple[str, ...] = ()
    file_checks: bool = True

    def wanted(self, versions: DataSpecVersionCollection) -> list[tuple[str, str]]:
        """Return each (feed, version) that belongs in a dataset.

        A required feed always belongs in it: in the versions that are named, else those of `default`, else v1. An
        optional feed belongs in it if the versions name it, or `default`.
        """
        pairs = [(feed, version) for feed in self.requires for version in versions.versions_of(feed) or ("v1",)]
        pairs += [(feed, version) for feed in self.optional for version in versions.versions_of(feed)]
        return pairs

    def unknown(self, versions: DataSpecVersionCollection) -> list[str]:
        """Return the named feeds that are not part of this type."""
        return [feed for feed in versions if feed not in (*self.requires, *self.optional, DEFAULT_FEED)]

    def lacking(self, feeds: Collection[str]) -> tuple[str, ...]:
        """Return the required feeds that are not among `feeds`."""
        return tuple([one for one in self.requires if one not in feeds and not _has_any(one, feeds)])

    def needs(self, feed: str) -> bool:
        """Whether a feed is required, or is one of several feeds of which one is required."""
        return any(is_named(feed, one) for one in self.requires)

    def can_do_without(self, feed: str) -> bool:
        """Whether a dataset is complete without a feed that its source announces: only if that is named as optional."""
        return any(is_named(feed, one) for one in self.optional) and not self.needs(feed)

    def missing(self, feeds: Collection[str], looks: Iterable[FeedState]) -> tuple[str, ...]:
        """Return the missing feeds: those that a complete dataset has, and that this one lacks or has broken.

        Args:
            feeds: The feeds that the dataset has.
            looks: The result of the last check of each of its files. A broken file that a person accepted counts as
                missing. A file that a person left out is missing too, unless its feed is optional: a dataset needs
                what its source announces.
        """
        broken, left_out = [], []
        for look in [look for look in looks if look.problem]:
            if look.is_broken:
                broken.append(look.data_feed_key)
            elif look.is_left_out and not self.can_do_without(look.data_feed_key):
                left_out.append(look.data_feed_key)
        if not broken and not left_out:
            return self.lacking(feeds)
        lacking = self.lacking([feed for feed in feeds if feed not in broken])
        others = [feed for feed in left_out if feed not in feeds and feed not in self.requires]
        return tuple(dict.fromkeys((*lacking, *broken, *others)))

    @staticmethod
    def state_of(
        announced: DatasetState, missing_feeds: Collection[str], *, is_empty: bool, has_files: bool
    ) -> DatasetState:
        """Return the state of a dataset that its source calls `announced`.

        A dataset that lacks a required feed is never COMPLETE: it is PARTIAL, or SCHEDULED while it has no file. A
        dataset of whose announced files none is there is SCHEDULED too.

        Args:
            announced: The state that the source gives it.
            missing_feeds: See `missing`.
            is_empty: Whether the dataset has no file.
            has_files: Whether the source announces any file.
        """
        if announced is not DatasetState.COMPLETE:
            return announced
        if is_empty and (missing_feeds or has_files):
            return DatasetState.SCHEDULED
        return DatasetState.PARTIAL if missing_feeds else announced


MATCH = BundleType("match", requires=("match", "lineups", "events"), optional=("360-frames",))
"""One match: its index entry, who played, and what happened on the pitch."""

TRACKING = BundleType("tracking", requires=("metadata", "frames"))
"""Where everybody was: the pitch, the teams and the frame rate, and the raw frames."""

VIDEO = BundleType("video", requires=("video",))
"""One recording."""

_USUAL = {bundle_type.dataset_type: (bundle_type,) for bundle_type in (MATCH, TRACKING, VIDEO)}


def usual_bundle_types(dataset_type: str, feeds: Collection[str]) -> tuple[BundleType, ...]:
    """Return the built-in type of datasets that use its feed names: that have its first feed; else nothing.

    Args:
        dataset_type: The dataset type.
        feeds: The feeds that a dataset has, or is announced to have.
    """
    found = _USUAL.get(dataset_type, ())
    return found if found and found[0].requires[0] in feeds else ()


@dataclasses.dataclass(frozen=True, slots=True)
class BundleOverride:
    """What the settings say of a dataset type; None leaves it as it is."""

    requires: tuple[str, ...] | None = None
    optional: tuple[str, ...] | None = None
    file_checks: bool | None = None


class BundleTypes:
    """Says what a complete dataset holds: the settings, else its source, else nothing.

    Args:
        overrides: (provider, dataset type) to what the settings say.
    """

    def __init__(self, overrides: Mapping[tuple[str, str], BundleOverride] | None = None) -> None:
        self._overrides = dict(overrides or {})

    def of(self, provider: str, dataset_type: str, declared: Sequence[BundleType]) -> BundleType:
        """Return the bundle type of a provider's datasets.

        Args:
            provider: The provider's name.
            dataset_type: Such as `match`.
            declared: What the source declares.
        """
        for said in declared:
            if said.dataset_type == dataset_type:
                break
        else:
            said = _undeclared(dataset_type)
        override = self._overrides.get((provider, dataset_type))
        return said if override is None else _overridden(said, override)


@functools.lru_cache(maxsize=256)  # a run asks for each dataset
def _undeclared(dataset_type: str) -> BundleType:
    return BundleType(dataset_type)


@functools.lru_cache(maxsize=256)  # a run asks for each dataset
def _overridden(bundle_type: BundleType, override: BundleOverride) -> BundleType:
    return dataclasses.replace(
        bundle_type,
        requires=bundle_type.requires if override.requires is None else override.requires,
        optional=bundle_type.optional if override.optional is None else override.optional,
        file_checks=bundle_type.file_checks if override.file_checks is None else override.file_checks,
    )
