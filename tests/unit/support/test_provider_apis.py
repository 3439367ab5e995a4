"""The simulators refuse what the providers refuse: what a client forgets must not pass here."""

from __future__ import annotations

import datetime as dt
import json
import urllib.error
import urllib.parse
import urllib.request
from typing import Any

import pytest

from ingestify.testing.season import Season
from ingestify.testing.simulator import Fault
from tests.support.provider_apis.impect import ImpectApi
from tests.support.provider_apis.provider_api import ProviderApi, basic_authorization
from tests.support.provider_apis.skillcorner import SkillCornerApi
from tests.support.provider_apis.statsbomb import StatsBombApi
from tests.support.provider_apis.wyscout import WyscoutApi

APIS: dict[type[ProviderApi], str] = {
    StatsBombApi: "v4/competitions",
    WyscoutApi: "seasons/27/matches",
    SkillCornerApi: "matches",
    ImpectApi: "iterations",
}
SEASON = Season(matches=5, events_per_match=20, matches_with_360=1)
MATCH_ID = SEASON.matches[0].match_id


def ask(
    url: str, authorization: str | None = None, form: dict[str, str] | None = None, **headers: str
) -> tuple[int, Any]:
    """Return status and JSON of an answer; `None` where it has no body."""
    if authorization is not None:
        headers["Authorization"] = authorization
    data = None if form is None else urllib.parse.urlencode(form).encode()
    request = urllib.request.Request(url, data, headers)
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            body, status = answer.read(), answer.status
    except urllib.error.HTTPError as error:
        body, status = error.read(), error.code
    return status, json.loads(body) if body else None


def authorized(api: ProviderApi, path: str) -> tuple[int, Any]:
    return ask(f"{api.base_url}/{path}", basic_authorization(api.username, api.password))


@pytest.mark.parametrize("kind", APIS)
def test_without_or_with_wrong_credentials_there_is_a_401(kind: type[ProviderApi]):
    with kind(SEASON) as api:
        for authorization in (None, basic_authorization(api.username, "wrong"), "Bearer nothing", "Token nothing"):
            assert ask(f"{api.base_url}/{APIS[kind]}", authorization)[0] == 401


@pytest.mark.parametrize("kind", APIS)
def test_what_does_not_exist_is_a_404_and_faults_come_first(kind: type[ProviderApi]):
    with kind(SEASON) as api:
        api.authorize = lambda _: None  # type: ignore[method-assign]
        assert ask(f"{api.base_url}/nothing/here")[0] == 404
        assert ask(f"{api.base_url}/{APIS[kind]}")[0] == 200
        api.add_fault(Fault(kind="status", status=503, times=1))
        assert [ask(f"{api.base_url}/{APIS[kind]}")[0] for _ in range(2)] == [503, 200]
        assert [request.status for request in api.requests] == [404, 200, 503, 200]
        api.add_fault(Fault(kind="reset", times=1))
        with pytest.raises(ConnectionResetError):
            ask(f"{api.base_url}/{APIS[kind]}")
        assert api.requests[-1].status == 0
        with pytest.raises(ValueError, match="no faults of the kind 'stall'"):
            api.add_fault(Fault(kind="stall"))


@pytest.mark.parametrize("kind", APIS)
def test_an_etag_makes_a_conditional_answer(kind: type[ProviderApi]):
    with kind(SEASON) as api:
        api.authorize = lambda _: None  # type: ignore[method-assign]
        url = f"{api.base_url}/{APIS[kind]}"
        with urllib.request.urlopen(url, timeout=10) as answer:
            etag = answer.headers["ETag"]
        assert ask(url, **{"If-None-Match": etag}) == (304, None)


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("v4/competitions", 200),
        ("v3/competitions", 404),
        ("v6/competitions/811/seasons/27/matches", 200),
        ("v5/competitions/811/seasons/27/matches", 404),
        ("v6/competitions/811/seasons/99/matches", 404),
        (f"v11/events/{MATCH_ID}", 200),
        (f"v7/events/{MATCH_ID}", 404),
        (f"v5/lineups/{MATCH_ID}", 200),
        (f"v2/360-frames/{MATCH_ID}", 200),
        (f"v1/360-frames/{MATCH_ID}", 404),
        (f"v2/three-sixty/{MATCH_ID}", 404),
        ("v8/events/12", 404),
    ],
)
def test_statsbomb_serves_the_versions_that_there_are(path: str, status: int):
    with StatsBombApi(SEASON) as api:
        assert authorized(api, path)[0] == status


