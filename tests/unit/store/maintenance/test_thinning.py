"""Of the revisions that a match gets while it is played, some stay; whatever names one of them keeps it."""

from __future__ import annotations

import datetime as dt
import json
import logging
from collections.abc import Iterator

import hypothesis.strategies as st
import pytest

from ingestify import BundleCheck, Dataset, DatasetState, IngestionEngine, LoadError, get_dev_engine
from ingestify.domain.file import File
from ingestify.domain.identifier import Identifier
from ingestify.domain.retention import Retention
from ingestify.domain.revision import Revision, RevisionState
from ingestify.domain.thinning import Thinned, choose_thinned, without_revisions
from ingestify.errors import IntegrityError, SaveError
from tests.support.growing_match import KICK_OFF, GrowingMatch
from tests.support.lake_in_memory import Recorder
from tests.support.simulated_time import SimulatedTime, simulated_time
from tests.support.sizes import check_examples, sizes

MINUTE = dt.timedelta(minutes=1)
DAY = dt.timedelta(days=1)
QUARTER = dt.timedelta(minutes=15)


@pytest.fixture
def time() -> Iterator[SimulatedTime]:
    with simulated_time(KICK_OFF - 60 * MINUTE) as simulated:
        yield simulated


@pytest.fixture
def provider() -> GrowingMatch:
    return GrowingMatch()


@pytest.fixture
def engine(provider, time) -> Iterator[IngestionEngine]:
    """A lake with a match of a revision before it (0), one each 5 minutes (1 to 11), and one on the next day (12)."""
    with get_dev_engine(provider, "match") as made:
        made.store.retention = Retention(live_revisions=QUARTER)
        made.run()
        for number in range(11):
            wait_until(time, KICK_OFF + (5 * number + 1) * MINUTE)
            provider.change([{"id": f"e{one}", "minute": one} for one in range(number + 1)], "live")
            made.run()
        yield made


def end(engine, provider, time):
    """Correct the match on the next day, and let three days pass."""
    wait_until(time, KICK_OFF + DAY)
    provider.change([{"id": "e0", "minute": 7}], "available")
    engine.run()
    wait_until(time, KICK_OFF + 3 * DAY)
    return engine.get_dataset(match_id=1)


def wait_until(time: SimulatedTime, moment: dt.datetime) -> None:
    time.sleep((moment - time.now()).total_seconds())


def collect(engine: IngestionEngine, **options: object) -> list[tuple[int, ...]]:
    return [tuple(one.revisions) for one in engine.collect_garbage(**options).thinned]


def events_of(engine: IngestionEngine, dataset: Dataset) -> list[dict[str, object]]:
    return engine.store.load_files(dataset)["events"].json()


def test_one_in_a_quarter_of_an_hour_stays_and_the_last_one(engine, provider, time):
    wait_until(time, KICK_OFF + 2 * DAY)
    assert collect(engine) == [], "the match has not settled"
    before = end(engine, provider, time)
    went = (2, 3, 5, 6, 8, 9)
    assert collect(engine, dry_run=True) == [went]
    assert engine.get_dataset(match_id=1) == before
    recorder = Recorder(engine.store)
    engine.store.publisher.add_subscriber(recorder)
    garbage = engine.collect_garbage()
    assert [(len(one.files), one.size > 0) for one in garbage.thinned] == [(12, True)]
    (event,) = recorder.events
    assert (event.event_type, event.revision_ids) == ("revisions_thinned", went)
    after = engine.get_dataset(match_id=1)
    assert [one.revision_id for one in after.revisions if one.state is RevisionState.THINNED] == list(went)
    assert event.dataset == after
    assert after.updated_at == before.updated_at, "no table is built anew, and no copy is made again"
    for number in (0, 1, 4, 7, 10, 11, 12):
        assert after.at(revision=number).files == before.at(revision=number).files
    assert [len(events_of(engine, after.at(revision=number))) for number in (1, 4, 7, 10, 11)] == [1, 4, 7, 10, 11]
    assert collect(engine) == [], "and again, nothing"
    assert engine.verify().damages == []
    assert engine.collect_garbage().objects == 0, "readers have a day"
    wait_until(time, KICK_OFF + 5 * DAY)
    assert engine.collect_garbage().objects == 12
    assert engine.verify().damages == []
    assert engine.run().totals.unchanged == 1


