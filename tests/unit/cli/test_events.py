"""`ingestify events`: readers are shown, put elsewhere, and let past what they fail on."""

from __future__ import annotations

import json
from typing import Any

import pytest

from ingestify import EventLogConsumer
from ingestify.errors import ConfigurationError


def read(lake: Any, name: str = "dashboard", poison: int = 0) -> list[int]:
    got = []

    def on_event(event: Any) -> None:
        if event.position == poison:
            raise ValueError("no ball\x1b[31m")
        got.append(event.position)

    with EventLogConsumer.from_config(lake.config, name) as reader:
        reader.run(on_event)
    return got


def test_readers_are_shown_with_where_they_stand(lake):
    assert lake("events", "readers") == ""
    assert len(read(lake)) == 12
    read(lake, "mailer", poison=5)
    shown = lake("events", "readers").splitlines()
    assert shown[:2] == ["dashboard: at 12, 0 events behind", "mailer: at 4, 8 events behind"]
    assert shown[2].startswith("  event 5 fails (1 failure, the last ")
    assert "ValueError: no ball" in shown[2]
    assert "\x1b" not in shown[2]
    dashboard, mailer = [json.loads(line) for line in lake("events", "readers", "--json").splitlines()]
    assert (dashboard["name"], dashboard["position"], dashboard["behind"]) == ("dashboard", 12, 0)
    assert mailer["failed"][0]["position"] == 5


@pytest.mark.sampled(3)
@pytest.mark.parametrize(("place", "count"), [("beginning", 12), ("8", 4), ("now", 0), ("2001-01-01", 12)])
def test_a_reader_is_put_elsewhere(lake, place, count):
    read(lake)
    lake("events", "reset", "dashboard", "--to", place, code=2)
    assert "so nothing was done; --yes answers it" in lake.err
    lake("events", "reset", "dashboard", "--to", place, "--yes")
    assert "'dashboard' goes on after" in lake.err
    assert len(read(lake)) == count


def test_a_place_behind_the_end_of_the_log_is_refused_as_what_comes_until_then_would_be_lost(lake):
    read(lake)
    lake("events", "reset", "dashboard", "--to", "13", "--yes", code=1)
    assert "The position 13 is after the end of the log, which is at 12" in lake.err
    assert lake("events", "readers").startswith("dashboard: at 12,")
    with (
        EventLogConsumer.from_config(lake.config, "other", start_at=13) as reader,
        pytest.raises(ConfigurationError, match="after the end of the log"),
    ):
        reader.run(print)


def test_what_is_no_place_or_no_reader_is_refused(lake):
    read(lake)
    lake("events", "reset", "dashboard", "--to", "yesterday", "--yes", code=2)
    assert "'yesterday' is no place in the log" in lake.err
    for command in (("reset", "--to", "now", "--yes"), ("park",), ("forget", "--yes")):
        lake("events", command[0], "dashbord", *command[1:], code=1)
        assert "There is no reader 'dashbord' of the event log; there is dashboard." in lake.err


def test_an_event_that_a_reader_fails_on_is_parked_by_hand(lake):
    assert read(lake, poison=5) == [1, 2, 3, 4]
    lake("events", "park", "dashboard")
    assert "The event 5 is parked; 'dashboard' goes on after it." in lake.err
    assert read(lake, poison=5) == [6, 7, 8, 9, 10, 11, 12]
    assert "event 5 is parked" in lake("events", "readers")
    lake("events", "park", "dashboard", code=1)
    assert "fails on no event" in lake.err


def test_a_reader_that_is_forgotten_is_a_new_one(lake):
    read(lake)
    lake("events", "forget", "dashboard", "--yes")
    assert len(read(lake)) == 12


def test_events_are_listed_with_the_lake_and_epoch_that_they_are_of(lake):
    lake("delete", "match_id=10", "--yes")
    shown = lake("events", "list").splitlines()
    assert len(shown) == 13
    assert "dataset_deleted" in shown[-1]
    assert "match_id=10" in shown[-1]
    (last,) = lake("events", "list", "--after", "12", "--json").splitlines()
    told = json.loads(last)
    status = json.loads(lake("status", "--json"))
    assert (told["position"], told["lake_id"], told["epoch"]) == (13, status["lake_id"], 1)
    assert told["dataset"]["revision_id"] == 0
    assert len(lake("events", "list", "--limit", "2").splitlines()) == 2
