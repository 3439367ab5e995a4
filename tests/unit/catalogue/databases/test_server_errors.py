"""That what servers say is told apart by their own codes. What real servers say is in tests/integration."""

from __future__ import annotations

from types import SimpleNamespace

import psycopg
import pymysql
import pytest
import sqlalchemy as sa

from ingestify.catalogue.databases.database_errors import store_error_for
from ingestify.catalogue.databases.retries import RetryBudget, may_pass, retried
from ingestify.catalogue.databases.server_errors import find_server_error
from ingestify.errors import LakeUnwritable, OutcomeUnknown, SaveError, StoreError


def of_postgresql(error: Exception) -> sa.exc.DBAPIError:
    return sa.exc.DBAPIError("INSERT", {}, error)


def of_mysql(number: int, text: str) -> sa.exc.DBAPIError:
    return sa.exc.DBAPIError("INSERT", (), pymysql.err.OperationalError(number, text))


CASES = [
    (
        of_postgresql(
            psycopg.OperationalError('connection failed: FATAL:  password authentication failed for user "x"')
        ),
        "password",
    ),
    (of_postgresql(psycopg.OperationalError('FATAL:  database "lake" does not exist')), "no such database"),
    (of_postgresql(psycopg.OperationalError("FATAL:  sorry, too many clients already")), "no connection left"),
    (of_postgresql(psycopg.OperationalError('FATAL:  too many connections for role "x"')), "no connection left"),
    (of_postgresql(psycopg.OperationalError("FATAL:  the database system is starting up")), "does not answer"),
    (of_postgresql(psycopg.OperationalError("FATAL:  the database system is in recovery mode")), "does not answer"),
    (
        of_postgresql(
            psycopg.OperationalError(
                "FATAL:  the database system is not yet accepting connections\n"
                "DETAIL:  Consistent recovery state has not been yet reached."
            )
        ),
        "does not answer",
    ),
    (of_postgresql(psycopg.OperationalError("server closed the connection unexpectedly")), "was lost"),
    (
        of_postgresql(psycopg.OperationalError("consuming input failed: SSL SYSCALL error: EOF detected")),
        "was lost",
    ),
    (
        of_postgresql(psycopg.OperationalError("server does not support SSL, but SSL was required")),
        "encrypted connection",
    ),
    (
        of_postgresql(psycopg.OperationalError('root certificate file "/x.pem" does not exist')),
        "encrypted connection",
    ),
    (
        of_postgresql(psycopg.OperationalError('server certificate for "a" does not match host name "b"')),
        "encrypted connection",
    ),
    (of_postgresql(psycopg.errors.InvalidSchemaName("no schema has been selected to create in")), "no schema"),
    (of_postgresql(psycopg.errors.DiskFull("could not extend file")), "disk is full"),
    (of_postgresql(psycopg.errors.ReadOnlySqlTransaction("cannot execute INSERT")), "may only be read"),
    (of_postgresql(psycopg.errors.InsufficientPrivilege("permission denied for table dataset")), "lacks a right"),
    (of_postgresql(psycopg.errors.DeadlockDetected("deadlock detected")), "locked the same rows"),
    (of_postgresql(psycopg.errors.AdminShutdown("terminating connection")), "was lost"),
    (of_postgresql(psycopg.DataError("PostgreSQL text fields cannot contain NUL (0x00) bytes")), "NUL"),
    (of_postgresql(psycopg.ProgrammingError('invalid connection option "foo"')), "option"),
    (of_mysql(1045, "Access denied for user"), "password"),
    (of_mysql(1049, "Unknown database 'lake'"), "no such database"),
    (of_mysql(2003, "Can't connect to MySQL server on 'x' ([Errno -2] Name or service not known)"), "no host"),
    (of_mysql(2003, "Can't connect to MySQL server on 'x' ([Errno 111] Connection refused)"), "does not answer"),
    (of_mysql(2026, "SSL is required but the server doesn't support it"), "encrypted connection"),
    (
        of_mysql(2003, "Can't connect to MySQL server on 'x' ([SSL: CERTIFICATE_VERIFY_FAILED] self-signed)"),
        "encrypted connection",
    ),
    (of_mysql(3159, "Connections using insecure transport are prohibited"), "encrypted connection"),
    (of_mysql(1040, "Too many connections"), "no connection left"),
    (of_mysql(1114, "The table 'file' is full"), "disk is full"),
    (of_mysql(1290, "The MariaDB server is running with the --read-only option"), "may only be read"),
    (of_mysql(1836, "Running in read-only mode"), "may only be read"),
    (of_mysql(1142, "INSERT command denied to user"), "lacks a right"),
    (of_mysql(1213, "Deadlock found when trying to get lock"), "locked the same rows"),
    (of_mysql(2013, "Lost connection to MySQL server during query"), "was lost"),
    (of_mysql(1205, "Lock wait timeout exceeded"), "did not finish in time"),
    (of_mysql(1153, "Got a packet bigger than 'max_allowed_packet' bytes"), "max_allowed_packet"),
]


