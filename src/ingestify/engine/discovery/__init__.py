"""What the provider has: plans become jobs, and a source is asked for its datasets."""
