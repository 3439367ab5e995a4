"""What became of a run, as data."""
