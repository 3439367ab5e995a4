"""`ingestify tables`: builds, lists, verifies and removes the columnar tables of the lake."""

from __future__ import annotations

import importlib
from concurrent.futures import Executor
from typing import Any

import click

from ingestify.cli.confirmation import confirm, yes_option
from ingestify.cli.console import Console
from ingestify.cli.exit_codes import EXIT_OK, EXIT_SOME_FAILED
from ingestify.cli.logs import write_stderr
from ingestify.cli.options import NamedLake, bucket_option, console_options, json_option, lake_options
from ingestify.cli.output import flush, time_text, write_json, write_line
from ingestify.documents.tables import (
    TableBuiltLine,
    TableDocument,
    TableFaultLine,
    TableProblemLine,
    TablesBuiltEndLine,
    TablesVerifiedEndLine,
    table_built_line,
    table_document,
    table_fault_line,
    table_problem_line,
    tables_built_end_line,
    tables_verified_end_line,
)
from ingestify.errors import ConfigurationError
from ingestify.progress.formatting import counted, size
from ingestify.remedies import remedy
from ingestify.tables.report import TableFault, TablesBuilt, TableState, TablesVerified

__all__ = ["tables_command"]

_names = click.argument("names", nargs=-1, metavar="[NAME]...")

_executor = click.option(
    "--executor",
    "executor_path",
    metavar="PATH",
    help="What makes the rows: package.module:function, which returns a concurrent.futures.Executor, such as that of "
    "Dask. Default: a process for each core.",
)


@click.group("tables")
def tables_command() -> None:
    """Build columnar tables of the lake, and see how they are.

    A table has rows of all datasets as readers see them, in the open format Delta Lake. The standard ones are matches,
    events, lineups, tracking and freeze_frames; the config file can name others (docs/tables.md).
    """


@tables_command.command("build", short_help="Bring tables to the state of the lake.")
@lake_options
@bucket_option
@click.option(
    "--rebuild", is_flag=True, help="Make all rows again. Readers see the old ones until all new ones are there."
)
@click.option("--retry-failed", is_flag=True, help="Try again the datasets that failed and have not changed since.")
@_executor
@json_option(
    "JSON Lines: one for each problem and each table, and one at the end.",
    TableProblemLine,
    TableBuiltLine,
    TablesBuiltEndLine,
)
@console_options
@_names
def build_command(
    lake: NamedLake,
    names: tuple[str, ...],
    rebuild: bool,
    retry_failed: bool,
    executor_path: str | None,
    console: Console,
) -> int:
    """Bring tables to the state of the lake: only what changed since the last build is made again.

    No NAME: the tables of the config file, else the standard ones. A build that was killed goes on. A dataset that a
    table cannot be made of is named with its reason, and the others go on; then the exit code is 3.
    """
    with lake.open_engine(disable_events=True) as engine:
        executor = _make_executor(executor_path)
        try:
            report = engine.tables.build(
                names, is_anew=rebuild, retries=retry_failed, executor=executor, moving=console.show_progress
            )
        finally:
            if executor is not None:
                executor.shutdown()
    code = EXIT_SOME_FAILED if report.problems else EXIT_OK
    if console.as_json:
        _write_built(report, code)
        return code
    for problem in report.problems:
        write_stderr(str(problem))
    for table in () if console.quiet else report.tables:
        write_line(table.line)
    return code


def _write_built(report: TablesBuilt, code: int) -> None:
    for problem in report.problems:
        write_json(table_problem_line(problem))
    for table in report.tables:
        write_json(table_built_line(table))
    write_json(tables_built_end_line(report, code))


def _make_executor(path: str | None) -> Executor | None:
    """Return the executor that a function of the user makes."""
    if path is None:
        return None
    module, _, name = path.partition(":")
    try:
        made: Any = getattr(importlib.import_module(module), name)()
    except Exception as error:
        raise ConfigurationError(f"--executor {path}: {type(error).__name__}: {error}") from error
    if not callable(getattr(made, "submit", None)):
        raise ConfigurationError(
            f"--executor {path}: it returned a {type(made).__name__}, which is no concurrent.futures.Executor."
        )
    executor: Executor = made
    return executor


