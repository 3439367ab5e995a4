"""Who may ask for a page, and what every answer says to the browser."""

from __future__ import annotations

import pytest
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route
from starlette.testclient import TestClient

from ingestify.web.guard import Guard, Rules

HOST = "127.0.0.1:8642"
TOKEN = "a-token-of-the-tests"
OWN = {"Origin": f"http://{HOST}", "Sec-Fetch-Site": "same-origin"}
BEARER = {"Authorization": f"Bearer {TOKEN}"}


def make_client(*, is_read_only: bool = False, cookie: str | None = None) -> TestClient:
    async def answer(request):
        return PlainTextResponse("the lake")

    app = Starlette(routes=[Route("/", answer, methods=["GET", "POST"]), Route("/static/x", answer)])
    rules = Rules(frozenset([HOST, "lake.example.org"]), TOKEN, "cookie", is_read_only)
    guard = Guard(app, rules, lambda _, status, text: Response(text, status))
    cookies = {} if cookie is None else {"cookie": cookie}
    return TestClient(guard, f"http://{HOST}", cookies=cookies, follow_redirects=False)


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1", "127.0.0.1:80", "127.0.0.1.evil.example:8642", ""])
def test_only_the_exact_names_of_the_server_are_answered(host):
    """A page of somebody else that lets its own name point to this machine gets nothing, with or without the token."""
    with make_client(cookie=TOKEN) as client:
        assert client.get("/", headers={"Host": host}).status_code == 421
        assert client.get("/", headers={"Host": host, **BEARER}).status_code == 421
        assert client.get("/static/x", headers={"Host": host}).status_code == 421


def test_an_allowed_host_is_answered():
    assert make_client().get("/", headers={"Host": "lake.example.org", **BEARER}).text == "the lake"


@pytest.mark.parametrize(
    "headers", [{}, {"Authorization": "Bearer x"}, {"Authorization": TOKEN}, {"Cookie": "cookie=x"}, {"Cookie": '"=;'}]
)
def test_without_the_token_nothing_is_shown(headers):
    answer = make_client().get("/", headers=headers)
    assert answer.status_code == 401
    assert "the lake" not in answer.text
    assert make_client().post("/", headers={**headers, **OWN}).status_code == 401


def test_the_token_of_the_address_becomes_a_cookie_and_leaves_the_address():
    client = make_client()
    answer = client.get("/", params={"token": TOKEN, "q": "Ajax & co"})
    assert answer.status_code == 303
    assert answer.headers["location"] == "/?q=Ajax+%26+co"
    cookie = answer.headers["set-cookie"].lower()
    assert "httponly" in cookie
    assert "samesite=strict" in cookie
    assert client.get("/").text == "the lake"
    assert client.get("/", params={"token": "another"}).status_code == 401


@pytest.mark.parametrize("others", ['open={"side": [1, 2]}', 'a="; b', "a:b=1", "=x; ; y", 'x="'])
def test_cookies_of_other_programs_on_this_machine_are_in_nobodys_way(others):
    for cookies in (f"{others}; cookie={TOKEN}", f"cookie={TOKEN}; {others}"):
        assert make_client().get("/", headers={"Cookie": cookies}).status_code == 200


def test_the_redirect_stays_on_this_server():
    answer = make_client().get(f"http://{HOST}//evil.example/", params={"token": TOKEN})
    assert answer.headers["location"] == "/evil.example/"


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        (OWN, 200),
        ({"Origin": OWN["Origin"]}, 200),
        ({"Sec-Fetch-Site": "same-origin"}, 200),
        ({"Origin": "http://127.0.0.1:9999", "Sec-Fetch-Site": "same-site"}, 403),
        ({"Sec-Fetch-Site": "same-site"}, 403),
        ({"Sec-Fetch-Site": "cross-site"}, 403),
        ({"Sec-Fetch-Site": "none"}, 403),
        ({"Origin": "http://127.0.0.1:9999"}, 403),
        ({"Origin": "null"}, 403),
        ({**OWN, "Origin": "null"}, 403),
        ({}, 403),
    ],
)
def test_a_change_comes_from_our_own_page(headers, status):
    """Ports of one machine are one site: the cookie comes along, also with the form of another port."""
    assert make_client(cookie=TOKEN).post("/", headers=headers).status_code == status


def test_a_program_with_the_token_may_change_something():
    assert make_client().post("/", headers=BEARER).status_code == 200


@pytest.mark.parametrize("site", ["same-site", "cross-site"])
def test_others_may_link_to_a_page_and_not_embed_it(site):
    client = make_client(cookie=TOKEN)
    link = {"Sec-Fetch-Site": site, "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"}
    assert client.get("/", headers=link).status_code == 200
    for other in ({"Sec-Fetch-Dest": "iframe"}, {"Sec-Fetch-Mode": "no-cors", "Sec-Fetch-Dest": "script"}):
        assert client.get("/", headers={**link, **other}).status_code == 403


def test_read_only_refuses_every_change():
    client = make_client(is_read_only=True, cookie=TOKEN)
    assert client.get("/").status_code == 200
    assert client.post("/", headers=OWN).status_code == 403
    assert client.post("/", headers={**OWN, **BEARER}).status_code == 403


@pytest.mark.parametrize("path", ["/", "/nothing", "/?token=x"])
def test_every_answer_says_what_the_browser_may_do_with_it(path):
    headers = make_client(cookie=TOKEN).get(path).headers
    policy = headers["content-security-policy"]
    assert "unsafe" not in policy
    assert policy.startswith("default-src 'none'")
    assert "frame-ancestors 'none'" in policy
    assert headers["referrer-policy"] == "same-origin"
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["cross-origin-resource-policy"] == "same-origin"
