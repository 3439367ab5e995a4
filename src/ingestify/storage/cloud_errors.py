"""The errors of an object store, in words that say what to do."""

from __future__ import annotations

import re
from typing import Literal

from ingestify.errors import IntegrityError, LakeUnwritable, StoreError
from ingestify.masking import mask_text
from ingestify.storage.cloud_address import CloudAddress

__all__ = ["Action", "ServerAnswer", "is_lost_connection", "is_missing_object", "translate"]

Action = Literal["write", "read", "delete", "list"]

_CODE = re.compile(r"<Code>\s*(\w+)\s*</Code>|\"(?:reason|error)\"\s*:\s*\"(\w+)\"")
_STATUS = re.compile(r"status code: (\d{3})")
_REGION = re.compile(r"expecting '([a-z0-9-]+)'|<Region>\s*([a-z0-9-]+)\s*</Region>")
_SHOWN_CHARACTERS = 300

_NO_BUCKET = {"NoSuchBucket", "ContainerNotFound", "ContainerBeingDeleted", "ResourceNotFound"}
_EXPIRED = {"ExpiredToken", "ExpiredTokenException", "TokenRefreshRequired", "invalid_grant"}
_WRONG_CREDENTIALS = {
    "InvalidAccessKeyId",
    "SignatureDoesNotMatch",
    "InvalidToken",
    "InvalidClientTokenId",
    "AuthFailure",
    "AuthenticationFailed",
    "AuthenticationRequired",
    "InvalidAuthenticationInfo",
    "InvalidSecurity",
    "invalid_client",
    "Unauthorized",
}
_OTHER_CLOCK = {"RequestTimeTooSkewed", "RequestExpired"}
_OTHER_REGION = {"AuthorizationHeaderMalformed", "PermanentRedirect", "IllegalLocationConstraintException"}
_FULL = {"QuotaExceeded", "EntityTooLarge", "XMinioStorageFull", "AccountIsDisabled", "ServiceQuotaExceeded"}
_TOO_FAST = {"SlowDown", "RequestLimitExceeded", "ThrottlingException", "ServerBusy", "TooManyRequests"}
_CREDENTIAL_REQUESTS = ("token request", "/latest/api/token", "security-credentials", "computeMetadata", "/metadata/")

_WHERE = {
    "s3": "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or a profile under main.file_options.profile",
    "gcs": "GOOGLE_APPLICATION_CREDENTIALS, the path of a service account's key",
    "azure": "AZURE_STORAGE_ACCOUNT_NAME and AZURE_STORAGE_ACCOUNT_KEY, or AZURE_STORAGE_SAS_TOKEN",
}
_NEEDED = {
    "s3": "s3:PutObject, s3:GetObject, s3:DeleteObject and s3:ListBucket (without the last, S3 also says so of what is "
    "not there)",
    "gcs": "the role Storage Object User",
    "azure": "the role Storage Blob Data Contributor, or a key or SAS that may read, write, delete and list",
}


class ServerAnswer(Exception):
    """The message of the server, or of obstore, with its secrets masked: the cause of our own error."""


def is_missing_object(error: BaseException) -> bool:
    """Return whether a request failed because there is no such object, and not because there is no such bucket."""
    return isinstance(error, FileNotFoundError) and _find_code(str(error)) not in _NO_BUCKET


def is_lost_connection(error: StoreError) -> bool:
    """Return whether a translated error is one of the connection: the server did not respond."""
    said = str(error.__cause__)
    return "HTTP error" in said and _find_status(said) is None


def translate(action: Action, what: str, error: BaseException, address: CloudAddress) -> StoreError | IntegrityError:
    """Return the error to raise for one of obstore's; its cause shows no secret. `what` is a path below the lake."""
    said = str(error)
    translated = _translate(action, what, error, said, address)
    translated.__cause__ = ServerAnswer(mask_text(said.partition("\n\nDebug source")[0].strip())[:2000])
    return translated


