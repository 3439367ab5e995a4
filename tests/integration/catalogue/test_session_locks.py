"""The locks of jobs on a server: one has a job, until its connection ends."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator

import pytest

from ingestify.catalogue import SqlCatalogue
from ingestify.catalogue.jobs.session_locks import SessionLocks
from ingestify.catalogue.tables import build_tables
from ingestify.domain.run import JobHolder, ProcessIdentity
from tests.integration.catalogue.servers import Server
from tests.support.catalogue_data import PROCESS, T0, minutes
from tests.support.waiting import wait_until

pytestmark = pytest.mark.sampled(3)  # one of the servers by turns

HOLDER = JobHolder(PROCESS, T0)
OTHER = JobHolder(ProcessIdentity("elsewhere", 7, "then"), minutes(1))


@pytest.fixture
def other(lake_url: str) -> Iterator[SqlCatalogue]:
    opened = SqlCatalogue.open(lake_url)
    yield opened
    opened.close()


@pytest.fixture
def locks(catalogue: SqlCatalogue) -> Iterator[SessionLocks]:
    """Locks that look at their connection all the time."""
    made = SessionLocks(catalogue._database, build_tables(), keep_alive_seconds=0.02)
    yield made
    made.close()


def kill(server: Server, locks: SessionLocks) -> None:
    """End the connection of locks at the server."""
    session = locks._session
    assert session is not None
    if server.kind == "postgresql":
        number = session.connection.dbapi_connection.info.backend_pid  # type: ignore[union-attr]
        server.execute(f"SELECT pg_terminate_backend({number})")
    else:
        number = session.connection.dbapi_connection.thread_id()  # type: ignore[union-attr]
        server.execute(f"KILL {number}")


def test_another_engine_finds_a_job_taken_and_is_told_by_whom(catalogue: SqlCatalogue, other: SqlCatalogue) -> None:
    lock = catalogue.job_locks.try_lock("job", HOLDER)
    assert lock is not None
    assert other.job_locks.try_lock("job", OTHER) is None
    assert other.job_locks.find_holder("job") == HOLDER
    another = other.job_locks.try_lock("another job", OTHER)
    assert another is not None
    assert catalogue.job_locks.find_holder("another job") == OTHER
    lock.release()
    taken = other.job_locks.try_lock("job", OTHER)
    assert taken is not None
    lock.release()  # of no effect on theirs
    assert catalogue.job_locks.try_lock("job", HOLDER) is None
    taken.release()
    another.release()
    assert catalogue.job_locks.find_holder("job") is None


def test_a_lake_with_another_prefix_has_locks_of_its_own(catalogue: SqlCatalogue, lake_url: str) -> None:
    lock = catalogue.job_locks.try_lock("job", HOLDER)
    second = SqlCatalogue.open(lake_url, table_prefix="second_")
    theirs = second.job_locks.try_lock("job", OTHER)
    assert lock is not None
    assert theirs is not None
    second.close()
    lock.release()


def test_closing_lets_go_and_leaves_no_thread(lake_url: str, catalogue: SqlCatalogue) -> None:
    leaving = SqlCatalogue.open(lake_url)
    assert leaving.job_locks.try_lock("job", OTHER) is not None
    leaving.close()
    wait_until(lambda: catalogue.job_locks.find_holder("job") is None)
    lock = catalogue.job_locks.try_lock("job", HOLDER)
    assert lock is not None
    lock.release()
    wait_until(lambda: not [thread for thread in threading.enumerate() if thread.name == "ingestify-locks"])


def test_a_holder_that_died_has_nothing(catalogue: SqlCatalogue, lake_url: str, server: Server) -> None:
    dying = SqlCatalogue.open(lake_url)
    locks = SessionLocks(dying._database, build_tables(), keep_alive_seconds=1000)
    assert locks.try_lock("job", OTHER) is not None
    kill(server, locks)
    wait_until(lambda: catalogue.job_locks.find_holder("job") is None)
    lock = catalogue.job_locks.try_lock("job", HOLDER)
    assert lock is not None
    assert catalogue.job_locks.find_holder("job") == HOLDER
    lock.release()
    locks.close()
    dying.close()


def test_locks_of_a_connection_that_was_lost_are_taken_again(
    locks: SessionLocks, other: SqlCatalogue, server: Server, caplog: pytest.LogCaptureFixture
) -> None:
    held = [locks.try_lock(f"job {number}", HOLDER) for number in range(3)]
    with caplog.at_level(logging.WARNING, logger="ingestify"):
        kill(server, locks)
        wait_until(lambda: "taken again" in caplog.text)
    assert other.job_locks.try_lock("job 1", OTHER) is None
    for lock in held:
        assert lock is not None
        lock.release()
    assert other.job_locks.find_holder("job 1") is None


def test_where_another_run_was_faster_that_is_said(
    catalogue: SqlCatalogue, other: SqlCatalogue, server: Server, caplog: pytest.LogCaptureFixture
) -> None:
    locks = SessionLocks(catalogue._database, build_tables(), keep_alive_seconds=1000)
    mine = locks.try_lock("job", HOLDER)
    kept = locks.try_lock("another", HOLDER)
    assert mine is not None
    kill(server, locks)
    wait_until(lambda: other.job_locks.find_holder("job") is None)
    theirs = other.job_locks.try_lock("job", OTHER)
    assert theirs is not None
    with caplog.at_level(logging.WARNING, logger="ingestify"):
        # What is taken next finds the connection gone.
        assert locks.try_lock("third", HOLDER) is not None
    assert "another run has taken 1 of them" in caplog.text
    mine.release()
    assert other.job_locks.find_holder("job") == OTHER
    assert other.job_locks.try_lock("another", OTHER) is None
    assert kept is not None
    locks.close()
    theirs.release()
