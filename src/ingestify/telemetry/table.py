"""The metrics: names, units, labels and what they say. `docs/metrics.md` shows this table.

A metric has one name, that of OpenTelemetry. Its name in Prometheus follows from that by the rules that collectors of
OpenTelemetry have, so that a query is the same for both ways: dots become underscores, then come the unit, and `_total`
for a counter (https://opentelemetry.io/docs/specs/otel/compatibility/prometheus_and_openmetrics/).
"""

from __future__ import annotations

import enum

import msgspec

__all__ = ["METRICS", "MOST_VALUES", "OTHER", "Kind", "Metric", "Scope"]

MOST_VALUES = 100
"""How many values a label has; further ones are counted together as `OTHER`."""

OTHER = "other"

_UNITS = {"s": "_seconds", "By": "_bytes"}
"""The units of UCUM that Prometheus writes into names. Those in braces, such as `{dataset}`, it does not."""


class Kind(enum.StrEnum):
    """The kind of a metric, as Prometheus calls it."""

    COUNTER = "counter"
    GAUGE = "gauge"


class Scope(enum.StrEnum):
    """What a metric is about."""

    RUNS = "the runs"
    LAST_RUN = "the last run"
    LAKE = "the lake"


class Metric(msgspec.Struct, frozen=True, eq=False):
    """A metric.

    Attributes:
        name: In OpenTelemetry.
        kind: Counter or gauge.
        unit: By UCUM, as OpenTelemetry wants it: `s`, `By`, `{dataset}`.
        scope: What it is about.
        labels: The names of its labels; OpenTelemetry calls them attributes.
        help: What it says.
    """

    name: str
    kind: Kind
    unit: str
    scope: Scope
    labels: tuple[str, ...]
    help: str

    @property
    def prometheus_name(self) -> str:
        """Its name in Prometheus."""
        name = self.name.replace(".", "_") + _UNITS.get(self.unit, "")
        return f"{name}_total" if self.kind is Kind.COUNTER else name

    @property
    def is_moment(self) -> bool:
        """Whether its values are moments: seconds since 1970."""
        return self.name.endswith(".timestamp")


_OF_DATASETS = ("source", "provider", "dataset_type", "outcome")


def _counter(name: str, unit: str, labels: tuple[str, ...], text: str) -> Metric:
    return Metric(f"ingestify.{name}", Kind.COUNTER, unit, Scope.RUNS, labels, text)


def _gauge(name: str, unit: str, labels: tuple[str, ...], text: str, scope: Scope) -> Metric:
    return Metric(f"ingestify.{name}", Kind.GAUGE, unit, scope, labels, text)


def _of_last_run(name: str, unit: str, labels: tuple[str, ...], text: str) -> Metric:
    return _gauge(f"last_run.{name}", unit, labels, text, Scope.LAST_RUN)


def _of_lake(name: str, unit: str, labels: tuple[str, ...], text: str) -> Metric:
    return _gauge(name, unit, labels, text, Scope.LAKE)


RUNS = _counter("runs", "{run}", ("state",), "Runs that ended, by state: FINISHED, FAILED or ABORTED.")
JOBS = _counter(
    "jobs",
    "{job}",
    ("source", "provider", "dataset_type", "state"),
    "Jobs that ended, by state: FINISHED, FAILED, SKIPPED or ABORTED.",
)
DATASETS = _counter(
    "datasets",
    "{dataset}",
    _OF_DATASETS,
    "Datasets that runs processed, by outcome: new, revised, metadata, unchanged, skipped, failed, quarantined or "
    "missing.",
)
REQUESTS = _counter(
    "http.requests",
    "{request}",
    ("host", "status"),
    "HTTP requests to providers, by the status of the response; none: there was no response. Each try counts.",
)
RETRIES = _counter("http.retries", "{request}", ("host",), "Those of them that were a further try.")
RECEIVED = _counter("http.received", "By", ("host",), "Bytes of response bodies on the wire.")
REQUEST_TIME = _counter(
    "http.request.time", "s", ("host",), "Time of requests, from the sending to the end of the body."
)
WAIT_TIME = _counter(
    "http.wait.time",
    "s",
    ("host", "reason"),
    "Time that requests waited. limit: for their turn, as the settings or the host limit requests; retry: after a "
    "failure.",
)
LEFT_ALONE = _counter("http.left_alone", "{request}", ("host",), "Requests not sent, as their host is left alone.")

