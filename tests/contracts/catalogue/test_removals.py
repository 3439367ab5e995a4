"""Leases of writers, and removals of objects beside commits."""

from __future__ import annotations

import dataclasses
import threading
from typing import Any

import pytest

from ingestify.clock import now
from ingestify.domain.events import (
    RevisionDiscarded,
)
from ingestify.domain.history import DatasetHistory
from ingestify.domain.ports import (
    Catalogue,
    ObjectsInDoubt,
)
from ingestify.domain.quarantine import QuarantineState
from ingestify.domain.run import JobHolder
from ingestify.errors import StoreError
from ingestify.failpoints import installed
from tests.support.catalogue_data import (
    PROCESS,
    T0,
    apply_one,
    change,
    everything,
    new_file,
    read_all,
    with_file,
)


class TestLeases:
    def test_a_lease_is_held_until_it_is_released_and_others_see_whose_it_is(self, catalogue: Catalogue) -> None:
        assert catalogue.leases.find() == []
        assert catalogue.leases.is_held("r1") is False
        held = catalogue.leases.take("r1", "run", JobHolder(PROCESS, T0))
        other = catalogue.leases.take("c1", "copy", JobHolder(PROCESS, T0))
        assert [(one.lease_id, one.what, one.holder) for one in sorted(catalogue.leases.find(), key=str)] == [
            ("c1", "copy", JobHolder(PROCESS, T0)),
            ("r1", "run", JobHolder(PROCESS, T0)),
        ]
        assert catalogue.leases.is_held("r1") is True
        other.release()
        assert [one.lease_id for one in catalogue.leases.find()] == ["r1"]
        with pytest.raises(StoreError, match="held already"):
            catalogue.leases.take("r1", "run", JobHolder(PROCESS, T0))
        held.release()
        held.release()
        assert catalogue.leases.find() == []
        assert catalogue.leases.is_held("r1") is False

    def test_a_lease_ends_with_its_process_and_not_with_its_row(self, catalogue: Any) -> None:
        catalogue.leases.take("dead", "run", JobHolder(PROCESS, T0))
        catalogue.job_locks.close()  # as the system does when a process ends
        assert catalogue.leases.is_held("dead") is False
        assert catalogue.leases.find() == []
        assert [lease_id for lease_id, _ in catalogue.leases._read()] == ["dead"]
        catalogue.leases.take("alive", "run", JobHolder(PROCESS, T0)).release()
        assert catalogue.leases._read() == [], "the next one forgets it"


