"""What changed between two revisions of a dataset, and its log."""

from __future__ import annotations

import datetime as dt
import json
from collections import Counter

import pytest

from ingestify import DatasetResource, RecordKey, Source, get_dev_engine
from ingestify.errors import IntegrityError, LoadError

KEYS = {
    "events": RecordKey("uid", noun="event", kind="kind", names={"expected": "xG"}),
    "lineups": "player",
}


class Corrected(Source):
    """Serves one match whose feeds a test changes."""

    provider = "mine"
    record_keys = KEYS

    def __init__(self, name, feeds=None):
        super().__init__(name)
        self.feeds = feeds or {
            "events": [{"uid": 1, "kind": "Shot", "expected": 0.1}],
            "lineups": [{"player": 7, "name": "Kane"}],
        }
        self.day = 1

    def find_datasets(self, dataset_type, data_spec_versions, dataset_collection_metadata, **selector):
        match = DatasetResource({"match_id": 1}, dataset_type, self.provider, name="A - B")
        for feed, content in self.feeds.items():
            match.add_file(dt.datetime(2026, 1, self.day, tzinfo=dt.UTC), feed, json_content=content)
        yield match


class OfStatsBomb(Corrected):
    provider = "statsbomb"
    record_keys = Source.record_keys


def changed(engine, source, **feeds):
    source.feeds = {feed: content for feed, content in {**source.feeds, **feeds}.items() if content is not None}
    source.day += 1
    engine.load()
    return engine.get_dataset(match_id=1)


@pytest.fixture
def source():
    return Corrected("mine")


@pytest.fixture
def engine(source):
    with get_dev_engine(source, "match") as made:
        made.load()
        yield made


@pytest.mark.slow  # it imports polars and pandas
def test_two_revisions_are_compared_by_the_keys_that_the_source_declares(engine, source):
    dataset = changed(
        engine,
        source,
        events=[{"uid": 1, "kind": "Shot", "expected": 0.2}, {"uid": 2, "kind": "Pass"}],
        lineups=[{"player": 7, "name": "Harry Kane"}],
    )
    diff = engine.diff(dataset, 0, 1)
    assert diff.sentence == (
        "1 shot's xG changed (0.1 → 0.2); name of 1 record of lineups changed (Kane → Harry Kane); 1 pass added."
    )
    assert (diff.from_revision, diff.to_revision, len(diff.clauses)) == (0, 1, 3)
    frame = diff.to_polars()
    assert frame.select("feed", "kind", "key", "field", "old", "new").rows() == [
        ("events", "changed", "1", "expected", "0.1", "0.2"),
        ("events", "added", "2", "", None, '{"uid": 2, "kind": "Pass"}'),
        ("lineups", "changed", "7", "name", "Kane", "Harry Kane"),
    ]
    assert list(diff.to_pandas().columns) == list(frame.columns)
    assert repr(diff).splitlines()[:3] == [
        "A - B, revision 0 → 1: " + diff.sentence,
        "feed     what     record  minute  who  field  old   new",
        "events   changed  Shot                 xG     0.1   0.2",
    ]
    assert "<td>xG</td>" in diff._repr_html_()
    assert len(diff[:1]) == 1
    assert engine.diff(dataset, 0, 1, feed="lineups").to_polars()["key"].to_list() == ["7"]
    assert engine.diff(dataset, 1, 0, feed=["events"]).sentence.startswith("1 shot's xG changed (0.2 → 0.1); 1 pass re")


def test_the_last_two_revisions_are_compared_unless_others_are_named(engine, source):
    for number in (2, 3):
        dataset = changed(engine, source, events=[{"uid": 1, "kind": "Shot", "expected": number}])
    assert engine.diff(dataset).sentence == "1 shot's xG changed (2 → 3)."
    assert engine.diff(dataset, 0).sentence == "1 shot's xG changed (0.1 → 3)."
    assert engine.store.diff(dataset, 1, 1).sentence == "Nothing changed."
    assert not engine.diff(dataset, 1, 1)


def test_what_cannot_be_compared_is_an_error_that_says_what_there_is(engine, source):
    dataset = engine.get_dataset(match_id=1)
    with pytest.raises(LoadError, match="does not have 2 revisions; its only revision is 0"):
        engine.diff(dataset)
    dataset = changed(engine, source, lineups=[])
    with pytest.raises(LoadError, match=r"has no feed 'tracking' in these revisions; it has events, lineups\."):
        engine.diff(dataset, feed="tracking")
    engine.store.storage.delete([dataset.files["events"].storage_path])
    assert engine.diff(dataset, feed="lineups").sentence == "1 record of lineups removed."
    dataset = changed(engine, source, events=[])
    with pytest.raises(IntegrityError):
        engine.diff(dataset)


def test_the_log_has_a_sentence_for_each_revision(engine, source):
    changed(engine, source, events=[{"uid": 1, "kind": "Shot", "expected": 0.5}])
    dataset = changed(engine, source, lineups=None, events=[])
    log = engine.log(dataset)
    assert [one.sentence for one in log] == [
        "First seen, with events, lineups.",
        "1 shot's xG changed (0.1 → 0.5).",
        "Lineups is gone (28 bytes); 1 shot removed.",
    ]
    assert log.to_polars()["revision_id"].to_list() == [0, 1, 2]
    assert repr(log).startswith("A - B: 3 revisions\nrevision  committed")


