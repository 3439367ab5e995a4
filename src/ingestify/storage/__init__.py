"""Adapters of `domain.ports.Storage`, where the objects are.

- `local`: a folder; `local_temporary`: its temporary and partial files; `leftovers`: those of ended processes;
  `disk`: the errors of a disk.
- `cloud`: an object store; `cloud_address`: its URL and options; `cloud_clients`: its client; `aws_profile`: profiles
  of AWS; `cloud_reader`: reading an object; `cloud_temporary`: writing one; `cloud_errors`: its errors.
- `memory`: for tests and trial runs.
- `object_path`: a second check of paths.
- `deliveries`: folders from which delivered files are read.
"""
