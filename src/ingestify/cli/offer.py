"""`ingestify sources competitions` and `sources matches`: what a provider has."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from ingestify.cli.logs import set_up_logging, write_stderr
from ingestify.cli.options import filter_arguments, lake_options, logging_options, parse_filters
from ingestify.cli.output import write_json, write_line
from ingestify.errors import LakeNotFound

if TYPE_CHECKING:
    from ingestify.engine.offer import OfferList
    from ingestify.main.place import Place

__all__ = ["competitions_command", "matches_command"]

_type_option = click.option(
    "--dataset-type", metavar="TYPE", help="Such as tracking. Default: match, or what the source's plans ingest."
)


@click.command("competitions", short_help="List the competitions and seasons of a provider.")
@lake_options
@_type_option
@click.option("--json", "as_json", is_flag=True, help="One JSON object for each.")
@logging_options
@click.argument("name", metavar="NAME")
def competitions_command(
    place: Place,
    dataset_type: str | None,
    as_json: bool,
    name: str,
    quiet: bool,
    verbose: bool,
    debug: bool,
) -> None:
    """List the competitions and seasons that a provider has. Nothing is fetched but its index, and nothing written.

    NAME is a provider that has open data, such as statsbomb, or a source of the configuration. No lake and no
    configuration are needed; where there is a lake, in_lake is how many datasets it has of each.
    """
    set_up_logging(quiet=quiet, verbose=verbose, debug=debug)
    _list("competitions", place, name, dataset_type, as_json=as_json, quiet=quiet)


@click.command("matches", short_help="List the matches of a provider.")
@lake_options
@_type_option
@click.option(
    "--all", "everything", is_flag=True, help="All that it has, also of more than 10 competitions and seasons."
)
@click.option("--json", "as_json", is_flag=True, help="One JSON object for each, with all metadata.")
@logging_options
@click.argument("name", metavar="NAME")
@filter_arguments
def matches_command(
    place: Place,
    dataset_type: str | None,
    everything: bool,
    as_json: bool,
    name: str,
    filters: tuple[str, ...],
    quiet: bool,
    verbose: bool,
    debug: bool,
) -> None:
    """List the matches that a provider has. Nothing is fetched but its indexes, and nothing written.

    NAME is a provider that has open data, such as statsbomb, or a source of the configuration. KEY=VALUE narrows them,
    such as  competition_id=43 season_id=106 . No lake and no configuration are needed; where there is a
    lake, in_lake is the state of what it has.
    """
    set_up_logging(quiet=quiet, verbose=verbose, debug=debug)
    options: dict[str, Any] = {"everything": everything, **parse_filters(filters)}
    _list("matches", place, name, dataset_type, as_json=as_json, quiet=quiet, **options)


def _list(
    what: str, place: Place, name: str, dataset_type: str | None, *, as_json: bool, quiet: bool, **asked: Any
) -> None:
    from ingestify.main import open_engine  # heavy, and `sources list` needs none of it

    with open_engine(place, disable_events=True) as engine:
        found: OfferList = getattr(engine, what)(name, dataset_type, **asked)
        try:
            engine.store.catalogue.lake.find()
        except LakeNotFound:
            found = found.without_lake()
    if as_json:
        for row in found.as_rows():
            write_json(row)
    else:
        for line in found.lines():
            write_line(line)
    if found.terms and not quiet:
        write_stderr(f"{found.provider}: {' · '.join(found.terms.values())}")
