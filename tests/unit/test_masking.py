from __future__ import annotations

import base64
import json
import time
import urllib.parse

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingestify.domain.ports import FetchRequest
from ingestify.domain.resource import DatasetResource
from ingestify.masking import hide, hide_all, hide_url, is_secret_key, mask_text, mask_url


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("https://api.example.com/v1/match/12.json", "https://api.example.com/v1/match/12.json"),
        ("https://x.com/a?season=2024&token=abc&page=2", "https://x.com/a?season=2024&token=***&page=2"),
        ("https://user:pw@x.com:8443/a", "https://***@x.com:8443/a"),
        ("https://user@x.com/a", "https://***@x.com/a"),
        ("https://x.com/a?api_key=1&API-KEY=2&apikey=3&key=4", "https://x.com/a?api_key=***&API-KEY=***&apikey=***&key=***"),
        ("https://b.s3.com/k?X-Amz-Signature=f&X-Amz-Credential=g&x=1", "https://b.s3.com/k?X-Amz-Signature=***&X-Amz-Credential=***&x=1"),
        ("https://x.com/a?api%5Fkey=hidden", "https://x.com/a?api%5Fkey=***"),
        ("https://x.com/a;token=abc/b", "https://x.com/a;token=***/b"),
        ("https://x.com/?a=1;password=hidden", "https://x.com/?a=1;password=***"),
        ("https://x.com/login?next=https%3A%2F%2Fy.com%2F%3Ftoken%3Dabc", "https://x.com/login?next=***"),
        ("https://x.com/#access_token=abc", "https://x.com/#***"),
        ("user:pw@x.com/a", "***@x.com/a"),
        ("postgresql://user:pw@db/lake", "postgresql://***@db/lake"),
        ("postgresql+psycopg://ann:p@ss/w@rd@db:5432/lake", "postgresql+psycopg://***@db:5432/lake"),
        ("https://host:8443/x?mail=ann@host&keyword=arsenal", "https://host:8443/x?mail=ann@host&keyword=arsenal"),
        ("sqlite:///database/catalog.db", "sqlite:///database/catalog.db"),
        ("s3://bucket/prefix", "s3://bucket/prefix"),
        ("https://[bad:url?token=abc", "https://***"),
        ("", ""),
    ],
)  # fmt: skip
def test_secrets_are_masked_and_the_rest_is_shown(url: str, shown: str) -> None:
    assert mask_url(url) == shown


@pytest.mark.parametrize(
    "key",
    ["token", "key", "apikey", "api_key", "secret", "client_secret", "password", "pwd", "auth", "signature", "sig",
     "access_token", "x-amz-security-token", "X-Amz-Credential", "credential", "subscription-key", "jwt"],
)  # fmt: skip
def test_keys_that_look_secret_are_known(key: str) -> None:
    assert is_secret_key(key)


@pytest.mark.parametrize("key", ["season_id", "competition", "page", "limit", "keyword", "design", "from", "match_id"])
def test_keys_of_football_are_shown(key: str) -> None:
    assert not is_secret_key(key)


@given(st.text())
def test_any_text_can_be_masked(text: str) -> None:
    assert isinstance(mask_url(text), str)


@pytest.mark.parametrize("garbage", [None, 12, b"https://user:secret@x/", object()])
def test_what_is_no_text_can_be_masked(garbage: object) -> None:
    assert mask_url(garbage) == "***"  # type: ignore[arg-type]


SECRET = "5ecr3t" + "Zq9"
_words = st.text(alphabet="abcdefgh/.-_%;&=?:#[]@ \\é", max_size=12)


@pytest.mark.slow
@given(
    st.sampled_from(["http", "https", "HTTPS", "s3", "ftp"]),
    st.sampled_from(["token", "key", "apikey", "api_key", "secret", "password", "pwd", "auth", "sig", "Access_Token"]),
    st.text(alphabet="abc/.-_%é ", max_size=12),
    st.text(alphabet="abc.-_%é=", max_size=12),
    _words,
)
def test_no_secret_of_a_query_survives(scheme: str, key: str, path: str, before: str, after: str) -> None:
    url = f"{scheme}://host/{path}?{before}&{key}={SECRET}&{after}"
    assert SECRET not in mask_url(url)


@pytest.mark.slow
@given(st.text(alphabet="abc:!$é%+", max_size=8), st.text(alphabet="abc:!$é%+@", max_size=8), _words)
def test_no_secret_of_userinfo_survives(user: str, more: str, after: str) -> None:
    assert SECRET not in mask_url(f"https://{user}{SECRET}:{more}@host/{after}")
    assert SECRET not in mask_url(f"https://{user}:{more}{SECRET}@host/{after}")


