"""The rules for bundles: what is complete, which checks there are, and when a rejected bundle is fetched again."""

from __future__ import annotations

import contextlib
import datetime as dt
import functools
from collections.abc import Collection, Iterable, Mapping, Sequence

from ingestify.clock import now
from ingestify.domain.bundle import BundleType, BundleTypes, usual_bundle_types
from ingestify.domain.bundle_check import BundleCheck
from ingestify.domain.fetch_policy import is_announced_anew
from ingestify.domain.plan import IngestionPlan
from ingestify.domain.quarantine import QuarantineEntry
from ingestify.domain.resource import DatasetResource
from ingestify.domain.source import Source
from ingestify.engine.bundle.check_calls import CheckCalls, prepare_check
from ingestify.errors import MissingExtraError
from ingestify.provider_formats.agreement import FormatCheck
from ingestify.provider_formats.built_in import find_format

__all__ = ["BundleRules", "asks_for_each"]

RETRY_AFTER = dt.timedelta(hours=20)
"""It is shorter than a day, so that a run that starts every night always tries again."""

SMALL_BYTES = 4096
"""A file of this size may be an error in place of a file, and costs nearly nothing to fetch again."""
SHRUNK = 0.1
"""A correction does not take nine tenths of a file away. An empty list in its place does."""


class BundleRules:
    """The rules of one run. Safe to use from any thread.

    Args:
        types: The bundle types of the settings.
        checks: The checks of the settings. A source has its own ones besides.
        installed: The checks of installed packages. Where the settings name one of them, it is used as they say.
        retry_after: After this time a bundle in quarantine without versions is fetched again.
        shrunk: A file of which less than this share is left is suspicious; 0: none is.
        loaders: (provider, dataset type) to the format of the settings, which goes before that of a source.
    """

    def __init__(
        self,
        types: BundleTypes | None = None,
        checks: Sequence[BundleCheck] = (),
        retry_after: dt.timedelta = RETRY_AFTER,
        shrunk: float = SHRUNK,
        loaders: Mapping[tuple[str, str], str] | None = None,
        installed: Sequence[BundleCheck] = (),
    ) -> None:
        self._types = types or BundleTypes()
        self._checks = tuple(checks)
        self._installed = tuple(installed)
        self.check_calls = CheckCalls()
        self._retry_after = retry_after
        self.shrunk = shrunk
        self._loaders = dict(loaders or {})

    def loader_of(self, provider: str, dataset_type: str, sources: Iterable[Source]) -> str:
        """Return the format of a dataset type: that of the settings, else of the first source with one; or empty."""
        said = self._loaders.get((provider, dataset_type))
        return said or next(filter(None, (one.loader_of(dataset_type) for one in sources)), "")

    def type_of(self, source: Source, provider: str, dataset_type: str, feeds: Collection[str]) -> BundleType:
        """Return what a complete dataset holds. `feeds`: those that it has, or is announced to have."""
        return self._types.of(provider, dataset_type, self._declared(source, provider, dataset_type, feeds))

    def type_of_entry(self, entry: QuarantineEntry, sources: Iterable[Source]) -> BundleType:
        """Return what a complete dataset of an entry in quarantine holds, by the source that it came from, if known."""
        name = entry.source.get("source")
        feeds = {feed.data_feed_key for feed in entry.feeds.values()}
        declared = next(
            (self._declared(one, entry.provider, entry.dataset_type, feeds) for one in sources if one.name == name), ()
        )
        return self._types.of(entry.provider, entry.dataset_type, declared)

    def checks_of(self, source: Source | None, provider: str, dataset_type: str) -> list[BundleCheck]:
        """Return the checks for a dataset type, or for its format. Those of its source, if it is known, come first."""
        sources = [] if source is None else [source]
        loader = self.loader_of(provider, dataset_type, sources)

        def are_for(checks: Iterable[BundleCheck]) -> list[BundleCheck]:
            return [
                check
                for check in checks
                if check.is_for(provider, dataset_type) or (loader and check.is_for(loader, dataset_type))
            ]

        of_source = [check for one in sources for check in one.bundle_checks]
        named = are_for(self._checks)
        types = {type(check) for check in named}
        installed = are_for(check for check in self._installed if type(check) not in types)
        return [*are_for((*of_source, *_checks_of_format(loader, dataset_type))), *installed, *named]

    def prepare(self) -> None:
        """Let the checks of the settings and of installed packages import what they need.

        Raises:
            ConfigurationError: Something that the settings name cannot be imported, or a package is missing.
        """
        for check in (*self._installed, *self._checks):
            prepare_check(check)

    def prepare_checks(self, plans: Iterable[IngestionPlan]) -> None:
        """Let the checks of plans import what they need. If a package is missing, the datasets fail, and not the run.

        Raises:
            ConfigurationError: Something that the settings name cannot be imported.
        """
        for plan in plans:
            for check in self.checks_of(plan.source, plan.source.provider, plan.dataset_type):
                with contextlib.suppress(MissingExtraError):
                    prepare_check(check)

    def _declared(
        self, source: Source, provider: str, dataset_type: str, feeds: Collection[str]
    ) -> Sequence[BundleType]:
        """Return the bundle types of a source, or else those of the format of its datasets, or else the usual ones."""
        declared = source.bundle_types
        for one in declared:  # a generator takes twice as long for so few, and this runs for each dataset of each run
            if one.dataset_type == dataset_type:
                return declared
        found = find_format(self.loader_of(provider, dataset_type, [source]), dataset_type)
        if found is not None:
            return found.bundle_types
        return usual_bundle_types(dataset_type, feeds) if source.expects_usual_feeds else ()

    def wants_unconditional(self, entry: QuarantineEntry) -> bool:
        """Whether a bundle in quarantine has to be fetched anew, whatever versions the provider names.

        A discarded bundle has to be only if it has files without a version.
        """
        if entry.retry_requested_at is not None:
            return True
        if not entry.is_open and all(feed.validators for feed in entry.feeds.values() if feed.present):
            return False
        # If it was checked in the future, a clock was ahead.
        return not dt.timedelta(0) <= now() - entry.checked_at < self._retry_after

    def is_worth_asking(self, entry: QuarantineEntry, resource: DatasetResource) -> bool:
        """Whether the provider is asked if it still serves the bundle that is in quarantine.

        It is asked if that costs no download: a file has a version, so that the provider can answer "not modified", a
        file was not there, or the index has the content itself. It is also asked if the index announces something new,
        or if an error may have come in place of a file.
        """
        return asks_for_each(entry, resource) or any(
            file.json_content is not None or entry.feeds[file_id].validators or not entry.feeds[file_id].present
            for file_id, file in resource.files.items()
        )


