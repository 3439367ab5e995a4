"""Writers that meet, and sequences of changes."""

from __future__ import annotations

import dataclasses
import multiprocessing
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import hypothesis.strategies as st
import pytest
from hypothesis import given, settings
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from ingestify.catalogue import SqlCatalogue
from ingestify.domain.dataset import Dataset, DatasetState
from ingestify.domain.events import DatasetEvent
from ingestify.domain.identifier import Identifier
from ingestify.domain.ports import HeadMoved
from ingestify.errors import SaveError
from tests.support.catalogue_data import (
    apply_one,
    change,
    check_each_is_found,
    feed_state,
    minutes,
    new_file,
    read_all,
    with_file,
)


@pytest.fixture
def catalogue(tmp_path: Path) -> Iterator[SqlCatalogue]:
    opened = SqlCatalogue.open(f"sqlite:///{tmp_path}/c.db")
    yield opened
    opened.close()


def _save_when_told(path: str, number: int, start: Any, outcomes: Any) -> None:
    catalogue = SqlCatalogue.open(f"sqlite:///{path}")
    one = with_file(1, name=f"process {number}")
    start.wait()
    try:
        apply_one(catalogue, one)
    except HeadMoved:
        outcomes.put("moved")
    else:
        outcomes.put("saved")
    catalogue.close()


@pytest.mark.slow
def test_of_two_processes_that_write_the_same_dataset_one_is_told_that_it_moved(tmp_path: Path) -> None:
    path = str(tmp_path / "c.db")
    SqlCatalogue.open(f"sqlite:///{path}").close()
    context = multiprocessing.get_context("spawn")
    start, outcomes = context.Barrier(2), context.SimpleQueue()
    processes = [context.Process(target=_save_when_told, args=(path, n, start, outcomes)) for n in range(2)]
    for process in processes:
        process.start()
    assert sorted(outcomes.get() for _ in processes) == ["moved", "saved"]
    for process in processes:
        process.join(60)
    outcomes.close()
    catalogue = SqlCatalogue.open(f"sqlite:///{path}")
    assert len(read_all(catalogue)) == 1
    assert len(catalogue.event_log.read(0, 10)) == 2
    catalogue.close()


def test_the_database_itself_refuses_a_second_dataset_with_that_identifier(catalogue, monkeypatch) -> None:
    apply_one(catalogue, with_file(1))
    look = catalogue.changes._find_outdated
    calls: list[Any] = []

    def blind_at_first(*args: Any) -> Any:
        calls.append(args)
        return [] if len(calls) == 1 else look(*args)

    monkeypatch.setattr(catalogue.changes, "_find_outdated", blind_at_first)
    late = with_file(1)
    with pytest.raises(HeadMoved) as moved:
        catalogue.changes.apply([with_file(2), late])
    assert moved.value.changes == (late,)
    assert len(read_all(catalogue)) == 1


def test_a_broken_constraint_that_is_no_race_is_an_error(catalogue: SqlCatalogue) -> None:
    twice = change(1, files=[new_file(), new_file(content="b")])
    with pytest.raises(SaveError, match="UNIQUE"):
        catalogue.changes.apply([twice])
    assert read_all(catalogue) == []


def test_rows_cannot_name_what_is_not_there(catalogue: SqlCatalogue) -> None:
    with pytest.raises(SaveError, match="FOREIGN KEY"), catalogue._database.write("break it", SaveError) as connection:
        connection.exec_driver_sql("INSERT INTO revision VALUES ('nobody', 0, '', '', '', '', NULL)")


def test_a_delete_leaves_no_position_to_be_given_again(catalogue: SqlCatalogue) -> None:
    first = apply_one(catalogue, with_file(1))
    with catalogue._database.write("prune") as connection:
        connection.exec_driver_sql("DELETE FROM event_log")
    second = apply_one(catalogue, with_file(2))
    assert second.events[0].position == first.events[-1].position + 1


TEXTS = st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=12)
VALUES = st.one_of(TEXTS, st.integers(), st.booleans(), st.floats(allow_nan=False, allow_infinity=False), st.dates())
IDENTIFIERS = st.dictionaries(TEXTS, VALUES, min_size=1, max_size=4).map(Identifier)


@pytest.mark.slow
@settings(max_examples=60, deadline=None)
@given(st.lists(IDENTIFIERS, min_size=1, max_size=5, unique=True))
def test_any_identifier_comes_back_and_is_found(identifiers: list[Identifier]) -> None:
    catalogue = SqlCatalogue.open("sqlite:///:memory:")
    try:
        check_each_is_found(catalogue, identifiers)
    finally:
        catalogue.close()


