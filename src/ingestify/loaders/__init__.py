"""From a stored dataset to the object an analyst works with."""
