"""The application: pages, their JSON twins, ETags, and errors as pages."""

from __future__ import annotations

import pytest

from ingestify.errors import StoreError
from ingestify.remedies import at_command_line
from tests.support.lake_in_memory import FunctionSource, Lake, match

from .conftest import client_of


@pytest.fixture
def engine():
    with Lake(FunctionSource(lambda **_: [match(1), match("<script>alert(1)</script>")])).engine as engine:
        yield engine


def test_an_empty_lake_says_what_to_type(engine):
    with at_command_line():
        assert "&#39;ingestify run&#39;" in client_of(engine).get("/").text


def test_what_a_provider_calls_a_match_stays_text(engine):
    engine.load()
    text = client_of(engine).get("/").text
    assert "match &lt;script&gt;" in text
    assert "<script>alert" not in text


def test_a_page_has_a_json_twin(engine):
    engine.load()
    client = client_of(engine)
    assert 'href="/home.json"' in client.get("/").text
    assert client.get("/home.json").json()["status"]["datasets"] == 2


def test_an_address_that_does_not_exist_is_a_page(engine):
    answer = client_of(engine).get("/nothing")
    assert answer.status_code == 404
    assert "<main" in answer.text


def test_what_refuses_a_program_is_json_too(engine):
    client = client_of(engine)
    answers = [
        client.get("/home.json", headers={"Authorization": "Bearer x"}),
        client.get("/home.json", headers={"Host": "evil.example"}),
        client.post("/home.json"),
    ]
    assert [answer.status_code for answer in answers] == [401, 421, 405]
    assert all(answer.json()["error"] for answer in answers)
    assert "GET" in answers[2].headers["allow"]


def test_a_catalogue_that_is_away_is_a_page_that_says_so(engine, monkeypatch):
    def is_away(*_, **__):
        raise StoreError("The catalogue cannot be reached: try again later.")

    monkeypatch.setattr(type(engine.store.catalogue.lake), "find", is_away)
    answer = client_of(engine).get("/")
    assert answer.status_code == 503
    assert "The catalogue cannot be reached" in answer.text
    assert client_of(engine).get("/home.json").json() == {"error": "The catalogue cannot be reached: try again later."}
