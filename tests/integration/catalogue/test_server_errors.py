"""What servers refuse, and what people are told: what is wrong, and what to do. Never a password."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import pytest
import sqlalchemy as sa

from ingestify.catalogue import SqlCatalogue
from ingestify.clock import now
from ingestify.domain.run import JobHolder
from ingestify.errors import LakeUnwritable, SaveError, StoreError
from tests.integration.catalogue.servers import Server
from tests.support.catalogue_data import PROCESS, T0, change, new_file, read_all, with_file

pytestmark = pytest.mark.sampled(3)  # one of the servers by turns

PASSWORD = "hunter2/Tr@ub4dor"


@pytest.fixture
def user(server: Server, database: str) -> Iterator[str]:
    """The name of a user who may connect, and nothing else."""
    name = f"{database[:20]}_{database[-8:]}"
    if server.kind == "postgresql":
        server.execute(f"CREATE ROLE {name} LOGIN PASSWORD '{PASSWORD}'")
        server.execute(f"GRANT CONNECT ON DATABASE {database} TO {name}")
    else:
        server.execute(f"CREATE USER {name}@'%' IDENTIFIED BY '{PASSWORD}'")
        server.execute(f"GRANT SELECT ON {database}.* TO {name}@'%'")
    yield name
    if server.kind == "postgresql":
        server.execute(
            f"DROP OWNED BY {name}", f"GRANT SELECT ON ALL TABLES IN SCHEMA public TO {name}", database=database
        )
        server.execute(f"DROP OWNED BY {name}", database=database)
        server.execute(f"REVOKE CONNECT ON DATABASE {database} FROM {name}", f"DROP ROLE {name}")
    else:
        server.execute(f"DROP USER {name}@'%'")


def refused(url: str, kind: type[StoreError] = StoreError) -> str:
    with pytest.raises(kind) as error:
        SqlCatalogue.open(url).close()
    text = str(error.value)
    assert PASSWORD not in text
    assert "hunter2" not in text
    return text


def test_a_host_that_nobody_knows(server: Server) -> None:
    said = refused(server.url_of("lake", host="no-such-host.invalid", username="me", password=PASSWORD))
    assert "no host has that name" in said
    assert "metadata_url" in said


def test_a_port_where_nobody_answers(server: Server, passing_time: object) -> None:
    assert "the server does not answer" in refused(server.url_of("lake", host="127.0.0.1", port=1, password=PASSWORD))


def test_a_database_that_is_not_there(server: Server) -> None:
    assert "no such database" in refused(server.url_of("ingestify_test_nothing"), LakeUnwritable)


def test_a_wrong_password(server: Server, database: str, user: str) -> None:
    if server.kind == "postgresql":
        # The server of the tests may trust everybody who has a name.
        url = server.url_of(database, username="nobody_of_that_name", password=PASSWORD)
    else:
        url = server.url_of(database, username=user, password=f"{PASSWORD}x")
    assert "does not take this user or password" in refused(url)


def test_a_user_who_may_make_no_tables(server: Server, user: str) -> None:
    with server.temporary_database() as name:
        if server.kind == "postgresql":
            server.execute("REVOKE CREATE ON SCHEMA public FROM PUBLIC", database=name)
        else:
            server.execute(f"GRANT SELECT ON {name}.* TO {user}@'%'")
        said = refused(server.url_of(name, username=user, password=PASSWORD), LakeUnwritable)
        assert "lacks a right" in said
        assert "GRANT" in said
        assert "CREATE TABLE" not in said, "the statement says nothing to people"
        if server.kind == "mysql":
            server.execute(f"REVOKE SELECT ON {name}.* FROM {user}@'%'")


def test_a_user_who_may_only_read(server: Server, database: str, user: str, empty: SqlCatalogue) -> None:
    kept = empty.changes.apply([with_file(1)])[0].dataset
    if server.kind == "postgresql":
        server.execute(f"GRANT SELECT ON ALL TABLES IN SCHEMA public TO {user}", database=database)
    catalogue = SqlCatalogue.open(server.url_of(database, username=user, password=PASSWORD))
    assert read_all(catalogue) == [kept]
    catalogue.event_log.settle(now())
    with pytest.raises(LakeUnwritable, match=r"save 1 dataset: the user lacks a right.*GRANT"):
        catalogue.changes.apply([with_file(2)])
    catalogue.close()


def test_a_replica(server: Server, database: str, empty: SqlCatalogue) -> None:
    query = (
        {"options": "-c default_transaction_read_only=on"}
        if server.kind == "postgresql"
        else {"init_command": "SET SESSION TRANSACTION READ ONLY"}
    )
    url = server.url_of(database, query=query)
    catalogue = SqlCatalogue.open(url)
    assert read_all(catalogue) == []
    catalogue.event_log.settle(now())
    with pytest.raises(LakeUnwritable, match=r"may only be read.*primary"):
        catalogue.changes.apply([with_file(1)])
    catalogue.close()


def test_more_connections_than_the_server_takes(
    server: Server, database: str, user: str, empty: SqlCatalogue, passing_time: object
) -> None:
    if server.kind == "postgresql":
        server.execute(f"ALTER ROLE {user} CONNECTION LIMIT 1")
        server.execute(f"GRANT SELECT ON ALL TABLES IN SCHEMA public TO {user}", database=database)
    else:
        server.execute(f"GRANT USAGE ON *.* TO {user}@'%' WITH MAX_USER_CONNECTIONS 1")
    url = server.url_of(database, username=user, password=PASSWORD)
    only = SqlCatalogue.open(url)
    with contextlib.closing(only), only._database.read("keep it"):
        assert "no connection left" in refused(url)


def test_a_lock_that_another_keeps_and_a_statement_that_takes_too_long(
    server: Server, database: str, empty: SqlCatalogue
) -> None:
    dataset = empty.changes.apply([with_file(1)])[0].dataset
    hasty = SqlCatalogue.open(server.url_of(database, query={"lock_timeout": "1", "statement_timeout": "1.5"}))
    with empty._database.write("keep it") as connection:
        empty._database.dialect.lock_rows(connection, empty.changes._tables.dataset.c.dataset_id, [dataset.dataset_id])
        with pytest.raises(SaveError, match=r"another writer did not finish in time.*lock_timeout"):
            hasty.changes.apply([change(existing=dataset, name="other")])
    sleep = "SELECT pg_sleep(30)" if server.kind == "postgresql" else "SELECT sleep(30) FROM dataset"
    with (
        pytest.raises(StoreError, match=r"a statement took longer than its limit.*statement_timeout"),
        hasty._database.read("sleep") as connection,
    ):
        connection.execute(sa.text(sleep)).all()
    hasty.close()


def test_texts_that_cannot_be_kept(server: Server, empty: SqlCatalogue) -> None:
    for name in ("\ud800", *(["a\0b"] if server.kind == "postgresql" else [])):
        with pytest.raises(SaveError, match=r"character.*Clean it in the source"):
            empty.changes.apply([with_file(name=name)])
    assert read_all(empty) == []


def test_the_rights_that_the_docs_list_are_enough(
    server: Server, database: str, user: str, empty: SqlCatalogue
) -> None:
    if server.kind == "postgresql":
        server.execute(
            f"GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO {user}",
            f"GRANT USAGE, SELECT ON ALL SEQUENCES IN SCHEMA public TO {user}",
            database=database,
        )
    else:
        server.execute(f"GRANT SELECT, INSERT, UPDATE, DELETE ON {database}.* TO {user}@'%'")
    runner = SqlCatalogue.open(server.url_of(database, username=user, password=PASSWORD))
    dataset = runner.changes.apply([with_file(1)])[0].dataset
    lock = runner.job_locks.try_lock("job", JobHolder(PROCESS, T0))
    assert lock is not None
    assert runner.job_locks.find_holder("job") is not None
    lock.release()
    runner.changes.apply([change(existing=dataset, files=[new_file(content="b")])])
    runner.changes.invalidate([dataset.dataset_id], "wrong")
    assert len(runner.changes.delete([dataset.dataset_id])) == 2
    runner.close()
