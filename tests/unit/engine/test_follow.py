"""A live match is followed to its end: each event once, and corrections as corrections."""

from __future__ import annotations

import copy
import datetime as dt
import json
import logging
import random
from collections.abc import Iterator

import pytest

from ingestify import ConfigurationError, DatasetResource, DraftFile, IngestionEngine, LoadError, Source, get_dev_engine
from ingestify.errors import DatasetNotFound
from ingestify.testing.provider_state import _rekey
from ingestify.testing.season import Season
from tests.support.growing_match import KICK_OFF, Folded, GrowingMatch, until_minute
from tests.support.simulated_time import SimulatedTime, simulated_time

MINUTE = dt.timedelta(minutes=1)

PLAYED = json.loads(Season(matches=1, events_per_match=240, matches_with_360=0).events(81127001))


@pytest.fixture
def time() -> Iterator[SimulatedTime]:
    with simulated_time(KICK_OFF - 10 * MINUTE) as simulated:
        yield simulated


@pytest.fixture
def provider() -> GrowingMatch:
    return GrowingMatch()


@pytest.fixture
def engine(provider, time) -> Iterator[IngestionEngine]:
    with get_dev_engine(provider, "match") as made:
        made.run()
        yield made


def play(time: SimulatedTime, engine: IngestionEngine, provider: GrowingMatch, at: float, **change: object) -> None:
    """Let the provider change in a minute, and a run of another process see it."""

    def act() -> None:
        events = change.get("events")
        provider.change(events() if callable(events) else events, change.get("status"))
        engine.run()

    time.at(KICK_OFF + at * MINUTE, act)


def follow(engine: IngestionEngine, folded: Folded | None = None, **options: object) -> Folded:
    folded = folded or Folded()
    for one in engine.follow(engine.get_dataset(match_id=1), **options):
        folded.take(one)
    return folded


def corrected(events, number):
    events = copy.deepcopy(events)
    events[number]["duration"] = 99.5
    return events


def test_a_live_match_is_followed_to_its_end(engine, provider, time):
    """With a correction, an event that goes, and new ids for all events; the follower is killed again and again."""
    chance = random.Random(3)
    wrong = PLAYED[20]["id"]

    def state(minute):
        events = copy.deepcopy(until_minute(PLAYED, minute))
        if minute >= 30:
            events[5]["duration"] = 99.5
        if minute >= 48:
            events = [event for event in events if event["id"] != wrong]
        if minute >= 60:
            _rekey(events)
        return events

    for minute in range(2, 98, 4):
        play(time, engine, provider, minute, status="live", events=lambda minute=minute: state(minute))
    play(time, engine, provider, 99, status="available")
    folded = Folded()
    restarts, is_over = 0, False
    while not is_over:
        is_over, left = True, chance.randrange(1, 40)
        for one in engine.follow(engine.get_dataset(match_id=1), after=folded.cursor):
            folded.take(one)
            left -= 1
            if not left:
                restarts, is_over = restarts + 1, False
                break
    last = engine.get_dataset(match_id=1)
    folded.require_same(engine.store.load_files(last)["events"].json())
    assert restarts > 5
    assert folded.kinds() == {"added": len(PLAYED), "changed": 1, "rekeyed": 1, "removed": 1}
    (change,) = (one for one in folded.lines if one.kind == "changed")
    assert change.event["duration"] == 99.5
    assert change.previous == PLAYED[5]
    assert change.revision == change.previous_revision + 1
    assert [one.event["id"] for one in folded.lines if one.kind == "removed"] == [wrong]
    assert folded.cursor == str(folded.lines[-1].revision)
    assert KICK_OFF + 129 * MINUTE <= time.now() <= KICK_OFF + 130 * MINUTE, "half an hour after it was finished"


def test_an_abandoned_match_ends_half_an_hour_later(engine, provider, time):
    play(time, engine, provider, 1, status="live", events=PLAYED[:10])
    play(time, engine, provider, 20, status="abandoned")
    assert follow(engine).kinds() == {"added": 10}
    assert KICK_OFF + 50 * MINUTE <= time.now() <= KICK_OFF + 51 * MINUTE


def test_a_cancelled_match_ends_at_once_and_a_postponed_one_goes_on(engine, provider, time):
    play(time, engine, provider, 1, status="postponed")
    play(time, engine, provider, 30, status="cancelled", events=PLAYED[:1])
    assert follow(engine).kinds() == {"added": 1}
    assert KICK_OFF + 30 * MINUTE <= time.now() <= KICK_OFF + 31 * MINUTE


def test_the_real_data_of_a_match_cut_into_parts(engine, provider, time, provider_data):
    events = json.loads((provider_data / "statsbomb/data/events/3788741.json").read_bytes())
    for minute in (20, 50, 80, 130):
        play(time, engine, provider, minute, status="live", events=lambda at=minute: until_minute(events, at))
    play(time, engine, provider, 131, status="available")
    folded = follow(engine)
    folded.require_same(events)
    assert folded.kinds() == {"added": len(events)}


