"""The client of each object store, with its credentials. No request is sent here."""

from __future__ import annotations

import datetime as dt
import os
from collections.abc import Callable
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit, urlunsplit

from ingestify.clock import now
from ingestify.errors import ConfigurationError, MissingExtraError
from ingestify.masking import hide, mask_text
from ingestify.storage.aws_profile import AwsProfile, find_default_profile, get_profile
from ingestify.storage.cloud_address import CloudAddress, CloudOptions

if TYPE_CHECKING:
    from obstore.store import AzureStore, GCSStore, S3Store

    Client = S3Store | GCSStore | AzureStore

__all__ = ["make_client"]

_AWS_ENDPOINTS = ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL", "AWS_ENDPOINT")
_AWS_REGIONS = ("AWS_REGION", "AWS_DEFAULT_REGION")
_AWS_ROLES = (
    "AWS_WEB_IDENTITY_TOKEN_FILE",
    "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
    "AWS_CONTAINER_CREDENTIALS_FULL_URI",
)
_AZURE_ACCOUNTS = ("AZURE_STORAGE_ACCOUNT_NAME", "AZURE_STORAGE_ACCOUNT")
_AZURE_ENDPOINTS = ("AZURE_STORAGE_ENDPOINT", "AZURE_ENDPOINT")
_GOOGLE_ENDPOINTS = ("GOOGLE_BASE_URL",)
_SECRETS = (
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "AWS_TOKEN",
    "AWS_SSE_CUSTOMER_KEY_BASE64",
    "GOOGLE_BEARER_TOKEN",
    "GOOGLE_SERVICE_ACCOUNT_KEY",
    "AZURE_STORAGE_ACCOUNT_KEY",
    "AZURE_STORAGE_ACCESS_KEY",
    "AZURE_STORAGE_MASTER_KEY",
    "AZURE_STORAGE_SAS_KEY",
    "AZURE_STORAGE_SAS_TOKEN",
    "AZURE_STORAGE_TOKEN",
    "AZURE_STORAGE_CLIENT_SECRET",
    "AZURE_CLIENT_SECRET",
)

_CREDENTIALS_KEPT = dt.timedelta(minutes=15)
_LONGEST_BACKOFF = dt.timedelta(seconds=10)
_LONGEST_RETRYING = dt.timedelta(minutes=3)
_NO_LIMIT = "7d"
"""The limit for a whole request: a large object is read for as long as it takes, and its parts have limits."""


def make_client(address: CloudAddress, options: CloudOptions) -> Client:
    """Return obstore's client for a lake.

    Raises:
        ConfigurationError: Credentials or options are missing, or make no sense.
        MissingExtraError: obstore, or boto3 for a profile that needs it, is not installed.
    """
    try:
        import obstore.exceptions  # an extra
    except ImportError as error:
        raise MissingExtraError(address.service, f"A lake in {address}") from error
    options.check(address.service)
    for name in _SECRETS:
        hide(os.environ.get(name))
    make: dict[str, Callable[[CloudAddress, CloudOptions], Client]] = {
        "s3": _make_s3,
        "gcs": _make_gcs,
        "azure": _make_azure,
    }
    try:
        return make[address.service](address, options)
    except (obstore.exceptions.BaseError, ValueError, OSError) as error:
        problem = mask_text(str(error).partition("\n\nDebug source")[0].strip())
    # Outside of the handler: obstore's error may quote a key, which the traceback would show.
    raise ConfigurationError(f"file_url: {address} cannot be opened with these settings: {problem}.")


def _make_s3(address: CloudAddress, options: CloudOptions) -> S3Store:
    from obstore.store import S3Store

    profile = _choose_profile(options)
    endpoint = options.endpoint or _from_environment(_AWS_ENDPOINTS) or (profile.endpoint if profile else None)
    config: dict[str, Any] = {}
    region = options.region or (None if _from_environment(_AWS_REGIONS) or profile is None else profile.region)
    if region is not None:
        config["region"] = region
    # AWS wants the bucket in the host's name, unless it has a dot, which AWS' certificates do not cover.
    path_style = options.path_style
    if path_style is None:
        path_style = endpoint is not None or "." in address.bucket
    config["virtual_hosted_style_request"] = not path_style
    if endpoint is not None:
        endpoint = endpoint.rstrip("/")
        config["aws_endpoint_url_s3"] = endpoint if path_style else _with_bucket(endpoint, address.bucket)
    credentials: Callable[[], Any] | None = None
    if options.anonymous:
        config["skip_signature"] = True
    elif profile is not None:
        # Not as settings: obstore would combine these with a session token of the environment.
        credentials = _boto3_credentials(profile) if profile.needs_boto3 else _ProfileCredentials(profile)
    return S3Store(
        address.bucket,
        prefix=address.prefix or None,
        credential_provider=credentials,
        **config,
        **_http(options, endpoint),
    )


class _ProfileCredentials:
    """Gives obstore the credentials in a profile's file, also after they were renewed. Called in obstore's threads."""

    def __init__(self, profile: AwsProfile) -> None:
        self._profile: AwsProfile | None = profile
        self._name = profile.name

    def __call__(self) -> dict[str, Any]:
        profile, self._profile = self._profile or get_profile(self._name), None
        hide(profile.secret_access_key)
        hide(profile.session_token)
        return {
            "access_key_id": profile.access_key_id,
            "secret_access_key": profile.secret_access_key,
            "token": profile.session_token,
            "expires_at": now() + _CREDENTIALS_KEPT,
        }


