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
    """List the competitions and seasons of a provider. It only reads the provider's index, and writes nothing.

    NAME is a provider with open data, such as statsbomb, or a source of the configuration. A lake and a configuration
    are not needed; if there is a lake, in_lake is the number of its datasets.
    """
    _list("competitions", lake, console, name, dataset_type)


@click.command("matches", short_help="List the matches of a provider.")
@lake_options
@_type_option
@click.option(
    "--all", "everything", is_flag=True, help="List everything, even for more than 10 competitions and seasons."
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
    """List the matches of a provider. It only reads the provider's indexes, and writes nothing.

    NAME is a provider with open data, such as statsbomb, or a source of the configuration. KEY=VALUE narrows the list,
    such as  competition_id=43 season_id=106 . A lake and a configuration are not needed; if there is a lake, in_lake is
    the state of the dataset in it.
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
