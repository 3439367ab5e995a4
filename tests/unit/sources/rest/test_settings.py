from __future__ import annotations

import copy
from typing import Any

import pytest

from ingestify.errors import ConfigurationError
from ingestify.sources.rest.settings import RestDeclaration
from ingestify.sources.rest.source import RestSource

GOOD: dict[str, Any] = {
    "provider": "example",
    "base_url": "https://api.example.com/v2/",
    "dataset_types": {
        "match": {
            "index": {"endpoint": "/matches"},
            "identity": {"match_id": "id"},
            "feeds": {"events": {"url": "/events/{match_id}"}},
        }
    },
}


def changed(path: str, value: Any) -> dict[str, Any]:
    """Return GOOD with what a path such as `dataset_types.match.index` leads to replaced."""
    made = copy.deepcopy(GOOD)
    *folders, name = path.split(".")
    at = made
    for folder in folders:
        at = at.setdefault(folder, {})
    at[name] = value
    return made


def test_the_required_keys_are_enough() -> None:
    source = RestSource("api", **GOOD)
    assert (source.provider, source.discover_selectors("match")) == ("example", [{}])


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        ("base_ur", 1, "there is no key 'base_ur'; did you mean 'base_url'"),
        ("base_url", "api.example.com", "base_url: must be a URL such as https://api.example.com/v2"),
        ("base_url", "https://me:hunter22@api.example.com", "base_url: holds credentials; write them under auth"),
        ("base_url", "https://api.example.com:port/", "base_url: must be a URL"),
        ("dataset_types", {}, "dataset_types: Dictionary should have at least 1 item"),
        ("dataset_types.match.identity", {}, "dataset_types.match.identity: "),
        ("dataset_types.match.identity", {"match id": "id"}, "dataset_types.match.identity.match id"),
        (
            "dataset_types.match.identity",
            {"match_id": "a..b"},
            "dataset_types.match.identity.match_id.path.*cannot be read",
        ),
        ("dataset_types.match.identity", {"match_id": "a[*]"}, r"match_id.path.*has \[\*\] in it"),
        ("dataset_types.match.index", {}, "dataset_types.match.index.endpoint: it is missing"),
        ("dataset_types.match.index.endpoint", "/m/{", "dataset_types.match.index.endpoint: .*single {"),
        (
            "dataset_types.match.index.pagin",
            {},
            "dataset_types.match.index: there is no key 'pagin'; did you mean 'paging'",
        ),
        (
            "dataset_types.match.index.paging",
            {"type": "scroll"},
            "dataset_types.match.index.paging: its type must be one of",
        ),
        ("dataset_types.match.index.paging", {}, "dataset_types.match.index.paging: it needs a type"),
        (
            "dataset_types.match.index.paging",
            {"type": "next_link", "path": "links[-1]"},
            "paging.path: 'links.-1.' must be",
        ),
        (
            "dataset_types.match.index.paging",
            {"type": "offset", "limt": 3},
            "dataset_types.match.index.paging: there is no key 'limt'; did you mean 'limit'",
        ),
        (
            "dataset_types.match.index",
            {"endpoint": "/m", "items": "rounds[*].matches", "paging": {"type": "page_number"}},
            r"dataset_types.match.index: items: pages are counted .*'rounds\[\*\].matches' must lead to one list",
        ),
        ("dataset_types.match.feeds", {}, "dataset_types.match.feeds: "),
        ("dataset_types.match.feeds.events", {}, "dataset_types.match.feeds.events: needs either a url or a content"),
        (
            "dataset_types.match.feeds.events",
            {"url": "/a", "content": "$"},
            "dataset_types.match.feeds.events: needs either",
        ),
        (
            "dataset_types.match.feeds.events.when",
            "status = 1",
            "dataset_types.match.feeds.events.when: when, column 8",
        ),
        (
            "dataset_types.match.feeds.events.when",
            "open('/etc/passwd')",
            "feeds.events.when: .*a call cannot stand here",
        ),
        ("dataset_types.match.feeds.events.when", True, "feeds.events.when: must be text"),
        ("dataset_types.match.feeds.events.recheck_after_seconds", 3, "needs ignore_not_found: true"),
        (
            "dataset_types.match.last_modified",
            {"path": "t", "timezone": "Rome"},
            "last_modified: timezone: there is no time zone",
        ),
        (
            "dataset_types.match.last_modified",
            {"path": "t", "format": "julian"},
            "last_modified: format: 'julian' is none of",
        ),
        ("dataset_types.match.state", {"path": "s", "map": {"a": "DONE"}}, "dataset_types.match.state.map.a: .*DONE"),
        ("dataset_types.match.metadata", {"a": {"b": 3}}, "dataset_types.match.metadata: must be text"),
        ("dataset_types.match.selectors", [], "dataset_types.match.selectors"),
        ("dataset_types.match.loader", "otpa", "dataset_types.match.loader: there is no loader 'otpa'; did you mean"),
        (
            "dataset_types.match.loader",
            "opta",
            r"dataset_types.match.feeds: the loader 'opta' needs the feed f7 and f24\|f73; there are events",
        ),
        ("auth", {"type": "basic", "user": "me", "password": "hunter22"}, "auth.username: it is missing"),
        ("auth", {"type": "basic", "user": "me", "password": "hunter22"}, "auth: there is no key 'user'"),
        ("auth", {"type": "kerberos"}, "auth: its type must be one of: 'basic'.*'oauth2_client_credentials'"),
    ],
)
def test_an_error_names_the_path_of_a_key_and_not_its_value(path: str, value: Any, message: str) -> None:
    with pytest.raises(ConfigurationError, match=rf"(?s)The source 'api'.*{message}") as caught:
        RestSource("api", **changed(path, value))
    assert "hunter22" not in str(caught.value)


def test_all_errors_are_reported_at_once() -> None:
    wrong = {**changed("dataset_types.match.index.endpoint", "{"), "base_url": "nothing", "hots": []}
    with pytest.raises(ConfigurationError, match="has 3 problems"):
        RestSource("api", **wrong)


def test_an_empty_key_is_as_if_it_were_not_there() -> None:
    assert RestSource("api", **changed("dataset_types.match.name", None)).provider == "example"


def test_there_is_a_schema_with_descriptions() -> None:
    schema = RestDeclaration.model_json_schema()
    assert schema["properties"]["base_url"]["description"] == "The URL to which all paths are added."
    assert {"Feed", "Endpoint", "BasicAuth", "ClientCredentialsAuth"} <= schema["$defs"].keys()
    assert "in" in schema["$defs"]["ApiKeyAuth"]["properties"]
