"""Objects of the lake: their paths, their bytes, and whose they are.

- `bucket_objects`: the objects of one bucket are staged, published and restored.
- `staging`: one pass over a file's bytes; `checkpoints`: hashes with which a later process resumes it.
- `compression`: zstd, gzip or none.
- `layout`: the path of an object; `transformations`: folder levels above identifier keys.
- `identity`: the storage and the catalogue belong to the same lake.
"""
