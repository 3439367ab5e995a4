"""The settings of an object store, as its adapters take them."""

from __future__ import annotations

from pathlib import Path

from ingestify.config.locations import expand_home
from ingestify.config.settings import FileOptions
from ingestify.storage.cloud_address import CloudOptions

__all__ = ["cloud_options"]


def cloud_options(options: FileOptions, folder: Path) -> CloudOptions:
    """Return the settings of an object store for its adapter.

    Args:
        options: The settings.
        folder: The base of their relative paths.
    """
    return CloudOptions(
        endpoint=options.endpoint,
        region=options.region,
        profile=options.profile,
        path_style=options.path_style,
        account=options.account,
        anonymous=options.anonymous,
        ca_certificate=None if options.ca_certificate is None else folder / expand_home(options.ca_certificate),
        spool_folder=None if options.spool_folder is None else folder / expand_home(options.spool_folder),
        connect_timeout_seconds=options.timeout.connect_seconds,
        read_timeout_seconds=options.timeout.read_seconds,
        attempts=options.attempts,
    )
