from __future__ import annotations

import datetime as dt
import json
import re
import urllib.parse
from typing import Any

import pytest

from ingestify import DatasetState, DataSpecVersionCollection, IngestionPlan, debug_source, get_engine
from ingestify.errors import ConfigurationError, SourceError
from ingestify.sources.registry import find_source_class
from ingestify.sources.rest.source import RestSource
from tests.support import hawkeye_documents as hawkeye
from tests.support.scripted_provider import Asked, Provider, Reply, answer
from tests.unit.sources.answers import unreadable
from tests.unit.sources.rest.api import Api, as_json, described

ENTRY = {
    "id": 7,
    "status": "done",
    "changed": "2024-05-01T18:30",
    "home": {"name": "Ajax"},
    "away": {"name": "PSV"},
    "goals": None,
}


def test_it_is_a_source_type() -> None:
    assert find_source_class("ingestify.rest") is RestSource


def test_an_entry_is_a_dataset(server: Provider) -> None:
    server.on("/matches", as_json([ENTRY]))
    with Api(
        server,
        name=["{home.name} {goals} {away.name}", "{home.name} - {away.name}"],
        state={"path": "status", "map": {"done": "complete", "planned": "SCHEDULED"}},
        last_modified="changed",
        metadata={"home": "home.name", "teams": {"away": ["away.short", "away.name"]}, "referee": "referee.name"},
        feeds={
            "events": {"url": "/events/{match_id}", "format": "json"},
            "match": {"content": "$"},
            "teams": {"content": "home", "optional": True},
            "video": {"url": "/video/{match_id}.mp4", "when": "status == 'live'"},
        },
    ) as api:
        (match,) = api.find()
    assert (match.dataset_resource_id, match.name, match.state) == (
        {"match_id": 7},
        "Ajax - PSV",
        DatasetState.COMPLETE,
    )
    assert match.metadata == {"home": "Ajax", "teams": {"away": "PSV"}, "referee": None}
    assert {name: file.url for name, file in match.files.items()} == {
        "events__v1": f"{server.url}/events/7",
        "match__v1": None,
        "teams__v1": None,
    }
    assert (match.files["match__v1"].json_content, match.files["teams__v1"].json_content) == (ENTRY, {"name": "Ajax"})
    assert {file.last_modified for file in match.files.values()} == {dt.datetime(2024, 5, 1, 18, 30, tzinfo=dt.UTC)}


def test_versions_are_those_of_the_plan_else_of_the_feed(server: Provider) -> None:
    server.on("/matches", as_json([{"id": 7}]))
    feeds = {
        "events": {"url": "/{data_spec_version}/events/{match_id}"},
        "lineups": {"url": "/lineups/{match_id}", "version": "v5"},
        "360": {"url": "/360/{match_id}", "ignore_not_found": True},
    }
    with Api(server, feeds=feeds) as api:
        assert list(api.find()[0].files) == ["events__v1", "lineups__v5", "360__v1"]
        (match,) = api.find({"events": ["v8", "v9"], "lineups": "v4"})
        assert [file.url for file in match.files.values()] == [
            f"{server.url}/v8/events/7",
            f"{server.url}/v9/events/7",
            f"{server.url}/lineups/7",
        ]
        assert list(match.files) == ["events__v8", "events__v9", "lineups__v4"]
        with pytest.raises(ConfigurationError, match="has no feed tracking; a match has events, lineups, 360"):
            api.find({"tracking": "v1"})


def test_a_filter_leaves_the_others_out(server: Provider) -> None:
    server.on("/matches", as_json([{"id": 7}, {"id": 8}]))
    with Api(server) as api:
        assert [one.dataset_resource_id for one in api.find(match_id="8")] == [{"match_id": 8}]


def test_values_of_a_selector_and_parameters_are_encoded(server: Provider) -> None:
    server.on("/seasons/a%2Fb%3F/matches", as_json([]))
    index = {"endpoint": "/seasons/{season}/matches", "parameters": {"day": "{day}", "all": "yes & no", "none": "{x}"}}
    with Api(server, index=index) as api:
        api.find(season="a/b?", day="1&2")
    assert server.asked[0].target == "/seasons/a%2Fb%3F/matches?day=1%262&all=yes+%26+no"


