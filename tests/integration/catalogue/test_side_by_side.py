"""Writers that go on side by side on a server, and readers of the event log beside them."""

from __future__ import annotations

import datetime as dt
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import sqlalchemy as sa

from ingestify.catalogue import SqlCatalogue
from ingestify.clock import now
from ingestify.domain.dataset import DatasetState
from ingestify.domain.events import DatasetEvent
from ingestify.domain.ports import HeadMoved, SelectorSync
from ingestify.errors import ConfigurationError, StoreError
from ingestify.events.consumer import EventReader
from tests.integration.catalogue.servers import Server
from tests.support.catalogue_data import (
    T0,
    apply_one,
    change,
    everything,
    feed_state,
    minutes,
    new_file,
    read_all,
    with_file,
)

pytestmark = pytest.mark.sampled(2)  # one of the servers by turns


@pytest.fixture(scope="module")
def others(opened: SqlCatalogue, server: Server, database: str) -> Iterator[list[SqlCatalogue]]:
    """Three more catalogues of the lake, as other processes have them."""
    more = [SqlCatalogue.open(server.url_of(database)) for _ in range(3)]
    yield more
    for one in more:
        one.close()


class Paused:
    """Holds a catalogue's transaction right before its commit."""

    def __init__(self, catalogue: SqlCatalogue, monkeypatch: pytest.MonkeyPatch) -> None:
        self.reached = threading.Event()
        self.go_on = threading.Event()
        commit = catalogue._database._commit

        def wait(*args: Any) -> None:
            self.reached.set()
            assert self.go_on.wait(30)
            commit(*args)

        monkeypatch.setattr(catalogue._database, "_commit", wait)


class Background:
    """Something that another thread does."""

    def __init__(self, act: Callable[[], object]) -> None:
        self.result: Any = None
        self.error: BaseException | None = None
        self._thread = threading.Thread(target=self._run, args=(act,))
        self._thread.start()

    def _run(self, act: Callable[[], object]) -> None:
        try:
            self.result = act()
        except BaseException as error:
            self.error = error

    @property
    def is_waiting(self) -> bool:
        return self._thread.is_alive()

    def join(self) -> None:
        self._thread.join(60)
        assert not self._thread.is_alive()


WAITING = {
    "postgresql": "SELECT count(*) FROM pg_stat_activity "
    "WHERE wait_event_type = 'Lock' AND datname = current_database()",
    "mysql": "SELECT count(*) FROM information_schema.innodb_trx t JOIN information_schema.processlist p "
    "ON p.id = t.trx_mysql_thread_id WHERE t.trx_state = 'LOCK WAIT' AND p.db = database()",
}


def wait_for_a_lock(catalogue: SqlCatalogue) -> None:
    """Wait until some transaction waits for another one's lock."""
    for _ in range(100):
        with catalogue._database.read("look for locks") as connection:
            if connection.scalar(sa.text(WAITING[catalogue._database.sql_dialect.name])):
                return
        # MariaDB shows the same as the last time to whoever asks again within a tenth of a second.
        time.sleep(0.12)
    raise AssertionError("nobody waits for a lock")


