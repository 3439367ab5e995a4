"""The classes of the domain, importable from one module.

The paths below this package are those of the published package. Each module only imports from where the class is.
"""

from ingestify.domain.bundle import BundleType as BundleType
from ingestify.domain.bundle_check import Bundle as Bundle
from ingestify.domain.bundle_check import BundleCheck as BundleCheck
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
from ingestify.domain.feeds import DataSpecVersionCollection as DataSpecVersionCollection
from ingestify.domain.fetch_policy import FetchPolicy as FetchPolicy
from ingestify.domain.file import DraftFile as DraftFile
from ingestify.domain.file import File as File
from ingestify.domain.file import NotModifiedFile as NotModifiedFile
from ingestify.domain.identifier import Identifier as Identifier
from ingestify.domain.plan import IngestionPlan as IngestionPlan
from ingestify.domain.quarantine import QuarantineEntry as QuarantineEntry
from ingestify.domain.quarantine import QuarantineState as QuarantineState
from ingestify.domain.resource import DatasetResource as DatasetResource
from ingestify.domain.resource import FileResource as FileResource
from ingestify.domain.resource import UnreadableEntry as UnreadableEntry
from ingestify.domain.revision import Revision as Revision
from ingestify.domain.revision import RevisionState as RevisionState
from ingestify.domain.run import Counters as Counters
from ingestify.domain.run import JobSummary as JobSummary
from ingestify.domain.run import RunReport as RunReport
from ingestify.domain.run import RunState as RunState
from ingestify.domain.run import TaskOutcome as TaskOutcome
from ingestify.domain.run import TaskSummary as TaskSummary
from ingestify.domain.selector import Selector as Selector
from ingestify.domain.source import Source as Source
from ingestify.domain.subscriber import Subscriber as Subscriber
