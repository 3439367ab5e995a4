"""A file of metrics for the textfile collector of node_exporter, in which counters go on from run to run."""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Mapping
from pathlib import Path

from ingestify.errors import ConfigurationError
from ingestify.telemetry import table
from ingestify.telemetry.measures import Samples
from ingestify.telemetry.prometheus_text import read_samples, write_samples
from ingestify.telemetry.table import Metric, Scope

__all__ = ["MetricsFile"]


class MetricsFile:
    """A file of metrics, which is replaced as a whole. Used by one thread at a time.

    What the file said before is kept where this process does not know better: counters go on from there, the gauges of
    the last run stay until this process had a run, and those of the lake stay if the lake cannot be read. So a reader
    sees when the last success was, also while the database is away.

    Args:
        path: The file. Its folder must exist.
        constant: Labels that each sample has.
        before: What this process has written to the same file so far; None: nothing.
    """

    def __init__(self, path: Path, constant: Mapping[str, str], before: MetricsFile | None = None) -> None:
        self.path = path
        self._constant = constant
        self._written: Samples = {} if before is None else before._written

    def write(self, samples: Samples) -> None:
        """Replace the file.

        Raises:
            ConfigurationError: It cannot be written.
        """
        before = self._read()
        text = write_samples(_joined(before, samples, self._written), self._constant)
        try:
            self._replace(text)
        except OSError as error:
            raise ConfigurationError(f"The metrics file {self.path} cannot be written: {error.strerror}.") from error
        self._written = samples

    def _read(self) -> Samples:
        try:
            return read_samples(self.path.read_text(encoding="utf-8", errors="replace"))
        except OSError:
            return {}

    def _replace(self, text: str) -> None:
        # The collector reads *.prom only, so it never sees half a file.
        descriptor, name = tempfile.mkstemp(prefix=f".{self.path.name}.", dir=self.path.parent)
        temporary = Path(name)
        try:
            with os.fdopen(descriptor, "w", encoding="utf-8", newline="\n") as file:
                file.write(text)
            temporary.chmod(0o644)  # the collector is often another user
            temporary.replace(self.path)
        except BaseException:
            with contextlib.suppress(OSError):
                temporary.unlink()
            raise


def _joined(before: Samples, samples: Samples, written: Samples) -> Samples:
    """Return what a file says next.

    Args:
        before: What it says.
        samples: What this process knows.
        written: What this process knew when it last wrote the file.
    """
    joined: dict[tuple[Metric, tuple[str, ...]], float] = {}
    had_run = any(metric.scope is Scope.LAST_RUN for metric, _ in samples)
    is_readable = samples.get((table.LAKE_READABLE, ()), 0) == 1
    for key, value in before.items():
        scope = key[0].scope
        if (
            scope is Scope.RUNS
            or (scope is Scope.LAKE and not is_readable)
            or (scope is Scope.LAST_RUN and not had_run)
        ):
            joined[key] = value
    for key, value in samples.items():
        if key[0].scope is Scope.RUNS:
            value += joined.get(key, 0) - written.get(key, 0)
        joined[key] = value
    return joined