@pytest.mark.parametrize(("error", "reason"), CASES, ids=[reason for _, reason in CASES])
def test_it_is_told_with_its_reason_and_what_to_do(error: sa.exc.DBAPIError, reason: str) -> None:
    refusal = find_server_error(error)
    assert refusal is not None
    told = store_error_for(error, "mysql://me:***@host/lake", "save 1 dataset", SaveError)
    assert reason in str(told)
    assert refusal.advice in str(told)
    assert str(told).startswith("The catalogue mysql://me:***@host/lake refused to save 1 dataset: ")
    assert isinstance(told, LakeUnwritable) == refusal.is_hopeless


def test_what_the_next_change_would_meet_too_stops_a_run_and_what_may_pass_is_done_again() -> None:
    hopeless = {reason for error, reason in CASES if find_server_error(error).is_hopeless}  # type: ignore[union-attr]
    passing = {reason for error, reason in CASES if may_pass(error)}
    assert hopeless == {
        "password", "no such database", "no host", "does not answer", "was lost", "disk is full", "may only be read",
        "lacks a right", "option", "encrypted connection", "no schema", "did not finish in time",
    }  # fmt: skip
    assert passing == {"no connection left", "does not answer", "was lost", "locked the same rows"}


def test_what_is_not_known_is_told_as_the_driver_says_it() -> None:
    told = store_error_for(of_mysql(9999, "the moon is full"), "mysql://host/lake", "read jobs")
    assert "the moon is full [9999]" in str(told)
    assert not may_pass(of_mysql(9999, "the moon is full"))
    assert find_server_error(ValueError("x")) is None
    assert find_server_error(None) is None


class Repeated:
    """Raises each of some errors, then returns."""

    def __init__(self, *errors: BaseException) -> None:
        self.errors = list(errors)
        self.calls = 0

    def __call__(self) -> str:
        self.calls += 1
        if self.errors:
            cause = self.errors.pop(0)
            if isinstance(cause, StoreError):
                raise cause
            raise SaveError("refused") from cause
        return "done"


@pytest.fixture(autouse=True)
def no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ingestify.catalogue.databases.retries.LONGEST_PAUSE_SECONDS", 0.0)


def repeat(act: Repeated, retry_budget: RetryBudget | None = None) -> str:
    asking = SimpleNamespace(_database=SimpleNamespace(retry_budget=retry_budget or RetryBudget()))
    return retried(lambda _: act())(asking)


def test_what_may_pass_is_done_again_a_few_times() -> None:
    deadlock = of_mysql(1213, "Deadlock")
    act = Repeated(*[deadlock] * 5)
    assert repeat(act) == "done"
    act = Repeated(*[deadlock] * 50)
    with pytest.raises(SaveError):
        repeat(act)
    assert act.calls == 6


@pytest.mark.parametrize(
    "error", [OutcomeUnknown("who knows"), sa.exc.IntegrityError("INSERT", {}, Exception("twice"))]
)
def test_what_met_another_writer_or_nobody_knows_of_is_done_once_more(error: BaseException) -> None:
    assert repeat(Repeated(error)) == "done"
    act = Repeated(error, error)
    with pytest.raises(SaveError):
        repeat(act)
    assert act.calls == 2


def test_what_will_not_pass_is_not_done_again() -> None:
    act = Repeated(of_mysql(1142, "INSERT command denied"))
    with pytest.raises(SaveError):
        repeat(act)
    assert act.calls == 1


def test_a_server_that_was_waited_for_in_vain_is_not_waited_for_by_each_that_follows() -> None:
    deadlock = of_mysql(1213, "Deadlock")
    retry_budget = RetryBudget()
    calls = []
    for is_reached in (None, False, False, True):
        if is_reached is not None:
            retry_budget.note_connection(succeeded=is_reached)
        act = Repeated(*[deadlock] * 50)
        with pytest.raises(SaveError):
            repeat(act, retry_budget)
        calls.append(act.calls)
    assert calls == [6, 6, 1, 6], "the second finds out, the third does not wait, and a connection brings it all back"
