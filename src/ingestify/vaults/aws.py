"""Secrets in AWS Secrets Manager: `vault+aws://lake/wyscout?region=eu-west-1&profile=club&version=AWSPREVIOUS#api_key`.

Credentials come from the same places as for other AWS tools: the environment, profiles in the shared config and
credentials files, single sign-on, the role of a container or machine. `AWS_ENDPOINT_URL_SECRETS_MANAGER` names another
server.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator
from typing import Any

from ingestify.errors import MissingExtraError, SecretError
from ingestify.masking import mask_text
from ingestify.vaults.url import VaultUrl

__all__ = ["AwsSecretReader"]

CONNECT_SECONDS = 10
READ_SECONDS = 20
ATTEMPTS = 4

_ARN = re.compile(r"arn:[^:]+:secretsmanager:([^:]+):\d+:secret:.+")
# Version ids are UUIDs or other names of 32 to 64 characters; stages are words, such as AWSPREVIOUS.
_VERSION_ID = re.compile(r"[A-Za-z0-9-]{32,64}")

_LOG_IN = "get new credentials (aws sso login, or whatever made these)"
_REMEDIES = {
    "ResourceNotFoundException": "there is no such secret, or not that version of it, in this account and region: "
    "check the name, region and profile",
    "AccessDeniedException": "these credentials may not read it: allow secretsmanager:GetSecretValue, and kms:Decrypt "
    "of its key",
    "DecryptionFailure": "it cannot be decrypted with its KMS key: check that the key is enabled",
    "InvalidRequestException": "it is marked for deletion, or has no value yet: restore it, or put a value into it",
    "InvalidParameterException": "this name or version is not valid",
    "ValidationException": "this name or version is not valid",
    "UnrecognizedClientException": f"the credentials are not valid: {_LOG_IN}",
    "InvalidClientTokenId": f"the credentials are not valid: {_LOG_IN}",
    "InvalidSignatureException": f"the credentials are not valid, or this machine's clock is wrong: {_LOG_IN}",
    "ExpiredTokenException": f"the credentials have expired: {_LOG_IN}",
    "ExpiredToken": f"the credentials have expired: {_LOG_IN}",
}


class AwsSecretReader:
    """Implements `SecretReader` with boto3, the extra `aws-secrets`.

    Raises:
        MissingExtraError: boto3 is not installed.
    """

    options = frozenset({"region", "profile", "version"})

    def __init__(self) -> None:
        try:
            import boto3  # heavy, and an extra
        except ImportError as error:
            raise MissingExtraError(
                "aws-secrets", "Reading a secret from AWS Secrets Manager (vault+aws://)"
            ) from error
        self._boto3 = boto3
        self._clients: dict[tuple[str | None, str | None], Any] = {}

    def read(self, url: VaultUrl) -> str:
        """Return a secret's text; a binary secret must be UTF-8."""
        wanted = {"SecretId": url.name}
        if version := url.options.get("version"):
            wanted["VersionId" if _VERSION_ID.fullmatch(version) else "VersionStage"] = version
        with _translated(url):
            answer = self._client(url).get_secret_value(**wanted)
        if "SecretString" in answer:
            return str(answer["SecretString"])
        try:
            return bytes(answer["SecretBinary"]).decode("utf-8")
        except UnicodeDecodeError:
            # Without the cause, which holds the bytes.
            raise SecretError(f"The secret {url} is binary and no UTF-8 text; store it as text.") from None

    def _client(self, url: VaultUrl) -> Any:
        arn = _ARN.fullmatch(url.name)
        key = url.options.get("region") or (arn[1] if arn else None), url.options.get("profile")
        if key not in self._clients:
            from botocore.config import Config  # heavy, with boto3

            region, profile = key
            session = self._boto3.Session(region_name=region, profile_name=profile)
            config = Config(
                connect_timeout=CONNECT_SECONDS,
                read_timeout=READ_SECONDS,
                retries={"mode": "standard", "total_max_attempts": ATTEMPTS},
            )
            self._clients[key] = session.client("secretsmanager", config=config)
        return self._clients[key]


@contextlib.contextmanager
def _translated(url: VaultUrl) -> Iterator[None]:
    from botocore import exceptions  # heavy, with boto3

    try:
        yield
    except exceptions.ClientError as error:
        code = str(error.response.get("Error", {}).get("Code", "no code"))
        remedy = _REMEDIES.get(code, "see what AWS says")
        said = mask_text(str(error.response.get("Error", {}).get("Message", "")))
        raise SecretError(f"The secret {url} cannot be read: {remedy}. AWS says {code}: {said}") from error
    except (exceptions.NoCredentialsError, exceptions.PartialCredentialsError) as error:
        raise SecretError(
            f"The secret {url} cannot be read: there are no AWS credentials, or only half of them. Set "
            f"AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or name a profile: ?profile=…"
        ) from error
    except exceptions.ProfileNotFound as error:
        raise SecretError(
            f"The secret {url} cannot be read: the AWS profile that ?profile= or AWS_PROFILE names is not in the AWS "
            f"config file."
        ) from error
    except (exceptions.NoRegionError, exceptions.InvalidRegionError) as error:
        raise SecretError(
            f"The secret {url} cannot be read: no AWS region is known, or it is not valid; write ?region=eu-west-1, or "
            f"set AWS_DEFAULT_REGION."
        ) from error
    except (exceptions.SSOError, exceptions.TokenRetrievalError, exceptions.CredentialRetrievalError) as error:
        raise SecretError(f"The secret {url} cannot be read: there are no credentials: {_LOG_IN}.") from error
    except (exceptions.ConnectionError, exceptions.HTTPClientError) as error:
        raise SecretError(
            f"The secret {url} cannot be read: AWS does not respond ({type(error).__name__}): check the network, the "
            f"region and the proxy."
        ) from error
    except exceptions.BotoCoreError as error:
        raise SecretError(f"The secret {url} cannot be read: {mask_text(str(error))}") from error