@functools.lru_cache(maxsize=256)  # a run asks for each dataset
def _checks_of_format(loader: str, dataset_type: str) -> tuple[BundleCheck, ...]:
    found = find_format(loader, dataset_type)
    return () if found is None else (FormatCheck(found), *(check() for check in found.checks))


def asks_for_each(entry: QuarantineEntry, resource: DatasetResource) -> bool:
    """Whether each file of a bundle in quarantine is asked for, even if nothing says that it changed."""
    return _announces_more(entry, resource) or _may_be_another(entry, resource)


def _may_be_another(entry: QuarantineEntry, resource: DatasetResource) -> bool:
    """Whether a file in quarantine without a version may have changed, although nothing shows it.

    That is each file of which the index announces nothing, as outside of the quarantine. It is also a small file with a
    problem: it may be an error that came with the status 200, and that is over by now.
    """
    if not entry.is_open:
        return False
    sizes = {file.file_id: file.size for file in entry.files}
    return any(
        file.url is not None
        and file_id in sizes
        and (feed := entry.feeds.get(file_id)) is not None
        and not (file.known_unchanged or feed.validators)
        and (file.announced is None or (sizes[file_id] <= SMALL_BYTES and feed.problem))
        for file_id, file in resource.files.items()
    )


def _announces_more(entry: QuarantineEntry, resource: DatasetResource) -> bool:
    """Whether the index announces, or may announce, another file, URL or version than for the bundle in quarantine."""
    for file_id, file in resource.files.items():
        known = entry.feeds.get(file_id)
        if known is None or known.asked_for != file.asked_for or is_announced_anew(file, known):
            return True
        if not known.settled and not file.known_unchanged:
            return True
    return False