class TestRemovals:
    """Which objects a commit may name, while and after others are removed."""

    PATH = new_file(content="1").storage_path

    def test_objects_that_were_written_before_a_removal_ended_are_looked_up(self, catalogue: Catalogue) -> None:
        seen = catalogue.removals.get_last()
        lease = catalogue.leases.take("gc", "gc", JobHolder(PROCESS, T0))
        assert catalogue.removals.begin("gc", ["main/other"], None) == {"main/other"}
        assert catalogue.removals.begin("gc", [], None) == set()
        assert catalogue.changes.apply([with_file(2)], seen), "another object is none of theirs"
        catalogue.removals.end("gc")
        lease.release()
        with pytest.raises(ObjectsInDoubt) as doubt:
            catalogue.changes.apply([with_file(1)], seen)
        assert (doubt.value.paths, doubt.value.being_removed) == ((self.PATH,), ())
        assert read_all(catalogue, everything(selector={"match_id": 1})) == []
        assert catalogue.changes.apply([change(3)], seen), "what names no object is in no doubt"
        assert doubt.value.last_removal == catalogue.removals.get_last()
        assert catalogue.changes.apply([with_file(1)], doubt.value.last_removal)

    def test_what_is_being_removed_is_named_by_nobody_and_what_is_named_is_not_removed(
        self, catalogue: Catalogue
    ) -> None:
        apply_one(catalogue, with_file(2))
        named = new_file(content="2").storage_path
        lease = catalogue.leases.take("gc", "gc", JobHolder(PROCESS, T0))
        assert catalogue.removals.begin("gc", [self.PATH, named], None) == {self.PATH}
        for _ in range(2):
            with pytest.raises(ObjectsInDoubt) as doubt:
                catalogue.changes.apply([with_file(1)], catalogue.removals.get_last())
            assert doubt.value.being_removed == (self.PATH,)
            assert not catalogue.removals.end_dead(), "it goes on"
        lease.release()  # it died
        assert catalogue.removals.end_dead()
        assert not catalogue.removals.end_dead()
        with pytest.raises(ObjectsInDoubt) as doubt:
            catalogue.changes.apply([with_file(1)], 0)
        assert doubt.value.being_removed == ()

    def test_removals_that_overlap_are_each_seen_to_end(self, catalogue: Catalogue) -> None:
        leases = [catalogue.leases.take(one, "gc", JobHolder(PROCESS, T0)) for one in ("a", "b")]
        catalogue.removals.begin("a", [self.PATH], None)
        catalogue.removals.begin("b", ["main/other"], None)
        ends = []
        for one in ("b", "a"):
            catalogue.removals.end(one)
            ends.append(catalogue.removals.get_last())
        assert 0 < ends[0] < ends[1]
        for lease in leases:
            lease.release()

    def test_a_removal_and_a_commit_exclude_each_other(self, catalogue: Catalogue) -> None:
        reached, go_on = threading.Event(), threading.Event()

        def pause() -> None:
            reached.set()
            go_on.wait(30)

        found: list[set[str]] = []
        lease = catalogue.leases.take("gc", "gc", JobHolder(PROCESS, T0))
        with installed({"commit.written": pause}):
            committing = threading.Thread(target=lambda: apply_one(catalogue, with_file(1)))
            committing.start()
            assert reached.wait(30)
            removing = threading.Thread(target=lambda: found.append(catalogue.removals.begin("gc", [self.PATH], None)))
            removing.start()
            removing.join(0.3)
            assert found == [], "it waits for the commit"
            go_on.set()
            committing.join(30)
            removing.join(30)
        assert found == [set()], "and finds the object named"
        lease.release()

    def test_what_lost_its_last_row_since_is_left_out(self, catalogue: Catalogue) -> None:
        dataset = apply_one(catalogue, with_file(1)).dataset
        before = now()
        catalogue.changes.delete([dataset.dataset_id])
        lease = catalogue.leases.take("gc", "gc", JobHolder(PROCESS, T0))
        assert catalogue.removals.begin("gc", [self.PATH], before) == set()
        assert catalogue.removals.begin("gc", [self.PATH], now()) == {self.PATH}
        catalogue.removals.end("gc")
        lease.release()

    def test_whole_histories_and_entries_of_another_lake_are_in_doubt_too(self, catalogue: Catalogue) -> None:
        whole = apply_one(catalogue, with_file(1)).dataset
        (entry,) = [one.entry for one in catalogue.changes.apply([with_file(2, rejected=["no"])])]
        assert entry is not None
        catalogue.changes.delete([whole.dataset_id])
        lease = catalogue.leases.take("gc", "gc", JobHolder(PROCESS, T0))
        catalogue.removals.begin("gc", ["main/other"], None)
        catalogue.removals.end("gc")
        lease.release()
        with pytest.raises(ObjectsInDoubt) as doubt:
            catalogue.history_import.write([DatasetHistory(whole, None)])
        assert doubt.value.paths == (self.PATH,)
        another = dataclasses.replace(entry, entry_id="another")
        with pytest.raises(ObjectsInDoubt):
            catalogue.history_import.write_entries([entry, another])
        assert catalogue.quarantine.find_entry("another") is None
        settled = dataclasses.replace(entry, state=QuarantineState.DISCARDED)
        (told,) = catalogue.history_import.write_entries([settled])
        assert isinstance(told, RevisionDiscarded), "what is there is not named anew"
        assert catalogue.history_import.write([DatasetHistory(whole, None)], doubt.value.last_removal) != [None]
        assert catalogue.history_import.write_entries([another], doubt.value.last_removal)