@pytest.mark.parametrize(
    ("items", "body", "message"),
    [
        (None, {"data": []}, "is a JSON dict; a list was expected. Name the path to the list as 'items'"),
        (
            "data.match",
            {"data": {"matches": []}},
            "holds no entries at 'data.match': there is no 'match' in an object with",
        ),
        ("[*]", {"data": []}, "wants a list where there is an object"),
    ],
)
def test_an_index_of_another_shape_is_an_error(server: Provider, items: str | None, body: Any, message: str) -> None:
    server.on("/matches", as_json(body))
    index = {"endpoint": "/matches"} if items is None else {"endpoint": "/matches", "items": items}
    with Api(server, index=index) as api, pytest.raises(SourceError, match=message):
        api.find()


def test_an_index_by_ids_has_an_entry_for_each(server: Provider) -> None:
    server.on("/matches", as_json({"matches": {"101": {"home": "Ajax"}, "102": {"home": "PSV", "id": "102b"}}}))
    index = {"endpoint": "/matches", "items": "matches[*]"}
    feeds = {"events": {"url": "/events/{match_id}"}, "match": {"content": "$"}}
    with Api(server, index=index, name="{home}", feeds=feeds) as api:
        one, two = api.find()
    assert [(match.dataset_resource_id["match_id"], match.name) for match in (one, two)] == [
        ("101", "Ajax"),
        ("102b", "PSV"),
    ]
    assert one.files["events__v1"].url == f"{server.url}/events/101"
    assert one.files["match__v1"].json_content == {"id": "101", "home": "Ajax"}


@pytest.mark.parametrize("body", [{"data": None}, {"data": {"matches": None}}, {"data": {"matches": []}}])
def test_an_index_with_nothing_in_it_is_none(server: Provider, body: Any) -> None:
    server.on("/matches", as_json(body))
    with Api(server, index={"endpoint": "/matches", "items": "data.matches"}) as api:
        assert api.find() == []


@pytest.mark.parametrize(
    ("entry", "changes", "message"),
    [
        ({}, {}, "it has no 'id'"),
        (None, {}, "it is null"),
        ({"id": ""}, {}, "it has no 'id'"),
        ({"id": "9" * 5000}, {"identity": {"match_id": {"path": "id", "type": "int"}}}, "4300 digits"),
        ({"id": [1]}, {}, "wants a single value"),
        ({"id": "x"}, {"identity": {"match_id": {"path": "id", "type": "int"}}}, "'x', which is no whole number"),
        ({"id": 1, "s": "odd"}, {"state": {"path": "s", "map": {"a": "COMPLETE"}}}, "'odd', which is not in the map"),
        ({"id": 1, "t": "soon"}, {"last_modified": "t"}, "the time 'soon' is not written as iso"),
        ({"id": ".."}, {}, r"the value '\.\.' cannot be a part of a URL"),
        ({"id": 1}, {"feeds": {"events": {"url": "/{round}"}}}, "needs 'round', and neither the selector nor"),
        ({"id": 1}, {"feeds": {"events": {"url": "{link}"}}}, "needs the URL at 'link', and there is none"),
        ({"id": 1, "l": "file:///etc/passwd"}, {"feeds": {"events": {"url": "{l}"}}}, "is no http or https URL"),
        ({"id": 1, "l": "https://evil.example/x"}, {"feeds": {"events": {"url": "{l}"}}}, "on the host 'evil.example'"),
        ({"id": 1, "l": "//evil.example/x"}, {"feeds": {"events": {"url": "{l}"}}}, "on the host 'evil.example'"),
    ],
)
def test_an_error_in_an_entry_names_the_entry(
    server: Provider, entry: Any, changes: dict[str, Any], message: str
) -> None:
    good = [{"id": id_, "round": 1, "link": "/x", "l": "/y"} for id_ in range(50)]
    server.on("/matches", as_json([*good[:30], entry, *good[30:]]))
    with Api(server, **changes) as api:
        found = api.find_all()
    ((where, why),) = unreadable(found).items()
    assert re.search(r"(match_id=.* \()?entry 30 of http.*/matches\)?$", where)
    assert re.search(message, why)
    assert len(found) == 51


def test_one_list_of_several_that_is_none_takes_no_other_with_it(server: Provider) -> None:
    server.on("/matches", as_json([{"matches": [{"id": 1}]}, {"matches": 5}, {"matches": [{"id": 2}]}]))
    with Api(server, index={"endpoint": "/matches", "items": "[*].matches[*]"}) as api:
        one, wrong, two = api.find_all()
    assert (one.dataset_resource_id, two.dataset_resource_id) == ({"match_id": 1}, {"match_id": 2})
    assert "wants a list where there is a number" in str(wrong.error)


