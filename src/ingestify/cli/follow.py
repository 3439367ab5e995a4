"""`ingestify follow`: what becomes of the events of a match while it is played."""

from __future__ import annotations

import datetime as dt
from typing import Any

import click

from ingestify.cli.console import Console
from ingestify.cli.dataset_lookup import find_datasets
from ingestify.cli.interrupts import two_stage_interrupt
from ingestify.cli.options import Age, NamedLake, console_options, dataset_options, json_option, lake_options
from ingestify.cli.output import flush, write_json
from ingestify.documents.watching import FollowedLine, followed_line
from ingestify.errors import ConfigurationError
from ingestify.progress.formatting import counted
from ingestify.store.reading.following import POLL_SECONDS, Following

__all__ = ["follow_command"]


@click.command("follow")
@lake_options
@dataset_options
@click.option("--feed", default="events", show_default=True, metavar="NAME", help="The feed with the events.")
@click.option(
    "--after",
    metavar="REVISION|CURSOR",
    help="Go on behind this: the cursor of the last line that was taken, or the number of a revision. Default: all "
    "events that there are come first.",
)
@click.option("--forever", is_flag=True, help="Go on after the match has settled, until Ctrl-C or SIGTERM.")
@click.option("--timeout", type=Age(), metavar="TIME", help="End after so long, such as 3h.")
@click.option(
    "--poll",
    type=click.FloatRange(min=0.01),
    default=POLL_SECONDS,
    show_default=True,
    metavar="SECONDS",
    help="The time between two queries of the catalogue.",
)
@json_option("JSON Lines, which it writes without this too.", FollowedLine)
@console_options
@click.argument("dataset", metavar="ID|[PROVIDER/TYPE/]KEY=VALUE/…")
def follow_command(
    lake: NamedLake,
    filters: dict[str, Any],
    feed: str,
    after: str | None,
    forever: bool,
    timeout: dt.timedelta | None,
    poll: float,
    console: Console,
    dataset: str,
) -> None:
    """Write what becomes of the events of a match as JSON Lines: each new event once, and each correction.

    Something else fills the lake meanwhile, on this machine or another one, such as  ingestify watch . A match has
    settled half an hour after its end. docs/live.md has more.
    """
    with lake.open_store() as store:
        found = find_datasets(store, dataset, **filters)
        if len(found) > 1:
            raise ConfigurationError(
                f"'{dataset}' names {len(found):,} datasets, such as {found[0]} and {found[1]}; one is followed. Name "
                f"more of its identifier, or start one process for each."
            )
        following = Following(
            store, found[0], after=after, feed=feed, forever=forever, timeout=timeout, poll_interval=poll
        )
        count = 0
        with two_stage_interrupt("Stopping.", following.stop):
            for one in following.iterate():
                count += 1
                write_json(followed_line(one))
                flush()  # whoever reads it goes on with it at once
        console.tell(f"{found[0].name}: {counted(count, 'line')}, up to {following.cursor or 'nothing'}.")
