"""The client alone against everything that a hostile provider does; docs/hostile.md is the table."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from ingestify.domain.ports import FetchRequest, FetchStatus
from ingestify.errors import FetchError
from ingestify.fetch.http import HttpClient
from ingestify.testing.hostile import BEHAVIOURS, HostileProvider
from tests.support.scripted_provider import Sink

MakeClient = Callable[..., HttpClient]

REFUSED = sorted(name for name, one in BEHAVIOURS.items() if one.outcome == "refused")
WHOLE = sorted(name for name, one in BEHAVIOURS.items() if one.outcome == "whole")
OTHERS = sorted(name for name, one in BEHAVIOURS.items() if one.outcome in ("checked", "unseen"))


@pytest.fixture
def provider() -> Iterator[HostileProvider]:
    with HostileProvider(drip_seconds=0.02) as found:
        yield found


@pytest.fixture
def hostile_client(make_client: MakeClient) -> HttpClient:
    """One that loses its patience quickly: 0.3 s without a byte, or less than 1 kB/s for 0.6 s."""
    return make_client(
        attempts=2, read_timeout_seconds=0.3, least_bytes_per_second=1000, max_file_bytes=8_000_000, max_redirects=5
    )


@pytest.mark.usefixtures("passing_time")
@pytest.mark.parametrize("name", REFUSED)
def test_what_makes_no_sense_is_refused_in_bounded_time(
    provider: HostileProvider, hostile_client: HttpClient, make_client: MakeClient, name: str
) -> None:
    url = provider.url(name)
    sink = Sink()
    began = time.monotonic()
    with pytest.raises(FetchError) as caught:
        hostile_client.fetch(FetchRequest(url, headers={"X-Key": "s3cret-canary"}, auth=("u", "s3cret-canary")), sink)
    assert time.monotonic() - began < 20
    message = str(caught.value)
    assert url in message
    assert "; " in message, "it says what to do next"
    assert message.isprintable()
    assert len(message) < 1000
    assert "canary" not in message
    # And the client is as good as before; but a wait that a host asks for is kept.
    provider.tame = True
    again = Sink()
    client = make_client() if "asked to be left alone" in message else hostile_client
    assert client.fetch(FetchRequest(url), again).status is FetchStatus.FETCHED
    assert again.content == provider.document(name)


@pytest.mark.parametrize("name", WHOLE)
def test_what_does_not_touch_the_file_is_no_reason_to_do_without_it(
    provider: HostileProvider, make_client: MakeClient, name: str
) -> None:
    client = make_client(attempts=3)
    for _ in range(2):
        client.close()  # what comes late on a kept connection is looked at below
        sink = Sink()
        result = client.fetch(FetchRequest(provider.url(name)), sink)
        assert result.status is FetchStatus.FETCHED
        assert sink.content == provider.document(name)


@pytest.mark.parametrize("name", OTHERS)
def test_what_http_cannot_tell_arrives_as_it_came(
    provider: HostileProvider, hostile_client: HttpClient, name: str
) -> None:
    """It is for the checks of files to find out; see tests/end_to_end/test_hostile_provider.py."""
    sink = Sink()
    assert hostile_client.fetch(FetchRequest(provider.url(name)), sink).status is FetchStatus.FETCHED
    assert sink.content != provider.document(name)


@pytest.mark.parametrize("name", [one for one in REFUSED if not one.startswith(("stall", "slow", "storm"))])
def test_an_index_is_refused_too(provider: HostileProvider, make_client: MakeClient, name: str) -> None:
    client = make_client(attempts=1, read_timeout_seconds=2, max_index_bytes=8_000_000, max_redirects=5)
    with pytest.raises(FetchError, match=re.escape(provider.url(name))):
        client.get(provider.url(name))


def test_an_answer_to_a_request_that_was_not_made_is_nobodys(
    provider: HostileProvider, hostile_client: HttpClient
) -> None:
    """A kept connection that has something to say is not asked again."""
    assert hostile_client.get(provider.url("next_answer_late")).content == provider.document("next_answer_late")
    until = time.monotonic() + 20
    while not provider.finished:  # the forged answer is there
        assert time.monotonic() < until
        time.sleep(0.01)
    assert hostile_client.get(provider.url("clock_of_1970")).content == provider.document("clock_of_1970")


def test_a_redirect_takes_no_credentials_along(provider: HostileProvider, hostile_client: HttpClient) -> None:
    with pytest.raises(FetchError) as caught:
        hostile_client.get(provider.url("redirect_to_another_host"), auth=("u", "s3cret-canary"))
    assert "redirect_hosts: [elsewhere.invalid]" in str(caught.value)
    assert len(provider.targets) == 1


def test_every_behaviour_is_in_the_table() -> None:
    text = (Path(__file__).parents[3] / "docs" / "hostile.md").read_text(encoding="utf-8")
    rows = dict(re.findall(r"^\| `(\w+)` \| .* \| (\w+)(?:, and left alone for a day)? \|$", text, re.MULTILINE))
    assert rows == {name: one.outcome for name, one in BEHAVIOURS.items()}
