"""What object stores refuse, each in words that say what to do, without secrets."""

from __future__ import annotations

import base64
import traceback
from collections.abc import Iterator
from typing import Any

import pytest

from ingestify.errors import IntegrityError, LakeUnwritable, StoreError
from ingestify.storage.cloud import CloudStorage
from ingestify.testing.storage_contract import put, read

from . import servers
from .conftest import NOWHERE, open_lake
from .relay import Relay


@pytest.fixture
def relay(moto: str) -> Iterator[Relay]:
    with Relay(moto) as made:
        yield made


def refusal(storage: CloudStorage, kind: type[Exception] = LakeUnwritable) -> str:
    """Return what publishing raises, and see that it is one line and shows no secret, also in its traceback."""
    with pytest.raises(StoreError) as raised:
        put(storage, "main/x", b"content")
    assert type(raised.value) is kind, raised.value
    shown = "".join(traceback.format_exception(raised.value))
    for secret in (servers.SECRET_KEY, servers.AZURE_KEY, "hunter2"):
        assert secret not in shown
    assert "Debug source" not in shown
    assert "\n" not in str(raised.value)
    return str(raised.value)


@pytest.mark.parametrize(
    ("server", "scheme", "word"),
    [("moto", "s3", "bucket"), ("rclone", "s3", "bucket"), ("gcs", "gs", "bucket"), ("azurite", "az", "container")],
)
def test_a_bucket_that_is_not_there_stops_the_run_and_is_named(request, server, scheme, word):
    storage = open_lake(scheme, request.getfixturevalue(server), bucket="no-such-place")
    assert f"there is no {word} 'no-such-place'; make it, or correct file_url" in refusal(storage)
    with pytest.raises(StoreError):
        list(storage.iter_objects())


def test_a_wrong_key_stops_the_run(rclone, azurite, monkeypatch):
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "hunter2hunter2")
    monkeypatch.setenv("AZURE_STORAGE_ACCOUNT_KEY", base64.b64encode(b"hunter2" * 8).decode())
    said = refusal(open_lake("s3", rclone))
    assert "does not know these credentials (SignatureDoesNotMatch); correct AWS_ACCESS_KEY_ID" in said
    assert "refuses these credentials" in refusal(open_lake("az", azurite))


def test_a_signature_in_the_url_is_not_shown(azurite, monkeypatch):
    monkeypatch.delenv("AZURE_STORAGE_ACCOUNT_KEY")
    monkeypatch.setenv("AZURE_STORAGE_SAS_TOKEN", "sv=2021-08-06&sp=r&se=2020-01-01T00%3A00%3A00Z&sig=hunter2hunter2")
    assert "refuses these credentials" in refusal(open_lake("az", azurite))


@pytest.mark.parametrize(
    ("status", "code", "kind", "message"),
    [
        (403, "AccessDenied", LakeUnwritable, r"may not do that (AccessDenied); they need s3:PutObject"),
        (400, "ExpiredToken", LakeUnwritable, "the credentials have expired; get new ones"),
        (403, "InvalidAccessKeyId", LakeUnwritable, "does not know these credentials (InvalidAccessKeyId)"),
        (403, "RequestTimeTooSkewed", LakeUnwritable, "this computer's clock differs"),
        (400, "AuthorizationHeaderMalformed", LakeUnwritable, "in another region; name it under main.file_options"),
        (301, "PermanentRedirect", LakeUnwritable, "in another region"),
        (507, "XMinioStorageFull", LakeUnwritable, "takes no more (XMinioStorageFull)"),
        (503, "SlowDown", StoreError, "still asks to slow down (SlowDown) after several tries"),
        (500, "InternalError", StoreError, "answered 500 (InternalError), after several tries"),
    ],
)
def test_what_the_server_says_becomes_one_message(relay, status, code, kind, message):
    storage = open_lake("s3", relay.url)
    with relay.going_wrong(lambda exchange, _: exchange.fail(status, code)):
        assert message in refusal(storage, kind)
    if status in (500, 503, 507):
        assert len(relay.log) == 3, "tried as often as was said"


def test_a_refused_head_says_what_permission_is_missing(relay):
    storage = open_lake("s3", relay.url)
    with relay.going_wrong(lambda exchange, _: exchange.fail(403, "AccessDenied")):
        with pytest.raises(StoreError, match="s3:ListBucket") as raised:
            storage.get_size("main/x")
        with pytest.raises(StoreError, match=r"Cannot read .*may not do that"):
            storage.open("main/x")
    assert not isinstance(raised.value, LakeUnwritable)


