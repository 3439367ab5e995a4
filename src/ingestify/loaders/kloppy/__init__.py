"""Stored datasets as kloppy's objects, read from the lake: https://kloppy.pysport.org.

kloppy caches URLs and never asks again whether they changed, so it is given streams from the lake, never URLs. A
module a provider, each with the functions that `registry` names.
"""
