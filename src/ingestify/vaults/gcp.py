"""Secrets in Google Cloud's Secret Manager: `vault+gcp://project/wyscout/3#api_key`; without a version, the latest.

Credentials are Google's application default credentials: `GOOGLE_APPLICATION_CREDENTIALS`, `gcloud auth
application-default login`, or the machine's service account. `?location=europe-west3` is for secrets of one region.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable, Iterator
from typing import Any

from ingestify.errors import MissingExtraError, SecretError
from ingestify.masking import mask_text
from ingestify.vaults.url import VaultUrl

__all__ = ["GcpSecretReader"]

TIMEOUT_SECONDS = 60.0

_PART = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.:-]*")  # `:` and `.` in projects of a domain: example.com:lake
_LOCATION = re.compile(r"[a-z0-9-]+")


class GcpSecretReader:
    """Implements `SecretReader` with google-cloud-secret-manager, the extra `gcp-secrets`.

    Args:
        make_client: Makes the `SecretManagerServiceClient` for a host; None: with the default credentials.

    Raises:
        MissingExtraError: google-cloud-secret-manager is not installed.
    """

    options = frozenset({"location"})

    def __init__(self, make_client: Callable[[str], Any] | None = None) -> None:
        try:
            from google.cloud import secretmanager  # heavy, and an extra
        except ImportError as error:
            raise MissingExtraError(
                "gcp-secrets", "Reading a secret from Google's Secret Manager (vault+gcp://)"
            ) from error
        # REST works with proxies and in a process that forks; gRPC does not.
        self._make_client = make_client or (
            lambda host: secretmanager.SecretManagerServiceClient(
                transport="rest", client_options={"api_endpoint": host}
            )
        )
        self._clients: dict[str, Any] = {}

    def read(self, url: VaultUrl) -> str:
        """Return a secret's text, which must be UTF-8."""
        name, host = _resource(url)
        with _translated(url):
            if host not in self._clients:
                self._clients[host] = self._make_client(host)
            answer = self._clients[host].access_secret_version(request={"name": name}, timeout=TIMEOUT_SECONDS)
        try:
            return bytes(answer.payload.data).decode("utf-8")
        except UnicodeDecodeError:
            # Without the cause, which holds the bytes.
            raise SecretError(f"The secret {url} is no UTF-8 text; store it as text.") from None


def _resource(url: VaultUrl) -> tuple[str, str]:
    """Return Google's name for the version of a secret, and the host that has it."""
    parts = url.name.split("/")
    if len(parts) not in (2, 3) or not all(_PART.fullmatch(part) for part in parts):
        raise SecretError(f"{url} is no secret of Google's; write vault+gcp://project/secret or …/secret/version.")
    project, secret, version = *parts, *(["latest"] if len(parts) == 2 else [])
    location = url.options.get("location")
    if location is None:
        return f"projects/{project}/secrets/{secret}/versions/{version}", "secretmanager.googleapis.com"
    if not _LOCATION.fullmatch(location):
        raise SecretError(f"{url}: that is no location; write one such as europe-west3.")
    name = f"projects/{project}/locations/{location}/secrets/{secret}/versions/{version}"
    return name, f"secretmanager.{location}.rep.googleapis.com"


@contextlib.contextmanager
def _translated(url: VaultUrl) -> Iterator[None]:
    import requests.exceptions  # heavy, with the extra
    from google.api_core import exceptions
    from google.auth import exceptions as auth

    try:
        yield
    except auth.DefaultCredentialsError as error:
        raise SecretError(
            f"The secret {url} cannot be read: there are no Google credentials. Run  gcloud auth application-default "
            f"login , or let GOOGLE_APPLICATION_CREDENTIALS name a key file."
        ) from error
    except auth.GoogleAuthError as error:
        raise SecretError(
            f"The secret {url} cannot be read: Google's credentials cannot be used ({type(error).__name__}): run  "
            f"gcloud auth application-default login  again, or check the key file and the network."
        ) from error
    except exceptions.GoogleAPICallError as error:
        said = mask_text(error.message or type(error).__name__)
        raise SecretError(f"The secret {url} cannot be read: {_remedy(error.code)}. Google says: {said}") from error
    except (exceptions.RetryError, requests.exceptions.RequestException) as error:
        raise SecretError(
            f"The secret {url} cannot be read: Google does not respond ({type(error).__name__}): check the network and "
            f"the proxy."
        ) from error


def _remedy(code: object) -> str:
    """Return the remedy for an HTTP status; REST has no finer codes."""
    match code:
        case 404:
            return "there is no such secret, or not that version, in this project: check project, name and version"
        case 403:
            return "these credentials may not read it: grant them the role roles/secretmanager.secretAccessor"
        case 401:
            return "the credentials are not valid: run  gcloud auth application-default login  again"
        case 400:
            return "that version is disabled or destroyed, or there can be no such name: enable it, or name another one"
    return "see what Google says, and try it again"
