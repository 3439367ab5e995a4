"""The parts of the lake that a loader uses."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, BinaryIO, Protocol, TypeAlias

from ingestify.domain.dataset import Dataset

if TYPE_CHECKING:
    from kloppy.domain import Dataset as KloppyDataset

__all__ = ["FeedFiles", "FileStore", "Loader", "OpenedFile", "OpenedFiles"]


class OpenedFile(Protocol):
    """A file, as a loader sees it."""

    @property
    def stream(self) -> BinaryIO:
        """The provider's bytes."""


class FeedFiles(Protocol):
    """A dataset's files, as a loader sees them: in the lake, or in a bundle that is being checked."""

    @property
    def feeds(self) -> list[str]:
        """The feeds that are there."""

    def require_file(self, data_feed_key: str, data_spec_version: str | None = None) -> OpenedFile:
        """Return the file of a feed, or raise a LoadError."""

    def find_file(self, data_feed_key: str) -> OpenedFile | None:
        """Return the file of a feed, or None."""


class OpenedFiles(FeedFiles, Protocol):
    """Files that the reader closes."""

    def close(self) -> None:
        """Close the opened files."""


class FileStore(Protocol):
    """The store that has the files."""

    def load_files(self, dataset: Dataset, data_feed_keys: Any = None, lazy: bool = False) -> OpenedFiles:
        """Return the dataset's current files."""


Loader: TypeAlias = "Callable[[FeedFiles, Mapping[str, Any]], KloppyDataset]"
"""Called with files and kwargs; returns kloppy's object of these files, and passes `kwargs` on to kloppy."""
