"""`ingestify sources`: lists the sources, and describes one."""

from __future__ import annotations

import shutil
import textwrap
from collections.abc import Sequence
from pathlib import Path

import click

from ingestify.cli.console import Console
from ingestify.cli.logs import write_stderr
from ingestify.cli.offer import competitions_command, matches_command
from ingestify.cli.options import console_options, json_option, source_argument
from ingestify.cli.output import write_json, write_line
from ingestify.cli.source_check import check_command
from ingestify.config.ownership import check_found_folder
from ingestify.data_stdout import stdout
from ingestify.documents.sources import SourceDocument, source_document
from ingestify.errors import ConfigurationError
from ingestify.sources.description import (
    SourceDescription,
    SourceOption,
    describe_loaders,
    describe_source,
    get_schema,
    source_types,
)
from ingestify.sources.own_modules import make_importable

__all__ = ["sources_command"]

WIDTH = 100


@click.group("sources")
def sources_command() -> None:
    """List the built-in and installed sources, describe one, list what its provider has, and try one out."""


sources_command.add_command(check_command)
sources_command.add_command(competitions_command)
sources_command.add_command(matches_command)


@sources_command.command("list", short_help="List the sources, their providers and licences.")
@json_option("One JSON object for each source.", SourceDocument)
@console_options
def list_command(console: Console) -> None:
    """List the values of a source's `type:`, with the provider, a summary and the licence.

    After them come the values of a source's `loader:`, with the feeds of their datasets.
    """
    descriptions = []
    for name in source_types():
        try:
            descriptions.append(describe_source(name))
        except ConfigurationError as error:
            write_stderr(f"{name}: {error}")  # of an installed package; the others are listed
    if console.as_json:
        for one in descriptions:
            write_json(source_document(one))
        return
    if stdout().isatty():
        for one in descriptions:
            write_line(one.type)
            licence = f" Licence: {one.licence}." if one.licence else ""
            _write_wrapped(f"{one.summary or '-'}{licence}", "    ")
        for loader in describe_loaders():
            write_line(f"loader: {loader.name}, {loader.dataset_type}")
            _write_wrapped(loader.feeds_text, "    ")
        return
    rows = [("TYPE", "PROVIDER", "WHAT", "LICENCE")]
    rows += [(one.type, one.provider or "-", one.summary or "-", one.licence or "-") for one in descriptions]
    _write_table(rows)
    write_line("")
    _write_table(
        [
            ("LOADER", "DATASET TYPE", "FEEDS"),
            *((one.name, one.dataset_type, one.feeds_text) for one in describe_loaders()),
        ]
    )


def _write_table(rows: Sequence[tuple[str, ...]]) -> None:
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]) - 1)]
    for row in rows:
        write_line("  ".join([*(cell.ljust(width) for cell, width in zip(row, widths, strict=False)), row[-1]]))


@sources_command.command("describe", short_help="Show the options, feeds and licence of a source.")
@json_option("As JSON.", SourceDocument)
@click.option("--schema", is_flag=True, help="The JSON schema of its configuration, for editors.")
@console_options
@source_argument
def describe_command(schema: bool, name: str, console: Console) -> None:
    """Describe one source: its options, dataset types and feeds, licence, hosts, and how it sees a change.

    NAME is a value of `type:`, such as ingestify.wyscout_github or a dotted path, or a provider that has open data.
    """
    _find_own_sources(name)
    if schema:
        write_json(get_schema(name))
        return
    console.show(describe_source(name), source_document, _show)


def _find_own_sources(name: str) -> None:
    """Make the current folder importable for a dotted path, as users' own sources are there."""
    if "." in name and not name.startswith("ingestify."):
        check_found_folder(Path.cwd(), name)
        make_importable(str(Path.cwd()))


def _show(description: SourceDescription) -> None:
    write_line(description.type)
    for paragraph in description.text.split("\n\n"):
        write_line("")
        _write_wrapped(" ".join(paragraph.split()))
    write_line("")
    for title, text in (
        ("provider", description.provider),
        ("open data", f'use_open_data with provider="{description.provider}"' if description.open_data else ""),
        ("licence", description.licence),
        ("attribution", description.attribution),
        ("hosts", ", ".join(description.hosts)),
        ("redirects to", ", ".join(description.redirect_hosts)),
        ("a change is seen by", description.change_signal),
        ("at most", f"{description.max_concurrency} requests at once" if description.max_concurrency else ""),
        (
            "not more than",
            f"{description.requests_per_second:g} requests a second" if description.requests_per_second else "",
        ),
    ):
        if text:
            _write_wrapped(text, f"{title}: ".ljust(22))
    _show_dataset_types(description)
    _show_options(description)
    if description.loaders:
        write_line("")
        write_line("loader can be")
        for one in description.loaders:
            _write_wrapped(one.feeds_text, f"  {one.name}, {one.dataset_type}: ".ljust(30))


def _show_dataset_types(description: SourceDescription) -> None:
    if not description.dataset_types:
        return
    write_line("")
    write_line("dataset types and feeds")
    for one in description.dataset_types:
        feeds = [*one["requires"], *(f"{feed} (optional)" for feed in one["optional"])]
        _write_wrapped(", ".join(feeds), f"  {one['dataset_type']}: ".ljust(22))
        if one["identifier_keys"]:
            _write_wrapped(f"identified by {', '.join(one['identifier_keys'])}", " " * 22)


def _show_options(description: SourceDescription) -> None:
    write_line("")
    write_line("configuration")
    for option in description.options:
        write_line(f"  {option.name}: {_kind_text(option)}")
        if option.text:
            _write_wrapped(option.text, "      ")
    if description.takes_any_option:
        write_line("  and any other option")
    elif not description.options:
        write_line("  none")


def _kind_text(option: SourceOption) -> str:
    kind = option.kind or "anything"
    return f"{kind}, required" if option.default is None else f"{kind}, default {option.default}"


def _write_wrapped(text: str, indent: str = "") -> None:
    for line in textwrap.wrap(
        text,
        min(WIDTH, shutil.get_terminal_size((WIDTH, 24)).columns),
        initial_indent=indent,
        subsequent_indent=" " * len(indent),
        break_long_words=False,
        break_on_hyphens=False,
    ):
        write_line(line)