def _choose_profile(options: CloudOptions) -> AwsProfile | None:
    """Return the profile that has the credentials; None: the environment, container or machine has them."""
    if options.anonymous:
        return None
    if options.profile is None and os.environ.get("AWS_ACCESS_KEY_ID"):
        if not os.environ.get("AWS_SECRET_ACCESS_KEY"):
            raise ConfigurationError("AWS_ACCESS_KEY_ID is set and AWS_SECRET_ACCESS_KEY is not; set both.")
        return None
    name = options.profile or os.environ.get("AWS_PROFILE")
    if name:
        profile = get_profile(name)
        if not profile.needs_boto3 and not (profile.access_key_id and profile.secret_access_key):
            raise ConfigurationError(
                f"file_options.profile: the AWS profile '{name}' has no credentials; write aws_access_key_id and "
                f"aws_secret_access_key below it."
            )
        return profile
    if _from_environment(_AWS_ROLES):
        return None
    default = find_default_profile()
    if default is not None and (default.needs_boto3 or (default.access_key_id and default.secret_access_key)):
        return default
    if os.environ.get("AWS_EC2_METADATA_DISABLED", "").lower() == "true":
        raise ConfigurationError(
            "There are no credentials for S3: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or name a profile of "
            "~/.aws/credentials under file_options.profile; for a public bucket write anonymous: true there."
        )
    return None


def _boto3_credentials(profile: AwsProfile) -> Any:
    try:
        import boto3
        from botocore.exceptions import BotoCoreError
        from obstore.auth.boto3 import Boto3CredentialProvider
    except ImportError as error:
        raise MissingExtraError("aws-profiles", f"The AWS profile '{profile.name}'") from error
    try:
        return Boto3CredentialProvider(boto3.Session(profile_name=profile.name))
    except (BotoCoreError, ValueError) as error:
        raise ConfigurationError(
            f"file_options.profile: the AWS profile '{profile.name}' gives no credentials "
            f"({mask_text(str(error))}); sign in again, such as with  aws sso login --profile {profile.name} ."
        ) from error


def _make_gcs(address: CloudAddress, options: CloudOptions) -> GCSStore:
    from obstore.store import GCSStore

    config: dict[str, Any] = {}
    endpoint = options.endpoint or _from_environment(_GOOGLE_ENDPOINTS)
    if endpoint is not None:
        config["base_url"] = endpoint.rstrip("/")
    if options.anonymous:
        # Without a token, obstore would request one from a metadata service when it writes.
        config |= {"skip_signature": True, "bearer_token": "anonymous"}
    return GCSStore(address.bucket, prefix=address.prefix or None, **config, **_http(options, endpoint))


def _make_azure(address: CloudAddress, options: CloudOptions) -> AzureStore:
    from obstore.store import AzureStore

    account = options.account or _from_environment(_AZURE_ACCOUNTS)
    if account is None:
        raise ConfigurationError(
            "file_options.account: a lake in Azure needs the name of its storage account; write it there, or set "
            "AZURE_STORAGE_ACCOUNT_NAME."
        )
    config: dict[str, Any] = {"account_name": account}
    endpoint = options.endpoint or _from_environment(_AZURE_ENDPOINTS)
    if endpoint is not None:
        config["endpoint"] = endpoint.rstrip("/")
    if options.anonymous:
        config["skip_signature"] = True
    return AzureStore(address.bucket, prefix=address.prefix or None, **config, **_http(options, endpoint))


def _http(options: CloudOptions, endpoint: str | None) -> dict[str, Any]:
    client: dict[str, Any] = {
        # A person who writes http:// wants it.
        "allow_http": endpoint is not None and endpoint.lower().startswith("http://"),
        "connect_timeout": dt.timedelta(seconds=options.connect_timeout_seconds),
        "read_timeout": dt.timedelta(seconds=options.read_timeout_seconds),
        "timeout": _NO_LIMIT,
    }
    if options.ca_certificate is not None:
        try:
            client["root_certificate"] = options.ca_certificate.read_bytes()
        except OSError as error:
            raise ConfigurationError(
                f"file_options.ca_certificate: {options.ca_certificate} cannot be read: {error.strerror}."
            ) from error
    return {
        "client_options": client,
        "retry_config": {
            "max_retries": options.attempts - 1,
            "retry_timeout": _LONGEST_RETRYING,
            "backoff": {
                "init_backoff": dt.timedelta(seconds=options.backoff_seconds),
                "max_backoff": _LONGEST_BACKOFF,
                "base": 2,
            },
        },
    }


def _with_bucket(endpoint: str, bucket: str) -> str:
    parts = urlsplit(endpoint)
    if parts.netloc.startswith(f"{bucket}."):
        return endpoint
    return urlunsplit(parts._replace(netloc=f"{bucket}.{parts.netloc}"))


def _from_environment(names: tuple[str, ...]) -> str | None:
    return next((value for name in names if (value := os.environ.get(name))), None)
