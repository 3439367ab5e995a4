"""The table of metrics, their values, and Prometheus' text format, read by Prometheus' own parser."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingestify.telemetry import table
from ingestify.telemetry.measures import Measures
from ingestify.telemetry.prometheus_text import read_samples, write_samples
from ingestify.telemetry.table import METRICS, MOST_VALUES, OTHER, Kind, Scope

parser = pytest.importorskip("prometheus_client.parser", reason="the extra `test` brings prometheus-client")


def parsed(text: str) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    """The samples as Prometheus reads them."""
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in parser.text_string_to_metric_families(text)
        for sample in family.samples
    }


def one_of_each(value: float = 1.5) -> Measures:
    measures = Measures()
    for metric in METRICS:
        measures.set(metric, value, *(f"a {label}" for label in metric.labels))
    return measures


def test_each_metric_is_read_with_its_kind_and_its_help() -> None:
    text = write_samples(one_of_each().samples(), {"lake": "club"})
    families = {family.name: family for family in parser.text_string_to_metric_families(text)}
    assert len(families) == len(METRICS)
    for metric in METRICS:
        family = families[metric.prometheus_name.removesuffix("_total")]
        assert (family.type, family.documentation) == (metric.kind, metric.help)
        (sample,) = family.samples
        assert sample.labels == {"lake": "club", **{label: f"a {label}" for label in metric.labels}}
        assert sample.value == 1.5


def test_names_are_what_the_collectors_of_opentelemetry_make_of_them() -> None:
    exporter = pytest.importorskip("opentelemetry.exporter.prometheus", reason="the extra `test` brings it")
    import prometheus_client
    from opentelemetry.sdk.metrics import MeterProvider

    reader = exporter.PrometheusMetricReader()
    provider = MeterProvider([reader])
    try:
        meter = provider.get_meter("test")
        for metric in METRICS:
            labels = dict.fromkeys(metric.labels, "x")
            if metric.kind is Kind.COUNTER:
                meter.create_counter(metric.name, metric.unit, metric.help).add(2, labels)
            else:
                meter.create_gauge(metric.name, metric.unit, metric.help).set(2, labels)
        text = prometheus_client.generate_latest().decode()
    finally:
        provider.shutdown()
    exported = {name: dict(labels).keys() for name, labels in parsed(text) if name.startswith("ingestify_")}
    assert exported.keys() == {metric.prometheus_name for metric in METRICS}
    for metric in METRICS:
        assert set(metric.labels) <= exported[metric.prometheus_name]


def test_names_are_unique() -> None:
    assert len({metric.name for metric in METRICS}) == len({one.prometheus_name for one in METRICS}) == len(METRICS)


@given(st.lists(st.tuples(st.text(), st.text(), st.floats(allow_nan=False, allow_infinity=False)), max_size=20))
def test_any_label_and_value_is_read_again_as_it_was(
    values: list[tuple[str, str, float]],
) -> None:
    measures = Measures()
    for host, status, value in values:
        measures.set(table.REQUESTS, value, host, status)
    text = write_samples(measures.samples(), {"lake": 'a "club"\\'})
    assert read_samples(text) == measures.samples()
    name = table.REQUESTS.prometheus_name
    assert parsed(text) == {
        (name, (("host", host), ("lake", 'a "club"\\'), ("status", status))): value
        for (_, (host, status)), value in measures.samples().items()
    }


def test_what_is_no_sample_of_ingestify_is_passed_over() -> None:
    text = "node_load1 3\ningestify_unknown 4\ningestify_runs_total 5\ningestify_last_run_timestamp_seconds x\n{\n"
    assert read_samples(text) == {}


def test_a_label_has_a_bounded_number_of_values() -> None:
    measures = Measures()
    for number in range(3 * MOST_VALUES):
        measures.add(table.REQUESTS, 1, f"host{number}", "200")
        measures.set(table.NEWEST_REVISION, 1000 - number, "statsbomb", "match", f"{number}")
    samples = measures.samples()
    requests = hosts_of(samples, table.REQUESTS)
    assert len(requests) == MOST_VALUES + 1
    assert requests[OTHER] == 2 * MOST_VALUES
    assert samples[table.NEWEST_REVISION, ("statsbomb", "match", OTHER)] == 1000 - MOST_VALUES


def test_values_that_are_forgotten_leave_room_for_others() -> None:
    """As in a process that runs for months: the newest competitions have their own value, and those of old ones go."""
    measures = Measures()
    for year in range(3):
        measures.forget(Scope.LAKE)
        for number in range(MOST_VALUES):
            measures.set(table.NEWEST_REVISION, year, "statsbomb", "match", f"{year}-{number}")
    assert {labels[2] for _, labels in measures.samples()} == {f"2-{number}" for number in range(MOST_VALUES)}


def hosts_of(samples: Mapping[object, float], metric: table.Metric) -> dict[str, float]:
    return {labels[0]: value for (one, labels), value in samples.items() if one is metric}  # type: ignore[misc]
