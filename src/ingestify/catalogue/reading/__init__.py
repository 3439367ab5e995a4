"""What is in the lake: datasets, one by one and counted.

- `datasets`: datasets in full, page by page, and counted.
- `scan`: conditions, evaluated row by row.
"""
