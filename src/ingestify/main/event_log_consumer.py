"""Reads the event log of a lake."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from ingestify.config.reader import read_settings
from ingestify.config.secrets import resolve_lake_url
from ingestify.domain.dataset import Dataset, FileReader
from ingestify.domain.event_reader import StartAt
from ingestify.domain.ports import Catalogue
from ingestify.events.consumer import EventReader
from ingestify.main.adapters import open_catalogue
from ingestify.main.opening import catalogue_address, open_datastore
from ingestify.main.parts import make_key_types
from ingestify.main.place import Place, find_place
from ingestify.main.reference import reference_of
from ingestify.pictures.picture import Picture
from ingestify.store.dataset_store import DatasetStore
from ingestify.store.reading.dataset_list import DatasetList
from ingestify.store.reading.file_collection import FileCollection
from ingestify.vaults.lookup import SecretLookup

__all__ = ["EventLogConsumer", "open_log"]


def open_log(place: Place) -> Catalogue:
    """Open the catalogue of a place, whose event log is to be read. No connection is made before the first read.

    Raises:
        ConfigurationError: The settings are wrong.
    """
    settings = None if place.config is None else read_settings(place.config)
    url, table_prefix = catalogue_address(place, settings, SecretLookup())
    given = place.metadata_url if settings is None else settings.main.metadata_url
    return open_catalogue(
        url, table_prefix, None if settings is None else make_key_types(settings), place.of_urls(given)
    )


class EventLogConsumer(EventReader):
    """Delivers every logged domain event to one reader, at least once and in commit order; see `EventReader`.

    Args:
        catalogue: The catalogue with the event log, or its URL, such as `sqlite:///lake/catalog.db`. By a URL, the
            files of the datasets are not known: `from_config` knows them.
        reader_name: The name of the cursor.
        table_prefix: The beginning of the table names of the catalogue that the URL names.
        start_at: Where a new reader begins; see `EventReader`.
        park_after: After how many failures an event is parked; see `EventReader`.
        lake: Loads the files of an event's dataset; None: such a dataset does not know its lake.
        on_close: Called when the consumer is closed.

    Raises:
        LakeNotFound: The URL names no lake. The first read raises it, as a reader creates no lake.
    """

    def __init__(
        self,
        catalogue: Catalogue | str,
        reader_name: str,
        *,
        table_prefix: str = "",
        start_at: StartAt = "beginning",
        park_after: int | None = None,
        lake: FileReader | None = None,
        on_close: Callable[[], object] | None = None,
    ) -> None:
        if isinstance(catalogue, str):
            place = Place(metadata_url=catalogue).of_urls(catalogue)
            url = resolve_lake_url(catalogue, "metadata_url", place.base, SecretLookup())
            catalogue = open_catalogue(url, table_prefix, place=place)
            on_close = on_close or catalogue.close
        super().__init__(catalogue, reader_name, start_at=start_at, park_after=park_after, lake=lake, on_close=on_close)

    @classmethod
    def from_config(
        cls,
        path: str | Path,
        reader_name: str,
        *,
        start_at: StartAt = "beginning",
        park_after: int | None = None,
    ) -> EventLogConsumer:
        """Open the lake that a config.yaml names. The storage is opened with the first request for files.

        Args:
            path: A config.yaml, or the folder of a lake, as for `get_engine`.
            reader_name: The name of the cursor.
            start_at: Where a new reader begins; see `EventReader`.
            park_after: After how many failures an event is parked; see `EventReader`.

        Raises:
            ConfigurationError: The settings are wrong.
            LakeNotFound: The lake does not exist. The first read raises it, as a reader creates no lake.
        """
        lake = _LakeOfEvents(find_place(path))
        return cls(
            lake.catalogue, reader_name, start_at=start_at, park_after=park_after, lake=lake, on_close=lake.close
        )


class _LakeOfEvents:
    """A lake whose storage is opened late, as many consumers do not need it, and may not read it."""

    def __init__(self, place: Place) -> None:
        self._place = place
        self.reference = reference_of(place, "main", None)
        self.catalogue = open_log(place)
        self._store: DatasetStore | None = None

    def load_files(
        self, dataset: Dataset, data_feed_keys: Sequence[str] | None = None, lazy: bool = False
    ) -> FileCollection:
        return self._opened().load_files(dataset, data_feed_keys, lazy)

    def list_of(self, datasets: Sequence[Dataset]) -> DatasetList:
        return DatasetList(datasets)

    def frame_with_kloppy(self, *given: Any) -> Any:
        return self._opened().frame_with_kloppy(*given)

    def plot(self, dataset: Dataset, kind: str, *, shot: str | None, frame: int) -> Picture:
        return self._opened().plot(dataset, kind, shot=shot, frame=frame)

    def preview(self, dataset: Dataset) -> str:
        return self._opened().preview(dataset)

    def _opened(self) -> DatasetStore:
        if self._store is None:
            self._store = open_datastore(self._place)
        return self._store

    def close(self) -> None:
        if self._store is not None:
            self._store.close()
        self.catalogue.close()