def test_a_thinned_revision_is_named_and_a_moment_gives_the_one_before_it(engine, provider, time, caplog):
    end(engine, provider, time)
    engine.collect_garbage()
    dataset = engine.get_dataset(match_id=1)
    why = r"Revision 5 of .*match_id=1 was thinned: .*\(retention\)\. The nearest ones are 4 and 7\."
    for read in (lambda: dataset.at(revision=5), lambda: engine.diff(dataset, 4, 5)):
        with pytest.raises(LoadError, match=why):
            read()
    with pytest.raises(LoadError, match=why):
        list(engine.follow(dataset, after=5))
    assert dataset.at(revision=-3).revisions[-1].revision_id == 10, "those that were thinned do not count"
    moment = KICK_OFF + 23 * MINUTE
    assert dataset.at(moment).revisions[-1].revision_id == 4
    with caplog.at_level(logging.WARNING, logger="ingestify"):
        (then,) = engine.list_datasets(as_of=moment)
    assert then.revisions[-1].revision_id == 4
    assert "Of 1 dataset, the revision of 2026-10-24 15:23 UTC was thinned (retention); the one before" in caplog.text
    sentences = [one.sentence for one in engine.log(dataset)]
    assert sentences[5] == "Thinned: it cannot be read any more."
    assert sentences[7] == engine.diff(dataset, 4, 7).sentence


@pytest.mark.parametrize("what", ["as_of", "lock as_of", "export as_of"])
def test_what_names_a_moment_keeps_the_revision_of_then(what, engine, provider, time, tmp_path):
    moment = KICK_OFF + 23 * MINUTE
    if what == "as_of":
        assert events_of(engine, engine.list_datasets(as_of=moment)[0])
    elif what == "lock as_of":
        engine.lock(as_of=moment)
    else:
        engine.export(tmp_path / "out", as_of=moment)
    end(engine, provider, time)
    assert collect(engine) == [(2, 3, 6, 8, 9)], "but not 5"
    (then,) = engine.list_datasets(as_of=moment)
    assert (then.revisions[-1].revision_id, len(events_of(engine, then))) == (5, 5)


@pytest.mark.parametrize("what", ["lock", "read by a lock", "export"])
def test_what_names_a_live_match_keeps_its_revision_of_now(what, engine, provider, time, tmp_path):
    lock = engine.lock() if what != "export" else engine.export(tmp_path / "out") and None
    for number in (55, 56, 57):
        wait_until(time, KICK_OFF + number * MINUTE)
        provider.change([{"id": "e0", "minute": number}])
        engine.run()
    if what == "read by a lock":
        assert [one.revisions[-1].revision_id for one in engine.iter_datasets(lock=lock)] == [11]
    end(engine, provider, time)
    assert collect(engine) == [(2, 3, 5, 6, 8, 9, 12, 13)], "but not 11"
    assert lock is None or engine.check_lock(lock).is_readable


class Refuses(BundleCheck):
    """Refuses what has an event of minute 55."""

    def find_problems(self, bundle):
        if any(event["minute"] == 55 for event in bundle.require_file("events").json()):
            yield "nothing happens in minute 55"


def test_a_bundle_in_quarantine_keeps_the_revision_that_it_is_based_on(engine, provider, time):
    provider.bundle_checks = (Refuses(),)
    for number in (55, 56, 57):
        wait_until(time, KICK_OFF + number * MINUTE)
        provider.change([{"id": "e0", "minute": number}])
        engine.run()
    (entry,) = engine.quarantine.iter_entries(states=())
    assert entry.base_revision_id == 11
    end(engine, provider, time)
    assert collect(engine) == [(2, 3, 5, 6, 8, 9, 12)], "but not 11"


def test_who_may_only_read_is_told_that_it_cannot_be_kept(engine, monkeypatch, caplog):
    def refuse(*_):
        raise SaveError("The database is read-only.")

    monkeypatch.setattr(engine.store.catalogue.kept_revisions, "keep", refuse)
    with caplog.at_level(logging.WARNING, logger="ingestify"):
        engine.lock()
    assert "There is a lock of 1 provisional revision, and the catalogue cannot note it: The database" in caplog.text


def test_without_the_setting_or_a_kick_off_all_stay(engine, provider, time):
    end(engine, provider, time)
    engine.store.retention = Retention()
    assert collect(engine) == []


# ---- properties ------------------------------------------------------------------------------------------------------

MINUTES = st.lists(st.integers(-30, 300), max_size=25).map(sorted)


