from __future__ import annotations

from pathlib import Path

import pytest

from ingestify.errors import ConfigurationError
from ingestify.storage.aws_profile import find_default_profile, get_profile

CREDENTIALS = """\
[default]
aws_access_key_id = AKIDEFAULT
aws_secret_access_key = secret%of-default

[lake]
aws_access_key_id = AKIDLAKE
aws_secret_access_key = secret-of-lake
aws_session_token = token-of-lake
"""
CONFIG = """\
[default]
region = eu-central-1

[profile lake]
region = eu-west-1
endpoint_url = https://minio.example.com
services = minio

[profile signed in]
sso_session = company

[services minio]
s3 =
  endpoint_url = https://elsewhere.example.com
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for variable, name in (("AWS_SHARED_CREDENTIALS_FILE", "credentials"), ("AWS_CONFIG_FILE", "config")):
        monkeypatch.setenv(variable, str(tmp_path / name))
    (tmp_path / "credentials").write_text(CREDENTIALS)
    (tmp_path / "config").write_text(CONFIG)
    return tmp_path


def test_a_profile_is_read_from_both_files(folder):
    profile = get_profile("lake")
    assert (profile.access_key_id, profile.secret_access_key, profile.session_token) == (
        "AKIDLAKE",
        "secret-of-lake",
        "token-of-lake",
    )
    assert (profile.region, profile.endpoint, profile.needs_boto3) == ("eu-west-1", "https://minio.example.com", False)
    default = find_default_profile()
    assert (default.secret_access_key, default.region) == ("secret%of-default", "eu-central-1")


def test_what_has_to_sign_in_somewhere_is_left_to_boto3(folder):
    assert get_profile("signed in").needs_boto3


def test_an_unknown_profile_is_refused_with_those_there_are(folder):
    with pytest.raises(ConfigurationError, match=r"no AWS profile 'laek' .* there is default, lake, signed in"):
        get_profile("laek")


def test_without_files_there_is_no_profile(folder):
    for name in ("credentials", "config"):
        (folder / name).unlink()
    assert find_default_profile() is None
    with pytest.raises(ConfigurationError, match="none at all"):
        get_profile("lake")


@pytest.mark.parametrize("text", ["hunter2secret\n", "[lake\nhunter2secret = x", "[lake]\nhunter2secret\n", "\xff"])
def test_a_broken_file_is_named_and_not_shown(folder, text):
    (folder / "credentials").write_bytes(text.encode("latin-1"))
    with pytest.raises(ConfigurationError, match="credentials") as raised:
        get_profile("lake")
    assert "hunter2secret" not in str(raised.value)
    assert raised.value.__cause__ is None or "hunter2secret" not in str(raised.value.__cause__)


def test_secrets_are_not_in_the_representation(folder):
    assert "secret-of-lake" not in repr(get_profile("lake"))
    assert "token-of-lake" not in repr(get_profile("lake"))
