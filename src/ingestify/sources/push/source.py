"""`ingestify.push`: the files that a provider pushes to `ingestify receive`; see docs/push.md."""

from __future__ import annotations

import contextlib
import datetime as dt
import functools
import itertools
import threading
from collections.abc import Iterator, Mapping
from typing import Any

from ingestify.background_thread import in_background
from ingestify.clock import now
from ingestify.domain.change_notice import ChangeNotice, TellNotice
from ingestify.domain.dataset import CollectionMetadata
from ingestify.domain.delivery import OpenInbox
from ingestify.domain.feeds import DataSpecVersionCollection
from ingestify.domain.file import DraftFile, File, NotModifiedFile, Validators
from ingestify.domain.resource import DatasetResource, FileResource
from ingestify.errors import ConfigurationError, IntegrityError, StoreError
from ingestify.progress.printable import PrintableLogger
from ingestify.sources.declaration import read_declaration
from ingestify.sources.entries import Found, read_each
from ingestify.sources.one_type import OneTypeSource
from ingestify.sources.push.inbox import Inbox, Pushed, StoredNotice
from ingestify.sources.push.settings import PushDeclaration

__all__ = ["PushSource"]

logger = PrintableLogger(__name__)

_LONG_WAIT = dt.timedelta(hours=1)
"""After this time without a feed that it needs, a dataset is worth a warning."""