def _translate(
    action: Action, what: str, error: BaseException, said: str, address: CloudAddress
) -> StoreError | IntegrityError:
    if action == "read" and is_missing_object(error):
        return IntegrityError(
            f"The object {address}/{what} is in the catalogue and not in the {address.container_word}: restore it from "
            f"a backup, or delete its dataset and run again to fetch it anew."
        )
    problem, is_hopeless = _find_problem(said, type(error).__name__, address)
    kind = LakeUnwritable if is_hopeless and action == "write" else StoreError
    return kind(f"Cannot {action} {address}/{what}: {problem}.")


def _find_problem(said: str, kind: str, address: CloudAddress) -> tuple[str, bool]:
    """Return what is wrong and what to do, and whether another object would fail for the same reason."""
    code, status = _find_code(said), _find_status(said)
    service, container = address.service, address.container_word
    # A response to HEAD has no body, and so no code: only its status is known.
    if code in _NO_BUCKET:
        return f"there is no {container} '{address.bucket}'; make it, or correct file_url", True
    if _is_about_credentials(said):
        return f"no credentials were found; set {_WHERE[service]}", True
    if code in _EXPIRED:
        return "the credentials have expired; get new ones, then run again", True
    if code in _OTHER_CLOCK:
        return "this computer's clock differs too much from the server's; set it", True
    if code in _OTHER_REGION or status == 301 or "redirect without LOCATION" in said:
        region = _REGION.search(said)
        wanted = f", such as {region[1] or region[2]}" if region else ""
        return f"the {container} is in another region; name it under main.file_options.region{wanted}", True
    if code in _WRONG_CREDENTIALS or status == 401 or kind == "UnauthenticatedError":
        return f"the server does not know these credentials{_shown(code)}; correct {_WHERE[service]}", True
    if code == "AuthorizationFailure" and service == "azure":
        return f"the server refuses these credentials (AuthorizationFailure); correct {_WHERE[service]}", True
    if status == 403 or kind == "PermissionDeniedError":
        return f"these credentials may not do that{_shown(code)}; they need {_NEEDED[service]}", True
    if code in _FULL or status == 507:
        return f"the server takes no more{_shown(code)}; make room, or raise the quota, then run again", True
    return _find_network_problem(said, status, code)


def _find_network_problem(said: str, status: int | None, code: str | None) -> tuple[str, bool]:
    if code in _TOO_FAST or status == 429:
        return f"the server still asks to slow down{_shown(code)} after several tries; run again later", False
    if "dns error" in said:
        return "its server's name cannot be looked up; correct main.file_options.endpoint, or see to the network", True
    if "kind: Connect," in said:
        return "its server cannot be reached; correct main.file_options.endpoint, or see to the network", True
    if "BadScheme" in said:
        return "its endpoint is not https; write http:// in main.file_options.endpoint if that is meant", True
    if "kind: Timeout" in said or "TimedOut" in said:
        remedy = "run again later, or raise main.file_options.timeout.read_seconds"
        return f"the server did not answer in time, several times; {remedy}", False
    if status is not None:
        return (
            f"the server answered {status}{_shown(code)}, after several tries if that may pass; run again later",
            False,
        )
    first = mask_text(said.partition("\n\nDebug source")[0].strip())[:_SHOWN_CHARACTERS].rstrip(". ")
    return f"{first}; run again later", False


def _is_about_credentials(said: str) -> bool:
    return any(one in said.partition("\n\nDebug source")[0] for one in _CREDENTIAL_REQUESTS)


def _find_code(said: str) -> str | None:
    found = _CODE.search(said)
    return (found[1] or found[2]) if found else None


def _find_status(said: str) -> int | None:
    found = _STATUS.search(said)
    return int(found[1]) if found else None


def _shown(code: str | None) -> str:
    return f" ({code})" if code else ""
