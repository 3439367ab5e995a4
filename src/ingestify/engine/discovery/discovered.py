"""A dataset that a source announced."""

from __future__ import annotations

import msgspec

from ingestify.domain.identifier import Identifier
from ingestify.domain.plan import Job
from ingestify.domain.resource import DatasetResource
from ingestify.engine.report.report import JobProgress

__all__ = ["Discovered"]


class Discovered(msgspec.Struct):
    """A dataset that a job's source announced. Nobody changes it.

    Attributes:
        progress: The progress of the job that found it.
        resource: The announcement, as the source gave it.
        identifier: The identifier, with the key types of the lake.
        provider: The resource's provider, else the source's.
        key: The unique key in a bucket: provider, dataset type, canonical identifier.
        metadata: The announced metadata as JSON text.
        number: The dataset's number in the job's listing; 0 outside a listing.
        tries: How often another writer committed this dataset first, so that the run decided again.
        is_duplicate: Whether the listing announced this dataset before. The run already works on that first
            announcement, and this one replaces it.
    """

    progress: JobProgress
    resource: DatasetResource
    identifier: Identifier
    provider: str
    key: tuple[str, str, str]
    metadata: str = "{}"
    number: int = 0
    tries: int = 0
    is_duplicate: bool = False

    @property
    def job(self) -> Job:
        """The job that found it."""
        return self.progress.job

    @property
    def name(self) -> str:
        """The name that the source gave, else the identifier; see `DatasetResource.name_of`."""
        return self.resource.name or self.resource.name_of(self.identifier)
