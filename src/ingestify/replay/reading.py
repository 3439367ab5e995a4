"""The recording of a dataset, and the recordings that stay in memory."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Mapping
from typing import TypeAlias

from ingestify.comparison.content import TooLarge, Unreadable
from ingestify.domain.dataset import Dataset
from ingestify.errors import LoadError
from ingestify.provider_formats.built_in import find_format
from ingestify.replay.by_kloppy import read_by_kloppy
from ingestify.replay.metrica import read_metrica
from ingestify.replay.recording import Recording
from ingestify.replay.skillcorner import read_skillcorner
from ingestify.replay.sportec import read_sportec
from ingestify.tables.table_input import TableInput

__all__ = ["Recordings", "read_recording"]

NativeReader: TypeAlias = Callable[[TableInput], Recording]
"""Reads a match from its files. Any error of Python about a key or a value says that they are not of its format."""

_READERS: Mapping[str, tuple[str, NativeReader]] = {
    "metrica": ("Metrica", read_metrica),
    "metrica_csv": ("Metrica", read_metrica),
    "skillcorner": ("SkillCorner", read_skillcorner),
    "sportec": ("Sportec", read_sportec),
}
"""The provider and the reader by the format. kloppy reads the others, which takes it some ten times as long."""

MOST_BYTES = 64 << 20
"""The recordings in memory: about ten, as one has 5 MB."""


def read_recording(dataset: Dataset) -> Recording:
    """Return the tracking of a dataset, read from its files as a stream.

    Raises:
        LoadError: The dataset has no tracking, or its files cannot be read.
        MissingExtraError: kloppy has to read the format, and is not installed.
        IntegrityError: An object of the lake is missing or damaged.
    """
    with TableInput(dataset) as given:
        if dataset.dataset_type != "tracking" or find_format(given.loader, "tracking") is None:
            raise LoadError(
                f"{dataset} has no tracking that can be played: it is of the type '{dataset.dataset_type}', and its "
                f"format is '{given.loader}'."
            )
        if given.loader not in _READERS:
            return read_by_kloppy(given)
        provider, read = _READERS[given.loader]
        try:
            return read(given)
        except (LookupError, TypeError, ValueError, AttributeError, Unreadable, TooLarge) as error:
            raise LoadError(f"The files are no tracking of {provider}: {type(error).__name__} {error}.") from error


class Recordings:
    """The recordings that were read last: a file is read once, however many ask for its chunks at once.

    Any thread may call it.

    Args:
        most_bytes: How much memory they may take. The last one always stays.
    """

    def __init__(self, most_bytes: int = MOST_BYTES) -> None:
        self._most_bytes = most_bytes
        self._kept: OrderedDict[tuple[str, int], Recording] = OrderedDict()
        self._reading: dict[tuple[str, int], threading.Lock] = {}
        self._lock = threading.Lock()

    def get(self, dataset: Dataset) -> Recording:
        """Return the recording of a dataset's current revision. It raises the errors of `read_recording`."""
        revision = dataset.current_revision
        if revision is None:
            raise LoadError(f"{dataset} has no files yet.")
        key = (dataset.dataset_id, revision.revision_id)
        with self._lock:
            reading = self._reading.setdefault(key, threading.Lock())
        with reading:
            with self._lock:
                if key in self._kept:
                    self._kept.move_to_end(key)
                    return self._kept[key]
            try:
                recording = read_recording(dataset)
            finally:
                with self._lock:
                    self._reading.pop(key, None)
            self._keep(key, recording)
            return recording

    def _keep(self, key: tuple[str, int], recording: Recording) -> None:
        with self._lock:
            self._kept[key] = recording
            while len(self._kept) > 1 and sum(one.size_bytes for one in self._kept.values()) > self._most_bytes:
                self._kept.popitem(last=False)
