from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingestify.errors import ConfigurationError
from ingestify.storage.cloud_address import CloudAddress, CloudOptions, is_cloud_url


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("s3://lake", CloudAddress("s3", "lake", "")),
        ("S3://lake/", CloudAddress("s3", "lake", "")),
        ("s3://my.lake/football/files/", CloudAddress("s3", "my.lake", "football/files")),
        ("gs://my_lake/a%20b", CloudAddress("gcs", "my_lake", "a%20b")),
        ("gcs://my_lake", CloudAddress("gcs", "my_lake", "")),
        ("az://container/x", CloudAddress("azure", "container", "x")),
    ],
)
def test_a_url_names_a_bucket_and_what_begins_the_names_in_it(url, expected):
    assert CloudAddress.parse(url) == expected
    assert CloudAddress.parse(str(expected)) == expected
    assert is_cloud_url(url)


@pytest.mark.parametrize("url", ["file://lake", "memory://", "http://lake", "s3:lake", "s3"])
def test_other_urls_are_no_object_stores(url):
    assert not is_cloud_url(url)
    with pytest.raises(ConfigurationError, match="names no object store"):
        CloudAddress.parse(url)


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("s3://", "names no bucket; write it as s3://my-bucket/lake"),
        ("az:///x", "names no container; write it as az://"),
        ("s3://My_Bucket/x", "'My_Bucket' is no bucket's name, which has 3 to 63 small letters"),
        ("az://a--b", "no container's name"),
        ("gs://ab", "no bucket's name"),
        ("s3://lake/a//b", "has a part that is empty"),
        ("s3://lake/../other", "has a part"),
        ("s3://lake/a\\b", "has a part"),
        ("s3://lake/x?region=eu-west-1", r"has no \? and no #.*file_options"),
    ],
)
def test_a_url_that_makes_no_sense_says_what_to_write(url, message):
    with pytest.raises(ConfigurationError, match=message):
        CloudAddress.parse(url)


@pytest.mark.parametrize("url", ["s3://AKID:hunter2secret@lake/x", "az://user:hunter2secret@container"])
def test_credentials_in_a_url_are_refused_and_not_shown(url):
    with pytest.raises(ConfigurationError, match="holds no credentials") as raised:
        CloudAddress.parse(url)
    assert "hunter2secret" not in str(raised.value)


@given(st.text(max_size=40))
def test_whatever_follows_the_scheme_is_an_address_or_a_configuration_error(text):
    for scheme in ("s3", "gs", "az"):
        try:
            address = CloudAddress.parse(f"{scheme}://{text}")
        except ConfigurationError:
            continue
        assert CloudAddress.parse(str(address)) == address
        assert ".." not in address.prefix.split("/")


@pytest.mark.parametrize(
    ("service", "options", "message"),
    [
        ("gcs", {"region": "eu-west-1"}, "file_options.region: this is for s3, and file_url is of gcs"),
        ("azure", {"profile": "x"}, "profile: this is for s3"),
        ("azure", {"path_style": False}, "path_style"),
        ("s3", {"account": "x"}, "account: this is for azure"),
        ("s3", {"anonymous": True, "profile": "x"}, "contradict each other"),
        ("s3", {"endpoint": "minio.example.com:9000"}, "write it as https://minio"),
        ("s3", {"endpoint": "https://minio.example.com?x=1"}, "no server's URL"),
    ],
)
def test_options_that_do_not_fit_are_refused_by_name(service, options, message):
    with pytest.raises(ConfigurationError, match=message):
        CloudOptions(**options).check(service)


def test_credentials_in_an_endpoint_are_refused_and_not_shown():
    with pytest.raises(ConfigurationError, match="without credentials") as raised:
        CloudOptions(endpoint="https://me:hunter2secret@minio.example.com").check("s3")
    assert "hunter2secret" not in str(raised.value)