def test_a_part_that_cannot_be_read_takes_no_other_with_it(server: Provider) -> None:
    server.on("/seasons", as_json([{"id": 1}, None, {"name": "x"}, {"id": 2, "changed": "soon"}, {"id": 3}]))
    selectors = {"endpoint": "/seasons", "values": {"season_id": "id"}, "last_modified": "changed"}
    with Api(server, selectors=selectors) as api:
        found = api.source.discover_selectors("match")
    assert [one for one in found if isinstance(one, dict)] == [{"season_id": 1}, {"season_id": 3}]
    assert list(unreadable(found).values()) == ["it is null", "it has no 'id'", "the time 'soon' is not written as iso"]


def test_a_page_with_a_duplicate_comes_in_one_list(server: Provider) -> None:
    entries = [{"id": number} for number in range(50)]
    for more, sizes in (([], [24, 26]), ([{"id": "0"}], [51])):
        server.on("/matches", as_json([*entries, *more]))
        with Api(server) as api:
            batches = list(api.source.find_datasets("match", DataSpecVersionCollection(None), None))  # type: ignore[arg-type]
        assert [len(batch) for batch in batches] == sizes


def test_a_url_of_the_entry_is_taken_as_it_is(server: Provider) -> None:
    server.on(
        "/matches", as_json([{"id": 1, "l": "https://cdn.example/a%20b?sig=x%2By"}, {"id": 2, "l": "/files/2.json"}])
    )
    feeds = {"events": {"url": "{l}"}}
    with Api(server, feeds=feeds, hosts=["*.example"], auth={"type": "bearer", "token": "my-token"}) as api:
        one, two = (match.files["events__v1"] for match in api.find())
    assert (one.url, one.http_options) == ("https://cdn.example/a%20b?sig=x%2By", {})
    assert two.url == f"{server.url}/files/2.json"
    assert two.http_options == {"headers": {"Authorization": "Bearer my-token"}}


# ---- selectors -----------------------------------------------------------------------------------------


def test_selectors_are_read_from_the_provider(server: Provider) -> None:
    server.on("/seasons", as_json({"seasons": [{"key": 90, "title": "2020", "at": 1714588200}, {"key": 91}]}))
    selectors = {
        "endpoint": "/seasons",
        "items": "seasons",
        "values": {"season_id": "key"},
        "name": "{title} ({season_id})",
        "last_modified": {"path": "at", "format": "epoch"},
    }
    with Api(server, selectors=selectors, index={"endpoint": "/matches/{season_id}"}) as api:
        assert api.source.discover_selectors("match") == [
            {
                "season_id": 90,
                "_name": "2020 (90)",
                "_last_modified": dt.datetime(2024, 5, 1, 18, 30, tzinfo=dt.UTC),
                "_grain": dt.timedelta(minutes=1),
            },
            {"season_id": 91},
        ]
        with pytest.raises(ConfigurationError, match="has no datasets of the type 'video'; it has 'match'"):
            api.source.discover_selectors("video")


def test_an_incomplete_selector_is_completed_from_the_discovered_ones(server: Provider) -> None:
    server.on("/seasons", as_json([{"c": 11, "s": 90}, {"c": 11, "s": 91}, {"c": 12, "s": 90}]))
    for season in (90, 91):
        server.on(f"/11/{season}", as_json([]))
    source = RestSource(
        "api",
        **described(
            server.url,
            selectors={"endpoint": "/seasons", "values": {"competition_id": "c", "season_id": "s"}},
            index={"endpoint": "/{competition_id}/{season_id}"},
        ),
    )
    with get_engine(metadata_url="sqlite:///:memory:", file_url="memory://") as engine:
        engine.add_ingestion_plan(IngestionPlan(source, "match", selectors=[{"competition_id": 11}]))
        engine.load()
    assert sorted(asked.target for asked in server.asked) == ["/11/90", "/11/91", "/seasons"]


