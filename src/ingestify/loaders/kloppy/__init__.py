"""Loads stored datasets with kloppy: https://kloppy.pysport.org.

kloppy caches URLs and never checks whether they changed, so it gets streams from the lake, and no URLs.

- loading: loads a dataset, and adds the lake's metadata.
- registry: the loaders by format and dataset type.
- by_format: the loader of most formats, by the table `provider_formats.built_in`.
- impect, metrica: loaders that need code of their own.
- files: the parts of the lake that a loader uses.
"""
