"""A source that needs no network, and what a configuration may name beside it."""

from __future__ import annotations

import datetime as dt
import time
from typing import ClassVar

import polars as pl

from ingestify import (
    BundleCheck,
    BundleType,
    DatasetResource,
    DraftFile,
    FetchPolicy,
    MessagesRefused,
    Publisher,
    PublisherSwitchedOff,
    PublishUnavailable,
    RecordKey,
    Source,
    Subscriber,
)

KEYS = {
    "events": RecordKey("id", noun="event", kind="type", who="player", minute=lambda one: str(one["minute"])),
}


class SmallSource(Source):
    """Two seasons of three matches."""

    provider = "small"
    concurrent_discovery = True
    lists_everything = True

    def discover_selectors(self, dataset_type):
        hints = {"_last_modified": dt.datetime(2024, 5, 1)} if self.configuration.get("has_hints") else {}
        return [{"season_id": one, **hints} for one in range(1, 1 + self.configuration.get("seasons", 2))]

    def find_datasets(self, dataset_type, data_spec_versions, dataset_collection_metadata, season_id, **_):
        if self.configuration.get("is_down"):
            raise ValueError("the index is gone")
        for number in range(self.configuration.get("matches", 3)):
            match_id = 10 * season_id + number
            resource = DatasetResource(
                {"season_id": season_id, "match_id": match_id}, "match", name=f"Málaga {match_id}"
            )
            if match_id in self.configuration.get("broken", ()):
                yield resource.mark_failed(ValueError("the provider is on fire"))
                continue
            if number >= self.configuration.get("hangs_after", 1000):
                time.sleep(0.5)
            yield resource.add_file(dt.datetime(2024, 5, 1), "events", json_content=match_id)


class Doubts(BundleCheck):
    """Says the same of some matches, or of all."""

    called: ClassVar[list[Doubts]] = []

    def find_problems(self, bundle):
        self.called[:] = [self]
        matches = self.configuration.get("matches")
        if matches is None or bundle.identifier["match_id"] in matches:
            yield self.configuration.get("says", "")


def make_frame(files, dataset):
    """A table of one's own: match 11 has no rows that it can make."""
    number = files["events"].json()
    if number == 11:
        raise ValueError("the events of Málaga 11 are lost")
    return pl.DataFrame({"number": [number, number + 1]})


class Corrected(Source):
    """A match whose shot gets another xG with each version, and a pass with the second one."""

    provider = "small"
    record_keys = KEYS

    def find_datasets(self, dataset_type, data_spec_versions, dataset_collection_metadata, **_):
        version = self.configuration["version"]
        events = [{"id": 1, "type": "Shot", "minute": 63, "xg": version / 10, "player": "Málaga"}]
        if version > 1:
            events.append({"id": 2, "type": "Pass", "minute": 64, "player": "Málaga"})
        for match_id in (10, 11):
            resource = DatasetResource({"match_id": match_id}, "match", name=f"Málaga {match_id}")
            content = events if match_id == 10 else []
            yield resource.add_file(dt.datetime(2024, 5, version), "events", json_content=content)


class Cadence(FetchPolicy):
    def __init__(self, hours):
        if hours <= 0:
            raise ValueError("hours must be above 0")


class Hook(Subscriber):
    def __init__(self, store, address):
        super().__init__(store)


class NotTen(BundleCheck):
    """Refuses match 10."""

    def find_problems(self, bundle):
        if any(file.json() == 10 for file in bundle.files.values()):
            yield "it is match 10"


class WithHeatmap(Source):
    """A match of which one file is broken: the optional one, or the events."""

    provider = "small"
    bundle_types = (BundleType("match", requires=("events",), optional=("heatmap",)),)

    def find_datasets(self, dataset_type, data_spec_versions, dataset_collection_metadata, **_):
        broken = self.configuration["broken"]
        resource = DatasetResource({"match_id": 1}, "match", name="match 1")
        for feed in ("events", "heatmap"):
            body = b'{"cut off": ' if feed == broken else b'{"feed": 1}'
            resource.add_file(
                None,
                feed,
                data_serialization_format="json",
                file_loader=lambda file, current, body=body: DraftFile.from_input(
                    body, file.data_feed_key, "v1", "json"
                ),
            )
        yield resource


class Picky(Publisher):
    """Refuses the message of event 2 for a reason."""

    def __init__(self, reason="it has 2 MB, and 1 MB is the most"):
        self.reason = reason

    def publish(self, messages):
        refused = {one.id: self.reason for one in messages if one.id.endswith("/2")}
        if refused:
            raise MessagesRefused(refused)


class Gone(Publisher):
    """Wants no messages."""

    def __init__(self, reason="410 Gone."):
        self.reason = reason

    def publish(self, messages):
        raise PublisherSwitchedOff(self.reason)


class Down(Publisher):
    """Takes no messages at the moment."""

    def __init__(self, reason="connection refused"):
        self.reason = reason

    def publish(self, messages):
        raise PublishUnavailable(self.reason)
