"""See `ingestify.domain.dataset`."""

from ingestify.domain.dataset import DatasetState as DatasetState