@given(st.text(min_size=1, max_size=20))
def test_a_quoted_secret_of_any_characters_does_not_survive(secret: str) -> None:
    marked = SECRET + secret
    url = "https://host/a?" + urllib.parse.urlencode({"x": "1", "token": marked}, errors="replace")
    assert SECRET not in mask_url(url)


@given(st.text(min_size=1))
def test_no_database_password_shows_whatever_characters_it_has(password: str) -> None:
    assert mask_url(f"postgresql://ann:{SECRET}{password}@db/lake").startswith("postgresql://***@")


def test_urls_and_credentials_in_a_text_are_masked() -> None:
    text = f"GET https://me:{SECRET}@host/x?token={SECRET} said no to 'Basic {SECRET}==' and Bearer {SECRET}."
    assert mask_text(text) == "GET https://***@host/x?token=*** said no to 'Basic ***' and Bearer ***"
    assert mask_text("the basic idea: 3 matches") == "the basic idea: 3 matches"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("{'X-Api-Key': 'abc123', 'Accept': 'json'}", "{'X-Api-Key': '***', 'Accept': 'json'}"),
        ('{"access_token": "abc123"}', '{"access_token": "***"}'),
        ("login failed for password=abc123 on db", "login failed for password=*** on db"),
        ("https://x.com/a?appid=abc123 status 404", "https://x.com/a?appid=*** status 404"),
        ("http://user:a/abc123@host/x is none", "http://***@host/x is none"),
        ("the key error: 'events'", "the key error: 'events'"),
        ("match_key=12", "match_key=12"),
    ],
)
def test_secrets_in_text_are_masked(text: str, shown: str) -> None:
    assert mask_text(text) == shown


def test_a_placeholder_in_the_place_of_a_secret_is_a_word():
    hide("default")
    hide("changeme")
    assert mask_text("main.default_bucket is unknown, and nothing was done") == (
        "main.default_bucket is unknown, and nothing was done"
    )


def test_what_is_known_to_be_a_secret_is_never_shown() -> None:
    hide_all(
        {"url": "https://visible.example", "auth": {"user": "somebody", "pin": "1234567"}, "api_key": ["s3cr3t/+x"]}
    )
    hide("short")
    text = mask_text("1234567 s3cr3t/+x s3cr3t%2F%2Bx short visible.example")
    assert text == "*** *** *** short visible.example"


def test_a_password_that_is_part_of_a_scheme_hides_no_less():
    hide("postgres")
    assert mask_url("postgresql://ann:p@ss/w@rd@db/lake") == "postgresql://***@db/lake"
    assert mask_url("postgresql://db/postgres") == "postgresql://db/***"
    assert "w@rd" not in mask_text("cannot open postgresql://ann:p@ss/w@rd@db/lake now")


def test_of_two_secrets_that_begin_alike_nothing_is_left():
    for secret in ("abcdef", "abcdef-and-more", "abcdefgh"):
        hide(secret)
    assert mask_text("is abcdef-and-more, abcdefgh and abcdef") == "is ***, *** and ***"


def test_a_url_that_is_a_secret_as_a_whole_is_hidden():
    hide("https://hooks.example/services/T0/B0/abc")
    assert mask_url("https://hooks.example/services/T0/B0/abc") == "***"


@pytest.mark.parametrize(
    "url",
    [
        "http://x/" + "a" * 60_000 + "!",
        "http://x/" + "token" * 12_000 + "!",
        "http://x/?a=" + "token" * 12_000 + "!",
        "http://x/?" + "a" * 60_000 + "=b'",
        "http://x/?a=" + "%2F%2F" * 10_000,
        "http:" + "/" * 60_000 + "!",
        "http://" + ":" * 60_000,
        "x" * 60_000 + "@!",
        "http://x/" + "key=" * 15_000,
        "/" + "token" * 12_000 + "!",
    ],
    ids=range(10),
)
def test_no_url_that_a_provider_makes_up_takes_long_to_mask(url: str) -> None:
    began = time.process_time()
    mask_url(url)
    mask_text(f"GET {url}: {url}")
    assert time.process_time() - began < 2


