"""The address of a lake in an object store, and the options for the server."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Literal

import msgspec

from ingestify.errors import ConfigurationError
from ingestify.masking import mask_url

__all__ = ["CloudAddress", "CloudOptions", "Service", "is_cloud_url"]

Service = Literal["s3", "gcs", "azure"]

_SERVICES: dict[str, Service] = {"s3": "s3", "gs": "gcs", "gcs": "gcs", "az": "azure"}
_EXAMPLES = {"s3": "s3://my-bucket/lake", "gcs": "gs://my-bucket/lake", "azure": "az://my-container/lake"}
_BUCKETS = {
    "s3": (re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]"), "3 to 63 small letters, digits, dots and hyphens"),
    "gcs": (
        re.compile(r"[a-z0-9][a-z0-9._-]{1,220}[a-z0-9]"),
        "3 to 222 small letters, digits, dots, hyphens and underscores",
    ),
    "azure": (re.compile(r"(?!.*--)[a-z0-9][a-z0-9-]{1,61}[a-z0-9]"), "3 to 63 small letters, digits and hyphens"),
}
_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://(.*)", re.DOTALL)
_OF_SERVICE = {"region": "s3", "profile": "s3", "path_style": "s3", "account": "azure"}


def is_cloud_url(url: str) -> bool:
    """Return whether `url` has the scheme of an object store."""
    match = _SCHEME.match(url)
    return match is not None and match[1].lower() in _SERVICES


class CloudAddress(msgspec.Struct, frozen=True):
    """A place in a bucket.

    Attributes:
        service: The kind of service.
        bucket: The bucket; in Azure it is called a container.
        prefix: The folder of all objects, without `/` at its ends; empty: the whole bucket is the lake.
    """

    service: Service
    bucket: str
    prefix: str

    @classmethod
    def parse(cls, url: str) -> CloudAddress:
        """Read `s3://bucket/prefix`, `gs://…`, `gcs://…` or `az://container/prefix`.

        The part behind the bucket is not decoded: `%20` is three characters, as in a `file://` URL.

        Raises:
            ConfigurationError: The text is no such URL; the message says what would be right, and shows no secret.
        """
        match = _SCHEME.fullmatch(url)
        service = _SERVICES.get(match[1].lower()) if match else None
        if match is None or service is None:
            raise ConfigurationError(f"file_url: '{mask_url(url)}' names no object store; write s3://, gs:// or az://.")
        bucket, _, prefix = match[2].partition("/")
        example = _EXAMPLES[service]
        if "@" in bucket:
            raise ConfigurationError(
                f"file_url: an object store's URL holds no credentials; write it as {example}, and give them by the "
                f"environment (docs/storage.md says how)."
            )
        if "?" in match[2] or "#" in match[2]:
            raise ConfigurationError(
                f"file_url: an object store's URL has no ? and no #; write it as {example}, and options for its server "
                f"under main.file_options."
            )
        pattern, wanted = _BUCKETS[service]
        what = "container" if service == "azure" else "bucket"
        if not bucket:
            raise ConfigurationError(f"file_url: '{url}' names no {what}; write it as {example}.")
        if not pattern.fullmatch(bucket):
            raise ConfigurationError(f"file_url: '{bucket}' is no {what}'s name, which has {wanted}.")
        prefix = prefix.strip("/")
        if prefix and any(
            part in ("", ".", "..") or re.search(r"[\x00-\x1f\x7f\\]", part) for part in prefix.split("/")
        ):
            raise ConfigurationError(
                f"file_url: '{url}' has a part that is empty, '.', '..', or has a \\ or a control character in it; "
                f"write it as {example}."
            )
        return cls(service, bucket, prefix)

    @property
    def container_word(self) -> str:
        """The service's word for a bucket."""
        return "container" if self.service == "azure" else "bucket"

    def __str__(self) -> str:
        scheme = {"s3": "s3", "gcs": "gs", "azure": "az"}[self.service]
        return f"{scheme}://{self.bucket}" + (f"/{self.prefix}" if self.prefix else "")


class CloudOptions(msgspec.Struct, frozen=True, kw_only=True):
    """Options of an object store besides its URL; `main.file_options` describes them too.

    Attributes:
        endpoint: The server's URL; None: the service's own.
        region: The region of an S3 bucket; None: the profile's or the environment's.
        profile: A profile of AWS' shared files; None: the environment's, or `default`.
        path_style: Whether the bucket is in the path, and not in the host's name; None: as is usual for the endpoint.
        account: The storage account in Azure; None: the environment's.
        anonymous: Whether requests have no credentials.
        ca_certificate: A PEM file; its authorities are trusted besides the usual ones.
        spool_folder: Where large files wait until their hash is known; None: the system's folder for temporary files.
        connect_timeout_seconds: How long a connection may take.
        read_timeout_seconds: How long the next bytes of a response may take, and how long a small request.
        attempts: How often a request is tried if its error may pass.
        backoff_seconds: The longest wait after the first try; it doubles after each, up to 10 s.
    """

    endpoint: str | None = None
    region: str | None = None
    profile: str | None = None
    path_style: bool | None = None
    account: str | None = None
    anonymous: bool = False
    ca_certificate: Path | None = None
    spool_folder: Path | None = None
    connect_timeout_seconds: float = 10.0
    read_timeout_seconds: float = 120.0
    attempts: int = 8
    backoff_seconds: float = 0.2

    def check(self, service: Service) -> None:
        """Refuse options that the service does not have.

        Raises:
            ConfigurationError: The message names the option.
        """
        for name, wanted in _OF_SERVICE.items():
            if getattr(self, name) is not None and service != wanted:
                raise ConfigurationError(
                    f"file_options.{name}: this is for {wanted}, and file_url is of {service}; leave it out."
                )
        if self.anonymous and self.profile is not None:
            raise ConfigurationError("file_options: anonymous and profile contradict each other; leave one out.")
        if self.endpoint is not None and not re.fullmatch(r"https?://[^\s/?#@]+(/[^\s?#]*)?", self.endpoint):
            raise ConfigurationError(
                f"file_options.endpoint: '{mask_url(self.endpoint)}' is no server's URL; write it as "
                f"https://minio.example.com:9000, without credentials, ? and #."
            )
