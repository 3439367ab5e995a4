"""`ingestify sources competitions` and `sources matches`: what a provider has."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from ingestify.cli.console import Console
from ingestify.cli.options import (
    NamedLake,
    console_options,
    filter_arguments,
    json_option,
    lake_options,
    source_argument,
)
from ingestify.cli.output import write_json, write_line
from ingestify.errors import LakeNotFound

if TYPE_CHECKING:
    from ingestify.engine.offer import OfferList

__all__ = ["competitions_command", "matches_command"]

_type_option = click.option(
    "--dataset-type", metavar="TYPE", help="Such as tracking. Default: match, or what the source's plans ingest."
)


@click.command("competitions", short_help="List the competitions and seasons of a provider.")
@lake_options
@_type_option
@json_option("One JSON object for each.")
@console_options
@source_argument
def competitions_command(lake: NamedLake, dataset_type: str | None, name: str, console: Console) -> None:
    """List the competitions and seasons that a provider has. Nothing is fetched but its index, and nothing written.

    NAME is a provider that has open data, such as statsbomb, or a source of the configuration. No lake and no
    configuration are needed; where there is a lake, in_lake is how many datasets it has of each.
    """
    _list("competitions", lake, console, name, dataset_type)


@click.command("matches", short_help="List the matches of a provider.")
@lake_options
@_type_option
@click.option(
    "--all", "everything", is_flag=True, help="All that it has, also of more than 10 competitions and seasons."
)
@json_option("One JSON object for each, with all metadata.")
@console_options
@source_argument
@filter_arguments()
def matches_command(
    lake: NamedLake,
    dataset_type: str | None,
    everything: bool,
    name: str,
    filters: dict[str, Any],
    console: Console,
) -> None:
    """List the matches that a provider has. Nothing is fetched but its indexes, and nothing written.

    NAME is a provider that has open data, such as statsbomb, or a source of the configuration. KEY=VALUE narrows them,
    such as  competition_id=43 season_id=106 . No lake and no configuration are needed; where there is a
    lake, in_lake is the state of what it has.
    """
    _list("matches", lake, console, name, dataset_type, everything=everything, **filters)


def _list(what: str, lake: NamedLake, console: Console, name: str, dataset_type: str | None, **asked: Any) -> None:
    with lake.open_engine(disable_events=True) as engine:
        found: OfferList = getattr(engine, what)(name, dataset_type, **asked)
        try:
            engine.store.catalogue.lake.find()
        except LakeNotFound:
            found = found.without_lake()
    if console.as_json:
        for row in found.as_rows():
            write_json(row)
    else:
        for line in found.lines():
            write_line(line)
    console.tell_terms(found.provider, found.terms)
