"""What a run asks of bundles: what is complete, which checks there are, and when a rejected one is tried again."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Iterable, Mapping, Sequence

from ingestify.clock import now
from ingestify.domain.bundle import BundleType, BundleTypes
from ingestify.domain.bundle_check import BundleCheck
from ingestify.domain.fetch_policy import is_announced_anew
from ingestify.domain.quarantine import QuarantineEntry
from ingestify.domain.resource import DatasetResource
from ingestify.domain.source import Source
from ingestify.provider_formats.agreement import FormatCheck
from ingestify.provider_formats.built_in import find_format

__all__ = ["BundleRules", "asks_for_each"]

RETRY_AFTER = dt.timedelta(hours=20)
"""Shorter than a day, so that a run that starts every night always tries again."""

SMALL_BYTES = 4096
"""An error in place of a file is no larger, and asking for it again costs next to nothing."""


SHRUNK = 0.1
"""No correction takes nine tenths of a file away; an empty list in its place does."""


class BundleRules:
    """Safe to use from any thread.

    Args:
        types: What the settings say of dataset types.
        checks: Those of the settings and of installed packages; a source brings its own.
        retry_after: How long a bundle in quarantine is left alone that the provider gives no version of.
        shrunk: A file of which less than this share is left is suspicious; 0: none is.
        loaders: (provider, dataset type) to the format that the settings say; it goes before what a source says.
    """

    def __init__(
        self,
        types: BundleTypes | None = None,
        checks: Sequence[BundleCheck] = (),
        retry_after: dt.timedelta = RETRY_AFTER,
        shrunk: float = SHRUNK,
        loaders: Mapping[tuple[str, str], str] | None = None,
    ) -> None:
        self._types = types or BundleTypes()
        self._checks = tuple(checks)
        self._retry_after = retry_after
        self.shrunk = shrunk
        self._loaders = dict(loaders or {})

    def loader_of(self, provider: str, dataset_type: str, sources: Iterable[Source]) -> str:
        """Return the format of a kind of dataset: what the settings say, else the first source that does; or empty."""
        said = self._loaders.get((provider, dataset_type))
        return said or next(filter(None, (one.loader_of(dataset_type) for one in sources)), "")

    def type_of(self, source: Source, provider: str, dataset_type: str, feeds: Collection[str]) -> BundleType:
        """Return what a complete dataset holds; `feeds` are those that it has, or is announced to have."""
        return self._types.of(provider, dataset_type, self._declared(source, provider, dataset_type), feeds)

    def type_of_entry(self, entry: QuarantineEntry, sources: Iterable[Source]) -> BundleType:
        """Return what a complete dataset of an entry's kind holds, by the source that it came from if that is known."""
        name = entry.source.get("source")
        declared = next(
            (self._declared(one, entry.provider, entry.dataset_type) for one in sources if one.name == name), ()
        )
        feeds = {look.data_feed_key for look in entry.feeds.values()}
        return self._types.of(entry.provider, entry.dataset_type, declared, feeds)

    def checks_of(self, source: Source, provider: str, dataset_type: str) -> list[BundleCheck]:
        """Return the checks that are for a kind of dataset, or for its format; those of its source first."""
        loader = self.loader_of(provider, dataset_type, [source])
        checks = (*source.bundle_checks, *_checks_of_format(loader, dataset_type), *self._checks)
        return [
            check
            for check in checks
            if check.is_for(provider, dataset_type) or (loader and check.is_for(loader, dataset_type))
        ]

    def _declared(self, source: Source, provider: str, dataset_type: str) -> Sequence[BundleType]:
        """Return what a source says of complete datasets; if nothing, what the format says in which they come."""
        if any(one.dataset_type == dataset_type for one in source.bundle_types):
            return source.bundle_types
        found = find_format(self.loader_of(provider, dataset_type, [source]), dataset_type)
        return source.bundle_types if found is None else found.bundle_types

    def wants_in_full(self, entry: QuarantineEntry) -> bool:
        """Whether a bundle in quarantine is to be fetched anew, whatever the provider says of its versions.

        One that was discarded is, only if it has files that the provider gives no version of.
        """
        if entry.retry_requested_at is not None:
            return True
        if not entry.is_open and all(feed.validators for feed in entry.feeds.values() if feed.present):
            return False
        # A look in the future is that of a clock that was ahead.
        return not dt.timedelta(0) <= now() - entry.checked_at < self._retry_after

    def wants_a_look(self, entry: QuarantineEntry, resource: DatasetResource) -> bool:
        """Whether the provider is to be asked if it still serves the bundle that is in quarantine.

        It is where that costs no download: where it named a version of a file, to which it can answer "not modified",
        where a file was not there, or where the index gives the content itself. It is where the index announces
        something new, and where what it served in place of a file may have been an error.
        """
        return asks_for_each(entry, resource) or any(
            file.json_content is not None or entry.feeds[file_id].validators or not entry.feeds[file_id].present
            for file_id, file in resource.files.items()
        )


def _checks_of_format(loader: str, dataset_type: str) -> list[BundleCheck]:
    found = find_format(loader, dataset_type)
    return [] if found is None else [FormatCheck(found), *(check() for check in found.checks)]


def asks_for_each(entry: QuarantineEntry, resource: DatasetResource) -> bool:
    """Whether each file of a bundle in quarantine is asked for, though nothing speaks for its being another one."""
    return _announces_more(entry, resource) or _may_be_another(entry, resource)


def _may_be_another(entry: QuarantineEntry, resource: DatasetResource) -> bool:
    """Whether something without a version waits that may be another by now, though nothing shows it.

    That is each file of which the index announces nothing, as it is outside of quarantine; and something small that is
    not what the file should be: an error that was answered with the status 200, or nothing, may be over.
    """
    if not entry.is_open:
        return False
    sizes = {file.file_id: file.size for file in entry.files}
    return any(
        file.url is not None
        and file_id in sizes
        and (look := entry.feeds.get(file_id)) is not None
        and not (file.known_unchanged or look.validators)
        and (file.announced is None or (sizes[file_id] <= SMALL_BYTES and look.problem))
        for file_id, file in resource.files.items()
    )


def _announces_more(entry: QuarantineEntry, resource: DatasetResource) -> bool:
    """Whether the index announces another file, URL or version than it did of a bundle in quarantine, or may have."""
    for file_id, file in resource.files.items():
        known = entry.feeds.get(file_id)
        if known is None or known.asked_for != file.asked_for or is_announced_anew(file, known):
            return True
        if not known.settled and not file.known_unchanged:
            return True
    return False
