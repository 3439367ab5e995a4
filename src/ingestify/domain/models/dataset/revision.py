"""See `ingestify.domain.revision`."""

from ingestify.domain.revision import Revision as Revision
from ingestify.domain.revision import RevisionState as RevisionState
