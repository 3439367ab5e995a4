"""One dataset, from its first request to its change of the lake."""
