"""`ingestify.files`: deliveries in a folder, a bucket or on an SFTP server.

- source: the source itself.
- settings: its configuration.
- pattern: patterns of paths, with named fields.
- glob: names with wildcards.
- listing: which file of a location belongs to which dataset.
- loader: the file loaders, which stream a file or a member of an archive.
"""