def test_a_dataset_type_says_which_attributes_its_selectors_need(server: Provider) -> None:
    server.on("/12/videos", as_json([]))
    matches = described(server.url, index={"endpoint": "/{competition_id}/{season_id}"})
    videos = described(server.url, index={"endpoint": "/{competition_id}/videos"})
    for kind in (matches, videos):
        kind["dataset_types"]["match"]["selectors"] = [{"competition_id": 11, "season_id": 90}]
    both = {"match": matches["dataset_types"]["match"], "video": videos["dataset_types"]["match"]}
    source = RestSource("api", **{**matches, "dataset_types": both})
    assert source.selector_keys == {"match": ("competition_id", "season_id"), "video": ("competition_id",)}
    with get_engine(metadata_url="sqlite:///:memory:", file_url="memory://") as engine:
        engine.add_ingestion_plan(IngestionPlan(source, "video", selectors=[{"competition_id": 12}]))
        engine.load()
    assert [asked.target for asked in server.asked] == ["/12/videos"]


def test_a_missing_attribute_of_the_selector_is_named(server: Provider) -> None:
    with (
        Api(server, index={"endpoint": "/{round.number}/matches"}) as api,
        pytest.raises(ConfigurationError, match=r"cannot ask for /{round.number}/matches: .*'round.number'"),
    ):
        api.find()
    assert not server.asked


# ---- pages ---------------------------------------------------------------------------------------------

IDS = list(range(7))


def paged(asked: Asked) -> dict[str, str]:
    return dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(asked.target).query))


def by_number(asked: Asked) -> Reply:
    start = (int(paged(asked)["p"]) - 1) * 3
    return as_json({"data": [{"id": one} for one in IDS[start : start + 3]]})


def by_offset(asked: Asked) -> Reply:
    start = int(paged(asked)["offset"])
    return as_json({"data": [{"id": one} for one in IDS[start : start + 2]]})


def by_cursor(asked: Asked) -> Reply:
    start = int(paged(asked).get("after", "0"))
    rest = {"after": str(start + 3)} if start + 3 < len(IDS) else {}
    return as_json({"data": [{"id": one} for one in IDS[start : start + 3]], "meta": rest})


def by_link(asked: Asked) -> Reply:
    start = int(paged(asked).get("from", "0"))
    rest = f"/matches?from={start + 3}" if start + 3 < len(IDS) else None
    header = {"link": f'<{rest}>; rel="next"'} if rest else {}
    return as_json({"data": [{"id": one} for one in IDS[start : start + 3]], "links": {"next": rest}}, **header)


PAGINGS = [
    (by_number, {"type": "page_number", "parameter": "p"}),
    (by_offset, {"type": "offset", "limit": 2}),
    (by_cursor, {"type": "cursor", "parameter": "after", "path": "meta.after"}),
    (by_link, {"type": "next_link", "path": "links.next"}),
    (by_link, {"type": "link_header"}),
]


@pytest.mark.parametrize(("serve", "paging"), PAGINGS)
def test_pages_are_read_to_their_end(server: Provider, serve: Any, paging: dict[str, Any]) -> None:
    server.on("/matches", by=serve)
    with Api(server, index={"endpoint": "/matches", "items": "data[*]", "paging": paging}) as api:
        assert [match.dataset_resource_id["match_id"] for match in api.find()] == IDS


@pytest.mark.sampled(3)
@pytest.mark.parametrize(("serve", "paging"), PAGINGS)
def test_a_file_of_pages_is_the_list_of_all_items(server: Provider, serve: Any, paging: dict[str, Any]) -> None:
    server.on("/matches", by=serve)
    server.on("/index", as_json([{"id": 1}]))
    feeds = {"frames": {"url": "/matches", "paging": paging, "items": "data"}}
    source = RestSource("api", **described(server.url, index={"endpoint": "/index"}, feeds=feeds))
    with get_engine(metadata_url="sqlite:///:memory:", file_url="memory://") as engine:
        engine.add_ingestion_plan(IngestionPlan(source, "match"))
        assert engine.load().totals.new == 1
        (dataset,) = engine.list_datasets()
        assert engine.store.load_files(dataset).get_file("frames").json() == [{"id": one} for one in IDS]


def test_pages_are_requested_as_they_are_consumed(server: Provider) -> None:
    server.on("/matches", by=lambda asked: as_json({"data": [{"id": one} for one in range(30)], "next": "/matches?2"}))
    with Api(server, index={"endpoint": "/matches", "items": "data", "paging": {"type": "next_link"}}) as api:
        found = api.source.find_datasets("match", DataSpecVersionCollection(), None)  # type: ignore[arg-type]
        assert len(next(iter(found))) == 24
        assert len(server.asked) == 1


