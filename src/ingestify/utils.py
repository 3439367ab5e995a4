"""See `ingestify.clock`."""

from ingestify.clock import now as utcnow

__all__ = ["utcnow"]
