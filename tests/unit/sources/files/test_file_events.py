"""While the watch hears of files that land, a delivery is read as soon as nobody writes it."""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from ingestify.domain.change_notice import ChangeNotice, TellsOfChanges
from ingestify.storage.deliveries import folder_events
from tests.support.drop import Drop

pytest.importorskip("watchfiles", reason="the extra `watch` brings it")

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="Linux says whether a file is being written")


@pytest.fixture(autouse=True)
def quickly(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(folder_events, "QUIET_SECONDS", 0.01)


@pytest.fixture
def requiring(tmp_path: Path) -> Iterator[Drop]:
    with Drop(tmp_path, requires=["events", "lineups"]) as drop:
        yield drop


def postponed(drop: Drop, heard: list[ChangeNotice]) -> float | None:
    """Let a run read the folder while it is listened to. Returns for how many seconds a delivery has to wait."""
    drop.load()
    heard.clear()
    with drop.source.listening(heard.append):
        drop.load()
    waits = [one for one in heard if one.why == "file events: a delivery may be complete"]
    newest = max(path.stat().st_mtime for path in drop.folder.rglob("*.json"))
    return round(waits[0].at.timestamp() - newest, 3) if waits else None


def test_a_delivery_that_nobody_writes_is_read_after_a_second(requiring: Drop) -> None:
    requiring.put("1/2/7_events.json")
    requiring.put("1/2/7_lineups.json", age_seconds=0.2)
    assert postponed(requiring, []) == 1.0
    requiring.put("1/2/7_lineups.json", age_seconds=1.1)
    assert postponed(requiring, []) is None
    assert len(requiring.read()) == 1


def test_one_that_is_being_written_is_not_read(requiring: Drop) -> None:
    requiring.put("1/2/7_events.json")
    path = requiring.put("1/2/7_lineups.json", age_seconds=20)
    with path.open("r+"):
        seconds = postponed(requiring, [])
    assert seconds is not None
    assert 20 <= seconds < 30
    assert not requiring.read()


def test_one_that_lacks_a_feed_waits_as_long_as_without_events(requiring: Drop) -> None:
    requiring.put("1/2/7_events.json", age_seconds=20)
    assert postponed(requiring, []) == 60.0


def test_settle_seconds_are_kept(tmp_path: Path) -> None:
    with Drop(tmp_path, settle_seconds=30) as drop:
        drop.put("1/2/7_events.json", age_seconds=20)
        assert postponed(drop, []) == 30.0


def test_without_events_it_says_so_and_goes_by_the_schedule(
    requiring: Drop, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    assert isinstance(requiring.source, TellsOfChanges)
    requiring.load()
    assert requiring.source.describe_listening() == "file events"
    monkeypatch.setattr(folder_events, "find_no_events", lambda root: "this disk is mute")
    assert requiring.source.describe_listening() == "no file events: this disk is mute"
    with (
        caplog.at_level(logging.WARNING, logger="ingestify"),
        requiring.source.listening(lambda _: pytest.fail("it told")),
    ):
        pass
    assert caplog.messages == [
        "drop: files are seen by the schedule alone, as there are no file events: this disk is mute"
    ]
