"""The tables' page: a SELECT within limits of rows and time, and errors that say what to do."""

from __future__ import annotations

import contextlib

import pytest

from ingestify.tables.sql import SqlLimits

from .conftest import client_of


@pytest.fixture
def client(engine):
    return client_of(engine, open_engine=lambda: contextlib.nullcontext(engine))


def ask(client, query: str) -> dict:
    return client.get("/tables.json", params={"query": query}).json()


def test_a_select_over_the_matches_is_a_table(client, source):
    home = source.entry["home_team"]["home_team_name"]
    document = ask(client, "select home_team, home_score from matches")
    assert (document["columns"], document["rows"]) == (
        ["home_team", "home_score"],
        [[home, source.entry["home_score"]]],
    )
    assert f"<td>{home}</td>" in client.get("/tables", params={"query": "select home_team from matches"}).text


def test_a_text_of_the_lake_stays_text(client):
    assert "&lt;b&gt;" in client.get("/tables", params={"query": "select '<b>' as x"}).text


@pytest.mark.parametrize(
    "query", ["drop table matches", "select * from nothing", "select", "copy matches to '/tmp/x.csv'"]
)
def test_what_is_no_select_is_refused_with_the_reason(client, query):
    document = ask(client, query)
    assert document["error"]
    assert document["rows"] == []
    assert "No result" in client.get("/tables", params={"query": query}).text


def test_a_file_of_the_machine_is_not_read(client):
    assert "root:" not in client.get("/tables", params={"query": "select * from read_text('/etc/passwd')"}).text


def test_rows_beyond_the_limit_are_left_out(client):
    document = ask(client, "select * from range(5000)")
    assert len(document["rows"]) == 1000
    assert document["is_cut"]


def test_a_query_that_takes_too_long_is_stopped(client, monkeypatch):
    monkeypatch.setattr("ingestify.web.pages.tables._LIMITS", SqlLimits(10, 0.2))
    endless = "select count(*) from range(1000000) a, range(1000000) b, range(1000) c where a.range + b.range = c.range"
    assert "took longer than 0.2 s" in ask(client, endless)["error"]


@pytest.mark.parametrize(
    ("limits", "query", "said"),
    [
        (SqlLimits(10, 10, result_bytes=1000), "select repeat('x', 2000)", "The result has 2.0 kB, and at most 1.0 kB"),
        (SqlLimits(10, 10, feed_bytes=1000), "select * from raw.statsbomb_events", "events have more than 1.0 kB"),
        (SqlLimits(10, 10, memory_bytes=8 << 20), "select list(range) from range(9000000)", "Out of Memory"),
    ],
)
def test_a_query_that_takes_too_much_is_refused(client, monkeypatch, limits, query, said):
    monkeypatch.setattr("ingestify.web.pages.tables._LIMITS", limits)
    assert said in ask(client, query)["error"]


def test_a_lake_without_settings_has_no_tables(engine):
    assert client_of(engine).get("/tables").status_code == 404
