"""A commit that raises may have happened: it is looked up before anything is written again, or given up."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from ingestify.catalogue import SqlCatalogue
from ingestify.domain.change import DatasetChange, Settlement
from ingestify.domain.dataset import Dataset, DatasetState
from ingestify.domain.ports import HeadMoved, SelectorSync
from ingestify.domain.revision import RevisionState
from ingestify.domain.run import RunState
from ingestify.errors import LakeUnwritable, OutcomeUnknown, SaveError
from tests.support.catalogue_data import (
    T0,
    apply_one,
    change,
    everything,
    feed_state,
    job,
    minutes,
    new_file,
    read_all,
    task,
    with_file,
)


class Commits:
    """What becomes of the next commits of a catalogue, decided where its driver is called."""

    def __init__(self, catalogue: SqlCatalogue, monkeypatch: pytest.MonkeyPatch) -> None:
        self._dialect = catalogue._database._engine.dialect
        self._connect = self._dialect.connect
        self._commit = self._dialect.do_commit
        self._fates: list[tuple[bool, str, bool]] = []
        self._before: Callable[[], object] | None = None
        self._lost = False
        self._changes: dict[sqlite3.Connection, int] = {}
        monkeypatch.setattr(self._dialect, "do_commit", self._do_commit)
        monkeypatch.setattr(self._dialect, "connect", self._do_connect)

    def fail(self, *, happens: bool, message: str = "disk I/O error", loses_all: bool = False) -> None:
        """Let one more commit raise, which happened or not; `loses_all`: and no connection is to be had after it."""
        self._fates.append((happens, message, loses_all))

    def meanwhile(self, act: Callable[[], object]) -> None:
        """Act right after the next commit that fails, before anything is looked up."""
        self._before = act

    def heal(self) -> None:
        """Let connections be had again."""
        self._lost = False

    @property
    def all_failed(self) -> bool:
        return not self._fates

    def _do_commit(self, connection: Any) -> None:
        wrote = connection.total_changes != self._changes.get(connection.dbapi_connection, 0)
        self._changes[connection.dbapi_connection] = connection.total_changes
        if not self._fates or not wrote:  # the end of a transaction that only read
            self._commit(connection)
            return
        happens, message, loses_all = self._fates.pop(0)
        if happens:
            self._commit(connection)
        elif self._before is not None:
            connection.rollback()
        if self._before is not None:
            act, self._before = self._before, None
            act()
        self._lost = loses_all
        raise sqlite3.OperationalError(message)

    def _do_connect(self, *args: Any, **kwargs: Any) -> Any:
        if self._lost:
            raise sqlite3.OperationalError("unable to open database file")
        return self._connect(*args, **kwargs)


@pytest.fixture
def catalogue(tmp_path: Path) -> Iterator[SqlCatalogue]:
    opened = SqlCatalogue.open(f"sqlite:///{tmp_path}/catalog.db")
    yield opened
    opened.close()


@pytest.fixture
def commits(catalogue: SqlCatalogue, monkeypatch: pytest.MonkeyPatch) -> Commits:
    return Commits(catalogue, monkeypatch)


happens = pytest.mark.parametrize("happens", [True, False], ids=["it happened", "it did not"])


def logged(catalogue: SqlCatalogue) -> list[tuple[int | None, str]]:
    return [(event.position, event.event_type) for event in catalogue.event_log.read(0, 1000)]


def of_every_kind(catalogue: SqlCatalogue) -> list[DatasetChange]:
    """A new dataset, a revision, a change of metadata, a rejection, a look that found nothing, of a group of 100."""
    olds = [apply_one(catalogue, with_file(number)).dataset for number in (1, 2, 3, 4)]
    return [
        *(with_file(number) for number in range(10, 106)),
        change(existing=olds[0], files=[new_file(content="later")]),
        change(existing=olds[1], metadata={"home": "PSV"}),
        change(existing=olds[2], files=[new_file(content="broken")], rejected=("it is broken",)),
        change(existing=olds[3], feeds=[feed_state(modified_at=None)]),
    ]


@happens
def test_each_change_of_a_group_is_there_once_and_told_with_its_position(
    catalogue: SqlCatalogue, commits: Commits, happens: bool
) -> None:
    changes = of_every_kind(catalogue)
    before = logged(catalogue)
    commits.fail(happens=happens)
    applied = catalogue.changes.apply(changes)
    assert commits.all_failed
    assert [(event.position, event.event_type) for one in applied for event in one.events] == logged(catalogue)[
        len(before) :
    ]
    ids = [one.dataset.dataset_id for one in applied]
    assert catalogue.datasets.get(ids) == [one.dataset for one in applied]
    assert len(set(ids)) == len(read_all(catalogue)) == 100
    assert [entry.entry_id for entry in list(catalogue.quarantine.iter_entries(everything()))] == [
        one.entry.entry_id for one in applied if one.entry is not None
    ]


@pytest.mark.sampled(5)
@pytest.mark.parametrize("kind", ["new", "revision", "metadata", "rejection", "look", "settlement"])
@happens
def test_it_is_the_same_for_each_kind_of_change_alone(
    catalogue: SqlCatalogue, commits: Commits, kind: str, happens: bool
) -> None:
    old = apply_one(catalogue, with_file(1)).dataset
    entry = apply_one(catalogue, change(existing=old, files=[new_file(content="broken")], rejected=("bad",))).entry
    assert entry is not None
    one = {
        "new": with_file(2),
        "revision": change(existing=old, files=[new_file(content="later")]),
        "metadata": change(existing=old, state=DatasetState.PARTIAL),
        "rejection": change(7, files=[new_file(content="broken too")], rejected=("bad",)),
        "look": change(existing=old, feeds=[feed_state(checked_at=T0)]),
        "settlement": change(existing=old, settlement=Settlement(entry.entry_id), files=[new_file(content="good")]),
    }[kind]
    before = logged(catalogue)
    commits.fail(happens=happens)
    applied = apply_one(catalogue, one)
    assert commits.all_failed
    new = logged(catalogue)[len(before) :]
    assert [(event.position, event.event_type) for event in applied.events] == new
    if applied.entry is None:
        assert catalogue.datasets.get([applied.dataset.dataset_id]) == [applied.dataset]


def test_what_did_not_happen_twice_is_refused_and_nothing_is_there(catalogue: SqlCatalogue, commits: Commits) -> None:
    commits.fail(happens=False)
    commits.fail(happens=False)
    with pytest.raises(SaveError, match="refused to save 1 dataset: the disk refused") as refused:
        catalogue.changes.apply([with_file(1)])
    assert not isinstance(refused.value, OutcomeUnknown)
    assert read_all(catalogue) == []
    assert logged(catalogue) == []
    apply_one(catalogue, with_file(1))


def test_a_full_disk_is_not_tried_again(catalogue: SqlCatalogue, commits: Commits) -> None:
    commits.fail(happens=False, message="database or disk is full")
    with pytest.raises(LakeUnwritable, match="Free some space"):
        catalogue.changes.apply([with_file(1)])
    assert commits.all_failed
    assert read_all(catalogue) == []


@happens
def test_where_nothing_can_be_looked_up_that_is_said(catalogue: SqlCatalogue, commits: Commits, happens: bool) -> None:
    commits.fail(happens=happens, loses_all=True)
    catalogue._database._engine.dispose()
    with pytest.raises(OutcomeUnknown, match=r"not known.*could not be looked up either.*next run") as unknown:
        catalogue.changes.apply([with_file(1)])
    assert isinstance(unknown.value, SaveError)
    commits.heal()
    assert len(read_all(catalogue)) == int(happens)
    with contextlib.suppress(HeadMoved):
        apply_one(catalogue, with_file(1))
    (dataset,) = read_all(catalogue)
    assert [revision.revision_id for revision in dataset.revisions] == [0]


def test_another_writers_events_at_the_same_positions_are_not_taken_for_ours(
    catalogue: SqlCatalogue, commits: Commits, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Not even the moment differs where the clock stands still.
    monkeypatch.setattr("ingestify.catalogue.logged_commits.now", lambda: minutes(5))
    old = apply_one(catalogue, with_file(1)).dataset
    other = SqlCatalogue.open(f"sqlite:///{tmp_path}/catalog.db")
    # It gets the position that ours had, for an event of the same kind of the same dataset.
    commits.meanwhile(lambda: apply_one(other, change(existing=old, files=[new_file(content="theirs")])))
    commits.fail(happens=False)
    with pytest.raises(HeadMoved):
        catalogue.changes.apply([change(existing=old, files=[new_file(content="ours")])])
    (dataset,) = read_all(catalogue)
    assert len(dataset.revisions) == 2
    assert [event for _, event in logged(catalogue)] == ["dataset_created", "revision_added", "revision_added"]
    other.close()


@happens
def test_invalidating_and_marking_missing_log_each_event_once(
    catalogue: SqlCatalogue, commits: Commits, happens: bool
) -> None:
    ids = [apply_one(catalogue, with_file(number)).dataset.dataset_id for number in (1, 2)]
    commits.fail(happens=happens)
    invalidated = catalogue.changes.invalidate(ids, "wrong")
    commits.fail(happens=happens)
    missing = catalogue.changes.mark_missing(ids)
    assert commits.all_failed
    assert [(event.position, event.event_type) for event in (*invalidated, *missing)] == logged(catalogue)[-4:]
    assert len(logged(catalogue)) == 8
    for dataset in read_all(catalogue):
        assert dataset.state is DatasetState.MISSING
        assert dataset.revisions[-1].state is RevisionState.VALIDATION_FAILED


@happens
def test_deleting_leaves_nothing_behind(catalogue: SqlCatalogue, commits: Commits, happens: bool) -> None:
    dataset: Dataset = apply_one(catalogue, with_file(1)).dataset
    kept = apply_one(catalogue, with_file(2)).dataset
    commits.fail(happens=happens)
    catalogue.changes.delete([dataset.dataset_id])
    assert commits.all_failed
    assert read_all(catalogue) == [kept]


@happens
def test_what_says_how_something_is_to_be_is_written_again(
    catalogue: SqlCatalogue, commits: Commits, happens: bool
) -> None:
    commits.fail(happens=happens)
    catalogue.jobs.save(job(state=RunState.FINISHED, tasks=[task(1), task(2)]))
    commits.fail(happens=happens)
    catalogue.event_readers.set_position("reader", 7)
    commits.fail(happens=happens)
    catalogue.selector_syncs.save("key", SelectorSync(T0, True, T0, "digest"))
    assert commits.all_failed
    (saved,) = catalogue.jobs.load()
    assert saved.state is RunState.FINISHED
    assert len(saved.tasks) == 2
    assert catalogue.event_readers.find_position("reader") == 7
    assert catalogue.selector_syncs.find("key") == SelectorSync(T0, True, T0, "digest")


def test_in_memory_the_lake_is_still_there_after_a_commit_that_raised(monkeypatch: pytest.MonkeyPatch) -> None:
    catalogue = SqlCatalogue.open("sqlite:///:memory:")
    commits = Commits(catalogue, monkeypatch)
    kept = apply_one(catalogue, with_file(1)).dataset
    for happens in (True, False):
        commits.fail(happens=happens)
        applied = apply_one(catalogue, with_file(2 + happens))
        assert applied.dataset in read_all(catalogue)
    assert read_all(catalogue)[0] == kept
    assert len(read_all(catalogue)) == 3
    catalogue.close()
