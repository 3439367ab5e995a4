"""Adapters of `domain.delivery.Delivery`, from which delivered files are read.

- `folder`: a folder of this computer; `folder_events`: what happens in it.
- `bucket`: an object store.
- `sftp`: an SFTP server; `sftp_address`: its URL and options; `sftp_connection`: its connection.
- `stream`: a delivered file, whose version is compared at its end.
"""
