"""What a build, a verification and a list of tables say."""

from __future__ import annotations

import dataclasses
import datetime as dt
from collections.abc import Sequence
from collections.abc import Set as AbstractSet

from ingestify.domain.html_table import html_table
from ingestify.domain.text_table import text_table
from ingestify.progress.formatting import counted, size
from ingestify.tables.problems import TableProblem

__all__ = ["BuiltTable", "TableFault", "TableState", "TableStates", "TablesBuilt", "TablesVerified"]


@dataclasses.dataclass(slots=True)
class BuiltTable:
    """What a build did to one table.

    Attributes:
        added: How many datasets got rows that had none.
        replaced: How many datasets got new rows.
        removed: How many datasets have no rows any more.
        failed: The datasets that rows could not be made of in this build.
        rows: How many rows were written.
        is_whole: Whether the table was made anew, with all of its rows.
        is_new: Whether there was no table before.
    """

    name: str
    added: int = 0
    replaced: int = 0
    removed: int = 0
    failed: list[TableProblem] = dataclasses.field(default_factory=list)
    rows: int = 0
    is_whole: bool = False
    is_new: bool = False

    @property
    def is_changed(self) -> bool:
        """Whether the table has other rows than before."""
        return bool(self.added or self.replaced or self.removed or self.is_whole)

    def count(self, with_rows: AbstractSet[str], replaced: AbstractSet[str], rows: int) -> None:
        """Count the datasets that got rows, those whose rows are gone, and the rows of a commit."""
        self.added += len(with_rows - replaced)
        self.replaced += len(with_rows & replaced)
        self.removed += len(replaced - with_rows)
        self.rows += rows

    @property
    def line(self) -> str:
        """One line: `events: 3 datasets added, 1 replaced · 14,031 rows`."""
        counts = (self.added, self.replaced, self.removed, len(self.failed))
        words = ("added", "replaced", "removed", "failed")
        done = [(count, word) for count, word in zip(counts, words, strict=True) if count]
        parts = [f"{counted(count, 'dataset')} {text}" for count, text in done[:1]]
        parts += [f"{count:,} {text}" for count, text in done[1:]]
        rows = f" · {counted(self.rows, 'row')}" if self.rows else ""
        nothing = "no rows" if self.is_whole or self.is_new else "unchanged"
        return f"{self.name}{' (anew)' if self.is_whole else ''}: {', '.join(parts) or nothing}{rows}"


@dataclasses.dataclass(frozen=True, slots=True)
class TablesBuilt:
    """What a build did.

    Attributes:
        tables: One for each table.
        duration_seconds: How long it took.
    """

    tables: Sequence[BuiltTable]
    duration_seconds: float

    @property
    def problems(self) -> list[TableProblem]:
        """The datasets that rows could not be made of in this build."""
        return [problem for table in self.tables for problem in table.failed]

    @property
    def line(self) -> str:
        """One line for all tables."""
        if not self.tables:
            return "no tables"
        return "; ".join(table.line for table in self.tables)

    def __repr__(self) -> str:
        first = next((f"; the first problem: {one}" for one in self.problems), "")
        return f"TablesBuilt({self.line}{first})"

    def _repr_html_(self) -> str:
        columns = ("table", "added", "replaced", "removed", "failed", "rows")
        rows = ((one.name, one.added, one.replaced, one.removed, len(one.failed), one.rows) for one in self.tables)
        table = html_table("Tables built", columns, rows, len(self.tables))
        problems = self.problems
        if not problems:
            return table
        return table + html_table("Problems", ("dataset",), ((one,) for one in problems), len(problems))


@dataclasses.dataclass(frozen=True, slots=True)
class TableState:
    """A table that is built, or that a build would make.

    Attributes:
        is_built: Whether it is there.
        rows: How many rows it has; 0: it is not built.
        files: How many files they are in.
        size: How many bytes these have.
        changed_at: When the last commit was made; None: it is not built.
        behind: How many events of the lake came after what it has; None: that is unknown.
        problems: The datasets that it could not be made of.
        fault: Why it cannot be read; empty: it can.
    """

    name: str
    is_built: bool
    rows: int = 0
    files: int = 0
    size: int = 0
    changed_at: dt.datetime | None = None
    behind: int | None = None
    problems: Sequence[TableProblem] = ()
    fault: str = ""


class TableStates(list[TableState]):
    """The tables of a lake as a list that is shown as a table."""

    _COLUMNS = ("table", "rows", "size", "changed", "lake's events behind", "problems")

    def __repr__(self) -> str:
        return text_table(counted(len(self), "table"), self._COLUMNS, map(_cells, self), len(self))

    def _repr_html_(self) -> str:
        return html_table(counted(len(self), "table"), self._COLUMNS, map(_cells, self), len(self))


def _cells(state: TableState) -> tuple[object, ...]:
    if state.fault or not state.is_built:
        return (
            state.name,
            "cannot be read" if state.fault else "not built",
            None,
            None,
            None,
            len(state.problems) or None,
        )
    behind = "unknown" if state.behind is None else state.behind
    return state.name, f"{state.rows:,}", size(state.size), state.changed_at, behind, len(state.problems) or None


@dataclasses.dataclass(frozen=True, slots=True)
class TableFault:
    """A difference between a table and the lake.

    Attributes:
        kind: `lacking`, `extra`, `other version`, `mixed`, `row count`, `file` or `unreadable`.
        where: The dataset, or the file.
        what: What is wrong.
    """

    table: str
    kind: str
    where: str
    what: str

    def __str__(self) -> str:
        return f"{self.table}: {self.kind}: {self.where}: {self.what}"


@dataclasses.dataclass(frozen=True, slots=True)
class TablesVerified:
    """What a verification found.

    Attributes:
        faults: The differences between the tables and the lake.
        tables: The names of the tables.
        datasets: How many datasets were compared.
        rows: How many rows the tables have.
        behind: How many datasets changed in the lake after the last build; these were not compared.
    """

    faults: Sequence[TableFault]
    tables: Sequence[str]
    datasets: int
    rows: int
    behind: int

    @property
    def line(self) -> str:
        """One line: `5 tables, 380 datasets, 1,303,000 rows: no fault`."""
        found = counted(len(self.faults), "fault") if self.faults else "no fault"
        behind = f"; {counted(self.behind, 'dataset')} changed since the last build" if self.behind else ""
        counts = (counted(len(self.tables), "table"), counted(self.datasets, "dataset"), counted(self.rows, "row"))
        return f"{', '.join(counts)}: {found}{behind}"

    def __repr__(self) -> str:
        first = next((f"; the first: {one}" for one in self.faults), "")
        return f"TablesVerified({self.line}{first})"

    def _repr_html_(self) -> str:
        rows = ((one.table, one.kind, one.where, one.what) for one in self.faults)
        return html_table(self.line, ("table", "fault", "where", "what"), rows, len(self.faults))
