"""Reading calls: datasets of the lake are yielded after an ingest, during one (a stream), or without one."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from typing import Any, Literal, TypedDict, TypeVar

from ingestify.domain.dataset import Dataset
from ingestify.domain.events import DomainEvent
from ingestify.domain.feeds import DataSpecVersionCollection
from ingestify.domain.json_value import JsonValue
from ingestify.domain.ports import DatasetFilter
from ingestify.domain.quarantine import WaitingBundle
from ingestify.domain.run import RunReport
from ingestify.engine.calls.offline import OfflineReader
from ingestify.engine.calls.remarks import falls_short, warn_of_waiting
from ingestify.engine.calls.shown_run import ShownRun
from ingestify.engine.calls.streaming import BackgroundRun, Stream
from ingestify.engine.calls.tracebacks import shortened
from ingestify.errors import ConfigurationError, IngestifyError
from ingestify.store.dataset_store import DatasetStore
from ingestify.suggestion import did_you_mean

__all__ = ["AutoIngestOptions", "Reader", "auto_ingest_options", "error_to_raise"]


class AutoIngestOptions(TypedDict, total=False):
    """The options of `auto_ingest`.

    Attributes:
        enabled: False: nothing is ingested.
        streaming: Yield each dataset once, the moment it is current.
        use_open_data: Ingest the provider's open data, without a plan; `provider` and `dataset_type` must be given.
        configuration: That of the source of the open data, such as `{"base_url": …}`.
        data_spec_versions: The feeds of the open data and their versions, as in a plan.
        if_offline: Where a provider cannot be reached, `"serve"` (the default) yields what the lake has, after one
            warning; `"error"` raises.
    """

    enabled: bool
    streaming: bool
    use_open_data: bool
    configuration: Mapping[str, JsonValue]
    data_spec_versions: DataSpecVersionCollection | Mapping[str, str | Sequence[str]] | None
    if_offline: Literal["serve", "error"]


_OPTION_NAMES = AutoIngestOptions.__annotations__.keys()
_IF_OFFLINE = ("serve", "error")

T = TypeVar("T")

Read = Callable[..., Iterator[Any]]
"""`read(explains=…)` yields the wanted datasets of the lake; `explains`: warn if there are none."""


class Reader:
    """Yields datasets for the reading calls of one engine, and tells the reader what a run did not bring.

    Args:
        store: The lake.
        keep_report: Called with the report of each run.
    """

    def __init__(self, store: DatasetStore, keep_report: Callable[[RunReport], None]) -> None:
        self._store = store
        self._keep_report = keep_report
        self._waiting_told: dict[str, frozenset[str]] = {}

    def read(self, wanted: DatasetFilter, read: Read) -> Iterator[Any]:
        """Yield datasets as the lake has them."""
        yield from read(explains=not self.tell_of_waiting(wanted))

    def sync_and_read(self, shown: ShownRun, offline: OfflineReader | None, read: Read) -> Iterator[Any]:
        """Execute a run to its end, then yield datasets.

        Args:
            shown: The run.
            offline: Serves from the lake where a provider cannot be reached; None: that is an error.
            read: Yields the wanted datasets.
        """
        try:
            report = shown.execute()
        except IngestifyError as error:
            raise shortened(error)  # noqa: B904 - it is that one
        served, report = self.tell(shown, report, offline)
        if report.error is not None:
            raise shortened(report.error)
        yield from read(explains=not served and not falls_short(report))

    def stream(self, stream: Stream, shown: ShownRun, offline: OfflineReader | None) -> Iterator[Dataset]:
        """Execute a run in the background, and yield each dataset as soon as it is current.

        Args:
            stream: Takes the datasets from the run.
            shown: The run.
            offline: Serves from the lake where a provider cannot be reached; None: that is an error.
        """
        served, report = yield from self._iterate(stream, shown, offline)
        if report.error is not None:
            raise shortened(report.error)
        try:
            stream.answers.tell()
        except ConfigurationError as error:
            raise shortened(error)  # noqa: B904 - it is that one
        if offline is not None:
            yield from offline.iter_others(served)
        if not stream.yielded and not served and not falls_short(report):
            self._store.warn_nothing_found(stream.wanted)

    def stream_events(self, shown: ShownRun, *, raise_errors: bool) -> Iterator[DomainEvent]:
        """Execute a run in the background, and yield each event of the lake as soon as it is committed.

        Args:
            shown: The run.
            raise_errors: See `error_to_raise`.
        """
        stream: BackgroundRun[DomainEvent] = BackgroundRun()
        with self._store.publisher.listening(stream.put):
            _, report = yield from self._iterate(stream, shown, None, raise_errors=raise_errors)
        error = error_to_raise(shown, report, raise_errors=raise_errors)
        if error is not None:
            raise shortened(error)

    def _iterate(
        self,
        stream: BackgroundRun[T],
        shown: ShownRun,
        offline: OfflineReader | None,
        *,
        raise_errors: bool = True,
    ) -> Generator[T, None, tuple[list[DatasetFilter], RunReport]]:
        """Yield what a run brings, then tell of the run. Returns the same as `tell`."""
        try:
            with shown.moving():
                yield from stream.iterate(shown.run)
        except BaseException as error:  # also when the reader leaves the loop
            if stream.report is not None:
                self.tell(shown, stream.report, is_raised=False)
            else:
                shown.run.tell_failures(error)
            raise
        assert stream.report is not None
        is_raised = raise_errors or error_to_raise(shown, stream.report, raise_errors=False) is not None
        return self.tell(shown, stream.report, offline, in_one=not is_raised)

    def tell(
        self,
        shown: ShownRun,
        report: RunReport,
        offline: OfflineReader | None = None,
        *,
        is_raised: bool = True,
        in_one: bool = False,
    ) -> tuple[list[DatasetFilter], RunReport]:
        """Show and log the result of a run.

        Args:
            shown: The run.
            report: Its report.
            offline: Serves from the lake where a provider cannot be reached.
            is_raised: Whether the caller raises the report's error, so that it need not be logged.
            in_one: Whether discoveries that failed are told in the one warning, and not with a line for each.

        Returns:
            The filters of the datasets that are served from the lake, and the report of the rest.
        """
        self._keep_report(report)
        shown.tell(report)
        served: list[DatasetFilter] = []
        if offline is not None:
            served, report = offline.serve(shown.run, report)
        if not in_one:
            shown.run.tell_failures(report.error if is_raised else None)
        shown.warn(report, with_failed_jobs=in_one)
        for one in served:
            self.tell_of_waiting(one)
        return served, report

    def tell_of_waiting(self, wanted: DatasetFilter) -> list[WaitingBundle]:
        """Warn if wanted datasets have newer files in quarantine; once for the same bundles. Returns the bundles."""
        waiting = [] if wanted.as_of is not None else self._store.quarantine.find_waiting(wanted)
        if not waiting:
            return []
        asked, ids = repr(wanted), frozenset(one.entry_id for one in waiting)
        if self._waiting_told.get(asked) != ids:
            self._waiting_told[asked] = ids
            warn_of_waiting(waiting)
        return waiting


def error_to_raise(shown: ShownRun, report: RunReport, *, raise_errors: bool) -> BaseException | None:
    """Return a report's error if it stopped the run, or if the caller wants that of a discovery raised, too."""
    return report.error if raise_errors or report.error is shown.run.stop.reason else None