LAST_TIMESTAMP = _of_last_run("timestamp", "s", (), "When the last run ended.")
LAST_DURATION = _of_last_run("duration", "s", (), "How long the last run took.")
LAST_STATE = _of_last_run("state", "{run}", ("state",), "1 for the state that the last run ended in, 0 for the others.")
LAST_EXIT_CODE = _of_last_run(
    "exit_code", "{run}", (), "The exit code of the last run; 0: all is well, 3: some datasets have a problem."
)
LAST_DATASETS = _of_last_run("datasets", "{dataset}", _OF_DATASETS, "Datasets of the last run, by outcome.")
LAST_PROBLEMS = _of_last_run(
    "problems",
    "{dataset}",
    ("source", "provider", "dataset_type", "problem"),
    "Datasets of the last run that also have an outcome, or were not looked at. left_out: a broken optional file is "
    "left out; warned: a check warns; unlisted: so many are not listed any more that none was marked MISSING; "
    "not_asked: their host is left alone.",
)
LAST_REQUESTS = _of_last_run("requests", "{request}", (), "HTTP requests of the last run.")
LAST_RECEIVED = _of_last_run("received", "By", (), "Bytes of response bodies of the last run.")
LAST_TRIES_LEFT = _of_last_run(
    "tries_left",
    "{request}",
    ("host",),
    "The fewest tries that a request of the last run had left; 0: one failed for good.",
)
LAST_QUOTA_LEFT = _of_last_run(
    "quota_left",
    "{request}",
    ("host",),
    "How many more requests the host announced to accept, in its last response of the last run. Only for hosts that "
    "announce it.",
)

LAKE_READABLE = _of_lake("lake.readable", "{lake}", (), "1: the catalogue could be read for these metrics; 0: not.")
LAKE_DATASETS = _of_lake(
    "lake.datasets", "{dataset}", ("provider", "dataset_type", "state"), "Datasets in the lake, by state."
)
NEWEST_REVISION = _of_lake(
    "newest_revision.timestamp",
    "s",
    ("provider", "dataset_type", "competition"),
    "When the newest current revision of a competition was committed. The label is competition_id, or Impect's "
    "iteration_id.",
)
LAST_SUCCESS = _of_lake(
    "last_success.timestamp",
    "s",
    ("source", "provider", "dataset_type"),
    "When a job of a source last finished, also if single datasets failed.",
)
QUARANTINE = _of_lake(
    "quarantine.bundles", "{bundle}", ("provider", "dataset_type"), "Bundles that wait in quarantine."
)
READER_BEHIND = _of_lake(
    "event_reader.behind",
    "{event}",
    ("reader", "kind"),
    "Events that a reader of the event log has not had. kind: publisher, or consumer for other readers.",
)
READER_LAG = _of_lake(
    "event_reader.lag", "s", ("reader", "kind"), "How old the first of those events is; 0: there is none."
)
READER_FAILED = _of_lake(
    "event_reader.failed_events",
    "{event}",
    ("reader", "kind"),
    "Events that a reader failed on, dead letters included.",
)
HOST_LEFT_ALONE = _of_lake(
    "host.left_alone_until.timestamp", "s", ("host",), "Until when a host asked to be left alone; only while it holds."
)

METRICS: tuple[Metric, ...] = (
    *(RUNS, JOBS, DATASETS, REQUESTS, RETRIES, RECEIVED, REQUEST_TIME, WAIT_TIME, LEFT_ALONE),
    *(LAST_TIMESTAMP, LAST_DURATION, LAST_STATE, LAST_EXIT_CODE, LAST_DATASETS, LAST_PROBLEMS),
    *(LAST_REQUESTS, LAST_RECEIVED, LAST_TRIES_LEFT, LAST_QUOTA_LEFT),
    *(LAKE_READABLE, LAKE_DATASETS, NEWEST_REVISION, LAST_SUCCESS, QUARANTINE),
    *(READER_BEHIND, READER_LAG, READER_FAILED, HOST_LEFT_ALONE),
)
