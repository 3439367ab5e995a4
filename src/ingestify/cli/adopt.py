"""`ingestify adopt`: takes over a lake of the published package."""

from __future__ import annotations

import click

from ingestify.cli.console import Console
from ingestify.cli.exit_codes import EXIT_OK, EXIT_SOME_FAILED
from ingestify.cli.logs import write_stderr
from ingestify.cli.options import NamedLake, console_options, json_option, lake_options
from ingestify.cli.output import flush, write_json, write_line
from ingestify.documents.keeping import AdoptionEndLine, NotTakenLine, adoption_end_line, not_taken_line
from ingestify.domain.adoption import NotTaken
from ingestify.engine.keeping.adopting import adopt_lake
from ingestify.main.adoption import open_adoption
from ingestify.main.place import find_place
from ingestify.remedies import remedy

__all__ = ["adopt_command"]


@click.command("adopt")
@lake_options
@click.option(
    "--to",
    "target_named",
    metavar="FILE|FOLDER",
    help="Copy it into another lake: the config.yaml, or the folder, of one that nobody has written to. A lake that "
    "does not exist is created. Default: in place.",
)
@click.option(
    "--timezone",
    metavar="ZONE",
    help="The zone of times without zone, such as Europe/Amsterdam. Default: the database's. Only for PostgreSQL.",
)
@click.option("-y", "--yes", is_flag=True, help="Do it. Without this, it only says what would be taken.")
@json_option("JSON Lines: one for each thing that is not taken, and one at the end.", NotTakenLine, AdoptionEndLine)
@console_options
def adopt_command(lake: NamedLake, target_named: str | None, timezone: str | None, yes: bool, console: Console) -> int:
    """Take over a lake of the published package, of any of its versions and with all of its buckets.

    Its tables and files stay as they are; the new tables are made beside them. An adoption that was interrupted goes on
    with the next one. The exit code is 3 if something cannot be taken.
    """
    target = None if target_named is None else find_place(target_named)
    with open_adoption(lake.place, target, timezone=timezone, dry_run=not yes) as adoption:
        report = adopt_lake(
            adoption, moving=console.show_progress, on_not_taken=lambda one: _tell_not_taken(one, console)
        )
    code = EXIT_OK if report.is_whole else EXIT_SOME_FAILED
    if console.as_json:
        write_json(adoption_end_line(report, code))
    elif not console.quiet:
        if report.zone_note:
            console.tell(f"In PostgreSQL, {report.zone_note}; --timezone names another.")
        write_line(report.line)
        if report.dry_run and report.present is None:
            console.tell(f"Nothing was changed; {remedy('adopt --yes')} does it.")
    return code


def _tell_not_taken(one: NotTaken, console: Console) -> None:
    if console.as_json:
        write_json(not_taken_line(one))
        flush()
    elif one.is_failure or not console.quiet:
        write_stderr(f"{one.kind.value}: {one.what}: {one.reason}")