def match_of(minutes, brought):
    """A match with a revision in each minute; `brought` says which of three files came with each."""
    revisions = []
    for number, minute in enumerate(minutes):
        at = KICK_OFF + minute * MINUTE
        names = [name for place, name in enumerate("abc") if not number or brought[number % len(brought)] >> place & 1]
        files = tuple(
            File(name, "v1", "json", 1, f"{name}{number}", None, 1, "none", f"{name}{number}", None, at, number)
            for name in names
        )
        revisions.append(Revision(number, at, files))
    metadata = {"match_date": f"{KICK_OFF:%Y-%m-%d}", "kick_off": f"{KICK_OFF:%H:%M:%S}"}
    return Dataset(
        dataset_id="d",
        bucket="main",
        provider="p",
        dataset_type="match",
        identifier=Identifier({"match_id": 1}),
        name="A - B",
        state=DatasetState.COMPLETE,
        metadata=metadata,
        created_at=KICK_OFF,
        updated_at=KICK_OFF,
        last_modified_at=None,
        revisions=tuple(revisions),
    )


@pytest.mark.parametrize("examples", sizes(60, 1000))
def test_what_stays_is_whole_and_less_than_the_spacing_away(examples):
    def check(minutes, brought, kept, spacing):
        before = match_of(minutes, brought)
        arguments = (dt.UTC, spacing * MINUTE, kept, KICK_OFF + 30 * DAY)
        went = choose_thinned(before, *arguments)
        files = without_revisions(before, went)
        after = Thinned(before, went, files).after
        assert choose_thinned(after, *arguments) == []
        assert not {*went} & {0, len(minutes) - 1, *kept}
        for revision in before.revisions:
            number = revision.revision_id
            if number in went:
                stays = after.at(revision.created_at) if minutes.count(minutes[number]) == 1 else None
                assert stays is None or revision.created_at - stays.revisions[-1].created_at < spacing * MINUTE
            else:
                assert after.at(revision=number).files == before.at(revision=number).files
        assert {file for one in after.revisions for file in one.modified_files} == {
            file for one in before.revisions for file in one.modified_files
        } - {*files}

    check_examples(
        check,
        examples,
        MINUTES,
        st.lists(st.integers(0, 7), min_size=1, max_size=5),
        st.sets(st.integers(0, 24)),
        st.sampled_from([1, 15, 45]),
    )


def test_the_setting_is_a_length_of_time(tmp_path):
    from ingestify import get_datastore

    (tmp_path / "config.yaml").write_text(
        json.dumps(
            {
                "main": {"metadata_url": "sqlite:///catalog.db", "file_url": "file://files/"},
                "retention": {"live_revisions": "15m"},
            }
        )
    )
    store = get_datastore(tmp_path / "config.yaml")
    assert store.retention == Retention(live_revisions=QUARTER)
    store.close()


# ---- copies, tables, and readers of the event log --------------------------------------------------------------------


def states(engine: IngestionEngine) -> list[int]:
    return [one.revision_id for one in engine.get_dataset(match_id=1).revisions if one.is_thinned]


@pytest.mark.parametrize("which", ["source", "target"])
def test_a_copy_goes_on_whichever_lake_thinned(which, engine, provider, time, tmp_path):
    with get_dev_engine(GrowingMatch(), "match", dev_dir=tmp_path) as other:
        end(engine, provider, time)
        assert engine.copy_to(other).progress.new == 1
        thinning = engine if which == "source" else other
        thinning.store.retention = Retention(live_revisions=QUARTER)
        assert collect(thinning) == [(2, 3, 5, 6, 8, 9)]
        assert engine.copy_to(other).progress.unchanged == 1, "nothing is copied because of it"
        provider.change([{"id": "e0", "minute": 8}])
        engine.run()
        assert engine.copy_to(other).progress.updated == 1
        assert len(other.get_dataset(match_id=1).revisions) == 14
        assert states(other) == states(engine), "the copy is as the source is"
        assert other.verify().damages == engine.verify().damages == []


def test_a_reader_of_the_event_log_that_is_late_is_told_what_it_cannot_read(engine, provider, time):
    end(engine, provider, time)
    engine.collect_garbage()
    wait_until(time, KICK_OFF + 5 * DAY)
    engine.collect_garbage()
    log = engine.store.catalogue.event_log.read(0, 100)
    late = next(one for one in log if one.event_type == "revision_added" and one.dataset.revisions[-1].revision_id == 5)
    with pytest.raises(IntegrityError, match="was thinned"):
        engine.store.load_files(late.dataset)
