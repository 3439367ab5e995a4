"""See `ingestify.sources`."""
