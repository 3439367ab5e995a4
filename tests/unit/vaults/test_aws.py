from __future__ import annotations

import sys
import uuid
from collections.abc import Iterator
from typing import Any

import pytest

from ingestify.errors import MissingExtraError, SecretError
from ingestify.vaults.aws import AwsSecretReader
from ingestify.vaults.url import VaultUrl

boto3 = pytest.importorskip("boto3")
from moto import mock_aws  # noqa: E402 - after it is known that boto3 is there


def read(text: str) -> str:
    return AwsSecretReader().read(VaultUrl.parse(text))


@pytest.fixture
def credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-1")


@pytest.fixture
def aws(credentials: None) -> Iterator[Any]:
    """Secrets Manager, played by moto; a client of eu-west-1."""
    with mock_aws():
        yield boto3.client("secretsmanager", region_name="eu-west-1")


def test_a_secret_is_its_text(aws):
    aws.create_secret(Name="lake/wyscout", SecretString="canary")
    assert read("vault+aws://lake/wyscout") == "canary"


def test_a_region_is_named_or_stands_in_the_arn(aws):
    frankfurt = boto3.client("secretsmanager", region_name="eu-central-1")
    arn = frankfurt.create_secret(Name="lake/wyscout", SecretString="of Frankfurt")["ARN"]
    assert read("vault+aws://lake/wyscout?region=eu-central-1") == "of Frankfurt"
    assert read(f"vault+aws://{arn}") == "of Frankfurt"
    with pytest.raises(SecretError, match="no such secret"):
        read("vault+aws://lake/wyscout")


def test_a_version_is_a_stage_or_an_id(aws):
    first, second = str(uuid.uuid4()), str(uuid.uuid4())
    aws.create_secret(Name="a", SecretString="old", ClientRequestToken=first)
    aws.put_secret_value(SecretId="a", SecretString="new", ClientRequestToken=second)
    assert read("vault+aws://a") == "new"
    assert read("vault+aws://a?version=AWSPREVIOUS") == "old"
    assert read(f"vault+aws://a?version={first}") == "old"
    with pytest.raises(SecretError, match="not that version of it"):
        read("vault+aws://a?version=NEVER")


def test_a_profile_has_its_own_credentials_and_region(aws, monkeypatch, tmp_path):
    (tmp_path / "aws_config").write_text("[profile club]\nregion = eu-north-1\n")
    (tmp_path / "aws_credentials").write_text("[club]\naws_access_key_id = a\naws_secret_access_key = b\n")
    boto3.client("secretsmanager", region_name="eu-north-1").create_secret(Name="a", SecretString="the club's")
    monkeypatch.delenv("AWS_DEFAULT_REGION")
    assert read("vault+aws://a?profile=club") == "the club's"
    with pytest.raises(SecretError, match=r"profile that \?profile= .* is not in the AWS config"):
        read("vault+aws://a?profile=other")


def test_a_binary_secret_is_text_or_refused(aws):
    aws.create_secret(Name="text", SecretBinary="é".encode())
    aws.create_secret(Name="bytes", SecretBinary=b"\xff\xfecanary")
    assert read("vault+aws://text") == "é"
    with pytest.raises(SecretError, match="binary and no UTF-8") as raised:
        read("vault+aws://bytes")
    assert "canary" not in repr(raised.value) + repr(raised.value.__cause__)


@pytest.mark.slow
def test_one_that_is_deleted_says_so(aws):
    aws.create_secret(Name="a", SecretString="x")
    aws.delete_secret(SecretId="a")
    with pytest.raises(SecretError, match=r"vault\+aws://a cannot be read: it is marked for deletion"):
        read("vault+aws://a")


def test_missing_credentials_and_regions_are_told(monkeypatch):
    with pytest.raises(SecretError, match=r"no AWS region is known.*\?region=eu-west-1"):
        read("vault+aws://a")
    with pytest.raises(SecretError, match="there are no AWS credentials"):
        read("vault+aws://a?region=eu-west-1")
    with pytest.raises(SecretError, match="no AWS region is known, or it is not valid"):
        read("vault+aws://a?region=not/one")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "half")
    with pytest.raises(SecretError, match="only half of them"):
        read("vault+aws://a?region=eu-west-1")


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("AccessDeniedException", "allow secretsmanager:GetSecretValue.*AWS says AccessDeniedException: no, not you"),
        ("ExpiredTokenException", "have expired: get new credentials"),
        ("UnrecognizedClientException", "are not valid: get new credentials"),
        ("DecryptionFailure", "KMS key"),
        ("SomethingNew", "see what AWS says. AWS says SomethingNew"),
    ],
)
def test_a_refusal_says_what_to_do(credentials, fake_vault, monkeypatch, code, message):
    monkeypatch.setenv("AWS_ENDPOINT_URL_SECRETS_MANAGER", fake_vault.url)
    fake_vault.answer = lambda *_: (400, {"__type": code, "message": "no, not you"})
    with pytest.raises(SecretError, match=message):
        read("vault+aws://a")
    assert len(fake_vault.requests) == 1


def test_a_vault_that_does_not_answer_is_told(credentials, fake_vault, monkeypatch):
    fake_vault.close()
    monkeypatch.setenv("AWS_ENDPOINT_URL_SECRETS_MANAGER", fake_vault.url)
    monkeypatch.setattr("ingestify.vaults.aws.ATTEMPTS", 1)
    with pytest.raises(SecretError, match=r"AWS does not respond .*: check the network"):
        read("vault+aws://a")


def test_the_extra_is_named_when_it_is_not_installed(monkeypatch):
    monkeypatch.setitem(sys.modules, "boto3", None)
    with pytest.raises(MissingExtraError, match=r"vault\+aws://\) needs the extra 'aws-secrets'"):
        AwsSecretReader()
