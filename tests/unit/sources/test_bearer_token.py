from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from ingestify.errors import ConfigurationError, FetchError, SourceError
from ingestify.masking import mask_text
from ingestify.sources.bearer_token import BearerToken
from tests.unit.sources.answers import Answer

FORM = {"client_id": "api", "username": "u", "password": "p"}


class Login:
    """Hands out tokens, one after another."""

    def __init__(self, *answers: Any) -> None:
        self.answers = list(answers)
        self.forms: list[dict[str, str]] = []
        self.auths: list[Any] = []

    def post_form(self, url: str, form: dict[str, str], *, auth: Any = None, **_: Any) -> Answer:
        self.forms.append(form)
        self.auths.append(auth)
        answer = self.answers.pop(0) if self.answers else token(f"token-{len(self.forms)}")
        if isinstance(answer, Exception):
            raise answer
        return Answer(answer)


def token(text: str, seconds: float = 300) -> dict[str, Any]:
    return {"access_token": text, "expires_in": seconds, "token_type": "Bearer"}


def refused(status: int) -> FetchError:
    return FetchError(f"POST: status {status}", url="https://login.example/token", status=status)


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


def bearer(login: Login, clock: Clock | None = None) -> BearerToken:
    return BearerToken("mine", "https://login.example/token", FORM, lambda: login, clock=clock or Clock())  # type: ignore[arg-type,return-value]


def test_a_token_serves_until_shortly_before_it_expires():
    login, clock = Login(), Clock()
    found = bearer(login, clock)
    assert found.header() == found.header() == "Bearer token-1"
    clock.now += 269
    assert found.header() == "Bearer token-1"
    clock.now += 1
    assert found.header() == "Bearer token-2"
    assert login.forms[0] == {**FORM, "grant_type": "password"}


def test_a_token_that_was_refused_is_replaced_once():
    login = Login()
    found = bearer(login)
    first = found.header()
    assert found.renew(first)
    assert found.header() == "Bearer token-2"
    assert found.renew(first), "another request was refused with the old one"
    assert found.header() == "Bearer token-2"
    assert len(login.forms) == 2


def test_threads_share_one_login():
    login = Login()
    found = bearer(login)
    together = threading.Barrier(8)

    def ask(_: int) -> str:
        together.wait()
        return found.header()

    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(ask, range(8))) == {"Bearer token-1"}
    assert len(login.forms) == 1


@pytest.mark.parametrize("status", [400, 401, 403])
def test_a_refused_login_names_the_settings_and_is_not_repeated_for_a_minute(status: int):
    login, clock = Login(refused(status)), Clock()
    found = bearer(login, clock)
    for _ in range(3):
        with pytest.raises(ConfigurationError, match=r"sources\.mine\.configuration"):
            found.header()
    assert len(login.forms) == 1
    clock.now += 61
    assert found.header() == "Bearer token-2"


def test_a_login_that_is_down_is_tried_again_by_the_next_request():
    login = Login(refused(503))
    found = bearer(login)
    with pytest.raises(FetchError, match="503"):
        found.header()
    assert found.header() == "Bearer token-2"


@pytest.mark.parametrize("answer", [[], {}, {"access_token": ""}, {"access_token": "x", "expires_in": "soon"}])
def test_a_response_without_a_token_is_a_source_error(answer: Any):
    with pytest.raises(SourceError, match="no access token"):
        bearer(Login(answer)).header()


def test_a_token_is_never_shown():
    bearer(Login(token("abcdef-very-secret"))).header()
    assert "abcdef-very-secret" not in mask_text("it was abcdef-very-secret")


def test_a_client_may_show_its_secret_in_place_of_a_user():
    login = Login()
    form = {"grant_type": "client_credentials", "scope": "read"}
    found = BearerToken("mine", "https://login.example/token", form, lambda: login, auth=("me", "secret"))  # type: ignore[arg-type,return-value]
    assert found.header() == "Bearer token-1"
    assert (login.forms, login.auths) == ([form], [("me", "secret")])
    assert "secret" not in repr(found)


def test_a_life_that_is_written_as_text_is_one():
    login, clock = Login({"access_token": "a", "expires_in": "100"}), Clock()
    found = bearer(login, clock)
    found.header()
    clock.now += 71
    assert found.header() == "Bearer token-2"


@pytest.mark.parametrize("lives", [{}, {"expires_in": None}, {"expires_in": ""}])
def test_a_token_without_a_lifetime_is_used_for_five_minutes(lives: dict[str, Any]):
    login, clock = Login({"access_token": "a", **lives}), Clock()
    found = bearer(login, clock)
    found.header()
    clock.now += 269
    assert found.header() == "Bearer a"
    clock.now += 1
    assert found.header() == "Bearer token-2"


@pytest.mark.parametrize("lives", [0, -1, "0", "-1", 1e400])
def test_a_token_without_end_is_used_until_it_is_refused(lives: Any):
    login, clock = Login({"access_token": "a", "expires_in": lives}), Clock()
    found = bearer(login, clock)
    found.header()
    clock.now += 1e9
    assert found.header() == "Bearer a"
    found.renew("Bearer a")
    assert found.header() == "Bearer token-2"


@pytest.mark.parametrize("kind", [None, "", "bearer", "BEARER "])
def test_the_type_of_a_token_may_be_left_out_and_is_read_in_any_case(kind: str | None):
    assert bearer(Login({**token("a"), "token_type": kind})).header() == "Bearer a"


def test_errors_name_the_url_without_its_secrets():
    url = "https://me:hush-hush-1@login.example/oauth2/issue?api_key=hush-hush-2"
    for answer, problem in (({}, "no access token"), ({**token("a"), "token_type": "mac"}, "only Bearer")):
        found = BearerToken("mine", url, FORM, lambda answer=answer: Login(answer))  # type: ignore[misc]
        with pytest.raises(SourceError, match=problem) as told:
            found.header()
        assert "login.example/oauth2/issue" in str(told.value)
        assert "hush-hush" not in str(told.value)


def test_a_token_of_another_type_is_an_error():
    with pytest.raises(SourceError, match="a token of the type 'mac'; only Bearer can be sent"):
        bearer(Login({**token("a"), "token_type": "mac"})).header()


def test_only_a_valid_token_is_at_hand():
    login, clock = Login({"access_token": "a", "expires_in": 100}), Clock()
    found = bearer(login, clock)
    assert found.at_hand() is None
    assert found.header() == found.at_hand() == "Bearer a"
    clock.now += 99
    assert found.at_hand() is None
    assert len(login.forms) == 1, "nobody was asked"
