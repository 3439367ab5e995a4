"""The values of metrics in this process."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping
from typing import TypeAlias

from ingestify.progress.printable import printable
from ingestify.telemetry.table import MOST_VALUES, OTHER, Metric, Scope

__all__ = ["Measures", "Samples"]

_LONGEST_VALUE = 200

Samples: TypeAlias = Mapping[tuple[Metric, tuple[str, ...]], float]
"""A metric and the values of its labels, to its value."""


class Measures:
    """The values of metrics. Safe to share between threads.

    A label of a metric has at most `MOST_VALUES` values; what has a further one counts as `OTHER`. A value is one line
    that a terminal does not obey, and not too long: a provider may have written it.

    Args:
        on_count: Called with each count of a counter: the metric, the values of its labels, and how much.
    """

    def __init__(self, on_count: Callable[[Metric, tuple[str, ...], float], None] | None = None) -> None:
        self._on_count = on_count
        self._lock = threading.Lock()
        self._values: dict[tuple[Metric, tuple[str, ...]], float] = {}
        self._known: dict[Scope, dict[str, dict[str, str]]] = {}
        """By the scope and the label: a value to how it is shown. It is forgotten with the values of its scope."""

    def add(self, metric: Metric, amount: float, *labels: str) -> None:
        """Add to a value."""
        with self._lock:
            key = self._key(metric, labels)
            self._values[key] = self._values.get(key, 0) + amount
        if self._on_count is not None:
            self._on_count(metric, key[1], amount)

    def set(self, metric: Metric, value: float, *labels: str) -> None:
        """Set a value. Of the moments of `OTHER`, the newest one stays."""
        with self._lock:
            key = self._key(metric, labels)
            self._values[key] = max(value, self._values.get(key, value)) if metric.is_moment else value

    def lower(self, metric: Metric, value: float, *labels: str) -> None:
        """Set a value, if there is none or a higher one."""
        with self._lock:
            key = self._key(metric, labels)
            self._values[key] = min(value, self._values.get(key, value))

    def forget(self, scope: Scope) -> None:
        """Remove the values of all metrics of a scope."""
        with self._lock:
            self._values = {key: value for key, value in self._values.items() if key[0].scope is not scope}
            self._known.pop(scope, None)

    def samples(self) -> Samples:
        """Return all values."""
        with self._lock:
            return dict(self._values)

    def _key(self, metric: Metric, labels: Iterable[str]) -> tuple[Metric, tuple[str, ...]]:
        of_scope = self._known.setdefault(metric.scope, {})
        return metric, tuple(
            self._bounded(of_scope.setdefault(label, {}), value)
            for label, value in zip(metric.labels, labels, strict=True)
        )

    def _bounded(self, known: dict[str, str], value: str) -> str:
        shown = known.get(value)
        if shown is None:
            if len(known) >= MOST_VALUES:
                return OTHER
            shown = known[value] = printable(value)[:_LONGEST_VALUE]
        return shown