def test_what_only_moves_or_is_written_in_another_way_is_no_line(engine, provider):
    provider.change(PLAYED[:20], "live")
    engine.run()
    dataset = engine.get_dataset(match_id=1)
    lines = list(engine.follow(dataset, timeout=dt.timedelta(seconds=1)))
    provider.change([*reversed(PLAYED[:10]), *PLAYED[10:20]])
    engine.run()
    again = list(engine.follow(dataset, after=lines[-1].cursor, timeout=dt.timedelta(seconds=1)))
    assert (len(lines), again) == (20, [])


def test_a_revision_without_the_feed_is_waited_out(engine, provider, time, caplog):
    play(time, engine, provider, 1, status="live", events=PLAYED[:3])

    def withdraw():
        provider.events = None
        provider.change()
        engine.run()
        engine.run()

    time.at(KICK_OFF + 5 * MINUTE, withdraw)
    play(time, engine, provider, 9, events=PLAYED[:4])
    with caplog.at_level(logging.WARNING, logger="ingestify"):
        folded = follow(engine, timeout=20 * MINUTE)
    assert folded.kinds() == {"added": 4}
    assert sum("has no feed 'events' at the moment; it has match" in one for one in caplog.messages) == 1


def test_between_two_looks_only_the_position_of_the_log_is_asked_for(engine, provider, monkeypatch):
    provider.change(PLAYED[:3], "live")
    engine.run()
    dataset = engine.get_dataset(match_id=1)
    asked = []
    datasets = engine.store.catalogue.datasets
    monkeypatch.setattr(datasets, "get", lambda ids, get=datasets.get: asked.append(ids) or get(ids))
    assert len(list(engine.follow(dataset, timeout=5 * MINUTE))) == 3
    assert len(asked) == 1


def test_after_a_revision_only_what_came_later_is_told(engine, provider):
    provider.change(PLAYED[:3], "available")
    engine.run()
    provider.change(PLAYED[1:5])
    engine.run()
    number = engine.get_dataset(match_id=1).current_revision.revision_id
    timeout = dt.timedelta(seconds=1)
    lines = list(engine.follow(engine.get_dataset(match_id=1), after=number - 1, timeout=timeout))
    assert [(one.kind, one.position, one.event["id"]) for one in lines] == [
        ("removed", 0, PLAYED[0]["id"]),
        ("added", 2, PLAYED[3]["id"]),
        ("added", 3, PLAYED[4]["id"]),
    ]
    assert [one.cursor for one in lines] == [f"{number - 1}:{number}:1", f"{number - 1}:{number}:2", f"{number}"]
    assert {one.previous_revision for one in lines} == {number - 1}


def test_a_place_that_was_never_there_is_refused(engine):
    dataset = engine.get_dataset(match_id=1)
    for wrong in ("last", "1:2", "-1", "1:2:x", ""):
        with pytest.raises(ConfigurationError, match="is no place to go on from; give the number of a revision"):
            engine.follow(dataset, after=wrong)
    with pytest.raises(ConfigurationError, match="poll_interval: 0 is no number of seconds above 0"):
        engine.follow(dataset, poll_interval=0)
    for unknown in (7, "7:8:1", "0:8:1"):
        with pytest.raises(LoadError, match=r"has no revision [78]; its only revision is 0"):
            list(engine.follow(dataset, after=unknown))


def test_a_match_that_never_had_events_says_what_it_has(engine, provider):
    provider.change(status="cancelled")
    engine.run()
    with pytest.raises(LoadError, match=r"match_id=1 has no feed 'events' to follow; it has match\."):
        list(engine.follow(engine.get_dataset(match_id=1)))


def test_a_match_that_is_deleted_is_an_error(engine, provider, time):
    dataset = engine.get_dataset(match_id=1)
    time.at(KICK_OFF, lambda: engine.store.delete_datasets([dataset]))
    with pytest.raises(DatasetNotFound, match="was deleted from the lake, so there is nothing more to follow"):
        list(engine.follow(dataset))


# ---- feeds that cannot be followed -----------------------------------------------------------------------------------


class Delivered(Source):
    """Serves one match with one file, which has no kick-off."""

    provider = "club"

    def __init__(self, content, form="json"):
        super().__init__("club")
        self.content, self.form = content, form

    def find_datasets(self, dataset_type, data_spec_versions, dataset_collection_metadata, **selector):
        match = DatasetResource({"match_id": 1}, "match", name="A - B")
        yield match.add_file(
            None,
            "events",
            data_serialization_format=self.form,
            file_loader=lambda file, current: DraftFile.from_input(
                self.content, file.data_feed_key, data_serialization_format=self.form
            ),
        )


@pytest.mark.parametrize(
    ("content", "form", "why"),
    [
        (b'{"data": []}', "json", r"its content is no list. Source.record_keys can say where its records are"),
        (b"\x00\x01", "bin", "it is bin, which has no records; JSON, CSV and XML have"),
    ],
)
def test_a_feed_without_records_says_why_it_cannot_be_followed(content, form, why):
    with get_dev_engine(Delivered(content, form), "match") as engine:
        engine.run()
        with pytest.raises(LoadError, match=f"The feed 'events' of club/match/match_id=1 cannot be followed: {why}"):
            list(engine.follow(engine.get_dataset(match_id=1)))
