"""The formats in which providers deliver, as kloppy reads them.

- provider_format: what a format is: its feeds, and their arguments of kloppy.
- built_in: the table of the built-in formats.
- agreement: the bundle check of a format.
"""