def test_a_lake_without_plans_knows_the_records_of_the_built_in_providers():
    shot = {"id": "a", "type": {"name": "Shot"}, "minute": 46, "period": 1, "shot": {"statsbomb_xg": 0.5}}
    source = OfStatsBomb("shots", {"events": [shot]})
    with get_dev_engine(source, "match") as engine:
        engine.load()
        dataset = changed(engine, source, events=[{**shot, "shot": {"statsbomb_xg": 0.25}}])
        assert engine.diff(dataset).sentence == "1 shot's xG changed in minute 45+2 (0.5 → 0.25)."


# ---- real exports ----------------------------------------------------------------------------------------------------


def exports(folder, match_id, older, feeds):
    """Return what each feed of a match was in an older export, and what it is."""
    found = []
    for root in (folder / "_revisions/statsbomb" / older / "data", folder / "statsbomb/data"):
        paths = {feed: root / name / f"{match_id}.json" for feed, name in feeds.items()}
        found.append({feed: json.loads(path.read_bytes()) for feed, path in paths.items() if path.exists()})
    return found


def leaves(value, way=""):
    """Yield the values of a record with their ways, each list as a whole."""
    if isinstance(value, dict):
        for key, one in value.items():
            yield from leaves(one, f"{way}.{key}" if way else key)
    else:
        yield way, value


def worked_out_by_hand(march, november):
    """Return how many events pair up, and for each pair that differs, the fields with both values.

    Fields with ids of other events are left out, and so are lists whose order means nothing.
    """

    def by_name(events):
        ways = ("period", "timestamp", "type.name", "team.name", "player.name")
        found = {tuple(dict(leaves(event)).get(way) for way in ways): dict(leaves(event)) for event in events}
        assert len(found) == len(events)
        return found

    left_out = {"id", "related_events", "shot.freeze_frame", "shot.key_pass_id", "pass.assisted_shot_id"}
    old, new = by_name(march), by_name(november)
    pairs = old.keys() & new.keys()
    changes = {}
    for name in pairs:
        one, other = old[name], new[name]
        ways = {way for way in one.keys() | other.keys() if one.get(way) != other.get(way)} - left_out
        if ways:
            changes[other["id"]] = {way: (one.get(way), other.get(way)) for way in ways}
    return len(pairs), changes


@pytest.mark.slow
def test_a_rekeyed_export_of_a_real_match_is_recognised(provider_data):
    feeds = {"events": "events", "lineups": "lineups", "360-frames": "three-sixty"}
    march, november = exports(provider_data, 3788741, "2023-03", feeds)
    source = OfStatsBomb("statsbomb", november)
    with get_dev_engine(source, "match") as engine:
        engine.load()
        dataset = changed(engine, source, **march)
        forward, back = engine.diff(dataset, 0, 1), engine.diff(dataset, 1, 0)

    assert not {one["id"] for one in march["events"]} & {one["id"] for one in november["events"]}
    paired, changes = worked_out_by_hand(march["events"], november["events"])
    assert (len(march["events"]), paired, len(changes)) == (3803, 3788, 47)

    kinds = Counter(one.kind for one in back if one.feed == "events")
    assert kinds["rekeyed"] == paired
    assert kinds["added"] == kinds["removed"] == 3803 - paired
    assert {one.old for one in back if one.kind == "rekeyed"} < {one["id"] for one in march["events"]}
    found = {}
    for one in back:
        if one.feed == "events" and one.kind == "changed":
            found.setdefault(one.key[0], {})[one.field] = (one.old, one.new)
    assert found == changes
    of_shots = [one for one in back if one.field == "shot.statsbomb_xg"]
    assert len(of_shots) == sum("shot.statsbomb_xg" in change for change in changes.values()) == 27
    assert (0.35391167, 0.33387265, "66", "Ciro Immobile") in [(o.old, o.new, o.minute, o.who) for o in of_shots]

    said = (
        "all 3,803 ids of events are new: 3,788 pair up by period, timestamp, type, team and player, "
        "of which 47 differ, and 15 have no counterpart"
    )
    assert forward.clauses[:2] == (said, "all 3,470 freeze frames belong to none of the events")
    assert back.clauses[:3] == (
        said,
        "all 3,470 freeze frames belonged to none of the events before, and do now",
        "27 shots' xG changed between minutes 3 and 90+3",
    )
    assert any(clause.startswith("4 passes' recipient changed") for clause in back.clauses)


@pytest.mark.slow
def test_an_export_with_lists_in_another_order_says_that_no_record_changed(provider_data):
    older, now = exports(provider_data, 18236, "2022-07", {"events": "events", "lineups": "lineups"})
    pairs = list(zip(older["events"], now["events"], strict=True))
    others = [(one, other) for one, other in pairs if one != other]
    assert len(others) == 13
    for one, other in others:
        frames = [sorted(map(json.dumps, shot["shot"].pop("freeze_frame"))) for shot in (one, other)]
        assert frames[0] == frames[1]
        assert one == other
    older, now = exports(provider_data, 18236, "2022-07", {"events": "events", "lineups": "lineups"})
    source = OfStatsBomb("statsbomb", older)
    with get_dev_engine(source, "match") as engine:
        engine.load()
        diff = engine.diff(changed(engine, source, **now))
    assert diff == []
    assert diff.sentence == "No record changed; 13 shots' freeze frames stand in another order."
