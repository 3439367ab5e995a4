"""See `ingestify.domain.selector`."""

from ingestify.domain.selector import Selector as Selector
