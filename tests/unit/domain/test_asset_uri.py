"""The URI of what a lake has of one kind: other systems keep it, so it never changes."""

from __future__ import annotations

import urllib.parse

import pytest

from ingestify import ConfigurationError, asset_uri
from ingestify.domain.asset_uri import asset_name, asset_namespace


@pytest.mark.parametrize(
    ("parts", "expected"),
    [
        (("club", "statsbomb", "match"), "ingestify://club/statsbomb/match"),
        (
            ("e91f2e70-c105-4ec9-9da7-8bac0dc156f1", "wyscout", "match"),
            "ingestify://e91f2e70-c105-4ec9-9da7-8bac0dc156f1/wyscout/match",
        ),
        (("club", "statsbomb", "match", "main"), "ingestify://club/statsbomb/match"),
        (("club", "statsbomb", "match", "women & girls"), "ingestify://club/statsbomb/match?bucket=women+%26+girls"),
        (("club", "a/b c", "größe"), "ingestify://club/a%2Fb%20c/gr%C3%B6%C3%9Fe"),
    ],
)
def test_the_uri_is_what_other_systems_have_stored(parts, expected):
    assert asset_uri(*parts) == expected


def test_the_parts_of_a_uri_can_be_read_from_it():
    parsed = urllib.parse.urlsplit(asset_uri("club-1.first", "a/b", "c?d", "women"))
    assert (parsed.scheme, parsed.netloc) == ("ingestify", "club-1.first")
    assert [urllib.parse.unquote(part) for part in parsed.path.split("/")] == ["", "a/b", "c?d"]
    assert urllib.parse.parse_qs(parsed.query) == {"bucket": ["women"]}


def test_the_namespace_and_the_name_make_the_uri():
    assert f"{asset_namespace('club')}/{asset_name('p', 't', 'b')}" == asset_uri("club", "p", "t", "b")


@pytest.mark.parametrize("lake", ["", "Club", "my lake", "a/b", "user@host", "lake:80", "-club", "x" * 101, "club\n"])
def test_a_name_that_is_no_host_is_refused(lake):
    with pytest.raises(ConfigurationError, match="lower-case letters"):
        asset_uri(lake, "statsbomb", "match")
