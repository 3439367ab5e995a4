"""How a database goes about the queries that a catalogue asks."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import sqlalchemy as sa

from ingestify.catalogue import SqlCatalogue

__all__ = ["explain"]


def explain(catalogue: SqlCatalogue, ask: Callable[[], Any], holds: str, keyword: str = "EXPLAIN") -> list[list[Any]]:
    """Run `ask`, and return the rows of the plan of each of its queries that hold a text."""
    statements: list[tuple[str, Any]] = []
    engine = catalogue._database._engine

    def remember(conn: Any, cursor: Any, statement: str, parameters: Any, *_: Any) -> None:
        if statement.startswith("SELECT") and holds in statement:
            statements.append((statement, parameters))

    sa.event.listen(engine, "before_cursor_execute", remember)
    ask()
    sa.event.remove(engine, "before_cursor_execute", remember)
    with catalogue._database.read("explain") as connection:
        return [
            list(connection.exec_driver_sql(f"{keyword} {statement}", parameters).all())
            for statement, parameters in statements
        ]
