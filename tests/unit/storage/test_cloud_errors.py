"""Texts of obstore that no server on loopback can be made to say; the rest is in tests/integration/storage."""

from __future__ import annotations

import pytest

from ingestify.errors import IntegrityError, LakeUnwritable, StoreError
from ingestify.storage.cloud_address import CloudAddress
from ingestify.storage.cloud_errors import translate

LAKE = CloudAddress.parse("s3://my-lake/football")
_DEBUG = '\n\nDebug source:\nGeneric {{ inner: Http(HttpError {{ kind: {kind}, source: "{cause}" }}) }}'


@pytest.mark.parametrize(
    ("text", "kind", "message"),
    [
        (
            "Generic S3 error: HTTP error: error sending request" + _DEBUG.format(kind="Connect", cause="dns error"),
            LakeUnwritable,
            "name cannot be looked up; correct main.file_options.endpoint",
        ),
        (
            "Generic S3 error: HTTP error: builder error" + _DEBUG.format(kind="Unknown", cause="BadScheme"),
            LakeUnwritable,
            "not https; write http:// in main.file_options.endpoint",
        ),
        (
            "status code: 400 Bad Request: <Code>AuthorizationHeaderMalformed</Code> expecting 'eu-west-1'",
            LakeUnwritable,
            "name it under main.file_options.region, such as eu-west-1",
        ),
        (
            "Received redirect without LOCATION, this normally indicates an incorrectly configured region",
            LakeUnwritable,
            "in another region",
        ),
        ('status code: 400: {"error": "invalid_grant"}', LakeUnwritable, "have expired"),
        ("Generic S3 error: something new.", StoreError, "Generic S3 error: something new; run again later."),
    ],
)
def test_each_text_becomes_one_message_with_a_remedy(text, kind, message):
    translated = translate("write", "main/x", RuntimeError(text), LAKE)
    assert type(translated) is kind
    assert str(translated).startswith("Cannot write s3://my-lake/football/main/x: ")
    assert message in str(translated)
    assert "Debug source" not in str(translated.__cause__)


def test_what_is_not_there_is_told_from_a_bucket_that_is_not_there():
    missing = translate("read", "main/x", FileNotFoundError("status code: 404: <Code>NoSuchKey</Code>"), LAKE)
    assert type(missing) is IntegrityError
    nowhere = translate("read", "main/x", FileNotFoundError("status code: 404: <Code>NoSuchBucket</Code>"), LAKE)
    assert type(nowhere) is StoreError
    assert "there is no bucket 'my-lake'" in str(nowhere)


def test_a_signature_in_a_url_is_masked_also_in_the_cause():
    error = RuntimeError("Error performing PUT https://a.blob.core.windows.net/c/x?sv=1&sig=hunter2hunter2 - kaputt")
    translated = translate("write", "main/x", error, LAKE)
    assert "hunter2" not in str(translated)
    assert "hunter2" not in str(translated.__cause__)
    assert translated.__context__ is None
