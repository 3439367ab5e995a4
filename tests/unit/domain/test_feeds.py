from __future__ import annotations

import pytest

from ingestify import ConfigurationError, DataSpecVersionCollection
from ingestify.domain.bundle import MATCH


def test_nothing_said_is_every_feed_in_v1():
    assert DataSpecVersionCollection().versions_of("events") == ("v1",)
    assert MATCH.wanted(DataSpecVersionCollection()) == [
        ("match", "v1"),
        ("lineups", "v1"),
        ("events", "v1"),
        ("360-frames", "v1"),
    ]


def test_a_required_feed_comes_along_and_an_optional_one_does_not():
    versions = DataSpecVersionCollection({"match": "v6", "events": ["v8", "v9"]})
    assert MATCH.wanted(versions) == [("match", "v6"), ("lineups", "v1"), ("events", "v8"), ("events", "v9")]


def test_unknown_feeds_are_named():
    assert MATCH.unknown(DataSpecVersionCollection({"default": "v1", "evnts": "v8"})) == ["evnts"]


@pytest.mark.parametrize("versions", [{"events": []}, {"events": [8]}, {"events": ""}, {"events": None}, {"events": 8}])
def test_a_feed_needs_a_version(versions):
    with pytest.raises(ConfigurationError, match="events"):
        DataSpecVersionCollection(versions)


def test_one_version_can_be_asked_for():
    versions = DataSpecVersionCollection({"events": ["v8", "v9"], "match": "v6"})
    assert versions.get_version("match") == "v6"
    assert (versions.get_version("lineups"), versions.get_version("lineups", "v1")) == (None, "v1")
    with pytest.raises(ConfigurationError, match="exactly one"):
        versions.get_version("events")
