"""Nothing is removed without a person's yes."""

from __future__ import annotations

import io
import sys

import pytest

from ingestify.cli import standard_streams


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def closed() -> io.StringIO:
    stream = io.StringIO()
    stream.close()
    return stream


@pytest.fixture
def answer(monkeypatch):
    """Let a person at a terminal give this answer."""

    def give(text: str) -> None:
        monkeypatch.setattr(sys, "stdin", Terminal(text))
        monkeypatch.setattr(standard_streams, "can_ask", lambda: True)
        monkeypatch.setattr("ingestify.cli.confirmation.can_ask", lambda: True)

    return give


@pytest.mark.sampled(3)
@pytest.mark.parametrize(
    "stdin", [io.StringIO("n\n"), io.StringIO("y\n"), closed(), None], ids=["n", "y", "closed", "none"]
)
def test_without_a_terminal_nothing_is_removed(lake, monkeypatch, stdin):
    monkeypatch.setattr(sys, "stdin", stdin)
    lake("delete", "match_id=10", code=2)
    assert "mine" not in lake.err
    assert "match_id=10  Málaga 10" in lake.err
    assert "no terminal to ask on, so nothing was done; --yes answers it" in lake.err
    assert lake("list", "--count") == "6\n"
    lake("delete", "match_id=10", "--yes")
    assert lake("list", "--count") == "5\n"


def test_a_terminal_is_asked(lake, answer):
    answer("n\n")
    lake("delete", "season_id=1", code=130)
    assert "Remove 3 matches with all revisions?" in lake.err
    assert lake("list", "--count") == "6\n"
    answer("y\n")
    lake("delete", "season_id=1")
    assert lake("list", "--count") == "3\n"


def test_a_question_that_nobody_would_see_is_not_asked(monkeypatch):
    monkeypatch.setattr(sys, "stdin", Terminal())
    monkeypatch.setattr(sys, "stderr", io.StringIO())
    assert not standard_streams.can_ask()
    monkeypatch.setattr(sys, "stderr", Terminal())
    assert standard_streams.can_ask()
