"""See `ingestify.domain.models`."""