class Changes(RuleBasedStateMachine):
    """Any sequence of changes, against a dict of what should be there."""

    def __init__(self) -> None:
        super().__init__()
        self.catalogue = SqlCatalogue.open("sqlite:///:memory:")
        self.model: dict[Identifier, Dataset] = {}
        self.stale: list[Dataset] = []
        self.events = 0

    def teardown(self) -> None:
        self.catalogue.close()

    @rule(
        ids=st.lists(st.integers(0, 4), min_size=1, max_size=3, unique=True),
        contents=st.dictionaries(st.sampled_from(["match", "events", "lineups"]), st.sampled_from("abc")),
        name=st.sampled_from(["one", "two"]),
        state=st.sampled_from(DatasetState),
        minute=st.integers(0, 9),
    )
    def apply(self, ids: list[int], contents: dict[str, str], name: str, state: DatasetState, minute: int) -> None:
        changes = []
        for number in ids:
            existing = self.model.get(Identifier({"competition_id": 11, "match_id": number}))
            if existing is not None:
                self.stale.append(existing)
            changes.append(
                change(
                    number,
                    existing=existing,
                    name=name,
                    state=state,
                    files=[new_file(feed, content) for feed, content in contents.items()],
                    feeds=[feed_state(feed, modified_at=minutes(minute)) for feed in contents],
                )
            )
        for one in self.catalogue.changes.apply(changes):
            self.model[one.dataset.identifier] = one.dataset
            self.events += len(one.events)

    @precondition(lambda self: self.stale)
    @rule(data=st.data())
    def apply_to_an_old_state(self, data: st.DataObject) -> None:
        old = data.draw(st.sampled_from(self.stale))
        current = self.model.get(old.identifier)
        if current is not None and (current.dataset_id, len(current.revisions)) == (old.dataset_id, len(old.revisions)):
            return
        with pytest.raises(HeadMoved):
            self.catalogue.changes.apply([change(existing=old, files=[new_file(content="late")])])

    @precondition(lambda self: self.model)
    @rule(data=st.data())
    def delete(self, data: st.DataObject) -> None:
        dataset = self.model.pop(data.draw(st.sampled_from(sorted(self.model, key=str))))
        paths = {file.storage_path for r in dataset.revisions for file in r.modified_files}
        named = {file.storage_path for d in self.model.values() for r in d.revisions for file in r.modified_files}
        told: list[DatasetEvent] = []
        assert set(self.catalogue.changes.delete([dataset.dataset_id], told.extend)) == paths - named
        assert [(event.event_type, event.dataset.dataset_id) for event in told] == [
            ("dataset_deleted", dataset.dataset_id)
        ]
        self.events += 1

    @precondition(lambda self: self.model)
    @rule(data=st.data())
    def invalidate(self, data: st.DataObject) -> None:
        dataset = self.model[data.draw(st.sampled_from(sorted(self.model, key=str)))]
        for event in self.catalogue.changes.invalidate([dataset.dataset_id], "bad"):
            self.model[dataset.identifier] = event.dataset
            self.events += 1

    @invariant()
    def the_catalogue_holds_the_model(self) -> None:
        read = {dataset.identifier: dataset for dataset in read_all(self.catalogue, batch_size=2)}
        assert read == self.model
        for dataset in read.values():
            assert [revision.revision_id for revision in dataset.revisions] == list(range(len(dataset.revisions)))
        known = self.catalogue.datasets.find_known("main", "fake", "match", list(self.model))
        assert {i: k.summary for i, k in known.items()} == {i: d.summary for i, d in self.model.items()}
        log = self.catalogue.event_log.read(0, 1000)
        assert len(log) == self.events
        last = {event.dataset.dataset_id: event.dataset for event in log}
        for dataset in self.model.values():
            logged = last[dataset.dataset_id]
            # What the last event shows is what is there; feeds move on without one.
            assert logged.files == dataset.files
            assert dataclasses.replace(logged, feeds=dataset.feeds, revisions=(), last_modified_at=None) == (
                dataclasses.replace(dataset, revisions=(), last_modified_at=None)
            )


TestChanges = pytest.mark.slow(Changes.TestCase)
TestChanges.settings = settings(max_examples=20, stateful_step_count=15, deadline=None)
