"""The functions that make rows. Each gets a `TableInput` and a `TableDefinition`, and returns a frame of polars.

- matches: one row for each dataset.
"""
