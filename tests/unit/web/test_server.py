"""The address that is printed, and whom it lets in."""

from __future__ import annotations

import socket
import webbrowser
from typing import Any

import pytest
import uvicorn

from ingestify.errors import ConfigurationError
from ingestify.web.lake import WebLake
from ingestify.web.server import has_desktop, serve


@pytest.fixture
def served(engine, monkeypatch):
    """Call `serve` with options; return what it told, and which addresses the browser was opened with."""
    opened: list[str] = []
    monkeypatch.setattr(uvicorn.Server, "run", lambda *_, **__: None)
    monkeypatch.setattr(webbrowser, "open", opened.append)

    def call(**options: Any) -> tuple[list[str], list[str]]:
        told: list[str] = []
        serve(WebLake(engine.store, "a lake"), told.append, **options)
        return told, opened

    return call


def test_the_address_has_a_token_that_each_start_makes_anew(served):
    first, second = (served(port=0)[0][0] for _ in range(2))
    assert first.startswith("http://127.0.0.1:")
    tokens = {address.partition("?token=")[2] for address in (first, second)}
    assert len(tokens) == 2
    assert min(map(len, tokens)) >= 32


def test_the_browser_is_opened_only_if_that_is_wanted(served):
    assert served(port=0)[1] == []
    told, opened = served(port=0, opens_browser=True)
    assert opened == told


def test_another_address_needs_the_name_by_which_it_is_reached(served):
    with pytest.raises(ConfigurationError, match="--allow-host"):
        served(port=0, host="0.0.0.0")
    told, _ = served(port=0, host="0.0.0.0", allowed_hosts=["lake.example.org"])
    assert told[0].startswith("http://lake.example.org/?token=")


def test_a_port_that_is_taken_is_refused_if_it_was_named(served):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(ConfigurationError, match=f"127.0.0.1:{port}"):
            served(port=port)


def test_nobody_sees_a_browser_where_there_is_no_terminal(monkeypatch):
    monkeypatch.setenv("DISPLAY", ":0")
    assert not has_desktop()
