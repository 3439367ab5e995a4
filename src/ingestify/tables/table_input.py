"""One dataset, for all functions that make rows of it: a file is read once, and kloppy loads once."""

from __future__ import annotations

import functools
import logging
import threading
import warnings
from typing import Any

from ingestify.domain.dataset import Dataset, lake_of
from ingestify.errors import IngestifyError
from ingestify.provider_formats.built_in import find_format
from ingestify.store.dataset_store import DatasetStore
from ingestify.store.reading.file_collection import FileCollection

__all__ = ["TableInput"]

logger = logging.getLogger(__name__)

_loading = threading.Lock()

_COORDINATES = {("statsperform", "match"): "opta", ("statsperform", "tracking"): "sportvu"}
"""The formats whose coordinates have another name at kloppy."""


class TableInput:
    """A dataset, its files, and what kloppy makes of it.

    Args:
        dataset: The dataset, which knows its lake.
        loader: The format of its files by the settings; None: the one that its source named.

    Attributes:
        dataset: The dataset.
        loader: The format of its files.
    """

    def __init__(self, dataset: Dataset, loader: str | None = None) -> None:
        store = lake_of(dataset)
        assert isinstance(store, DatasetStore), "a dataset is read by a store"
        self.dataset = dataset
        self.loader = loader or dataset.loader
        self._store = store
        self._loaded: Any = None
        self._head: Any = None
        self._error: IngestifyError | None = None

    @functools.cached_property
    def files(self) -> FileCollection:
        """The current files, which are opened at their first use."""
        return self._store.load_files(self.dataset, lazy=True)

    @property
    def is_tracking(self) -> bool:
        """Whether the dataset is one of tracking in a format that is built in."""
        return self.dataset.dataset_type == "tracking" and find_format(self.loader, "tracking") is not None

    def kloppy_metadata(self) -> Any:
        """Return the metadata of kloppy's dataset: teams, players, periods, coordinates.

        Of tracking, kloppy loads one frame for it, unless it has loaded all. It raises the errors of `kloppy`.
        """
        if not self.is_tracking or self._loaded is not None or self._error is not None:
            return self.kloppy().metadata
        if self._head is None:
            self._head = self._load(limit=1)
        return self._head.metadata

    def kloppy(self) -> Any:
        """Return kloppy's `EventDataset` or `TrackingDataset`, with the coordinates of the provider.

        StatsBomb's has the freeze frames of shots only.

        Raises:
            MissingExtraError: kloppy is not installed.
            LoadError: kloppy cannot read the dataset.
            IntegrityError: An object of the lake is missing or damaged.
        """
        if self._loaded is None and self._error is None:
            try:
                self._loaded = self._load()
            except IngestifyError as error:
                self._error = error
        if self._error is not None:
            raise self._error
        return self._loaded

    def _load(self, **more: Any) -> Any:
        # What kloppy warns of is the same in each of a season's matches. Python's filters are those of the whole
        # process, so threads take turns; they would not load faster side by side.
        with _loading, warnings.catch_warnings(record=True) as warned:
            warnings.simplefilter("always")
            loaded = self._store.load_with_kloppy(self.dataset, self.loader, **self._options, **more)
        for one in warned:
            logger.debug("%s: kloppy says: %s", self.dataset, one.message)
        return loaded

    @property
    def _options(self) -> dict[str, Any]:
        """The arguments for kloppy, which let it do less."""
        kind = (self.loader, self.dataset.dataset_type)
        if find_format(*kind) is None:
            return {}  # the loader of an installed package takes what it takes
        # A new object of each point, for other coordinates, takes kloppy a third of its time, and of freeze frames
        # several seconds. Tables transform columns (rows.pitch), and read the freeze frames from the provider's file.
        options: dict[str, Any] = {"coordinates": _COORDINATES.get(kind, self.loader)}
        return {**options, "three_sixty": False} if self.loader == "statsbomb" else options

    def close(self) -> None:
        """Close the files, and forget what kloppy made."""
        self._loaded = self._head = None
        if "files" in self.__dict__:
            self.files.close()

    def __enter__(self) -> TableInput:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
