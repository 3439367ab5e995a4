"""The commands by name, each imported when it is called, and the handling of their errors."""

from __future__ import annotations

import importlib
import logging
import os
import sys

import click

from ingestify._version import __version__
from ingestify.cli.exit_codes import EXIT_CODES, EXIT_FAILED, EXIT_INTERRUPTED, EXIT_OK, EXIT_STOPPED
from ingestify.cli.logs import in_chosen_form, is_json, write_error, write_stderr, write_stderr_block
from ingestify.cli.output import OutputLost, abandon_stdout, flush
from ingestify.data_stdout import giving_stdout_back
from ingestify.errors import ConfigurationError, IngestifyError, StopProcessing
from ingestify.failpoints import VARIABLE, set_from_environment
from ingestify.masking import mask_text
from ingestify.progress.audience import is_terminal
from ingestify.remedies import at_command_line

__all__ = ["app", "run_command_line"]

COMPLETION_VARIABLE = "_INGESTIFY_COMPLETE"
"""The completion scripts set it when a shell asks for completions."""

COMMANDS = {
    "run": ("ingestify.cli.run", "Bring the lake up to date."),
    "plan": ("ingestify.cli.run", "Show what a run would fetch, change and skip, and why."),
    "watch": ("ingestify.cli.watch", "Keep the lake up to date for ever."),
    "receive": ("ingestify.cli.receive", "Take what providers push."),
    "follow": ("ingestify.cli.follow", "Write what becomes of the events of a match while it is played."),
    "list": ("ingestify.cli.lake", "List the datasets in the lake."),
    "show": ("ingestify.cli.lake", "Show one dataset: its revisions and files."),
    "diff": ("ingestify.cli.diff", "Show what changed between two revisions of a dataset."),
    "log": ("ingestify.cli.diff", "List the revisions of a dataset, and what changed in each."),
    "plot": ("ingestify.cli.plot", "Draw a match, or the coverage of many, as SVG or PNG."),
    "delete": ("ingestify.cli.lake", "Remove datasets."),
    "lock": ("ingestify.cli.lock", "Write down which bytes a study uses, and see whether a lake has them."),
    "verify": ("ingestify.cli.verify", "Check that every file in the lake is what it was, and repair it."),
    "gc": ("ingestify.cli.garbage", "Remove the files that no dataset has any more."),
    "copy": ("ingestify.cli.copy", "Mirror the lake into another one."),
    "export": ("ingestify.cli.export", "Write files as the provider lays them out, or as Parquet."),
    "sql": ("ingestify.cli.sql", "Show the result of a SELECT over the tables of the lake."),
    "tables": ("ingestify.cli.tables", "Build columnar tables of the lake, for SQL and data frames."),
    "adopt": ("ingestify.cli.adopt", "Take over a lake of the published package."),
    "restored": ("ingestify.cli.restored", "Begin a new epoch after the lake was restored from a backup."),
    "quality": ("ingestify.cli.quality", "Make the checks of a run over what is in the lake now."),
    "quarantine": ("ingestify.cli.quarantine", "Show what failed its checks, and decide about it."),
    "events": ("ingestify.cli.events", "Show the event log and its readers, and move a reader."),
    "publish": ("ingestify.cli.publish", "Pass the events of the lake on to other systems."),
    "web": ("ingestify.cli.web", "Show the lake in a browser."),
    "status": ("ingestify.cli.status", "Show the last runs, and how large the lake is."),
    "coverage": ("ingestify.cli.coverage", "Show how much of each competition is in the lake."),
    "metrics": ("ingestify.cli.metrics", "Show the metrics of the lake, for Prometheus."),
    "sources": ("ingestify.cli.sources", "List the sources and what their providers have; try one out."),
    "sync-indexes": ("ingestify.cli.lake", "Make the database indexes that dataset_types asks for."),
    "init": ("ingestify.cli.project", "Write a commented config.yaml, or a package for a source of your own."),
    "config": ("ingestify.cli.project", "Check the configuration, or print its JSON schema."),
    "demo": ("ingestify.cli.demo", "See it work: a simulated season, in under 20 seconds, without network."),
    "completion": ("ingestify.cli.project", "Print a shell completion script."),
    "version": ("ingestify.cli.project", "Print the version."),
}


