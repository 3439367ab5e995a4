"""One dataset, for all functions that make rows of it: a file is read once, and kloppy loads once."""

from __future__ import annotations

import contextlib
import functools
import gc
import logging
import threading
import warnings
from collections.abc import Callable, Iterator
from typing import Any

from ingestify.domain.dataset import Dataset, lake_of
from ingestify.errors import IngestifyError
from ingestify.provider_formats.built_in import find_format
from ingestify.store.dataset_store import DatasetStore
from ingestify.store.reading.file_collection import FileCollection
from ingestify.tables.kloppy_blocks import Block, iter_blocks

__all__ = ["TableInput"]

logger = logging.getLogger(__name__)

_HEAD = 100
"""How many frames tell the teams and periods of a match."""

_loading = threading.Lock()

_COORDINATES = {("statsperform", "match"): "opta", ("statsperform", "tracking"): "sportvu"}
"""The formats whose coordinates have another name at kloppy."""


def _add_players(metadata: Any, of_block: Any) -> None:
    """Add the players that kloppy found only in that block."""
    for team, other in zip(metadata.teams, of_block.teams, strict=True):
        known = {player.player_id for player in team.players}
        team.players += [player for player in other.players if player.player_id not in known]


@contextlib.contextmanager
def _without_garbage_collection() -> Iterator[None]:
    """Let Python look for no garbage: it would look at all of kloppy's objects again and again, half of the time."""
    is_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if is_enabled:
            gc.enable()


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

        Of tracking, kloppy loads some frames for it, unless it has loaded all. It raises the errors of `kloppy`.
        """
        if not self.is_tracking or self._loaded is not None or self._error is not None:
            return self.kloppy().metadata
        if self._head is None:
            block = next(self.iter_tracking(_HEAD), None)
            self._head = self._load(limit=1).metadata if block is None else block.metadata
        return self._head

    def iter_tracking(self, at_once: int) -> Iterator[Block]:
        """Yield kloppy's frames, about so many at once; nothing if kloppy has to load them as a whole.

        It raises the errors of `kloppy`.
        """
        if self._loaded is not None or not self.is_tracking or self.dataset.current_revision is None:
            return
        head: Any = None
        for block in iter_blocks(self.loader, self.files, self._load_part, at_once) or ():
            head = head or block.metadata
            _add_players(head, block.metadata)
            yield block
        self._head = head

    def _load_part(self, files: Any, **more: Any) -> Any:
        options = {**self._options, **more}
        return self._quietly(self._store.load_part_with_kloppy, files, self.dataset, self.loader, **options)

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
        return self._quietly(self._store.load_with_kloppy, self.dataset, self.loader, **self._options, **more)

    def _quietly(self, load: Callable[..., Any], *given: Any, **options: Any) -> Any:
        # What kloppy warns of is the same in each of a season's matches. Python's filters are those of the whole
        # process, so threads take turns; they would not load faster side by side.
        with _loading, _without_garbage_collection(), warnings.catch_warnings(record=True) as warned:
            warnings.simplefilter("always")
            loaded = load(*given, **options)
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
        """Close the files, and forget what kloppy made, of which each record has the next one."""
        for record in getattr(self._loaded, "records", ()):
            vars(record).clear()
        self._loaded = self._head = None
        if "files" in self.__dict__:
            self.files.close()

    def __enter__(self) -> TableInput:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
