"""A file of metrics for the textfile collector of node_exporter, in which counters go on from run to run."""

from __future__ import annotations

import contextlib
import os
import stat
import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path

from ingestify.errors import ConfigurationError
from ingestify.telemetry import table
from ingestify.telemetry.measures import Samples
from ingestify.telemetry.prometheus_text import read_constant, read_samples, write_samples
from ingestify.telemetry.table import MOST_VALUES, OTHER, Metric, Scope

__all__ = ["MetricsFile"]

_LARGEST_BYTES = 16 << 20
"""What is larger was never written by this module, whose labels have a bounded number of values."""

_BEGINNING = "# HELP ingestify_"
"""What each text of metrics has."""


class MetricsFile:
    """A file of metrics, which is replaced as a whole. Used by one thread at a time.

    What the file said before is kept where this process does not know better: counters go on from there, the gauges of
    the last run stay until this process had a run, and those of the lake stay if the lake cannot be read. So a reader
    sees when the last success was, also while the database is away.

    Args:
        path: The file. Its folder must exist. If it is a link, the file that it leads to is replaced.
        constant: Labels that each sample has; None: those that the samples of the file have.
        before: What this process has written to the same file so far; None: nothing.
    """

    def __init__(self, path: Path, constant: Mapping[str, str] | None, before: MetricsFile | None = None) -> None:
        self.path = path
        self._constant = constant
        self._written: Samples = {} if before is None else before._written

    def write(self, samples: Samples) -> None:
        """Replace the file.

        Raises:
            ConfigurationError: It cannot be written, or is no file of metrics.
        """
        self._check()
        before = self._read()
        if before.strip("\0\n") and _BEGINNING not in before:
            raise ConfigurationError(
                f"The metrics file {self.path} has something else in it, and stays as it is; name another one, or "
                "remove it."
            )
        constant = read_constant(before) if self._constant is None else self._constant
        text = write_samples(_joined(read_samples(before), samples, self._written), constant)
        try:
            self._replace(text)
        except OSError as error:
            raise ConfigurationError(f"The metrics file {self.path} cannot be written: {error.strerror}.") from error
        self._written = samples

    def _check(self) -> None:
        """Refuse what would hold the run up if it was read, as a pipe does, or is surely something else."""
        try:
            found = self.path.stat()
        except OSError:  # mostly because it is not there yet; else it cannot be written either
            return
        if not stat.S_ISREG(found.st_mode):
            raise ConfigurationError(f"The metrics file {self.path} is a folder or a device; name a file.")
        if found.st_size > _LARGEST_BYTES:
            raise ConfigurationError(
                f"The metrics file {self.path} has {found.st_size:,} bytes, so it is no file of metrics, and stays as "
                "it is; name another one."
            )

    def _read(self) -> str:
        try:
            return self.path.read_text(encoding="utf-8", errors="replace")
        except OSError:
            return ""

    def _replace(self, text: str) -> None:
        # The collector reads *.prom only, so it never sees half a file.
        target = Path(os.path.realpath(self.path))
        descriptor, name = tempfile.mkstemp(prefix=f".{target.name}.", dir=target.parent)
        temporary = Path(name)
        try:
            with os.fdopen(descriptor, "w", encoding="utf-8", newline="\n") as file:
                file.write(text)
            temporary.chmod(0o644)  # the collector is often another user
            temporary.replace(target)
        except BaseException:
            with contextlib.suppress(OSError):
                temporary.unlink()
            raise


def _joined(before: Samples, samples: Samples, written: Samples) -> Samples:
    """Return what a file says next. A label of the counters has a bounded number of values in the file, too.

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
    known = _values_of_counters(joined)
    for key, value in samples.items():
        if key[0].scope is Scope.RUNS:
            value -= written.get(key, 0)
            key = (key[0], tuple(_bounded(known.setdefault(label, set()), one) for label, one in _labels(key)))
            value += joined.get(key, 0)
        joined[key] = value
    return joined


def _labels(key: tuple[Metric, tuple[str, ...]]) -> Iterable[tuple[str, str]]:
    return zip(key[0].labels, key[1], strict=True)


def _values_of_counters(samples: Samples) -> dict[str, set[str]]:
    """Return the values of each label of the counters."""
    known: dict[str, set[str]] = {}
    for key in samples:
        if key[0].scope is Scope.RUNS:
            for label, value in _labels(key):
                known.setdefault(label, set()).add(value)
    return known


def _bounded(known: set[str], value: str) -> str:
    """Return the value, which is known from now on; `OTHER` if too many are."""
    if value not in known and len(known - {OTHER}) >= MOST_VALUES:
        return OTHER
    known.add(value)
    return value