def test_a_secret_is_not_shown_however_it_is_written() -> None:
    secret = "é\"s3'cr/3t+\\x"
    hide(secret)
    for written in (
        secret, repr(secret), json.dumps(secret), json.dumps(secret, ensure_ascii=False),
        urllib.parse.quote(secret), urllib.parse.quote(secret, safe=""), urllib.parse.quote_plus(secret),
        base64.b64encode(secret.encode()).decode(),
    ):  # fmt: skip
        assert "cr" not in mask_text(f"it is {written} here"), written


def test_of_a_secret_of_several_lines_no_line_is_shown() -> None:
    hide("-----BEGIN KEY-----\n  MIIEvQIBADANB\ngkqhkiG9w0B\n")
    for text in ("MIIEvQIBADANB", "gkqhkiG9w0B", "-----BEGIN KEY----- MIIEvQIBADANB gkqhkiG9w0B"):
        assert mask_text(f"x {text} y") == "x *** y"


def test_a_secret_that_is_a_piece_of_another_does_not_show_the_rest() -> None:
    hide("piece-of-it")
    hide("the-piece-of-it-and-more")
    assert mask_text("no the-piece-of-it-and-more and piece-of-it") == "no *** and ***"


def test_a_urls_password_is_not_shown_without_the_url_either() -> None:
    hide_url("postgresql://me:p%40ssw0rd-77@host/db?sslpassword=cert-pass-88&application_name=ingestify")
    hide_url("no url [")
    assert mask_text("p@ssw0rd-77 p%40ssw0rd-77 cert-pass-88 ingestify me@host") == "*** *** *** ingestify me@host"


def test_half_a_character_is_hidden_too() -> None:
    hide("secret\udcff-bytes")
    assert mask_text("a secret\udcff-bytes b") == "a *** b"


@pytest.mark.parametrize(
    "url",
    [
        f"postgresql://us@er:{SECRET}/x@host/db",
        f"mysql+pymysql://us@er:a/{SECRET}#b@host/db",
        f"https://host/a.ts?hdnts=st=1~exp=2~acl=/*~hmac={SECRET}",
        f"https://host/exp=2~hmac={SECRET}/a.ts",
    ],
)
def test_a_login_with_an_at_sign_and_a_signature_of_a_video_are_not_shown(url: str) -> None:
    assert SECRET not in mask_url(url)
    assert SECRET not in mask_text(f"GET {url}: no")


def test_of_a_password_that_is_not_percent_encoded_no_part_is_shown() -> None:
    hide_url("postgresql://me:first-part@second-part/third-part?fourth-part#fifth%2Dpart[sixth@host/db")
    assert mask_text("first-part second-part third-part fourth-part fifth-part me@host/db") == "*** " * 5 + "me@host/db"


def test_a_repr_shows_no_signature() -> None:
    resource = DatasetResource({"match_id": 1}, "match", "p").add_file(
        None, "a", url=f"https://host/a?it's=1&token={SECRET}", http_options={"headers": {"X": SECRET}}
    )
    request = FetchRequest(f"/a?X-Amz-Signature={SECRET}", params={"sig": SECRET})
    for shown in map(repr, (*resource.files.values(), resource, request)):
        assert SECRET not in shown
    assert "data_feed_key='a'" in repr(resource.files["a__v1"])
    assert "host/a?it's=1&token=***" in repr(resource.files["a__v1"])


def test_of_a_url_that_is_right_only_the_password_is_hidden() -> None:
    hide_url("postgresql://me:password-1@database-host/football-lake?application_name=me@club")
    hide_url("https://api.example:8443/matches-of/me@club")
    assert mask_text("password-1 database-host football-lake application_name matches-of") == (
        "*** database-host football-lake application_name matches-of"
    )


def test_where_a_login_leads_and_how_it_is_meant_is_shown() -> None:
    hide_all(
        {
            "auth": {
                "type": "oauth2_client_credentials",
                "token_url": "https://user:password-2@login.example/oauth2/issue?tenant=tenant-of-mine",
                "client_secret": "client-secret-3",
                "credentials_in": "header",
                "scope": "read:matches",
                "redirect_uri": "no-url-but-a-secret",
                "nested": {"url": ["https://other.example/issue?code=secret-code-4"]},
            },
            "tokenUrl": "https://third.example/issue",
        }
    )
    shown = "oauth2_client_credentials at https://login.example/oauth2/issue by header for read:matches"
    assert mask_text(shown) == shown
    shown = "https://other.example/issue and https://third.example/issue"
    assert mask_text(shown) == shown
    hidden = "password-2 tenant-of-mine client-secret-3 no-url-but-a-secret secret-code-4"
    assert mask_text(hidden) == " ".join(["***"] * 5)
