"""The planner of a server knows how large a lake is after its first load, with no help of the server's own."""

from __future__ import annotations

import pytest
import sqlalchemy as sa

from ingestify.catalogue import SqlCatalogue
from tests.integration.catalogue.servers import Server
from tests.support.catalogue_data import change, new_file

pytestmark = pytest.mark.sampled(2)  # one of the servers by turns

COUNTED = {
    "postgresql": "SELECT reltuples FROM pg_class WHERE oid = to_regclass('dataset')",
    "mysql": "SELECT table_rows FROM information_schema.tables "
    "WHERE table_schema = database() AND table_name = 'dataset'",
}


def statements_of(catalogue: SqlCatalogue) -> list[str]:
    """Let the catalogue be maintained, and return what was done for that."""
    done: list[str] = []

    def note(connection: object, cursor: object, statement: str, *_: object) -> None:
        if statement.startswith("ANALYZE"):
            done.append(statement)

    sa.event.listen(sa.Engine, "before_cursor_execute", note)
    try:
        catalogue.maintain()
    finally:
        sa.event.remove(sa.Engine, "before_cursor_execute", note)
    return done


def test_rows_are_counted_after_a_load_and_then_not_again(catalogue: SqlCatalogue, server: Server) -> None:
    catalogue.maintain()
    for start in range(0, 4000, 500):
        catalogue.changes.apply(
            [change(number, files=[new_file(content=str(number))]) for number in range(start, start + 500)]
        )
    # MySQL and MariaDB count by themselves in the meantime, unless they are kept from it.
    assert statements_of(catalogue) or server.kind == "mysql"
    assert statements_of(catalogue) == []
    with catalogue._database.read("look what was counted") as connection:
        (counted,) = connection.execute(sa.text(COUNTED[connection.dialect.name])).one()
    assert 2000 < counted < 6000  # by samples of pages
