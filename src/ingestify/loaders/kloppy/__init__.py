"""Stored datasets as kloppy's objects, read from the lake: https://kloppy.pysport.org.

kloppy caches URLs and never asks again whether they changed, so it is given streams from the lake, never URLs. Most
formats need no code: `by_format` reads them as `provider_formats.built_in` says. The other modules have what some need
besides.
"""