def test_a_next_page_on_another_host_is_refused(server: Provider, other_server: Provider) -> None:
    elsewhere = other_server.url.replace("127.0.0.1", "localhost")
    server.on("/matches", as_json({"data": [{"id": 1}], "next": f"{elsewhere}/matches"}))
    with (
        Api(server, index={"endpoint": "/matches", "items": "data", "paging": {"type": "next_link"}}) as api,
        pytest.raises(SourceError, match="on the host 'localhost', which is not that of base_url"),
    ):
        api.find()
    assert not other_server.asked


# ---- who asks ------------------------------------------------------------------------------------------

AUTHS = [
    ({"type": "basic", "username": "me", "password": "pass-word"}, "authorization", "Basic bWU6cGFzcy13b3Jk"),
    ({"type": "bearer", "token": "tok-en"}, "authorization", "Bearer tok-en"),
    ({"type": "api_key", "name": "X-Key", "value": "the-key"}, "x-key", "the-key"),
]


@pytest.mark.parametrize(("auth", "header", "value"), AUTHS)
def test_credentials_go_with_the_index_and_with_files(
    server: Provider, auth: dict[str, str], header: str, value: str
) -> None:
    server.on("/matches", as_json([{"id": 1}]))
    server.on("/events/1", as_json([1]))
    source = RestSource("api", **described(server.url, auth=auth, headers={"X-Team": "blue"}))
    with get_engine(metadata_url="sqlite:///:memory:", file_url="memory://") as engine:
        engine.add_ingestion_plan(IngestionPlan(source, "match"))
        assert engine.load().totals.new == 1
    assert [asked.headers.get(header) for asked in server.asked] == [value] * len(server.asked)
    assert {asked.headers["x-team"] for asked in server.asked} == {"blue"}
    for secret in ("pass-word", "tok-en", "the-key"):
        assert secret not in repr(source) + repr(source._settings)


def test_a_key_in_the_query_goes_with_every_page(server: Provider) -> None:
    def serve(asked: Asked) -> Reply:
        return by_link(asked) if paged(asked).get("k") == "the-key&" else answer(b"", 401)

    server.on("/matches", by=serve)
    auth = {"type": "api_key", "name": "k", "value": "the-key&", "in": "query"}
    index = {"endpoint": "/matches", "items": "data", "paging": {"type": "next_link", "path": "links.next"}}
    with Api(server, auth=auth, index=index) as api:
        matches = api.find()
        assert len(matches) == len(IDS)
        assert matches[0].files["events__v1"].http_options["params"] == {"k": "the-key&"}


@pytest.mark.parametrize("place", ["header", "body"])
def test_a_token_is_requested_and_renewed_during_a_run(server: Provider, place: str) -> None:
    valid: set[str] = set()

    def give(asked: Asked) -> Reply:
        form = dict(urllib.parse.parse_qsl(asked.body.decode()))
        assert (form["grant_type"], form["scope"], form["audience"]) == ("client_credentials", "read", "them")
        if place == "header":
            assert asked.headers["authorization"] == "Basic bWUlM0FJOnMlMjZz"
            assert "client_secret" not in form
        else:
            assert (form["client_id"], form["client_secret"]) == ("me:I", "s&s")
        valid.clear()
        valid.add(f"Bearer token-{len(server.asked_for('/token'))}")
        return as_json({"access_token": next(iter(valid)).partition(" ")[2], "expires_in": 3600})

    def serve(body: Any) -> Any:
        return lambda asked: as_json(body) if asked.headers.get("authorization") in valid else answer(b"", 401)

    server.on("/token", by=give)
    server.on("/matches", by=serve([{"id": 1}, {"id": 2}]))
    server.on("/events/1", by=serve([1]))
    server.on("/events/2", by=serve([2]))
    auth = {
        "type": "oauth2_client_credentials",
        "token_url": f"{server.url}/token",
        "client_id": "me:I",
        "client_secret": "s&s",
        "scope": "read",
        "parameters": {"audience": "them"},
        "credentials_in": place,
    }
    source = RestSource("api", **described(server.url, auth=auth))
    with get_engine(metadata_url="sqlite:///:memory:", file_url="memory://") as engine:
        engine.add_ingestion_plan(IngestionPlan(source, "match"))
        assert engine.load().totals.new == 2
        assert len(server.asked_for("/token")) == 1
        valid.clear()  # as if the provider had taken it back
        assert engine.load().totals.failed == 0
        assert len(server.asked_for("/token")) == 2


