"""The documents of `tables`: what was built, what there is, and what differs from the lake."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal, TypedDict

from ingestify.documents.document import filled

if TYPE_CHECKING:
    from ingestify.tables.problems import TableProblem
    from ingestify.tables.report import BuiltTable, TableFault, TablesBuilt, TableState, TablesVerified

__all__ = [
    "TableBuiltLine",
    "TableDocument",
    "TableFaultLine",
    "TableProblemDocument",
    "TableProblemLine",
    "TablesBuiltEndLine",
    "TablesVerifiedEndLine",
    "table_built_line",
    "table_document",
    "table_fault_line",
    "table_problem_document",
    "table_problem_line",
    "tables_built_end_line",
    "tables_verified_end_line",
]


class TableProblemDocument(TypedDict):
    """A dataset that rows of a table could not be made of.

    Attributes:
        keys: The identifier of the dataset.
        revision: null: it has no revision.
        at: When it was tried.
    """

    table: str
    provider: str
    dataset_type: str
    keys: Mapping[str, Any]
    dataset_id: str
    revision: int | None
    reason: str
    at: dt.datetime


class TableProblemLine(TableProblemDocument):
    """A dataset that rows could not be made of in this build."""

    event: Literal["table_problem"]


class TableBuiltLine(TypedDict):
    """What a build did to one table.

    Attributes:
        added: How many datasets got rows that had none; `replaced`: got others; `removed`: have none any more.
        failed: How many datasets rows could not be made of.
        rows: How many rows were written.
        is_whole: Whether the table was made anew, with all of its rows.
    """

    event: Literal["table_built"]
    table: str
    added: int
    replaced: int
    removed: int
    failed: int
    rows: int
    is_whole: bool


class TablesBuiltEndLine(TypedDict):
    """The last line of `tables build`."""

    event: Literal["tables_built"]
    tables: int
    failed: int
    duration_seconds: float
    exit_code: int


class TableDocument(TypedDict):
    """A table that is built, or that a build would make.

    Attributes:
        size: How many bytes its files have.
        changed_at: When it was last written; null: it is not built.
        behind: How many events of the lake are newer than the table; null: that is unknown.
        fault: Why it cannot be read; empty: it can.
    """

    table: str
    is_built: bool
    rows: int
    files: int
    size: int
    changed_at: dt.datetime | None
    behind: int | None
    problems: list[TableProblemDocument]
    fault: str


class TableFaultLine(TypedDict):
    """A difference between a table and the lake.

    Attributes:
        kind: `lacking`, `extra`, `other version`, `mixed`, `row count`, `file` or `unreadable`.
        where: The dataset, the file, or the whole table.
    """

    event: Literal["table_fault"]
    table: str
    kind: str
    where: str
    what: str


class TablesVerifiedEndLine(TypedDict):
    """The last line of `tables verify`.

    Attributes:
        tables: The names of the tables.
        datasets: How many datasets of the lake were compared.
        behind: How many of them changed after the last build; their rows were not compared.
    """

    event: Literal["tables_verified"]
    tables: list[str]
    datasets: int
    rows: int
    behind: int
    faults: int
    exit_code: int


def table_problem_document(problem: TableProblem) -> TableProblemDocument:
    """Return a dataset that rows could not be made of."""
    return filled(TableProblemDocument, problem, revision=problem.version.revision)


def table_problem_line(problem: TableProblem) -> TableProblemLine:
    """Return a dataset that rows could not be made of in this build."""
    return filled(TableProblemLine, problem, event="table_problem", revision=problem.version.revision)


def table_built_line(built: BuiltTable) -> TableBuiltLine:
    """Return what a build did to one table."""
    return filled(TableBuiltLine, built, event="table_built", table=built.name, failed=len(built.failed))


def tables_built_end_line(report: TablesBuilt, exit_code: int) -> TablesBuiltEndLine:
    """Return the result of a build, with the exit code of its command."""
    return filled(
        TablesBuiltEndLine,
        report,
        event="tables_built",
        tables=len(report.tables),
        failed=len(report.problems),
        exit_code=exit_code,
    )


def table_document(state: TableState) -> TableDocument:
    """Return a table that is built, or that a build would make."""
    return filled(
        TableDocument, state, table=state.name, problems=[table_problem_document(one) for one in state.problems]
    )


def table_fault_line(fault: TableFault) -> TableFaultLine:
    """Return a difference between a table and the lake."""
    return filled(TableFaultLine, fault, event="table_fault")


def tables_verified_end_line(report: TablesVerified, exit_code: int) -> TablesVerifiedEndLine:
    """Return the result of a verification, with the exit code of its command."""
    return filled(
        TablesVerifiedEndLine,
        report,
        event="tables_verified",
        tables=list(report.tables),
        faults=len(report.faults),
        exit_code=exit_code,
    )
