"""Which lake and epoch it is, and how long hosts are left alone."""

from __future__ import annotations

import dataclasses

import pytest

from ingestify.catalogue.jobs import host_waits
from ingestify.domain.ports import (
    Catalogue,
    HostWait,
)
from tests.support.catalogue_data import (
    T0,
    minutes,
    with_file,
)
from tests.support.sizes import sizes


def test_each_event_says_of_which_lake_and_epoch_it_is(catalogue: Catalogue) -> None:
    new = catalogue.lake.find()
    assert new is not None
    assert (new.lake_id, new.epoch, str(new)) == ("", 0, "a lake without an id yet")
    (told,) = catalogue.changes.apply([with_file()])
    lake = catalogue.lake.find()
    assert lake is not None
    assert {(event.lake_id, event.epoch, event.schema_version) for event in told.events} == {(lake.lake_id, 1, 2)}
    begun = catalogue.lake.begin_epoch(lake.lake_id, 2)
    assert (begun.lake_id, begun.epoch, begun.mark) == (lake.lake_id, 2, None)
    catalogue.changes.invalidate([told.dataset.dataset_id], "a doubt")
    copied = catalogue.lake.begin_epoch("a copy", 3)
    catalogue.changes.mark_missing([told.dataset.dataset_id])
    events = catalogue.event_log.read(0, 10)
    assert [(event.lake_id, event.epoch) for event in events] == [
        (lake.lake_id, 1),
        (lake.lake_id, 1),
        (lake.lake_id, 2),
        ("a copy", 3),
    ]
    assert copied.epoch_started_at >= begun.epoch_started_at >= lake.epoch_started_at
    assert catalogue.event_log.read(events[-2].position or 0, 10) == events[-1:]


def test_a_catalogue_knows_the_marks_that_it_gave_in_this_epoch(catalogue: Catalogue) -> None:
    assert not catalogue.lake.has_given_mark("first")
    lake = catalogue.lake.add_mark("before", "")
    assert (len(lake.lake_id), lake.epoch) == (36, 1)
    for mark in ("first", "second"):
        lake = catalogue.lake.add_mark(mark, "s3://bucket/lake")
    assert (lake.mark, lake.storage) == ("second", "s3://bucket/lake")
    assert catalogue.lake.find() == lake
    assert [catalogue.lake.has_given_mark(mark) for mark in ("first", "second", "third")] == [True, True, False]
    catalogue.lake.begin_epoch(lake.lake_id, 2)
    assert not catalogue.lake.has_given_mark("second")


def test_how_long_a_host_is_to_be_left_alone_is_kept_until_it_is_over(catalogue: Catalogue) -> None:
    one = HostWait("a.example:8443", T0, minutes(120), 429)
    other = HostWait("b.example", minutes(1), minutes(2), 503, is_cut=True)
    catalogue.host_waits.save(one)
    catalogue.host_waits.save(other)
    assert {wait.host: wait for wait in catalogue.host_waits.find()} == {one.host: one, other.host: other}
    later = dataclasses.replace(one, asked_at=minutes(5), until=minutes(60))
    catalogue.host_waits.save(later)
    assert list(catalogue.host_waits.find()) == [later], "the other one is over"
    catalogue.host_waits.forget()
    assert list(catalogue.host_waits.find()) == []


def test_the_marks_of_a_watch_are_kept_by_name_until_nobody_saves_them(catalogue: Catalogue) -> None:
    catalogue.watch_marks.save("heartbeat", T0)
    catalogue.watch_marks.save("a plan", minutes(1))
    catalogue.watch_marks.save("heartbeat", minutes(5))
    assert catalogue.watch_marks.find() == {"heartbeat": minutes(5), "a plan": minutes(1)}
    later = minutes(2 + 400 * 24 * 60)
    catalogue.watch_marks.save("other plan", later)
    assert catalogue.watch_marks.find() == {"heartbeat": minutes(5), "other plan": later}
    catalogue.watch_marks.forget("heartbeat")
    assert catalogue.watch_marks.find() == {"other plan": later}


@pytest.mark.slow
@pytest.mark.parametrize("most", sizes(20, 1000))
def test_no_more_hosts_are_kept_than_a_thousand(
    catalogue: Catalogue, monkeypatch: pytest.MonkeyPatch, most: int
) -> None:
    if most < 1000:
        monkeypatch.setattr(host_waits, "_MOST", most)
    for number in range(most + 3):
        catalogue.host_waits.save(HostWait(f"{number}.example", T0, minutes(60), 429))
    assert len(catalogue.host_waits.find()) == most
