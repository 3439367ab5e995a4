"""What is in the lake: datasets, one by one and counted.

- `datasets`: datasets in full, page by page, and counted.
- `overview`: whether something changed, and how much there is.
- `coverage`: what there is of what the providers listed, and how old it is.
- `scan`: conditions, evaluated row by row.
"""
