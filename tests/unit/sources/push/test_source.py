"""The source of what was pushed: which datasets it announces, and what the watch hears of it."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from ingestify import ConfigurationError, DataSpecVersionCollection, IngestionEngine, get_dev_engine
from ingestify.domain.change_notice import ChangeNotice, TellsOfChanges
from ingestify.sources.push import source as push
from ingestify.sources.push.inbox import PushedFile
from ingestify.sources.push.source import PushSource
from tests.unit.sources.push.test_inbox import keep

CONFIGURATION: dict[str, Any] = {
    "provider": "club",
    "identity": ["season_id", "match_id"],
    "types": {"match_id": "int"},
    "token": "a-token-of-a-provider",
    "poll_seconds": 0.1,
    "notices": {"source": "statsbomb", "keys": {"match_id": "data.match_id"}},
}


def make(**configuration: Any) -> tuple[PushSource, IngestionEngine]:
    source = PushSource("club", **{**CONFIGURATION, **configuration})
    return source, get_dev_engine(source, "match")


@pytest.fixture
def source() -> Iterator[PushSource]:
    made, engine = make(requires=["events", "lineups"])
    with engine:
        yield made


def file(feed: str = "events", match_id: str = "12", version: str = "v1") -> PushedFile:
    return PushedFile(("2026", match_id), feed, version, "json")


def test_filters_and_feeds_narrow_it(caplog: pytest.LogCaptureFixture) -> None:
    source, engine = make()
    with engine:
        for match_id in ("12", "13"):
            keep(source.inbox, file=file("shots", match_id))
        keep(source.inbox, file=file("shots", "12", "v2"))
        assert engine.load(match_id=13).totals.new == 1
        assert engine.load().totals.new == 1
        assert engine.load().totals.unchanged == 2
    assert (
        caplog.text.count("shots was pushed in the version v2, and the ingestion plan wants v1: it stays in the") == 1
    )


def test_the_feeds_of_a_built_in_type_are_waited_for() -> None:
    source, engine = make()
    with engine:
        for feed in ("match", "lineups"):
            keep(source.inbox, file=file(feed))
        assert engine.load().totals.skipped == 1


def test_a_long_wait_is_a_warning_once(
    source: PushSource, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    keep(source.inbox, file=file())
    monkeypatch.setattr(push, "_LONG_WAIT", push._LONG_WAIT * 0)
    with caplog.at_level(logging.WARNING, logger="ingestify"):
        for _ in range(2):
            list(source.find_datasets("match", DataSpecVersionCollection(), None))  # type: ignore[arg-type]
    assert [one.getMessage() for one in caplog.records] == [
        "club: club/match/season_id=2026/match_id=12 waits: lineups was not pushed yet."
    ]


def test_a_match_that_was_pushed_with_other_keys_fails_alone(source: PushSource) -> None:
    keep(source.inbox, file=PushedFile(("12",), "events", "v1", "json"))
    keep(source.inbox, file=file("events"))
    (found,) = source.find_datasets("match", DataSpecVersionCollection(), None)  # type: ignore[arg-type]
    assert sorted(type(one).__name__ for one in found) == ["DatasetResource", "UnreadableEntry"]


def test_the_watch_hears_of_files_and_of_notices_and_they_stay_until_it_has_looked(source: PushSource) -> None:
    assert isinstance(source, TellsOfChanges)
    heard: list[ChangeNotice] = []
    came = threading.Event()

    def tell(notice: ChangeNotice) -> None:
        heard.append(notice)
        if len(heard) == 3:
            came.set()

    keep(source.inbox, file=file())
    source.inbox.keep_notice("match_id 7", {"match_id": 7}, None)
    with source.listening(tell):
        assert came.wait(60)
    assert [(one.source, one.why, dict(one.filters)) for one in heard] == [
        ("club", "what was pushed while nobody watched", {}),
        ("club", "pushed: events of 2026/12", {"season_id": "2026", "match_id": 12}),
        ("statsbomb", "notice: match_id 7", {"match_id": 7}),
    ]
    assert len(source.inbox.list_notice_paths()) == 2, "a watch that is killed now hears of them again"
    for one in heard:
        one.done()
    assert source.inbox.list_notice_paths() == []


def test_a_notice_that_makes_no_sense_is_told_once_and_hides_no_other(
    source: PushSource, caplog: pytest.LogCaptureFixture
) -> None:
    keep(source.inbox, file=file(match_id="no-number"))
    keep(source.inbox, file=file())
    came = threading.Event()
    heard: list[str] = []

    def tell(notice: ChangeNotice) -> None:
        heard.append(notice.why)
        if len(heard) == 2:
            came.set()

    with source.listening(tell):
        assert came.wait(60)
    assert heard[1] == "pushed: events of 2026/12"
    (said,) = caplog.messages
    assert said.startswith("club: a notice in the inbox makes no sense, so it waits for the schedule: match_id must be")


def test_only_the_files_of_a_wanted_match_are_listed(source: PushSource, monkeypatch: pytest.MonkeyPatch) -> None:
    for match_id in ("12", "13"):
        keep(source.inbox, file=file(match_id=match_id))
    listed: list[object] = []
    iter_files = source.inbox.iter_files
    monkeypatch.setattr(
        source.inbox, "iter_files", lambda identity: [listed.append(one) or one for one in iter_files(identity)]
    )
    (found,) = source.find_datasets(
        "match",
        DataSpecVersionCollection(),
        None,  # type: ignore[arg-type]
        season_id="2026",
        match_id=12,
    )
    assert (len(found), len(listed)) == (1, 1)


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"token": None}, "needs a secret or a token"),
        ({"token": "short"}, "token"),
        ({"identity": ["match_id", "match_id"]}, "twice"),
        ({"identity": ["data_feed_key"], "types": {}}, "says what a file is"),
        ({"types": {"other": "int"}}, "none of the keys"),
        ({"loader": "nothing"}, "there is no loader 'nothing'"),
        ({"notices": {"source": "a", "keys": {"match_id": "data[*].id"}}}, "several values"),
        ({"poll_seconds": 0}, "poll_seconds"),
    ],
)
def test_a_wrong_configuration_is_named(wrong: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigurationError) as raised:
        PushSource("club", **{**CONFIGURATION, **wrong})
    assert said in str(raised.value)
    assert "a-token-of-a-provider" not in str(raised.value)
