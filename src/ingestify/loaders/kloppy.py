"""Stored datasets as kloppy's objects, read from the lake: https://kloppy.pysport.org.

kloppy caches URLs and never asks again whether they changed, so it is given streams from the lake, never URLs.
"""

from __future__ import annotations

import datetime as dt
import logging
from collections.abc import Callable, Mapping
from typing import Any, Protocol

from ingestify.domain.dataset import Dataset
from ingestify.errors import IngestifyError, LoadError, MissingExtraError

__all__ = ["LOADERS", "load_with_kloppy"]

logger = logging.getLogger(__name__)


class OpenedFile(Protocol):
    """What a loader needs of a file."""

    @property
    def stream(self) -> Any:
        """The provider's bytes."""


class FeedFiles(Protocol):
    """What a loader needs of a dataset's files: those of the lake, or of a bundle that is being checked."""

    def get_file(self, data_feed_key: str, data_spec_version: str | None = None) -> OpenedFile:
        """Return the file of a feed, or raise a LoadError."""

    def find_file(self, data_feed_key: str) -> OpenedFile | None:
        """Return the file of a feed, or None."""


class OpenedFiles(FeedFiles, Protocol):
    """Files that are closed when they were read."""

    def close(self) -> None:
        """Close what was opened."""


class FileStore(Protocol):
    """Where the files come from."""

    def load_files(self, dataset: Dataset, data_feed_keys: Any = None, lazy: bool = False) -> OpenedFiles:
        """Return the dataset's current files."""


def _load_statsbomb(files: FeedFiles, kwargs: Mapping[str, Any]) -> Any:
    from kloppy import statsbomb  # heavy and optional

    three_sixty = files.find_file("360-frames")
    return statsbomb.load(
        event_data=files.get_file("events").stream,
        lineup_data=files.get_file("lineups").stream,
        three_sixty_data=None if three_sixty is None else three_sixty.stream,
        **kwargs,
    )


Loader = Callable[[FeedFiles, Mapping[str, Any]], Any]

LOADERS: dict[tuple[str, str], Loader] = {("statsbomb", "match"): _load_statsbomb}
"""(provider, dataset type) to what makes kloppy's object of its files."""


def load_with_kloppy(store: FileStore, dataset: Dataset, **kwargs: Any) -> Any:
    """Return kloppy's object of a dataset.

    The object does not know which match it is; so its metadata gets from the lake what kloppy left out: `game_id`,
    `date` (the kick-off as the provider gives it; naive, because StatsBomb says no zone), `game_week`, and in
    `attributes` the `identifier`, `dataset_id`, `name` and `provider`.

    Args:
        store: Where the files are.
        dataset: A dataset with a revision.
        **kwargs: Passed on to kloppy: `coordinates`, `event_types`, `event_factory`, …

    Raises:
        MissingExtraError: kloppy is not installed.
        LoadError: There is no loader for this kind of dataset, a feed is missing, or kloppy cannot read it.
    """
    loader = LOADERS.get((dataset.provider, dataset.dataset_type))
    if loader is None:
        there = ", ".join(f"{provider}/{dataset_type}" for provider, dataset_type in sorted(LOADERS))
        raise LoadError(
            f"There is no kloppy loader for {dataset.provider}/{dataset.dataset_type}; there is for {there}. "
            f"Use store.load_files(dataset) and kloppy's own functions."
        )
    try:
        import kloppy  # noqa: F401 - only to see whether it is there
    except ModuleNotFoundError as error:
        raise MissingExtraError("kloppy", "Loading a dataset with kloppy") from error
    if dataset.current_revision is None:
        raise LoadError(f"{dataset} has no files yet; its state is {dataset.state}.")
    files = store.load_files(dataset, lazy=True)
    try:
        loaded = loader(files, kwargs)
    except LoadError as error:
        raise LoadError(f"{dataset} cannot be loaded with kloppy. {error}") from error
    except (IngestifyError, TypeError):
        raise  # a damaged object says so itself; a wrong argument is named by kloppy
    except Exception as error:
        raise LoadError(f"kloppy cannot read {dataset}: {type(error).__name__}: {error}") from error
    finally:
        files.close()
    _fill_in(loaded, dataset)
    return loaded


def _fill_in(loaded: Any, dataset: Dataset) -> None:
    metadata = getattr(loaded, "metadata", None)
    if metadata is None:
        return
    identifier = dataset.identifier
    game_id = identifier.get("match_id", identifier.get("game_id"))
    known = {
        "game_id": None if game_id is None else str(game_id),
        "date": _kick_off(dataset.metadata),
        "game_week": dataset.metadata.get("match_week"),
    }
    for name, value in known.items():
        if value is not None and getattr(metadata, name, None) is None:
            setattr(metadata, name, value)
    attributes = dict(getattr(metadata, "attributes", None) or {})
    attributes.update(
        identifier=dict(identifier), dataset_id=dataset.dataset_id, name=dataset.name, provider=dataset.provider
    )
    metadata.attributes = attributes


def _kick_off(metadata: Mapping[str, Any]) -> dt.datetime | None:
    date, kick_off = metadata.get("match_date"), metadata.get("kick_off")
    if not isinstance(date, str):
        return None
    try:
        return dt.datetime.fromisoformat(f"{date}T{kick_off}" if isinstance(kick_off, str) else date)
    except ValueError:
        return None
