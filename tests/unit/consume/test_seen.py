"""Repeats are dropped, and a new event never counts as one."""

from __future__ import annotations

import dataclasses
import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingestify.consume import Seen, parse
from ingestify.errors import ConfigurationError, StoreError


@pytest.fixture(scope="module")
def event(messages):
    return parse(messages["revision_added"].structured())


def at(event, position, *, dataset="a", epoch=1, lake="lake"):
    return dataclasses.replace(
        event,
        id=f"{lake}/{epoch}/{position}",
        position=position,
        epoch=epoch,
        lake_id=lake,
        dataset_id=dataset,
    )


@pytest.mark.parametrize("by", ["event", "dataset"])
def test_a_repeat_is_known_after_a_restart(event, tmp_path, by):
    path = tmp_path / "new" / "seen.db"
    with Seen(path, by=by) as seen:
        assert at(event, 1) not in seen
        seen.add(at(event, 1))
        assert at(event, 1) in seen
    with Seen(path, by=by) as seen:
        assert at(event, 1) in seen
        assert at(event, 2) not in seen
        assert len(seen) == 1


@pytest.mark.parametrize("by", ["event", "dataset"])
def test_another_lake_or_epoch_is_another_event(event, by):
    seen = Seen(by=by)
    seen.add(at(event, 5))
    assert at(event, 5, epoch=2) not in seen
    assert at(event, 5, lake="other") not in seen


def test_by_dataset_an_earlier_position_of_it_is_a_repeat(event):
    seen = Seen(by="dataset")
    for position in (3, 7, 5):
        seen.add(at(event, position))
    assert [position for position in range(10) if at(event, position) not in seen] == [8, 9]
    assert at(event, 5, dataset="b") not in seen
    assert len(seen) == 1


def test_by_event_an_earlier_one_that_never_came_is_new(event):
    seen = Seen()
    seen.add(at(event, 7))
    assert at(event, 5) not in seen


@pytest.mark.parametrize("by", ["event", "dataset"])
def test_the_oldest_are_forgotten(event, tmp_path, by):
    path = tmp_path / "seen.db"
    with Seen(path, size=100, by=by) as seen:
        for position in range(1000):
            seen.add(at(event, position, dataset=str(position)))
        assert len(seen) == 100
        assert at(event, 899, dataset="899") not in seen
        assert all(at(event, position, dataset=str(position)) in seen for position in range(900, 1000))
    with Seen(path, size=10, by=by) as seen:
        seen.add(at(event, 1000, dataset="1000"))
        assert len(seen) == 10
    assert path.stat().st_size < 100_000


def test_a_dataset_with_news_is_not_the_oldest(event):
    seen = Seen(size=2, by="dataset")
    for position, dataset in enumerate("abac"):
        seen.add(at(event, position, dataset=dataset))
    assert at(event, 2, dataset="a") in seen
    assert at(event, 1, dataset="b") not in seen


@given(st.lists(st.tuples(st.integers(0, 12), st.integers(0, 3)), max_size=60))
def test_it_never_drops_a_new_event(event, deliveries):
    """Whatever comes, in whatever order: what was not added is not in it, and what was, is."""
    seen, added = Seen(size=1000), set()
    for position, epoch in deliveries:
        one = at(event, position, epoch=epoch)
        assert (one in seen) == (one.id in added)
        seen.add(one)
        added.add(one.id)
    assert len(seen) == len(added)
    seen.close()


def test_several_threads_may_use_it(event, tmp_path):
    with Seen(tmp_path / "seen.db") as seen:

        def work(first):
            for position in range(first, 400, 4):
                assert at(event, position) not in seen
                seen.add(at(event, position))

        threads = [threading.Thread(target=work, args=(first,)) for first in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(seen) == 400


def test_a_file_that_is_none_is_refused_with_what_to_do(tmp_path):
    path = tmp_path / "seen.db"
    path.write_bytes(b"nonsense " * 1000)
    with pytest.raises(ConfigurationError, match="Name another file; or remove that one"):
        Seen(path)
    with pytest.raises(ConfigurationError, match="Name another file"):
        Seen(tmp_path)
    assert path.read_bytes() == b"nonsense " * 1000


@pytest.mark.parametrize("wrong", [{"size": 0}, {"size": True}, {"size": 1.5}, {"by": "match"}])
def test_arguments_that_make_no_sense_are_named(wrong):
    with pytest.raises(ConfigurationError, match=next(iter(wrong))):
        Seen(**wrong)


def test_what_cannot_be_written_raises(event, tmp_path):
    seen = Seen(tmp_path / "seen.db")
    seen.close()
    seen.close()
    with pytest.raises(StoreError, match="cannot keep the events"):
        seen.add(at(event, 1))
