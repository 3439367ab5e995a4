"""`ingestify plot`: a picture of a match, or of what there is of many, as SVG or PNG."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from ingestify.cli.console import Console
from ingestify.cli.dataset_lookup import find_datasets
from ingestify.cli.options import NamedLake, console_options, dataset_options, lake_options
from ingestify.cli.output import write_line
from ingestify.domain.coverage import coverage_of
from ingestify.domain.dataset import PICTURES, Dataset
from ingestify.domain.wording import counted_datasets
from ingestify.pictures.picture import Picture, check_name

__all__ = ["plot_command"]

_SHOWN = 5


@click.command("plot")
@lake_options
@dataset_options
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    metavar="FILE",
    required=True,
    help="The file to write: its name ends with .svg or .png. PNG needs the extra plot.",
)
@click.option("--shot", metavar="ID", help="Of frame: the provider's id of the shot. Default: the best chance.")
@click.option("--frame", type=click.IntRange(min=0), default=0, metavar="N", help="Of tracking data: which frame.")
@click.option("--dark", is_flag=True, help="Light on dark.")
@console_options
@click.argument("dataset", metavar="ID|[PROVIDER/TYPE/]KEY=VALUE/…")
@click.argument("kind", metavar="[KIND]", type=click.Choice([*PICTURES, "coverage"]), default="shots")
def plot_command(
    lake: NamedLake,
    filters: dict[str, Any],
    output: Path,
    shot: str | None,
    frame: int,
    dark: bool,
    dataset: str,
    kind: str,
    console: Console,
) -> None:
    """Draw a match: its shots, the xG race, the freeze frame of a shot, or the line-ups.

    KIND is  shots  (the default),  xg ,  frame ,  lineups  or  coverage , which is how much of each feed there is of
    all the datasets that KEY=VALUE names. Of tracking data there is  frame . Nothing is fetched. Matches that are not
    StatsBomb's need the extra kloppy.
    """
    check_name(output)
    if shot is not None and kind != "frame":
        raise click.UsageError(
            f"--shot names the shot of a frame, and this is a picture of {kind}: write  frame  behind the dataset."
        )
    with lake.open_store() as store:
        found = find_datasets(store, dataset, **filters)
        drawn = coverage_of(found) if kind == "coverage" else _draw(found, kind, shot, frame)
    drawn.save(output, theme="dark" if dark else "light")
    if not console.quiet:
        write_line(f"{output}: {drawn.alt}")


def _draw(found: Sequence[Dataset], kind: str, shot: str | None, frame: int) -> Picture:
    if len(found) > 1:
        some = ", ".join(map(str, found[:_SHOWN])) + (", …" if len(found) > _SHOWN else "")
        of_them = counted_datasets({one.dataset_type for one in found}, len(found))
        raise click.UsageError(f"A picture of {kind} is of one dataset, and these are {of_them}: {some}.")
    return found[0].plot(kind, shot=shot, frame=frame)
