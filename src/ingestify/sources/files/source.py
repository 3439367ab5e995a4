"""`ingestify.files`: deliveries in a folder, a bucket or on an SFTP server, by a pattern; see docs/files.md."""

from __future__ import annotations

import contextlib
import datetime as dt
import itertools
from collections.abc import Iterator, Mapping
from typing import Any

from ingestify.clock import now
from ingestify.domain import formats
from ingestify.domain.change_notice import ChangeNotice, TellNotice
from ingestify.domain.dataset import CollectionMetadata
from ingestify.domain.delivery import QUIET_SECONDS, Delivery, DeliveryWithEvents, OpenDelivery
from ingestify.domain.feeds import DataSpecVersionCollection
from ingestify.domain.resource import DatasetResource, FileLoader
from ingestify.errors import ConfigurationError, MissingExtraError, SourceError
from ingestify.masking import mask_url
from ingestify.progress.printable import PrintableLogger
from ingestify.sources.base_url import origin_of
from ingestify.sources.declaration import read_declaration
from ingestify.sources.entries import Found, read_each
from ingestify.sources.files.listing import DeliveredDataset, Listing, Matched, Reader
from ingestify.sources.files.loader import load_file, load_member, version_of
from ingestify.sources.files.settings import FilesDeclaration
from ingestify.sources.one_type import OneTypeSource
from ingestify.sources.template import Scope, Template

__all__ = ["FilesSource"]

logger = PrintableLogger(__name__)

_BATCH = 1000

_QUIET = dt.timedelta(seconds=QUIET_SECONDS)

_TRUSTED_FUTURE = dt.timedelta(hours=1)
"""Clocks differ by less. A file with a time farther ahead is not waited for: that is no time of writing."""


