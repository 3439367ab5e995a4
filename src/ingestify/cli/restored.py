"""`ingestify restored`: begins a new epoch of a lake that was restored from a backup."""

from __future__ import annotations

import click

from ingestify.cli.confirmation import confirm, yes_option
from ingestify.cli.console import Console
from ingestify.cli.options import NamedLake, console_options, lake_options
from ingestify.errors import LakeIdentityError
from ingestify.remedies import remedy

__all__ = ["restored_command"]


@click.command("restored")
@lake_options
@click.option("--new-id", is_flag=True, help="The lake is a copy with its files: give it an id of its own.")
@yes_option
@console_options
def restored_command(lake: NamedLake, new_id: bool, yes: bool, console: Console) -> None:
    """Begin a new epoch of the lake, after its catalogue or its files were restored from a backup.

    From then on these files refuse any other catalogue of the lake. It asks first; without a terminal it needs --yes.
    For a day gc removes nothing, so that a mistake can be corrected with the right catalogue.
    """
    with lake.open_store() as store:
        mark = store.identity.read_mark()
        found = [
            f"the catalogue {store.catalogue.where}: {store.catalogue.lake.find()}",
            f"the storage: {mark or 'of no lake yet'}",
        ]
        try:
            store.identity.check()
            found.append("they belong together already")
        except LakeIdentityError as problem:
            found.append(str(problem))
        confirm("Begin a new epoch with this catalogue and this storage?", found, yes=yes)
        begun = store.identity.restore(new_id=new_id)
    console.tell(
        f"This is {begun} now. {remedy('verify --repair')} restores files that the storage has lost; the next run "
        f"fetches what the catalogue has lost."
    )