def auto_ingest_options(auto_ingest: bool | AutoIngestOptions) -> AutoIngestOptions:
    """Return the options of `auto_ingest` as a dict.

    Raises:
        ConfigurationError: An option is unknown, or has a value that it cannot have.
    """
    if not isinstance(auto_ingest, (bool, Mapping)):
        raise ConfigurationError(
            f'auto_ingest is {auto_ingest!r}; write True, or a dict such as {{"streaming": True}}.'
        )
    options: AutoIngestOptions = {"enabled": auto_ingest} if isinstance(auto_ingest, bool) else {**auto_ingest}
    if unknown := sorted(set(options) - _OPTION_NAMES):
        meant = did_you_mean(unknown[0], _OPTION_NAMES) or "."
        raise ConfigurationError(
            f"auto_ingest has the unknown option '{unknown[0]}'{meant} There are "
            f"{', '.join(sorted(_OPTION_NAMES))}; "
            f'the options of a source go into configuration, such as {{"configuration": {{"base_url": …}}}}.'
        )
    if options.get("if_offline", "serve") not in _IF_OFFLINE:
        raise ConfigurationError(
            f'auto_ingest has if_offline={options["if_offline"]!r}; it is "serve" (what the lake has, with a warning) '
            f'or "error".'
        )
    return options
