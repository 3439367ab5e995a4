"""See `ingestify.domain.models`."""

from ingestify.domain.dataset import Dataset as Dataset
from ingestify.domain.dataset import DatasetCollection as DatasetCollection
from ingestify.domain.dataset import DatasetState as DatasetState
from ingestify.domain.dataset import DatasetSummary as DatasetSummary
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
from ingestify.domain.file import DraftFile as DraftFile
from ingestify.domain.file import File as File
from ingestify.domain.file import NotModifiedFile as NotModifiedFile
from ingestify.domain.identifier import Identifier as Identifier
from ingestify.domain.revision import Revision as Revision
from ingestify.domain.revision import RevisionState as RevisionState
from ingestify.domain.selector import Selector as Selector
