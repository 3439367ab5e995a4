"""See `ingestify.domain.events`."""

from ingestify.domain.events import DatasetCreated as DatasetCreated
from ingestify.domain.events import DatasetDeleted as DatasetDeleted
from ingestify.domain.events import DatasetSkipped as DatasetSkipped
from ingestify.domain.events import DomainEvent as DomainEvent
from ingestify.domain.events import MetadataUpdated as MetadataUpdated
from ingestify.domain.events import RevisionAccepted as RevisionAccepted
from ingestify.domain.events import RevisionAdded as RevisionAdded
from ingestify.domain.events import RevisionDiscarded as RevisionDiscarded
from ingestify.domain.events import RevisionInvalidated as RevisionInvalidated
from ingestify.domain.events import RevisionRejected as RevisionRejected
from ingestify.domain.events import RevisionWarned as RevisionWarned
from ingestify.domain.events import RevisionWithdrawn as RevisionWithdrawn
from ingestify.domain.events import SelectorSkipped as SelectorSkipped
