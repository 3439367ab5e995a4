"""A lake that a consumer of events reads. It takes no locks and writes nothing."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from ingestify.consume.event import ConsumedEvent
from ingestify.errors import DatasetNotFound, EventOfAnotherLake, LoadError

if TYPE_CHECKING:
    from ingestify.domain.dataset import Dataset
    from ingestify.store.dataset_store import DatasetStore, KloppyDataset

__all__ = ["Lake", "open_lake"]


def open_lake(
    config_file: str | Path | None = None,
    *,
    metadata_url: str | None = None,
    file_url: str | None = None,
    file_options: Mapping[str, Any] | None = None,
) -> Lake:
    """Open the lake whose events come, for reading.

    Example::

        with open_lake("config.yaml") as lake:
            events = lake.load(event).to_polars("events")

    Args:
        config_file: A config.yaml, or the folder of a lake, as for `get_datastore`.
        metadata_url: The catalogue, with `file_url`, in place of `config_file`.
        file_url: The files.
        file_options: The options of an object store; only with `file_url`.

    Raises:
        ConfigurationError: The settings are wrong.
        StoreError: The lake cannot be opened.
    """
    from ingestify.main import get_datastore  # most of what a consumer without a lake does not need

    store = get_datastore(config_file, metadata_url=metadata_url, file_url=file_url, file_options=file_options)
    return Lake(store)


class Lake:
    """A lake that a consumer reads. Use it in a `with` block, or close it. Any thread may call its methods.

    Attributes:
        store: The lake, as `get_datastore` returns it.
    """

    def __init__(self, store: DatasetStore) -> None:
        self.store = store

    def load(self, event: ConsumedEvent) -> Dataset:
        """Return the dataset of an event with the files that it had right after the event, of whichever bucket.

        Its name, state and metadata are those of today; the event has those of then.

        Example::

            dataset = lake.load(event)
            events = dataset.to_polars("events")
            files = lake.store.load_files(dataset)

        Raises:
            EventOfAnotherLake: It happened in another lake.
            DatasetNotFound: The dataset was deleted since, or never came into the lake.
            LoadError: The dataset had no files, or the lake does not have its files of then any more, as it was
                restored from a backup.
            StoreError: The lake cannot be read.
        """
        found = self.store.catalogue.lake.find()
        lake_id = "" if found is None else found.lake_id
        if lake_id != event.lake_id:
            raise EventOfAnotherLake(
                f"The event {event.id} is of the lake {event.lake_id}, and {self.store.where} is "
                f"{f'the lake {lake_id}' if lake_id else 'a lake without an id'}: open the lake of the event."
            )
        datasets = self.store.catalogue.datasets.get([event.dataset_id])
        if not datasets:
            raise DatasetNotFound(f"The lake has no {_title(event)}: {self._why_not(event)}.")
        if event.revision is None:
            raise LoadError(f"The {_title(event)} had no revision at the event {event.id}, and so no files.")
        dataset = datasets[0].read_from(self.store).at(revision=event.revision["revision_id"])
        if event.files is not None:
            then = {file["file_id"]: file["sha256"] for file in event.files}
            if then != {file.file_id: file.tag for file in dataset.files.values()}:
                raise LoadError(
                    f"Revision {event.revision['revision_id']} of the {_title(event)} has other files than the event "
                    f"{event.id} says: the lake was restored from a backup since. Take the dataset as it is now."
                )
        return dataset

    def load_dataset_with_kloppy(self, dataset: Dataset, loader: str | None = None, **kwargs: Any) -> KloppyDataset:
        """Read a dataset with kloppy; see `IngestionEngine.load_dataset_with_kloppy`."""
        return self.store.load_with_kloppy(dataset, loader, **kwargs)

    def _why_not(self, event: ConsumedEvent) -> str:
        if event.event_type == "dataset_deleted":
            return "the event says that it was deleted"
        if any(
            one.dataset_id == event.dataset_id for one in self.store.catalogue.event_log.find_deleted(event.occurred_at)
        ):
            return "it was deleted after the event"
        if event.revision is None:
            return "its bundle was in quarantine, and no revision was committed"
        return "it was deleted, or the catalogue is a copy that does not have the event yet"

    def close(self) -> None:
        """Close the lake. A second call does nothing."""
        self.store.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _title(event: ConsumedEvent) -> str:
    return f"{event.provider} {event.dataset_type} {event.identifier}"
