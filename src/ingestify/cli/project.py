"""`ingestify init`, `config`, `completion` and `version`."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from pathlib import Path

import click

from ingestify._version import __version__
from ingestify.cli.console import Console
from ingestify.cli.exit_codes import EXIT_FAILED, EXIT_OK
from ingestify.cli.logs import write_stderr
from ingestify.cli.options import NamedLake, console_options, lake_options
from ingestify.cli.output import flush, write_document, write_line
from ingestify.errors import ConfigurationError
from ingestify.remedies import quoted

__all__ = ["completion_command", "config_command", "init_command", "version_command"]


@click.command("init")
@click.option("--force", is_flag=True, help="Overwrite an existing config.yaml.")
@click.option("--source", metavar="NAME", help="Write a package for a source of your own instead, such as my_provider.")
@click.argument("folder", default=".", type=click.Path(file_okay=False, path_type=Path))
def init_command(folder: Path, force: bool, source: str | None) -> None:
    """Write a commented config.yaml into FOLDER, by default the current one, and create the lake that it names.

    An existing config.yaml is not changed, but its lake is created.

    With --source, create a folder NAME with a source, a simulated provider, tests that pass, and a config.yaml.
    """
    if source is not None:
        if force:
            raise click.UsageError("--force cannot be used with --source, which overwrites nothing.")
        _write_source(source, folder)
        return
    from ingestify.config.locations import named_path
    from ingestify.config.template import config_template  # pulls in the settings

    folder = named_path(folder)
    path = folder / "config.yaml"
    if path.exists() and not force:
        made = _make_lake(path)
        if not made:
            raise ConfigurationError(f"{path} and its lake exist already; --force overwrites only the file.")
        done = f"{path} exists already, and is not changed. Created the lake in {made}."
    else:
        with _writing_to(path):
            folder.mkdir(parents=True, exist_ok=True)
            path.write_text(config_template(), encoding="utf-8")
        made = _make_lake(path)
        done = f"Wrote {path}{f' and created the lake in {made}' if made else ''}. Look it over."
    named = "" if folder.samefile(Path.cwd()) else f" --config {quoted(str(path))}"
    write_stderr(f"{done} Then run  ingestify plan{named} , and  ingestify run{named} .")


def _make_lake(config: Path) -> str:
    """Make the lake that a config file names, if it is not there. Returns where it was made, or an empty text."""
    from ingestify.main.opening import open_datastore  # heavy: everything
    from ingestify.main.place import Place

    with contextlib.closing(open_datastore(Place.of_config(config))) as store:
        return store.where if store.create() else ""


def _write_source(name: str, folder: Path) -> None:
    from ingestify.config.source_project import write_source_project  # only for this

    with _writing_to(folder / name):
        project = write_source_project(name, folder)
    write_stderr(f"Wrote {project}. Go there, run  pytest , and begin with {name}/source.py; README.md says the rest.")


@contextlib.contextmanager
def _writing_to(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise ConfigurationError(
            f"{path} cannot be written: {error.strerror or error}. Name a folder that this user may write to."
        ) from error


@click.group("config")
def config_command() -> None:
    """Check the configuration, or print its JSON schema."""


@config_command.command("check", short_help="Say what is wrong with the configuration.")
@lake_options
@click.option("--secrets", is_flag=True, help="Look up the secrets in their vaults.")
@click.option(
    "--connect", is_flag=True, help="Also open the database, the files and the sources, and say which of them respond."
)
@console_options
def check_command(lake: NamedLake, secrets: bool, connect: bool, console: Console) -> int:
    """Check the configuration and everything that it names. Nothing is fetched or written.

    Secrets in vaults are looked up only with --secrets, as that needs the network and credentials. With --connect they
    are looked up too; then the database is opened, an object is written to the files, read and removed, and each
    source sends one small request. The exit code is 1 if one of them does not respond.

    Each spelling of the published package in the file gets a line that says what it means.
    """
    from ingestify.config.reader import describe_older_spellings
    from ingestify.main.configuration import check_config  # heavy: everything

    path = lake.place.config_for("what is to be checked")
    _, found = check_config(path, secrets=secrets or connect)
    for line in describe_older_spellings(path):
        console.tell(line)
    console.tell(f"{path} is right: {found}.")
    return EXIT_OK if not connect or _tell_connections(path) else EXIT_FAILED


def _tell_connections(path: Path) -> bool:
    """Say of each thing that the configuration names whether it answers. Returns whether all of them do."""
    from ingestify.main.connections import iter_connections  # heavy: everything

    are_ok = True
    for one in iter_connections(path):
        are_ok &= one.is_ok
        write_line(f"{one.what}: {one.answer if one.is_ok else f'wrong: {one.answer}'}")
        flush()
    return are_ok


@config_command.command("schema", short_help="Print the JSON schema of config.yaml.")
def schema_command() -> None:
    """Print the JSON schema of config.yaml, for editors that complete and check YAML."""
    from ingestify.config.schema import settings_schema  # heavy: pydantic

    write_document(json.dumps(settings_schema(), indent=2))


@click.command("completion")
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def completion_command(shell: str) -> None:
    """Print a completion script. For bash:  eval "$(ingestify completion bash)"  in ~/.bashrc."""
    from click.shell_completion import get_completion_class

    from ingestify.cli.app import COMPLETION_VARIABLE, app

    found = get_completion_class(shell)
    assert found is not None, "click knows the three shells"
    write_document(found(app, {}, "ingestify", COMPLETION_VARIABLE).source())


@click.command("version")
def version_command() -> None:
    """Print the version."""
    write_line(__version__)
