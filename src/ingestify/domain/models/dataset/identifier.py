"""See `ingestify.domain.identifier`."""

from ingestify.domain.identifier import Identifier as Identifier