def test_wyscout_answers_429_with_its_body_above_twelve_a_second():
    with WyscoutApi(SEASON) as api:
        now = 100.0
        api.clock = lambda: now
        answers = [authorized(api, "seasons/27/matches") for _ in range(13)]
        assert [status for status, _ in answers] == [200] * 12 + [429]
        assert answers[-1][1] == {"error": {"code": 429, "message": "Too many requests"}}
        now = 101.0
        assert authorized(api, "seasons/27/matches")[0] == 200


def changes(api: WyscoutApi, since: str, kind: str = "matchevents", **params: Any) -> tuple[int, Any]:
    query = urllib.parse.urlencode({"updated_since": since, "type": kind, "emptyPayload": "true", **params})
    return authorized(api, f"updatedobjects/updated?{query}")


def test_wyscout_s_feed_has_a_hundred_a_page_and_goes_back_a_week_in_roman_time():
    # An hour after the clocks went back: 03:30 in Rome is 02:30 UTC, and not 01:30 as the day before.
    at = dt.datetime(2026, 10, 25, 2, 30, tzinfo=dt.UTC)
    with WyscoutApi(SEASON, requests_per_second=None, utc_now=lambda: at) as api:
        for number in range(250):
            api.touch("matchevents", number, at - dt.timedelta(minutes=10))
        api.touch("matchevents", 1000, at - dt.timedelta(minutes=80))
        assert changes(api, "2026-10-25 03:15:00")[1]["meta"]["total_items"] == 250
        status, last = changes(api, "2026-10-25 03:15:00", limit=1000, page=3)
        assert (status, len(last["matchevents"])) == (200, 50)
        assert last["meta"] == {"page_current": 3, "page_size": 100, "page_count": 3, "total_items": 250}
        assert 1000 in changes(api, "2026-10-25 01:59:00")[1]["matchevents"]
        assert changes(api, "2026-10-18 04:31:00")[0] == 200
        assert changes(api, "2026-10-18 04:29:00")[0] == 400
        assert changes(api, "2026-10-25T03:15:00")[0] == 400
        assert changes(api, "2026-10-25 03:15:00", kind="everything")[0] == 400


def test_skillcorner_links_to_the_next_page_until_there_is_none():
    with SkillCornerApi(SEASON, page_size=2) as api:
        found, url = [], f"{api.base_url}/matches?limit=300"
        while url is not None:
            status, page = ask(url, f"Token {api.token}")
            assert status == 200
            found += [entry["id"] for entry in page["results"]]
            url = page["next"]
        assert found == api.match_ids
        assert len(api.requests) == 3


def test_impect_s_tokens_are_for_those_who_log_in_and_expire():
    with ImpectApi(SEASON, token_seconds=60) as api:
        now = 100.0
        api.clock = lambda: now
        form = {"client_id": "api", "grant_type": "password", "username": api.username, "password": api.password}
        assert ask(api.token_url, form={**form, "password": "wrong"})[0] == 401
        assert ask(api.token_url)[0] == 401
        status, answer = ask(api.token_url, form=form)
        assert (status, answer["expires_in"]) == (200, 60)
        authorization = f"Bearer {answer['access_token']}"
        assert ask(f"{api.base_url}/iterations", authorization)[0] == 200
        now = 161.0
        assert ask(f"{api.base_url}/iterations", authorization)[0] == 401


def test_impect_tells_what_is_left_and_refuses_the_rest():
    with ImpectApi(SEASON, limit=2, window_seconds=60) as api:
        form = {"client_id": "api", "grant_type": "password", "username": api.username, "password": api.password}
        authorization = f"Bearer {ask(api.token_url, form=form)[1]['access_token']}"
        request = urllib.request.Request(f"{api.base_url}/iterations", headers={"Authorization": authorization})
        with urllib.request.urlopen(request, timeout=10) as answer:
            assert answer.headers["RateLimit-Policy"] == "2;w=60"
            assert answer.headers["RateLimit-Remaining"] == "1"
            assert 0 < int(answer.headers["RateLimit-Reset"]) <= 60
        assert [ask(request.full_url, authorization)[0] for _ in range(2)] == [200, 429]
