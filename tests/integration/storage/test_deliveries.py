"""Deliveries in an object store: the same source as over a folder, over moto."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import obstore
import pytest

from ingestify.domain.delivery import DeliveredFile
from ingestify.errors import ConfigurationError, SourceError
from ingestify.main.deliveries import open_delivery
from ingestify.storage.cloud_address import CloudAddress, CloudOptions
from ingestify.storage.cloud_clients import make_client
from tests.support.drop import Drop

from . import servers


class Bucket:
    """A prefix of its own in a bucket, to deliver into."""

    def __init__(self, endpoint: str) -> None:
        self.endpoint = endpoint
        self.location = f"s3://{servers.BUCKET}/deliveries-{uuid.uuid4().hex}"
        self._client = make_client(CloudAddress.parse(self.location), CloudOptions(endpoint=endpoint))

    @property
    def options(self) -> dict[str, Any]:
        return {"endpoint": self.endpoint, "region": "us-east-1", "attempts": 2}

    def put(self, path: str, content: bytes = b"[1]") -> None:
        obstore.put(self._client, path, content)

    def delete(self, path: str) -> None:
        obstore.delete(self._client, path)


@pytest.fixture
def bucket(moto: str) -> Bucket:
    return Bucket(moto)


@pytest.fixture
def drop(bucket: Bucket, tmp_path: Path) -> Iterator[Drop]:
    with Drop(tmp_path, location=bucket.location, options=bucket.options, settle_seconds=0) as made:
        yield made


def test_objects_are_datasets_and_a_second_run_only_lists(
    bucket: Bucket, drop: Drop, monkeypatch: pytest.MonkeyPatch
) -> None:
    large = bytes(range(256)) * 20_000
    bucket.put("11/90/7_events.json")
    bucket.put("11/90/7_tracking.bin", large)
    bucket.put("12/90/8_events.json", b"[2]")
    bucket.put("11/90/", b"")
    assert drop.load().totals.new == 2
    assert drop.read()["competition_id=11/season_id=90/match_id=7"] == {
        "events__v1": b"[1]",
        "tracking__v1": large,
    }
    monkeypatch.setattr(obstore, "get", lambda *_, **__: pytest.fail("an object was read"))
    assert drop.load().totals.unchanged == 2
    monkeypatch.undo()
    bucket.put("12/90/8_events.json", b"[3]")
    bucket.delete("11/90/7_events.json")
    bucket.delete("11/90/7_tracking.bin")
    totals = drop.load().totals
    assert (totals.revised, totals.missing) == (1, 1)


def test_a_filter_lists_one_folder(bucket: Bucket, drop: Drop) -> None:
    bucket.put("11/90/7_events.json")
    bucket.put("12/90/8_events.json")
    assert drop.load(competition_id=12).totals.discovered == 1


def test_an_object_that_was_replaced_since_it_was_listed_is_not_taken(bucket: Bucket) -> None:
    bucket.put("a.json", b"[1]")
    delivery = open_delivery(bucket.location, bucket.options, Path())
    (listed,) = delivery.iter_files()
    assert isinstance(listed, DeliveredFile)
    bucket.put("a.json", b"[2]")
    with pytest.raises(SourceError, match=r"a\.json changed while it was read"):
        delivery.open(listed).read()
    bucket.delete("a.json")
    with pytest.raises(SourceError, match="removed or changed while it was read"):
        delivery.open(listed).read()


def test_a_bucket_that_is_not_there_is_told_in_the_words_of_a_delivery(bucket: Bucket) -> None:
    delivery = open_delivery("s3://no-such-bucket/x", bucket.options, Path())
    with pytest.raises(SourceError, match="there is no bucket 'no-such-bucket'; make it, or correct location"):
        list(delivery.iter_files())


@pytest.mark.parametrize(
    ("location", "options", "message"),
    [
        ("s3://x", {}, "location: 'x' is no bucket's name"),
        ("s3://bucket/x", {"endpoit": "http://x"}, r"options\.endpoit: unknown key; did you mean 'endpoint'"),
        ("s3://bucket/x", {"account": "x"}, r"options\.account: this is for azure"),
    ],
)
def test_what_is_wrong_with_a_location_is_told_in_the_words_of_a_delivery(
    location: str, options: dict[str, Any], message: str
) -> None:
    with pytest.raises(ConfigurationError, match=message) as caught:
        open_delivery(location, options, Path())
    assert "file_url" not in str(caught.value)
    assert "get_engine" not in str(caught.value)
