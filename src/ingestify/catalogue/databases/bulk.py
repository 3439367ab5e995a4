"""One statement for many rows."""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import sqlalchemy as sa

__all__ = ["BulkStatement"]


class BulkStatement:
    """An INSERT or UPDATE that is compiled once, and then given to the driver with plain rows.

    SQLAlchemy's own way with many rows looks at each value of each row again, which was a fifth of the time
    of a commit. Texts and whole numbers are all that these rows hold, and drivers take those as they are.

    Args:
        statement: Its parameters are the keys of the rows.
        dialect: The engine's.
        columns: The keys, for an INSERT; None for a statement that names its parameters itself.
    """

    def __init__(
        self, statement: sa.Insert | sa.Update, dialect: sa.Dialect, columns: Sequence[str] | None = None
    ) -> None:
        compiled = statement.compile(dialect=dialect, column_keys=None if columns is None else list(columns))
        self._sql = str(compiled)
        names: Sequence[str] | None = getattr(compiled, "positiontup", None)
        self._in_order: Callable[[Mapping[str, Any]], Any] | None = operator.itemgetter(*names) if names else None

    def execute(self, connection: sa.Connection, rows: Sequence[Mapping[str, Any]]) -> None:
        """Execute it for each of `rows`, which all have the same keys; nothing to do for none."""
        if rows:
            values: Any = rows if self._in_order is None else list(map(self._in_order, rows))
            connection.exec_driver_sql(self._sql, values)