class _LazyGroup(click.Group):
    """A group whose commands are imported when they are called, so that --help costs no SQLAlchemy."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        if cmd_name not in COMMANDS:
            return None
        module = importlib.import_module(COMMANDS[cmd_name][0])
        command = getattr(module, f"{cmd_name.replace('-', '_')}_command")
        assert isinstance(command, click.Command)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and args[0] not in COMMANDS and not args[0].startswith("-"):
            import difflib

            close = difflib.get_close_matches(args[0], COMMANDS, n=1)
            hint = f" Did you mean '{close[0]}'?" if close else ""
            raise click.UsageError(f"There is no command '{args[0]}'.{hint}", ctx)
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in COMMANDS.items()])


@click.group(
    name="ingestify",
    cls=_LazyGroup,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="New here? Run  ingestify demo , then  ingestify init . Data goes to stdout, all else to stderr. "
    + EXIT_CODES,
)
@click.version_option(__version__, "--version", message="%(version)s")
def app() -> None:
    """Your own lake of untouched football data: versioned, validated, complete."""


def run_command_line(arguments: list[str]) -> int:
    """Run one command and return its exit code. Errors are printed to stderr, tracebacks only with --debug."""
    code = EXIT_OK
    with in_chosen_form(arguments, os.environ):
        try:
            with at_command_line(), giving_stdout_back():
                code = _run(arguments)
                flush()
        except OutputLost as lost:
            return _give_up_output(lost, code)
    return code


def _run(arguments: list[str]) -> int:
    try:
        if asked := os.environ.get(COMPLETION_VARIABLE):
            from click.shell_completion import shell_complete  # only while a shell completes

            return shell_complete(app, {}, "ingestify", COMPLETION_VARIABLE, asked)
        if set_from_environment():
            write_stderr(f"{VARIABLE} is set: this process fails at these points.")
        # Not app.main: it takes a Ctrl-C for any abort, and a reader who left for a failure.
        with app.make_context("ingestify", list(arguments)) as context:
            return app.invoke(context) or EXIT_OK
    except OutputLost:
        raise
    except BrokenPipeError as error:  # click's own output: --help, --version
        raise OutputLost(error) from error
    # The last edge: a person sees a sentence, not a traceback, and not nothing because some code called sys.exit.
    except (Exception, KeyboardInterrupt, SystemExit) as error:  # noqa: BLE001
        return _end_with(error, debug="--debug" in arguments)


def _end_with(error: BaseException, *, debug: bool) -> int:
    """Report the error that ended a command. Returns the exit code."""
    match error:
        case click.exceptions.Exit():
            return error.exit_code
        case click.exceptions.Abort():
            write_stderr("Aborted.", logging.WARNING)
            return EXIT_INTERRUPTED
        case click.ClickException():
            _say_wrong_usage(error)
            return EXIT_STOPPED
        case KeyboardInterrupt():
            if is_terminal(sys.stderr):
                write_stderr("")  # it shows ^C, and leaves the cursor behind it
            write_stderr("Interrupted.", logging.WARNING)
            return EXIT_INTERRUPTED
        case StopProcessing():
            write_stderr(f"Stopped by the source: {mask_text(str(error))}", logging.ERROR)
            return EXIT_STOPPED
    _say_error(error, debug=debug, unexpected=not isinstance(error, IngestifyError))
    return EXIT_FAILED


def _give_up_output(lost: OutputLost, code: int) -> int:
    """Return `code` if the reader closed the pipe; else report the error, and return its exit code."""
    abandon_stdout()
    if lost.reader_left:
        return code
    write_stderr(f"Error: {lost}", logging.ERROR)
    return EXIT_FAILED


_HELP_OF_A_GROUP = getattr(click.exceptions, "NoArgsIsHelpError", ())
"""The exception of click 8.2 and later for a group without a command; its text is the help."""


def _say_wrong_usage(error: click.ClickException) -> None:
    """Write the text of click's own `show`, which would not escape what was typed or is in the lake."""
    if isinstance(error, _HELP_OF_A_GROUP):
        write_stderr_block(error.format_message())
        return
    context = error.ctx if isinstance(error, click.UsageError) else None
    if context is not None:
        write_stderr_block(context.get_usage())
        write_stderr(f"Try '{context.command_path} --help' for help.")
        write_stderr("")
    write_stderr_block(f"Error: {mask_text(error.format_message())}", logging.ERROR)


def _say_error(error: BaseException, *, debug: bool, unexpected: bool = False) -> None:
    text = mask_text(str(error)) or type(error).__name__
    if isinstance(error, FileNotFoundError) and _current_folder_is_gone():
        text, unexpected = "The current folder was removed: change to another one, and try again.", False
    if unexpected:
        text = f"{type(error).__name__}: {text}"
    # Only the messages about a configuration or an expression have several lines.
    is_block = isinstance(error, ConfigurationError)
    write_error(f"Error: {text}", error, is_block=is_block, has_traceback=debug or unexpected)
    if is_json():
        return
    if debug:
        logging.getLogger("ingestify").debug("the traceback", exc_info=error)
    elif unexpected:
        write_stderr("Run it again with --debug to see where it comes from.")


def _current_folder_is_gone() -> bool:
    try:
        os.getcwd()  # noqa: PTH109 - only to see whether it raises
    except FileNotFoundError:
        return True
    return False