class PushSource(OneTypeSource):
    """Datasets of files that a provider pushes (docs/push.md).

    `ingestify receive` takes them into an inbox beside the lake's files; this source reads the inbox. A dataset comes
    into the lake when all feeds that it needs were pushed.

    Args:
        name: The source's name in the configuration.
        **configuration: What is pushed, and by whom; see `settings.PushDeclaration`, or
            `ingestify sources describe ingestify.push --schema`.

    Raises:
        ConfigurationError: The configuration is wrong. The message names each key by its path.
    """

    change_signal = "a hash of the bytes that were pushed"
    declaration = PushDeclaration

    def __init__(self, name: str, **configuration: Any) -> None:
        self.settings = read_declaration(PushDeclaration, configuration, name)
        super().__init__(name, configuration, self.settings)
        self.identifier_keys = self.settings.identity
        self._open_inbox: OpenInbox | None = None
        self._inbox: Inbox | None = None

    def attach_inbox(self, open_inbox: OpenInbox) -> None:
        """Remember how the inbox is opened; the engine calls this."""
        self._open_inbox = open_inbox

    @property
    def inbox(self) -> Inbox:
        """What was received.

        Raises:
            ConfigurationError: No engine has the source yet.
        """
        with self._lock:
            if self._inbox is None:
                if self._open_inbox is None:
                    raise ConfigurationError(
                        f"The source '{self.name}' has no inbox yet: it gets one when an engine takes it, from "
                        f"get_engine or add_ingestion_plan."
                    )
                self._inbox = Inbox(self._open_inbox(), self.name)
            return self._inbox

    def find_datasets(
        self,
        dataset_type: str,
        data_spec_versions: DataSpecVersionCollection,
        dataset_collection_metadata: CollectionMetadata,  # noqa: ARG002 - an inbox is listed as a whole
        **selector: Any,
    ) -> Iterator[list[Found]]:
        """Yield the datasets of which something was pushed; those that lack a feed wait for it.

        Raises:
            StoreError: The inbox cannot be read.
        """
        self._check_type(dataset_type)
        datasets: dict[tuple[str, ...], list[Pushed]] = {}
        known = itertools.takewhile(lambda key: key in selector, self.settings.identity)
        for pushed in self.inbox.iter_files([str(selector[key]) for key in known]):
            if data_spec_versions.versions_of(pushed.file.feed):
                datasets.setdefault(pushed.file.identity, []).append(pushed)

        def name(_: int, files: list[Pushed]) -> str:
            return "/".join(map("=".join, zip(self.settings.identity, files[0].file.identity, strict=False)))

        def read(files: list[Pushed]) -> DatasetResource | None:
            return self._read(files, selector, data_spec_versions)

        yield list(read_each(datasets.values(), read, name))

    def _read(
        self, files: list[Pushed], selector: Mapping[str, Any], versions: DataSpecVersionCollection
    ) -> DatasetResource | None:
        """Return a dataset; None: it is not wanted."""
        settings = self.settings
        keys = settings.identity
        texts = files[0].file.identity
        if len(texts) != len(keys):
            raise ValueError(f"it was pushed with other keys than {', '.join(keys)}")
        named = {key: settings.typed(key, text) for key, text in zip(keys, texts, strict=True)}
        if any(str(selector[key]) != str(named[key]) for key in keys if key in selector):
            return None
        resource = DatasetResource(
            named, settings.dataset_type, self.provider, name=f"{settings.dataset_type} {' / '.join(texts)}"
        )
        for pushed in sorted(files, key=lambda one: one.path):
            file = pushed.file
            wanted = versions.versions_of(file.feed)
            if file.version not in wanted:
                if wanted:  # else the plan names other feeds
                    self._warn_once(
                        f"{self.name}: {file.feed} was pushed in the version {file.version}, and the ingestion plan "
                        f"wants {', '.join(wanted)}: it stays in the inbox until data_spec_versions names that version."
                    )
                continue
            resource.add_file(
                None,
                file.feed,
                file.version,
                data_serialization_format=file.format,
                file_loader=_load,
                loader_kwargs={"inbox": self.inbox, "pushed": pushed},
                content_version=pushed.digest,
            )
        if not resource.files:
            return None
        if lacking := self._lacking(one.data_feed_key for one in resource.files.values()):
            why = f"{', '.join(lacking)} {'was' if len(lacking) == 1 else 'were'} not pushed yet"
            if now() - max(one.received_at for one in files) >= _LONG_WAIT:
                self._warn_once(f"{self.name}: {resource} waits: {why}.")
            return resource.postpone(why)
        return resource

    # ---- while it is watched ---------------------------------------------------------------------------

    def describe_listening(self) -> str:
        """Return that pushes are heard of; see `TellsOfChanges`."""
        return "and when something is pushed"

    @contextlib.contextmanager
    def listening(self, tell: TellNotice) -> Iterator[None]:
        """Tell of what comes into the inbox while the block runs; see `TellsOfChanges`."""
        tell(ChangeNotice(self.name, now(), "what was pushed while nobody watched"))
        with in_background(functools.partial(self._listen, tell), "ingestify-inbox"):
            yield

    def _listen(self, tell: TellNotice, ended: threading.Event) -> None:
        seen: set[str] = set()
        problem = ""
        # Not with the clock that tests replace: others write to the inbox.
        while not ended.wait(self.settings.poll_seconds):
            try:
                paths = self.inbox.list_notice_paths()
                for path in paths:
                    if path not in seen:
                        self._tell_of(path, tell)
                        seen.add(path)
                seen.intersection_update(paths)
                problem = ""
            except StoreError as error:
                if str(error) != problem:
                    problem = str(error)
                    logger.warning("%s: the inbox cannot be read at the moment: %s", self.name, error)

    def _tell_of(self, path: str, tell: TellNotice) -> None:
        try:
            notice = self._notice(self.inbox.read_notice(path))
        except IntegrityError:
            return  # another watch has just removed it
        except (ValueError, KeyError, TypeError) as error:
            logger.warning(
                "%s: a notice in the inbox makes no sense, so it waits for the schedule: %s", self.name, error
            )
            return
        tell(notice)

    def _notice(self, stored: StoredNotice) -> ChangeNotice:
        def done() -> None:
            try:
                self.inbox.remove_notices([stored.path])
            except StoreError as error:
                logger.debug("%s: a notice stays in the inbox: %s", self.name, error)

        notices, keys = self.settings.notices, self.settings.identity
        if stored.identity is not None:
            pairs = zip(keys, stored.identity, strict=False)
            filters = {key: self.settings.typed(key, text) for key, text in pairs}
            return ChangeNotice(self.name, now(), f"pushed: {stored.what}", filters, done)
        source = self.name if notices is None else notices.source
        return ChangeNotice(source, now(), f"notice: {stored.what}", stored.filters, done)


def _load(
    file_resource: FileResource,
    current_file: File | None,
    validators: Validators,
    *,
    inbox: Inbox,
    pushed: Pushed,
) -> DraftFile | NotModifiedFile:
    """Load a pushed file, unless the lake has it. A file loader; worker threads call it."""
    if current_file is not None and validators.etag == file_resource.content_version:
        return NotModifiedFile(pushed.received_at, "no other bytes were pushed")
    file = pushed.file
    return DraftFile.from_input(inbox.open(pushed), file.feed, file.version, file.format, pushed.received_at)