@tables_command.command("list", short_help="List the tables, how large they are, and their problems.")
@lake_options
@bucket_option
@json_option("One JSON object for each table.", TableDocument)
@console_options
def list_command(lake: NamedLake, console: Console) -> int:
    """List the tables that are built, and those that a build would make. The exit code is 3 if one cannot be read."""
    with lake.open_engine(disable_events=True) as engine:
        states = engine.tables.states()
    for state in states:
        console.show(state, table_document, _write_state)
    if not any(state.is_built for state in states):
        console.tell(f"No table is built; {remedy('tables build')} builds them.")
    if any(state.problems for state in states):
        console.tell(f"{remedy('tables build --retry-failed')} tries the failed ones again.")
    return EXIT_SOME_FAILED if any(state.fault for state in states) else EXIT_OK


def _write_state(state: TableState) -> None:
    if state.fault:
        write_line(f"{state.name:<24} {state.fault}")
    elif not state.is_built:
        write_line(f"{state.name:<24} not built")
    else:
        behind = (
            "" if state.behind == 0 else "  behind the lake" if state.behind else "  not compared with this lake yet"
        )
        rows = f"{counted(state.rows, 'row'):>18}"
        write_line(f"{state.name:<24}{rows}  {size(state.size):>10}  {time_text(state.changed_at)}{behind}")
    for problem in state.problems:
        write_line(f"    {problem}")


@tables_command.command("verify", short_help="Compare tables with the lake.")
@lake_options
@bucket_option
@click.option(
    "--make-rows",
    is_flag=True,
    help="Make the rows of all datasets again, and compare how many there are. Also read all of each file.",
)
@_executor
@json_option("JSON Lines: one for each fault, and one at the end.", TableFaultLine, TablesVerifiedEndLine)
@console_options
@_names
def verify_command(
    lake: NamedLake, names: tuple[str, ...], make_rows: bool, executor_path: str | None, console: Console
) -> int:
    """Compare tables with the lake: are all rows there, of the current revisions, and no others?

    It reads also the end of each file. No NAME: all tables that are built. The exit code is 3 if there is a fault.
    'ingestify tables build --rebuild' removes faults.
    """
    with lake.open_engine(disable_events=True) as engine:
        executor = _make_executor(executor_path)
        try:
            report = engine.tables.verify(
                names,
                makes_rows=make_rows,
                executor=executor,
                moving=console.show_progress,
                on_fault=lambda fault: _tell_fault(fault, console),
            )
        finally:
            if executor is not None:
                executor.shutdown()
    code = EXIT_SOME_FAILED if report.faults else EXIT_OK
    console.show(report, lambda one: tables_verified_end_line(one, code), lambda one: _summarize(one, console))
    return code


def _tell_fault(fault: TableFault, console: Console) -> None:
    console.show(fault, table_fault_line, lambda one: write_line(str(one)))
    flush()


def _summarize(report: TablesVerified, console: Console) -> None:
    if not console.quiet:
        write_line(report.line)


@tables_command.command("drop", short_help="Remove tables; the lake stays as it is.")
@lake_options
@bucket_option
@yes_option
@console_options
@click.argument("names", nargs=-1, required=True, metavar="NAME...")
def drop_command(lake: NamedLake, names: tuple[str, ...], yes: bool, console: Console) -> None:
    """Remove tables with all their files. The lake is not changed, and a build makes them again."""
    with lake.open_engine(disable_events=True) as engine:
        tables = engine.tables
        tables.require_built(names)
        confirm(f"Remove {counted(len(names), 'table')}?", names, yes=yes)
        tables.drop(names)
    console.tell(f"{counted(len(names), 'table')} removed.")
