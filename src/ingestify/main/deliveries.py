"""Deliveries, each made for the scheme of its location."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ingestify.config.locations import local_path, resolve_url
from ingestify.config.reader import read_file_options
from ingestify.domain.delivery import Delivery
from ingestify.errors import ConfigurationError, MissingExtraError
from ingestify.main.cloud import cloud_options
from ingestify.masking import mask_url
from ingestify.storage.cloud_address import CloudAddress, is_cloud_url
from ingestify.storage.deliveries.folder import FolderDelivery
from ingestify.suggestion import did_you_mean

__all__ = ["open_delivery"]

_PATHS = ("private_key", "known_hosts")


def open_delivery(location: str, options: Mapping[str, Any], folder: Path) -> Delivery:
    """Open a location: a path, `file://`, `sftp://`, or an object store's URL. This sends no request.

    Args:
        location: The path or URL.
        options: For an object store those of `main.file_options`; for SFTP those of `SftpOptions`.
        folder: The base of relative paths.

    Raises:
        ConfigurationError: The location or the options make no sense.
        MissingExtraError: The extra that the scheme needs is not installed.
    """
    scheme, separator, _ = location.partition("://")
    if is_cloud_url(location):
        return _open_bucket(location, options, folder)
    if scheme == "sftp":
        return _open_sftp(location, options, folder)
    if separator and scheme != "file":
        raise ConfigurationError(
            f"location: there is nothing to read '{mask_url(location)}' with; write a path, file://, sftp://, s3://, "
            f"gs:// "
            f"or az://."
        )
    if options:
        raise ConfigurationError("options: they are for sftp:// and object stores; leave them out.")
    return FolderDelivery(
        local_path(resolve_url(location, folder)) if separator else folder / Path(location).expanduser()
    )


def _open_bucket(location: str, options: Mapping[str, Any], folder: Path) -> Delivery:
    from ingestify.storage.deliveries.bucket import BucketDelivery  # heavy: obstore

    try:
        return BucketDelivery(CloudAddress.parse(location), cloud_options(read_file_options(options), folder))
    except MissingExtraError:
        raise
    except ConfigurationError as error:
        # The message is about the lake's object store, so its words are replaced by those of a delivery.
        said = str(error).replace("get_engine: ", "").replace("main.file_options", "options")
        said = said.replace("file_options", "options").replace("file_url", "location")
        raise ConfigurationError(said) from error


def _open_sftp(location: str, options: Mapping[str, Any], folder: Path) -> Delivery:
    from ingestify.storage.deliveries.sftp import SftpDelivery  # heavy: paramiko
    from ingestify.storage.deliveries.sftp_address import SftpAddress, SftpOptions

    known = {field.name: field for field in dataclasses.fields(SftpOptions)}
    listed = ", ".join(known)
    for name, value in options.items():
        if name not in known:
            raise ConfigurationError(
                f"options: there is no '{name}'{did_you_mean(name, known) or f'; there are {listed}.'}"
            )
        if name in ("connections", "connect_timeout_seconds", "read_timeout_seconds"):
            if isinstance(value, bool) or not isinstance(value, (int, float)) or value <= 0:
                raise ConfigurationError(f"options.{name}: it must be a number above 0.")
        elif not isinstance(value, str):
            raise ConfigurationError(f"options.{name}: it must be text.")
    paths = {name: folder / Path(options[name]).expanduser() for name in _PATHS if name in options}
    return SftpDelivery(SftpAddress.parse(location), SftpOptions(**{**options, **paths}))
