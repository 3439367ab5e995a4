"""Loads stored datasets into an analyst's objects.

- kloppy: the loaders for kloppy.
- kloppy_bounds: a slow bundle check that loads a match with kloppy, as an example.
"""
