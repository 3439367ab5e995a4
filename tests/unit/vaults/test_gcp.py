from __future__ import annotations

import base64
import sys

import pytest

from ingestify.errors import MissingExtraError, SecretError
from ingestify.vaults.gcp import GcpSecretReader
from ingestify.vaults.url import VaultUrl

pytest.importorskip("google.cloud.secretmanager")
from google.auth.credentials import AnonymousCredentials
from google.cloud.secretmanager_v1 import SecretManagerServiceClient
from google.cloud.secretmanager_v1.services.secret_manager_service.transports import (
    SecretManagerServiceRestTransport,
)


@pytest.fixture
def reader(fake_vault):
    """The reader with Google's own client, which speaks to a vault on loopback."""

    def make_client(host):
        reader.hosts.append(host)
        address = fake_vault.url.removeprefix("http://")
        transport = SecretManagerServiceRestTransport(
            host=address, credentials=AnonymousCredentials(), url_scheme="http"
        )
        return SecretManagerServiceClient(transport=transport)

    reader = GcpSecretReader(make_client)
    reader.hosts = []
    return reader


def holds(vault, secrets):
    def answer(method, path, body):
        name = path.partition("?")[0].removeprefix("/v1/").removesuffix(":access")
        if name not in secrets:
            return 404, {"error": {"code": 404, "message": f"Secret [{name}] not found", "status": "NOT_FOUND"}}
        return 200, {"name": name, "payload": {"data": base64.b64encode(secrets[name]).decode()}}

    vault.answer = answer


def test_a_secret_is_the_text_of_its_latest_version_or_of_that_named(reader, fake_vault):
    holds(
        fake_vault,
        {
            "projects/lake/secrets/wyscout/versions/latest": "né".encode(),
            "projects/lake/secrets/wyscout/versions/3": b"3",
        },
    )
    assert reader.read(VaultUrl.parse("vault+gcp://lake/wyscout")) == "né"
    assert reader.read(VaultUrl.parse("vault+gcp://lake/wyscout/3")) == "3"
    assert reader.hosts == ["secretmanager.googleapis.com"]


def test_a_secret_of_one_region_is_asked_for_there(reader, fake_vault):
    holds(fake_vault, {"projects/lake/locations/europe-west3/secrets/a/versions/latest": b"regional"})
    assert reader.read(VaultUrl.parse("vault+gcp://lake/a?location=europe-west3")) == "regional"
    assert reader.hosts == ["secretmanager.europe-west3.rep.googleapis.com"]
    with pytest.raises(SecretError, match="that is no location"):
        reader.read(VaultUrl.parse("vault+gcp://lake/a?location=evil.example/x"))


@pytest.mark.parametrize("name", ["lake", "lake/a/1/2", "lake//1", "lake/a b", "lake/../x"])
def test_a_name_that_is_none_of_googles_is_refused(reader, fake_vault, name):
    with pytest.raises(SecretError, match=r"no secret of Google's; write vault\+gcp://project/secret"):
        reader.read(VaultUrl.parse(f"vault+gcp://{name}"))
    assert not fake_vault.requests


@pytest.mark.parametrize(
    ("status", "word", "message"),
    [
        (403, "PERMISSION_DENIED", r"roles/secretmanager.secretAccessor. Google says: .*no, not you"),
        (404, "NOT_FOUND", "no such secret, or not that version, in this project"),
        (401, "UNAUTHENTICATED", "gcloud auth application-default login"),
        (400, "FAILED_PRECONDITION", "disabled or destroyed"),
        (400, "INVALID_ARGUMENT", "there can be no such name"),
        (501, "UNIMPLEMENTED", "see what Google says"),
    ],
)
def test_a_refusal_says_what_to_do(reader, fake_vault, status, word, message):
    fake_vault.answer = lambda *_: (status, {"error": {"code": status, "message": "no, not you", "status": word}})
    with pytest.raises(SecretError, match=rf"vault\+gcp://lake/a cannot be read: .*({message})"):
        reader.read(VaultUrl.parse("vault+gcp://lake/a"))


def test_bytes_that_are_no_text_are_refused_unseen(reader, fake_vault):
    holds(fake_vault, {"projects/lake/secrets/a/versions/latest": b"\xff\xfecanary"})
    with pytest.raises(SecretError, match="no UTF-8 text") as raised:
        reader.read(VaultUrl.parse("vault+gcp://lake/a"))
    assert "canary" not in repr(raised.value) + repr(raised.value.__cause__)


def test_a_vault_that_does_not_answer_is_told(reader, fake_vault):
    fake_vault.close()
    with pytest.raises(SecretError, match=r"Google does not respond .*: check the network"):
        reader.read(VaultUrl.parse("vault+gcp://lake/a"))


def test_missing_credentials_are_told():
    with pytest.raises(SecretError, match=r"there are no Google credentials\. Run  gcloud auth"):
        GcpSecretReader().read(VaultUrl.parse("vault+gcp://lake/a"))


def test_the_extra_is_named_when_it_is_not_installed(monkeypatch):
    monkeypatch.setitem(sys.modules, "google.cloud", None)
    with pytest.raises(MissingExtraError, match=r"vault\+gcp://\) needs the extra 'gcp-secrets'"):
        GcpSecretReader()
