"""What a loader needs of the lake."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Protocol

from ingestify.domain.dataset import Dataset

__all__ = ["FeedFiles", "FileStore", "Loader", "OpenedFile", "OpenedFiles"]


class OpenedFile(Protocol):
    """What a loader needs of a file."""

    @property
    def stream(self) -> Any:
        """The provider's bytes."""


class FeedFiles(Protocol):
    """What a loader needs of a dataset's files: those of the lake, or of a bundle that is being checked."""

    @property
    def feeds(self) -> list[str]:
        """The feeds that are there."""

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


Loader = Callable[[FeedFiles, Mapping[str, Any]], Any]
"""`(files, kwargs)` → kloppy's object: reads the files of a dataset, and passes `kwargs` on to kloppy."""
