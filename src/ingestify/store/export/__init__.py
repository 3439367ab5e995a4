"""Datasets of a lake as files in a folder, where readers of the provider's own files look for them.

exporting     the use case: first all paths, then the files
plan          which file goes where
indexes       the provider's lists, which are written anew
terms         a note for each provider, with its licence
paths         safe paths, and which of them are two for a file system
content       what a file of an export has in it
tables        a file as Parquet
folder        the folder: what is there, and whole files or none
side_by_side  reads and writes several files at once
report        what an export did
"""