def test_wrong_credentials_are_one_clear_error(server: Provider) -> None:
    server.on("/matches", answer(json.dumps({"error": "bad tok-en"}).encode(), 401, content_type="application/json"))
    with (
        Api(server, auth={"type": "bearer", "token": "tok-en"}) as api,
        pytest.raises(Exception, match=r"status 401.*check the credentials of this source") as caught,
    ):
        api.find()
    assert "tok-en" not in str(caught.value)


def test_an_api_may_hand_out_another_providers_format(server: Provider) -> None:
    feeds = {"ball": hawkeye.ball(1), "centroids": hawkeye.centroids(1)}
    server.on("/matches", as_json([{"id": 1}]))
    for feed, content in feeds.items():
        server.on(f"/{feed}/1", as_json(json.loads(content)))
    said = described(server.url, loader="hawkeye", feeds={feed: {"url": f"/{feed}/{{match_id}}"} for feed in feeds})
    said["dataset_types"]["tracking"] = said["dataset_types"].pop("match")
    with debug_source(RestSource("api", **said), dataset_type="tracking") as engine:
        (dataset,) = engine.list_datasets()
        assert (dataset.provider, dataset.loader, str(dataset.state)) == ("example", "hawkeye", "COMPLETE")
        server.on("/centroids/1", as_json(json.loads(hawkeye.centroids(1, "m2"))))
        engine.load()
        (entry,) = engine.store.quarantine.list_entries()
        assert entry.reasons == ("its files are of several matches: ball__v1 of m1; centroids__v1 of m2",)


@pytest.mark.parametrize(("reads_again", "requests"), [(True, 2), (False, 1)])
def test_an_index_is_read_again_unless_requests_are_few(server: Provider, reads_again: bool, requests: int) -> None:
    server.on("/matches", as_json([{"id": 1}, {"id": 2}]))
    for number in (1, 2):
        server.on(f"/events/{number}", as_json([number]))
    said = {**described(server.url), "reads_index_again": reads_again}
    with debug_source(RestSource("api", **said), dataset_type="match") as engine:
        assert len(engine.list_datasets()) == 2
    assert len(server.asked_for("/matches")) == requests


def test_when_a_quota_is_used_up_nothing_more_is_sent(server: Provider) -> None:
    over = {"errors": {"requests": "no more today"}, "response": []}
    server.on("/matches", as_json([{"id": number} for number in range(20)]))
    for number in range(20):
        server.on(f"/events/{number}", as_json(over))
    source = RestSource("api", **{**described(server.url), "quota": "errors.requests"})
    source.max_concurrency = 1
    with get_engine(metadata_url="sqlite:///:memory:", file_url="memory://") as engine:
        engine.add_ingestion_plan(IngestionPlan(source, "match"))
        report = engine.load()
        assert "the provider sent an error with the status 200: 'no more today'" in (report.failed_tasks[0].error)
        asked = sum(len(server.asked_for(f"/events/{number}")) for number in range(20))
        assert asked < 5
        engine.load()
        assert len(server.asked_for("/matches")) == 1


def test_several_datasets_are_found_with_one_request_of_the_index(server: Provider) -> None:
    server.on("/matches", as_json([{"id": 7}, {"id": 8}, {"id": 9}]))
    url = "/{selector.match_id}/events/{match_id}"
    with Api(server, feeds={"events": {"url": url}}) as api:
        assert api.source.multi_value_keys == {"match": ("match_id",)}
        found = api.find(match_id=["7", 9])
    assert {one.files["events__v1"].url for one in found} == {f"{server.url}/{n}/events/{n}" for n in (7, 9)}


@pytest.mark.parametrize(
    "index",
    [
        {"endpoint": "/matches/{match_id}"},
        {"endpoint": "/matches", "parameters": {"id": "{match_id}"}},
        {"endpoint": "/matches", "parameters": {"id": "{selector.match_id}"}},
    ],
)
def test_an_index_of_one_dataset_is_requested_for_each(server: Provider, index: dict[str, Any]) -> None:
    with Api(server, index=index) as api:
        assert api.source.multi_value_keys == {"match": ()}