class FilesSource(OneTypeSource):
    """Datasets of files that are delivered to a folder, a bucket or an SFTP server (docs/files.md).

    The source only reads: it moves, marks and removes nothing.

    Args:
        name: The source's name in the configuration.
        **configuration: Where the files are and what their paths look like; see `settings.FilesDeclaration`, or
            `ingestify sources describe ingestify.files --schema`.

    Raises:
        ConfigurationError: The configuration is wrong. The message names each key by its path.
    """

    lists_everything = True
    change_signal = "the time and size of each file, or its ETag in an object store"
    declaration = FilesDeclaration

    def __init__(self, name: str, **configuration: Any) -> None:
        self._settings = settings = read_declaration(FilesDeclaration, configuration, name)
        super().__init__(name, configuration, settings)
        self.origin = origin_of(settings.location)
        self._reader = Reader(settings)
        self.identifier_keys = self._reader.keys
        self._name_template = None if settings.dataset_name is None else self._read_name(settings.dataset_name)
        self._open_delivery: OpenDelivery | None = None
        self._delivery: Delivery | None = None
        self._tell: TellNotice | None = None

    def attach_deliveries(self, open_delivery: OpenDelivery) -> None:
        """Remember how deliveries are opened; the engine calls this."""
        self._open_delivery = open_delivery

    def close_deliveries(self) -> None:
        """Close the connections."""
        with self._lock:
            if self._delivery is not None:
                self._delivery.close()

    def describe_listening(self) -> str:
        """Return `file events`, or why there are none; empty: the location is no folder. See `TellsOfChanges`."""
        delivery = self._get_delivery()
        if not isinstance(delivery, DeliveryWithEvents):
            return ""
        problem = delivery.find_no_events()
        return f"no file events: {problem}" if problem else "file events"

    @contextlib.contextmanager
    def listening(self, tell: TellNotice) -> Iterator[None]:
        """Tell of files that land in a folder while the block runs; see `TellsOfChanges`."""
        delivery = self._get_delivery()
        if not isinstance(delivery, DeliveryWithEvents):
            yield  # a bucket or a server is listed by the schedule: a listing has its price
            return
        if problem := delivery.find_no_events():
            logger.warning(
                "%s: files are seen by the schedule alone, as there are no file events: %s", self.name, problem
            )
            yield
            return
        self._tell = tell
        try:
            with delivery.following(
                self._reader.is_wanted, lambda why: tell(ChangeNotice(self.name, now(), f"file events: {why}"))
            ):
                yield
        finally:
            self._tell = None

    def find_datasets(
        self,
        dataset_type: str,
        data_spec_versions: DataSpecVersionCollection,
        dataset_collection_metadata: CollectionMetadata,  # noqa: ARG002 - the location is listed as a whole
        **selector: Any,
    ) -> Iterator[list[Found]]:
        """Yield the datasets of a location, when all of its files are listed: only then a dataset is complete.

        Raises:
            SourceError: The location cannot be read; or, after the last dataset, a part of it cannot.
        """
        self._check_type(dataset_type)
        if not self._has_keys(selector):
            return
        listing = self._reader.read(self._get_delivery(), selector)
        self._warn(listing)
        found = itertools.chain(listing.unreadable, self._iter_found(listing, selector, data_spec_versions))
        while batch := list(itertools.islice(found, _BATCH)):
            yield batch
        if listing.hidden:
            first = listing.hidden[0]
            raise SourceError(
                f"The location of the source '{self.name}' could not be listed as a whole: {first.path} "
                f"{first.reason}. What could be read is in the lake; nothing is marked MISSING."
            )

    def _has_keys(self, selector: Mapping[str, Any]) -> bool:
        """Return whether datasets have all keys of a selector; if not, warn of the first that they have not."""
        keys = self._reader.keys
        unknown = next((key for key in selector if key not in keys and not key.startswith("_")), None)
        if unknown is not None:
            logger.warning(
                "%s: no dataset has the key '%s', so nothing is read; the keys are %s.",
                self.name,
                unknown,
                ", ".join(keys),
            )
        return unknown is None

    def _iter_found(
        self, listing: Listing, selector: Mapping[str, Any], versions: DataSpecVersionCollection
    ) -> Iterator[Found]:
        """Yield the wanted datasets of a listing; then warn of those that are not complete."""
        keys = self._reader.keys
        waiting = 0
        ready: list[dt.datetime] = []

        def read(dataset: DeliveredDataset) -> DatasetResource | None:
            named = dict(zip(keys, dataset.identity, strict=True))
            if any(str(selector[key]) != str(named[key]) for key in keys if key in selector):
                return None
            resource = self._dataset(named, dataset, versions)
            reason = None if resource is None else self._find_reason_to_wait(dataset, named, listing, ready)
            return resource if resource is None or reason is None else resource.postpone(reason)

        def name(_: int, dataset: DeliveredDataset) -> str:
            return "/".join(f"{key}={value}" for key, value in zip(keys, dataset.identity, strict=True))

        for found in read_each(listing.datasets.values(), read, name):
            waiting += isinstance(found, DatasetResource) and found.postponed is not None
            yield found
        if ready and (tell := self._tell) is not None:
            tell(ChangeNotice(self.name, min(ready), "file events: a delivery may be complete"))
            waiting -= len(ready)  # those are looked at within a minute
        if waiting:
            what = "1 delivery is" if waiting == 1 else f"{waiting} deliveries are"
            logger.warning("%s: %s not complete yet, and left for a later run.", self.name, what)

    # ---- datasets --------------------------------------------------------------------------------------

    def _dataset(
        self, named: dict[str, str | int], dataset: DeliveredDataset, versions: DataSpecVersionCollection
    ) -> DatasetResource | None:
        """Return the resource of a dataset; None if none of its files is wanted."""
        resource = DatasetResource(
            named,
            self._settings.dataset_type,
            self.provider,
            name=None if self._name_template is None else self._name_template.find_text(Scope({}, {}, named)),
        )
        taken: dict[str, str] = {}
        for matched in sorted(dataset.files, key=lambda one: one.file.path):
            self._add(resource, matched, versions, taken)
        return resource if resource.files or resource.error is not None else None

    def _add(
        self, resource: DatasetResource, matched: Matched, versions: DataSpecVersionCollection, taken: dict[str, str]
    ) -> None:
        delivery = self._get_delivery()
        feeds: dict[str, tuple[str | None, str, FileLoader, dict[str, Any]]] = {
            matched.feed: (matched.version, matched.format, load_file, {})
        }
        members = matched.pattern.members if matched.format == "zip" else {}
        for feed, member in members.items():
            shown = formats.find_in_name(member.name.rpartition("/")[2])
            file_format = (member.data_serialization_format or shown or formats.UNKNOWN).lower()
            version = member.data_spec_version or matched.version
            if feed in feeds:
                resource.mark_failed(
                    f"{matched.file.path} is the feed '{feed}', and so is a member of it; name the archive's feed "
                    f"otherwise, with data_feed_key under patterns."
                )
                return
            feeds[feed] = (version, file_format, load_member, {"pattern": member.name})
        for feed, (version, file_format, loader, arguments) in feeds.items():
            chosen = _choose_version(feed, version, versions)
            if chosen is None:
                continue
            file_id = f"{feed}__{chosen}"
            if file_id in taken:
                resource.mark_failed(
                    f"{taken[file_id]} and {matched.file.path} are both the file '{file_id}' of {resource}; remove "
                    f"one of them, or let the pattern tell them apart."
                )
                return
            taken[file_id] = matched.file.path
            resource.add_file(
                # The version decides, because a corrected file may have an older time than the file that it replaces.
                None,
                feed,
                chosen,
                data_serialization_format=file_format,
                file_loader=loader,
                loader_kwargs={"delivery": delivery, "file": matched.file, **arguments},
                content_version=version_of(matched.file, arguments.get("pattern", "")),
            )

    def _find_reason_to_wait(
        self, dataset: DeliveredDataset, named: dict[str, str | int], listing: Listing, ready: list[dt.datetime]
    ) -> str | None:
        """Return why a delivery is not complete, for people; None if it is.

        Args:
            dataset: The delivery.
            named: Its identity.
            listing: What is in the location.
            ready: Gets the moment at which it is complete, if nothing more happens.
        """
        marker_keys = self._reader.marker_keys
        if marker_keys is not None and frozenset((key, named[key]) for key in marker_keys) not in listing.markers:
            return f"there is no {self._settings.complete_when} of it yet"
        moment = now()
        age = moment - dataset.modified_at
        wanted = dt.timedelta(seconds=self._settings.waiting_seconds)
        if not -_TRUSTED_FUTURE < age < wanted:
            return None
        again = dataset.modified_at + wanted
        if self._tell is not None and self._settings.settle_seconds is None:
            is_written = self._is_being_written(dataset, moment - wanted)
            if is_written is False and not self._lacking(one.feed for one in dataset.files):
                if age >= _QUIET:
                    return None
                again = dataset.modified_at + _QUIET
            elif is_written:
                again = min(again, moment + 2 * _QUIET)
        ready.append(again)
        return f"a file of it was written {max(0, int(age.total_seconds()))} s ago, and may still be written to"

    def _is_being_written(self, dataset: DeliveredDataset, since: dt.datetime) -> bool | None:
        """Return whether a file of a delivery that was written since then has a writer; None: that is unknown."""
        delivery = self._get_delivery()
        assert isinstance(delivery, DeliveryWithEvents)  # it tells of changes
        answers = {delivery.is_being_written(one.file) for one in dataset.files if one.file.modified_at > since}
        return True if True in answers else None if None in answers else False

    # ---- the location ----------------------------------------------------------------------------------

    def _get_delivery(self) -> Delivery:
        with self._lock:
            if self._delivery is None:
                if self._open_delivery is None:
                    raise ConfigurationError(
                        f"The source '{self.name}' cannot open its location yet: it can when an engine has it, from "
                        f"get_engine, add_ingestion_plan or debug_source."
                    )
                try:
                    self._delivery = self._open_delivery(self._settings.location, self._settings.options)
                except MissingExtraError:
                    raise
                except ConfigurationError as error:
                    raise ConfigurationError(f"The source '{self.name}': {error}") from error
            return self._delivery

    def _warn(self, listing: Listing) -> None:
        """Log each warning once in this process, and not again in its later runs."""
        for warning in listing.warnings:
            self._warn_once(f"{self.name}: {mask_url(self._settings.location)}: {warning}")

    # ---- the description -------------------------------------------------------------------------------

    def _read_name(self, text: str) -> Template:
        template = Template.parse(text)
        keys = self._reader.keys
        for path in template.paths:
            if path.steps[:1] not in [(key,) for key in keys]:
                raise ConfigurationError(
                    f"The source '{self.name}': dataset_name: there is no '{path}'; a dataset has {', '.join(keys)}."
                )
        return template


def _choose_version(feed: str, version: str | None, versions: DataSpecVersionCollection) -> str | None:
    """Return the version under which a file is stored; None if the plan does not want it."""
    wanted = versions.versions_of(feed)
    if not wanted:
        return None
    if version is None:
        return wanted[0]
    return version if feed not in versions or version in wanted else None
