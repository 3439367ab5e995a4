"""A profile of AWS' shared files, `~/.aws/credentials` and `~/.aws/config`.

The format: https://docs.aws.amazon.com/sdkref/latest/guide/file-format.html. boto3 is needed for credentials that are
not in the files (single sign-on, a role to assume, a credential process).
"""

from __future__ import annotations

import configparser
import dataclasses
import os
from collections.abc import Mapping
from pathlib import Path

from ingestify.errors import ConfigurationError

__all__ = ["AwsProfile", "find_default_profile", "get_profile"]

_LEFT_TO_BOTO3 = ("role_arn", "sso_session", "sso_start_url", "credential_process", "web_identity_token_file")


@dataclasses.dataclass(frozen=True, slots=True)
class AwsProfile:
    """A profile in the files.

    Attributes:
        access_key_id: The id of its key, or None.
        secret_access_key: The secret of its key, or None.
        session_token: The token of a temporary key, or None.
        region: Its region, or None.
        endpoint: The server's URL, or None.
        needs_boto3: Whether its credentials come from somewhere else than the files.
    """

    name: str
    access_key_id: str | None = None
    secret_access_key: str | None = dataclasses.field(default=None, repr=False)
    session_token: str | None = dataclasses.field(default=None, repr=False)
    region: str | None = None
    endpoint: str | None = None
    needs_boto3: bool = False


def get_profile(name: str) -> AwsProfile:
    """Return the profile of that name.

    Raises:
        ConfigurationError: There is no such profile, or a file cannot be read. No content is shown.
    """
    found = _read_profiles()
    if name not in found:
        known = ", ".join(sorted(found)) or "none at all"
        raise ConfigurationError(
            f"file_options.profile: there is no AWS profile '{name}' in {_credentials_file()} or {_config_file()}; "
            f"there is {known}."
        )
    return _profile(name, found[name])


def find_default_profile() -> AwsProfile | None:
    """Return the profile `default`, or None if the files have none."""
    found = _read_profiles()
    return _profile("default", found["default"]) if "default" in found else None


def _profile(name: str, values: Mapping[str, str]) -> AwsProfile:
    return AwsProfile(
        name,
        values.get("aws_access_key_id"),
        values.get("aws_secret_access_key"),
        values.get("aws_session_token"),
        values.get("region"),
        values.get("endpoint_url"),
        needs_boto3="aws_access_key_id" not in values and any(key in values for key in _LEFT_TO_BOTO3),
    )


def _read_profiles() -> dict[str, dict[str, str]]:
    profiles: dict[str, dict[str, str]] = {}
    # The credentials file has the last word.
    for section, values in _read(_config_file()).items():
        kind, _, rest = section.partition(" ")
        if section == "default" or kind == "profile":
            profiles.setdefault(rest.strip() or section, {}).update(values)
    for section, values in _read(_credentials_file()).items():
        profiles.setdefault(section, {}).update(values)
    return profiles


def _read(path: Path) -> dict[str, dict[str, str]]:
    # No section is special, not even DEFAULT, and % is an ordinary character.
    parser = configparser.RawConfigParser(default_section="\0", strict=False)
    try:
        parser.read_string(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"The AWS settings in {path} cannot be read: {type(error).__name__}.") from error
    except configparser.Error as error:
        # Without the cause, whose message shows lines of a file with secrets.
        line = getattr(error, "lineno", None) or next(iter(getattr(error, "errors", [])), (None,))[0]
        raise ConfigurationError(
            f"The AWS settings in {path} are not of the form [profile] and key = value"
            f"{f', from line {line} on' if line else ''}; correct that file."
        ) from None
    return {section: dict(parser.items(section)) for section in parser.sections()}


def _credentials_file() -> Path:
    return Path(os.environ.get("AWS_SHARED_CREDENTIALS_FILE") or "~/.aws/credentials").expanduser()


def _config_file() -> Path:
    return Path(os.environ.get("AWS_CONFIG_FILE") or "~/.aws/config").expanduser()
