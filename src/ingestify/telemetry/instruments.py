"""The metrics as instruments of OpenTelemetry's API. Only imported if they are wanted."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from opentelemetry import metrics

from ingestify._version import __version__
from ingestify.telemetry.measures import Samples
from ingestify.telemetry.table import METRICS, Kind, Metric

if TYPE_CHECKING:
    from opentelemetry.metrics import Counter
    from opentelemetry.metrics import _Gauge as Gauge

__all__ = ["Instruments"]


class Instruments:
    """An instrument for each metric, of the meter provider that is set when this is made. Any thread may call it.

    Args:
        constant: Labels that each value has.
    """

    def __init__(self, constant: Mapping[str, str]) -> None:
        self._constant = constant
        meter = metrics.get_meter("ingestify", __version__)
        self._counters: dict[Metric, Counter] = {}
        self._gauges: dict[Metric, Gauge] = {}
        for one in METRICS:
            if one.kind is Kind.COUNTER:
                self._counters[one] = meter.create_counter(one.name, one.unit, one.help)
            else:
                self._gauges[one] = meter.create_gauge(one.name, one.unit, one.help)

    def count(self, metric: Metric, labels: tuple[str, ...], amount: float) -> None:
        """Add to a counter; gauges wait for `set_gauges`."""
        if metric in self._counters:
            self._counters[metric].add(amount, self._attributes(metric, labels))

    def set_gauges(self, samples: Samples) -> None:
        """Set all gauges."""
        for (metric, labels), value in samples.items():
            if metric in self._gauges:
                self._gauges[metric].set(value, self._attributes(metric, labels))

    def _attributes(self, metric: Metric, labels: tuple[str, ...]) -> dict[str, str]:
        return {**self._constant, **dict(zip(metric.labels, labels, strict=True))}
