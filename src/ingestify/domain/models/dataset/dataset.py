"""See `ingestify.domain.dataset`."""

from ingestify.domain.dataset import Dataset as Dataset
from ingestify.domain.dataset import DatasetCollection as DatasetCollection
from ingestify.domain.dataset import DatasetState as DatasetState
from ingestify.domain.dataset import DatasetSummary as DatasetSummary
