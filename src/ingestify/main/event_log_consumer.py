"""Reading the event log of the lake that a place names."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from ingestify.config.reader import read_settings
from ingestify.domain.dataset import Dataset
from ingestify.domain.event_reader import StartAt
from ingestify.events.consumer import EventReader
from ingestify.main.adapters import open_catalogue
from ingestify.main.opening import catalogue_address, open_datastore
from ingestify.main.parts import make_key_types
from ingestify.main.place import Place, find_place
from ingestify.store.dataset_store import DatasetStore
from ingestify.store.reading.file_collection import FileCollection
from ingestify.vaults.lookup import SecretLookup

__all__ = ["EventLogConsumer"]


class EventLogConsumer(EventReader):
    """Delivers every logged domain event to one reader, at least once and in commit order; see `EventReader`."""

    @classmethod
    def from_config(
        cls,
        path: str | Path,
        reader_name: str,
        *,
        start_at: StartAt = "beginning",
        park_after: int | None = None,
    ) -> EventLogConsumer:
        """Open the lake that a config.yaml names. The storage is opened when a dataset's files are first asked for.

        Args:
            path: As the first argument of `get_engine`: a config.yaml, or the folder of a lake.
            reader_name: Names the cursor; `start_at` and `park_after` are those of `EventReader`.

        Raises:
            ConfigurationError: The settings are wrong.
            LakeNotFound: On reading: the lake is not there, and no reader makes one.
        """
        lake = _LakeOfEvents(find_place(path))
        return cls(
            lake.catalogue, reader_name, start_at=start_at, park_after=park_after, lake=lake, on_close=lake.close
        )


class _LakeOfEvents:
    """A lake whose storage is opened late: many a consumer has no need, and no right, to read it."""

    def __init__(self, place: Place) -> None:
        self._place = place
        settings = None if place.config is None else read_settings(place.config)
        url, table_prefix = catalogue_address(place, settings, SecretLookup())
        given = place.metadata_url if settings is None else settings.main.metadata_url
        self.catalogue = open_catalogue(
            url, table_prefix, None if settings is None else make_key_types(settings), place.of_urls(given)
        )
        self._store: DatasetStore | None = None

    def load_files(
        self, dataset: Dataset, data_feed_keys: Sequence[str] | None = None, lazy: bool = False
    ) -> FileCollection:
        if self._store is None:
            self._store = open_datastore(self._place)
        return self._store.load_files(dataset, data_feed_keys, lazy)

    def close(self) -> None:
        if self._store is not None:
            self._store.close()
        self.catalogue.close()
