"""Where the lake is, and how its catalogue and its files are kept."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from ingestify.config.field_types import Age, BucketName, LongTime, Name, Seconds, Url
from ingestify.domain.asset_uri import LAKE_NAME
from ingestify.typed_section import Section

__all__ = ["FileOptions", "FileTimeoutSettings", "MainSettings", "MetadataOptions", "RetentionSettings"]


class MetadataOptions(Section):
    """How the catalogue is kept."""

    table_prefix: str = Field(
        default="",
        pattern=r"^[A-Za-z0-9_]*$",
        max_length=255,
        description="The beginning of each table's name, so that a database can be shared: up to 255 letters, digits "
        "and _. Of more than 40, the names have the beginning and a hash.",
    )


class FileTimeoutSettings(Section):
    """The timeouts of an object store."""

    connect_seconds: Seconds = Field(default=10.0, description="For a connection.")
    read_seconds: Seconds = Field(
        default=120.0, description="For one request and its response, and for the next bytes of an object."
    )


class FileOptions(Section):
    """The options of an object store: s3://, gs:// and az://. Credentials come from the environment."""

    endpoint: Name | None = Field(
        default=None,
        description="The server, if it is not the service's own: https://minio.example.com:9000, or "
        "https://ACCOUNT.r2.cloudflarestorage.com. http:// is not encrypted.",
        repr=False,
    )
    region: Name | None = Field(
        default=None, description="For S3: the bucket's region. Left out: that of the environment, or of the profile."
    )
    profile: Name | None = Field(
        default=None,
        description="For S3: a profile of ~/.aws/credentials and ~/.aws/config. Left out: AWS_ACCESS_KEY_ID, then "
        "AWS_PROFILE, then the profile default, then the machine's own role.",
    )
    path_style: bool | None = Field(
        default=None,
        description="For S3: whether the bucket is in the path, and not in the host's name. Left out: in the path if "
        "there is an endpoint.",
    )
    account: Name | None = Field(
        default=None, description="For Azure: the storage account. Left out: AZURE_STORAGE_ACCOUNT_NAME."
    )
    anonymous: bool = Field(
        default=False, description="Whether requests are not signed, as for a public bucket; mostly for reading only."
    )
    ca_certificate: Name | None = Field(
        default=None,
        description="A PEM file with the authorities of a private server, trusted besides the usual ones. A relative "
        "path is below the folder of the config file.",
    )
    spool_folder: Name | None = Field(
        default=None,
        description="The folder for files of more than 8 MB until they are complete. It needs space for all files "
        "that are being fetched. Left out: the system's folder for temporary files. A relative path is below the "
        "folder of the config file.",
    )
    attempts: int = Field(
        default=8, ge=1, le=100, description="The most tries of a request that failed and may succeed."
    )
    timeout: FileTimeoutSettings = Field(default=FileTimeoutSettings(), description="How long to wait for a response.")


class MainSettings(Section):
    """Where the lake is, and its name."""

    name: str | None = Field(
        default=None,
        pattern=LAKE_NAME,
        description="The name of the lake in other systems, such as club: up to 100 lower-case letters, digits, and "
        "_ . -. They keep it, so it never changes (docs/operations.md). Left out: the lake's id.",
    )
    metadata_url: Url = Field(
        description="Where the catalogue is: sqlite:///database/catalog.db, postgresql://host/database (extra "
        "postgres), mysql://… or mariadb://… (extra mysql), or a vault url: vault+aws://name or "
        "vault+gcp://project/name, whose secret is such a URL, or what Amazon RDS writes. A relative path is below "
        "the folder of the config file.",
        repr=False,
    )
    file_url: Url = Field(
        description="Where the files are: file://database/files/, s3://…, gs://… or az://…, or a vault url whose "
        "secret is such a URL. After file:// comes a "
        "plain path, without percent-encoding; a relative one is below the folder of the config file.",
        repr=False,
    )
    default_bucket: BucketName = Field(
        default="main", description="The part of the lake that is used when no --bucket is given."
    )
    compression: Literal["zstd", "gzip", "none"] = Field(
        default="zstd",
        description="The compression of files that are not compressed already: zstd makes event JSON about 15 times "
        "smaller at the least cost, other tools can open gzip, and none stores the provider's bytes. It applies to "
        "new files; existing files are read with any of them.",
    )
    metadata_options: MetadataOptions = Field(default=MetadataOptions(), description="The options of the catalogue.")
    file_options: FileOptions | None = Field(
        default=None, description="The options of an object store. Left out: those of the environment."
    )


class RetentionSettings(Section):
    """How much history is kept. `ingestify gc --yes` removes the rest."""

    jobs: LongTime | None = Field(
        default=None,
        description="How long summaries of jobs are kept: 90d, at least 1d. The last one of each selector stays. "
        "Left out: for ever.",
    )
    events: LongTime | None = Field(
        default=None,
        description="How long events are kept: 400d, at least 1d. What a reader of the event log has not read stays. "
        "Left out: for ever.",
    )
    live_revisions: Age | None = Field(
        default=None,
        description="One of the revisions that a match gets while it is played stays for each such time, and the last "
        "one: 15m. The others go two days after the match; the revisions after it all stay. Left out: all stay.",
    )
