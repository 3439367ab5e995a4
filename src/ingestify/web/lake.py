"""The lake that the pages show."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from typing import Any

from ingestify.engine.engine import IngestionEngine
from ingestify.main.place import Place
from ingestify.main.publishing import Publishing
from ingestify.masking import mask_url
from ingestify.replay.reading import Recordings
from ingestify.store.dataset_store import DatasetStore

__all__ = ["WebLake"]


@dataclasses.dataclass(frozen=True, slots=True)
class WebLake:
    """A lake, and what may be done with it.

    Attributes:
        store: Every method of it may be called from any thread.
        title: Its name for people.
        opening: The arguments of `get_engine` that open it, as Python text without secrets.
        is_read_only: Whether the pages change nothing.
        person: Who decides, unless the form has another name; empty: it is not known.
        open_engine: Opens the lake with its settings: its subscribers hear of decisions, and it knows its tables; None:
            `store` decides, and there are no tables.
        open_publishing: Opens the publishers of the settings; None: there are no settings.
        recordings: The tracking that was played last.
    """

    store: DatasetStore
    title: str
    opening: str = ""
    is_read_only: bool = False
    person: str = ""
    open_engine: Callable[[], AbstractContextManager[IngestionEngine]] | None = None
    open_publishing: Callable[[], Publishing] | None = None
    recordings: Recordings = dataclasses.field(default_factory=Recordings)

    @classmethod
    def at(cls, store: DatasetStore, place: Place, *, is_read_only: bool = False, **more: Any) -> WebLake:
        """Return the lake of a place; `more` are further attributes."""
        if place.folder is None and place.config is None:
            urls = mask_url(place.metadata_url), mask_url(place.file_url)
            opening = f"metadata_url={urls[0]!r}, file_url={urls[1]!r}".replace("'", '"')
            return cls(store, store.name or urls[0], opening, is_read_only, **more)
        path = place.folder or (place.base / place.config.name if place.config else place.base)
        folder = path if place.folder else path.parent
        return cls(store, store.name or folder.name or str(folder), f'"{path.as_posix()}"', is_read_only, **more)

    @contextlib.contextmanager
    def deciding(self) -> Iterator[DatasetStore]:
        """Yield the store in which a person's decision is carried out."""
        if self.open_engine is None:
            yield self.store
        else:
            with self.open_engine() as engine:
                yield engine.store