def test_no_reader_of_the_log_is_past_an_event_that_is_committed_later(
    catalogue: SqlCatalogue, others: list[SqlCatalogue], monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second, reader = others
    pause = Paused(first, monkeypatch)
    slow = Background(lambda: first.changes.apply([with_file(1), with_file(2)]))
    assert pause.reached.wait(30)
    # It has its positions. Another one writes its rows beside it, but gets its positions only after the commit.
    fast = Background(lambda: second.changes.apply([with_file(3)]))
    wait_for_a_lock(catalogue)
    assert fast.is_waiting
    assert reader.event_log.read(0, 100) == []
    pause.go_on.set()
    slow.join()
    fast.join()
    positions = [[event.position for one in them.result for event in one.events] for them in (slow, fast)]
    assert max(positions[0]) < min(positions[1])
    assert [event.position for event in reader.event_log.read(0, 100)] == positions[0] + positions[1]


def read_as_of(catalogue: SqlCatalogue, moment: dt.datetime) -> list[Any]:
    """Return the datasets of a moment, as `DatasetStore.dataset_filter` and its readings do."""
    catalogue.event_log.settle(moment)
    wanted = everything(as_of=moment)
    return [dataset.as_of(moment) for batch in catalogue.datasets.iter_batches(wanted, 100) for dataset in batch]


def test_two_readings_of_the_same_moment_are_equal_although_a_commit_goes_on(
    catalogue: SqlCatalogue, others: list[SqlCatalogue], monkeypatch: pytest.MonkeyPatch
) -> None:
    writer, next_writer, reader = others
    writer.changes.apply([with_file(1)])
    pause = Paused(writer, monkeypatch)
    slow = Background(lambda: writer.changes.apply([with_file(2)]))
    assert pause.reached.wait(30)
    moment = now()  # the commit has an earlier one, and nobody can see it yet
    queued = Background(lambda: next_writer.changes.apply([with_file(3)]))
    reading = Background(lambda: read_as_of(reader, moment))
    wait_for_a_lock(catalogue)
    assert reading.is_waiting
    pause.go_on.set()
    for one in (slow, queued, reading):
        one.join()
        assert one.error is None
    assert [dataset.identifier["match_id"] for dataset in reading.result] == [1, 2]
    assert read_as_of(reader, moment) == reading.result
    assert [dataset.identifier["match_id"] for dataset in read_as_of(reader, now())] == [1, 2, 3]


def test_a_commit_has_a_moment_at_which_nobody_could_have_read(
    catalogue: SqlCatalogue, others: list[SqlCatalogue], monkeypatch: pytest.MonkeyPatch
) -> None:
    writer, _, reader = others
    has_begun, goes_on, begin = threading.Event(), threading.Event(), writer.event_log.begin_commit

    def begin_late(connection: sa.Connection) -> None:
        has_begun.set()
        assert goes_on.wait(30)
        begin(connection)

    monkeypatch.setattr(writer.event_log, "begin_commit", begin_late)
    slow = Background(lambda: writer.changes.apply([with_file(1)]))
    assert has_begun.wait(30)
    moment = now()
    assert read_as_of(reader, moment) == []
    goes_on.set()
    slow.join()
    assert read_as_of(reader, moment) == []
    assert len(read_as_of(reader, now())) == 1


def test_a_writer_whose_clock_is_slow_commits_at_no_moment_that_was_read(
    catalogue: SqlCatalogue, others: list[SqlCatalogue], monkeypatch: pytest.MonkeyPatch
) -> None:
    writer, _, reader = others
    moment = now()
    assert read_as_of(reader, moment) == []
    monkeypatch.setattr("ingestify.catalogue.logged_commits.now", lambda: moment - dt.timedelta(hours=1))
    writer.changes.apply([with_file(1)])
    assert read_as_of(reader, moment) == []
    (dataset,) = read_as_of(reader, now())
    assert dataset.created_at > moment


def test_a_moment_that_has_not_passed_is_refused(catalogue: SqlCatalogue) -> None:
    with pytest.raises(ConfigurationError, match=r"as_of .* UTC has not passed yet.*a day alone means its end"):
        catalogue.event_log.settle(now() + dt.timedelta(minutes=1))
    catalogue.event_log.settle(now() + dt.timedelta(seconds=0.2))  # a clock that is a little ahead


def test_a_reader_that_follows_busy_writers_sees_every_event_once(
    catalogue: SqlCatalogue, others: list[SqlCatalogue]
) -> None:
    def write(writer: SqlCatalogue, start: int) -> None:
        for number in range(start, start + 60, 3):
            writer.changes.apply([with_file(number + one) for one in range(3)])

    writers = [Background(lambda w=writer, s=100 * n: write(w, s)) for n, writer in enumerate(others)]  # type: ignore[misc]
    seen: list[int] = []
    going_on = True
    while going_on:
        going_on = any(writer.is_waiting for writer in writers)
        while page := catalogue.event_log.read(seen[-1] if seen else 0, 7):
            seen += [event.position for event in page if event.position is not None]
    for writer in writers:
        writer.join()
        assert writer.error is None
    assert seen == [event.position for event in catalogue.event_log.read(0, 1000)]
    assert len(seen) == 3 * 60 * 2


def test_of_writers_that_bring_the_same_dataset_one_succeeds(
    catalogue: SqlCatalogue, others: list[SqlCatalogue], monkeypatch: pytest.MonkeyPatch
) -> None:
    pause = Paused(others[0], monkeypatch)
    slow = Background(lambda: others[0].changes.apply([with_file(1)]))
    assert pause.reached.wait(30)
    late = with_file(1, name="late")
    fast = Background(lambda: others[1].changes.apply([with_file(2), late]))
    wait_for_a_lock(catalogue)
    pause.go_on.set()
    slow.join()
    fast.join()
    assert slow.error is None
    assert isinstance(fast.error, HeadMoved)
    assert fast.error.changes == (late,)
    assert [dataset.name for dataset in read_all(catalogue)] == ["match 1"]


CHANGES: dict[str, Callable[[SqlCatalogue, Any], object]] = {
    "revision": lambda lake, old: lake.changes.apply([change(existing=old, files=[new_file(content="theirs")])]),
    "name": lambda lake, old: lake.changes.apply([change(existing=old, name="theirs")]),
    "invalidate": lambda lake, old: lake.changes.invalidate([old.dataset_id], "wrong"),
    "missing": lambda lake, old: lake.changes.mark_missing([old.dataset_id]),
    "delete": lambda lake, old: lake.changes.delete([old.dataset_id]),
}


@pytest.mark.parametrize("what", CHANGES)
def test_a_change_waits_for_another_one_of_its_dataset_and_then_does_not_hold(
    catalogue: SqlCatalogue, others: list[SqlCatalogue], monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    old = apply_one(catalogue, with_file(1)).dataset
    pause = Paused(others[0], monkeypatch)
    theirs = Background(lambda: CHANGES[what](others[0], old))
    assert pause.reached.wait(30)
    ours = change(existing=old, files=[new_file(content="ours")], feeds=[feed_state(modified_at=minutes(5))])
    late = Background(lambda: others[1].changes.apply([with_file(7), ours]))
    wait_for_a_lock(catalogue)
    pause.go_on.set()
    theirs.join()
    late.join()
    assert theirs.error is None
    assert isinstance(late.error, HeadMoved)
    assert late.error.changes == (ours,)
    assert len(read_all(catalogue)) == (0 if what == "delete" else 1)


@pytest.mark.parametrize("what", ["invalidate", "missing", "delete"])
def test_what_is_done_to_a_dataset_sees_the_revision_that_came_meanwhile(
    catalogue: SqlCatalogue, others: list[SqlCatalogue], monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    old = apply_one(catalogue, with_file(1)).dataset
    pause = Paused(others[0], monkeypatch)
    theirs = Background(lambda: others[0].changes.apply([change(existing=old, files=[new_file(content="new")])]))
    assert pause.reached.wait(30)
    ours = Background(lambda: CHANGES[what](others[1], old))
    wait_for_a_lock(catalogue)
    pause.go_on.set()
    theirs.join()
    ours.join()
    assert theirs.error is ours.error is None
    if what == "delete":
        assert len(ours.result) == 2
        assert read_all(catalogue) == []
    else:
        (event,) = ours.result
        assert len(event.dataset.revisions) == 2
        assert read_all(catalogue)[0].revisions == event.dataset.revisions


def test_two_that_reject_the_first_bundle_of_a_dataset_leave_one_entry(
    catalogue: SqlCatalogue, others: list[SqlCatalogue], monkeypatch: pytest.MonkeyPatch
) -> None:
    def rejected() -> Any:
        return change(1, files=[new_file(content="broken")], rejected=("bad",))

    pause = Paused(others[0], monkeypatch)
    slow = Background(lambda: others[0].changes.apply([rejected()]))
    assert pause.reached.wait(30)
    late = Background(lambda: others[1].changes.apply([rejected()]))
    wait_for_a_lock(catalogue)
    pause.go_on.set()
    slow.join()
    late.join()
    assert isinstance(late.error, HeadMoved)
    assert len(list(catalogue.quarantine.iter_entries(everything()))) == 1


def test_writers_whose_groups_overlap_the_other_way_round_all_come_to_their_end(
    catalogue: SqlCatalogue, others: list[SqlCatalogue]
) -> None:
    """A deadlock undoes one of them, which is then done again."""
    numbers = list(range(30))
    orders = [numbers, numbers[::-1], numbers[15:] + numbers[:15]]

    def write(writer: SqlCatalogue, order: list[int]) -> int:
        moved = 0
        for start in range(0, 30, 10):
            wanted = [with_file(number) for number in order[start : start + 10]]
            while wanted:
                try:
                    writer.changes.apply(wanted)
                    wanted = []
                except HeadMoved as error:
                    moved += len(error.changes)
                    wanted = [one for one in wanted if one not in error.changes]
        return moved

    writers = [Background(lambda w=w, o=o: write(w, o)) for w, o in zip(others, orders, strict=True)]  # type: ignore[misc]
    for writer in writers:
        writer.join()
        assert writer.error is None
    assert sum(writer.result for writer in writers) == 60
    datasets = read_all(catalogue)
    assert sorted(dataset.identifier["match_id"] for dataset in datasets) == numbers
    assert len(catalogue.event_log.read(0, 1000)) == 60


def test_a_deadlock_is_done_again(
    catalogue: SqlCatalogue, others: list[SqlCatalogue], monkeypatch: pytest.MonkeyPatch
) -> None:
    """One waits for the other's row, the other for the first one's lock of the log."""
    one, two = (apply_one(catalogue, with_file(number)).dataset for number in (1, 2))
    first, second, _ = others
    both_hold = threading.Barrier(2)
    for lake, mine, wanted in ((first, one, two), (second, two, one)):
        find = lake.changes._find_outdated
        tried: list[int] = []

        def hold_two(connection: Any, changes: Any, lake=lake, mine=mine, wanted=wanted, find=find, tried=tried) -> Any:  # type: ignore[no-untyped-def]
            column = lake.changes._tables.dataset.c.dataset_id
            tried.append(1)
            if len(tried) == 1:
                lake.changes._dialect.lock_rows(connection, column, [mine.dataset_id])
                both_hold.wait(30)
                lake.changes._dialect.lock_rows(connection, column, [wanted.dataset_id])
            return find(connection, changes)

        monkeypatch.setattr(lake.changes, "_find_outdated", hold_two)
        # In MySQL, two commits do not write rows side by side, but other transactions do.
        monkeypatch.setattr(lake.event_log, "begin_commit", lambda _: None)
    writers = [
        Background(lambda: first.changes.apply([change(existing=one, files=[new_file(content="b")])])),
        Background(lambda: second.changes.apply([change(existing=two, files=[new_file(content="b")])])),
    ]
    for writer in writers:
        writer.join()
        assert writer.error is None
    assert [len(dataset.revisions) for dataset in read_all(catalogue)] == [2, 2]


def test_rows_that_two_add_at_once_are_one_row(
    catalogue: SqlCatalogue, others: list[SqlCatalogue], monkeypatch: pytest.MonkeyPatch
) -> None:
    pause = Paused(others[0], monkeypatch)
    slow = Background(lambda: others[0].event_readers.set_position("reader", 5))
    assert pause.reached.wait(30)
    fast = Background(lambda: others[1].event_readers.set_position("reader", 6))
    wait_for_a_lock(catalogue)
    pause.go_on.set()
    slow.join()
    fast.join()
    assert slow.error is fast.error is None
    assert catalogue.event_readers.find_position("reader") == 6
    pause.go_on.set()
    catalogue.selector_syncs.save("key", SelectorSync(T0, True, T0))
    assert catalogue.selector_syncs.find("key") is not None


def test_all_that_is_read_in_one_call_is_of_one_moment(catalogue: SqlCatalogue, others: list[SqlCatalogue]) -> None:
    old = apply_one(catalogue, with_file(1)).dataset
    with catalogue._database.read("look") as connection:
        assert len(catalogue.datasets.load(connection, [old.dataset_id])[0].revisions) == 1
        apply_one(others[0], change(existing=old, files=[new_file(content="b")], state=DatasetState.PARTIAL))
        (dataset,) = catalogue.datasets.load(connection, [old.dataset_id])
        assert (len(dataset.revisions), dataset.state) == (1, DatasetState.COMPLETE)
    assert len(read_all(catalogue)[0].revisions) == 2


# ---- who reads the event log -------------------------------------------------------------------------------


def test_of_consumers_of_one_name_on_several_machines_one_reads_and_a_spare_takes_over(
    catalogue: SqlCatalogue, others: list[SqlCatalogue]
) -> None:
    events = [event for number in range(4) for event in apply_one(catalogue, with_file(number)).events]
    first, second, third = (EventReader(one, "reader") for one in others)
    got: list[tuple[str, int | None]] = []
    holds, go_on = threading.Event(), threading.Event()

    def read(who: str, event: DatasetEvent) -> None:
        got.append((who, event.position))
        if len(got) == 3:
            holds.set()
            assert go_on.wait(30)
            first.stop()

    reading = Background(lambda: first.run(lambda event: read("first", event), poll_interval=0.01))
    assert holds.wait(30)
    spare = Background(lambda: second.run(lambda event: read("second", event), poll_interval=0.01))
    with pytest.raises(StoreError, match="Another process reads for 'reader'"):
        third.run(lambda event: read("third", event))
    go_on.set()
    reading.join()
    deadline = time.monotonic() + 30
    while len(got) < len(events) and time.monotonic() < deadline:
        time.sleep(0.01)
    second.stop()
    spare.join()
    assert [position for _, position in got] == [event.position for event in events]
    assert {who for who, _ in got[:3]} == {"first"}
    assert {who for who, _ in got[3:]} == {"second"}
    assert catalogue.event_readers.find_position("reader") == events[-1].position


def test_of_two_that_move_a_reader_at_once_the_second_finds_it_moved(
    catalogue: SqlCatalogue, others: list[SqlCatalogue], monkeypatch: pytest.MonkeyPatch
) -> None:
    catalogue.event_readers.set_position("reader", 1)
    pause = Paused(others[0], monkeypatch)
    slow = Background(lambda: others[0].event_readers.advance("reader", 1, 5))
    assert pause.reached.wait(30)
    fast = Background(lambda: others[1].event_readers.advance("reader", 1, 6))
    wait_for_a_lock(catalogue)
    pause.go_on.set()
    slow.join()
    fast.join()
    assert slow.error is fast.error is None
    assert (slow.result, fast.result) == (True, False)
    assert catalogue.event_readers.find_position("reader") == 5


def test_events_of_writers_beside_a_new_epoch_are_of_the_epoch_that_they_committed_in(
    catalogue: SqlCatalogue, others: list[SqlCatalogue]
) -> None:
    lake = catalogue.lake.add_mark("mark", "")
    writing = [
        Background(lambda one=one, start=start: [apply_one(one, with_file(start + n)).events for n in range(20)])
        for start, one in ((100, others[0]), (200, others[1]))
    ]
    for epoch in (2, 3):
        time.sleep(0.05)
        catalogue.lake.begin_epoch(lake.lake_id, epoch)
    for one in writing:
        one.join()
        assert one.error is None
    told = {event.position: event.epoch for one in writing for events in one.result for event in events}
    logged = {event.position: event.epoch for event in catalogue.event_log.read(0, 1000)}
    assert logged == told
    assert sorted(logged.values()) == [logged[position] for position in sorted(logged)]
