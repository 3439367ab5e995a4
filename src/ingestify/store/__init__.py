"""The lake: reading it, committing to it, and its objects.

- `dataset_store`: the lake as one object, with what users call.
- `quarantine`: the bundles that failed a check, and a person's decisions about them.
- `accepted_part`: which files of such a bundle are published.
- `writing`: what of it writes datasets and revisions without a source.
- `commits`: commits to the catalogue, and their events in commit order.
- `presence`: a commit names only objects that are in the storage.
- `outbox`: events on their way to the subscribers.
- `removal`: removal of orphaned objects.
- `leases`: writer leases; `process`: the process that holds one.
- `export`: datasets as files in a folder.
- `reading`: datasets, files, tables and data frames.
- `objects`: paths, compression, staged files, and the lake's identity.
- `maintenance`: verification, repair, garbage collection, copies.
"""
