"""See `ingestify.domain.fetch_policy`."""

from ingestify.domain.fetch_policy import FetchPolicy as FetchPolicy