def test_a_server_that_is_not_there_stops_the_run():
    assert "its server cannot be reached; correct main.file_options.endpoint" in refusal(open_lake("s3", NOWHERE))
    assert "cannot be reached" in refusal(open_lake("gs", NOWHERE))
    assert "cannot be reached" in refusal(open_lake("az", f"{NOWHERE}/account"))


def test_a_server_that_never_answers_is_given_up(relay):
    storage = open_lake("s3", relay.url, read_timeout_seconds=0.3, attempts=2)
    with relay.held():
        assert "did not answer in time" in refusal(storage, StoreError)
        with pytest.raises(StoreError, match="did not answer in time"):
            storage.get_size("main/x")


@pytest.mark.parametrize("scheme", ["s3", "az"])
def test_no_credentials_anywhere_is_said_so(scheme, monkeypatch):
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_EC2_METADATA_DISABLED"):
        monkeypatch.delenv(name)
    monkeypatch.delenv("AZURE_STORAGE_ACCOUNT_KEY")
    # The metadata services that would be asked are set to a port of this machine where nobody listens.
    assert "no credentials were found; set A" in refusal(open_lake(scheme, f"{NOWHERE}/account"))


def test_a_public_bucket_is_read_without_credentials(moto, gcs, monkeypatch):
    put(written := open_lake("gs", gcs), "main/x", b"public")
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "GOOGLE_BEARER_TOKEN"):
        monkeypatch.delenv(name)
    reader = CloudStorage(written.address, _anonymous(gcs))
    assert read(reader, "main/x") == b"public"
    public = open_lake("s3", moto, anonymous=True)
    url = f"{moto}/{public.address.bucket}/{public.address.prefix}/main"
    servers.ask("PUT", f"{url}/public", b"public too", {"x-amz-acl": "public-read"})
    servers.ask("PUT", f"{url}/private", b"private", {"x-amz-acl": "private"})
    assert read(public, "main/public") == b"public too"
    with pytest.raises(StoreError, match="may not do that"):
        read(public, "main/private")


def _anonymous(endpoint: str) -> Any:
    from ingestify.storage.cloud_address import CloudOptions

    return CloudOptions(endpoint=endpoint, anonymous=True)


def test_anonymous_writing_asks_no_metadata_service_for_a_token(gcs, monkeypatch):
    monkeypatch.delenv("GOOGLE_BEARER_TOKEN")
    seen = []
    with Relay(gcs) as front:
        storage = open_lake("gs", front.url, anonymous=True)

        def refuse(exchange: Any, _: int) -> bool:
            seen.append(exchange.headers.get("Authorization"))
            return exchange.fail(401, "AuthenticationRequired")

        with front.going_wrong(refuse):
            assert "does not know these credentials" in refusal(storage)
    assert set(seen) == {"Bearer anonymous"}


@pytest.mark.parametrize("path", ["../x", "/etc/passwd", "a/../../x", "a//b", "", "a/\0"])
def test_a_path_that_leaves_the_lake_is_refused_before_anything_is_asked(path):
    storage = open_lake("s3", NOWHERE)
    with pytest.raises(StoreError, match="no path inside the lake"):
        storage.open(path)
    with pytest.raises(StoreError, match="no path inside the lake"):
        put(storage, path, b"x")
    with pytest.raises(StoreError, match="no path inside the lake"):
        storage.delete([path])


def test_the_worst_of_several_refusals_is_the_one_that_is_raised(relay):
    storage = open_lake("s3", relay.url)
    objects = []
    for name in ("a-passing", "b-forbidden", "c-fine"):
        temporary = storage.create_temporary()
        temporary.write(b"x")
        objects.append((temporary, f"main/{name}"))

    def fault(exchange: Any, _: int) -> bool:
        if "passing" in exchange.path:
            return exchange.fail(500, "InternalError")
        return "forbidden" in exchange.path and exchange.fail(403, "AccessDenied")

    with relay.going_wrong(fault), pytest.raises(LakeUnwritable, match="forbidden"):
        storage.publish(objects)
    assert [stored.path for stored in storage.iter_objects()] == ["main/c-fine"]
    with pytest.raises(IntegrityError):
        storage.open("main/a-passing")
