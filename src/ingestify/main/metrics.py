"""The metrics of a lake in this process: who counts them, and where they go after a run."""

from __future__ import annotations

import base64
import contextlib
import functools
import threading
import time
import urllib.parse
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from ingestify.config.locations import named_path
from ingestify.config.settings import PushGatewaySettings, Settings
from ingestify.domain.ports import Observer
from ingestify.domain.run import Counters, RunReport, RunState
from ingestify.errors import IngestifyError
from ingestify.progress.printable import PrintableLogger
from ingestify.telemetry import table
from ingestify.telemetry.lake_state import read_lake
from ingestify.telemetry.measures import Measures, Samples
from ingestify.telemetry.otel import is_wanted
from ingestify.telemetry.prometheus_text import CONTENT_TYPE, write_samples
from ingestify.telemetry.recorder import Recorder, record_end
from ingestify.telemetry.table import Metric, Scope
from ingestify.telemetry.textfile import MetricsFile

if TYPE_CHECKING:
    from ingestify.store.dataset_store import DatasetStore
    from ingestify.telemetry.instruments import Instruments
    from ingestify.telemetry.tracing import Trace

__all__ = ["LakeMetrics"]

logger = PrintableLogger(__name__)


class LakeMetrics:
    """The metrics of one lake. The settings come with `configure`, as a lake may be opened in vain before.

    Args:
        file: A file for the textfile collector, in place of that of the settings.
        push_gateway: The address of a Pushgateway, in place of that of the settings.
    """

    def __init__(self, file: str | Path | None = None, push_gateway: str | None = None) -> None:
        self._instruments: Instruments | None = None
        self.measures = Measures(self._count)
        self._labels: dict[str, str] = {}
        self._given_file = None if file is None else named_path(file)
        self._given_gateway = None if push_gateway is None else PushGatewaySettings(url=push_gateway)
        self._file = None if self._given_file is None else MetricsFile(self._given_file, None)
        self._gateway = self._given_gateway
        self._reading = threading.Lock()
        """Held while the lake is read and the values are taken: a run may end while a monitor asks."""

    def configure(self, settings: Settings | None, folder: Path | None, bucket: str) -> None:
        """Take the settings of a config file, in place of those that were taken before.

        Args:
            settings: The settings; None: there is no config file.
            folder: The base of a relative path; None: the current folder.
            bucket: Which bucket of the lake the metrics are of.
        """
        self._labels = {"bucket": bucket}
        path, self._gateway = self._given_file, self._given_gateway
        if settings is not None:
            if settings.main.name is not None:
                self._labels = {"lake": settings.main.name, **self._labels}
            self._labels.update(settings.metrics.labels)
            if path is None and settings.metrics.file is not None:
                path = (folder or Path()) / named_path(settings.metrics.file)
            self._gateway = self._gateway or settings.metrics.push_gateway
        written = None if self._file is None or self._file.path != path else self._file
        self._file = None if path is None else MetricsFile(path, self._labels, written)

    # ---- counting --------------------------------------------------------------------------------------

    def observer_of(self, store: DatasetStore) -> Observer:
        """Return who observes the runs of a lake, and passes the metrics on at the end of each."""
        return Recorder(self.measures, self._begin_trace, functools.partial(self.deliver, store))

    def _begin_trace(self, run_id: str) -> Trace | None:
        if not is_wanted():
            return None
        from ingestify.telemetry.instruments import Instruments  # only where OpenTelemetry is in use
        from ingestify.telemetry.tracing import begin_trace

        self._instruments = self._instruments or Instruments(self._labels)
        return begin_trace(run_id)

    def _count(self, metric: Metric, labels: tuple[str, ...], amount: float) -> None:
        if self._instruments is not None:
            self._instruments.count(metric, labels, amount)

    @contextlib.contextmanager
    def of_run(self) -> Iterator[None]:
        """Deliver metrics also if the block raises before a run began, as when the lake cannot be opened."""
        began = time.monotonic()
        try:
            yield
        except BaseException as error:
            if not any(metric.scope is Scope.LAST_RUN for metric, _ in self.measures.samples()):
                state = RunState.FAILED if isinstance(error, Exception) else RunState.ABORTED
                seconds = time.monotonic() - began
                record_end(self.measures, RunReport("", state, (), Counters(), seconds, error=error))
                self.deliver(None)
            raise

    # ---- where they go ---------------------------------------------------------------------------------

    @property
    def are_wanted(self) -> bool:
        """Whether `deliver` passes them on to anything."""
        return self._file is not None or self._gateway is not None or self._instruments is not None

    def text(self, store: DatasetStore) -> str:
        """Return all metrics in Prometheus' text format: those of this process, and those of the lake now."""
        return write_samples(self._read(store), self._labels or {"bucket": store.bucket})

    def _read(self, store: DatasetStore | None) -> Samples:
        """Return all values: those of this process, and those of the lake now; None: it could not be opened."""
        with self._reading:
            if store is None:
                self.measures.forget(Scope.LAKE)
                self.measures.set(table.LAKE_READABLE, 0)
            else:
                read_lake(store.catalogue, store.bucket, self.measures)
            return self.measures.samples()

    def deliver(self, store: DatasetStore | None) -> None:
        """Pass the metrics on to where the settings say. What cannot be delivered is logged, and fails nothing.

        Args:
            store: The lake; None: it could not be opened.
        """
        if not self.are_wanted:
            return
        try:
            self._deliver(store)
        except Exception as error:  # noqa: BLE001 - the run is done, and its result counts
            logger.warning("The metrics were not delivered: %s", error)

    def _deliver(self, store: DatasetStore | None) -> None:
        samples = self._read(store)
        if self._instruments is not None:
            self._instruments.set_gauges(samples)
        if self._file is not None:
            try:
                self._file.write(samples)
            except IngestifyError as error:
                logger.warning("%s", error)
        if self._gateway is not None:
            self._push(self._gateway, samples)

    def _push(self, gateway: PushGatewaySettings, samples: Samples) -> None:
        """Replace what the gateway has of this lake; if the lake cannot be read, all but that.

        It gets no counters: it keeps the last push only, so the counter of one run would follow that of another.
        """
        from ingestify.publishers.post import Poster  # most runs push nothing

        gauges = {key: value for key, value in samples.items() if key[0].scope is not Scope.RUNS}
        poster = Poster(
            _group_url(gateway, self._labels),
            headers={"Content-Type": CONTENT_TYPE},
            timeout_seconds=gateway.timeout_seconds,
            connections=1,
            allowed=("0.0.0.0/0", "::/0"),  # it is the user's own, and mostly in a private network
            setting="metrics.push_gateway",
        )
        method = "PUT" if samples.get((table.LAKE_READABLE, ())) else "POST"
        try:
            answer = poster.post(write_samples(gauges, self._labels).encode(), {}, method=method)
        except IngestifyError as error:
            logger.warning("The metrics were not pushed: %s", error)
            return
        finally:
            poster.close()
        if answer.status >= 300:
            logger.warning("The metrics were not pushed: %s answered %d.", poster.shown_url, answer.status)


def _group_url(gateway: PushGatewaySettings, labels: Mapping[str, str]) -> str:
    """Return the URL of the group of a lake: two lakes do not replace each other's metrics."""
    pairs = {"job": gateway.job, **labels}
    path = "".join(f"/{name}{_path_value(value)}" for name, value in pairs.items())
    url, mark, query = gateway.url.partition("?")
    return f"{url.rstrip('/')}/metrics{path}{mark}{query}"


def _path_value(value: str) -> str:
    if value not in ("", ".", "..") and "/" not in value:  # a client would take the dots out of the path
        return f"/{urllib.parse.quote(value, safe='')}"
    # The gateway knows no other way for these.
    return f"@base64/{base64.urlsafe_b64encode(value.encode()).decode() or '='}"
