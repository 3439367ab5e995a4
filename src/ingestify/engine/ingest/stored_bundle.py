"""A dataset as it is in the lake, for checks."""

from __future__ import annotations

from collections.abc import Sequence

from ingestify.domain.dataset import Dataset
from ingestify.domain.profile import FileProfile
from ingestify.engine.ingest.bundle_validation import CheckedFile, CheckedFiles
from ingestify.store.dataset_store import DatasetStore

__all__ = ["StoredBundle"]


class StoredBundle(CheckedFiles):
    """Implements `domain.bundle_check.Bundle`: the current files of a dataset, of which none is new.

    Args:
        dataset: The dataset.
        store: The lake.
    """

    def __init__(self, dataset: Dataset, store: DatasetStore) -> None:
        files = store.load_files(dataset, lazy=True)
        seen = {one.file_id: CheckedFile(one.file, one.open_stream, is_new=False) for one in files}
        super().__init__(seen, dataset.metadata)
        self.provider = dataset.provider
        self.loader = store.loader_of(dataset) or ""
        self.dataset_type = dataset.dataset_type
        self.identifier = dataset.identifier
        self.name = dataset.name
        self.state = dataset.state
        self.existing = dataset

    def earlier_profiles(self, file_id: str) -> Sequence[FileProfile]:  # noqa: ARG002 - that of `Bundle`
        """Return nothing: the files are not compared with others."""
        return ()

    def other_profiles(self, file_id: str) -> Sequence[FileProfile]:  # noqa: ARG002 - likewise
        """Return nothing: the files are not compared with others."""
        return ()
