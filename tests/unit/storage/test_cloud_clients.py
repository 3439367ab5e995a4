"""Which credentials count, and what is said before anything is asked over the network."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from ingestify.clock import now
from ingestify.errors import ConfigurationError
from ingestify.storage.cloud_address import CloudAddress, CloudOptions
from ingestify.storage.cloud_clients import make_client

NOWHERE = "http://127.0.0.1:9"


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in list(os.environ):
        if name.startswith(("AWS_", "AZURE_", "GOOGLE_")):
            monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.setenv("AWS_METADATA_ENDPOINT", NOWHERE)
    monkeypatch.setenv("HOME", str(tmp_path))
    return tmp_path


def write_profile(folder: Path, name: str, **more: str) -> None:
    values = {"aws_access_key_id": f"AKID-{name}", "aws_secret_access_key": f"secret-of-{name}", **more}
    lines = "".join(f"{key} = {value}\n" for key, value in values.items())
    with (folder / "credentials").open("a") as file:
        file.write(f"[{name}]\n{lines}")


def s3(**options: Any) -> Any:
    return make_client(CloudAddress.parse("s3://my-lake/a/b"), CloudOptions(**options))


def test_a_profile_that_is_named_comes_before_the_environment_and_that_before_the_default(folder, monkeypatch):
    def key(**options: Any) -> str | None:
        provider = s3(**options).credential_provider
        return None if provider is None else provider()["access_key_id"]

    assert key() is None
    write_profile(folder, "default")
    assert key() == "AKID-default"
    write_profile(folder, "other")
    monkeypatch.setenv("AWS_PROFILE", "other")
    assert key() == "AKID-other"
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKID-environment")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret-of-environment")
    assert key() is None  # obstore reads them itself
    assert key(profile="default") == "AKID-default"


def test_a_profile_that_was_renewed_is_read_again(folder):
    write_profile(folder, "lake", aws_session_token="first")
    provider = s3(profile="lake").credential_provider
    assert provider()["token"] == "first"
    (folder / "credentials").unlink()
    write_profile(folder, "lake", aws_session_token="second")
    again = provider()
    assert (again["token"], again["secret_access_key"]) == ("second", "secret-of-lake")
    assert again["expires_at"] > now()


def test_the_regions_order_is_option_environment_profile(folder, monkeypatch):
    write_profile(folder, "default", region="eu-north-1")
    assert s3().config["region"] == "eu-north-1"
    monkeypatch.setenv("AWS_REGION", "eu-west-2")
    assert "region" not in s3().config  # obstore reads it itself
    assert s3(region="eu-south-1").config["region"] == "eu-south-1"


@pytest.mark.parametrize(
    ("url", "options", "virtual", "endpoint"),
    [
        ("s3://my-lake", {}, True, None),
        ("s3://my.lake", {}, False, None),
        ("s3://my-lake", {"endpoint": "https://minio.example.com:9000/"}, False, "https://minio.example.com:9000"),
        (
            "s3://my-lake",
            {"endpoint": "https://storage.example.com", "path_style": False},
            True,
            "https://my-lake.storage.example.com",
        ),
        (
            "s3://my-lake",
            {"endpoint": "https://my-lake.storage.example.com", "path_style": False},
            True,
            "https://my-lake.storage.example.com",
        ),
    ],
)
def test_the_bucket_is_in_the_path_or_in_the_hosts_name(url, options, virtual, endpoint):
    config = make_client(CloudAddress.parse(url), CloudOptions(anonymous=True, **options)).config
    assert str(config["virtual_hosted_style_request"]).lower() == str(virtual).lower()
    assert config.get("endpoint_url_s3") == endpoint


def test_an_endpoint_of_the_settings_comes_before_that_of_the_environment(monkeypatch):
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", "https://environment.example.com")
    assert s3(anonymous=True).config["endpoint_url_s3"] == "https://environment.example.com"
    chosen = s3(anonymous=True, endpoint="https://settings.example.com")
    assert chosen.config["endpoint_url_s3"] == "https://settings.example.com"


def test_http_is_spoken_only_where_it_is_written():
    assert s3(anonymous=True, endpoint="http://127.0.0.1:9000").client_options["allow_http"] in (True, "true")
    assert s3(anonymous=True).client_options["allow_http"] in (False, "false")


def test_no_credentials_is_said_at_once_where_no_metadata_service_may_be_asked(monkeypatch):
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    with pytest.raises(ConfigurationError, match="no credentials for S3: set AWS_ACCESS_KEY_ID"):
        s3()


def test_half_credentials_are_refused(folder, monkeypatch):
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKID")
    with pytest.raises(ConfigurationError, match="AWS_SECRET_ACCESS_KEY is not"):
        s3()
    (folder / "config").write_text("[profile empty]\nregion = eu-west-1\n")
    with pytest.raises(ConfigurationError, match="'empty' has no credentials"):
        s3(profile="empty")


def test_a_profile_with_a_credential_process_is_asked_by_boto3(folder):
    script = folder / "credentials.py"
    answer = {"Version": 1, "AccessKeyId": "AKID-process", "SecretAccessKey": "secret-of-process"}
    script.write_text(f"print({json.dumps(json.dumps(answer))})")
    (folder / "config").write_text(f"[profile process]\ncredential_process = {sys.executable} {script}\n")
    assert s3(profile="process").credential_provider()["access_key_id"] == "AKID-process"


def test_azure_needs_an_account():
    address = CloudAddress.parse("az://container/x")
    with pytest.raises(ConfigurationError, match=r"file_options\.account: .* AZURE_STORAGE_ACCOUNT_NAME"):
        make_client(address, CloudOptions())
    assert make_client(address, CloudOptions(account="lake", anonymous=True)).config["account_name"] == "lake"


def test_a_key_that_is_none_is_refused_and_not_shown(folder, monkeypatch):
    monkeypatch.setenv("AZURE_STORAGE_ACCOUNT_KEY", "hunter2-is-no-base64")
    with pytest.raises(ConfigurationError, match="cannot be opened with these settings") as raised:
        make_client(CloudAddress.parse("az://container"), CloudOptions(account="lake"))
    assert "hunter2" not in str(raised.value)
    assert raised.value.__context__ is None


def test_a_service_account_file_that_is_not_there_is_named(folder, monkeypatch):
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(folder / "nowhere.json"))
    with pytest.raises(ConfigurationError, match=r"gs://my-lake cannot be opened.*nowhere\.json"):
        make_client(CloudAddress.parse("gs://my-lake"), CloudOptions())


def test_a_certificate_that_is_not_there_is_named(folder):
    with pytest.raises(ConfigurationError, match=r"ca_certificate: .*nowhere\.pem cannot be read"):
        s3(anonymous=True, ca_certificate=folder / "nowhere.pem")


@pytest.mark.sampled(3)
@pytest.mark.slow
@pytest.mark.parametrize(("url", "extra"), [("s3://lake", "s3"), ("gs://lake", "gcs"), ("az://lake", "azure")])
def test_without_obstore_the_extra_is_named(url, extra):
    code = (
        "import sys; sys.modules['obstore'] = None\n"
        "from ingestify.errors import MissingExtraError\n"
        "from ingestify.main.adapters import make_storage\n"
        f"try: make_storage('{url}')\n"
        "except MissingExtraError as error: print(error.extra)"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == extra


@pytest.mark.slow
def test_a_local_lake_does_not_import_obstore(tmp_path):
    code = (
        "import sys\nfrom ingestify.main.adapters import make_storage\n"
        f"make_storage('file://{tmp_path}/lake')\nassert 'obstore' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
